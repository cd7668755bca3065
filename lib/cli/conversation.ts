// One connection between standard input and standard output, to its end.

import type { CloseInfo } from '../connection/close-info.ts';
import { MillraceError } from '../error.ts';
import type { Session } from '../job/session.ts';
import type { Message } from '../message/message.ts';
import type { ConnectArguments } from './connect-arguments.ts';
import { describeError } from './describe-error.ts';
import { ExitCode, hasFailed, toExitCode } from './exit-code.ts';
import type { Input } from './input.ts';
import { InputError } from './line-splitter.ts';
import type { Notices } from './notices.ts';
import { RoundTrips } from './round-trips.ts';

export interface ConversationParts {
  readonly session: Session;
  readonly input: Input;
  /** Writes a message; fulfils when there is room for more. */
  readonly print: (message: Message) => Promise<void>;
  readonly notices: Notices;
  /** Fulfils after so many milliseconds; rejects when the signal is aborted. */
  readonly delay: (milliseconds: number, signal: AbortSignal) => Promise<unknown>;
  readonly options: Pick<ConnectArguments, 'wait' | 'pingInterval' | 'closeCode' | 'closeReason'>;
}

export class Conversation {
  readonly #parts: ConversationParts;
  readonly #roundTrips = new RoundTrips();
  #isOver = false;
  #hasFailed = false;
  #isUnread = false;

  constructor(parts: ConversationParts) {
    this.#parts = parts;
  }

  /** Fulfils with the exit code when the connection has ended. Never rejects. */
  async run(): Promise<number> {
    const { session, input, options } = this.#parts;
    void this.#send();
    if (options.pingInterval !== undefined) void this.#ping(options.pingInterval);
    await this.#receive();
    const info = await session.closed;
    this.#isOver = true;
    input.stop();
    return this.#tell(info);
  }

  /** Nobody reads what is written. That is no failure, unless an error says so. */
  outputEnded(error: Error | undefined): void {
    if (this.#isOver) return;
    if (error === undefined) this.#isUnread = true;
    else this.#fail(`cannot write to standard output: ${describeError(error)}`);
    this.#parts.session.job.cancel(error);
  }

  // Never rejects. How the connection ended is told by its end.
  async #send(): Promise<void> {
    const { session, input, options } = this.#parts;
    try {
      for await (const message of input) await session.send(message);
      await session.flush();
      await this.#wait(options.wait);
      await session.close(options.closeCode, options.closeReason);
    } catch (error) {
      if (this.#isOver || !(error instanceof InputError)) return;
      this.#fail(error.message);
      // RFC 6455 §7.4.1: 1011 tells of "an unexpected condition".
      await session.close(1011);
    }
  }

  async #wait(milliseconds: number): Promise<void> {
    const { session, delay } = this.#parts;
    if (milliseconds === Number.POSITIVE_INFINITY) await session.closed;
    else if (milliseconds > 0) await delay(milliseconds, session.signal);
  }

  async #receive(): Promise<void> {
    const { session, print } = this.#parts;
    try {
      for await (const message of session) await print(message);
    } catch {
      // The connection was lost behind the last message.
    }
  }

  async #ping(interval: number): Promise<void> {
    const { session, notices, delay } = this.#parts;
    try {
      for (;;) {
        notices.note(this.#roundTrips.add(await session.ping()));
        await delay(interval, session.signal);
      }
    } catch {
      // The connection is closing.
    }
  }

  #fail(text: string): void {
    this.#hasFailed = true;
    this.#parts.notices.error(text);
  }

  #tell(info: CloseInfo): number {
    const { notices } = this.#parts;
    const summary = this.#roundTrips.summary();
    if (summary !== undefined) notices.note(summary);
    if (this.#isUnread) return ExitCode.CLOSED;
    if (this.#hasFailed) return ExitCode.FAILED;
    if (hasFailed(info)) this.#fail(describeFailure(info));
    else notices.note(describeClose(info));
    return toExitCode(info);
  }
}

function describeClose({ closeCode, reason, initiator }: CloseInfo): string {
  const code = closeCode === 1005 ? 'out a code' : ` ${closeCode}`;
  const why = reason === '' ? '' : `: ${reason}`;
  return `closed ${initiator === 'remote' ? 'by the peer ' : ''}with${code}${why}`;
}

function describeFailure({ error, received }: CloseInfo): string {
  if (codeOf(error) === 'ERR_WS_CANCELLED') return 'stopped, and the peer has not answered the close frame';
  const text = error === undefined ? 'The connection was lost' : describeError(error);
  const isTooLong = /^ERR_WS_(FRAME|MESSAGE)_TOO_LONG$/.test(codeOf(error));
  const hint = isTooLong ? '; --max-message-size allows more' : '';
  return `${text}${hint}${received === undefined ? '' : ` (the peer closed with ${received.closeCode})`}`;
}

function codeOf(error: Error | undefined): string {
  return error instanceof MillraceError ? error.code : '';
}
