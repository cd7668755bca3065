// Where WebAssembly may not be compiled: a page's policy, a runtime without it.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { refused } from '../support/without-web-assembly.ts';

const { Utf8Validator } = await import('../../lib/bytes/utf8.ts');

const test = suite('UTF-8 without WebAssembly');

test('long pieces are checked all the same, and it is tried once', () => {
  const bytes = new TextEncoder().encode('naïve 한 😀 '.repeat(10_000));
  for (const size of [128, 1027, 65_536, bytes.byteLength]) {
    for (const spoilt of [undefined, 0, size - 1, size - 65, bytes.byteLength - 2]) {
      const text = bytes.slice();
      if (spoilt !== undefined) text[spoilt] = 0xff;
      const validator = new Utf8Validator();
      let isValid = true;
      for (let at = 0; at < text.byteLength; at += size)
        isValid &&= validator.push(text, at, Math.min(text.byteLength, at + size));
      assert.is(isValid && validator.isComplete, spoilt === undefined, `${spoilt} in pieces of ${size}`);
    }
  }
  assert.is(refused.tries, 1);
});

test.run();
