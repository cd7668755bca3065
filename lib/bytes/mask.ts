// Masking, RFC 6455 §5.3: "octet i of the transformed data is the XOR of octet i of the original data with octet at
// index i modulo 4 of the masking key". Masking and unmasking are the same step.
//
// A masking key is a number here: its first octet on the wire is the most significant byte.

import { allocate } from './allocate.ts';
import { isInMaskMemory, maskBySimd } from './mask-simd.ts';

// Below this many bytes, making the 32-bit view costs more than it saves (64 bytes on Node 24: 38 ns with four octets a step, 39 in words, 83 one by one).
const WORD_LOOP_FROM = 96;
// From here on WebAssembly is faster, the copies into its memory and out of it included.
const SIMD_FROM = 512;

const isLittleEndian = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;

/**
 * Masks or unmasks `bytes[start, end)` in place.
 *
 * @param key The masking key as an unsigned 32-bit number in network byte order.
 * @param position How many bytes of the payload come before `start`: which octet of the key is the first.
 *
 * @example
 * const bytes = Uint8Array.of(0x7f, 0x9f, 0x4d, 0x51, 0x58);
 * maskInPlace(bytes, 0, 5, 0x37fa213d); // 'Hello', RFC 6455 §5.7
 */
export function maskInPlace(bytes: Uint8Array, start: number, end: number, key: number, position = 0): void {
  if (end - start >= SIMD_FROM && maskBySimd(bytes, start, end, wordOf(key, position), bytes, start)) return;
  let index = start;
  if (end - start >= WORD_LOOP_FROM) {
    const alignment = (4 - ((bytes.byteOffset + start) & 3)) & 3;
    const aligned = start + alignment;
    maskBytes(bytes, start, aligned, key, position);
    const words = (end - aligned) >> 2;
    maskWords(new Int32Array(bytes.buffer, bytes.byteOffset + aligned, words), key, position + alignment);
    index = aligned + words * 4;
  }
  maskBytes(bytes, index, end, key, position + index - start);
}

/** Whether so many of the bytes are copied away and back when they are masked where they are. */
export function isMaskedByCopies(bytes: Uint8Array, size: number): boolean {
  return size >= SIMD_FROM && !isInMaskMemory(bytes);
}

/** As {@link maskInPlace}, in a copy of `bytes[start, end)`. */
export function maskedCopy(bytes: Uint8Array, start: number, end: number, key: number, position = 0): Uint8Array {
  const copy = allocate(end - start);
  if (end - start >= SIMD_FROM && maskBySimd(bytes, start, end, wordOf(key, position), copy, 0)) return copy;
  copy.set(bytes.subarray(start, end));
  maskInPlace(copy, 0, copy.byteLength, key, position);
  return copy;
}

// Four octets a step: the octets of the key stay where they are.
function maskBytes(bytes: Uint8Array, start: number, end: number, key: number, position: number): void {
  const rotated = rotate(key, position);
  const a = rotated >>> 24;
  const b = (rotated >>> 16) & 0xff;
  const c = (rotated >>> 8) & 0xff;
  const d = rotated & 0xff;
  let index = start;
  for (; index + 3 < end; index += 4) {
    bytes[index] = (bytes[index] as number) ^ a;
    bytes[index + 1] = (bytes[index + 1] as number) ^ b;
    bytes[index + 2] = (bytes[index + 2] as number) ^ c;
    bytes[index + 3] = (bytes[index + 3] as number) ^ d;
  }
  if (index < end) bytes[index] = (bytes[index] as number) ^ a;
  if (index + 1 < end) bytes[index + 1] = (bytes[index + 1] as number) ^ b;
  if (index + 2 < end) bytes[index + 2] = (bytes[index + 2] as number) ^ c;
}

function maskWords(words: Int32Array, key: number, position: number): void {
  const rotated = rotate(key, position);
  const word = isLittleEndian ? swapBytes(rotated) : rotated;
  let index = 0;
  for (; index + 3 < words.length; index += 4) {
    words[index] = (words[index] as number) ^ word;
    words[index + 1] = (words[index + 1] as number) ^ word;
    words[index + 2] = (words[index + 2] as number) ^ word;
    words[index + 3] = (words[index + 3] as number) ^ word;
  }
  for (; index < words.length; index++) words[index] = (words[index] as number) ^ word;
}

// The key at a position as a little-endian machine reads it, which WebAssembly is everywhere.
function wordOf(key: number, position: number): number {
  return swapBytes(rotate(key, position));
}

// The key as it stands at a position of the payload.
function rotate(key: number, position: number): number {
  const turn = (position & 3) << 3;
  return turn === 0 ? key : (key << turn) | (key >>> (32 - turn));
}

function swapBytes(word: number): number {
  return (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
}
