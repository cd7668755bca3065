import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { UTF8_MODULE } from '../../lib/bytes/utf8-module.ts';
import { isUtf8BySimd, MOST } from '../../lib/bytes/utf8-simd.ts';
import { moduleOf } from '../../lib/bytes/web-assembly.ts';
import { assembled } from '../support/assembled.ts';
import { toHex } from '../support/hex.ts';
import { Random } from '../support/random.ts';

const test = suite('UTF-8 by WebAssembly · RFC 3629');

test('the module is what its source says, and smaller than 1 KiB', async () => {
  const buffer = await assembled('utf8');
  assert.equal(moduleOf(UTF8_MODULE), buffer);
  assert.ok(buffer.byteLength < 1024);
});

const platform = new TextDecoder('utf-8', { fatal: true });

function isValid(bytes: Uint8Array): boolean {
  try {
    platform.decode(bytes);
    return true;
  } catch {
    return false;
  }
}

function judgedAlike(bytes: Uint8Array): void {
  const judged = isUtf8BySimd(bytes, 0, bytes.byteLength);
  if (judged !== isValid(bytes)) assert.unreachable(`${judged} for ${toHex(bytes)}`);
}

test('it is had on every runtime that the specs run in', () => {
  assert.is(isUtf8BySimd(Uint8Array.of(0x61), 0, 1), true);
  assert.is(isUtf8BySimd(new Uint8Array(0), 0, 0), true);
  assert.is(isUtf8BySimd(Uint8Array.of(0xc3), 0, 1), false);
});

// Bytes at the bounds of what a first, second or later byte may be (Unicode 15, table 3-7).
const bounds = [
  ...[0, 0x61, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef],
  ...[0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xf8, 0xff],
];

for (const place of [0, 12, 15, 61, 63]) {
  test(`any three bytes at the bounds are judged as the platform judges them, behind ${place} others`, () => {
    const bytes = new Uint8Array(place + 3).fill(0x61);
    for (const first of bounds) {
      for (const second of bounds) {
        for (const third of bounds) {
          bytes.set([first, second, third], place);
          judgedAlike(bytes);
        }
      }
    }
  });
}

test('four bytes of which the first asks for four are judged as the platform judges them', () => {
  for (const first of [0xf0, 0xf1, 0xf3, 0xf4, 0xf5]) {
    for (let second = 0; second < 256; second++) {
      for (const third of bounds) {
        for (const fourth of [0x61, 0x7f, 0x80, 0xbf, 0xc0, 0xf0]) {
          judgedAlike(Uint8Array.of(0x61, first, second, third, fourth));
        }
      }
    }
  }
});

test('texts are judged as the platform judges them, wherever they begin and end, and however they are spoilt', () => {
  const random = new Random();
  const characters = ['a', 'é', '한', '😀', 'plain text of some length, longer than a step of sixty-four octets is. '];
  for (let run = 0; run < 3000; run++) {
    let words = '';
    const length = random.below(run % 100 === 0 ? 20_000 : 300);
    while (words.length < length) words += characters[random.below(run % 2 === 0 ? characters.length : 2)];
    const bytes = new TextEncoder().encode(words);
    if (run % 3 === 0 && bytes.byteLength > 0) bytes[random.below(bytes.byteLength)] = random.below(256);
    judgedAlike(bytes);
    const start = random.below(bytes.byteLength + 1);
    judgedAlike(bytes.subarray(start, start + random.below(bytes.byteLength - start + 1)));
  }
});

test('what was checked before is not seen any more', () => {
  const long = new Uint8Array(MOST).fill(0xff);
  assert.is(isUtf8BySimd(long, 0, MOST), false);
  for (const length of [0, 1, 63, 64, 65, MOST - 1]) {
    assert.is(isUtf8BySimd(new Uint8Array(length).fill(0x61), 0, length), true, `${length}`);
  }
  assert.is(isUtf8BySimd(new Uint8Array(MOST).fill(0x61), 0, MOST), true);
});

test('it is told where to begin and to end', () => {
  const bytes = new TextEncoder().encode('é한😀');
  for (const [start, end, expected] of [
    [0, 9, true],
    [2, 5, true],
    [5, 9, true],
    [1, 9, false],
    [0, 8, false],
    [2, 4, false],
  ] as const) {
    assert.is(isUtf8BySimd(bytes, start, end), expected, `${start} to ${end}`);
  }
});

test.run();
