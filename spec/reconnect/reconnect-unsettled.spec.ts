// What is not known to have arrived: pings are asked behind what was sent, seldom, and their pongs settle what was sent before them.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Deferred } from '../../lib/connection/deferred.ts';
import { ReconnectUnsettled } from '../../lib/reconnect/reconnect-unsettled.ts';
import { TestClock } from '../support/clock.ts';

const test = suite('reconnect unsettled');

interface Rig {
  readonly clock: TestClock;
  readonly unsettled: ReconnectUnsettled;
  readonly asked: string[];
  flush: Deferred<void>;
  ping: Deferred<number>;
  settled: number;
  add(id: number, text?: string): void;
}

function createRig(maxUnsettled = 1_000_000, settleInterval = 1_000): Rig {
  const clock = new TestClock();
  const asked: string[] = [];
  const settled = (): void => void rig.settled++;
  const unsettled = new ReconnectUnsettled({ clock, maxUnsettled, settleInterval, settled });
  const rig: Rig = {
    clock,
    unsettled,
    asked,
    flush: new Deferred(),
    ping: new Deferred(),
    settled: 0,
    add: (id, text) => unsettled.add(id, { message: text, weight: 64 + (text?.length ?? 0) }),
  };
  unsettled.opened({
    flush: () => {
      asked.push('flush');
      return rig.flush.promise;
    },
    ping: () => {
      asked.push('ping');
      return rig.ping.promise;
    },
  });
  return rig;
}

async function answer(rig: Rig): Promise<void> {
  const { flush } = rig;
  rig.flush = new Deferred();
  flush.resolve();
  await rig.clock.settled();
  const { ping } = rig;
  rig.ping = new Deferred();
  ping.resolve(1);
  await rig.clock.settled();
}

test('nothing is asked where there is nothing to know', async () => {
  const rig = createRig();
  await rig.clock.turn(10_000);
  rig.unsettled.ask();
  await rig.clock.settled();
  assert.equal([rig.asked, rig.unsettled.count, rig.unsettled.firstId], [[], 0, Number.POSITIVE_INFINITY]);
});

test('the ping goes an interval behind the first message, when the transport has taken all; what came later waits for the next', async () => {
  const rig = createRig();
  rig.add(1, 'a');
  await rig.clock.turn(999);
  assert.equal(rig.asked, []);
  rig.add(2, 'b');
  await rig.clock.turn(1);
  assert.equal(rig.asked, ['flush']);
  rig.add(3, 'c');
  await answer(rig);
  assert.equal([rig.asked, rig.unsettled.count, rig.unsettled.firstId, rig.settled], [['flush', 'ping'], 1, 3, 1]);
  await rig.clock.turn(1_000);
  await answer(rig);
  assert.equal([rig.asked.length, rig.unsettled.count], [4, 0]);
  await rig.clock.turn(10_000);
  assert.is(rig.asked.length, 4);
});

test('asked for, it goes at once; without an interval it goes only then', async () => {
  const rig = createRig(1_000, Number.POSITIVE_INFINITY);
  rig.add(1, 'a');
  await rig.clock.turn(100_000);
  assert.equal(rig.asked, []);
  rig.unsettled.ask();
  assert.equal(rig.asked, ['flush']);
  rig.add(2, 'b');
  rig.unsettled.ask();
  await answer(rig);
  assert.equal(rig.asked, ['flush', 'ping', 'flush']);
  await answer(rig);
  assert.is(rig.unsettled.count, 0);
});

test('taken with its connection, it says what nobody knows of, and answers that come later say nothing of the next', async () => {
  const rig = createRig();
  rig.add(1, 'a');
  rig.add(2);
  rig.unsettled.ask();
  const { flush } = rig;
  assert.equal(rig.unsettled.take(), { messages: ['a'], count: 2, bytes: 1 });
  assert.equal(rig.unsettled.take(), { messages: [], count: 0, bytes: 0 });
  assert.is(rig.clock.pending, 0);
  rig.unsettled.opened({ flush: () => new Promise(() => {}), ping: () => new Promise(() => {}) });
  rig.add(3, 'c');
  rig.ping.resolve(1);
  flush.resolve();
  await rig.clock.settled();
  assert.is(rig.unsettled.count, 1);
});

test('a connection that ends while it is asked is asked no more', async () => {
  const rig = createRig();
  rig.add(1, 'a');
  rig.unsettled.ask();
  rig.flush.reject(new Error('lost'));
  await rig.clock.turn(10_000);
  assert.equal([rig.asked, rig.unsettled.count], [['flush'], 1]);
});

test('no more is kept than so many bytes: of the oldest the number alone, until all of them have arrived', async () => {
  const rig = createRig(200);
  rig.add(7, 'aa');
  for (let id = 8; id < 11; id++) rig.add(id, 'b');
  assert.equal([rig.unsettled.count, rig.unsettled.firstId], [4, 7]);
  rig.unsettled.ask();
  rig.add(11, 'c');
  await answer(rig);
  assert.equal([rig.unsettled.count, rig.unsettled.firstId], [1, 11]);
  for (let id = 12; id < 1_012; id++) rig.add(id, 'd');
  assert.equal(rig.unsettled.take(), { messages: ['d', 'd', 'd'], count: 1_001, bytes: 1_001 });
  const late = createRig(70);
  late.add(1, 'a');
  late.unsettled.ask();
  for (let id = 2; id < 5; id++) late.add(id, 'b');
  await answer(late);
  assert.equal([late.unsettled.count, late.unsettled.firstId], [4, 1], 'some of those that are not kept came later');
  await late.clock.turn(1_000);
  await answer(late);
  assert.is(late.unsettled.count, 0);
  const none = createRig(0);
  none.add(1, 'a');
  assert.equal(none.unsettled.take(), { messages: [], count: 1, bytes: 1 });
});

test.run();
