// UTF-8 (RFC 3629) for RFC 6455 §8.1: whole texts are decoded by the platform's fatal decoder; a text that comes in
// pieces is checked as its bytes come, so that it is failed at the first byte that cannot be valid.

import { isUtf8BySimd, MOST } from './utf8-simd.ts';

// A byte order mark inside a message is a character of it: it must not be dropped.
const strictDecoder: TextDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const decoder: TextDecoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** From here on it pays to check with WebAssembly, or with the platform's decoder where there is none. */
const LONG = 128;

/** Decodes bytes that should be UTF-8; undefined when they are not. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return strictDecoder.decode(bytes);
  } catch (error) {
    // Anything but bad bytes (a string longer than the engine can make) is not ours to hide.
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

/**
 * Decodes bytes that a {@link Utf8Validator} has passed.
 *
 * @throws Error when the text is longer than a string of this runtime can be.
 */
export function decodeValidUtf8(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

/**
 * Checks UTF-8 piece by piece. Takes each byte as soon as it comes: surrogates, overlong forms and code points above
 * U+10FFFF are refused at the byte that makes them impossible.
 *
 * @example
 * const validator = new Utf8Validator();
 * const isValid = validator.push(first) && validator.push(second) && validator.isComplete;
 */
export class Utf8Validator {
  // How many continuation bytes the current character still needs, and the range of the next one. Only the first
  // continuation byte ever has a range narrower than 80..BF (Unicode 15, table 3-7).
  #needed = 0;
  #lower = 0x80;
  #upper = 0xbf;

  /** Whether the bytes so far end at the end of a character. */
  get isComplete(): boolean {
    return this.#needed === 0;
  }

  /** Checks the next piece; false when the text cannot be valid any more. */
  push(bytes: Uint8Array, start = 0, end: number = bytes.byteLength): boolean {
    for (let from = start; from < end; from += MOST) {
      if (!this.#check(bytes, from, Math.min(end, from + MOST))) return false;
    }
    return true;
  }

  #check(bytes: Uint8Array, start: number, end: number): boolean {
    if (end - start < LONG) return this.#step(bytes, start, end);
    // What is left of a character before, then whole characters, then what may be a part of one.
    const first = start + this.#needed;
    const last = lastCharacter(bytes, end);
    if (!this.#step(bytes, start, first)) return false;
    return isUtf8(bytes, first, last) && this.#step(bytes, last, end);
  }

  #step(bytes: Uint8Array, start: number, end: number): boolean {
    let needed = this.#needed;
    for (let index = start; index < end; index++) {
      const byte = bytes[index] as number;
      if (needed === 0) {
        if (byte < 0x80) continue;
        needed = this.#begin(byte);
        if (needed === 0) return false;
        continue;
      }
      if (byte < this.#lower || byte > this.#upper) return false;
      this.#lower = 0x80;
      this.#upper = 0xbf;
      needed--;
    }
    this.#needed = needed;
    return true;
  }

  /** Starts anew, for the next text. */
  reset(): void {
    this.#needed = 0;
    this.#lower = 0x80;
    this.#upper = 0xbf;
  }

  #begin(byte: number): number {
    if (byte < 0xc2 || byte > 0xf4) return 0;
    if (byte < 0xe0) return 1;
    if (byte < 0xf0) {
      if (byte === 0xe0) this.#lower = 0xa0;
      if (byte === 0xed) this.#upper = 0x9f;
      return 2;
    }
    if (byte === 0xf0) this.#lower = 0x90;
    if (byte === 0xf4) this.#upper = 0x8f;
    return 3;
  }
}

function isUtf8(bytes: Uint8Array, start: number, end: number): boolean {
  return isUtf8BySimd(bytes, start, end) ?? decodeUtf8(bytes.subarray(start, end)) !== undefined;
}

// Where the last character begins: it may not be whole.
function lastCharacter(bytes: Uint8Array, end: number): number {
  let last = end - 1;
  while (last > end - 4 && ((bytes[last] as number) & 0xc0) === 0x80) last--;
  return last;
}
