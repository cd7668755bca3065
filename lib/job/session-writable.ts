// A session's writable: a WritableStream over `send` and `close`, made when it is first asked for.

import type { Connection } from '../connection/connection.ts';
import type { Scheduler } from '../connection/context.ts';
import { DONE } from '../connection/deferred.ts';
import type { Sendable } from '../connection/sendable.ts';
import { ConnectionError, LocalProtocolError } from '../error.ts';
import { streams } from '../stream/streams.ts';

const TEXT = 'The writable of the session was aborted';

/** A connection of messages or of frames. */
type AnyConnection = Pick<Connection, 'send' | 'record' | 'ending' | 'endpoint'>;

export class SessionWritable<O> {
  readonly #connection: AnyConnection;
  readonly #scheduler: Scheduler;
  #stream: WritableStream<O> | undefined;
  #controller: WritableStreamDefaultController | undefined;
  #isClosing = false;
  #isAborted = false;

  constructor(connection: AnyConnection, scheduler: Scheduler) {
    this.#connection = connection;
    this.#scheduler = scheduler;
  }

  /** Whether somebody holds the stream and may still write to it. */
  get isInUse(): boolean {
    return this.#stream?.locked === true && !this.#isClosing;
  }

  get stream(): WritableStream<O> {
    if (this.#stream === undefined) {
      const { WritableStream } = streams();
      this.#stream = new WritableStream<O>(new SessionWritable.#Sink(this as SessionWritable<unknown>));
      if (this.#connection.record.info !== undefined) this.connectionEnded();
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
      if (!this.#isClosing) this.#controller?.error(this.#connection.record.closedError);
    });
  }

  // An object with methods: a stream would hold a closure for each.
  static readonly #Sink = class implements UnderlyingSink<unknown> {
    readonly #writable: SessionWritable<unknown>;
    #isListening = false;

    constructor(writable: SessionWritable<unknown>) {
      this.#writable = writable;
    }

    start(controller: WritableStreamDefaultController): void {
      this.#writable.#controller = controller;
    }

    write(message: unknown, controller: WritableStreamDefaultController): Promise<void> | undefined {
      if (!this.#isListening) this.#listen(controller.signal);
      return this.#writable.#write(message);
    }

    close(): Promise<void> {
      return this.#writable.#close();
    }

    abort(reason: unknown): void {
      this.#writable.#abort(reason);
    }

    // Who aborts is not to wait for a write that is held up, as `abort` does: from the first write on its signal tells it.
    #listen(signal: AbortSignal): void {
      this.#isListening = true;
      signal.addEventListener('abort', () => this.#writable.#abort(signal.reason));
    }
  };

  #write(message: O): Promise<void> | undefined {
    if (this.#connection.record.info !== undefined) throw this.#connection.record.closedError;
    try {
      const sent = this.#connection.send(message as Sendable);
      // A stream waits for a promise, fulfilled or not.
      return sent === DONE ? undefined : sent;
    } catch (error) {
      // The end of the connection, or a wrong message.
      throw isClosed(error) ? this.#connection.record.closedError : error;
    }
  }

  async #close(): Promise<void> {
    this.#isClosing = true;
    const { endpoint } = this.#connection;
    this.#connection.ending.close(endpoint.state === 'close-received' ? undefined : 1000);
    const { wasClean } = await this.#connection.record.closed;
    if (!wasClean) throw this.#connection.record.closedError;
  }

  #abort(reason: unknown): void {
    if (this.#isAborted) return;
    this.#isAborted = true;
    this.#isClosing = true;
    const error = reason instanceof Error ? reason : new ConnectionError('ERR_WS_CANCELLED', TEXT, { cause: reason });
    this.#connection.ending.close(1011, '', error);
  }
}

// Another local error (a full queue, under the policy to fail) is the writer's to see.
function isClosed(error: unknown): boolean {
  return error instanceof LocalProtocolError && error.code === 'ERR_WS_CLOSED';
}
