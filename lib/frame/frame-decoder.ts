// Bytes in, frames out: RFC 6455 §5.2 to §5.5 as a pull parser. A chunk is pushed, then pieces of frames are taken one
// by one, so that whoever takes them can stop at any of them and go on later. It keeps no payload (but of a control
// frame, at most 125 bytes), allocates nothing for bytes that have not come, and never throws for what a peer sends: it sets
// `fault` and stops.
// It knows one rule beyond single frames: the order of the frames of fragmented messages (§5.4).

import { ON_HEAP } from '../bytes/allocate.ts';
import { pinsMuch, SHARED_MEMORY } from '../bytes/byte-queue.ts';
import { isMaskedByCopies, maskedCopy, maskInPlace } from '../bytes/mask.ts';
import { toPlainBytes } from '../bytes/plain-bytes.ts';
import { type ErrorCode, type Fault, LimitError, RemoteProtocolError } from '../error.ts';
import { MAX_CONTROL_PAYLOAD, type Role } from './frame.ts';
import { FIN_BIT, MASK_BIT, MAX_HEADER_SIZE, OPCODE_BITS, RSV_BITS, readUint32 } from './header.ts';
import { isControlOpcode, isOpcode, Opcode } from './opcode.ts';

/** Options of a {@link FrameDecoder}. */
export interface FrameDecoderOptions {
  /** The role of this side: a server takes masked frames only, a client takes only frames that are not masked. */
  readonly role: Role;
  /** The longest payload of a frame, in bytes. Default: no limit. */
  readonly maxFrameSize?: number;
  /** The RSV bits that may be set in any frame, as they stand in its first byte. Default: 0. */
  readonly rsvBits?: number;
  /** The RSV bits of data frames that negotiated extensions have defined, in the same way. Default: 0. */
  readonly extensionBits?: number;
}

/** {@link FramePiece.payloadLength} of a frame that an extension has changed: its length is known when it has come to its end. */
export const UNKNOWN_LENGTH = -1;

/** A part of a frame: `bytes[start, end)` is what has come of its payload, not masked. */
export interface FramePiece {
  /** The opcode of its frame. */
  readonly opcode: Opcode;
  /** Whether its frame is the last of a message. */
  readonly fin: boolean;
  /** RSV1 to RSV3 as they stand in the first byte of the frame (0x40, 0x20, 0x10). */
  readonly rsv: number;
  /** The length of the whole frame's payload, as its header declares it; -1 behind an extension, where it is known only at its end. */
  readonly payloadLength: number;
  /** Whether this is the first piece of its frame. */
  readonly isFirst: boolean;
  /** Whether this is the last piece of its frame. The pieces of a control frame are always joined to one. */
  readonly isLast: boolean;
  /** A buffer with the payload somewhere in it; often more than this piece. */
  readonly bytes: Uint8Array;
  /** Where the piece begins in `bytes`. */
  readonly start: number;
  /** Where it ends; not included. */
  readonly end: number;
  /** Whether the bytes will be used again for others: who keeps them copies them. */
  readonly isLent: boolean;
  /** How many bytes of the frame's payload are behind this piece, where that is known. */
  readonly payloadLeft?: number;
}

type State = 'first-byte' | 'second-byte' | 'extended-length' | 'masking-key' | 'payload';

const EMPTY = new Uint8Array(0);

/**
 * Decodes the frames of one direction of a connection.
 *
 * @example
 * const decoder = new FrameDecoder({ role: 'server', maxFrameSize: 65_536 });
 * decoder.push(chunk);
 * for (let piece = decoder.next(); piece !== undefined; piece = decoder.next()) {
 *   console.log(piece.opcode, piece.bytes.subarray(piece.start, piece.end));
 * }
 */
export class FrameDecoder {
  readonly #isServer: boolean;
  readonly #maxFrameSize: number;
  readonly #rsvBits: number;
  readonly #extensionBits: number;

  #chunk: Uint8Array = EMPTY;
  #position = 0;
  #isOwned = false;
  #isLent = false;
  // A copy of a part of the chunk, which begins there.
  #block: Uint8Array = EMPTY;
  #blockStart = 0;
  #isStopped = false;
  #fault: Fault | undefined;

  #state: State = 'first-byte';
  #firstByte = 0;
  #opcode: Opcode = Opcode.CONTINUATION;
  #lengthSize = 0;
  #bytesLeft = 0; // of the extended length or the masking key
  #payloadLength = 0;
  #payloadRead = 0;
  #maskingKey = 0;
  #inMessage = false;
  #isFirst = true;
  #control: Uint8Array | undefined;

