import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FrameDecoder } from '../../lib/frame/frame-decoder.ts';
import { MessageAssembler } from '../../lib/message/message-assembler.ts';
import { show } from '../support/deliver.ts';
import { KiB } from '../support/deliver-drip.ts';
import { assemble, assemblerFailsAt } from '../support/deliver-messages.ts';
import { type WireFrame, wire, wireHeader } from '../support/frames.ts';
import { hex, join } from '../support/hex.ts';

const test = suite('message-assembler · RFC 6455 §5.4');

const text = (content: string): { type: 'message'; text: string } => ({ type: 'message', text: content });
const binary = (digits: string): { type: 'message'; bytes: string } => ({ type: 'message', bytes: digits });

/** A message in fragments. */
function fragments(opcode: number, payloads: readonly (Uint8Array | string)[]): WireFrame[] {
  return payloads.map((payload, index) => ({
    opcode: index === 0 ? opcode : 0,
    fin: index === payloads.length - 1,
    payload,
  }));
}

function gives(frames: readonly WireFrame[], messages: readonly object[]): void {
  assert.equal(assemble(frames), { messages, fault: undefined, retained: 0 });
}

// --- Assembling ----------------------------------------------------------------------------------------------------

test('gives a message of one frame', () => {
  gives([{ opcode: 1, payload: 'Hello' }], [text('Hello')]);
  gives([{ opcode: 2, payload: hex('00 ff') }], [binary('00 ff')]);
});

test('gives empty messages', () => {
  gives([{ opcode: 1 }, { opcode: 2 }, { opcode: 1 }], [text(''), binary(''), text('')]);
});

test('joins the fragments of a message in their order', () => {
  gives(fragments(1, ['ABC', '12', '3']), [text('ABC123')]);
  gives(fragments(2, [hex('01'), hex('02 03'), hex('04')]), [binary('01 02 03 04')]);
});

test('joins empty fragments, at the start, between and at the end, and nothing but such', () => {
  gives(fragments(1, ['', 'a', '', '', 'b', '']), [text('ab')]);
  gives(fragments(1, ['', '', '']), [text('')]);
  gives(fragments(2, ['', '']), [binary('')]);
});

test('joins a message that control frames interrupt', () => {
  const [first, second] = fragments(1, ['Hel', 'lo']) as [WireFrame, WireFrame];
  gives([first, { opcode: 9, payload: 'ping' }, { opcode: 10 }, second], [text('Hello')]);
});

test('gives one message after the other, fragmented and not', () => {
  gives(
    [
      ...fragments(1, ['a', 'b']),
      { opcode: 2, payload: 'c' },
      ...fragments(2, ['d', 'e', 'f']),
      { opcode: 1, payload: 'g' },
    ],
    [text('ab'), binary('63'), binary('64 65 66'), text('g')],
  );
});

test('gives messages of each size around where pieces are kept as they come', () => {
  for (const size of [255, 256, 257, 4095, 4096, 4097, 65_535, 65_536, 65_537]) {
    const payload = Uint8Array.from({ length: size }, (_, index) => index * 31);
    gives(fragments(2, [payload]), [binary(show(payload))]);
    const halves = [payload.subarray(0, size >> 1), payload.subarray(size >> 1)];
    gives(fragments(2, halves), [binary(show(payload))]);
  }
});

test('does not give a message before its last byte', () => {
  const { messages, fault, retained } = assemble([
    { opcode: 2, fin: false, payload: 'abc' },
    { opcode: 0, fin: false },
  ]);
  assert.equal([messages, fault, retained], [[], undefined, 3]);
});

test('counts the bytes it keeps, and keeps none of a message that is whole in its chunk', () => {
  const decoder = new FrameDecoder({ role: 'client' });
  const assembler = new MessageAssembler();
  const push = (bytes: Uint8Array): number => {
    decoder.push(bytes);
    for (let piece = decoder.next(); piece !== undefined; piece = decoder.next()) assembler.push(piece);
    return assembler.retained;
  };
  assert.is(push(wire({ opcode: 2, payload: 'whole' })), 0);
  assert.is(push(wireHeader({ opcode: 2, fin: false, declared: 3 })), 0);
  assert.is(push(hex('01 02')), 2);
  assert.is(push(hex('03')), 3);
  assert.is(push(wire({ opcode: 0, payload: 'ab' })), 0);
});

test('a small message does not keep its chunk alive, a large one is a view of it', () => {
  const message = (size: number): Uint8Array => {
    const decoder = new FrameDecoder({ role: 'client' });
    decoder.push(join(wire({ opcode: 2, payload: new Uint8Array(size) }), new Uint8Array(64 * KiB)));
    const piece = decoder.next();
    assert.ok(piece);
    return new MessageAssembler().push(piece) as Uint8Array;
  };
  assert.is(message(100).buffer.byteLength, 100);
  assert.ok(message(32 * KiB).buffer.byteLength > 64 * KiB);
});

