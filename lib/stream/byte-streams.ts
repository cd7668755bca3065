// A transport as a pair of WHATWG byte streams: what an adapter hands to the user. Handed on to `upgrade` untouched, the engine uses
// the transport underneath directly.

import { streams } from './streams.ts';
import { type ByteStreams, registerByteStreams, type Transport, type TransportReceiver } from './transport.ts';

/** Makes the pair. Reading begins with the first read; nothing is read ahead of it. */
export function toByteStreams(transport: Transport): ByteStreams {
  const bridge = new Bridge(transport);
  const { ReadableStream, WritableStream } = streams();
  const readable = new ReadableStream<Uint8Array>(
    {
      start: (controller) => {
        bridge.input = controller;
      },
      pull: () => bridge.pull(),
      cancel: () => bridge.cancelInput(),
    },
    { highWaterMark: 0 },
  );
  const writable = new WritableStream<Uint8Array>({
    start: (controller) => {
      bridge.output = controller;
      // At once: `abort` of the sink would be called only after a write that is held up has settled.
      controller.signal.addEventListener('abort', () => bridge.abort(controller.signal.reason));
    },
    write: (chunk) => bridge.write(chunk),
    close: () => bridge.closeOutput(),
  });
  const pair = { readable, writable };
  registerByteStreams(pair, () => bridge.claim());
  return pair;
}

interface Settlers {
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

class Bridge implements TransportReceiver {
  readonly #transport: Transport;
  input!: ReadableStreamDefaultController<Uint8Array>;
  output!: WritableStreamDefaultController;
  #isStarted = false;
  #isClaimed = false;
  #isInputOver = false;
  #isOutputOver = false;
  #isClosed = false;
  #pull: Settlers | undefined;
  #write: Settlers | undefined;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Gives the transport away, unless the streams are in use. */
  claim(): Transport | undefined {
    if (this.#isStarted || this.#isClaimed) return undefined;
    this.#isClaimed = true;
    return this.#transport;
  }

  // --- Called by the streams -----------------------------------------------------------------------------------------

  pull(): Promise<void> {
    this.#start();
    return new Promise((resolve, reject) => {
      this.#pull = { resolve, reject };
      if (!this.#isClosed) this.#transport.resume();
    });
  }

  cancelInput(): void {
    this.#start();
    this.#isInputOver = true;
    // A socket cannot close its reading half alone: while the output is open, what comes is thrown away.
    if (this.#isOutputOver) this.#transport.destroy();
    else this.#transport.resume();
  }

  write(chunk: unknown): Promise<void> {
    if (!(chunk instanceof Uint8Array)) {
      const error = new TypeError('Cannot write: the chunk is no Uint8Array');
      // The rejection errors the writable, and a stream that has errored calls `abort` no more: nobody could end the connection then.
      this.abort(error);
      return Promise.reject(error);
    }
    this.#start();
    return new Promise((resolve, reject) => {
      this.#write = { resolve, reject };
      this.#transport.write([chunk]);
    });
  }

  closeOutput(): Promise<void> {
    this.#start();
    return new Promise((resolve, reject) => {
      this.#write = { resolve, reject };
      this.#transport.end();
    });
  }

  abort(reason: unknown): void {
    this.#start();
    this.#isOutputOver = true;
    this.#write?.reject(reason);
    this.#write = undefined;
    this.#transport.destroy(reason);
  }

  // --- Called by the transport ---------------------------------------------------------------------------------------

  chunkReceived(chunk: Uint8Array): void {
    if (this.#isInputOver) return;
    this.#transport.pause();
    this.input.enqueue(chunk);
    this.#settlePull();
  }

  endReceived(): void {
    if (!this.#isInputOver) this.input.close();
    this.#isInputOver = true;
    this.#settlePull();
  }

  writeTaken(): void {
    this.#settleWrite();
  }

  endSent(): void {
    this.#isOutputOver = true;
    this.#settleWrite();
  }

  transportClosed(error?: unknown): void {
    this.#isClosed = true;
    const reason = error ?? new Error('The transport is closed');
    if (!this.#isInputOver) this.input.error(reason);
    this.#isInputOver = true;
    this.#settlePull();
    this.#write?.reject(reason);
    this.#write = undefined;
    if (!this.#isOutputOver) this.output.error(reason);
    this.#isOutputOver = true;
  }

  // Not started means not read: the bytes stay in the socket until somebody wants them.
  #start(): void {
    if (this.#isStarted) return;
    if (this.#isClaimed) throw new TypeError('Cannot use the streams: their transport has been taken over');
    this.#isStarted = true;
    this.#transport.start(this);
    if (this.#pull === undefined) this.#transport.pause();
  }

  #settlePull(): void {
    this.#pull?.resolve();
    this.#pull = undefined;
  }

  #settleWrite(): void {
    this.#write?.resolve();
    this.#write = undefined;
  }
}
