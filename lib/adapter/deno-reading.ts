// The buffers that a connection of Deno's is read into. One is held by each read that waits, so an idle connection has a small one; what fills it is followed by a
// large one. A chunk that is handed out is never written to again.

// What waits for the first bytes, what waits behind some, and what reads on where more was there than had room.
const SMALLEST = 2 * 1024;
const LARGEST_WAITING = 16 * 1024;
const LARGEST = 64 * 1024;

/** Of one connection, read by read. */
export class ReadBuffers {
  #buffer: Uint8Array | undefined;
  #size = SMALLEST;

  /** What the next read is to fill. The same one until {@link take} is called. */
  get next(): Uint8Array {
    this.#buffer ??= new Uint8Array(this.#size);
    return this.#buffer;
  }

  /** The first `length` bytes of what was read into: as they are where they fill most of it, otherwise a copy, which keeps no room that is not used. */
  take(length: number): Uint8Array {
    const buffer = this.next;
    this.#size = length === buffer.byteLength ? LARGEST : sizeFor(length);
    if (length * 2 < buffer.byteLength) {
      if (this.#size !== buffer.byteLength) this.#buffer = undefined;
      return buffer.slice(0, length);
    }
    this.#buffer = undefined;
    return buffer.subarray(0, length);
  }
}

function sizeFor(length: number): number {
  let size = SMALLEST;
  while (size < length && size < LARGEST_WAITING) size *= 2;
  return size;
}
