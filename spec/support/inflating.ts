// One receiving side of permessage-deflate on its own: messages go in as payloads of frames, cut into pieces anywhere, and come out in pieces of any size.

import * as assert from 'uvu/assert';
import { chooseDeflateCodec } from '../../lib/adapter/choose-deflate-codec.ts';
import type { Fault } from '../../lib/error.ts';
import { CodecPool } from '../../lib/extension/codec-pool.ts';
import { MessageInflater } from '../../lib/extension/message-inflater.ts';
import type { FramePiece } from '../../lib/frame/frame-decoder.ts';
import { payloadOf } from './extensions.ts';
import { join } from './hex.ts';

export interface InflatingOptions {
  readonly hasContextTakeover?: boolean;
  readonly windowBits?: number;
  /** Whose streams are used. Default: a pool of its own. */
  readonly pool?: CodecPool;
}

/** A pool of the real codec. */
export function inflaterPool(capacity = 1, windowBits = 15): CodecPool {
  return new CodecPool({ create: () => chooseDeflateCodec().createInflater({ windowBits }), capacity });
}

const STREAM_SIZE = 1000;

export class Inflating {
  readonly inflater: MessageInflater;
  /** The sizes of what was given, since the last message began. */
  sizes: number[] = [];

  constructor({
    hasContextTakeover = true,
    windowBits = 15,
    pool = inflaterPool(1, windowBits),
  }: InflatingOptions = {}) {
    const lease = pool.open();
    this.inflater = new MessageInflater({ lease, windowBits, hasContextTakeover, streamSize: STREAM_SIZE });
  }

  get fault(): Fault | undefined {
    return this.inflater.fault;
  }

  /**
   * Takes a compressed message of these frames, each in pieces. Gives what it holds; undefined after a fault.
   *
   * @param cut Cuts the payload of a frame. Default: one piece.
   * @param size The most bytes of each piece that is given. Default: no limit.
   */
  message(
    frames: readonly Uint8Array[],
    cut: (payload: Uint8Array) => Uint8Array[] = (payload) => [payload],
    size: () => number = () => Number.MAX_SAFE_INTEGER,
  ): Uint8Array | undefined {
    this.sizes = [];
    const given: Uint8Array[] = [];
    for (const [index, payload] of frames.entries()) {
      const pieces = cut(payload);
      if (pieces.length === 0) pieces.push(payload);
      const fin = index === frames.length - 1;
      for (const [at, bytes] of pieces.entries()) {
        const isLast = at === pieces.length - 1;
        const piece = toPiece(bytes, { opcode: index === 0 ? 2 : 0, rsv: index === 0 ? 0x40 : 0, fin, isLast });
        given.push(...this.#take({ ...piece, isFirst: at === 0, payloadLength: payload.byteLength }, size));
        if (this.fault !== undefined) return undefined;
      }
    }
    assert.is(this.inflater.unread, 0);
    assert.is(this.inflater.retained, 0, 'between messages nothing is retained');
    return join(...given);
  }

  #take(piece: FramePiece, size: () => number): Uint8Array[] {
    const { inflater } = this;
    inflater.push(piece);
    const given: FramePiece[] = [];
    for (;;) {
      const maxSize = size();
      const next = inflater.next(maxSize);
      if (next === undefined) break;
      const length = next.end - next.start;
      assert.ok(
        length <= Math.min(65_536, Math.max(1, Math.ceil(maxSize))),
        `${length} bytes where ${maxSize} are asked for`,
      );
      assert.ok(next.rsv === 0 && next.payloadLength === -1 && next.isLent);
      assert.is(next.isFirst, piece.isFirst && given.length === 0);
      assert.ok(next.opcode === piece.opcode && next.fin === piece.fin);
      given.push({ ...next, bytes: payloadOf(next) });
      this.sizes.push(length);
    }
    if (this.fault === undefined) {
      assert.is(given.at(-1)?.isLast, piece.isLast);
      assert.ok(given.slice(0, -1).every(({ isLast }) => !isLast));
    }
    return given.map(({ bytes }) => bytes);
  }
}

/** A piece of a frame as the decoder gives it. */
export function toPiece(bytes: Uint8Array, parts: Partial<FramePiece> = {}): FramePiece {
  const piece = { opcode: 2, fin: true, rsv: 0x40, payloadLength: bytes.byteLength, isFirst: true, isLast: true };
  return { ...piece, bytes, start: 0, end: bytes.byteLength, isLent: false, ...parts } as FramePiece;
}
