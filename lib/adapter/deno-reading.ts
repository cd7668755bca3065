// The buffers that a connection of Deno's is read into. One is held by each read that waits, so an idle connection has a small one; behind what fills it comes a large
// one, which connections share. What was read is lent: it stands in its buffer until the next read.

import { giveSpare, SPARE_SIZE, takeSpare } from './spare-buffers.ts';

// What waits for the first bytes, and what waits behind many. What reads on where more was there than had room is SPARE_SIZE.
const SMALLEST = 2 * 1024;
const LARGEST_WAITING = 32 * 1024;

/** Of one connection, read by read. */
export class ReadBuffers {
  #buffer: Uint8Array | undefined;
  #isSpare = false;
  #size = SMALLEST;
  // Bytes since the last read that probably waited.
  #burst = 0;

  /** What the next read is to fill. The same one until {@link take} is called. */
  get next(): Uint8Array {
    if (this.#buffer?.byteLength === this.#size) return this.#buffer;
    this.release();
    const spare = this.#size === SPARE_SIZE ? takeSpare() : undefined;
    this.#isSpare = spare !== undefined;
    this.#buffer = spare ?? new Uint8Array(this.#size);
    return this.#buffer;
  }

  /** The first `length` bytes of what was read into. They are good until {@link next} or {@link release}. */
  take(length: number): Uint8Array {
    const buffer = this.next;
    this.#burst += length;
    if (length === buffer.byteLength) {
      this.#size = SPARE_SIZE;
    } else {
      this.#size = sizeFor(this.#burst);
      this.#burst = 0;
    }
    return buffer.subarray(0, length);
  }

  /** Nothing is read into the buffer, and nobody reads it, any more. */
  release(): void {
    if (this.#isSpare) giveSpare(this.#buffer as Uint8Array);
    this.#isSpare = false;
    this.#buffer = undefined;
  }
}

function sizeFor(length: number): number {
  let size = SMALLEST;
  while (size < length && size < LARGEST_WAITING) size *= 2;
  return size;
}
