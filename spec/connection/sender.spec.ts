import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Outbox } from '../../lib/connection/outbox.ts';
import type { Sendable } from '../../lib/connection/sendable.ts';
import { toBodySource } from '../../lib/connection/sendable.ts';
import { Sender, type SenderOwner } from '../../lib/connection/sender.ts';
import { resolveSlowConsumer, type SlowConsumer, type SlowConsumerPolicy } from '../../lib/connection/slow-consumer.ts';
import { Endpoint } from '../../lib/endpoint/endpoint.ts';
import { LimitError, LocalProtocolError } from '../../lib/error.ts';
import type { Transport } from '../../lib/stream/transport.ts';
import { rejects, throws } from '../support/check.ts';
import { TestClock } from '../support/clock.ts';
import { unwire } from '../support/frames.ts';
import { join } from '../support/hex.ts';
import { HandSource } from '../support/sources.ts';
import { turns } from '../support/until.ts';

const QUEUE = 1000;
// What one message of one byte counts in the backlog; encoded, its header counts too.
const ONE = 65;

/** A sender whose transport takes a write when the test says so. */
class Bench implements SenderOwner {
  readonly endpoint = new Endpoint({ role: 'server' });
  readonly clock = new TestClock();
  readonly written: Uint8Array[] = [];
  readonly outbox: Outbox;
  readonly sender: Sender;
  readonly aborted: unknown[] = [];
  readonly failed: unknown[] = [];
  readonly tooSlow: number[] = [];
  waits = 0;
  #tasks: (() => void)[] = [];

