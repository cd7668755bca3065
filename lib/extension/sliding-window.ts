// The last bytes of a stream of messages, as many as a DEFLATE window has: what a decompressor needs to be made anew (RFC 7692 §7.2.2, RFC 1951 §2).

const FIRST_SIZE = 256;

/** A ring that grows with what it holds, up to its capacity. */
export class SlidingWindow {
  readonly #capacity: number;
  #bytes = new Uint8Array(0);
  // Where the next byte goes, once the ring is full.
  #head = 0;
  #length = 0;

  /** @param windowBits The base-2 logarithm of the capacity. */
  constructor(windowBits: number) {
    this.#capacity = 1 << windowBits;
  }

  get length(): number {
    return this.#length;
  }

  /** Bytes of memory. */
  get size(): number {
    return this.#bytes.byteLength;
  }

  /** Notes `bytes[start, end)`. */
  push(bytes: Uint8Array, start: number, end: number): void {
    const from = Math.max(start, end - this.#capacity);
    const length = end - from;
    if (length === 0) return;
    if (this.#length + length > this.#bytes.byteLength && this.#bytes.byteLength < this.#capacity) this.#grow(length);
    const first = Math.min(length, this.#bytes.byteLength - this.#head);
    this.#bytes.set(bytes.subarray(from, from + first), this.#head);
    if (first < length) this.#bytes.set(bytes.subarray(from + first, end), 0);
    this.#head = (this.#head + length) % this.#bytes.byteLength;
    this.#length = Math.min(this.#bytes.byteLength, this.#length + length);
  }

  /** Gives the bytes, the oldest first, in one part or two; in none when there are none. */
  parts(): readonly Uint8Array[] {
    if (this.#length === 0) return [];
    if (this.#length < this.#bytes.byteLength) return [this.#bytes.subarray(0, this.#length)];
    if (this.#head === 0) return [this.#bytes];
    return [this.#bytes.subarray(this.#head), this.#bytes.subarray(0, this.#head)];
  }

  // While it grows nothing has been overwritten: the bytes stand in their order from the start.
  #grow(length: number): void {
    let size = Math.max(FIRST_SIZE, this.#bytes.byteLength);
    while (size < this.#length + length) size *= 2;
    const grown = new Uint8Array(Math.min(this.#capacity, size));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
    this.#head = this.#length % grown.byteLength;
  }
}
