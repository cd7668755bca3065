// A pair of WHATWG byte streams as a transport. Streams of any implementation will do: they are crossed by reader and writer.

import { toPlainBytes } from '../bytes/plain-bytes.ts';
import type { Transport, TransportReceiver } from './transport.ts';

// Small pieces are gathered into chunks of at most this size; a larger payload is copied chunk by chunk.
const CHUNK_SIZE = 64 * 1024;

/** Reads one stream and writes another. */
export class StreamTransport implements Transport {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  #receiver: TransportReceiver | undefined;
  #isReading = false;
  #isPaused = false;
  #hasInputEnded = false;
  #hasOutputEnded = false;
  #isClosed = false;

  /** @throws TypeError when one of the streams is locked. */
  constructor(input: ReadableStream<Uint8Array>, output: WritableStream<Uint8Array>) {
    if (input.locked) throw new TypeError('Cannot use the input: it is locked to another reader');
    if (output.locked) throw new TypeError('Cannot use the output: it is locked to another writer');
    this.#reader = input.getReader();
    this.#writer = output.getWriter();
    // Each failure is met where it is awaited; these are the promises nobody awaits.
    this.#reader.closed.catch(ignore);
    this.#writer.closed.catch((error) => this.#close(error));
    this.#writer.ready.catch(ignore);
  }

  start(receiver: TransportReceiver): void {
    this.#receiver = receiver;
    void this.#read();
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    void this.#read();
  }

  write(pieces: readonly Uint8Array[]): void {
    void this.#write(pieces);
  }

  end(): void {
    this.#writer.close().then(
      () => {
        if (this.#isClosed) return;
        this.#hasOutputEnded = true;
        this.#receiver?.endSent();
        this.#closeIfDone();
      },
      (error) => this.#close(error),
    );
  }

  destroy(reason?: unknown): void {
    if (this.#isClosed) return;
    this.#release(reason);
    queueMicrotask(() => this.#receiver?.transportClosed());
  }

  async #read(): Promise<void> {
    if (this.#isReading || this.#hasInputEnded) return;
    this.#isReading = true;
    try {
      while (!this.#isPaused && !this.#isClosed) {
        const { done, value } = await this.#reader.read();
        if (this.#isClosed) break;
        if (done) {
          this.#hasInputEnded = true;
          this.#receiver?.endReceived();
          this.#closeIfDone();
          break;
        }
        this.#deliver(value);
      }
    } catch (error) {
      this.#close(error);
    } finally {
      this.#isReading = false;
    }
  }

  // Views of other kinds of one buffer are bytes too; anything else is no byte stream.
  #deliver(chunk: unknown): void {
    if (chunk instanceof Uint8Array) this.#receiver?.chunkReceived(toPlainBytes(chunk), false);
    else throw new TypeError('Cannot read the input: a chunk is not a Uint8Array');
  }

  async #write(pieces: readonly Uint8Array[]): Promise<void> {
    try {
      for (const chunk of gather(pieces)) {
        await this.#writer.ready;
        await this.#writer.write(chunk);
      }
      if (!this.#isClosed) this.#receiver?.writeTaken();
    } catch (error) {
      this.#close(error);
    }
  }

  #closeIfDone(): void {
    if (this.#hasInputEnded && this.#hasOutputEnded) this.#close();
  }

  #close(error?: unknown): void {
    if (this.#isClosed) return;
    this.#release(error);
    this.#receiver?.transportClosed(error);
  }

  // Neither promise is waited for: a foreign sink whose write never settles keeps `abort` pending for ever.
  #release(reason: unknown): void {
    this.#isClosed = true;
    if (!this.#hasInputEnded) this.#reader.cancel(reason).catch(ignore);
    if (!this.#hasOutputEnded) this.#writer.abort(reason).catch(ignore);
    this.#reader.releaseLock();
    this.#writer.releaseLock();
  }
}

function ignore(): void {}

// A foreign sink may keep, change or transfer a chunk, so each is a buffer of its own: never a view of our slab, which holds
// other connections' bytes, nor the user's own bytes.
function* gather(pieces: readonly Uint8Array[]): Generator<Uint8Array, void, undefined> {
  let left = pieces.reduce((sum, piece) => sum + piece.byteLength, 0);
  let chunk = new Uint8Array(Math.min(left, CHUNK_SIZE));
  let filled = 0;
  for (const piece of pieces) {
    for (let from = 0; from < piece.byteLength; ) {
      const size = Math.min(piece.byteLength - from, chunk.byteLength - filled);
      chunk.set(piece.subarray(from, from + size), filled);
      from += size;
      filled += size;
      if (filled < chunk.byteLength) continue;
      left -= filled;
      yield chunk;
      if (left === 0) return;
      chunk = new Uint8Array(Math.min(left, CHUNK_SIZE));
      filled = 0;
    }
  }
}
