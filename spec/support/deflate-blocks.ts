// DEFLATE (RFC 1951) by hand and by node:zlib's public functions, without a line of the library: blocks of every kind, and messages as a peer of permessage-deflate makes and
// reads them (RFC 7692 §7.2).

import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';
import { join } from './hex.ts';

const { Z_SYNC_FLUSH } = constants;

/** RFC 7692 §7.2.1: what is left out at the end of a message. */
export const TAIL: Uint8Array = Uint8Array.of(0x00, 0x00, 0xff, 0xff);

/** A literal, or a distance back and a length. */
export type Symbol = number | readonly [distance: number, length: number];

/** Writes bits as RFC 1951 §3.1.1 packs them. */
class Bits {
  readonly #bytes: number[] = [];
  #held = 0;
  #count = 0;

  /** A number: its least significant bit first. */
  put(value: number, count: number): void {
    for (let bit = 0; bit < count; bit++) this.#bit((value >> bit) & 1);
  }

  /** A Huffman code: its most significant bit first. */
  code(value: number, count: number): void {
    for (let bit = count - 1; bit >= 0; bit--) this.#bit((value >> bit) & 1);
  }

  align(): void {
    while (this.#count > 0) this.#bit(0);
  }

  bytes(bytes: Uint8Array): void {
    for (const byte of bytes) this.put(byte, 8);
  }

  finish(): Uint8Array {
    this.align();
    return Uint8Array.from(this.#bytes);
  }

  #bit(bit: number): void {
    this.#held |= bit << this.#count++;
    if (this.#count < 8) return;
    this.#bytes.push(this.#held);
    this.#held = 0;
    this.#count = 0;
  }
}

/** One block. `isFinal` sets BFINAL; behind a final one the next begins at a byte, as RFC 7692 §7.2.3.4 shows. */
export type Block =
  | { readonly stored: Uint8Array; readonly isFinal?: boolean }
  | { readonly fixed: readonly Symbol[]; readonly isFinal?: boolean };

/** Writes blocks one behind the other; what is left of the last byte is 0. */
export function blocks(...list: readonly Block[]): Uint8Array {
  const bits = new Bits();
  for (const block of list) {
    bits.put(block.isFinal === true ? 1 : 0, 1);
    if ('stored' in block) putStored(bits, block.stored);
    else putFixed(bits, block.fixed);
    if (block.isFinal === true) bits.align();
  }
  return bits.finish();
}

/** A message of such blocks as it stands in frames: with the empty block at its end whose last 4 octets are left out. */
export function message(...list: readonly Block[]): Uint8Array {
  const whole = blocks(...list, { stored: new Uint8Array(0) });
  return whole.subarray(0, whole.byteLength - TAIL.byteLength);
}

function putStored(bits: Bits, content: Uint8Array): void {
  bits.put(0, 2);
  bits.align();
  bits.put(content.byteLength, 16);
  bits.put(~content.byteLength & 0xffff, 16);
  bits.bytes(content);
}

// RFC 1951 §3.2.6.
function putFixed(bits: Bits, symbols: readonly Symbol[]): void {
  bits.put(1, 2);
  for (const symbol of symbols) {
    if (typeof symbol === 'number') putLiteral(bits, symbol);
    else putMatch(bits, symbol);
  }
  putLiteral(bits, 256);
}

function putLiteral(bits: Bits, value: number): void {
  if (value < 144) bits.code(0x30 + value, 8);
  else if (value < 256) bits.code(0x190 + value - 144, 9);
  else if (value < 280) bits.code(value - 256, 7);
  else bits.code(0xc0 + value - 280, 8);
}

// RFC 1951 §3.2.5, for lengths of 3 to 10: they have no extra bits.
function putMatch(bits: Bits, [distance, length]: readonly [number, number]): void {
  if (length < 3 || length > 10) throw new RangeError(`Cannot write a length of ${length}`);
  putLiteral(bits, 254 + length);
  let code = 0;
  let base = 1;
  for (; ; code++) {
    const extra = Math.max(0, (code >> 1) - 1);
    if (distance < base + (1 << extra)) {
      bits.code(code, 5);
      return bits.put(distance - base, extra);
    }
    base += 1 << extra;
  }
}

/** The characters of a text as literals. */
export function literals(text: string): number[] {
  return [...Buffer.from(text)];
}

/** The sending side of a peer: RFC 7692 §7.2.1, with the context of the messages before as zlib's dictionary. */
export class PeerDeflater {
  readonly #hasTakeover: boolean;
  readonly #windowBits: number;
  #window: Uint8Array = new Uint8Array(0);

  constructor({ hasTakeover = true, windowBits = 15 }: { hasTakeover?: boolean; windowBits?: number } = {}) {
    this.#hasTakeover = hasTakeover;
    this.#windowBits = windowBits;
  }

  /** The payload of the whole message. */
  message(content: Uint8Array, options: { level?: number; strategy?: number } = {}): Uint8Array {
    const dictionary = this.#window;
    const settings = { ...options, windowBits: this.#windowBits, finishFlush: Z_SYNC_FLUSH };
    const whole = deflateRawSync(content, dictionary.byteLength === 0 ? settings : { ...settings, dictionary });
    this.note(content);
    return whole.subarray(0, whole.byteLength - TAIL.byteLength);
  }

  /** The same as one stream that is ended: its last block is final, and (RFC 7692 §7.2.3.4) an empty one may follow. */
  finalMessage(content: Uint8Array, hasEmptyBlock: boolean): Uint8Array {
    const dictionary = this.#window;
    const settings = { windowBits: this.#windowBits };
    const whole = deflateRawSync(content, dictionary.byteLength === 0 ? settings : { ...settings, dictionary });
    this.note(content);
    return hasEmptyBlock ? join(whole, Uint8Array.of(0)) : whole;
  }

  /** Takes what was sent some other way into the context. */
  note(content: Uint8Array): void {
    if (!this.#hasTakeover) return;
    this.#window = lastOf(join(this.#window, content), this.#windowBits);
  }
}

/** The receiving side of a peer: RFC 7692 §7.2.2. Throws what zlib throws where data is none. */
export class PeerInflater {
  readonly #hasTakeover: boolean;
  readonly #windowBits: number;
  #window: Uint8Array = new Uint8Array(0);

  constructor({ hasTakeover = true, windowBits = 15 }: { hasTakeover?: boolean; windowBits?: number } = {}) {
    this.#hasTakeover = hasTakeover;
    this.#windowBits = windowBits;
  }

  /** The content of a message, from its whole payload. */
  message(payload: Uint8Array): Uint8Array {
    // As a block that is not compressed, RFC 1951 §3.2.4: Deno knows no dictionary of raw data.
    const size = this.#window.byteLength;
    const header = Uint8Array.of(0, size, size >>> 8, ~size, ~size >>> 8);
    const context = size === 0 ? this.#window : join(header, this.#window);
    const whole = join(context, payload, TAIL);
    const content = inflateRawSync(whole, { windowBits: this.#windowBits, finishFlush: Z_SYNC_FLUSH }).subarray(size);
    if (this.#hasTakeover) this.#window = lastOf(join(this.#window, content), this.#windowBits);
    return new Uint8Array(content);
  }
}

function lastOf(bytes: Uint8Array, windowBits: number): Uint8Array {
  return bytes.subarray(Math.max(0, bytes.byteLength - (1 << windowBits)));
}

/** Bytes that compress well, and not to nothing: words at random. */
export function prose(random: { below(limit: number): number }, length: number): Uint8Array {
  const words = ['alpha ', 'beta ', 'gamma ', 'delta, ', 'epsilon. ', '{"id":', '"name":', '12345,', '67890}', '\n'];
  const bytes = new Uint8Array(length);
  for (let offset = 0; offset < length; ) {
    const word = Buffer.from(words[random.below(words.length)] as string).subarray(0, length - offset);
    bytes.set(word, offset);
    offset += word.byteLength;
  }
  return bytes;
}
