import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { toPlainBytes } from '../../lib/bytes/plain-bytes.ts';

const test = suite('plain bytes');

test('gives a plain Uint8Array itself, and for a subclass a plain view of the same bytes', () => {
  const plain = Uint8Array.of(1, 2);
  assert.is(toPlainBytes(plain), plain);
  const buffer = Buffer.from([0, 1, 2, 3]).subarray(1, 3);
  const view = toPlainBytes(buffer);
  assert.is(view.constructor, Uint8Array);
  assert.equal([...view], [1, 2]);
  view[0] = 9;
  assert.is(buffer[0], 9);
});
test.run();
