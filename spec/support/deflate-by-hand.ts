// Compressed messages by hand: blocks of DEFLATE (RFC 1951) bit by bit, and those of node:zlib, without a line of the library's own codec.

import { constants, deflateRawSync, inflateRawSync, type ZlibOptions } from 'node:zlib';
import * as assert from 'uvu/assert';
import { toBytes, type WireFrame } from './frames.ts';
import { headerOf, masked, RawClient, requestHead } from './raw-client.ts';

const MiB = 1024 * 1024;
const finishFlush = constants.Z_SYNC_FLUSH;
const TAIL: Uint8Array = Uint8Array.of(0x00, 0x00, 0xff, 0xff);

/** RFC 1951 §3.2.4: an empty stored block, from its first bit at the start of a byte. */
export const EMPTY_STORED: Uint8Array = Uint8Array.of(0x00, ...TAIL);

/** A client that has agreed on permessage-deflate. */
export async function openDeflating(port: number, parameters = '', target = '/'): Promise<RawClient> {
  const client = await RawClient.connect(port);
  const headers = { 'Sec-WebSocket-Extensions': `permessage-deflate${parameters}` };
  client.send(requestHead(port, { target, headers }));
  const answer = headerOf(await client.accepted(), 'sec-websocket-extensions') ?? 'nothing';
  assert.ok(answer.startsWith('permessage-deflate'), `${answer} is agreed on`);
  return client;
}

/** A frame as a client sends it: by default the only one of a binary message, compressed. */
export function compressed(payload: Uint8Array, frame: Partial<WireFrame> = {}): Uint8Array {
  return masked({ opcode: 2, rsv: 0x40, ...frame, payload });
}

/** The payload of a compressed message. A `dictionary` is what came before it: the context that was taken over. */
export function deflated(plain: Uint8Array | string, options: ZlibOptions = {}): Buffer {
  return withoutTail(deflateRawSync(toBytes(plain), { ...options, finishFlush }));
}

/** What a compressed payload stands for. */
export function inflated(payload: Uint8Array, options: ZlibOptions = {}): Buffer {
  return inflateRawSync(Buffer.concat([payload, TAIL]), { ...options, finishFlush });
}

/** A message of so many mebibytes of zeros, as a payload of some thousand bytes for each. */
export function zeros(mebibytes: number): Buffer {
  const plain = new Uint8Array(MiB);
  const first = deflateRawSync(plain, { level: 9, finishFlush });
  // Behind the first everything that it can refer to is zeros: each further one has the same bytes.
  const further = deflateRawSync(plain, { level: 9, finishFlush, dictionary: plain.subarray(0, 32 * 1024) });
  return withoutTail(Buffer.concat([first, ...Array<Buffer>(mebibytes - 1).fill(further)]));
}

function withoutTail(bytes: Buffer): Buffer {
  assert.equal([...bytes.subarray(-TAIL.byteLength)], [...TAIL]);
  return bytes.subarray(0, -TAIL.byteLength);
}

/** As much of a pattern as fits in so many bytes, whole ones of it. */
export function repeated(pattern: Uint8Array, size: number): Buffer {
  return Buffer.alloc(Math.floor(size / pattern.byteLength) * pattern.byteLength, pattern);
}

/** Writes bits as RFC 1951 §3.1.1 packs them: the least significant of a byte first. */
export class Bits {
  readonly #bits: number[] = [];

  /** A number, its least significant bit first. */
  put(value: number, count: number): this {
    for (let bit = 0; bit < count; bit++) this.#bits.push((value >> bit) & 1);
    return this;
  }

  /** A Huffman code, its most significant bit first. */
  code(digits: string): this {
    for (const digit of digits) this.#bits.push(Number(digit));
    return this;
  }

  /** The same bits so many times. */
  times(count: number): this {
    const bits = [...this.#bits];
    for (let time = 1; time < count; time++) this.#bits.push(...bits);
    return this;
  }

  toBytes(): Uint8Array {
    const bytes = new Uint8Array(Math.ceil(this.#bits.length / 8));
    for (const [at, bit] of this.#bits.entries()) bytes[at >> 3] = (bytes[at >> 3] as number) | (bit << (at & 7));
    return bytes;
  }
}

/** RFC 1951 §3.2.6: the header of a block with fixed codes. */
export function fixedBlock(final = 0): Bits {
  return new Bits().put(final, 1).put(1, 2);
}

/** Eight blocks of dynamic codes that hold nothing (RFC 1951 §3.2.7), of 90 bits each: much to set up, nothing to give. */
export function emptyDynamicBlocks(): Uint8Array {
  const lengths = new Map([
    [1, 1],
    [18, 1],
  ]);
  const order = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1];
  const bits = new Bits()
    .put(0, 1)
    .put(2, 2)
    .put(0, 5)
    .put(0, 5)
    .put(order.length - 4, 4);
  for (const symbol of order) bits.put(lengths.get(symbol) ?? 0, 3);
  // 256 unused codes, then a code of one bit for the end of the block, and one for a distance; the end.
  bits
    .code('1')
    .put(138 - 11, 7)
    .code('1')
    .put(118 - 11, 7)
    .code('0')
    .code('0')
    .code('0');
  return bits.times(8).toBytes();
}
