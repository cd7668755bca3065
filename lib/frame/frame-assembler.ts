// Pieces of frames in, whole frames out: for who wants every frame as it is (raw sessions, transforms).

import { copyOf } from '../bytes/allocate.ts';
import { ByteQueue, pinsMuch } from '../bytes/byte-queue.ts';
import { LimitError } from '../error.ts';
import type { Frame } from './frame.ts';
import { type FramePiece, UNKNOWN_LENGTH } from './frame-decoder.ts';

/** Joins the pieces of each frame. What a header declares is the decoder's to judge; what an extension makes of it is held against the limit here. */
export class FrameAssembler {
  readonly #queue: ByteQueue = new ByteQueue();
  readonly #maxFrameSize: number;
  #fault: LimitError | undefined;

  constructor(maxFrameSize: number = Number.MAX_SAFE_INTEGER) {
    this.#maxFrameSize = maxFrameSize;
  }

  /** What was wrong with the frame. Once set, nothing more is assembled. */
  get fault(): LimitError | undefined {
    return this.#fault;
  }

  /** Bytes kept of a frame that is not whole yet. */
  get retained(): number {
    return this.#queue.length;
  }

  /** Takes the next piece. Gives the frame that it completes, undefined when it completes none. */
  push(piece: FramePiece): Frame | undefined {
    if (this.#fault !== undefined || this.#isTooLong(piece)) return undefined;
    if (piece.isFirst && piece.isLast) return toFrame(piece, takeBytes(piece));
    keepBytes(this.#queue, piece);
    return piece.isLast ? toFrame(piece, this.#queue.join()) : undefined;
  }

  /** Lets go of a frame that is not whole. */
  clear(): void {
    this.#queue.clear();
  }

  #isTooLong({ payloadLength, start, end }: FramePiece): boolean {
    if (payloadLength !== UNKNOWN_LENGTH || this.#queue.length + end - start <= this.#maxFrameSize) return false;
    this.#fault = new LimitError('ERR_WS_FRAME_TOO_LONG', `Frame is over the limit of ${this.#maxFrameSize} bytes`);
    this.clear();
    return true;
  }
}

/** The bytes of a piece, to be kept: a small piece must not keep a chunk far larger than itself alive. */
export function takeBytes({ bytes, start, end, isLent }: FramePiece): Uint8Array {
  return isLent || pinsMuch(bytes, end - start) ? copyOf(bytes, start, end) : bytes.subarray(start, end);
}

/** Keeps the bytes of a piece in a queue. */
export function keepBytes(queue: ByteQueue, piece: FramePiece): void {
  const { bytes, start, end, isLent } = piece;
  if (isLent) queue.appendCopy(bytes, start, end, piece.payloadLeft);
  else queue.append(bytes, start, end, piece.payloadLeft);
}

function toFrame({ fin, rsv, opcode }: FramePiece, payload: Uint8Array): Frame {
  return { fin, rsv1: (rsv & 0x40) !== 0, rsv2: (rsv & 0x20) !== 0, rsv3: (rsv & 0x10) !== 0, opcode, payload };
}
