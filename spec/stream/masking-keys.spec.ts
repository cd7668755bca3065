import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createMaskingKeys } from '../../lib/stream/masking-keys.ts';

const test = suite('masking keys · RFC 6455 §5.3');

test('come from the source that is given, and none is given twice', () => {
  let next = 0;
  const keys = createMaskingKeys((bytes) => {
    const words = new Uint32Array(bytes.buffer);
    for (let index = 0; index < words.length; index++) words[index] = next++;
  });
  assert.equal(
    Array.from({ length: 3000 }, keys),
    Array.from({ length: 3000 }, (_, index) => index),
  );
});

test('are spread over 32 bits by default: each bit is set in about half of them', () => {
  const keys = Array.from({ length: 4096 }, createMaskingKeys());
  for (let bit = 0; bit < 32; bit++) {
    const set = keys.filter((key) => (key >>> bit) & 1).length;
    // Twelve standard deviations: this does not happen by chance.
    assert.ok(Math.abs(set - 2048) < 12 * 32, `bit ${bit} is set in ${set} of 4096 keys`);
  }
});
test.run();