test('starts anew after clear, in the middle of a message and of a character too', () => {
  const decoder = new FrameDecoder({ role: 'client' });
  const assembler = new MessageAssembler({ maxFragments: 2, maxMessageSize: 4 });
  decoder.push(wire({ opcode: 1, fin: false, payload: hex('61 e2 82') }));
  assembler.push(decoder.next() as NonNullable<ReturnType<typeof decoder.next>>);
  assembler.clear();
  assert.is(assembler.retained, 0);
  const next = new FrameDecoder({ role: 'client' });
  next.push(join(wire({ opcode: 1, fin: false, payload: 'bc' }), wire({ opcode: 0, payload: 'de' })));
  const messages = [next.next(), next.next()].map((piece) => piece && assembler.push(piece));
  assert.equal(messages, [undefined, 'bcde']);
});

// --- Limits (§10.4) ------------------------------------------------------------------------------------------------

test('takes a message of the limit itself, in one frame or in many', () => {
  const limits = { maxMessageSize: 6 };
  assert.equal(assemble([{ opcode: 1, payload: 'abcdef' }], limits).messages, [text('abcdef')]);
  assert.equal(assemble(fragments(2, ['ab', '', 'cd', 'ef']), limits).messages, [binary('61 62 63 64 65 66')]);
});

test('fails with 1009 at the header of a frame that declares more than the limit', () => {
  const frames = [{ opcode: 2, payload: 'abcdefg' }];
  const { messages, fault, retained } = assemble(frames, { maxMessageSize: 6 });
  assert.equal([messages, retained], [[], 0]);
  assert.is(fault?.code, 'ERR_WS_MESSAGE_TOO_LONG');
  assert.is(fault?.closeCode, 1009);
  assert.is(assemblerFailsAt(frames, { maxMessageSize: 6 }), 2);
});

test('fails with 1009 at the header of the fragment that takes the sum over the limit, and lets go of the rest', () => {
  // Ktor's own cases: fragments of 1,024 bytes and a limit of 1,025 bytes.
  const frames = fragments(
    2,
    [1, 2, 3, 4].map((byte) => new Uint8Array(1024).fill(byte)),
  );
  const limits = { maxMessageSize: 1025 };
  const { messages, fault, retained } = assemble(frames, limits);
  assert.equal([messages, retained], [[], 0]);
  assert.is(fault?.code, 'ERR_WS_MESSAGE_TOO_LONG');
  assert.is(fault?.closeCode, 1009);
  assert.is(assemblerFailsAt(frames, limits), 4 + 1024 + 4);
});

test('counts the sum for each message anew', () => {
  const frames = [...fragments(1, ['abc', 'def']), { opcode: 1, payload: 'abcdef' }, ...fragments(2, ['abcde', 'f'])];
  assert.is(assemble(frames, { maxMessageSize: 6 }).messages.length, 3);
});

test('holds what is declared against the limit, also where sums are not exact any more', () => {
  const decoder = new FrameDecoder({ role: 'client' });
  const assembler = new MessageAssembler();
  decoder.push(join(wire({ opcode: 2, fin: false, payload: 'a' }), wireHeader({ opcode: 0, declared: 2 ** 53 - 1 })));
  for (let piece = decoder.next(); piece !== undefined; piece = decoder.next()) assembler.push(piece);
  assert.is(assembler.fault?.code, 'ERR_WS_MESSAGE_TOO_LONG');
});

test('takes as many fragments as the limit and fails with 1009 at the header of the next', () => {
  const limits = { maxFragments: 3 };
  assert.equal(assemble(fragments(1, ['a', 'b', 'c']), limits).messages, [text('abc')]);
  const frames = fragments(1, ['a', 'b', 'c', 'd']);
  const { messages, fault } = assemble(frames, limits);
  assert.equal(messages, []);
  assert.is(fault?.code, 'ERR_WS_TOO_MANY_FRAGMENTS');
  assert.is(fault?.closeCode, 1009);
  assert.is(assemblerFailsAt(frames, limits), 11);
});

test('counts empty fragments too, and each message anew', () => {
  const limits = { maxFragments: 3 };
  assert.is(assemble(fragments(2, ['', '', '', '']), limits).fault?.code, 'ERR_WS_TOO_MANY_FRAGMENTS');
  assert.is(assemble([...fragments(2, ['', '', '']), ...fragments(1, ['', '', ''])], limits).messages.length, 2);
});

test('does not count the pieces or the control frames between fragments', () => {
  const ping = { opcode: 9, payload: 'ping' };
  const [first, second] = fragments(1, ['a long fragment in many pieces', 'and another']) as [WireFrame, WireFrame];
  assert.is(assemble([ping, first, ping, ping, ping, second, ping], { maxFragments: 2 }).messages.length, 1);
});

test('a limit of one fragment takes whole messages alone', () => {
  assert.equal(assemble([{ opcode: 1, payload: 'a' }], { maxFragments: 1 }).messages, [text('a')]);
  assert.is(assemble(fragments(1, ['a', 'b']), { maxFragments: 1 }).fault?.closeCode, 1009);
});

test('gives the messages before the one that fails', () => {
  const { messages, fault } = assemble(
    [
      { opcode: 1, payload: 'ab' },
      { opcode: 1, payload: 'abc' },
    ],
    { maxMessageSize: 2 },
  );
  assert.equal(messages, [text('ab')]);
  assert.is(fault?.closeCode, 1009);
});

test.run();
