import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeUtf8, decodeValidUtf8, Utf8Validator } from '../../lib/bytes/utf8.ts';
import { anyCharacter } from '../support/any-character.ts';
import { hex, join, toHex } from '../support/hex.ts';
import { Random, seed } from '../support/random.ts';

const test = suite('utf8 · RFC 3629 and RFC 6455 §8.1');

/** The count of bytes after which the validator refuses; undefined when it takes all of them. */
function refusedAt(bytes: Uint8Array): number | undefined {
  const validator = new Utf8Validator();
  for (let index = 0; index < bytes.byteLength; index++) {
    if (!validator.push(bytes, index, index + 1)) return index + 1;
  }
  return undefined;
}

/** The same by the platform's fatal decoder. */
function platformRefusesAt(bytes: Uint8Array): number | undefined {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  for (let index = 0; index < bytes.byteLength; index++) {
    try {
      decoder.decode(bytes.subarray(index, index + 1), { stream: true });
    } catch {
      return index + 1;
    }
  }
  return undefined;
}

function isValid(bytes: Uint8Array): boolean {
  const validator = new Utf8Validator();
  return validator.push(bytes) && validator.isComplete;
}

const valid: readonly [string, string][] = [
  ['', 'nothing'],
  ['00', 'U+0000'],
  ['7f', 'U+007F, the last of one byte'],
  ['c2 80', 'U+0080, the first of two bytes'],
  ['df bf', 'U+07FF, the last of two bytes'],
  ['e0 a0 80', 'U+0800, the first of three bytes'],
  ['ed 9f bf', 'U+D7FF, the last before the surrogates'],
  ['ee 80 80', 'U+E000, the first after the surrogates'],
  ['ef bb bf', 'U+FEFF, a byte order mark'],
  ['ef b7 90', 'U+FDD0, a noncharacter'],
  ['ef bf bd', 'U+FFFD'],
  ['ef bf be', 'U+FFFE, a noncharacter'],
  ['ef bf bf', 'U+FFFF, a noncharacter'],
  ['f0 90 80 80', 'U+10000, the first of four bytes'],
  ['f0 9f bf bf', 'U+1FFFF, a noncharacter'],
  ['f3 bf bf bf', 'U+FFFFF'],
  ['f4 8f bf bf', 'U+10FFFF, the last'],
  ['ce ba e1 bd b9 cf 83 ce bc ce b5', 'Greek'],
];

// With the count of bytes at which no valid text can come of it any more.
const invalid: readonly [string, number, string][] = [
  ['80', 1, 'a lone continuation byte'],
  ['bf', 1, 'the last continuation byte alone'],
  ['c0 80', 1, 'an overlong U+0000'],
  ['c0 af', 1, 'an overlong slash'],
  ['c1 bf', 1, 'an overlong U+007F'],
  ['c2 00', 2, 'two bytes whose second is ASCII'],
  ['c2 c0', 2, 'two bytes whose second starts a character'],
  ['df ff', 2, 'a byte FF'],
  ['e0 80 80', 2, 'an overlong of three bytes'],
  ['e0 9f bf', 2, 'an overlong U+07FF'],
  ['e1 80 7f', 3, 'three bytes whose third is ASCII'],
  ['ed a0 80', 2, 'U+D800, the first surrogate'],
  ['ed af bf', 2, 'U+DBFF'],
  ['ed b0 80', 2, 'U+DC00'],
  ['ed bf bf', 2, 'U+DFFF, the last surrogate'],
  ['ed a0 bd ed b8 80', 2, 'a pair of surrogates, each encoded (CESU-8)'],
  ['f0 80 80 80', 2, 'an overlong of four bytes'],
  ['f0 8f bf bf', 2, 'an overlong U+FFFF'],
  ['f1 80 80 c0', 4, 'four bytes whose fourth starts a character'],
  ['f4 90 80 80', 2, 'U+110000, one above the last'],
  ['f5 80 80 80', 1, 'a first byte F5'],
  ['f7 bf bf bf', 1, 'a first byte F7'],
  ['f8 88 80 80 80', 1, 'five bytes'],
  ['fc 84 80 80 80 80', 1, 'six bytes'],
  ['fe', 1, 'a byte FE'],
  ['ff', 1, 'a byte FF alone'],
  ['ce ba e1 bd b9 cf 83 ce bc ce b5 ed a0 80 65 64', 13, 'a surrogate inside a text'],
];

for (const [bytes, name] of valid) {
  test(`takes ${name}, and keeps it as it is`, () => {
    assert.is(refusedAt(hex(bytes)), undefined);
    assert.ok(isValid(hex(bytes)));
    for (const text of [decodeUtf8(hex(bytes)), decodeValidUtf8(hex(bytes))]) {
      assert.is(toHex(new TextEncoder().encode(text)), bytes);
    }
  });
}

for (const [bytes, at, name] of invalid) {
  test(`refuses ${name} at byte ${at}`, () => {
    assert.is(refusedAt(hex(bytes)), at);
    assert.not(isValid(hex(bytes)));
    assert.is(decodeUtf8(hex(bytes)), undefined);
    // Behind any text, and in front of any.
    assert.is(refusedAt(join(hex('61 c3 a9 e2 82 ac'), hex(bytes))), 6 + at);
    assert.is(refusedAt(join(hex(bytes), hex('61'))), at);
  });
}

