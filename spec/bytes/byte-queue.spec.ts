import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ByteQueue, pinsMuch } from '../../lib/bytes/byte-queue.ts';
import { KiB } from '../support/deliver-drip.ts';
import { hex, join, toHex } from '../support/hex.ts';
import { Random, seed } from '../support/random.ts';

const test = suite('byte-queue');

function isSame(left: Uint8Array, right: Uint8Array): boolean {
  return Buffer.compare(left, right) === 0;
}

test('joins nothing to an empty array', () => {
  const queue = new ByteQueue();
  assert.is(queue.length, 0);
  assert.equal(queue.join(), new Uint8Array(0));
  queue.append(new Uint8Array(0));
  assert.is(queue.length, 0);
  assert.equal(queue.join(), new Uint8Array(0));
});

test('joins pieces in their order and counts their bytes', () => {
  const queue = new ByteQueue();
  queue.append(hex('01 02'));
  queue.append(hex('03'));
  queue.append(new Uint8Array(0));
  queue.append(hex('04 05 06'));
  assert.is(queue.length, 6);
  assert.is(toHex(queue.join()), '01 02 03 04 05 06');
});

test('takes the range of a piece that it is given', () => {
  const queue = new ByteQueue();
  queue.append(hex('01 02 03 04'), 1, 3);
  queue.append(hex('05 06 07'), 2);
  queue.append(hex('08 09'), 1, 1);
  assert.is(queue.length, 3);
  assert.is(toHex(queue.join()), '02 03 07');
});

test('is empty after join and after clear, and can be used again', () => {
  const queue = new ByteQueue();
  for (const empty of [() => queue.join(), () => queue.clear()]) {
    queue.append(hex('01 02 03'));
    queue.append(new Uint8Array(8 * KiB));
    empty();
    assert.is(queue.length, 0);
    queue.append(hex('04'));
    assert.is(toHex(queue.join()), '04');
  }
});

test('what was joined does not change when more is appended', () => {
  const queue = new ByteQueue();
  queue.append(hex('01'));
  const first = queue.join();
  queue.append(hex('02'));
  assert.is(toHex(first), '01');
  assert.is(toHex(queue.join()), '02');
});

test('keeps a large piece as it came and copies a small one', () => {
  const queue = new ByteQueue();
  const large = new Uint8Array(4 * KiB).fill(1);
  queue.append(large);
  assert.is(queue.join().buffer, large.buffer);
  const small = hex('01 02');
  queue.append(small);
  const joined = queue.join();
  assert.is.not(joined.buffer, small.buffer);
});

test('copies a large piece that would keep a far larger buffer alive', () => {
  const queue = new ByteQueue();
  const buffer = new Uint8Array(64 * KiB);
  queue.append(buffer, 100, 100 + 8 * KiB);
  assert.is.not(queue.join().buffer, buffer.buffer);
});

test('pinsMuch tells whether a piece is less than a quarter of a buffer that is larger than what neighbours may share', () => {
  const buffer = new Uint8Array(8000);
  assert.is(pinsMuch(buffer, 1999), true);
  assert.is(pinsMuch(buffer, 2000), false);
  assert.is(pinsMuch(buffer.subarray(6000), 1999), true);
  assert.is(pinsMuch(new Uint8Array(4096), 1), false);
  assert.is(pinsMuch(new Uint8Array(4097), 1), true);
  assert.is(pinsMuch(new Uint8Array(0), 0), false);
});

test('joins pieces of any sizes to what they are one behind the other', () => {
  const sizes = fc.oneof(
    fc.nat({ max: 40 }),
    fc.constantFrom(15, 16, 255, 256, 257, 4095, 4096, 4097, 20_000, 65_535, 65_537),
  );
  const property = fc.property(fc.array(sizes, { maxLength: 30, size: 'max' }), fc.nat({ max: 7 }), (list, offset) => {
    const random = new Random(seed + list.length);
    const pieces = list.map((size) => random.bytes(size + 2 * offset).subarray(offset, offset + size));
    const queue = new ByteQueue();
    for (const piece of pieces) queue.append(piece);
    assert.is(
      queue.length,
      list.reduce((sum, size) => sum + size, 0),
    );
    assert.ok(isSame(queue.join(), join(...pieces)));
  });
  fc.assert(property, { seed, numRuns: 100 });
});

test.run();
