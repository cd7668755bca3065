// Where WebAssembly may not be compiled: a page's policy, a runtime without it.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Random } from '../support/random.ts';

const test = suite('mask without WebAssembly');

let tries = 0;
Object.defineProperty(WebAssembly, 'Module', {
  value: class {
    constructor() {
      tries++;
      throw new EvalError('Refused to compile: a policy forbids it');
    }
  },
});
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
  assert.is(tries, 1);
});

test.run();
