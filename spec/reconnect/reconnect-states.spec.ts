// States for whoever looks, now or as they change.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { ReconnectEnd } from '../../lib/reconnect/reconnect-state.ts';
import { ReconnectStates } from '../../lib/reconnect/reconnect-states.ts';
import { turns } from '../support/clock.ts';

const test = suite('reconnect states');
const end = { name: 'ended', end: {} as ReconnectEnd } as const;

test('each is told when it begins', () => {
  const told: string[] = [];
  const states = new ReconnectStates<unknown>({ name: 'connecting', attempt: 1 }, ({ name }) => told.push(name));
  assert.is(states.state.name, 'connecting');
  states.set({ name: 'connecting', attempt: 1 });
  states.set(end);
  assert.equal(told, ['connecting', 'ended']);
  assert.is(states.state, end);
});

test('who iterates gets the state of now and each that begins; who is slow gets the latest; behind the end it ends', async () => {
  const states = new ReconnectStates<unknown>({ name: 'connecting', attempt: 1 }, () => {});
  const one = states.iterate();
  const slow = states.iterate();
  const attempts: number[] = [];
  const note = async (): Promise<void> => {
    const { value } = await one.next();
    if (value !== undefined && 'attempt' in value) attempts.push(value.attempt);
  };
  await note();
  await slow.next();
  states.set({ name: 'connecting', attempt: 1 });
  for (let attempt = 2; attempt < 5; attempt++) {
    const noted = note();
    await turns(1);
    states.set({ name: 'connecting', attempt });
    await noted;
  }
  assert.equal(attempts, [1, 2, 3, 4]);
  assert.equal((await slow.next()).value, { name: 'connecting', attempt: 4 });
  states.set(end);
  assert.is((await one.next()).value, end);
  assert.equal([(await one.next()).done, (await slow.next()).value, (await slow.next()).done], [true, end, true]);
});

test('who leaves while a state lasts holds nothing up', async () => {
  const states = new ReconnectStates<unknown>({ name: 'connecting', attempt: 1 }, () => {});
  for await (const { name } of states.iterate()) {
    assert.is(name, 'connecting');
    break;
  }
  states.set(end);
});

test.run();
