// Messages as they come: every piece is told at once, nothing is kept, and how a message was cut has no meaning.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Role } from '../../lib/frame/frame.ts';
import { FrameDecoder } from '../../lib/frame/frame-decoder.ts';
import { isControlOpcode } from '../../lib/frame/opcode.ts';
import { type MessagePiece, MessagePieces } from '../../lib/message/message-pieces.ts';
import { deliveries } from '../support/deliver.ts';
import { toBytes, type WireFrame, wireHeaderTo, wireTo } from '../support/frames.ts';
import { hex, join, toHex } from '../support/hex.ts';

const test = suite('message-pieces · RFC 6455 §5.4, §5.6, §8.1');

const roles: readonly Role[] = ['server', 'client'];

interface Taken {
  readonly pieces: readonly MessagePiece[];
  readonly code: string | undefined;
  readonly closeCode: number | undefined;
}

function take(role: Role, chunks: readonly Uint8Array[], isOwned = false, size?: number): Taken {
  const decoder = new FrameDecoder({ role });
  const messagePieces = new MessagePieces();
  const pieces: MessagePiece[] = [];
  for (const chunk of chunks) {
    decoder.push(chunk, isOwned);
    for (let framePiece = decoder.next(size); framePiece !== undefined; framePiece = decoder.next(size)) {
      if (isControlOpcode(framePiece.opcode)) continue;
      const piece = messagePieces.push(framePiece);
      if (piece !== undefined) pieces.push(piece);
    }
  }
  const { fault } = messagePieces;
  return { pieces, code: fault?.code, closeCode: fault?.closeCode };
}

/** The messages that pieces make: type, payload in hex, whether the end has come. */
function toMessages(pieces: readonly MessagePiece[]): string[] {
  const messages: string[] = [];
  let payload: Uint8Array[] = [];
  let isInMessage = false;
  for (const { isFirst, isLast, messageType, bytes } of pieces) {
    assert.is(isFirst, !isInMessage, 'a message begins where none is under way, and nowhere else');
    payload.push(bytes);
    isInMessage = !isLast;
    if (!isLast) continue;
    messages.push(`${messageType} ${toHex(join(...payload))}`);
    payload = [];
  }
  if (isInMessage) messages.push(`begun ${toHex(join(...payload))}`);
  return messages;
}

function wire(role: Role, frames: readonly WireFrame[]): Uint8Array {
  return join(...frames.map((frame) => wireTo(role, frame)));
}

const hello: readonly WireFrame[] = [
  { opcode: 1, payload: 'Hel', fin: false },
  { opcode: 0, payload: '', fin: false },
  { opcode: 9, payload: 'ping' },
  { opcode: 0, payload: 'lo' },
  { opcode: 2, payload: hex('00 ff') },
  { opcode: 1, payload: '' },
  { opcode: 2, fin: false },
  { opcode: 0 },
];

for (const role of roles) {
  test(`${role} tells the same messages however their bytes are split and however small the pieces are taken`, () => {
    const expected = ['text 48 65 6c 6c 6f', 'binary 00 ff', 'text ', 'binary '];
    for (const { name, chunks, isOwned } of deliveries(wire(role, hello))) {
      for (const size of [undefined, 1, 2, 1000]) {
        const { pieces, code } = take(
          role,
          chunks.map((chunk) => chunk.slice()),
          isOwned,
          size,
        );
        assert.equal([toMessages(pieces), code], [expected, undefined], `${name}, ${size}`);
      }
    }
  });

  test(`${role} tells the type as soon as the header of the first frame has come, before a byte of payload`, () => {
    for (const [opcode, messageType] of [
      [1, 'text'],
      [2, 'binary'],
    ] as const) {
      const header = wireHeaderTo(role, { opcode, fin: false, declared: 70_000 });
      assert.equal(take(role, [header.subarray(0, -1)]).pieces, []);
      assert.equal(take(role, [header]).pieces, [
        { messageType, isFirst: true, isLast: false, bytes: new Uint8Array(0) },
      ]);
    }
  });

  test(`${role} tells nothing of an empty fragment inside a message, and of an empty last one that it is the end`, () => {
    const empty = Array.from({ length: 100 }, () => ({ opcode: 0, fin: false }));
    const { pieces } = take(role, [wire(role, [{ opcode: 2, payload: 'a', fin: false }, ...empty, { opcode: 0 }])]);
    assert.equal(
      pieces.map(({ isFirst, isLast, bytes }) => [isFirst, isLast, toHex(bytes)]),
      [
        [true, false, '61'],
        [false, true, ''],
      ],
    );
  });

  test(`${role} fails a text at its first impossible byte, with the pieces before it told`, () => {
    const frames = [
      { opcode: 1, payload: 'good', fin: false },
      { opcode: 0, payload: hex('e2 82'), fin: false },
      { opcode: 0, payload: hex('28'), fin: false },
      { opcode: 0, payload: 'more' },
      { opcode: 2, payload: 'next' },
    ];
    const { pieces, code, closeCode } = take(role, [wire(role, frames)]);
    assert.equal([code, closeCode], ['ERR_WS_INVALID_UTF8', 1007]);
    assert.equal(toMessages(pieces), ['begun 67 6f 6f 64 e2 82']);
  });

  test(`${role} fails a text that ends inside a character, and takes one that is cut there between fragments`, () => {
    const euro = hex('e2 82 ac');
    for (let cut = 0; cut <= euro.byteLength; cut++) {
      const whole = [
        { opcode: 1, payload: euro.subarray(0, cut), fin: false },
        { opcode: 0, payload: euro.subarray(cut) },
      ];
      assert.equal(toMessages(take(role, [wire(role, whole)]).pieces), ['text e2 82 ac']);
      if (cut % euro.byteLength === 0) continue;
      const { code } = take(role, [wire(role, [{ opcode: 1, payload: euro.subarray(0, cut) }])]);
      assert.is(code, 'ERR_WS_INVALID_UTF8');
    }
  });
}

test('binary messages are any bytes, also behind a text', () => {
  const { pieces, code } = take('client', [
    wire('client', [
      { opcode: 1, payload: 'é' },
      { opcode: 2, payload: hex('c3 28 ff') },
    ]),
  ]);
  assert.equal([toMessages(pieces), code], [['text c3 a9', 'binary c3 28 ff'], undefined]);
});

test('a small piece does not keep the chunk that it came in alive; a large one is not copied', () => {
  const chunk = wire('client', [
    { opcode: 2, payload: 'small', fin: false },
    { opcode: 0, payload: new Uint8Array(8000) },
  ]);
  const [small, large] = take('client', [chunk], true).pieces;
  assert.is.not(small?.bytes.buffer, chunk.buffer);
  assert.is(large?.bytes.buffer, chunk.buffer);
});

test('a message of 2^40 bytes is begun like any other: nothing is allocated for what has not come', () => {
  const before = process.memoryUsage().arrayBuffers;
  const header = wireHeaderTo('client', { opcode: 2, declared: 2n ** 40n });
  const { pieces } = take('client', [header, toBytes('first bytes')]);
  assert.equal(toMessages(pieces), [`begun ${toHex(toBytes('first bytes'))}`]);
  assert.ok(process.memoryUsage().arrayBuffers - before < 1024 * 1024);
});

test.run();
