// What this process holds in memory: what is alive after a collection, and what the system has given.

import process from 'node:process';
import * as assert from 'uvu/assert';
import { turns } from './until.ts';

export const KiB = 1024;
export const MiB: number = 1024 * KiB;
export const GiB: number = 1024 * MiB;

/** Bytes that are alive: the heap used and what hangs on it outside (buffers), after a collection. */
export async function retainedMemory(): Promise<number> {
  assert.type(globalThis.gc, 'function', 'run with --expose-gc');
  // What a finalizer or a close callback lets go of is collected in the round behind it.
  for (let round = 0; round < 3; round++) {
    await turns(3);
    globalThis.gc?.();
  }
  // The buffers of a collection are swept beside it, and have gone for certain when the next one begins.
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Watches the memory of this process, against what it was at the start. */
export class MemoryWatch implements Disposable {
  readonly #resident: number[] = [];
  readonly #residentBefore: number;
  readonly #retainedBefore: number;
  #retained = 0;
  readonly #timer = setInterval(() => this.#resident.push(process.memoryUsage.rss()), 10);

  /** @param retainedBefore What was alive before, as {@link retainedMemory} tells. */
  constructor(retainedBefore: number) {
    this.#retainedBefore = retainedBefore;
    this.#residentBefore = process.memoryUsage.rss();
  }

  /** By how many bytes what is alive has grown, at the most of all times that it was measured. */
  get retained(): number {
    return this.#retained;
  }

  /** By how many bytes the resident memory has grown, at its highest in a part of the time: shares of the whole, 0 to 1. */
  resident(from = 0, to = 1): number {
    const samples = this.#resident;
    const part = samples.slice(Math.floor(samples.length * from), Math.ceil(samples.length * to));
    return part.reduce((peak, sample) => Math.max(peak, sample - this.#residentBefore), 0);
  }

  /** Measures what is alive now, after a collection. */
  async measure(): Promise<void> {
    this.#retained = Math.max(this.#retained, (await retainedMemory()) - this.#retainedBefore);
  }

  /** Measures again and again, every 100 ms or so many, until the promise is settled; gives what it gives. */
  async during<T>(promise: Promise<T>, pause = 100): Promise<T> {
    let isSettled = false;
    const settle = (): void => {
      isSettled = true;
    };
    promise.then(settle, settle);
    while (!isSettled) {
      await new Promise((resolve) => setTimeout(resolve, pause));
      await this.measure();
    }
    return promise;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

/** A number of bytes as people read it. */
export function inMiB(bytes: number): string {
  return `${(bytes / MiB).toFixed(1)} MiB`;
}
