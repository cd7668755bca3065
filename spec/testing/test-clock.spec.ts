import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TestClock } from '../../lib/testing/test-clock.ts';
import { turns } from '../../lib/testing/turns.ts';
import { rejects } from '../support/check.ts';

const test = suite('testing · test clock');

test('time stands still until it is turned', async () => {
  const clock = new TestClock();
  let fired = 0;
  clock.setTimeout(() => fired++, 1);
  await turns(20);
  assert.equal([clock.now(), fired, clock.pending, clock.next], [0, 0, 1, 1]);
  await clock.turn(0.5);
  assert.equal([clock.now(), fired, clock.pending, clock.next], [0.5, 0, 1, 0.5]);
  await clock.turn(0.5);
  assert.equal([clock.now(), fired, clock.pending, clock.next], [1, 1, 0, undefined]);
});

test('timers fire in their order, each at its moment, those of one moment as they were set', async () => {
  const clock = new TestClock();
  const log: string[] = [];
  for (const [name, time] of [
    ['c', 30],
    ['a', 10],
    ['b', 20],
    ['b2', 20],
  ] as const) {
    clock.setTimeout(() => log.push(`${name} ${clock.now()}`), time);
  }
  await clock.turn(25);
  assert.equal(log, ['a 10', 'b 20', 'b2 20']);
  await clock.turn(25);
  assert.equal([log.at(-1), clock.now()], ['c 30', 50]);
});

test('a timer that is set by a timer fires in the same turning if it is due', async () => {
  const clock = new TestClock();
  const log: number[] = [];
  const again = (): void => {
    log.push(clock.now());
    clock.setTimeout(again, 10);
  };
  clock.setTimeout(again, 10);
  await clock.turn(35);
  assert.equal([log, clock.pending], [[10, 20, 30], 1]);
});

test('a timer that is cleared does not fire, also when one of the same moment clears it', async () => {
  const clock = new TestClock();
  let fired = 0;
  const first = clock.setTimeout(() => fired++, 5);
  clock.clearTimeout(first);
  clock.clearTimeout(first);
  clock.clearTimeout(undefined);
  clock.setTimeout(() => clock.clearTimeout(second), 6);
  const second = clock.setTimeout(() => fired++, 6);
  await clock.turn(10);
  assert.equal([fired, clock.pending], [0, 0]);
});

test('a negative time is none, and the clock never goes back', async () => {
  const clock = new TestClock();
  await clock.turn(100);
  const log: number[] = [];
  clock.setTimeout(() => log.push(clock.now()), -50);
  await Promise.all([clock.turn(10), clock.turn(20)]);
  assert.equal(log, [100]);
  assert.ok(clock.now() >= 120, `${clock.now()}`);
  await rejects(clock.turn(-1), RangeError, /-1/);
  await rejects(clock.turn(Number.NaN), RangeError);
});

test('what a timer causes has happened before the next one fires', async () => {
  const clock = new TestClock();
  const log: string[] = [];
  clock.setTimeout(async () => {
    await turns(3);
    log.push('caused by the first');
  }, 1);
  clock.setTimeout(() => log.push('second'), 2);
  await clock.turn(2);
  assert.equal(log, ['caused by the first', 'second']);
});

test('it settles when what is watched has stood still for some turns', async () => {
  const clock = new TestClock();
  let steps = 0;
  const unwatch = clock.watch(() => steps);
  const work = async (): Promise<void> => {
    for (; steps < 20; steps++) await turns(5);
  };
  void work();
  await clock.settled();
  assert.is(steps, 20);
  unwatch();
  steps = 0;
  void work();
  await clock.settled();
  assert.ok(steps < 20, 'nobody watches now');
});

test('it settles also beside what never rests', async () => {
  const clock = new TestClock();
  let steps = 0;
  clock.watch(() => steps++);
  await clock.settled();
  assert.ok(steps >= 1000, `${steps}`);
});

test('it turns until a promise has settled, from timer to timer, and gives its value', async () => {
  const clock = new TestClock();
  const later = new Promise<string>((resolve) => {
    clock.setTimeout(() => clock.setTimeout(() => resolve('done'), 70), 30);
  });
  clock.setTimeout(() => {}, 500);
  assert.is(await clock.turnUntil(later), 'done');
  assert.is(clock.now(), 100);
  assert.is(await clock.turnUntil(Promise.resolve('at once')), 'at once');
  assert.is(clock.now(), 100);
  const failing = new Promise((_, reject) => clock.setTimeout(() => reject(new SyntaxError('no')), 10));
  await rejects(clock.turnUntil(failing), SyntaxError, /no/);
});

test('it tells that it was turned in vain', async () => {
  const clock = new TestClock();
  const never = new Promise(() => {});
  await rejects(clock.turnUntil(never), Error, /no timer is left/);
  const again = (): void => void clock.setTimeout(again, 1000);
  again();
  await rejects(clock.turnUntil(never, 10_000), Error, /in vain by 10000 ms/);
  assert.is(clock.now(), 10_000);
});

test.run();
