import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createWorkBuffer, HALF_PAGE } from '../../lib/bytes/work-buffer.ts';

const test = suite('work-buffer');

test('it has as many bytes as are asked for, and begins in the middle of a page', () => {
  for (const size of [0, 1, 65_536]) {
    const buffer = createWorkBuffer(size);
    assert.is(buffer.constructor, Uint8Array);
    assert.is(buffer.byteLength, size);
    assert.is(buffer.byteOffset, HALF_PAGE);
    assert.is(buffer.buffer.byteLength, HALF_PAGE + size);
  }
});

test.run();
