// Extensions for the specs: ready to be agreed on, and transforms that show in what they give which of them was at work, and in which order.

import type { Extension, ExtensionTransform, IncomingTransform } from '../../lib/extension/extension.ts';
import type { AgreedExtension } from '../../lib/extension/extension-negotiation.ts';
import type { Frame } from '../../lib/frame/frame.ts';
import type { FramePiece } from '../../lib/frame/frame-decoder.ts';
import { toBytes } from './frames.ts';

/** An extension as the opening handshake has agreed on it. */
export function agreedOn(name: string, transform: ExtensionTransform, rsvBits = 0): AgreedExtension {
  return { name, rsvBits, text: name, open: () => transform };
}

/** An extension that accepts everything. */
export function installable(name: string, open: () => ExtensionTransform, rsvBits = 0): Extension {
  return { name, rsvBits, offer: () => [{}], accept: () => ({ parameters: {}, open }), confirm: () => open };
}

export function toFrame(opcode: number, payload: Uint8Array | string, parts: Partial<Frame> = {}): Frame {
  return { fin: true, rsv1: false, rsv2: false, rsv3: false, opcode, payload: toBytes(payload), ...parts } as Frame;
}

export function payloadOf({ bytes, start, end }: FramePiece): Uint8Array {
  return bytes.slice(start, end);
}

/** An incoming transform that gives for each piece another one. */
export class EachPiece implements IncomingTransform {
  readonly #change: (bytes: Uint8Array, piece: FramePiece) => Partial<FramePiece> | Uint8Array;
  #piece: FramePiece | undefined;

  constructor(change: (bytes: Uint8Array, piece: FramePiece) => Partial<FramePiece> | Uint8Array) {
    this.#change = change;
  }

  push(piece: FramePiece): void {
    this.#piece = piece;
  }

  next(): FramePiece | undefined {
    const piece = this.#piece;
    if (piece === undefined) return undefined;
    this.#piece = undefined;
    const changed = this.#change(piece.bytes.subarray(piece.start, piece.end), piece);
    if (!(changed instanceof Uint8Array)) return { ...piece, ...changed };
    return { ...piece, bytes: changed, start: 0, end: changed.byteLength, isLent: false };
  }
}

/** Adds so much to each byte that is sent and takes it away from each that comes; then multiplies by an odd number, or the other way round: the order shows. */
export function affine(add: number, times: number): ExtensionTransform {
  const inverse = [...Array(256).keys()].find((number) => (number * times) % 256 === 1) ?? 0;
  return {
    outgoing: (frame) => ({ ...frame, payload: frame.payload.map((byte) => (byte + add) * times) }),
    incoming: new EachPiece((bytes) => Uint8Array.from(bytes, (byte) => byte * inverse - add)),
  };
}

/** Lends all that it gives from one buffer, which it fills with something else at the next call: as an inflater does. */
export class Lending implements IncomingTransform {
  readonly #output = new Uint8Array(1024);
  #piece: FramePiece | undefined;
  #start = 0;

  get unread(): number {
    return this.#piece === undefined ? 0 : Math.max(1, this.#piece.end - this.#start);
  }

  push(piece: FramePiece): void {
    this.#piece = piece;
    this.#start = piece.start;
  }

  next(maxSize: number): FramePiece | undefined {
    this.#output.fill(0xee);
    const piece = this.#piece;
    if (piece === undefined) return undefined;
    const size = Math.min(piece.end - this.#start, maxSize, this.#output.byteLength);
    this.#output.set(piece.bytes.subarray(this.#start, this.#start + size));
    const isFirst = piece.isFirst && this.#start === piece.start;
    this.#start += size;
    const isDone = this.#start === piece.end;
    if (isDone) this.#piece = undefined;
    const given = { bytes: this.#output, start: 0, end: size, isLent: true };
    return { ...piece, ...given, isFirst, isLast: isDone && piece.isLast };
  }
}

/** Holds every piece back until the frame has come, then gives them as they came. */
export class Holding implements IncomingTransform {
  #held: FramePiece[] = [];
  #isReady = false;

  get unread(): number {
    return this.#isReady ? this.#held.reduce((sum, { start, end }) => sum + Math.max(1, end - start), 0) : 0;
  }

  push(piece: FramePiece): void {
    this.#held.push(piece);
    this.#isReady ||= piece.isLast;
  }

  next(maxSize: number): FramePiece | undefined {
    const piece = this.#isReady ? this.#held[0] : undefined;
    if (piece === undefined) {
      this.#isReady = false;
      return undefined;
    }
    if (piece.end - piece.start <= maxSize) {
      this.#held.shift();
      return piece;
    }
    const cut = piece.start + Math.max(1, Math.ceil(maxSize));
    this.#held[0] = { ...piece, start: cut, isFirst: false };
    return { ...piece, end: cut, isLast: false };
  }
}
