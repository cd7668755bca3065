// What the benchmarks send and compare is what they say it is: otherwise they would measure something else.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { EchoFixture, payloadOf, repeated, unmaskedFrame } from '../../bench/support/echo-fixture.js';
import { closeFrame, FrameCounter, frame, OPCODE, request } from '../../bench/support/frames.js';
import { answerOf } from '../../bench/support/handshake.js';
import { type Decoded, decode, show } from '../support/deliver.ts';

const test = suite('bench · fixtures');

/** Those of the measurements, and where the length of a frame takes more bytes (RFC 6455 §5.2). */
const sizes = [0, 1, 64, 125, 126, 1024, 16_384, 65_535, 65_536, 1_048_576];
const limits = { maxFrameSize: Number.MAX_SAFE_INTEGER };

function assertWhole({ frames, fault, isBetweenFrames }: Decoded, count: number, payload: Uint8Array): void {
  assert.is(fault, undefined);
  assert.ok(isBetweenFrames);
  assert.is(frames.length, count);
  const expected = show(payload);
  for (const { fin, rsv, payload: seen, payloadLength } of frames) {
    assert.equal([fin, rsv, payloadLength], [true, 0, payload.byteLength]);
    assert.ok(seen === expected, 'the payload is another one');
  }
}

for (const size of sizes) {
  for (const isText of [false, true]) {
    test(`the load of ${size} bytes${isText ? ' of text' : ''} is what a client sends and a server sends back`, () => {
      const { frames, frameSize, echoes, echoSize } = new EchoFixture({ size, inFlight: 3, isText });
      const payload = payloadOf(size);
      const sent = decode({ role: 'server', ...limits }, frames);
      assertWhole(sent, 3, payload);
      assert.ok(sent.frames.every(({ opcode }) => opcode === (isText ? 1 : 2)));
      const { byteLength } = frames;
      assert.equal(
        [byteLength, frameSize],
        [3 * frameSize, echoSize + 4],
        'a key of 4 bytes is all that a client adds',
      );
      assertWhole(decode({ role: 'client', ...limits }, echoes.subarray(0, echoSize)), 1, payload);
      assert.ok(echoes.subarray(echoSize, 2 * echoSize).equals(echoes.subarray(0, echoSize)));
    });
  }
}

test('lengths take as few bytes as they can (RFC 6455 §5.2)', () => {
  const overheads = sizes.map((size) => unmaskedFrame(Buffer.alloc(size), OPCODE.BINARY).byteLength - size);
  assert.equal(overheads, [2, 2, 2, 2, 4, 4, 4, 4, 10, 10]);
  const masked = sizes.map((size) => frame(OPCODE.BINARY, Buffer.alloc(size)).byteLength - size);
  assert.equal(
    masked,
    overheads.map((overhead) => overhead + 4),
  );
});

test('frames of a client are masked: what goes over the line is not the payload', () => {
  const bytes = frame(OPCODE.BINARY, payloadOf(64));
  assert.ok(((bytes[1] as number) & 0x80) !== 0);
  assert.not.equal([...bytes.subarray(6)], [...payloadOf(64)]);
});

test('the text is UTF-8, and no two neighbours of 64 bytes are alike', () => {
  const payload = payloadOf(16_384);
  assert.ok(new TextDecoder('utf-8', { fatal: true }).decode(payload).length === payload.byteLength);
  for (let at = 0; at + 128 <= payload.byteLength; at += 64) {
    assert.not.ok(payload.subarray(at, at + 64).equals(payload.subarray(at + 64, at + 128)), `at ${at}`);
  }
});

test('echoes are repeated as often as it takes', () => {
  const echo = Buffer.from('abc');
  assert.is(repeated(echo, 7).toString(), 'abcabcabcabc');
  assert.ok(repeated(echo, 0).byteLength >= echo.byteLength);
});

test('the answer to the sample key is that of RFC 6455 §1.3', () => {
  assert.match(request('/'), 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n');
  const answer = answerOf(request('/'));
  assert.match(answer, /^HTTP\/1\.1 101 /);
  assert.match(answer, '\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n');
  assert.ok(answer.endsWith('\r\n\r\n'));
});

test('frames are counted wherever they are cut', () => {
  const bytes = Buffer.concat([
    unmaskedFrame(payloadOf(64), OPCODE.TEXT),
    unmaskedFrame(payloadOf(70_000), OPCODE.BINARY),
    unmaskedFrame(Buffer.from([0x03, 0xe9]), OPCODE.CLOSE),
  ]);
  for (const size of [1, 2, 3, 7, 4096, bytes.byteLength]) {
    const counter = new FrameCounter();
    for (let at = 0; at < bytes.byteLength; at += size) counter.push(bytes.subarray(at, at + size));
    assert.equal([counter.messages, counter.bytes, counter.closeCode], [2, 70_064, 1001], `in pieces of ${size}`);
  }
});

test('a close frame has its code', () => {
  const { frames } = decode({ role: 'server' }, closeFrame(1001));
  assert.equal(
    frames.map(({ opcode, payloadLength }) => [opcode, payloadLength]),
    [[8, 2]],
  );
});

test.run();
