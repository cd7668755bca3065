// What can be said of reconnection, and what is wrong.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { resolveBounds, resolveQueue } from '../../lib/reconnect/reconnect-options.ts';
import { throws } from '../support/check.ts';

const test = suite('reconnect options');

test('what is left out has its default', () => {
  assert.equal(resolveBounds({}), {
    firstDelay: 5_000,
    maxDelay: 60_000,
    maxRetryAfter: 3_600_000,
    resetAfter: 10_000,
    maxTries: Number.POSITIVE_INFINITY,
    maxTime: Number.POSITIVE_INFINITY,
    maxUnread: 65_536,
    maxUnsettled: 1_048_576,
    settleInterval: 1_000,
  });
  assert.is(resolveBounds({ firstDelay: 0, maxTries: 3 }).maxTries, 3);
  assert.equal(resolveQueue(undefined).policy, 'wait');
  assert.equal(resolveQueue({ policy: 'drop-oldest', maxQueued: 9 }).maxQueued, 9);
});

test('a bound that is no number, or too small, is a RangeError', () => {
  const wrong = [
    { firstDelay: -1 },
    { firstDelay: Number.POSITIVE_INFINITY },
    { maxDelay: Number.NaN },
    { maxRetryAfter: Number.POSITIVE_INFINITY },
    { resetAfter: -1 },
    { maxTries: 0 },
    { maxTime: 0 },
    { maxUnread: 0 },
    { maxUnsettled: -1 },
    { settleInterval: 0 },
    { maxTries: '3' as unknown as number },
  ];
  for (const bounds of wrong)
    throws(() => resolveBounds(bounds), RangeError, new RegExp(Object.keys(bounds)[0] as string));
});

test('a queue without a policy that it can keep is refused', () => {
  throws(() => resolveQueue('close'), TypeError);
  throws(() => resolveQueue('hope' as 'wait'), TypeError);
  throws(() => resolveQueue({ policy: 'wait', maxAge: 1 }), TypeError);
  throws(() => resolveQueue({ policy: 'fail', maxQueued: 0 }), RangeError);
});

test.run();
