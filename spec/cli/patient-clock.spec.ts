import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { PatientClock } from '../../lib/cli/patient-clock.ts';
import { turns, until } from '../support/until.ts';

const test = suite('patient-clock');

test('time goes with the real one, and stands while it is held', () => {
  let real = 100;
  const clock = new PatientClock(() => real);
  assert.is(clock.now(), 100);
  real = 110;
  clock.hold();
  real = 150;
  clock.hold();
  assert.is(clock.now(), 110);
  clock.release();
  clock.release();
  assert.is(clock.now(), 110);
  real = 155;
  assert.is(clock.now(), 115);
});

test('a timer calls back once, and not when it was cleared', async () => {
  const clock = new PatientClock();
  const calls: string[] = [];
  clock.clearTimeout(clock.setTimeout(() => calls.push('cleared'), 0));
  clock.clearTimeout(undefined);
  clock.setTimeout(() => calls.push('called'), 0);
  // Nothing of it keeps the process: something else must.
  await until(() => calls.length > 0, 'the call');
  await turns(3);
  assert.equal(calls, ['called']);
});

test('no timer calls back while time stands, neither an older one nor a newer one', async () => {
  let real = 0;
  const clock = new PatientClock(() => real);
  const calls: string[] = [];
  clock.setTimeout(() => calls.push('older'), 1);
  clock.hold();
  clock.setTimeout(() => calls.push('newer'), 1);
  real = 1000;
  // A timer of the platform that is set later is due later.
  await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal(calls, []);
  clock.release();
  real = 1001;
  await until(() => calls.length === 2, 'both calls');
  assert.equal(calls, ['older', 'newer']);
});

test('what was received gives a timer its whole time once more', async () => {
  let real = 0;
  const clock = new PatientClock(() => real);
  let calls = 0;
  clock.setTimeout(() => calls++, 10);
  real = 9;
  clock.moved();
  real = 18;
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.is(calls, 0);
  real = 19;
  await until(() => calls === 1, 'the call');
});

test.run();
