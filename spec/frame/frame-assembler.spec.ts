import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FrameAssembler } from '../../lib/frame/frame-assembler.ts';
import { FrameDecoder } from '../../lib/frame/frame-decoder.ts';
import { unmasked } from '../support/pair.ts';

const test = suite('frame-assembler · RFC 6455 §5.2');

test('joins the pieces of a frame, however they were cut, and keeps nothing afterwards', () => {
  for (const size of [1, 2, 100, 10_000]) {
    const decoder = new FrameDecoder({ role: 'client', rsvBits: 0x70 });
    const assembler = new FrameAssembler();
    const bytes = unmasked(
      0xf2,
      new Uint8Array(5000).map((_, index) => index),
    );
    const frames = [];
    for (let from = 0; from < bytes.byteLength; from += size) {
      decoder.push(bytes.subarray(from, from + size));
      for (let piece = decoder.next(); piece !== undefined; piece = decoder.next()) {
        const frame = assembler.push(piece);
        if (frame !== undefined) frames.push(frame);
      }
    }
    assert.is(frames.length, 1);
    assert.equal(
      [frames[0]?.fin, frames[0]?.rsv1, frames[0]?.rsv2, frames[0]?.rsv3, frames[0]?.opcode],
      [true, true, true, true, 2],
    );
    assert.ok(frames[0]?.payload.every((byte, index) => byte === (index & 0xff)));
    assert.is(assembler.retained, 0);
  }
});

test('tells what it keeps of a frame that is not whole, and lets go of it', () => {
  const decoder = new FrameDecoder({ role: 'client' });
  const assembler = new FrameAssembler();
  decoder.push(unmasked(0x82, new Uint8Array(100)).subarray(0, 52));
  for (let piece = decoder.next(); piece !== undefined; piece = decoder.next()) assembler.push(piece);
  assert.is(assembler.retained, 50);
  assembler.clear();
  assert.is(assembler.retained, 0);
});
test.run();
