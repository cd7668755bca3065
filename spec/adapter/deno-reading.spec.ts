// The buffers that connections of Deno's are read into: small while nothing comes, shared where much does, and never of two at a time.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ReadBuffers } from '../../lib/adapter/deno-reading.ts';
import { SPARE_SIZE } from '../../lib/adapter/spare-buffers.ts';
import { Random } from '../support/random.ts';

const test = suite('deno-reading');

const KiB = 1024;

function read(buffers: ReadBuffers, length: number, value = 1): Uint8Array {
  buffers.next.fill(value, 0, length);
  return buffers.take(length);
}

test('the first read waits with a small buffer, the one behind a full one has a large one', () => {
  const buffers = new ReadBuffers();
  assert.is(buffers.next.byteLength, 2 * KiB);
  read(buffers, 2 * KiB);
  assert.is(buffers.next.byteLength, SPARE_SIZE);
  read(buffers, SPARE_SIZE);
  assert.is(buffers.next.byteLength, SPARE_SIZE);
  buffers.release();
});

test('a message that comes again and again, masked, of 16 KiB, is one read', () => {
  const buffers = new ReadBuffers();
  const size = 16 * KiB + 8;
  read(buffers, 2 * KiB);
  read(buffers, size - 2 * KiB);
  for (let index = 0; index < 3; index++) {
    assert.is(buffers.next.byteLength, 32 * KiB);
    read(buffers, size);
  }
});

test('behind a flood a connection waits with no more than 32 KiB, and behind little with little', () => {
  const buffers = new ReadBuffers();
  read(buffers, 2 * KiB);
  for (let index = 0; index < 10; index++) read(buffers, SPARE_SIZE);
  read(buffers, 40 * KiB);
  assert.is(buffers.next.byteLength, 32 * KiB);
  read(buffers, 10);
  assert.is(buffers.next.byteLength, 2 * KiB);
});

test('a buffer is asked for again and again and stays the same until something was read', () => {
  const buffers = new ReadBuffers();
  assert.is(buffers.next, buffers.next);
});

test('the buffer of what comes in like amounts is used again: nothing is made for a read', () => {
  const buffers = new ReadBuffers();
  read(buffers, 3);
  const { next } = buffers;
  for (const length of [10, 2000, 1, 700]) {
    assert.is(buffers.next, next);
    assert.is(read(buffers, length).buffer, next.buffer);
  }
});

test('a large one goes from one connection to the next; two that read at once have one each', () => {
  const [one, other] = [new ReadBuffers(), new ReadBuffers()];
  for (const buffers of [one, other]) read(buffers, 2 * KiB);
  const { buffer } = one.next;
  assert.is.not(other.next.buffer, buffer);
  // Behind what did not fill it: it was given back as soon as the next is asked for, and not before.
  const chunk = read(one, 100, 7);
  assert.is(chunk.buffer, buffer);
  one.next;
  const third = new ReadBuffers();
  read(third, 2 * KiB);
  assert.is(third.next.buffer, buffer);
  for (const buffers of [other, third]) buffers.release();
});

test('however many read much at once, each has a buffer of its own; what is released twice is given back once', () => {
  const all = Array.from({ length: 100 }, () => new ReadBuffers());
  for (const buffers of all) read(buffers, 2 * KiB);
  assert.is(new Set(all.map(({ next }) => next.buffer)).size, 100);
  for (const buffers of all) {
    buffers.release();
    buffers.release();
  }
  for (const buffers of all) assert.is(buffers.next.byteLength, SPARE_SIZE);
  assert.is(new Set(all.map(({ next }) => next.buffer)).size, 100);
  for (const buffers of all) buffers.release();
});

test('in any history of several connections what was read stands until its own next read', () => {
  const random = new Random();
  const all = Array.from({ length: 8 }, (_, index) => ({ buffers: new ReadBuffers(), value: index + 1 }));
  let lent: { readonly chunk: Uint8Array; readonly value: number; readonly of: ReadBuffers }[] = [];
  for (let index = 0; index < 3000; index++) {
    const { buffers, value } = random.pick(all);
    lent = lent.filter((each) => each.of !== buffers);
    const { byteLength } = buffers.next;
    const length = random.below(2) === 0 ? byteLength : 1 + random.below(byteLength);
    lent.push({ chunk: read(buffers, length, value), value, of: buffers });
    for (const { chunk, value } of lent) {
      assert.ok(chunk[0] === value && chunk[chunk.length >> 1] === value && chunk.at(-1) === value);
    }
  }
  for (const { buffers } of all) buffers.release();
});

test.run();
