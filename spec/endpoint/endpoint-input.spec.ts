// From bytes to messages, pieces or frames, with extensions in between and without.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { EndpointInput, type EndpointInputOptions } from '../../lib/endpoint/endpoint-input.ts';
import type { EndpointEvent } from '../../lib/endpoint/event.ts';
import { ExtensionChain } from '../../lib/extension/extension-chain.ts';
import type { Role } from '../../lib/frame/frame.ts';
import { ITEM_OVERHEAD, resolveLimits } from '../../lib/limits.ts';
import { agreedOn, EachPiece, Holding } from '../support/extensions.ts';
import { type WireFrame, wireTo } from '../support/frames.ts';
import { join } from '../support/hex.ts';

const test = suite('endpoint-input');

const roles: readonly Role[] = ['server', 'client'];
const kinds = ['whole', 'streamed', 'raw'] as const;
type Kind = (typeof kinds)[number];

function makeInput(role: Role, kind: Kind, options: Partial<EndpointInputOptions> = {}): EndpointInput {
  const limits = resolveLimits({ maxMessageSize: 100 });
  const flags = { streamed: kind === 'streamed', raw: kind === 'raw' };
  return new EndpointInput({ role, limits, maxFrameSize: 100, rsvBits: 0, chain: undefined, ...flags, ...options });
}

function wires(role: Role, ...frames: readonly WireFrame[]): Uint8Array {
  return join(...frames.map((frame) => wireTo(role, frame)));
}

/** All that the input tells, control frames of a raw one joined like others, as short text. */
function read(input: EndpointInput, kind: Kind, chunks: readonly Uint8Array[], size = 1000): string[] {
  const told: string[] = [];
  for (const chunk of chunks) {
    input.push(chunk, false);
    for (let piece = input.next(size); piece !== undefined; piece = input.next(size)) {
      assert.ok(input.cost(piece) >= ITEM_OVERHEAD + piece.end - piece.start);
      if (piece.opcode >= 8 && kind !== 'raw') {
        told.push(`control ${piece.opcode}`);
        continue;
      }
      const event = input.join(piece);
      if (event !== undefined) told.push(show(event));
    }
  }
  return told;
}

function show(event: EndpointEvent): string {
  if (event.type === 'message') return `message ${event.message}`;
  if (event.type === 'frame') return `frame ${event.frame.opcode} ${Buffer.from(event.frame.payload)}`;
  if (event.type !== 'piece') return event.type;
  const { isFirst, isLast, bytes } = event.piece;
  return `${isFirst ? '[' : ''}${Buffer.from(bytes)}${isLast ? ']' : ''}`;
}

const upper = () => agreedOn('x-upper', { incoming: new EachPiece((bytes) => bytes.map((byte) => byte & ~0x20)) });
const frames: readonly WireFrame[] = [
  { opcode: 1, fin: false, payload: 'ab' },
  { opcode: 9, payload: 'x' },
  { opcode: 0, payload: 'cd' },
  { opcode: 1, payload: '' },
];
const expected: Record<Kind, string[]> = {
  whole: ['control 9', 'message abcd', 'message '],
  streamed: ['[ab', 'control 9', 'cd]', '[]'],
  raw: ['frame 1 ab', 'frame 9 x', 'frame 0 cd', 'frame 1 '],
};

