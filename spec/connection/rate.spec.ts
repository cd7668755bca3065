// A bucket of tokens: what may pass at once is one second's worth, and over time no more than the rate passes.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createRate, Rate } from '../../lib/connection/rate.ts';
import { Random } from '../support/random.ts';

const test = suite('rate');

test('one second’s worth may pass at once, and comes back in a second', () => {
  const rate = new Rate(10, 1000);
  assert.is(rate.allowed(1000), 10);
  assert.is(rate.take(10, 1000), 0);
  assert.is(rate.allowed(1000), 0);
  assert.is(rate.allowed(1100), 1);
  assert.is(rate.allowed(2000), 10);
  assert.is(rate.allowed(60_000), 10);
});

test('tells how long to wait until one more may pass', () => {
  const rate = new Rate(10, 0);
  assert.is(rate.wait(0), 0);
  rate.take(9, 0);
  assert.is(rate.wait(0), 0);
  rate.take(1, 0);
  assert.is(rate.wait(0), 100);
  assert.is(rate.wait(40), 60);
  assert.is(rate.wait(100), 0);
});

test('what has passed beyond the rate is waited for', () => {
  const rate = new Rate(1000, 0);
  rate.take(65_000, 0);
  assert.is(rate.allowed(0), -64_000);
  const wait = rate.wait(0);
  assert.ok(wait === 64_001 || wait === 64_002, `${wait} ms`);
  assert.is(rate.wait(wait), 0);
});

test('what passes after a long silence is held against one second’s worth, not against all that time', () => {
  const rate = new Rate(10, 0);
  assert.is(rate.take(25, 3_600_000), -15);
  assert.is(rate.wait(3_600_000), 1600);
});

test('waiting as long as was told is enough, for rates that divide no second', () => {
  for (const perSecond of [1, 3, 7, 999, 1001, 1e9]) {
    const rate = new Rate(perSecond, 0);
    let now = 0;
    for (let round = 0; round < 50; round++) {
      rate.take(perSecond + 1, now);
      const wait = rate.wait(now);
      assert.ok(wait > 0);
      now += wait;
      assert.is(rate.wait(now), 0, `${perSecond} a second`);
    }
  }
});

test('over time no more than the rate and one second’s worth passes, whenever it is asked', () => {
  const random = new Random();
  const rate = new Rate(100, 0);
  let passed = 0;
  let now = 0;
  for (let step = 0; step < 10_000; step++) {
    now += random.below(20);
    if (rate.wait(now) > 0) continue;
    passed++;
    rate.take(1, now);
    assert.ok(passed <= 100 + (now / 1000) * 100 + 1, `${passed} after ${now} ms`);
  }
  assert.ok(passed >= (now / 1000) * 100 * 0.9, `${passed} after ${now} ms`);
});

test('a rate of Infinity is none', () => {
  assert.is(createRate(Number.POSITIVE_INFINITY, 0), undefined);
  assert.instance(createRate(1, 0), Rate);
});

test.run();
