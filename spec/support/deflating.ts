// One sending side of permessage-deflate on its own, and the peer that reads what it sends.

import * as assert from 'uvu/assert';
import { chooseDeflateCodec } from '../../lib/adapter/choose-deflate-codec.ts';
import { CodecPool } from '../../lib/extension/codec-pool.ts';
import type { SendHints } from '../../lib/extension/extension.ts';
import { MessageDeflater, type MessageDeflaterOptions } from '../../lib/extension/message-deflater.ts';
import type { Frame } from '../../lib/frame/frame.ts';
import { PeerInflater } from './deflate-blocks.ts';
import { toFrame } from './extensions.ts';
import { join } from './hex.ts';

export interface DeflatingOptions extends Partial<Omit<MessageDeflaterOptions, 'lease'>> {
  readonly windowBits?: number;
  readonly level?: number;
  readonly memoryLevel?: number;
  /** Whose streams are used. Default: a pool of its own. */
  readonly pool?: CodecPool;
}

/** A pool of the real codec. */
export function deflaterPool(capacity = 1, windowBits = 15, level = 6, memoryLevel = 8): CodecPool {
  const create = () => chooseDeflateCodec().createDeflater({ level, memoryLevel, windowBits });
  return new CodecPool({ create, capacity });
}

/** What became of a message. */
export interface SentMessage {
  readonly frames: readonly Frame[];
  readonly isCompressed: boolean;
  /** Bytes of payload on the wire. */
  readonly size: number;
  /** What the peer reads. */
  readonly content: Uint8Array;
}

export class Deflating {
  readonly deflater: MessageDeflater;
  readonly #peer: PeerInflater;

  constructor(options: DeflatingOptions = {}) {
    const { windowBits = 15, level = 6, memoryLevel = 8, hasContextTakeover = true } = options;
    const pool = options.pool ?? deflaterPool(1, windowBits, level, memoryLevel);
    const { threshold = 0, onlyIfSmaller = false, compressIf, streamSize = 1000 } = options;
    const settings = { hasContextTakeover, threshold, onlyIfSmaller, compressIf, streamSize };
    this.deflater = new MessageDeflater({ lease: pool.open(), ...settings });
    this.#peer = new PeerInflater({ hasTakeover: hasContextTakeover, windowBits });
  }

  /** Sends a message in these parts, and reads it as the peer does. */
  send(parts: readonly Uint8Array[] | Uint8Array, hints: SendHints = {}, opcode = 2): SentMessage {
    const list = parts instanceof Uint8Array ? [parts] : parts;
    const frames = list.map((part, index) => {
      const lent = part.slice();
      const fin = index === list.length - 1;
      const sent = this.deflater.send(toFrame(index === 0 ? opcode : 0, lent, { fin }), hints);
      const own = sent.payload === lent ? { ...sent, payload: part } : sent;
      // RFC 6455: the caller's bytes may be used again.
      lent.fill(0xaa);
      assert.is(own.fin, fin);
      assert.is(own.opcode, index === 0 ? opcode : 0);
      assert.not(own.rsv2 || own.rsv3);
      return own;
    });
    assert.ok(
      frames.slice(1).every(({ rsv1 }) => !rsv1),
      'RFC 7692 §6.1: RSV1 on the first frame alone',
    );
    const isCompressed = frames[0]?.rsv1 === true;
    const payload = join(...frames.map((frame) => frame.payload));
    const content = isCompressed ? this.#peer.message(payload) : payload;
    return { frames, isCompressed, size: payload.byteLength, content };
  }
}
