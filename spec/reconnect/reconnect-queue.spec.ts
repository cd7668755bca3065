// Messages that wait for a connection: their order, their weight, and the policies.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  type ResolvedSlowConsumer,
  resolveSlowConsumer,
  type SlowConsumer,
} from '../../lib/connection/slow-consumer.ts';
import { LocalProtocolError } from '../../lib/error.ts';
import { type Outgoing, ReconnectQueue } from '../../lib/reconnect/reconnect-queue.ts';
import { rejects, throws } from '../support/check.ts';
import { TestClock, turns } from '../support/clock.ts';

const test = suite('reconnect queue');

function out(message: string, key?: unknown): Outgoing {
  return { sendable: message, message, weight: message.length + 64, options: key === undefined ? {} : { key } };
}

function policy(given: SlowConsumer | SlowConsumer['policy'], size = 200): ResolvedSlowConsumer {
  return resolveSlowConsumer(given, size);
}

function drain(queue: ReconnectQueue): unknown[] {
  const all: unknown[] = [];
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) all.push(next.message ?? 'stream');
  return all;
}

test('what goes in comes out in its order, numbered, and weighs 64 bytes more', () => {
  const queue = new ReconnectQueue(new TestClock());
  assert.is(queue.shift(), undefined);
  assert.is(queue.firstId, Number.POSITIVE_INFINITY);
  assert.is(queue.number(), 1);
  for (const text of ['a', 'bb', 'ccc']) void queue.push(out(text), policy('wait'));
  assert.equal([queue.weight, queue.firstId, queue.lastId, queue.isEmpty], [198, 2, 4, false]);
  assert.equal(drain(queue), ['a', 'bb', 'ccc']);
  assert.equal([queue.weight, queue.firstId, queue.lastId, queue.isEmpty], [0, Number.POSITIVE_INFINITY, 4, true]);
});

test('what is put first stands before all else, in its order, and before every number', () => {
  const queue = new ReconnectQueue(new TestClock());
  void queue.push(out('c'), policy('wait'));
  queue.putFirst([out('b')]);
  queue.putFirst([out('a1'), out('a2')]);
  assert.equal([queue.firstId, queue.weight], [0, 4 * 64 + 6]);
  assert.equal(drain(queue), ['a1', 'a2', 'b', 'c']);
  assert.is(queue.weight, 0);
});

test('wait takes all, and tells when there is room; a streamed message is told of by whoever sends it', async () => {
  const queue = new ReconnectQueue(new TestClock());
  await queue.push(out('a'), policy('wait', 100));
  let isRoom = false;
  void queue.push(out('b'), policy('wait', 100)).then(() => {
    isRoom = true;
  });
  await turns(1);
  assert.not.ok(isRoom);
  queue.shift();
  await turns(1);
  assert.ok(isRoom);
  const body: Outgoing = { sendable: new Blob(['x']).stream(), message: undefined, weight: 64, options: {} };
  const sent = queue.push(body, policy('fail', 1));
  queue.shift();
  const streamed = queue.shift();
  streamed?.done?.resolve();
  await sent;
});

test('fail refuses what is too much, or when the oldest waits for too long', async () => {
  const clock = new TestClock();
  const queue = new ReconnectQueue(clock);
  const failing = policy({ policy: 'fail', maxAge: 1_000 });
  for (const text of ['a', 'b', 'c', 'd']) await queue.push(out(text), failing);
  throws(() => queue.push(out('e'), failing), LocalProtocolError, 'ERR_WS_QUEUE_FULL');
  for (let index = 0; index < 3; index++) queue.shift();
  await clock.turn(999);
  await queue.push(out('f'), failing);
  await clock.turn(1);
  throws(() => queue.push(out('g'), failing), LocalProtocolError, 'ERR_WS_QUEUE_FULL');
  assert.equal(drain(queue), ['d', 'f']);
  assert.equal(queue.dropped, { messages: 0, bytes: 0 });
});

test('drop-newest and drop-oldest drop whole messages, and count them', async () => {
  const newest = new ReconnectQueue(new TestClock());
  const oldest = new ReconnectQueue(new TestClock());
  for (let index = 0; index < 6; index++) {
    await newest.push(out(`${index}`), policy('drop-newest'));
    await oldest.push(out(`${index}`), policy('drop-oldest'));
  }
  assert.equal(newest.dropped, { messages: 2, bytes: 2 });
  assert.equal(drain(newest), ['0', '1', '2', '3']);
  assert.equal(oldest.dropped, { messages: 2, bytes: 2 });
  assert.equal(drain(oldest), ['2', '3', '4', '5']);
});

test('drop-oldest drops what may be dropped alone', async () => {
  const queue = new ReconnectQueue(new TestClock());
  void queue.push(out('kept 1'), policy('wait'));
  await queue.push(out('dropped'), policy('drop-oldest'));
  void queue.push(out('kept 2'), policy('wait'));
  await queue.push(out('new'), policy('drop-oldest'));
  assert.equal(drain(queue), ['kept 1', 'kept 2', 'new']);
});

test('latest keeps one of a key, in the place of the last; those without a key have one together', async () => {
  const queue = new ReconnectQueue(new TestClock());
  const latest = policy('latest', 1_000);
  for (const [text, key] of [
    ['a1', 'a'],
    ['b1', 'b'],
    ['x', undefined],
    ['a2', 'a'],
    ['y', undefined],
  ] as const) {
    await queue.push(out(text, key), latest);
  }
  assert.equal(drain(queue), ['b1', 'a2', 'y']);
  assert.is(queue.dropped.messages, 2);
  await queue.push(out('a3', 'a'), latest);
  assert.equal(drain(queue), ['a3']);
});

test('what may be dropped and has waited for too long is dropped in its turn', async () => {
  const clock = new TestClock();
  const queue = new ReconnectQueue(clock);
  await queue.push(out('old'), policy({ policy: 'drop-oldest', maxAge: 1_000 }));
  void queue.push(out('kept'), policy('wait'));
  await clock.turn(1_000);
  await queue.push(out('new'), policy({ policy: 'drop-oldest', maxAge: 1_000 }));
  assert.equal(drain(queue), ['kept', 'new']);
  assert.equal(queue.dropped, { messages: 1, bytes: 3 });
});

test('stopped, it gives what is left, and whoever waits is told', async () => {
  const queue = new ReconnectQueue(new TestClock());
  const error = new LocalProtocolError('ERR_WS_CLOSED', 'closed');
  const room = queue.push(out('a'), policy('wait', 1));
  const body: Outgoing = { sendable: new Blob(['x']).stream(), message: undefined, weight: 64, options: {} };
  const sent = queue.push(body, policy('wait'));
  queue.putFirst([out('first')]);
  assert.equal(
    queue.stop(error).map(({ message }) => message),
    ['first', 'a', undefined],
  );
  await rejects(room, LocalProtocolError);
  await rejects(sent, LocalProtocolError);
  assert.equal([queue.isEmpty, queue.weight], [true, 0]);
});

test('ten thousand messages go in and out, and as many are dropped', async () => {
  const queue = new ReconnectQueue(new TestClock());
  const dropping = policy('drop-oldest', 640_000);
  for (let index = 0; index < 20_000; index++) void queue.push(out(''), dropping);
  assert.is(queue.dropped.messages, 10_000);
  assert.is(drain(queue).length, 10_000);
});

test.run();
