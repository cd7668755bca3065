import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ConnectionError, LimitError, RemoteProtocolError } from '../../lib/error.ts';
import { FrameDecoderStream } from '../../lib/stream/frame-decoder-stream.ts';
import { rejects } from '../support/check.ts';
import { collect } from '../support/collect.ts';
import { join } from '../support/hex.ts';
import { masked, unmasked } from '../support/pair.ts';

const test = suite('FrameDecoderStream · RFC 6455 §5');

test('decodes whole frames in either role, however the bytes are cut', async () => {
  for (const [role, wire] of [
    ['server', masked],
    ['client', unmasked],
  ] as const) {
    const bytes = join(
      wire(0x01, 'Hel'),
      wire(0x89, 'p'),
      wire(0x80, 'lo'),
      wire(0x82, new Uint8Array(70_000).fill(7)),
    );
    for (const size of [1, 7, 1000, bytes.byteLength]) {
      const chunks: Uint8Array[] = [];
      for (let from = 0; from < bytes.byteLength; from += size) chunks.push(bytes.slice(from, from + size));
      const frames = await collect(new FrameDecoderStream({ role }), chunks);
      assert.equal(
        frames.map(({ opcode, fin, rsv1, payload }) => [opcode, fin, rsv1, payload.byteLength, payload[0]]),
        [
          [1, false, false, 3, 0x48],
          [9, true, false, 1, 0x70],
          [0, true, false, 2, 0x6c],
          [2, true, false, 70_000, 7],
        ],
      );
    }
  }
});

test('does not change the chunks that are written, nor what it has given before', async () => {
  const bytes = masked(0x82, 'abc');
  const before = bytes.slice();
  const [frame] = await collect(new FrameDecoderStream({ role: 'server' }), [bytes]);
  assert.equal([bytes, frame?.payload], [before, new TextEncoder().encode('abc')]);
});

test('errors with the fault of the peer: a mask that is missing, or is too much', async () => {
  const missing = collect(new FrameDecoderStream({ role: 'server' }), [unmasked(0x81, 'x')]);
  await rejects(missing, RemoteProtocolError, 'ERR_WS_MISSING_MASK');
  const unexpected = collect(new FrameDecoderStream({ role: 'client' }), [masked(0x81, 'x')]);
  await rejects(unexpected, RemoteProtocolError, 'ERR_WS_UNEXPECTED_MASK');
});

test('lets RSV bits pass for whom an extension owns them', async () => {
  const [frame] = await collect(new FrameDecoderStream({ role: 'client', rsvBits: 0x40 }), [unmasked(0xc1, 'x')]);
  assert.equal([frame?.rsv1, frame?.rsv2, frame?.rsv3], [true, false, false]);
  await rejects(collect(new FrameDecoderStream({ role: 'client' }), [unmasked(0xc1, 'x')]), RemoteProtocolError);
});

test('has a limit of 1 MiB for a frame, which can be changed', async () => {
  const declared = Uint8Array.of(0x82, 127, 0, 0, 0, 0, 0, 0x10, 0, 1);
  await rejects(collect(new FrameDecoderStream({ role: 'client' }), [declared]), LimitError, 'ERR_WS_FRAME_TOO_LONG');
  const small = new FrameDecoderStream({ role: 'client', maxFrameSize: 2 });
  await rejects(collect(small, [unmasked(0x82, 'abc')]), LimitError, 'ERR_WS_FRAME_TOO_LONG');
});

test('errors when the bytes end inside a frame, and when a chunk is no bytes', async () => {
  const bytes = masked(0x81, 'abc');
  for (let size = 1; size < bytes.byteLength; size++) {
    await rejects(collect(new FrameDecoderStream({ role: 'server' }), [bytes.slice(0, size)]), ConnectionError);
  }
  await rejects(collect(new FrameDecoderStream({ role: 'server' }), ['text' as never]), TypeError);
});
test.run();
