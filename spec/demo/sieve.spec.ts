import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Sieve } from '../../lib/demo/sieve.ts';

const test = suite('sieve');

function make(): { sieve: Sieve; pass: (milliseconds: number) => void } {
  let time = 0;
  const sieve = new Sieve({ most: 3, moment: 100, now: () => time });
  return {
    sieve,
    pass: (milliseconds) => {
      time += milliseconds;
    },
  };
}

test('so many frames are told in a moment, the others are counted, and the next moment begins anew', () => {
  const { sieve, pass } = make();
  assert.equal(
    [1, 2, 3, 4, 5].map((size) => sieve.take(false, size)),
    [true, true, true, false, false],
  );
  assert.equal(sieve.drain(), { frames: 2, bytes: 9 });
  assert.is(sieve.drain(), undefined);
  pass(99);
  assert.not(sieve.take(false, 1));
  pass(1);
  assert.ok(sieve.take(false, 1));
});

test('control frames are told when data frames are not any more, and are bounded too', () => {
  const { sieve } = make();
  const told = Array.from({ length: 100 }, (_, index) => sieve.take(index >= 50, 0)).filter((it) => it);
  assert.is(told.length, 12);
  assert.equal(sieve.drain(), { frames: 88, bytes: 0 });
});

test.run();
