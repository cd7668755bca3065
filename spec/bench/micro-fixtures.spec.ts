// What the measurements of single pieces, of handshakes and of clients work on is what they say it is.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Answers } from '../../bench/support/answers.js';
import { acceptOf, answerTo, browserRequest } from '../../bench/support/handshake.js';
import { fragmented, messageChunks, textOf } from '../../bench/support/micro-fixture.js';
import { FrameDecoder } from '../../lib/frame/frame-decoder.ts';
import { MessageAssembler } from '../../lib/message/message-assembler.ts';
import { decode } from '../support/deliver.ts';

const test = suite('bench · fixtures of single pieces');

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';

for (const [size, fragments] of [
  [64, 1],
  [16_384, 1],
  [65_536, 16],
] as const) {
  test(`messages of ${size} bytes in ${fragments} frames come whole out of their chunks`, () => {
    const { payload, messages, chunks } = messageChunks(size, fragments);
    assert.is(payload.byteLength, size);
    assert.ok(chunks.slice(0, -1).every(({ byteLength }) => byteLength === 65_536));
    const decoder = new FrameDecoder({ role: 'server' });
    const assembler = new MessageAssembler();
    let count = 0;
    for (const chunk of chunks) {
      decoder.push(chunk);
      for (let piece = decoder.next(); piece !== undefined; piece = decoder.next()) {
        const message = assembler.push(piece);
        if (message === undefined) continue;
        assert.ok(payload.equals(message as Uint8Array), `message ${count} is another one`);
        count++;
      }
    }
    assert.equal([count, decoder.fault, decoder.isBetweenFrames], [messages, undefined, true]);
    assert.ok(count > 0);
  });
}

test('a fragmented message is one binary frame, continuations, and the last of them with FIN (RFC 6455 §5.4)', () => {
  const { frames } = decode({ role: 'server' }, fragmented(Buffer.alloc(100, 1), 4));
  assert.equal(
    frames.map(({ opcode, fin, payloadLength }) => [opcode, fin, payloadLength]),
    [
      [2, false, 25],
      [0, false, 25],
      [0, false, 25],
      [0, true, 25],
    ],
  );
});

test('a text is valid UTF-8 of its length; the mixed one has characters of one to four bytes (RFC 3629)', () => {
  for (const size of [64, 16_384]) {
    for (const kind of ['ASCII', 'mixed']) {
      const bytes = textOf(size, kind);
      const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
      assert.is(bytes.byteLength, size);
      const lengths = new Set(Array.from(text, (character) => Buffer.byteLength(character)));
      assert.equal([...lengths].sort(), kind === 'ASCII' ? [1] : [1, 2, 3, 4], `${kind} of ${size} bytes`);
    }
  }
});

test('the request of a browser asks for what RFC 6455 §4.1 wants, and is accepted as §1.3 has it', () => {
  const head = browserRequest(8080, KEY);
  const lines = head.split('\r\n');
  assert.is(lines[0], 'GET /chat HTTP/1.1');
  assert.equal(lines.slice(-2), ['', '']);
  for (const field of [
    'Host: 127.0.0.1:8080',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Key: ${KEY}`,
  ]) {
    assert.is(lines.filter((line) => line === field).length, 1, field);
  }
  assert.is(acceptOf(KEY), 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
  assert.match(answerTo(KEY), `Sec-WebSocket-Accept: ${acceptOf(KEY)}\r\n\r\n`);
});

test('answers are as many frames as are asked for, however many are made beforehand', () => {
  for (const [size, count] of [
    [64, 1],
    [64, 16],
    [64, 9_000],
    [1_048_576, 3],
  ] as const) {
    const written: Buffer[] = [];
    const answers = new Answers(size);
    const socket = { write: (bytes: Buffer) => written.push(bytes) };
    answers.write(socket as unknown as Parameters<typeof answers.write>[0], count);
    const bytes = Buffer.concat(written);
    assert.is(bytes.byteLength, count * (answers.incomingSize - 4));
    const decoder = new FrameDecoder({ role: 'client' });
    decoder.push(bytes);
    let frames = 0;
    for (let piece = decoder.next(); piece !== undefined; piece = decoder.next()) {
      assert.ok(answers.payload.equals(piece.bytes.subarray(piece.start, piece.end)));
      frames++;
    }
    assert.equal([frames, decoder.fault], [count, undefined]);
  }
});

test.run();
