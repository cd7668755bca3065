import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Pings } from '../../lib/connection/pings.ts';
import { rejects } from '../support/check.ts';
import { TestClock } from '../support/clock.ts';

const test = suite('pings · RFC 6455 §5.5.2, §5.5.3');

test('every payload is another one, and its pong gives the time that has passed', async () => {
  const clock = new TestClock();
  const pings = new Pings(clock);
  const first = pings.begin();
  await clock.turn(5);
  const second = pings.begin();
  assert.not.equal(first.payload, second.payload);
  await clock.turn(5);
  pings.settle(first.payload);
  await clock.turn(5);
  pings.settle(second.payload);
  assert.equal([await first.roundTrip, await second.roundTrip], [10, 10]);
});

test('a pong settles the pings before its own; a second one and an unsolicited one are ignored', async () => {
  const pings = new Pings(new TestClock());
  const [first, second, third] = [pings.begin(), pings.begin(), pings.begin()];
  pings.settle(Uint8Array.of(0, 0, 0, 99));
  pings.settle(new Uint8Array(0));
  pings.settle(new Uint8Array(125));
  pings.settle(second.payload);
  pings.settle(second.payload);
  pings.settle(first.payload);
  await Promise.all([first.roundTrip, second.roundTrip]);
  pings.stop(new RangeError('over'));
  await rejects(third.roundTrip, RangeError);
});

test('tells how many wait, the one begun last, and the round trip measured last', async () => {
  const clock = new TestClock();
  const pings = new Pings(clock);
  assert.equal([pings.count, pings.last, pings.roundTrip], [0, undefined, undefined]);
  const [first, second] = [pings.begin(), pings.begin()];
  assert.equal([pings.count, pings.last === second.roundTrip], [2, true]);
  await clock.turn(7);
  pings.settle(first.payload);
  assert.equal([pings.count, pings.roundTrip], [1, 7]);
  await clock.turn(5);
  pings.settle(second.payload);
  assert.equal([pings.count, pings.last, pings.roundTrip], [0, undefined, 12]);
  pings.settle(second.payload);
  assert.is(pings.roundTrip, 12);
});

test('behind the end nothing waits, and the last round trip is still told', async () => {
  const clock = new TestClock();
  const pings = new Pings(clock);
  const first = pings.begin();
  await clock.turn(3);
  pings.settle(first.payload);
  const lost = pings.begin();
  pings.stop(new RangeError('over'));
  assert.equal([pings.count, pings.last, pings.roundTrip], [0, undefined, 3]);
  await rejects(lost.roundTrip, RangeError);
});

test('a pong is told from another by four bytes, in any kind of view', () => {
  const pings = new Pings(new TestClock());
  const { payload } = pings.begin();
  const wide = new Uint8Array(10);
  wide.set(payload, 3);
  pings.settle(payload.subarray(0, 3));
  assert.is(pings.count, 1);
  pings.settle(wide.subarray(3, 7));
  assert.is(pings.count, 0);
});

test.run();
