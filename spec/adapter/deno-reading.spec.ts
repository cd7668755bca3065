// The buffers that connections of Deno's are read into: small while nothing comes, large in a flood, and never written to again.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ReadBuffers } from '../../lib/adapter/deno-reading.ts';
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
  assert.is(buffers.next.byteLength, 64 * KiB);
  read(buffers, 64 * KiB);
  assert.is(buffers.next.byteLength, 64 * KiB);
});

test('behind a flood the waiting buffer is small again', () => {
  const buffers = new ReadBuffers();
  read(buffers, 2 * KiB);
  read(buffers, 40 * KiB);
  assert.is(buffers.next.byteLength, 16 * KiB);
  read(buffers, 10);
  assert.is(buffers.next.byteLength, 2 * KiB);
});

test('a buffer is asked for again and again and stays the same until something was read', () => {
  const buffers = new ReadBuffers();
  assert.is(buffers.next, buffers.next);
});

test('a small chunk keeps no more memory than it is long, and its buffer is used again', () => {
  const buffers = new ReadBuffers();
  const { next } = buffers;
  const chunk = read(buffers, 10);
  assert.is(chunk.buffer.byteLength, 10);
  assert.is(buffers.next, next);
});

test('a chunk that fills half its buffer is that buffer, which is not used again', () => {
  const buffers = new ReadBuffers();
  const { next } = buffers;
  const chunk = read(buffers, KiB);
  assert.is(chunk.buffer, next.buffer);
  assert.is.not(buffers.next.buffer, next.buffer);
});

test('no chunk of any history is changed by later ones, nor keeps more than twice its length', () => {
  const buffers = new ReadBuffers();
  const random = new Random();
  const chunks: { readonly chunk: Uint8Array; readonly value: number }[] = [];
  for (let index = 0; index < 500; index++) {
    const value = 1 + random.below(255);
    const { byteLength } = buffers.next;
    const length = random.below(3) === 0 ? byteLength : 1 + random.below(byteLength);
    chunks.push({ chunk: read(buffers, length, value), value });
  }
  for (const { chunk, value } of chunks) {
    assert.ok(chunk.every((byte) => byte === value));
    assert.ok(chunk.buffer.byteLength <= 2 * chunk.byteLength);
  }
});

test.run();
