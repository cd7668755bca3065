import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Frame } from '../../lib/frame/frame.ts';
import type { Message } from '../../lib/message/message.ts';
import { MessageAssembler } from '../../lib/message/message-assembler.ts';
import { fragmentMessage } from '../../lib/message/message-fragmenter.ts';
import { anyCharacter } from '../support/any-character.ts';
import { throws } from '../support/check.ts';
import { hex, toHex } from '../support/hex.ts';
import { seed } from '../support/random.ts';

const test = suite('message-fragmenter · RFC 6455 §5.4');

function fragment(message: Message, fragmentSize: number): [string, number, string][] {
  return Array.from(fragmentMessage(message, fragmentSize), ({ fin, opcode, payload }) => [
    fin ? 'fin' : '',
    opcode,
    toHex(payload),
  ]);
}

function assemble(frames: Iterable<Frame>): Message[] {
  const assembler = new MessageAssembler();
  const messages: Message[] = [];
  for (const { payload, opcode, fin } of frames) {
    const payloadLength = payload.byteLength;
    const piece = {
      opcode,
      fin,
      rsv: 0,
      payloadLength,
      isFirst: true,
      isLast: true,
      isLent: false,
      bytes: payload,
      start: 0,
    };
    const message = assembler.push({ ...piece, end: payloadLength });
    if (message !== undefined) messages.push(message);
  }
  assert.is(assembler.fault, undefined);
  return messages;
}

test('a message that fits goes out as one frame', () => {
  assert.equal(fragment('Hello', 5), [['fin', 1, '48 65 6c 6c 6f']]);
  assert.equal(fragment(hex('01 02'), 3), [['fin', 2, '01 02']]);
  assert.equal(fragment('Hello', Number.POSITIVE_INFINITY), [['fin', 1, '48 65 6c 6c 6f']]);
});

test('an empty message goes out as one empty frame', () => {
  assert.equal(fragment('', 1), [['fin', 1, '']]);
  assert.equal(fragment(new Uint8Array(0), 1), [['fin', 2, '']]);
});

test('a longer one starts with its opcode, goes on with continuation frames and ends with FIN, none empty', () => {
  assert.equal(fragment('Hello', 2), [
    ['', 1, '48 65'],
    ['', 0, '6c 6c'],
    ['fin', 0, '6f'],
  ]);
  assert.equal(fragment(hex('01 02 03 04'), 2), [
    ['', 2, '01 02'],
    ['fin', 0, '03 04'],
  ]);
});

test('a text is cut between bytes, inside a character too', () => {
  assert.equal(fragment('é€', 1), [
    ['', 1, 'c3'],
    ['', 0, 'a9'],
    ['', 0, 'e2'],
    ['', 0, '82'],
    ['fin', 0, 'ac'],
  ]);
});

test('no frame has an RSV bit', () => {
  for (const { rsv1, rsv2, rsv3 } of fragmentMessage('Hello', 2))
    assert.equal([rsv1, rsv2, rsv3], [false, false, false]);
});

test('the fragments of bytes are views of them, not copies', () => {
  const bytes = new Uint8Array(10);
  for (const { payload } of fragmentMessage(bytes, 3)) assert.is(payload.buffer, bytes.buffer);
});

test('a fragment size that is no positive integer is a RangeError before the first frame', () => {
  for (const size of [0, -1, 1.5, Number.NaN, Number.NEGATIVE_INFINITY, 2 ** 53]) {
    throws(() => fragmentMessage('Hello', size).next(), RangeError, /Cannot fragment/);
  }
});

test('what is fragmented at any size is assembled to the same message', () => {
  const messages: fc.Arbitrary<Message> = fc.oneof(
    fc.string({ unit: anyCharacter, maxLength: 60, size: 'max' }),
    fc.uint8Array({ maxLength: 200, size: 'max' }),
  );
  const property = fc.property(messages, fc.integer({ min: 1, max: 210 }), (message, fragmentSize) => {
    const frames = [...fragmentMessage(message, fragmentSize)];
    assert.ok(frames.every(({ payload }) => payload.byteLength <= fragmentSize));
    const [assembled, ...more] = assemble(frames);
    assert.equal(more, []);
    if (typeof message === 'string') assert.is(assembled, message);
    else assert.is(Buffer.compare(assembled as Uint8Array, message), 0);
  });
  fc.assert(property, { seed, numRuns: 500 });
});

test.run();
