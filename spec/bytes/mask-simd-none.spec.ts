// Where WebAssembly may not be compiled: a page's policy, a runtime without it.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Random } from '../support/random.ts';
import { refused } from '../support/without-web-assembly.ts';

const test = suite('mask without WebAssembly');

const { maskedCopy, maskInPlace } = await import('../../lib/bytes/mask.ts');

test('long payloads are masked all the same, and it is tried once', () => {
  const random = new Random();
  for (const length of [512, 1027, 70_001]) {
    for (let position = 0; position < 4; position++) {
      const key = random.below(2 ** 32);
      const payload = random.bytes(length);
      const expected = payload.map((octet, index) => octet ^ (key >>> (24 - (((index + position) & 3) << 3))));
      assert.equal(maskedCopy(payload, 0, length, key, position), expected);
      maskInPlace(payload, 0, length, key, position);
      assert.equal(payload, expected);
    }
  }
  assert.is(refused.tries, 1);
});

test.run();
