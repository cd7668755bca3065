// Pieces of frames in, whole frames out: for who wants every frame as it is (raw sessions, transforms).

import { ByteQueue, pinsMuch } from '../bytes/byte-queue.ts';
import type { Frame } from './frame.ts';
import type { FramePiece } from './frame-decoder.ts';

/** Joins the pieces of each frame. No limit is its own: the decoder holds each frame against `maxFrameSize`. */
export class FrameAssembler {
  readonly #queue: ByteQueue = new ByteQueue();

  /** Bytes kept of a frame that is not whole yet. */
  get retained(): number {
    return this.#queue.length;
  }

  /** Takes the next piece. Gives the frame that it completes, undefined when it completes none. */
  push(piece: FramePiece): Frame | undefined {
    if (piece.isFirst && piece.isLast) return toFrame(piece, takeBytes(piece));
    this.#queue.append(piece.bytes, piece.start, piece.end);
    return piece.isLast ? toFrame(piece, this.#queue.join()) : undefined;
  }

  /** Lets go of a frame that is not whole. */
  clear(): void {
    this.#queue.clear();
  }
}

/** The bytes of a piece, to be kept: a small piece must not keep a chunk far larger than itself alive. */
export function takeBytes({ bytes, start, end }: FramePiece): Uint8Array {
  return pinsMuch(bytes, end - start) ? bytes.slice(start, end) : bytes.subarray(start, end);
}

function toFrame({ fin, rsv, opcode }: FramePiece, payload: Uint8Array): Frame {
  return { fin, rsv1: (rsv & 0x40) !== 0, rsv2: (rsv & 0x20) !== 0, rsv3: (rsv & 0x10) !== 0, opcode, payload };
}
