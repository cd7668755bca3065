// A connection of Deno's as a transport. Read and written by hand: of the two streams that such a connection offers, the end of one closes the other too.

import { setImmediate } from 'node:timers';
import { lendChunk, type Transport, type TransportReceiver } from '../stream/transport.ts';
import { closeConn, type DenoConn } from './deno-api.ts';
import { ReadBuffers } from './deno-reading.ts';
import { gatherWrites } from './deno-writing.ts';

// What is there already is read without a turn of the event loop between. After so many bytes others have theirs.
const BURST = 512 * 1024;

/** Carries the bytes of one connection, which is nobody else's from now on. */
export class DenoTransport implements Transport {
  readonly #conn: DenoConn;
  readonly #buffers = new ReadBuffers();
  #receiver: TransportReceiver | undefined;
  // What was read and is not told yet: a chunk, or null for the end. There is no more than one.
  #held: Uint8Array | null | undefined;
  #isReading = false;
  #isPaused = false;
  #hasInputEnded = false;
  #isWriting = false;
  #isEnding = false;
  #hasOutputEnded = false;
  #isClosed = false;
  #burst = 0;

  /** @param head Bytes that came before: they are delivered first. */
  constructor(conn: DenoConn, head?: Uint8Array) {
    this.#conn = conn;
    if (head !== undefined && head.byteLength > 0) this.#held = head.slice();
  }

  start(receiver: TransportReceiver): void {
    this.#receiver = receiver;
    if (this.#isClosed) return queueMicrotask(() => receiver.transportClosed());
    // In a microtask: whoever pauses at once has nothing read.
    this.#readSoon();
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#readSoon();
  }

  write(pieces: readonly Uint8Array[]): void {
    this.#isWriting = true;
    void this.#write(pieces);
  }

  end(): void {
    this.#isEnding = true;
    if (!this.#isWriting) void this.#end();
  }

  /** With TLS the runtime sends first what it has taken: of a peer that does not read, the socket is left until that one goes away. */
  destroy(): void {
    if (this.#isClosed) return;
    this.#release();
    queueMicrotask(() => this.#receiver?.transportClosed());
  }

  // --- Input ---------------------------------------------------------------------------------------------------------

  #readSoon(): void {
    if (!this.#isReading) queueMicrotask(() => void this.#read());
  }

  async #read(): Promise<void> {
    if (this.#isReading || this.#hasInputEnded) return;
    this.#isReading = true;
    try {
      while (!this.#isPaused && !this.#isClosed && !this.#hasInputEnded) {
        if (this.#held === undefined) this.#held = await this.#readOnce();
        if (this.#burst >= BURST) await this.#yield();
        if (!this.#isPaused && !this.#isClosed) this.#deliver();
      }
    } catch (error) {
      this.#close(error);
    } finally {
      this.#isReading = false;
      if (this.#isClosed || this.#hasInputEnded) this.#buffers.release();
    }
  }

  /** The next chunk, which is not empty; null at the end. */
  async #readOnce(): Promise<Uint8Array | null> {
    for (;;) {
      const length = await this.#readLength();
      if (length === null) return null;
      // A connection may give nothing, which is no end.
      if (length > 0) {
        this.#burst += length;
        return this.#buffers.take(length);
      }
      if (this.#isClosed) return null;
      await this.#yield();
    }
  }

  async #readLength(): Promise<number | null> {
    try {
      return await this.#conn.read(this.#buffers.next);
    } catch (error) {
      // TLS without its own end (RFC 8446 §6.1): with WebSocket the close frame is what tells a cut from an end. `node:tls` says end there too.
      if ((error as Error | undefined)?.name === 'UnexpectedEof') return null;
      throw error;
    }
  }

  #deliver(): void {
    const held = this.#held;
    this.#held = undefined;
    const receiver = this.#receiver as TransportReceiver;
    if (held) return lendChunk(receiver, held);
    if (held !== null) return;
    this.#hasInputEnded = true;
    receiver.endReceived();
    this.#closeIfDone();
  }

  #yield(): Promise<void> {
    this.#burst = 0;
    return new Promise((resolve) => setImmediate(resolve));
  }

  // --- Output --------------------------------------------------------------------------------------------------------

  async #write(pieces: readonly Uint8Array[]): Promise<void> {
    try {
      for (const bytes of pieces.length === 1 ? pieces : gatherWrites(pieces)) {
        for (let from = 0; from < bytes.byteLength; ) {
          if (this.#isClosed) return;
          const taken = await this.#conn.write(from === 0 ? bytes : bytes.subarray(from));
          if (taken === 0) throw new Error('The connection takes no more bytes');
          from += taken;
        }
      }
      // Never told from inside the call, even if all was empty.
      await undefined;
    } catch (error) {
      return this.#close(error);
    }
    if (this.#isClosed) return;
    this.#isWriting = false;
    if (this.#isEnding) void this.#end();
    this.#receiver?.writeTaken();
  }

  async #end(): Promise<void> {
    if (this.#isClosed) return;
    try {
      await this.#conn.closeWrite();
    } catch (error) {
      return this.#close(error);
    }
    if (this.#isClosed) return;
    this.#hasOutputEnded = true;
    this.#receiver?.endSent();
    this.#closeIfDone();
  }

  // --- The end -------------------------------------------------------------------------------------------------------

  #closeIfDone(): void {
    if (this.#hasInputEnded && this.#hasOutputEnded) this.#close();
  }

  #close(error?: unknown): void {
    if (this.#isClosed) return;
    this.#release();
    this.#receiver?.transportClosed(error);
  }

  // What waits for the connection is interrupted by that: it looks whether all is over before it tells anything.
  #release(): void {
    this.#isClosed = true;
    this.#held = undefined;
    if (!this.#isReading) this.#buffers.release();
    closeConn(this.#conn);
  }
}
