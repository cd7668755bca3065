import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { randomChunkSizes } from '../../lib/testing/chunk-sizes.ts';
import { throws } from '../support/check.ts';

const test = suite('testing · chunk sizes');

function take(seed: number, longest?: number): number[] {
  const next = randomChunkSizes(seed, longest);
  return Array.from({ length: 1000 }, () => next(1_000_000));
}

test('they are from 1 to the longest, and all of these', () => {
  const sizes = take(1, 10);
  assert.equal(
    [...new Set(sizes)].sort((a, b) => a - b),
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
  );
  assert.ok(take(2).every((size) => size >= 1 && size <= 1024));
});

test('the same seed gives the same, another one others', () => {
  assert.equal(take(7), take(7));
  assert.not.equal(take(7), take(8));
});

test('a longest size that is none is refused', () => {
  for (const longest of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])
    throws(() => randomChunkSizes(1, longest), RangeError, /no positive number of bytes/);
});

test.run();
