// Bytes that are kept until a message is whole. Large pieces are kept as they came; tiny ones are copied together, so
// that a million of them do not cost a million objects. What has been kept is copied once again at most.

import { allocate } from './allocate.ts';

const EMPTY = new Uint8Array(0);

// A piece this long is worth an object of its own, unless it pins a buffer far larger than itself.
const KEEP_FROM = 4096;
const FIRST_BLOCK = 256;
const LARGEST_BLOCK = 64 * 1024;

/** As much memory may be kept alive by a message, however short: it is what its neighbours share. */
export const SHARED_MEMORY = 4096;

/** Whether keeping `length` bytes of `bytes` would keep much more memory alive than that. */
export function pinsMuch(bytes: Uint8Array, length: number): boolean {
  const allowed = Math.max(SHARED_MEMORY, length * 4);
  // The buffer is asked for last: an engine may have to make it first.
  return bytes.byteLength > allowed || bytes.buffer.byteLength > allowed;
}

/**
 * A list of byte pieces that is joined once.
 *
 * @example
 * const queue = new ByteQueue();
 * queue.append(first);
 * queue.appendCopy(second, 0, second.byteLength); // it will be used again by others
 * const whole = queue.join();
 */
export class ByteQueue {
  #parts: Uint8Array[] | undefined;
  #block: Uint8Array = EMPTY;
  #blockUsed = 0;
  #blockSize = FIRST_BLOCK;
  #length = 0;

  /** Bytes kept. */
  get length(): number {
    return this.#length;
  }

  /**
   * Keeps `bytes[start, end)`. They must not change afterwards.
   *
   * @param expected As {@link appendCopy} has it, where they have to be copied.
   */
  append(bytes: Uint8Array, start = 0, end: number = bytes.byteLength, expected = 0): void {
    const length = end - start;
    if (length < KEEP_FROM || pinsMuch(bytes, length)) return this.appendCopy(bytes, start, end, expected);
    this.#length += length;
    this.#closeBlock();
    this.#keep(bytes.subarray(start, end));
  }

  /**
   * Keeps a copy of `bytes[start, end)`.
   *
   * @param expected How many bytes are to come behind them, as far as that is known: when a quarter of all is there, they have one place, and `join` copies nothing.
   */
  appendCopy(bytes: Uint8Array, start: number, end: number, expected = 0): void {
    const length = this.#length + end - start;
    const isOutgrown = this.#block.byteLength - this.#blockUsed < length + expected - this.#length;
    if (expected > 0 && isOutgrown && length >= KEEP_FROM && length * 4 >= length + expected)
      this.#gather(length + expected);
    this.#length = length;
    this.#copyAll(bytes, start, end);
  }

  /** All the bytes as one array. The queue is empty afterwards. */
  join(): Uint8Array {
    if (this.#parts === undefined && this.#blockUsed === this.#block.byteLength) return this.#takeBlock();
    this.#closeBlock();
    const parts = this.#parts ?? [];
    let whole = parts[0] ?? EMPTY;
    if (parts.length > 1) {
      whole = allocate(this.#length);
      let offset = 0;
      for (const part of parts) {
        whole.set(part, offset);
        offset += part.byteLength;
      }
    }
    this.clear();
    return whole;
  }

  #takeBlock(): Uint8Array {
    const block = this.#block;
    this.clear();
    return block;
  }

  /** Lets go of all bytes. */
  clear(): void {
    this.#parts = undefined;
    this.#block = EMPTY;
    this.#blockUsed = 0;
    this.#blockSize = FIRST_BLOCK;
    this.#length = 0;
  }

  #keep(part: Uint8Array): void {
    this.#parts ??= [];
    this.#parts.push(part);
  }

  #copyAll(bytes: Uint8Array, start: number, end: number): void {
    for (let from = start; from < end; ) {
      if (this.#blockUsed === this.#block.byteLength) this.#openBlock(end - from);
      const to = Math.min(end, from + this.#block.byteLength - this.#blockUsed);
      this.#copy(bytes, from, to);
      from = to;
    }
  }

  #copy(bytes: Uint8Array, from: number, to: number): void {
    // A view for each of a million single bytes would cost more than the bytes.
    if (to - from < 16) {
      for (let index = from; index < to; index++) this.#block[this.#blockUsed++] = bytes[index] as number;
      return;
    }
    this.#block.set(bytes.subarray(from, to), this.#blockUsed);
    this.#blockUsed += to - from;
  }

  // All that is kept, at the beginning of a block that is as long as the whole.
  #gather(size: number): void {
    const block = allocate(size);
    this.#closeBlock();
    let used = 0;
    for (const part of this.#parts ?? []) {
      block.set(part, used);
      used += part.byteLength;
    }
    this.#parts = undefined;
    this.#block = block;
    this.#blockUsed = used;
  }

  // Blocks grow twofold, or have what comes at once: never more is allocated than has come, beyond the first block.
  #openBlock(least: number): void {
    this.#closeBlock();
    const size = Math.min(Math.max(this.#blockSize, least), LARGEST_BLOCK);
    this.#block = allocate(size);
    this.#blockSize = Math.min(size * 2, LARGEST_BLOCK);
  }

  // What is free of the block stays the block: small pieces between large ones must not cost one each.
  #closeBlock(): void {
    if (this.#blockUsed === 0) return;
    this.#keep(this.#block.subarray(0, this.#blockUsed));
    this.#block = this.#block.subarray(this.#blockUsed);
    this.#blockUsed = 0;
  }
}
