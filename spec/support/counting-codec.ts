// DEFLATE as the server does it, and how much of it is done: in all, and at most in one turn of the event loop. So what a peer can make a server do at once is counted, not timed.

import { chooseDeflateCodec } from '../../lib/adapter/choose-deflate-codec.ts';
import type { CodecStream, DeflateCodec, DeflaterOptions, InflaterOptions } from '../../lib/extension/deflate-codec.ts';

/** What streams have done. */
export interface Work {
  runs: number;
  resets: number;
  read: number;
  written: number;
}

const nothing = (): Work => ({ runs: 0, resets: 0, read: 0, written: 0 });

/** The codec of this process. */
export class CountingCodec implements DeflateCodec {
  readonly #codec = chooseDeflateCodec();
  /** What inflaters have done. */
  readonly inflating: Work = nothing();
  /** The most of each that they have done in one turn. */
  readonly mostInTurn: Work = nothing();
  /** How many streams were made. */
  created = 0;
  #turn: Work | undefined;

  createDeflater(options: DeflaterOptions): CodecStream {
    this.created++;
    return this.#codec.createDeflater(options);
  }

  createInflater(options: InflaterOptions): CodecStream {
    this.created++;
    return new CountedStream(this.#codec.createInflater(options), (work) => this.#count(work));
  }

  #count(work: Partial<Work>): void {
    if (this.#turn === undefined) {
      this.#turn = nothing();
      setImmediate(() => {
        this.#turn = undefined;
      });
    }
    for (const [name, amount] of Object.entries(work) as [keyof Work, number][]) {
      this.inflating[name] += amount;
      this.#turn[name] += amount;
      this.mostInTurn[name] = Math.max(this.mostInTurn[name], this.#turn[name]);
    }
  }
}

class CountedStream implements CodecStream {
  readonly #stream: CodecStream;
  readonly #count: (work: Partial<Work>) => void;

  constructor(stream: CodecStream, count: (work: Partial<Work>) => void) {
    this.#stream = stream;
    this.#count = count;
  }

  get read(): number {
    return this.#stream.read;
  }

  get written(): number {
    return this.#stream.written;
  }

  run(input: Uint8Array, start: number, end: number, output: Uint8Array, from: number, to: number): boolean {
    const isData = this.#stream.run(input, start, end, output, from, to);
    this.#count(isData ? { runs: 1, read: this.read, written: this.written } : { runs: 1 });
    return isData;
  }

  reset(): void {
    this.#count({ resets: 1 });
    this.#stream.reset();
  }

  close(): void {
    this.#stream.close();
  }
}
