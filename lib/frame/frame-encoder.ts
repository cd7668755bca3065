// Frames in, bytes out: RFC 6455 §5.2 and §5.3. Small payloads are written behind their header into the queue's slab, large
// ones are queued as they are (a server's) or masked in a copy (a client's): the caller's bytes are never changed.

import { maskedCopy, maskInPlace } from '../bytes/mask.ts';
import type { OutputQueue } from '../bytes/output-queue.ts';
import { ITEM_OVERHEAD } from '../limits.ts';
import { type Frame, MAX_CONTROL_PAYLOAD, type Role } from './frame.ts';
import { FIN_BIT, headerSize, MAX_HEADER_SIZE, writeHeader } from './header.ts';
import { isControlOpcode, isOpcode, type Opcode } from './opcode.ts';

/** Payloads up to this size are copied behind their header: cheaper than one more piece to write. */
const COPY_UP_TO = 4096;
// Up to here a loop over an ASCII text is faster than a call of TextEncoder.
const SHORT_TEXT = 48;

const encoder: TextEncoder = new TextEncoder();

/** Options of a {@link FrameEncoder}. */
export interface FrameEncoderOptions {
  /** The role of this side: a client masks every frame, a server none. */
  readonly role: Role;
  /**
   * Gives the masking key of a client's next frame as an unsigned 32-bit number. RFC 6455 §5.3: it must come "from a strong
   * source of entropy" and be fresh for each frame. Needed in the client's role only.
   */
  readonly maskingKey?: () => number;
}

/**
 * Encodes the frames of one direction of a connection into a queue.
 *
 * @example
 * const queue = new OutputQueue(new Slab());
 * const encoder = new FrameEncoder(queue, { role: 'client', maskingKey: () => crypto.getRandomValues(new Uint32Array(1))[0] ?? 0 });
 * encoder.encode({ fin: true, rsv1: false, rsv2: false, rsv3: false, opcode: Opcode.PING, payload: new Uint8Array(0) });
 */
export class FrameEncoder {
  readonly #maskingKey: (() => number) | undefined;
  readonly #queue: OutputQueue;

  /** @throws TypeError when a client has no source of masking keys. */
  constructor(queue: OutputQueue, options: FrameEncoderOptions) {
    if (options.role === 'client' && options.maskingKey === undefined) {
      throw new TypeError('Cannot make the frame encoder of a client: it has no source of masking keys');
    }
    this.#queue = queue;
    this.#maskingKey = options.role === 'client' ? options.maskingKey : undefined;
  }

  /**
   * Encodes one frame. Its payload may be queued as it is: it must not change until it is written.
   *
   * @throws RangeError when its opcode is reserved, or when it is a control frame that is fragmented or over 125 bytes.
   */
  encode(frame: Frame): void {
    assertFrame(frame);
    const rsv = (frame.rsv1 ? 0x40 : 0) | (frame.rsv2 ? 0x20 : 0) | (frame.rsv3 ? 0x10 : 0);
    this.encodeBytes((frame.fin ? FIN_BIT : 0) | rsv | frame.opcode, frame.payload);
  }

  /** Encodes a frame whose first byte (FIN, RSV and opcode) is given. */
  encodeBytes(firstByte: number, payload: Uint8Array): void {
    const key = this.#maskingKey?.();
    if (payload.byteLength <= COPY_UP_TO) {
      const queue = this.#queue;
      queue.reserve(MAX_HEADER_SIZE + payload.byteLength);
      const { bytes, position } = queue.slab;
      const start = writeHeader(bytes, position, firstByte, payload.byteLength, key);
      bytes.set(payload, start);
      this.#commit(position, start, start + payload.byteLength, key);
    } else {
      this.#encodeLarge(firstByte, payload, key);
    }
  }

  /** Encodes a text message as one frame. Lone surrogates become U+FFFD, as WHATWG's `USVString` has it. */
  encodeText(text: string, opcode: Opcode): void {
    const firstByte = FIN_BIT | opcode;
    const key = this.#maskingKey?.();
    if (text.length > COPY_UP_TO) return this.#encodeLarge(firstByte, encoder.encode(text), key);
    const queue = this.#queue;
    // A UTF-16 code unit is at most three bytes of UTF-8.
    queue.reserve(MAX_HEADER_SIZE + text.length * 3);
    const { bytes, position } = queue.slab;
    // The header comes first but depends on the length: most texts are ASCII, so its size is taken from theirs.
    const guess = position + headerSize(text.length, key !== undefined);
    const length = writeText(text, bytes, guess);
    const start = position + headerSize(length, key !== undefined);
    if (start !== guess) bytes.copyWithin(start, guess, guess + length);
    writeHeader(bytes, position, firstByte, length, key);
    this.#commit(position, start, start + length, key);
  }

  #commit(position: number, start: number, end: number, key: number | undefined): void {
    if (key !== undefined) maskInPlace(this.#queue.slab.bytes, start, end, key);
    this.#queue.commit(end - position, ITEM_OVERHEAD);
  }

  #encodeLarge(firstByte: number, payload: Uint8Array, key: number | undefined): void {
    const queue = this.#queue;
    queue.reserve(MAX_HEADER_SIZE);
    const { bytes, position } = queue.slab;
    const end = writeHeader(bytes, position, firstByte, payload.byteLength, key);
    queue.commit(end - position, ITEM_OVERHEAD);
    // The caller's bytes are not ours to change.
    queue.appendPayload(key === undefined ? payload : maskedCopy(payload, 0, payload.byteLength, key));
  }
}

// RFC 6455 §5.5: "All control frames MUST have a payload length of 125 bytes or less and MUST NOT be fragmented."
function assertFrame({ opcode, fin, payload }: Frame): void {
  if (!isOpcode(opcode)) throw new RangeError(`Cannot encode a frame: opcode ${opcode} is reserved`);
  if (!isControlOpcode(opcode)) return;
  if (!fin) throw new RangeError('Cannot encode a control frame: it is fragmented');
  if (payload.byteLength > MAX_CONTROL_PAYLOAD) {
    throw new RangeError(`Cannot encode a control frame of ${payload.byteLength} bytes: at most 125 are allowed`);
  }
}

function writeText(text: string, target: Uint8Array, offset: number): number {
  if (text.length <= SHORT_TEXT) {
    let index = 0;
    for (; index < text.length; index++) {
      const unit = text.charCodeAt(index);
      if (unit >= 0x80) break;
      target[offset + index] = unit;
    }
    if (index === text.length) return index;
  }
  return encoder.encodeInto(text, target.subarray(offset)).written;
}