test('takes the start of a character as valid so far, but not as complete', () => {
  for (const bytes of [
    'c2',
    'df',
    'e0',
    'e0 a0',
    'ed 9f',
    'ef bf',
    'f0',
    'f0 90',
    'f0 90 80',
    'f4 8f bf',
    '61 e2 82',
  ]) {
    const validator = new Utf8Validator();
    assert.ok(validator.push(hex(bytes)), bytes);
    assert.not(validator.isComplete, bytes);
    assert.is(decodeUtf8(hex(bytes)), undefined, bytes);
  }
});

test('judges each pair of bytes as the platform does', () => {
  for (let first = 0; first < 256; first++) {
    for (let second = 0; second < 256; second++) {
      const bytes = Uint8Array.of(first, second);
      const text = decodeUtf8(bytes);
      assert.is(isValid(bytes), text !== undefined, toHex(bytes));
    }
  }
});

test('refuses at the byte at which the platform refuses, whatever follows the first byte', () => {
  for (let first = 0xc0; first < 256; first++) {
    for (let second = 0x70; second < 256; second += 0xf) {
      for (const rest of ['80 80', 'bf bf', '61 80', '80 61', '80 c2', 'ff 80']) {
        const bytes = join(Uint8Array.of(first, second), hex(rest));
        assert.is(refusedAt(bytes), platformRefusesAt(bytes), toHex(bytes));
      }
    }
  }
});

const fragments = fc.oneof(
  fc.string({ unit: anyCharacter, maxLength: 8 }).map((text) => new TextEncoder().encode(text)),
  fc.uint8Array({ maxLength: 4 }),
  fc.constantFrom(...invalid.map(([bytes]) => hex(bytes)), hex('e2 82'), hex('f0 9f 92'), hex('ef bb bf')),
);
const texts = fc.array(fragments, { maxLength: 6 }).map((parts) => join(...parts));

test('agrees with the platform on any bytes, and refuses them at the same byte', () => {
  const property = fc.property(texts, (bytes) => {
    assert.is(refusedAt(bytes), platformRefusesAt(bytes));
    let expected: string | undefined;
    try {
      expected = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {}
    assert.is(decodeUtf8(bytes), expected);
    assert.is(isValid(bytes), expected !== undefined);
    if (expected !== undefined) assert.is(decodeValidUtf8(bytes), expected);
  });
  fc.assert(property, { seed, numRuns: 2000 });
});

test('judges any split as it judges the whole', () => {
  const property = fc.property(texts, fc.array(fc.nat({ max: 5 }), { maxLength: 20 }), (bytes, sizes) => {
    const validator = new Utf8Validator();
    let isOk = true;
    let start = 0;
    for (const size of [...sizes, bytes.byteLength]) {
      const end = Math.min(bytes.byteLength, start + size);
      isOk = isOk && validator.push(bytes, start, end);
      start = end;
    }
    assert.is(isOk && validator.isComplete, isValid(bytes));
  });
  fc.assert(property, { seed, numRuns: 1000 });
});

test('judges long pieces as it judges them byte by byte, wherever they are cut or spoilt', () => {
  const random = new Random();
  const characters = ['a', 'é', '한', '😀', 'plain text of some length '];
  for (let run = 0; run < 300; run++) {
    let text = '';
    const length = 250 + random.below(run % 20 === 0 ? 150_000 : 1500);
    while (text.length < length) text += characters[random.below(run % 2 === 0 ? characters.length : 2)];
    const bytes = Buffer.from(text);
    if (run % 3 === 0) bytes[random.below(bytes.byteLength)] = random.below(256);
    const judge = (size: () => number): [boolean, boolean] => {
      const validator = new Utf8Validator();
      for (let at = 0; at < bytes.byteLength; ) {
        const to = Math.min(bytes.byteLength, at + size());
        if (!validator.push(bytes, at, to)) return [false, false];
        at = to;
      }
      return [true, validator.isComplete];
    };
    const expected = judge(() => 1);
    assert.equal(
      judge(() => bytes.byteLength),
      expected,
      'whole',
    );
    for (let cut = 0; cut < 5; cut++)
      assert.equal(
        judge(() => 1 + random.below(900)),
        expected,
        'cut',
      );
    assert.equal(
      judge(() => 256 + random.below(4)),
      expected,
      'in pieces that are just long',
    );
  }
});

test('starts anew after reset, in the middle of a character too', () => {
  for (const start of ['e0', 'ed', 'f0', 'f4', 'c2', 'f0 90', 'e0 80', 'ff']) {
    const validator = new Utf8Validator();
    validator.push(hex(start));
    validator.reset();
    assert.ok(validator.isComplete);
    assert.ok(validator.push(hex('e1 80 80 61 f1 bf bf bf')), start);
    assert.ok(validator.isComplete);
  }
});

test('decodes good bytes after bad ones: nothing is kept between two texts', () => {
  for (const [bad] of invalid) {
    assert.is(decodeUtf8(hex(bad)), undefined);
    assert.is(decodeUtf8(hex('f0 9f 98 80')), '😀');
  }
  assert.is(decodeUtf8(hex('f0 9f')), undefined);
  assert.is(decodeUtf8(hex('98 80')), undefined);
});

test('decodes a part of a larger buffer', () => {
  assert.is(decodeUtf8(hex('ff ff c3 a9 ff').subarray(2, 4)), 'é');
  assert.is(decodeValidUtf8(hex('ff ff c3 a9 ff').subarray(2, 4)), 'é');
});

test.run();
