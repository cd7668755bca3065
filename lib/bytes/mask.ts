// Masking, RFC 6455 §5.3: "octet i of the transformed data is the XOR of octet i of the original data with octet at
// index i modulo 4 of the masking key". Masking and unmasking are the same step.
//
// A masking key is a number here: its first octet on the wire is the most significant byte.

// Below this many bytes, making the 32-bit view costs more than it saves.
const WORD_LOOP_FROM = 64;

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

function maskBytes(bytes: Uint8Array, start: number, end: number, key: number, position: number): void {
  for (let index = start, shift = position; index < end; index++, shift++) {
    bytes[index] = (bytes[index] as number) ^ (key >>> (24 - ((shift & 3) << 3)));
  }
}

function maskWords(words: Int32Array, key: number, position: number): void {
  const turn = (position & 3) << 3;
  const rotated = turn === 0 ? key : (key << turn) | (key >>> (32 - turn));
  const word = isLittleEndian ? swapBytes(rotated) : rotated;
  for (let index = 0; index < words.length; index++) words[index] = (words[index] as number) ^ word;
}

function swapBytes(word: number): number {
  return (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
}
