// Text messages: valid as a whole, wherever they are cut, and failed at the first byte that cannot be valid.

import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { anyCharacter } from '../support/any-character.ts';
import { seeMessage } from '../support/deliver.ts';
import { type Assembled, assemble, assemblerFailsAt } from '../support/deliver-messages.ts';
import { toBytes, type WireFrame } from '../support/frames.ts';
import { hex, join } from '../support/hex.ts';
import { seed } from '../support/random.ts';

const test = suite('message-assembler · UTF-8, RFC 6455 §5.6 and §8.1');

/** A text message cut into fragments at these places. */
function cut(payload: Uint8Array, places: readonly number[]): WireFrame[] {
  return [0, ...places].map((start, index) => ({
    opcode: index === 0 ? 1 : 0,
    fin: index === places.length,
    payload: payload.subarray(start, places[index] ?? payload.byteLength),
  }));
}

function fails({ messages, fault, retained }: Assembled, name: string): void {
  assert.equal([messages, retained], [[], 0], name);
  assert.is(fault?.code, 'ERR_WS_INVALID_UTF8', name);
  assert.is(fault?.closeCode, 1007, name);
}

/** The byte of the wire, counted from 1, that is the byte `index` of the payload. */
function wirePosition(frames: readonly WireFrame[], index: number): number {
  let payloadBefore = 0;
  for (const [number, { payload = '' }] of frames.entries()) {
    const { byteLength } = toBytes(payload);
    // Payloads here are short: a header has two bytes.
    if (index < payloadBefore + byteLength) return 2 * (number + 1) + index + 1;
    payloadBefore += byteLength;
  }
  throw new RangeError(`Cannot find byte ${index}`);
}

/** At which byte of the payload, counted from 0, the platform's fatal streaming decoder throws; -1 for its end. */
function platformFailsAt(bytes: Uint8Array): number | undefined {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  for (const [index, byte] of bytes.entries()) {
    try {
      decoder.decode(Uint8Array.of(byte), { stream: true });
    } catch {
      return index;
    }
  }
  try {
    decoder.decode();
  } catch {
    return -1;
  }
  return undefined;
}

const good = [
  'Hello',
  'κόσμε',
  '日本語',
  'a😀b\u{10ffff}',
  '\ufeffmark',
  '\ufdd0\ufffe\uffff\u{1fffe}',
  '\u0000\u007f\u0080\u07ff\u0800',
];

for (const content of good) {
  test(`takes ${JSON.stringify(content)} cut at every byte, whole and in fragments`, () => {
    const payload = toBytes(content);
    const expected = { messages: [seeMessage(content)], fault: undefined, retained: 0 };
    for (let place = 0; place <= payload.byteLength; place++) assert.equal(assemble(cut(payload, [place])), expected);
    const everywhere = Array.from({ length: payload.byteLength - 1 }, (_, index) => index + 1);
    assert.equal(assemble(cut(payload, everywhere)), expected);
  });
}

// The bad bytes, and which of them cannot be valid whatever follows.
const bad: readonly [string, number, string][] = [
  ['80', 0, 'a lone continuation byte'],
  ['c0 af', 0, 'an overlong form of two bytes'],
  ['e0 80 af', 1, 'an overlong form of three bytes'],
  ['f0 80 80 af', 1, 'an overlong form of four bytes'],
  ['ed a0 80', 1, 'a surrogate'],
  ['ed bf bf', 1, 'the last surrogate'],
  ['f4 90 80 80', 1, 'a code point above U+10FFFF'],
  ['f5 80 80 80', 0, 'a byte that never occurs'],
  ['ff', 0, 'a byte FF'],
  ['e2 82 61', 2, 'a character without its last byte'],
  ['f0 9f 98 61', 3, 'a character of four bytes without its last'],
];

for (const [digits, impossible, name] of bad) {
  test(`fails with 1007 on ${name} at every position of a text, however it is cut`, () => {
    const before = toBytes('aé€😀');
    const after = toBytes('zß');
    for (let position = 0; position <= before.byteLength; position++) {
      // Not inside a character of the text before: that would be another fault.
      const start = before.subarray(0, position);
      if (new TextDecoder().decode(start).includes('\ufffd')) continue;
      const payload = join(start, hex(digits), after);
      for (const frames of [cut(payload, []), cut(payload, [position]), cut(payload, [position + 1])]) {
        fails(assemble(frames), `${name} at ${position}`);
        const expected = wirePosition(frames, position + impossible);
        assert.is(assemblerFailsAt(frames), expected, `${name} at ${position}, at its first impossible byte`);
      }
    }
  });
}

test('fails with 1007 when a text ends inside a character, in its last frame and not before', () => {
  for (const digits of ['c3', 'e2', 'e2 82', 'f0', 'f0 9f', 'f0 9f 98']) {
    const payload = join(toBytes('a'), hex(digits));
    const whole = cut(payload, []);
    fails(assemble(whole), digits);
    assert.is(assemblerFailsAt(whole), 2 + payload.byteLength);
    // The last fragment is empty: only its header tells that nothing follows.
    const twoFrames = cut(payload, [payload.byteLength]);
    fails(assemble(twoFrames), digits);
    assert.is(assemblerFailsAt(twoFrames), 2 + payload.byteLength + 2);
    const open = [{ ...(whole[0] as WireFrame), fin: false }];
    assert.is(assemble(open).fault, undefined, 'a fragment may end there');
  }
});

test('fails with 1007 as soon as the bytes come, long before the frame or the message ends', () => {
  const payload = join(hex('ff'), new Uint8Array(100).fill(0x61));
  assert.is(assemblerFailsAt([{ opcode: 1, payload }]), 3);
  assert.is(
    assemblerFailsAt([
      { opcode: 1, fin: false, payload: 'ok' },
      { opcode: 0, fin: false, payload },
    ]),
    7,
  );
});

test('begins each text anew: the end of one is no start of the next', () => {
  const frames: WireFrame[] = [...cut(toBytes('é'), [1]), ...cut(hex('a9'), [])];
  const { messages, fault } = assemble(frames);
  assert.equal(messages, [seeMessage('é')]);
  assert.is(fault?.closeCode, 1007);
});

test('does not look at the bytes of a binary message', () => {
  for (const [digits] of bad) {
    const payload = hex(digits);
    const frames = [
      { opcode: 2, fin: false, payload },
      { opcode: 0, payload },
    ];
    assert.is(assemble(frames).fault, undefined);
    assert.is(assemble([...frames, { opcode: 1, payload: 'text' }]).messages.length, 2);
  }
});

test('fails at the byte at which the platform decoder throws, for any bytes in any fragments', () => {
  const parts = fc.oneof(
    fc.string({ unit: anyCharacter, maxLength: 4 }).map(toBytes),
    fc.uint8Array({ maxLength: 3 }),
    fc.constantFrom(...bad.map(([digits]) => hex(digits))),
  );
  const payloads = fc.array(parts, { maxLength: 5 }).map((list) => join(...list));
  const property = fc.property(payloads, fc.array(fc.nat({ max: 40 }), { maxLength: 4 }), (payload, list) => {
    const places = list.map((place) => Math.min(place, payload.byteLength)).sort((left, right) => left - right);
    const frames = cut(payload, places);
    const fault = platformFailsAt(payload);
    const last = 2 * frames.length + payload.byteLength;
    const expected = fault === undefined ? undefined : fault === -1 ? last : wirePosition(frames, fault);
    assert.is(assemblerFailsAt(frames), expected);
  });
  fc.assert(property, { seed, numRuns: 1000 });
});

test.run();
