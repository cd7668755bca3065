// Streams that connections share: who has which, when it goes, and that nothing of one connection is ever seen by another.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type CodecLease, CodecPool } from '../../lib/extension/codec-pool.ts';
import { type FakeStream, FakeStreams } from '../support/fake-codec.ts';
import { Random } from '../support/random.ts';

const test = suite('codec-pool');

interface Pool {
  readonly pool: CodecPool;
  readonly streams: FakeStreams;
  readonly open: (count: number) => CodecLease[];
}

function makePool(capacity: number): Pool {
  const streams = new FakeStreams();
  const pool = new CodecPool({ create: streams.create, capacity });
  return { pool, streams, open: (count) => Array.from({ length: count }, () => pool.open()) };
}

const use = (lease: CodecLease | undefined): FakeStream => lease?.take() as FakeStream;

const written = Uint8Array.of(1, 2, 3);
const put = (lease: CodecLease | undefined): FakeStream => {
  const stream = use(lease);
  stream.run(written, 0, 3, new Uint8Array(3), 0, 3);
  return stream;
};

test('a lease costs nothing until it is used', () => {
  const { pool, streams, open } = makePool(4);
  const leases = open(1000);
  assert.equal([pool.size, streams.all.length, leases.some(({ hasContext }) => hasContext)], [0, 0, false]);
  for (const lease of leases) lease.close();
  assert.is(streams.all.length, 0);
});

test('a stream belongs to the connection that used it last, with its context, for as long as nobody else needs it', () => {
  const { open, streams } = makePool(2);
  const [a, b] = open(2);
  const first = put(a);
  assert.is(put(a), first);
  assert.is(a?.hasContext, true);
  const second = put(b);
  assert.is.not(second, first);
  assert.is(put(a), first);
  assert.equal([first.resets, first.context.length, streams.alive], [0, 9, 2]);
});

test('at the capacity the one that was not used for longest goes to who needs one, reset', () => {
  const { open, streams, pool } = makePool(3);
  const [a, b, c, d, e] = open(5);
  const taken = [put(a), put(b), put(c)];
  // Used again: now b is the oldest.
  put(a);
  assert.is(put(d), taken[1]);
  assert.equal([a?.hasContext, b?.hasContext, c?.hasContext, d?.hasContext], [true, false, true, true]);
  assert.equal([taken[1]?.resets, taken[1]?.context], [1, [...written]], 'its context is that of the new owner alone');
  assert.is(put(e), taken[2]);
  assert.is(put(b), taken[0]);
  assert.equal([streams.all.length, pool.size], [3, 3]);
});

test('one in the middle of a message is never taken away: there are more as long as all are', () => {
  const { open, streams, pool } = makePool(2);
  const leases = open(6);
  const [a, b, c, d, e] = leases;
  for (const lease of [a, b] as CodecLease[]) {
    put(lease);
    lease.isBusy = true;
  }
  const third = put(c);
  assert.equal([pool.size, streams.alive], [3, 3]);
  assert.is(put(d), third, 'the only one that is not busy');
  (d as CodecLease).isBusy = true;
  put(e);
  assert.equal([pool.size, a?.hasContext, b?.hasContext, d?.hasContext], [4, true, true, true]);
});

test('a stream that is given back is kept for the next, up to two of them', () => {
  const { open, streams, pool } = makePool(10);
  const leases = open(5);
  for (const lease of leases) put(lease);
  for (const lease of leases) lease.give();
  assert.equal([streams.alive, pool.size], [2, 2]);
  assert.equal([leases.map(({ hasContext }) => hasContext).includes(true)], [false]);
  const again = put(leases[3]);
  assert.ok(streams.all.includes(again));
  assert.is(streams.all.length, 5, 'none is made while one is spare');
  assert.equal(again.context, [...written], 'reset before it is used again');
});

test('spare ones count in the capacity, and beyond it one is kept', () => {
  const { open, streams, pool } = makePool(1);
  const [a, b] = open(2);
  put(a);
  (a as CodecLease).isBusy = true;
  put(b);
  (b as CodecLease).isBusy = true;
  assert.is(pool.size, 2);
  b?.give();
  assert.equal([pool.size, streams.alive], [2, 2]);
  a?.give();
  assert.equal([pool.size, streams.alive], [1, 1]);
  put(b);
  assert.equal([pool.size, streams.all.length], [1, 2]);
});

