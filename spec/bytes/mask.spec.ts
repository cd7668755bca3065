import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { maskInPlace } from '../../lib/bytes/mask.ts';
import { xor } from '../support/frames.ts';
import { hex, toHex } from '../support/hex.ts';
import { Random, seed } from '../support/random.ts';

const test = suite('mask · RFC 6455 §5.3');

function keyBytes(key: number): Uint8Array {
  return Uint8Array.of(key >>> 24, key >>> 16, key >>> 8, key);
}

/** Masks `payload` at `offset` of a buffer and asserts that nothing around it is touched. */
function masked(payload: Uint8Array, key: number, position: number, offset: number): Uint8Array {
  const buffer = new Uint8Array(offset + payload.byteLength + 9).fill(0xee);
  buffer.set(payload, offset);
  // A view that does not start where its buffer does, and a range that does not start where the view does.
  const view = buffer.subarray(offset >> 1);
  const start = offset - (offset >> 1);
  maskInPlace(view, start, start + payload.byteLength, key, position);
  assert.ok(
    buffer.subarray(0, offset).every((byte) => byte === 0xee),
    'nothing before is touched',
  );
  assert.ok(
    buffer.subarray(offset + payload.byteLength).every((byte) => byte === 0xee),
    'nothing behind is touched',
  );
  return buffer.slice(offset, offset + payload.byteLength);
}

test('masks the example of RFC 6455 §5.7', () => {
  const bytes = new TextEncoder().encode('Hello');
  maskInPlace(bytes, 0, 5, 0x37fa213d);
  assert.is(toHex(bytes), '7f 9f 4d 51 58');
});

test('octet i is masked with octet i modulo 4 of the key, the first on the wire being the most significant', () => {
  const bytes = new Uint8Array(6);
  maskInPlace(bytes, 0, 6, 0x01020304);
  assert.is(toHex(bytes), '01 02 03 04 01 02');
});

test('goes on in the key where the position says', () => {
  for (const [position, expected] of [
    '01 02 03 04 01',
    '02 03 04 01 02',
    '03 04 01 02 03',
    '04 01 02 03 04',
  ].entries()) {
    for (const turns of [0, 4, 400, 2 ** 31, 2 ** 32, 2 ** 52]) {
      const bytes = new Uint8Array(5);
      maskInPlace(bytes, 0, 5, 0x01020304, position + turns);
      assert.is(toHex(bytes), expected, `position ${position + turns}`);
    }
  }
});

test('touches only the range it is given', () => {
  const bytes = hex('00 00 00 00 00');
  maskInPlace(bytes, 1, 3, 0xffffffff);
  assert.is(toHex(bytes), '00 ff ff 00 00');
  maskInPlace(bytes, 2, 2, 0xffffffff);
  assert.is(toHex(bytes), '00 ff ff 00 00');
});

test('takes keys with the top bit set, and those of all ones and all zeros', () => {
  for (const key of [0, 0xffffffff, 0x80000000, 0x80000001, 0x7fffffff, 0x00ff00ff, 0xdeadbeef]) {
    for (const length of [5, 200]) {
      const payload = new Random(length).bytes(length);
      assert.equal(masked(payload, key, 0, 3), xor(payload, keyBytes(key)), `key ${key.toString(16)}`);
    }
  }
});

test('agrees with a plain loop at each length up to 160, each alignment and each position', () => {
  const random = new Random();
  const payload = random.bytes(160);
  const key = random.next();
  for (let length = 0; length <= 160; length++) {
    for (let offset = 0; offset < 8; offset++) {
      const position = (offset + length) % 5;
      const part = payload.subarray(0, length);
      const expected = xor(part, keyBytes(key), position);
      assert.ok(Buffer.compare(masked(part, key, position, offset), expected) === 0, `${length} at ${offset}`);
    }
  }
});

test('agrees with a plain loop for any bytes, key, alignment and position', () => {
  const property = fc.property(
    fc.uint8Array({ maxLength: 400, size: 'max' }),
    fc.integer({ min: 0, max: 0xffffffff }),
    fc.nat({ max: 2 ** 31 - 1 }),
    fc.nat({ max: 16 }),
    (payload, key, position, offset) => {
      assert.equal(masked(payload, key, position, offset), xor(payload, keyBytes(key), position));
    },
  );
  fc.assert(property, { seed, numRuns: 500 });
});

test('is its own inverse, also when it is undone in other pieces', () => {
  const property = fc.property(
    fc.uint8Array({ maxLength: 400, size: 'max' }),
    fc.integer({ min: 0, max: 0xffffffff }),
    fc.nat({ max: 400 }),
    (payload, key, place) => {
      const bytes = payload.slice();
      const middle = Math.min(place, bytes.byteLength);
      maskInPlace(bytes, 0, bytes.byteLength, key);
      maskInPlace(bytes, middle, bytes.byteLength, key, middle);
      maskInPlace(bytes, 0, middle, key);
      assert.equal(bytes, payload);
    },
  );
  fc.assert(property, { seed, numRuns: 500 });
});

test.run();
