// A session's writable: a WritableStream over `send` and `close`, made when it is first asked for.

import { type MessageSource, toMessage } from '../message/message.ts';
import { streams } from '../stream/streams.ts';
import type { Connection } from './connection.ts';
import type { Scheduler } from './context.ts';

export class SessionWritable {
  readonly #connection: Connection;
  readonly #scheduler: Scheduler;
  #stream: WritableStream<MessageSource> | undefined;
  #controller: WritableStreamDefaultController | undefined;
  #isClosing = false;

  constructor(connection: Connection, scheduler: Scheduler) {
    this.#connection = connection;
    this.#scheduler = scheduler;
  }

  /** Whether somebody holds the stream and may still write to it. */
  get isInUse(): boolean {
    return this.#stream?.locked === true && !this.#isClosing;
  }

  get stream(): WritableStream<MessageSource> {
    if (this.#stream === undefined) {
      const { WritableStream } = streams();
      this.#stream = new WritableStream<MessageSource>({
        start: (controller) => {
          this.#controller = controller;
          // At once: `abort` of the sink would be called only after a write that is held up has settled.
          controller.signal.addEventListener('abort', () => this.#abort(controller.signal.reason));
        },
        write: (message) => this.#write(message),
        close: () => this.#close(),
      });
      if (this.#connection.info !== undefined) this.connectionEnded();
    }
    return this.#stream;
  }

  /**
   * The connection has ended: the stream is errored, unless it is being closed. A turn later: a pipe whose source has just closed must have the time to
   * close this stream, or it would reject although all went well.
   */
  connectionEnded(): void {
    if (this.#stream === undefined) return;
    this.#scheduler.schedule(() => {
      if (!this.#isClosing) this.#controller?.error(this.#connection.closedError);
    });
  }

  #write(message: MessageSource): Promise<void> | undefined {
    if (this.#connection.info !== undefined) throw this.#connection.closedError;
    try {
      return this.#connection.send(toMessage(message));
    } catch (error) {
      // Not a wrong message, but the end of the connection.
      throw error instanceof TypeError ? error : this.#connection.closedError;
    }
  }

  async #close(): Promise<void> {
    this.#isClosing = true;
    const { endpoint } = this.#connection;
    this.#connection.close(endpoint.state === 'close-received' ? undefined : 1000);
    const { wasClean } = await this.#connection.closed;
    if (!wasClean) throw this.#connection.closedError;
  }

  #abort(reason: unknown): void {
    this.#isClosing = true;
    this.#connection.close(1011, '', reason instanceof Error ? reason : undefined);
  }
}
