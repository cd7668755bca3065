// The three streams of a process as one place to talk at: a terminal with a prompt, or pipes and files.

import type { Readable, Writable } from 'node:stream';
import type { Message } from '../message/message.ts';
import { createPaint, type Paint } from './colours.ts';
import type { ConnectArguments } from './connect-arguments.ts';
import { type Input, readInput } from './input.ts';
import { formatMessage, type MessageFormat } from './message-format.ts';
import { Notices } from './notices.ts';
import { Output, type OutputOwner } from './output.ts';
import { Prompt } from './prompt.ts';

/** What `process` has of them. */
export interface ProcessStreams {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: Writable & { readonly isTTY?: boolean };
  readonly stderr: Writable & { readonly isTTY?: boolean };
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface StandardStreamsOwner extends OutputOwner {
  /** Ctrl-C was typed at the prompt. */
  interrupted(): void;
}

export class StandardStreams {
  readonly input: Input;
  readonly notices: Notices;
  readonly #output: Output;
  readonly #prompt: Prompt | undefined;
  readonly #format: MessageFormat;

  constructor(
    { stdin, stdout, stderr, env }: ProcessStreams,
    { isBinary, isQuiet, maxMessageSize }: Pick<ConnectArguments, 'isBinary' | 'isQuiet' | 'maxMessageSize'>,
    owner: StandardStreamsOwner,
  ) {
    const [asks, isTerminal] = [stdin.isTTY === true && !isBinary, stdout.isTTY === true];
    // What is typed and what is printed share a terminal: then nothing of it waits.
    this.#output = new Output(stdout, owner, !isTerminal);
    if (asks && isTerminal) {
      this.#prompt = new Prompt({ input: stdin, output: stdout, interrupted: () => owner.interrupted() });
    }
    this.input = this.#prompt ?? readInput(stdin, { isBinary, maxLength: maxMessageSize });
    const paintFor = ({ isTTY = false }: { readonly isTTY?: boolean }): Paint =>
      createPaint({ isTerminal: isTTY, environment: env });
    this.#format = { isTerminal, isBinary, paint: paintFor(stdout) };
    // Lines of both kinds on one terminal stay in their order.
    const errors = this.#prompt !== undefined && stderr.isTTY ? stdout : stderr;
    const write = (line: string): void => this.#aside(() => errors.write(`${line}\n`));
    this.notices = new Notices({ write, paint: paintFor(stderr), isQuiet });
  }

  /** Writes a message; fulfils when there is room for more. */
  print(message: Message): Promise<void> {
    let written = Promise.resolve();
    this.#aside(() => {
      written = this.#output.write(formatMessage(message, this.#format));
    });
    return written;
  }

  /** No more messages are written: who waits goes on. */
  abandon(): void {
    this.#output.abandon();
  }

  #aside(write: () => void): void {
    if (this.#prompt === undefined) write();
    else this.#prompt.aside(write);
  }
}
