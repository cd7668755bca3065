// Listens to one direction of a connection: a transform of bytes that passes them on unchanged and tells of the frames among them. Bytes are
// decoded as the receiving side would, but nothing is enforced: that is the engine's work.

import type { Fault } from '../error.ts';
import type { Role } from '../frame/frame.ts';
import { FrameDecoder, type FramePiece } from '../frame/frame-decoder.ts';
import { RSV_BITS } from '../frame/header.ts';
import { isControlOpcode, Opcode } from '../frame/opcode.ts';

/** A frame that went by. */
export interface TappedFrame {
  readonly opcode: Opcode;
  readonly fin: boolean;
  /** RSV1 to RSV3 as they stand in the first byte of the frame (0x40, 0x20, 0x10). */
  readonly rsv: number;
  readonly isMasked: boolean;
  readonly payloadLength: number;
  /** Whether it belongs to a text message. */
  readonly isText: boolean;
  /** How the payload begins, not masked. */
  readonly preview: Uint8Array;
}

/** A whole message that went by, in one frame or more. */
export interface TappedMessage {
  readonly isText: boolean;
  /** Whether an extension has changed the payload. */
  readonly isEncoded: boolean;
  readonly frames: number;
  readonly payloadLength: number;
  readonly preview: Uint8Array;
}

/** Is told what goes by. Must not throw. */
export interface WireListener {
  frame(frame: TappedFrame): void;
  /** Comes after the last frame of the message. */
  message(message: TappedMessage): void;
  /** From here on nothing can be decoded; the bytes are passed on nevertheless. */
  fault(fault: Fault): void;
}

/** How much of a payload is kept for its preview, in bytes. */
export const PREVIEW_SIZE = 256;

/**
 * Makes the tap of one direction.
 *
 * @param role The side that receives: 'server' for what a client sends.
 */
export function wireTap(role: Role, listener: WireListener): TransformStream<Uint8Array, Uint8Array> {
  const tap = new WireTap(role, listener);
  return new TransformStream({
    transform(chunk, controller) {
      tap.listen(chunk);
      controller.enqueue(chunk);
    },
  });
}

/** The beginning of bytes that come in pieces. */
class Preview {
  #bytes: Uint8Array = new Uint8Array(0);

  get bytes(): Uint8Array {
    return this.#bytes;
  }

  get isFull(): boolean {
    return this.#bytes.byteLength === PREVIEW_SIZE;
  }

  append({ bytes, start, end }: FramePiece): void {
    const size = Math.min(end - start, PREVIEW_SIZE - this.#bytes.byteLength);
    if (size === 0) return;
    const longer = new Uint8Array(this.#bytes.byteLength + size);
    longer.set(this.#bytes);
    longer.set(bytes.subarray(start, start + size), this.#bytes.byteLength);
    this.#bytes = longer;
  }
}

class WireTap {
  readonly #decoder: FrameDecoder;
  readonly #listener: WireListener;
  readonly #isMasked: boolean;
  #isOver = false;

  // Of the message: control frames may stand between its frames.
  #isText = false;
  #isEncoded = false;
  #frames = 0;
  #payloadLength = 0;
  #messagePreview = new Preview();

  // Of the frame of it that comes now.
  #framePreview = new Preview();
  #isTold = false;

  constructor(role: Role, listener: WireListener) {
    // Whether an extension defines a reserved bit is the engine's to judge.
    this.#decoder = new FrameDecoder({ role, rsvBits: RSV_BITS });
    this.#isMasked = role === 'server';
    this.#listener = listener;
  }

  listen(chunk: Uint8Array): void {
    if (this.#isOver) return;
    // The decoder unmasks in a copy: the chunk is not its own.
    this.#decoder.push(chunk);
    for (let piece = this.#decoder.next(); piece !== undefined; piece = this.#decoder.next()) this.#take(piece);
    const { fault } = this.#decoder;
    if (fault === undefined) return;
    this.#isOver = true;
    this.#listener.fault(fault);
  }

  #take(piece: FramePiece): void {
    if (isControlOpcode(piece.opcode)) {
      const preview = new Preview();
      preview.append(piece);
      this.#tellFrame(piece, false, preview);
      return;
    }
    if (piece.isFirst) this.#beginFrame(piece);
    this.#framePreview.append(piece);
    this.#messagePreview.append(piece);
    // A long frame is told of while it still comes.
    if (!this.#isTold && (piece.isLast || this.#framePreview.isFull)) {
      this.#isTold = true;
      this.#tellFrame(piece, this.#isText, this.#framePreview);
    }
    if (piece.isLast && piece.fin) this.#tellMessage();
  }

  #beginFrame({ opcode, rsv, payloadLength }: FramePiece): void {
    if (opcode !== Opcode.CONTINUATION) {
      this.#isText = opcode === Opcode.TEXT;
      this.#isEncoded = rsv !== 0;
      this.#frames = 0;
      this.#payloadLength = 0;
      this.#messagePreview = new Preview();
    }
    this.#frames++;
    this.#payloadLength += payloadLength;
    this.#framePreview = new Preview();
    this.#isTold = false;
  }

  #tellFrame({ opcode, fin, rsv, payloadLength }: FramePiece, isText: boolean, preview: Preview): void {
    const isMasked = this.#isMasked;
    this.#listener.frame({ opcode, fin, rsv, isMasked, payloadLength, isText, preview: preview.bytes });
  }

  #tellMessage(): void {
    this.#listener.message({
      isText: this.#isText,
      isEncoded: this.#isEncoded,
      frames: this.#frames,
      payloadLength: this.#payloadLength,
      preview: this.#messagePreview.bytes,
    });
  }
}