  constructor(options: FrameDecoderOptions) {
    this.#isServer = options.role === 'server';
    this.#maxFrameSize = options.maxFrameSize ?? Number.MAX_SAFE_INTEGER;
    this.#rsvBits = options.rsvBits ?? 0;
    this.#extensionBits = options.extensionBits ?? 0;
  }

  /** What the peer did wrong. Once set, nothing more is decoded. */
  get fault(): Fault | undefined {
    return this.#fault;
  }

  /** Bytes of the chunk that have not been decoded yet. */
  get unread(): number {
    return this.#chunk.byteLength - this.#position;
  }

  /** Whether what came so far ends between two frames. */
  get isBetweenFrames(): boolean {
    return this.#state === 'first-byte';
  }

  /**
   * Hands in the next chunk. What is left of the one before must have been decoded: call {@link next} until it gives
   * undefined.
   *
   * @param isOwned Whether the chunk's bytes may be changed: then they are unmasked in place, otherwise in a copy.
   * @param isLent Whether the chunk will be used again for others, as soon as {@link keepUnread} was called: its pieces say so.
   * @throws Error when the chunk before is not used up.
   */
  push(chunk: Uint8Array, isOwned = false, isLent = false): void {
    if (this.#isStopped) return;
    if (this.unread > 0) throw new Error('Cannot push a chunk: the one before is not used up');
    // The `slice` of Node's Buffer is a view, which would be unmasked in place.
    this.#chunk = toPlainBytes(chunk);
    this.#position = 0;
    this.#isOwned = isOwned;
    this.#isLent = isLent;
  }

  /** Copies what is left of a chunk that was lent. */
  keepUnread(): void {
    if (!this.#isLent || this.unread === 0) return;
    this.#chunk = this.#chunk.slice(this.#position);
    this.#block = EMPTY;
    this.#position = 0;
    this.#isOwned = true;
    this.#isLent = false;
  }

  /** Drops what is left of the chunk and decodes nothing more. */
  stop(): void {
    this.#isStopped = true;
    this.#release();
    this.#control = undefined;
  }

  /**
   * Takes the next piece of a frame; undefined when the chunk is used up, or after a fault.
   *
   * @param maxSize The most bytes of payload to give (a control frame comes whole nevertheless).
   */
  next(maxSize: number = Number.MAX_SAFE_INTEGER): FramePiece | undefined {
    if (this.#isStopped) return undefined;
    if (this.#state === 'first-byte' && this.unread >= MAX_HEADER_SIZE) this.#readHeader();
    while (this.#state !== 'payload') {
      if (this.#position >= this.#chunk.byteLength) return this.#release();
      this.#readHeaderByte(this.#chunk[this.#position++] as number);
    }
    const piece = isControlOpcode(this.#opcode) ? this.#readControlPayload() : this.#readPayload(maxSize);
    if (this.#position >= this.#chunk.byteLength) this.#release();
    return piece;
  }

  // Most headers come whole: they are read without asking at each byte which one it is.
  #readHeader(): void {
    const chunk = this.#chunk;
    let position = this.#position;
    this.#readFirstByte(chunk[position++] as number);
    if (!this.#isStopped) this.#readSecondByte(chunk[position++] as number);
    while (this.#state === 'extended-length' && !this.#isStopped) this.#readExtendedLength(chunk[position++] as number);
    if (this.#isStopped) return;
    if (this.#isServer) {
      this.#maskingKey = readUint32(chunk, position);
      this.#state = 'payload';
      position += 4;
    }
    this.#position = position;
  }

  #readHeaderByte(byte: number): void {
    switch (this.#state) {
      case 'first-byte':
        return this.#readFirstByte(byte);
      case 'second-byte':
        return this.#readSecondByte(byte);
      case 'extended-length':
        return this.#readExtendedLength(byte);
      default:
        this.#maskingKey = ((this.#maskingKey << 8) | byte) >>> 0;
        if (--this.#bytesLeft === 0) this.#state = 'payload';
    }
  }

  #readFirstByte(byte: number): void {
    const opcode = byte & OPCODE_BITS;
    // RFC 6455 §5.2: "MUST be 0 unless an extension is negotiated that defines meanings for non-zero values. If a nonzero
    // value is received and none of the negotiated extensions defines the meaning of such a nonzero value, the receiving
    // endpoint MUST _Fail the WebSocket Connection_."
    const extensionBits = isControlOpcode(opcode) ? 0 : this.#extensionBits;
    if ((byte & RSV_BITS & ~(this.#rsvBits | extensionBits)) !== 0) {
      return this.#fail('ERR_WS_UNEXPECTED_RSV', 'Reserved bits are set without an extension that defines them');
    }
    // "If an unknown opcode is received, the receiving endpoint MUST _Fail the WebSocket Connection_."
    if (!isOpcode(opcode)) return this.#fail('ERR_WS_UNKNOWN_OPCODE', `Opcode ${opcode} is reserved`);
    if (isControlOpcode(opcode)) {
      // RFC 6455 §5.5: "All control frames MUST have a payload length of 125 bytes or less and MUST NOT be fragmented."
      if ((byte & FIN_BIT) === 0) return this.#fail('ERR_WS_CONTROL_FRAME_FRAGMENTED', 'Control frame is fragmented');
    } else if (opcode === Opcode.CONTINUATION) {
      if (!this.#inMessage) {
        return this.#fail('ERR_WS_UNEXPECTED_CONTINUATION', 'Continuation frame without a message to continue');
      }
    } else if (this.#inMessage) {
      // RFC 6455 §5.4: "The fragments of one message MUST NOT be interleaved between the fragments of another message".
      return this.#fail('ERR_WS_EXPECTED_CONTINUATION', 'New message inside a fragmented message');
    }
    this.#firstByte = byte;
    this.#opcode = opcode;
    this.#state = 'second-byte';
  }

  #readSecondByte(byte: number): void {
    const isMasked = (byte & MASK_BIT) !== 0;
    // RFC 6455 §5.1: "The server MUST close the connection upon receiving a frame that is not masked." "A client MUST close
    // a connection if it detects a masked frame."
    if (isMasked !== this.#isServer) {
      return this.#isServer
        ? this.#fail('ERR_WS_MISSING_MASK', 'Frame from a client is not masked')
        : this.#fail('ERR_WS_UNEXPECTED_MASK', 'Frame from a server is masked');
    }
    const length = byte & ~MASK_BIT;
    if (isControlOpcode(this.#opcode) && length > MAX_CONTROL_PAYLOAD) {
      return this.#fail('ERR_WS_CONTROL_FRAME_TOO_LONG', 'Control frame has over 125 bytes of payload');
    }
    this.#lengthSize = length === 126 ? 2 : length === 127 ? 8 : 0;
    if (this.#lengthSize === 0) return this.#endLength(length);
    this.#payloadLength = 0;
    this.#bytesLeft = this.#lengthSize;
    this.#state = 'extended-length';
  }

  #readExtendedLength(byte: number): void {
    // RFC 6455 §5.2: "a 64-bit unsigned integer (the most significant bit MUST be 0)".
    if (this.#bytesLeft === 8 && byte >= 0x80) {
      return this.#fail('ERR_WS_INVALID_LENGTH', 'Most significant bit of a 64-bit length is set');
    }
    // Above 2^53 this loses its last digits, but never becomes small again: it stays over every limit.
    this.#payloadLength = this.#payloadLength * 256 + byte;
    if (--this.#bytesLeft > 0) return;
    if (this.#payloadLength < (this.#lengthSize === 2 ? 126 : 65536)) {
      return this.#fail('ERR_WS_LENGTH_NOT_MINIMAL', 'Payload length is not in its shortest form');
    }
    this.#endLength(this.#payloadLength);
  }

  #endLength(length: number): void {
    // RFC 6455 §10.4: the declared length is held against the limit before a byte of the payload is taken.
    if (length > this.#frameLimit && !isControlOpcode(this.#opcode)) {
      this.#fault = new LimitError('ERR_WS_FRAME_TOO_LONG', `Frame of ${length} bytes is over the limit`);
      return this.stop();
    }
    this.#payloadLength = length;
    this.#payloadRead = 0;
    this.#isFirst = true;
    this.#maskingKey = 0;
    this.#bytesLeft = 4;
    this.#state = this.#isServer ? 'masking-key' : 'payload';
  }

  // What an extension has encoded may be longer than what it stands for (incompressible data in a compressed frame): a message at the limit must not fail for that.
  get #frameLimit(): number {
    const limit = this.#maxFrameSize;
    return (this.#firstByte & this.#extensionBits) === 0 ? limit : limit + Math.floor(limit / 8) + 64;
  }

  #readPayload(maxSize: number): FramePiece | undefined {
    const start = this.#position;
    const left = this.#payloadLength - this.#payloadRead;
    // Whoever counts a budget down may come to a fraction, or below zero.
    const size = Math.min(left, this.#chunk.byteLength - start, maxSize > 0 ? Math.ceil(maxSize) : 0);
    // The first piece tells of the frame even before any of its payload has come.
    if (size === 0 && left > 0 && !this.#isFirst) return undefined;
    const isFirst = this.#isFirst;
    const isLast = size === left;
    let bytes = this.#chunk;
    let isLent = this.#isLent;
    let from = start;
    const block = isLent ? this.#copyBlock(start, size) : undefined;
    if (block !== undefined) {
      bytes = block;
      from = start - this.#blockStart;
      isLent = false;
    }
    if (this.#isServer && size > 0) {
      if (this.#isOwned && !(isFirst && isLast && this.#isCopiedOnce(bytes, size, isLent))) {
        maskInPlace(bytes, from, from + size, this.#maskingKey, this.#payloadRead);
      } else {
        bytes = maskedCopy(bytes, from, from + size, this.#maskingKey, this.#payloadRead);
        from = 0;
        isLent = false;
      }
    }
    this.#position += size;
    this.#payloadRead += size;
    this.#isFirst = false;
    if (isLast) this.#endFrame();
    return this.#piece(isFirst, isLast, bytes, from, from + size, isLent);
  }

  // A whole message that has to be copied is masked on the way, unless that is done where it is.
  #isCopiedOnce(bytes: Uint8Array, size: number, isLent: boolean): boolean {
    const isMessage = !this.#inMessage && (this.#firstByte & FIN_BIT) !== 0;
    return isMessage && (isLent || (size >= SHARED_MEMORY && pinsMuch(bytes, size))) && isMaskedByCopies(bytes, size);
  }

  // Of a chunk that was lent, small payloads that come close together are copied together.
  #copyBlock(start: number, size: number): Uint8Array | undefined {
    if (start >= this.#blockStart && start + size <= this.#blockStart + this.#block.byteLength) return this.#block;
    if (size <= ON_HEAP || size > SHARED_MEMORY / 4 || this.unread < 2 * size) return undefined;
    this.#block = this.#chunk.slice(start, start + SHARED_MEMORY);
    this.#blockStart = start;
    return this.#block;
  }

  // Control frames are given whole: their payload is at most 125 bytes.
  #readControlPayload(): FramePiece | undefined {
    const length = this.#payloadLength;
    const size = Math.min(length - this.#payloadRead, this.#chunk.byteLength - this.#position);
    const target = this.#payloadRead === 0 ? new Uint8Array(size) : (this.#control as Uint8Array);
    const bytes = grow(target, this.#payloadRead + size);
    bytes.set(this.#chunk.subarray(this.#position, this.#position + size), this.#payloadRead);
    if (this.#isServer) {
      maskInPlace(bytes, this.#payloadRead, this.#payloadRead + size, this.#maskingKey, this.#payloadRead);
    }
    this.#position += size;
    this.#payloadRead += size;
    this.#control = bytes;
    if (this.#payloadRead < length) return undefined;
    this.#control = undefined;
    this.#state = 'first-byte';
    return this.#piece(true, true, bytes, 0, length, false);
  }

  // A chunk that is used up is let go at once: an idle connection keeps none.
  #release(): undefined {
    this.#chunk = EMPTY;
    this.#block = EMPTY;
    this.#position = 0;
    return undefined;
  }

  #endFrame(): void {
    this.#state = 'first-byte';
    this.#inMessage = (this.#firstByte & FIN_BIT) === 0;
  }

  #piece(
    isFirst: boolean,
    isLast: boolean,
    bytes: Uint8Array,
    start: number,
    end: number,
    isLent: boolean,
  ): FramePiece {
    return {
      opcode: this.#opcode,
      fin: (this.#firstByte & FIN_BIT) !== 0,
      rsv: this.#firstByte & RSV_BITS,
      payloadLength: this.#payloadLength,
      isFirst,
      isLast,
      bytes,
      start,
      end,
      isLent,
      payloadLeft: this.#payloadLength - this.#payloadRead,
    };
  }

  #fail(code: ErrorCode, message: string): void {
    this.#fault = new RemoteProtocolError(code, message);
    this.stop();
  }
}

function grow(bytes: Uint8Array, size: number): Uint8Array {
  if (bytes.byteLength >= size) return bytes;
  const grown = new Uint8Array(size);
  grown.set(bytes);
  return grown;
}