for (const role of roles) {
  for (const kind of kinds) {
    test(`${role}, ${kind}: frames become what is asked for, with and without extensions`, () => {
      const bytes = wires(role, ...frames);
      const changed = expected[kind].map((told) => told.replace(/ab|cd|abcd/g, (text) => text.toUpperCase()));
      assert.equal(read(makeInput(role, kind), kind, [bytes]), expected[kind]);
      assert.equal(read(makeInput(role, kind, { chain: new ExtensionChain([upper()]) }), kind, [bytes]), changed);
      const bytewise = Array.from(bytes, (byte) => Uint8Array.of(byte));
      const joined = (told: string[]): string => told.join('').replaceAll('control 9', '');
      const chain = new ExtensionChain([agreedOn('x-hold', { incoming: new Holding() }), upper()]);
      assert.is(joined(read(makeInput(role, kind, { chain }), kind, bytewise, 1)), joined(changed));
    });
  }

  test(`${role}: what the decoder, an extension or the assembler finds wrong is the fault, and nothing more is given`, () => {
    const bad = (): ExtensionChain =>
      new ExtensionChain([
        agreedOn('x-bad', {
          incoming: new EachPiece(() => {
            throw new Error('mine');
          }),
        }),
      ]);
    const table: [WireFrame[], ExtensionChain | undefined, string][] = [
      [[{ opcode: 3 }], undefined, 'ERR_WS_UNKNOWN_OPCODE'],
      [[{ opcode: 1, payload: Uint8Array.of(0xff) }], undefined, 'ERR_WS_INVALID_UTF8'],
      [[{ opcode: 2, payload: 'a' }], bad(), 'ERR_WS_EXTENSION_FAILED'],
      [
        [
          { opcode: 2, fin: false, payload: 'a'.repeat(60) },
          { opcode: 0, payload: 'a'.repeat(60) },
        ],
        undefined,
        'ERR_WS_MESSAGE_TOO_LONG',
      ],
    ];
    for (const [wrong, chain, code] of table) {
      const input = makeInput(role, 'whole', { chain });
      assert.is(input.fault, undefined);
      assert.equal(read(input, 'whole', [wires(role, ...wrong)]), []);
      assert.is(input.fault?.code, code);
    }
  });

  test(`${role}: what an extension makes of a frame is held against the limit as it comes, whatever the header declares`, () => {
    for (const [kind, code] of [
      ['whole', 'ERR_WS_MESSAGE_TOO_LONG'],
      ['raw', 'ERR_WS_FRAME_TOO_LONG'],
    ] as const) {
      for (const times of [10, 11]) {
        const bloat = new EachPiece((bytes) => ({
          bytes: Uint8Array.from({ length: bytes.byteLength * times }),
          start: 0,
          end: bytes.byteLength * times,
          payloadLength: -1,
        }));
        const input = makeInput(role, kind, { chain: new ExtensionChain([agreedOn('x-bloat', { incoming: bloat })]) });
        read(input, kind, [wires(role, { opcode: 2, payload: 'a'.repeat(10) })], 5);
        assert.is(input.fault?.code, times === 10 ? undefined : code, `${kind}, ${times}`);
        assert.is(input.retained, 0);
      }
    }
  });

  test(`${role}: what is unread and retained counts the decoder's, the assembler's and the extensions'`, () => {
    const holding = new Holding();
    const chain = new ExtensionChain([agreedOn('x-hold', { incoming: holding, retained: 7 })]);
    const input = makeInput(role, 'whole', { chain });
    input.push(wires(role, { opcode: 2, fin: false, payload: 'abcdef' }, { opcode: 9 }), false);
    const whole = input.unread;
    assert.ok(whole > 6);
    const piece = input.next(2);
    assert.is(piece && piece.end - piece.start, 2);
    // Four bytes in the extension, and the ping behind them.
    assert.is(input.unread, 4 + wires(role, { opcode: 9 }).byteLength);
    if (piece !== undefined) input.join(piece);
    assert.is(input.retained, 2 + 7);
    input.stop();
    assert.equal([input.unread, input.retained], [0, 7]);
  });
}

test('a piece costs what it gives, or what was read for it where that is more', () => {
  const nothing = new EachPiece(() => new Uint8Array(0));
  const input = makeInput('client', 'whole', {
    chain: new ExtensionChain([agreedOn('x-nothing', { incoming: nothing })]),
  });
  input.push(wires('client', { opcode: 2, payload: 'a'.repeat(90) }), false);
  const [first, second] = [input.next(50), input.next(50)];
  assert.ok(first !== undefined && second !== undefined);
  if (first === undefined || second === undefined) return;
  assert.is(input.cost(second), 40 + ITEM_OVERHEAD);
  const plain = makeInput('client', 'whole');
  plain.push(wires('client', { opcode: 2, payload: 'a'.repeat(90) }), false);
  const piece = plain.next(1000);
  assert.is(piece && plain.cost(piece), 90 + ITEM_OVERHEAD);
});

test('the bits of extensions may be set in data frames alone, those of a raw endpoint in any', () => {
  for (const role of roles) {
    const chain = new ExtensionChain([agreedOn('x-a', {}, 0x40)]);
    const data = makeInput(role, 'raw', { chain });
    read(data, 'raw', [wires(role, { opcode: 2, rsv: 0x40 })]);
    assert.is(data.fault, undefined);
    read(data, 'raw', [wires(role, { opcode: 9, rsv: 0x40 })]);
    assert.is(data.fault?.code, 'ERR_WS_UNEXPECTED_RSV');
    const raw = makeInput(role, 'raw', { rsvBits: 0x40 });
    read(raw, 'raw', [wires(role, { opcode: 9, rsv: 0x40 })]);
    assert.is(raw.fault, undefined);
  }
});

test.run();
