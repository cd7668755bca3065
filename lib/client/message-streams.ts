// The two streams of an open WebSocketStream, over a session: one message is one chunk, and whatever ends one of them ends the connection.

import { Deferred, markHandled } from '../connection/deferred.ts';
import type { Message } from '../message/message.ts';
import { streams } from '../stream/streams.ts';
import { copyBufferSource, toUsvString } from './web-idl.ts';
import { type CheckedCloseInfo, closeInfoOf, createWebSocketError, type WebSocketError } from './web-socket-error.ts';

/** What is written: bytes make a binary message, all else a text. */
export type WebSocketStreamChunk = string | ArrayBuffer | ArrayBufferView;

/** What the peer's close frame says. */
export interface ReceivedCloseInfo {
  /** 1005 when the frame is empty. */
  readonly closeCode: number;
  /** Up to 123 bytes of UTF-8; '' without one. */
  readonly reason: string;
}

/** How a session ended. */
export interface MessageSessionEnd {
  /** Whether a close frame was sent and received, and the connection closed then. */
  readonly wasClean: boolean;
  readonly closeCode: number;
  readonly reason: string;
  readonly error: unknown;
}

/** What the streams need of whoever sends and receives whole messages: a session of the engine, or what a platform has. */
export interface MessageSession {
  /** The messages. It gives what has come before it ends. */
  readonly readable: ReadableStream<Message>;
  /** Fulfils when the peer's close frame has come, before `closed`; with undefined when the connection has ended without one. */
  readonly closeReceived: Promise<object | undefined>;
  /** Never rejects. */
  readonly closed: Promise<MessageSessionEnd>;
  /** Fulfils when there is room for more. */
  send(message: string | Uint8Array): Promise<void>;
  /** Starts the closing handshake behind what was sent. With null the close frame is empty. */
  close(closeCode?: number | null, reason?: string): unknown;
}

export class MessageStreams {
  readonly readable: ReadableStream<Message>;
  readonly writable: WritableStream<WebSocketStreamChunk>;
  readonly #session: MessageSession;
  readonly #reader: ReadableStreamDefaultReader<Message>;
  readonly #closed = new Deferred<ReceivedCloseInfo>();
  // Fulfils when the connection has ended: with the error, unless that was clean.
  readonly #ended = new Deferred<WebSocketError | undefined>();
  #readableController!: ReadableStreamDefaultController<Message>;
  #writableController!: WritableStreamDefaultController;
  #isCancelled = false;
  #isClosing = false;
  #isWritableClosing = false;
  // The write under way: the peer reads too slowly for it to have room. One that was refused is still being sent.
  #isSending = false;
  #refuseWrite: ((reason: unknown) => void) | undefined;
  #hasUnsent = false;
  #writableError: unknown;

