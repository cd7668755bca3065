// A connection of Deno's that is the test: what is read from it the test gives, what is written to it the test takes. It watches that its calls do not overlap.

import type { DenoAddress, DenoConn } from '../../lib/adapter/deno-api.ts';

const encoder = new TextEncoder();

/** As Deno names it. */
export function denoError(name: string, message = name): Error {
  const error = new Error(message);
  error.name = name;
  return error;
}

interface Waiting<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: Error) => void;
}

export class FakeConn implements DenoConn {
  readonly localAddr: DenoAddress = { transport: 'tcp', hostname: '127.0.0.1', port: 1 };
  readonly remoteAddr: DenoAddress = { transport: 'tcp', hostname: '127.0.0.2', port: 2 };
  /** What was asked, in order: `read 2048`, `write 5`, `closeWrite`, `close`. */
  readonly asked: string[] = [];
  /** The very buffers that were to be written. */
  readonly buffers: Uint8Array[] = [];
  /** What was taken. */
  written = '';
  /** How many bytes a write takes; 0: it waits for {@link take}. */
  appetite = Number.POSITIVE_INFINITY;
  /** Whether `closeWrite` waits for {@link endTaken}. */
  holdsEnd = false;
  isClosed = false;
  #input: Uint8Array[] = [];
  #end: Error | null | undefined;
  #reading: (Waiting<number | null> & { readonly buffer: Uint8Array }) | undefined;
  #writing: (Waiting<number> & { readonly bytes: Uint8Array }) | undefined;
  #ending: Waiting<void> | undefined;

  get isReading(): boolean {
    return this.#reading !== undefined;
  }

  get isWriting(): boolean {
    return this.#writing !== undefined;
  }

  // --- What a transport calls ----------------------------------------------------------------------------------------

  read(buffer: Uint8Array): Promise<number | null> {
    this.asked.push(`read ${buffer.byteLength}`);
    if (this.#reading !== undefined) throw new Error('It is being read already');
    return this.#open(
      new Promise((resolve, reject) => {
        this.#reading = { buffer, resolve, reject };
        this.#serveRead();
      }),
    );
  }

  write(bytes: Uint8Array): Promise<number> {
    this.asked.push(`write ${bytes.byteLength}`);
    if (this.#writing !== undefined) throw new Error('It is being written already');
    this.buffers.push(bytes);
    return this.#open(
      new Promise((resolve, reject) => {
        this.#writing = { bytes, resolve, reject };
        if (this.appetite > 0) this.take(this.appetite);
      }),
    );
  }

  closeWrite(): Promise<void> {
    this.asked.push('closeWrite');
    if (this.#writing !== undefined) throw new Error('It is being written');
    return this.#open(
      new Promise((resolve, reject) => {
        this.#ending = { resolve, reject };
        if (!this.holdsEnd) this.endTaken();
      }),
    );
  }

  close(): void {
    if (this.isClosed) throw denoError('BadResource');
    this.asked.push('close');
    this.isClosed = true;
    for (const waiting of [this.#reading, this.#writing, this.#ending]) waiting?.reject(denoError('Interrupted'));
    this.#reading = undefined;
    this.#writing = undefined;
    this.#ending = undefined;
  }

  // --- What the test says ----------------------------------------------------------------------------------------------

  /** Sends to the transport. */
  give(text: string | Uint8Array): void {
    this.#input.push(typeof text === 'string' ? encoder.encode(text) : text);
    this.#serveRead();
  }

  giveEnd(): void {
    this.#end = null;
    this.#serveRead();
  }

  /** Reading fails, behind what was given. */
  failReading(error: Error): void {
    this.#end = error;
    this.#serveRead();
  }

  /** A read that gives nothing, which is no end. */
  giveNothing(): void {
    const reading = this.#reading;
    this.#reading = undefined;
    reading?.resolve(0);
  }

  /** The write that waits takes so many bytes. */
  take(most: number): void {
    const writing = this.#writing;
    if (writing === undefined) throw new Error('Nothing is to be taken');
    this.#writing = undefined;
    const length = Math.min(most, writing.bytes.byteLength);
    this.written += new TextDecoder('latin1').decode(writing.bytes.subarray(0, length));
    writing.resolve(length);
  }

  failWriting(error: Error): void {
    const writing = this.#writing;
    this.#writing = undefined;
    writing?.reject(error);
  }

  endTaken(error?: Error): void {
    const ending = this.#ending;
    this.#ending = undefined;
    if (error === undefined) ending?.resolve();
    else ending?.reject(error);
  }

  async #open<T>(promise: Promise<T>): Promise<T> {
    if (!this.isClosed) return promise;
    promise.catch(() => {});
    this.#reading = undefined;
    this.#writing = undefined;
    this.#ending = undefined;
    throw denoError('BadResource');
  }

  #serveRead(): void {
    const reading = this.#reading;
    const [first] = this.#input;
    if (reading === undefined || (first === undefined && this.#end === undefined)) return;
    this.#reading = undefined;
    if (first === undefined) {
      if (this.#end instanceof Error) reading.reject(this.#end);
      else reading.resolve(null);
      return;
    }
    const length = Math.min(first.byteLength, reading.buffer.byteLength);
    reading.buffer.set(first.subarray(0, length));
    if (length === first.byteLength) this.#input.shift();
    else this.#input[0] = first.subarray(length);
    reading.resolve(length);
  }
}
