import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { maskedCopy, maskInPlace } from '../../lib/bytes/mask.ts';
import { MASK_MODULE } from '../../lib/bytes/mask-module.ts';
import { maskBySimd } from '../../lib/bytes/mask-simd.ts';
import { moduleOf } from '../../lib/bytes/web-assembly.ts';
import { assembled } from '../support/assembled.ts';
import { Random } from '../support/random.ts';

const test = suite('mask by WebAssembly · RFC 6455 §5.3');

test('the module is what its source says, and smaller than 1 KiB', async () => {
  const buffer = await assembled('mask');
  assert.equal(moduleOf(MASK_MODULE), buffer);
  assert.ok(buffer.byteLength < 1024);
});

test('WebAssembly is had on every runtime that the specs run in', () => {
  const bytes = new Uint8Array(1024);
  assert.ok(maskBySimd(bytes, 0, 1024, 0x04030201, bytes, 0));
  assert.equal([...bytes.subarray(0, 5)], [1, 2, 3, 4, 1]);
});

function byHand(bytes: Uint8Array, key: number, position: number): Uint8Array {
  return bytes.map((octet, index) => octet ^ (key >>> (24 - (((index + position) & 3) << 3))));
}

const random = new Random();
const lengths = [511, 512, 513, 575, 576, 577, 4095, 65_535, 65_536, 65_537, 131_072, 200_001];

for (const length of lengths) {
  test(`${length} bytes are masked as octet by octet, from every position and place, and nothing around them`, () => {
    for (let position = 0; position < 4; position++) {
      const [before, behind, key] = [random.below(71), random.below(71), random.below(2 ** 32)];
      const payload = random.bytes(length);
      const bytes = new Uint8Array(before + length + behind).fill(0xee);
      bytes.set(payload, before);
      const expected = byHand(payload, key, position);
      assert.equal(maskedCopy(bytes, before, before + length, key, position), expected);
      assert.equal(bytes.slice(before, before + length), payload, 'a copy leaves the bytes as they are');
      maskInPlace(bytes, before, before + length, key, position);
      assert.equal(bytes.slice(before, before + length), expected);
      assert.ok([...bytes.slice(0, before), ...bytes.slice(before + length)].every((octet) => octet === 0xee));
    }
  });
}

test.run();
