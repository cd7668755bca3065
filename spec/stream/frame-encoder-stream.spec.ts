import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Frame } from '../../lib/frame/frame.ts';
import { FrameDecoderStream } from '../../lib/stream/frame-decoder-stream.ts';
import { FrameEncoderStream } from '../../lib/stream/frame-encoder-stream.ts';
import { rejects } from '../support/check.ts';
import { collect } from '../support/collect.ts';
import { hex, toHex } from '../support/hex.ts';

const plain = { fin: true, rsv1: false, rsv2: false, rsv3: false } as const;
const hello: Frame = { ...plain, opcode: 1, payload: new TextEncoder().encode('Hello') };
const test = suite('FrameEncoderStream · RFC 6455 §5.2, §5.3, §5.7');

test('writes the examples of RFC 6455 §5.7', async () => {
  const [bytes] = await collect(new FrameEncoderStream({ role: 'server' }), [hello]);
  assert.is(toHex(bytes as Uint8Array), '81 05 48 65 6c 6c 6f');
  const client = new FrameEncoderStream({ role: 'client', maskingKey: () => 0x37fa213d });
  const [masked] = await collect(client, [hello]);
  assert.equal(masked, hex('81 85 37 fa 21 3d 7f 9f 4d 51 58'));
});

test('a client needs no source of keys: the platform’s is used, afresh for each frame', async () => {
  const chunks = await collect(new FrameEncoderStream({ role: 'client' }), [hello, hello, hello]);
  assert.is(new Set(chunks.map((chunk) => toHex(chunk.slice(2, 6)))).size, 3);
});

test('each chunk has a buffer of its own, which may be transferred', async () => {
  const large: Frame = { ...plain, opcode: 2, payload: new Uint8Array(100_000).fill(3) };
  const chunks = await collect(new FrameEncoderStream({ role: 'client' }), [hello, large, hello]);
  assert.ok(chunks.every((chunk) => chunk.byteLength === chunk.buffer.byteLength));
  assert.is(chunks.length, 3);
  assert.ok(large.payload.every((byte) => byte === 3));
});

test('what it writes, FrameDecoderStream reads: RSV bits, fragments, control frames', async () => {
  const frames: Frame[] = [
    { ...plain, fin: false, rsv1: true, opcode: 1, payload: Uint8Array.of(1) },
    { ...plain, opcode: 9, payload: new Uint8Array(125) },
    { ...plain, rsv3: true, opcode: 0, payload: new Uint8Array(0) },
    { ...plain, opcode: 8, payload: Uint8Array.of(3, 232) },
  ];
  for (const role of ['server', 'client'] as const) {
    const chunks = await collect(new FrameEncoderStream({ role }), frames);
    const peer = role === 'server' ? 'client' : 'server';
    assert.equal(await collect(new FrameDecoderStream({ role: peer, rsvBits: 0x70 }), chunks), frames);
  }
});

test('a frame without bytes is a TypeError', async () => {
  await rejects(collect(new FrameEncoderStream({ role: 'server' }), [{ ...hello, payload: 'x' } as never]), TypeError);
  await rejects(collect(new FrameEncoderStream({ role: 'server' }), [undefined as never]), TypeError);
});
test.run();