  constructor(session: MessageSession) {
    this.#session = session;
    this.#reader = session.readable.getReader();
    markHandled(this.#reader.closed);
    const { ReadableStream, WritableStream } = streams();
    // The Streams Standard's defaults: one message is fetched before anybody asks for it, one may wait to be written.
    this.readable = new ReadableStream<Message>(
      {
        start: (controller) => {
          this.#readableController = controller;
        },
        pull: () => this.#pull(),
        cancel: (reason) => this.#cancel(reason),
      },
      { highWaterMark: 1 },
    );
    this.writable = new WritableStream<WebSocketStreamChunk>(
      {
        start: (controller) => {
          this.#writableController = controller;
          // At once: `abort` of the sink would be called only after a write that is held up has settled.
          controller.signal.addEventListener('abort', () => this.#abort(controller.signal.reason));
        },
        write: (chunk) => this.#write(chunk),
        close: () => this.#closeWritable(),
      },
      { highWaterMark: 1 },
    );
    void session.closeReceived.then((status) => {
      if (status !== undefined) this.#closeReceived();
    });
    void session.closed.then((info) => this.#connectionEnded(info));
  }

  /** Fulfils with what the peer's close frame says when the connection was closed cleanly; rejects with the WebSocketError that both streams have too when it was not. */
  get closed(): Promise<ReceivedCloseInfo> {
    return this.#closed.promise;
  }

  /** Starts the closing handshake, behind all that was written. Does nothing when either side has begun to close. */
  close({ closeCode, reason }: CheckedCloseInfo): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    void this.#session.close(closeCode ?? null, reason);
    // As the draft has it: what comes from now on is given to nobody. So the peer's close frame is found, though nobody reads what stands before it.
    this.#discard();
  }

  // --- Receiving -----------------------------------------------------------------------------------------------------

  async #pull(): Promise<void> {
    const message = await this.#next();
    if (this.#isCancelled) return;
    if (message !== undefined) return this.#readableController.enqueue(message);
    const error = await this.#ended.promise;
    if (this.#isCancelled) return;
    if (error === undefined) this.#readableController.close();
    else this.#readableController.error(error);
  }

  async #next(): Promise<Message | undefined> {
    try {
      const { value } = await this.#reader.read();
      return value === undefined || typeof value === 'string' ? value : toOwnBytes(value);
    } catch {
      // What the connection has failed with, all before that having been read.
      return undefined;
    }
  }

  #cancel(reason: unknown): void {
    this.#isCancelled = true;
    this.close(closeInfoOf(reason));
    // Messages may be left that came before the peer's close frame.
    this.#discard();
  }

  #discard(): void {
    // It rejects with what the connection has failed with.
    markHandled(this.#reader.cancel());
  }

  // --- Sending -------------------------------------------------------------------------------------------------------

  #write(chunk: unknown): Promise<void> | undefined {
    const message = typeof chunk === 'string' ? chunk : (copyBufferSource(chunk) ?? toUsvString(chunk));
    // As the draft has it: what is written behind our close is dropped.
    if (this.#isClosing) return undefined;
    this.#isSending = true;
    return new Promise((resolve, reject) => {
      this.#refuseWrite = (reason) => {
        this.#refuseWrite = undefined;
        reject(reason);
      };
      const sent = (): void => {
        this.#isSending = false;
        this.#refuseWrite = undefined;
        resolve();
      };
      // It fails when the connection ends: then the write is refused with the error of that.
      this.#session.send(message).then(sent, () => {});
    });
  }

  async #closeWritable(): Promise<void> {
    this.#isWritableClosing = true;
    this.close(closeInfoOf(undefined));
    const error = await this.#ended.promise;
    if (error !== undefined) throw error;
  }

  #abort(reason: unknown): void {
    this.close(closeInfoOf(reason));
    this.#refuseWrite?.(reason);
  }

  // --- The end -------------------------------------------------------------------------------------------------------

  // It is answered at once, behind what was written. A write that has no room yet is not known to be sent: then the close is not clean, whatever comes of it.
  #closeReceived(): void {
    if (!this.#isClosing) void this.#session.close();
    this.#isClosing = true;
    this.#hasUnsent = this.#isSending;
    this.#failWritable(createClosedError());
  }

  #failWritable(error: unknown): void {
    this.#writableError ??= error;
    this.#refuseWrite?.(this.#writableError);
    if (!this.#isWritableClosing) this.#writableController.error(this.#writableError);
  }

  #connectionEnded({ wasClean, closeCode, reason, error: cause }: MessageSessionEnd): void {
    const isClean = wasClean && !this.#hasUnsent;
    const text = 'The connection was not closed cleanly';
    const error = isClean ? undefined : createWebSocketError(text, closeCode, reason, cause);
    this.#isClosing = true;
    this.#failWritable(error ?? createClosedError());
    if (error === undefined) this.#closed.resolve({ closeCode, reason });
    else this.#closed.reject(error);
    this.#ended.resolve(error);
  }
}

function createClosedError(): DOMException {
  return new DOMException('The connection is closed', 'InvalidStateError');
}

// The engine gives views of what it has read. A page may send on the buffer of a chunk, or read all of it.
function toOwnBytes(bytes: Uint8Array): Uint8Array {
  return bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice();
}
