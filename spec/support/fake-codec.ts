// Streams of a codec that compress nothing: they note what is done with them, and remember what they were given, so that one sees who uses whose.

import type { CodecStream } from '../../lib/extension/deflate-codec.ts';

export class FakeStream implements CodecStream {
  read = 0;
  written = 0;
  isClosed = false;
  resets = 0;
  /** What was run through it since it was made or reset: the context. */
  context: number[] = [];
  readonly id: number;

  constructor(id: number) {
    this.id = id;
  }

  run(input: Uint8Array, start: number, end: number, output: Uint8Array, from: number, to: number): boolean {
    this.#assertOpen();
    const size = Math.min(end - start, to - from);
    output.set(input.subarray(start, start + size), from);
    this.context.push(...input.subarray(start, start + size));
    this.read = size;
    this.written = size;
    return true;
  }

  reset(): void {
    this.#assertOpen();
    this.resets++;
    this.context = [];
  }

  close(): void {
    this.#assertOpen();
    this.isClosed = true;
  }

  #assertOpen(): void {
    if (this.isClosed) throw new Error(`Stream ${this.id} is closed`);
  }
}

/** Makes them, and keeps all that were ever made. */
export class FakeStreams {
  readonly all: FakeStream[] = [];

  readonly create = (): FakeStream => {
    const stream = new FakeStream(this.all.length);
    this.all.push(stream);
    return stream;
  };

  get alive(): number {
    return this.all.filter(({ isClosed }) => !isClosed).length;
  }
}
