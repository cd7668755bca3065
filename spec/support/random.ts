// The random source of the specs. It is seeded and its seed is printed: what failed is run again with SEED=n.

import { relative } from 'node:path';
import process from 'node:process';

/** The seed of this run, also for the properties: `fc.assert(property, { seed })`. */
export const seed: number = Number(process.env['SEED'] ?? Math.floor(Math.random() * 0x7fff_ffff));

// Its file, where the runner does not run it as it stands.
const file = process.env['SPEC'] ?? relative(process.cwd(), process.argv[1] ?? '');
console.log(`seed ${seed} (${file})`);

/** How many inputs a fuzz target tries: RUNS, or so many that it takes a second or two. */
export function runs(usual: number): number {
  return Number(process.env['RUNS'] ?? usual);
}

/** A small generator of pseudo-random numbers (mulberry32). */
export class Random {
  #state: number;

  constructor(state: number = seed) {
    this.#state = state >>> 0;
  }

  /** The next unsigned 32-bit number. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  /** An integer of at least 0 and below `limit`. */
  below(limit: number): number {
    return this.next() % limit;
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)] as T;
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.next() & 0xff);
  }

  /** Cuts bytes at random places, into pieces of `longest` bytes at most. */
  split(bytes: Uint8Array, longest: number): Uint8Array[] {
    const pieces: Uint8Array[] = [];
    for (let start = 0; start < bytes.byteLength; ) {
      const end = Math.min(bytes.byteLength, start + 1 + this.below(longest));
      pieces.push(bytes.subarray(start, end));
      start = end;
    }
    return pieces;
  }
}
