// Delivers frames to a MessageAssembler in every way (through a client's FrameDecoder) and asserts that each means the same.

import * as assert from 'uvu/assert';
import { FrameDecoder } from '../../lib/frame/frame-decoder.ts';
import { isControlOpcode } from '../../lib/frame/opcode.ts';
import { MessageAssembler, type MessageAssemblerLimits } from '../../lib/message/message-assembler.ts';
import { type Delivery, deliveries, type SeenEvent, type SeenFault, seeFault, seeMessage } from './deliver.ts';
import { type WireFrame, wire } from './frames.ts';
import { join } from './hex.ts';
import { Random } from './random.ts';

/** What a MessageAssembler made of its frames. */
export interface Assembled {
  readonly messages: readonly SeenEvent[];
  readonly fault: SeenFault | undefined;
  readonly retained: number;
}

/** Delivers `frames` in every way. Control frames among them are left out, as an endpoint does. */
export function assemble(frames: readonly WireFrame[], limits: MessageAssemblerLimits = {}): Assembled {
  const random = new Random();
  const input = join(...frames.map(wire));
  const expected = assembleOnce(limits, { name: '', chunks: [input.slice()], isOwned: false });
  for (const delivery of deliveries(input)) {
    assert.equal(assembleOnce(limits, delivery), expected, `delivered ${delivery.name}`);
    const size = (): number => 1 + random.below(1 + (input.byteLength >> 2));
    assert.equal(assembleOnce(limits, delivery, size), expected, `delivered ${delivery.name}, taken in small pieces`);
  }
  if (expected.fault !== undefined) {
    for (const delivery of deliveries(
      join(input, wire({ opcode: 0 }), wire({ opcode: 0, fin: false, payload: 'x' })),
    )) {
      assert.equal(assembleOnce(limits, delivery), expected, `delivered ${delivery.name}, with frames after it`);
    }
  }
  return expected;
}

/** Delivers in one way. */
export function assembleOnce(limits: MessageAssemblerLimits, delivery: Delivery, size?: () => number): Assembled {
  const decoder = new FrameDecoder({ role: 'client' });
  const assembler = new MessageAssembler(limits);
  const messages: SeenEvent[] = [];
  for (const chunk of delivery.chunks) {
    decoder.push(chunk, delivery.isOwned);
    for (let piece = decoder.next(size?.()); piece !== undefined; piece = decoder.next(size?.())) {
      if (isControlOpcode(piece.opcode)) continue;
      const message = assembler.push(piece);
      if (message !== undefined) messages.push(seeMessage(message));
    }
  }
  return { messages, fault: seeFault(assembler.fault), retained: assembler.retained };
}

/** How many bytes of `frames`, delivered one by one, had come when the fault was there; undefined when none came. */
export function assemblerFailsAt(
  frames: readonly WireFrame[],
  limits: MessageAssemblerLimits = {},
): number | undefined {
  const decoder = new FrameDecoder({ role: 'client' });
  const assembler = new MessageAssembler(limits);
  for (const [index, byte] of join(...frames.map(wire)).entries()) {
    decoder.push(Uint8Array.of(byte));
    for (let piece = decoder.next(); piece !== undefined; piece = decoder.next()) {
      if (!isControlOpcode(piece.opcode)) assembler.push(piece);
    }
    if (assembler.fault !== undefined) return index + 1;
  }
  return undefined;
}