test('what is given back is not in the middle of a message any more', () => {
  const { open, pool } = makePool(1);
  const [a, b] = open(2) as [CodecLease, CodecLease];
  const stream = put(a);
  a.isBusy = true;
  a.give();
  assert.is(a.isBusy, false);
  assert.is(put(b), stream);
  a.give();
  assert.equal([pool.size, b.hasContext], [1, true], 'given back twice, it takes nothing from the next owner');
});

test('with the last lease every stream is closed, in whatever order they end', () => {
  for (const backwards of [false, true]) {
    const { open, streams, pool } = makePool(8);
    const leases = open(6);
    for (const lease of leases.slice(0, 4)) put(lease);
    leases[1]?.give();
    if (backwards) leases.reverse();
    for (const lease of leases.slice(0, -1)) lease.close();
    assert.ok(streams.alive <= 2 + 1);
    leases.at(-1)?.close();
    assert.equal([streams.alive, pool.size], [0, 0]);
  }
});

test('a connection that ends in the middle of a message frees its stream, and holds nothing any more', () => {
  const { open, streams } = makePool(8);
  const [a, b] = open(2) as [CodecLease, CodecLease];
  put(a);
  a.isBusy = true;
  a.close();
  assert.equal([a.isBusy, a.hasContext], [false, false]);
  b.close();
  assert.is(streams.alive, 0);
});

test('closed twice, a lease ends once: the streams of others are not closed', () => {
  const { open, streams } = makePool(8);
  const [a, b] = open(2) as [CodecLease, CodecLease];
  const stream = put(b);
  put(a);
  for (let count = 0; count < 3; count++) a.close();
  assert.equal([stream.isClosed, b.hasContext], [false, true]);
  put(b);
  b.close();
  assert.is(streams.alive, 0);
});

test('after the last lease the pool begins anew', () => {
  const { open, streams, pool } = makePool(1);
  open(1).forEach((lease) => {
    put(lease);
    lease.close();
  });
  const [again] = open(1);
  assert.is(put(again).context.length, 3);
  again?.close();
  assert.equal([streams.all.length, streams.alive, pool.size], [2, 0, 0]);
});

test('messages that are over are over: what was made beyond the capacity goes when the message has ended', () => {
  const { open, streams, pool } = makePool(2);
  const leases = open(10);
  for (const lease of leases) {
    put(lease);
    lease.isBusy = true;
  }
  assert.is(pool.size, 10);
  for (const lease of leases) lease.endMessage();
  assert.equal([pool.size, streams.alive], [2, 2]);
  assert.equal(
    leases.map(({ hasContext }) => hasContext),
    [false, false, false, false, false, false, false, false, true, true],
    'those that were used last are kept',
  );
});

test('without a bound every connection keeps its own', () => {
  const { open, streams } = makePool(Number.POSITIVE_INFINITY);
  const leases = open(300);
  const taken = leases.map(put);
  assert.is(new Set(taken).size, 300);
  for (const [index, lease] of leases.entries()) assert.is(use(lease), taken[index]);
  for (const lease of leases) lease.close();
  assert.is(streams.alive, 0);
});

test('whatever is done at random: no stream has two owners, none is used when closed, and none sees what another wrote', () => {
  const random = new Random();
  for (let round = 0; round < 200; round++) {
    const capacity = 1 + random.below(5);
    const { open, streams, pool } = makePool(capacity);
    const leases = open(1 + random.below(9));
    // What each lease has written since it had its stream last.
    const expected = new Map<CodecLease, number[]>();
    for (let step = 0; step < 60; step++) {
      const lease = random.pick(leases);
      const action = random.below(10);
      if (action < 6) act(lease, leases.indexOf(lease));
      else if (action < 8) lease.endMessage();
      else lease.give();
      const owned = leases.map(({ stream }) => stream).filter((stream) => stream !== undefined);
      assert.is(new Set(owned).size, owned.length);
      assert.is(streams.alive, pool.size);
      const busy = leases.filter(({ isBusy }) => isBusy).length;
      assert.ok(pool.size <= Math.max(capacity, busy + 1), `${pool.size} streams with ${busy} busy of ${capacity}`);
    }
    for (const lease of leases) lease.close();
    assert.is(streams.alive, 0);

    function act(lease: CodecLease, mark: number): void {
      const before = lease.hasContext ? (expected.get(lease) ?? []) : [];
      const stream = use(lease);
      lease.isBusy = true;
      assert.equal(stream.context, before);
      stream.run(Uint8Array.of(mark), 0, 1, new Uint8Array(1), 0, 1);
      expected.set(lease, [...stream.context]);
      assert.ok(stream.context.every((byte) => byte === mark));
      if (random.below(2) === 0) lease.endMessage();
    }
  }
});

test.run();
