// Messages that carry their number and a pattern, so that whoever receives them knows that each came once, whole and in order. Shared by the specs and
// the peer that runs in a process of its own.

import { KEY, wireHeader } from './frames.ts';

// Whole batches are written at once: a write for each tiny message would measure the peer, not the engine.
const BATCH = 64 * 1024;

/** The payload number `index` of `size` bytes (at least 4). */
export function numberedPayload(size: number, index: number): Buffer {
  const payload = Buffer.alloc(size);
  for (let at = 4; at < size; at++) payload[at] = (at * 31) & 0xff;
  payload.writeUInt32BE(index, 0);
  return payload;
}

/** Makes the wire bytes of such messages, in batches, as a client sends them (masked) or as a server does. */
export class NumberedFrames {
  /** Messages in a full batch. */
  readonly batch: number;
  readonly #size: number;
  readonly #header: Uint8Array;
  readonly #tail: Buffer;
  readonly #key: Uint8Array;

  constructor(size: number, role: 'client' | 'server') {
    this.#size = size;
    this.#key = role === 'client' ? KEY : new Uint8Array(4);
    const payload = numberedPayload(size, 0);
    this.#header = wireHeader({ opcode: 2, payload, ...(role === 'client' ? { maskingKey: KEY } : undefined) });
    this.#tail = Buffer.from(payload.map((byte, at) => byte ^ (this.#key[at & 3] as number)));
    this.batch = Math.max(1, Math.floor(BATCH / (this.frameSize + 1)));
  }

  /** The bytes of one frame on the wire. */
  get frameSize(): number {
    return this.#header.byteLength + this.#size;
  }

  /** The messages `[first, first + count)`. */
  make(first: number, count: number): Buffer {
    const bytes = Buffer.allocUnsafe(this.frameSize * count);
    const key = Buffer.from(this.#key).readUInt32BE(0);
    for (let index = 0; index < count; index++) {
      const start = index * this.frameSize;
      bytes.set(this.#header, start);
      bytes.set(this.#tail, start + this.#header.byteLength);
      bytes.writeUInt32BE(((first + index) ^ key) >>> 0, start + this.#header.byteLength);
    }
    return bytes;
  }
}

/** Checks a byte stream of numbered frames, in pieces of any size. */
export class NumberedChecker {
  readonly #frames: NumberedFrames;
  readonly #count: number;
  #expected: Buffer = Buffer.alloc(0);
  #offset = 0;
  #next = 0;
  #checked = 0;

  constructor(size: number, role: 'client' | 'server', count: number) {
    this.#frames = new NumberedFrames(size, role);
    this.#count = count;
  }

  /** Bytes that have come and were as expected. */
  get checked(): number {
    return this.#checked;
  }

  /** Whether all messages have come. */
  get isDone(): boolean {
    return this.#next === this.#count && this.#offset === this.#expected.byteLength;
  }

  /** Takes the next bytes; gives what stands behind the last message. Throws when a byte is not the expected one. */
  push(bytes: Buffer): Buffer {
    let start = 0;
    while (start < bytes.byteLength && !this.isDone) {
      if (this.#offset === this.#expected.byteLength) this.#advance();
      const length = Math.min(bytes.byteLength - start, this.#expected.byteLength - this.#offset);
      if (bytes.compare(this.#expected, this.#offset, this.#offset + length, start, start + length) !== 0) {
        throw new Error(`Byte ${this.#checked} or one of the ${length} behind it is not the expected one`);
      }
      start += length;
      this.#offset += length;
      this.#checked += length;
    }
    return bytes.subarray(start);
  }

  #advance(): void {
    const count = Math.min(this.#frames.batch, this.#count - this.#next);
    this.#expected = this.#frames.make(this.#next, count);
    this.#next += count;
    this.#offset = 0;
  }
}
