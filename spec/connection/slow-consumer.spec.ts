import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  resolveSlowConsumer,
  type SlowConsumer,
  type SlowConsumerPolicy,
  shareSlowConsumer,
} from '../../lib/connection/slow-consumer.ts';
import { throws } from '../support/check.ts';

const QUEUE = 65_536;
const policies = ['wait', 'fail', 'drop-newest', 'drop-oldest', 'latest', 'close'] as const;

const test = suite('slow consumer · options');

test('nothing said: one waits', () => {
  const expected = { policy: 'wait', maxQueued: QUEUE, maxAge: Number.POSITIVE_INFINITY, closeCode: 1013 };
  assert.equal(resolveSlowConsumer(undefined, QUEUE), expected);
});

test('a policy may be said alone', () => {
  for (const policy of policies) {
    const expected = { policy, maxQueued: QUEUE, maxAge: Number.POSITIVE_INFINITY, closeCode: 1013 };
    assert.equal(resolveSlowConsumer(policy, QUEUE), expected);
    assert.equal(resolveSlowConsumer({ policy }, QUEUE), expected);
  }
});

test('connections share what has been resolved, and what is the same for all that say nothing', () => {
  assert.is(shareSlowConsumer(undefined, QUEUE), shareSlowConsumer(undefined, QUEUE));
  assert.equal(shareSlowConsumer(undefined, QUEUE), resolveSlowConsumer(undefined, QUEUE));
  assert.is(shareSlowConsumer(undefined, QUEUE + 1).maxQueued, QUEUE + 1);
  assert.is(shareSlowConsumer(undefined, QUEUE).maxQueued, QUEUE);
  const given: SlowConsumer = { policy: 'fail' };
  const first = shareSlowConsumer(given, QUEUE);
  assert.equal(first, resolveSlowConsumer(given, QUEUE));
  assert.is(shareSlowConsumer(first, QUEUE + 1), first);
  // It is the caller's: it may have changed.
  assert.is.not(shareSlowConsumer(given, QUEUE), first);
});

test('what is said holds', () => {
  const given: SlowConsumer = { policy: 'close', maxQueued: 1, maxAge: 0.5, closeCode: 1008 };
  assert.equal(resolveSlowConsumer(given, QUEUE), given);
  const never: SlowConsumer = { policy: 'latest', maxAge: Number.POSITIVE_INFINITY };
  assert.is(resolveSlowConsumer(never, QUEUE).maxAge, Number.POSITIVE_INFINITY);
});

test('a policy that does not exist is a TypeError that names it', () => {
  for (const policy of ['', 'drop', 'WAIT', 'toString', 5, null, {}, []]) {
    throws(() => resolveSlowConsumer(policy as SlowConsumerPolicy, QUEUE), TypeError, /slow consumers by/);
  }
  throws(() => resolveSlowConsumer('drop' as SlowConsumerPolicy, QUEUE), TypeError, /"drop"/);
  throws(() => resolveSlowConsumer({ policy: 'drop' } as unknown as SlowConsumer, QUEUE), TypeError, /"drop"/);
});

test('a number that is none, or makes no sense, is a RangeError that names it', () => {
  for (const [name, values] of [
    ['maxQueued', [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '5', null]],
    ['maxAge', [0, -1, Number.NaN, '5', null, {}]],
    ['closeCode', [0, 1000, 1011, 1006, 3000, '1008', null]],
  ] as const) {
    for (const value of values) {
      const given = { policy: 'close', [name]: value } as unknown as SlowConsumer;
      throws(() => resolveSlowConsumer(given, QUEUE), RangeError, new RegExp(name));
    }
  }
});

test('who waits has no time to wait: a TypeError', () => {
  throws(() => resolveSlowConsumer({ policy: 'wait', maxAge: 5 }, QUEUE), TypeError, /maxAge/);
});
test.run();
