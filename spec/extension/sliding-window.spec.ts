// The last bytes of a stream against a plain array that keeps everything.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SlidingWindow } from '../../lib/extension/sliding-window.ts';
import { join } from '../support/hex.ts';
import { Random } from '../support/random.ts';

const test = suite('sliding-window');

const allBits = [8, 9, 10, 11, 12, 13, 14, 15];

function contentOf(window: SlidingWindow): Uint8Array {
  const parts = window.parts();
  assert.ok(parts.length <= 2 && parts.every(({ byteLength }) => byteLength > 0), 'one part or two, none empty');
  const content = join(...parts);
  assert.is(content.byteLength, window.length);
  return content;
}

function isSame(left: Uint8Array, right: Uint8Array): boolean {
  return Buffer.compare(left, right) === 0;
}

test('a new one is empty and takes no memory', () => {
  for (const bits of allBits) {
    const window = new SlidingWindow(bits);
    assert.equal([window.length, window.size, [...window.parts()]], [0, 0, []]);
  }
});

test('nothing pushed is nothing kept', () => {
  const window = new SlidingWindow(15);
  window.push(new Uint8Array(5), 3, 3);
  window.push(new Uint8Array(0), 0, 0);
  assert.equal([window.length, window.size, [...window.parts()]], [0, 0, []]);
});

for (const bits of allBits) {
  const capacity = 1 << bits;

  test(`of 2^${bits} bytes: whatever is pushed, it holds the last of it in order, as an array would`, () => {
    const random = new Random();
    for (let round = 0; round < 20; round++) {
      const window = new SlidingWindow(bits);
      let all: Uint8Array = new Uint8Array(0);
      for (let step = 0; step < 12; step++) {
        const size = random.below(random.pick([3, capacity >> 3, capacity, capacity * 2 + 3]));
        const source = random.bytes(size + 20);
        const start = random.below(20);
        window.push(source, start, start + size);
        all = join(all, source.subarray(start, start + size)).slice(-capacity * 3);
        assert.ok(isSame(contentOf(window), all.slice(-capacity)), `round ${round}, step ${step}`);
        assert.ok(window.size <= capacity, `${window.size} bytes of memory`);
      }
    }
  });

  test(`of 2^${bits} bytes: exactly full, one over and one short`, () => {
    for (const size of [capacity - 1, capacity, capacity + 1, 2 * capacity, 2 * capacity + 1]) {
      const bytes = Uint8Array.from({ length: size }, (_, index) => index * 7 + (index >> 8));
      const expected = bytes.slice(-capacity);
      const whole = new SlidingWindow(bits);
      whole.push(bytes, 0, size);
      assert.ok(isSame(contentOf(whole), expected), `${size} at once`);
      const single = new SlidingWindow(bits);
      for (let index = 0; index < size; index++) single.push(bytes, index, index + 1);
      assert.ok(isSame(contentOf(single), expected), `${size} one by one`);
      assert.equal([single.length, single.size], [Math.min(size, capacity), capacity]);
    }
  });
}

test('it grows with what it holds: a short one takes little, and no more than twice of it', () => {
  const window = new SlidingWindow(15);
  for (let size = 1; size <= 40_000; size++) {
    window.push(Uint8Array.of(size), 0, 1);
    assert.ok(window.size <= Math.min(32_768, Math.max(256, 2 * window.length)), `${window.size} for ${window.length}`);
  }
  assert.is(window.size, 32_768);
});

test('what was pushed is its own: the source may be used again', () => {
  const window = new SlidingWindow(9);
  const source = Uint8Array.of(1, 2, 3);
  window.push(source, 0, 3);
  source.fill(9);
  assert.equal([...contentOf(window)], [1, 2, 3]);
});

test.run();