  constructor(queueSize = QUEUE) {
    const { endpoint, clock } = this;
    const transport = {
      write: (pieces: readonly Uint8Array[]) => void this.written.push(...pieces.map((piece) => piece.slice())),
    } as unknown as Transport;
    const scheduler = { schedule: (task: () => void) => void this.#tasks.push(task) };
    const owner = { outputWaits: () => {}, writeTaken: () => {} };
    this.outbox = new Outbox({ endpoint, transport, clock, scheduler, queueSize, owner });
    this.sender = new Sender(this, { endpoint, outbox: this.outbox, clock, scheduler, queueSize });
  }

  outputWaits(): void {
    this.waits++;
  }

  messageAborted(error: unknown): void {
    this.aborted.push(error);
  }

  encodingFailed(error: unknown): void {
    this.failed.push(error);
  }

  peerTooSlow(closeCode: number): Error {
    this.tooSlow.push(closeCode);
    return new LimitError('ERR_WS_SLOW_CONSUMER', 'too slow');
  }

  send(message: string, policy: SlowConsumer | SlowConsumerPolicy = 'wait', key?: unknown): Promise<void> {
    return this.sender.send(message, resolveSlowConsumer(policy, QUEUE), { key });
  }

  stream(body: Sendable): Promise<void> {
    const source = toBodySource(body);
    if (source === undefined) throw new Error('Cannot stream it');
    return this.sender.sendBody(source);
  }

  /** Ends the turn: what is due is written. */
  endTurn(): void {
    for (const task of this.#tasks.splice(0)) task();
  }

  /** The transport takes what it was given. */
  take(): void {
    this.endTurn();
    if (this.outbox.writingSince !== undefined) this.outbox.written();
  }

  /** All that was sent is taken. */
  takeAll(): void {
    for (let count = 0; count < 100; count++) this.take();
  }

  get texts(): string[] {
    return unwire(join(...this.written)).map(({ fin, payload }) => `${Buffer.from(payload)}${fin ? '' : '…'}`);
  }
}

async function isPending(promise: Promise<unknown>): Promise<boolean> {
  await turns(1);
  const pending = {};
  return (await Promise.race([promise, Promise.resolve(pending)])) === pending;
}

const test = suite('sender · order');

test('messages of every policy go out in the order in which they were sent', () => {
  const bench = new Bench();
  const policies = ['wait', 'drop-oldest', 'fail', 'latest', 'drop-newest', 'close', 'drop-oldest', 'wait'] as const;
  for (const [index, policy] of policies.entries()) void bench.send(`${index}`, policy);
  void bench.send('8', { policy: 'fail', maxAge: 5 });
  assert.is(bench.outbox.queued, bench.sender.weight + bench.outbox.encoded);
  bench.takeAll();
  assert.equal(bench.texts, [...'012345678']);
  assert.equal([bench.sender.isEmpty, bench.outbox.queued, bench.sender.dropped.messages], [true, 0, 0]);
});

test('what is sent behind a streamed message waits for its end, whatever its policy', async () => {
  const bench = new Bench();
  const source = new HandSource();
  void bench.send('before');
  void bench.stream(source);
  for (const policy of ['wait', 'drop-oldest', 'fail'] as const) void bench.send(policy, policy);
  const second = new HandSource();
  void bench.stream(second);
  void bench.send('after');
  await source.give('a');
  bench.takeAll();
  await source.give('b');
  bench.takeAll();
  assert.equal(bench.texts, ['before', 'a…', 'b…']);
  assert.equal([source.pulls, second.pulls], [3, 0]);
  await source.end();
  bench.takeAll();
  await second.end();
  bench.takeAll();
  assert.equal(bench.texts, ['before', 'a…', 'b…', '', 'wait', 'drop-oldest', 'fail', '', 'after']);
});

test('a streamed message that fails before its first fragment leaves no trace, and the next has its turn', async () => {
  const bench = new Bench();
  const [first, second] = [new HandSource(), new HandSource()];
  const failed = bench.stream(first);
  void bench.stream(second);
  await first.fail(new RangeError('mine'));
  await rejects(failed, RangeError);
  assert.equal([bench.aborted, bench.sender.unbegun, second.pulls], [[], 1, 1]);
  await second.give('b');
  await second.end();
  bench.takeAll();
  assert.equal(bench.texts, ['b']);
});

test('a streamed message that fails behind its first fragment is told to the owner, once', async () => {
  const bench = new Bench();
  const source = new HandSource();
  const failed = bench.stream(source);
  await source.give('a');
  bench.takeAll();
  const cause = new RangeError('mine');
  await source.fail(cause);
  assert.is(await rejects(failed, RangeError), cause);
  assert.equal([bench.aborted, bench.sender.unbegun], [[cause], 0]);
});
test.run();

const policies = suite('sender · policies');

policies('wait: fulfils when less is queued than the policy says', async () => {
  const bench = new Bench();
  const [wide, narrow] = [
    bench.send('a', { policy: 'wait', maxQueued: 500 }),
    bench.send('b', { policy: 'wait', maxQueued: 50 }),
  ];
  assert.equal([await isPending(wide), await isPending(narrow)], [false, true]);
  bench.takeAll();
  await narrow;
});

policies('fail: throws when there is no room, and changes nothing', () => {
  const bench = new Bench();
  void bench.send('a');
  const full: SlowConsumer = { policy: 'fail', maxQueued: ONE };
  throws(() => bench.send('b', full), LocalProtocolError, 'ERR_WS_QUEUE_FULL');
  bench.takeAll();
  void bench.send('c', full);
  bench.takeAll();
  assert.equal([bench.texts, bench.sender.dropped.messages], [['a', 'c'], 0]);
});

policies('drop-newest: what is sent is dropped, and counted', async () => {
  const bench = new Bench();
  void bench.send('a');
  await bench.send('bcd', { policy: 'drop-newest', maxQueued: ONE });
  bench.takeAll();
  assert.equal([bench.texts, bench.sender.dropped], [['a'], { messages: 1, bytes: 3 }]);
});

policies('drop-oldest: as many of the oldest are dropped as it takes, and no more', () => {
  const bench = new Bench();
  void bench.send('x');
  bench.endTurn();
  const room: SlowConsumer = { policy: 'drop-oldest', maxQueued: 67 + 3 * ONE };
  for (const text of ['a', 'b', 'c', 'd', 'e']) void bench.send(text, room);
  assert.equal(bench.sender.dropped, { messages: 2, bytes: 2 });
  void bench.send('f', { policy: 'drop-oldest', maxQueued: 67 + ONE });
  bench.takeAll();
  assert.equal([bench.texts, bench.sender.dropped.messages], [['x', 'f'], 5]);
});

policies('drop-oldest: nothing is dropped of what others have sent', () => {
  const bench = new Bench();
  void bench.send('a', 'drop-oldest');
  void bench.send('b', 'wait');
  void bench.send('c', { policy: 'fail', maxAge: 10 });
  void bench.send('d', 'drop-oldest');
  void bench.send('e', { policy: 'drop-oldest', maxQueued: 1 });
  bench.takeAll();
  assert.equal([bench.texts, bench.sender.dropped.messages], [['b', 'c', 'e'], 2]);
});

policies('latest: of a key only the latest waits, at the place where it was sent', () => {
  const bench = new Bench();
  for (const [text, key] of [
    ['a1', 'a'],
    ['b1', 'b'],
    ['-', undefined],
    ['a2', 'a'],
    ['+', null],
    ['b2', 'b'],
  ] as const) {
    void bench.send(text, 'latest', key);
  }
  bench.takeAll();
  assert.equal([bench.texts, bench.sender.dropped.messages], [['a2', '+', 'b2'], 3]);
});

policies('latest: when there is no room all the same, the oldest are dropped', () => {
  const bench = new Bench();
  for (let key = 0; key < 100; key++) void bench.send(`${key}`, { policy: 'latest', maxQueued: 3 * 66 }, key);
  bench.takeAll();
  assert.equal(bench.texts, ['97', '98', '99']);
});

policies('close: the owner is told the code, and the send fails with what he says', () => {
  const bench = new Bench();
  void bench.send('a');
  throws(() => bench.send('b', { policy: 'close', maxQueued: 1, closeCode: 1008 }), LimitError);
  assert.equal(bench.tooSlow, [1008]);
});

policies('by age: what waits for too long is dropped when its turn comes, the rest is sent', async () => {
  for (const policy of ['drop-oldest', 'latest'] as const) {
    const bench = new Bench();
    void bench.send('x');
    bench.endTurn();
    for (const text of ['a', 'b', 'c']) {
      void bench.send(text, { policy, maxAge: 100 }, text);
      await bench.clock.turn(40);
    }
    void bench.send('d', { policy, maxAge: 1 }, 'd');
    bench.takeAll();
    assert.equal([bench.texts, bench.sender.dropped], [['x', 'b', 'c', 'd'], { messages: 1, bytes: 1 }]);
  }
});

policies('by age: there is no room from the moment on in which the oldest has waited for as long', async () => {
  const bench = new Bench();
  const limited: SlowConsumer = { policy: 'fail', maxAge: 100 };
  void bench.send('a', limited);
  bench.endTurn();
  await bench.clock.turn(60);
  void bench.send('b', limited);
  bench.take();
  // The write of "b" has just begun, but "b" waits since 60.
  await bench.clock.turn(99);
  void bench.send('c', limited);
  await bench.clock.turn(1);
  throws(() => bench.send('d', limited), LocalProtocolError, 'ERR_WS_QUEUE_FULL');
  await bench.send('e', { policy: 'drop-newest', maxAge: 100 });
  void bench.send('f', { policy: 'fail', maxAge: 161 });
  bench.takeAll();
  void bench.send('g', limited);
  bench.takeAll();
  assert.equal(bench.texts, ['a', 'b', 'c', 'f', 'g']);
});

policies('by age: what is empty is never too old', async () => {
  const bench = new Bench();
  void bench.send('a', { policy: 'close', maxAge: 10 });
  assert.is(bench.sender.tooOldAt, 10);
  bench.takeAll();
  assert.is(bench.sender.tooOldAt, Number.POSITIVE_INFINITY);
  await bench.clock.turn(1000);
  void bench.send('b', { policy: 'close', maxAge: 10 });
  assert.equal([bench.sender.tooOldAt, bench.tooSlow], [1010, []]);
});

policies('by age: who closes for what waits does not close for messages that came when it was gone', async () => {
  const bench = new Bench();
  void bench.send('a', { policy: 'close', maxAge: 10, closeCode: 1008 });
  assert.is(bench.sender.closeCode, 1008);
  bench.takeAll();
  void bench.send('b');
  bench.endTurn();
  assert.is(bench.sender.tooOldAt, Number.POSITIVE_INFINITY);
});
policies.run();

const end = suite('sender · flush and the end');

end('a flush waits for all before it: encoded, waiting, or still to come', async () => {
  const bench = new Bench();
  const source = new HandSource();
  await bench.sender.flush();
  void bench.stream(source);
  void bench.send('b');
  const flushed = bench.sender.flush();
  const done = flushed.then(() => bench.texts.length);
  await source.give('a');
  bench.takeAll();
  await source.end();
  void bench.send('behind');
  assert.ok(await isPending(flushed));
  bench.takeAll();
  assert.is(await done, 4);
});

end('a flush of what was abandoned rejects, then and later', async () => {
  const bench = new Bench();
  void bench.stream(new HandSource());
  const flushed = bench.sender.flush();
  void flushed.catch(() => {});
  const reason = new RangeError('mine');
  bench.sender.abandon(reason);
  assert.is(await rejects(flushed, RangeError), reason);
  assert.is(await rejects(bench.sender.flush(), RangeError), reason);
});

end('a flush of what was dropped from the queue rejects, also when something else is sent instead', async () => {
  const bench = new Bench();
  void bench.send('taken');
  const first = bench.sender.flush();
  bench.endTurn();
  void bench.send('dropped');
  const second = bench.sender.flush();
  await turns(1);
  bench.sender.dropEncoded(new RangeError('mine'));
  bench.endpoint.fail(1013, 'something that is longer than what was dropped');
  bench.takeAll();
  await first;
  await rejects(second, RangeError);
  assert.is(bench.sender.abandoned, 64 + 2 + 7);
});

end('a close behind all that was sent: at once, or behind the streamed messages', async () => {
  const bench = new Bench();
  let closed = 0;
  bench.sender.closeBehind(() => closed++);
  assert.is(closed, 1);
  const second = new Bench();
  const source = new HandSource();
  void second.stream(source);
  void second.send('a', 'drop-oldest');
  second.sender.closeBehind(() => {
    closed++;
    second.endpoint.close(1000);
  });
  assert.not(second.sender.canSend);
  throws(() => second.send('late'), LocalProtocolError, 'ERR_WS_CLOSED');
  throws(() => second.stream(new HandSource()), LocalProtocolError, 'ERR_WS_CLOSED');
  await turns(1);
  assert.is(closed, 1);
  await source.end();
  assert.is(closed, 2);
  second.takeAll();
  assert.equal(second.texts, ['', 'a', '\u0003�']);
});

end(
  'abandoned, it takes nothing more, cancels every source, counts all, and forgets what was to be closed',
  async () => {
    const bench = new Bench();
    const sources = [new HandSource(), new HandSource()];
    const sent = sources.map((source) => bench.stream(source));
    void bench.send('abc', 'drop-oldest');
    let closed = 0;
    bench.sender.closeBehind(() => closed++);
    await (sources[0] as HandSource).give('xy');
    const reason = new RangeError('mine');
    bench.sender.abandon(reason);
    for (const promise of sent) assert.is(await rejects(promise, RangeError), reason);
    await turns(1);
    assert.equal(
      sources.map(({ returns }) => returns),
      [1, 1],
    );
    assert.equal([bench.sender.abandoned, bench.sender.isEmpty, closed], [3 * 64 + 3 + 2, true, 0]);
    throws(() => bench.send('late'), LocalProtocolError, 'ERR_WS_CLOSED');
  },
);

end('cut, it sends what no source holds up, and a close frame may follow', async () => {
  const bench = new Bench();
  void bench.send('a', 'drop-oldest');
  const sent = bench.stream(new HandSource());
  void bench.send('never');
  let closed = 0;
  bench.sender.closeBehind(() => closed++);
  bench.sender.cut(new RangeError('mine'));
  await rejects(sent, RangeError);
  assert.ok(bench.sender.canSend);
  bench.takeAll();
  assert.equal([bench.texts, closed, bench.sender.abandoned], [['a'], 0, 64 + 64 + 5]);
});
end.run();
