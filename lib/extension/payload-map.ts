// The simple case of an incoming transform: a function from bytes to bytes, piece by piece.

import { type FramePiece, UNKNOWN_LENGTH } from '../frame/frame-decoder.ts';
import type { IncomingTransform, MapPayload } from './extension.ts';

export class PayloadMap implements IncomingTransform {
  readonly #map: MapPayload;
  #piece: FramePiece | undefined;

  constructor(map: MapPayload) {
    this.#map = map;
  }

  push(piece: FramePiece): void {
    this.#piece = piece;
  }

  next(): FramePiece | undefined {
    const piece = this.#piece;
    if (piece === undefined) return undefined;
    this.#piece = undefined;
    const bytes = this.#map(piece.bytes.subarray(piece.start, piece.end), piece);
    if (!(bytes instanceof Uint8Array)) throw new TypeError('An extension has given something that is no Uint8Array');
    // Bytes that are given as they were taken are lent as those were.
    const { payloadLeft: _, ...rest } = piece;
    return { ...rest, payloadLength: UNKNOWN_LENGTH, bytes, start: 0, end: bytes.byteLength };
  }
}
