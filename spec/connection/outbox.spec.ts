import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Outbox } from '../../lib/connection/outbox.ts';
import { Endpoint } from '../../lib/endpoint/endpoint.ts';
import type { Transport } from '../../lib/stream/transport.ts';
import { rejects } from '../support/check.ts';
import { TestClock, turns } from '../support/clock.ts';

function createOutbox(queueSize = 1000): {
  endpoint: Endpoint;
  outbox: Outbox;
  writes: number[];
  ends: () => number;
  run: () => void;
  clock: TestClock;
  begun: () => number;
  payloads: Uint8Array[];
} {
  const writes: number[] = [];
  let ends = 0;
  let begun = 0;
  const payloads: Uint8Array[] = [];
  const tasks: (() => void)[] = [];
  const transport = {
    write: (pieces: readonly Uint8Array[]) => {
      writes.push(pieces.reduce((sum, piece) => sum + piece.byteLength, 0));
      payloads.push(...pieces);
    },
    end: () => ends++,
  } as unknown as Transport;
  const endpoint = new Endpoint({ role: 'server' });
  const scheduler = { schedule: (task: () => void) => void tasks.push(task) };
  const clock = new TestClock();
  const outbox = new Outbox({
    endpoint,
    transport,
    clock,
    scheduler,
    queueSize,
    owner: { outputWaits: () => begun++, writeTaken: () => outbox.written() },
  });
  const run = (): void => {
    for (const task of tasks.splice(0)) task();
  };
  return { endpoint, outbox, writes, ends: () => ends, run, clock, begun: () => begun, payloads };
}

const test = suite('outbox');

test('gathers a turn’s frames into one write, and writes one at a time', () => {
  const { endpoint, outbox, writes, run } = createOutbox();
  for (let count = 0; count < 3; count++) {
    endpoint.send('abc');
    void outbox.push();
  }
  assert.equal(writes, []);
  run();
  assert.equal(writes, [15]);
  endpoint.send('abc');
  void outbox.push();
  run();
  assert.equal(writes, [15]);
  outbox.written();
  assert.equal(writes, [15, 5]);
  outbox.written();
  assert.ok(outbox.isEmpty);
  assert.is(outbox.bytesWritten, 20);
});

test('a push waits while the queue is full, and is fulfilled when there is room', async () => {
  const { endpoint, outbox, run } = createOutbox(100);
  endpoint.send('abc');
  await outbox.push();
  endpoint.send('abc');
  let hasRoom = false;
  const room = outbox.push().then(() => {
    hasRoom = true;
  });
  run();
  await Promise.resolve();
  assert.not(hasRoom);
  outbox.written();
  await room;
});

test('a flush is fulfilled when what was queued before it is taken, whatever came behind', async () => {
  const { endpoint, outbox, run } = createOutbox();
  await outbox.flush();
  endpoint.send('first');
  const order: string[] = [];
  const first = outbox.flush().then(() => order.push('first'));
  void outbox.push();
  run();
  endpoint.send('second');
  const second = outbox.flush().then(() => order.push('second'));
  void outbox.push();
  outbox.written();
  await first;
  assert.equal(order, ['first']);
  outbox.written();
  await second;
});

test('a ping that goes ahead does not let a flush be fulfilled too early', async () => {
  const { endpoint, outbox, run } = createOutbox();
  endpoint.send('first');
  void outbox.push();
  run();
  endpoint.send('second');
  let flushed = false;
  const flush = outbox.flush().then(() => {
    flushed = true;
  });
  for (let count = 0; count < 5; count++) endpoint.ping();
  outbox.written();
  await Promise.resolve();
  assert.not(flushed);
  outbox.written();
  await flush;
});

test('ends the transport behind what is queued, once', () => {
  const { endpoint, outbox, ends, run, writes } = createOutbox();
  endpoint.send('abc');
  outbox.endWhenWritten();
  outbox.endWhenWritten();
  run();
  assert.equal([writes, ends()], [[5], 0]);
  outbox.written();
  assert.is(ends(), 1);
  outbox.schedule();
  run();
  assert.is(ends(), 1);
});

test('once detached nothing is written, and stopping rejects what waits', async () => {
  const { endpoint, outbox, writes, run } = createOutbox(10);
  endpoint.send('abc');
  const waiting = [outbox.push(), outbox.flush()];
  outbox.detach();
  run();
  assert.equal(writes, []);
  assert.is(outbox.queued, 69);
  outbox.stop(new RangeError('over'));
  for (const promise of waiting) await rejects(promise, RangeError);
  assert.is(outbox.queued, 0);
});

test('tells since when the write under way is held up, and that one was begun', async () => {
  const { endpoint, outbox, run, clock, begun } = createOutbox();
  assert.is(outbox.writingSince, undefined);
  await clock.turn(5);
  endpoint.send('abc');
  outbox.schedule();
  assert.equal([outbox.writingSince, begun()], [undefined, 0]);
  run();
  assert.equal([outbox.writingSince, begun()], [5, 1]);
  endpoint.send('def');
  outbox.schedule();
  await clock.turn(7);
  assert.is(outbox.writingSince, 5);
  outbox.written();
  assert.equal([outbox.writingSince, begun()], [12, 2]);
  outbox.written();
  assert.equal([outbox.writingSince, begun()], [undefined, 2]);
});

test('who waits for room says how much: each is told when there is so much', async () => {
  const { endpoint, outbox, run } = createOutbox();
  const order: string[] = [];
  for (const payload of ['a', 'b', 'c']) {
    endpoint.send(new Uint8Array(300_000).fill(payload.charCodeAt(0)));
  }
  const waiting = (
    [
      [300_100, 'small'],
      [600_200, 'middle'],
      [300_100, 'small too'],
      [1_000_000, 'large'],
    ] as const
  ).map(([size, name]) => outbox.push(size).then(() => order.push(name)));
  run();
  await turns(1);
  assert.equal(order, ['large']);
  outbox.written();
  await turns(1);
  assert.equal(order, ['large', 'middle']);
  outbox.written();
  outbox.written();
  await Promise.all(waiting);
  assert.equal(order, ['large', 'middle', 'small', 'small too']);
});

/** An outbox whose transport takes all at once. */
function createGreedy() {
  const [turn, soon]: [(() => void)[], (() => void)[]] = [[], []];
  const writes: number[] = [];
  let ends = 0;
  const transport = {
    tryWrite: (pieces: readonly Uint8Array[]) => {
      writes.push(pieces.reduce((sum, piece) => sum + piece.byteLength, 0));
      return true;
    },
    end: () => ends++,
  } as unknown as Transport;
  const endpoint = new Endpoint({ role: 'server' });
  const scheduler = {
    schedule: (task: () => void) => void turn.push(task),
    scheduleSoon: (task: () => void) => void soon.push(task),
  };
  const owner = { outputWaits: () => {}, writeTaken: () => outbox.written() };
  const outbox = new Outbox({ endpoint, transport, clock: new TestClock(), scheduler, queueSize: 65_536, owner });
  return { outbox, endpoint, turn, soon, writes, ends: () => ends };
}

test('a transport that takes all at once is given about 1 MiB a turn, however much waits, in steps of any size', () => {
  for (const isClosing of [false, true]) {
    const { outbox, endpoint, turn, writes, ends } = createGreedy();
    const total = 96 * 1024 * 1024;
    for (let count = 0; count < 96; count++) endpoint.send(new Uint8Array(1024 * 1024));
    if (isClosing) outbox.slowDown();
    outbox.endWhenWritten();
    let turns = 0;
    while (turn.length > 0) {
      for (const task of turn.splice(0)) task();
      const taken = writes.splice(0).reduce((sum, size) => sum + size, 0);
      assert.ok(taken <= 1.5 * 1024 * 1024, `${taken} bytes in a turn`);
      turns++;
    }
    assert.ok(outbox.isEmpty);
    assert.is(outbox.bytesWritten, total + 96 * 10);
    assert.ok(turns >= 64 && turns < 120, `${turns} turns`);
    assert.is(ends(), 1);
  }
});

test('much is written before the end of the turn, but no more than 256 KiB of it: whoever takes all at once keeps nobody else waiting', async () => {
  const { outbox, endpoint, turn, soon, writes } = createGreedy();
  const send = (size: number): void => {
    endpoint.send(new Uint8Array(size));
    void outbox.push();
  };
  send(1000);
  assert.equal([turn.length, soon.length], [1, 0], 'little waits for its turn');
  for (let count = 0; count < 20; count++) {
    send(32 * 1024);
    for (const task of soon.splice(0)) task();
  }
  const before = writes.reduce((sum, size) => sum + size, 0);
  assert.ok(before >= 256 * 1024 && before < 320 * 1024, `${before} bytes before the end of the turn`);
  assert.is(turn.length, 1);
  for (const task of turn.splice(0)) task();
  assert.is(endpoint.queued, 0, 'the rest at its end');
  send(32 * 1024);
  assert.is(soon.length, 1, 'and it begins anew');
});

test.run();

const slices = suite('outbox · long frames');
const KiB = 1024;

slices('a frame far longer than a write goes out in parts, each counted when it is taken', async () => {
  const { endpoint, outbox, run, writes, payloads } = createOutbox();
  const payload = new Uint8Array(1000 * KiB).map((_, index) => index % 251);
  endpoint.send(payload);
  const whole = outbox.queued;
  const flushed = outbox.flush().then(() => writes.length);
  outbox.schedule();
  run();
  let taken = 0;
  for (;;) {
    assert.is(outbox.queued, whole - taken);
    assert.is(outbox.isInFrame, outbox.queued > 600 * KiB);
    taken += writes.at(-1) as number;
    outbox.written();
    if (outbox.isEmpty) break;
  }
  assert.equal(writes, [256 * KiB + 10, 256 * KiB, 488 * KiB]);
  assert.equal([outbox.queued, outbox.bytesWritten, await flushed], [0, 1000 * KiB + 10, 3]);
  assert.equal(Buffer.concat(payloads).subarray(10), Buffer.from(payload));
});

slices('up to twice the size a frame goes out as it is', () => {
  const { endpoint, outbox, run, writes } = createOutbox();
  endpoint.send(new Uint8Array(512 * KiB - 10));
  outbox.schedule();
  run();
  assert.equal([writes, outbox.isInFrame], [[512 * KiB], false]);
});

slices('several frames that are long together, and none alone, go out as they are', () => {
  const { endpoint, outbox, run, writes } = createOutbox();
  const [first, second] = [256 * KiB - 11, 256 * KiB];
  endpoint.send(new Uint8Array(first));
  endpoint.send(new Uint8Array(second));
  outbox.schedule();
  run();
  assert.equal([writes, outbox.isInFrame], [[first + second + 20], false]);
  outbox.written();
  assert.ok(outbox.isEmpty);
});

slices('nothing passes inside a frame: a ping waits for its end (RFC 6455 §5.5)', () => {
  const { endpoint, outbox, run, writes } = createOutbox();
  endpoint.send(new Uint8Array(600 * KiB));
  outbox.schedule();
  run();
  endpoint.ping();
  outbox.schedule();
  outbox.written();
  assert.equal(writes, [256 * KiB + 10, 344 * KiB]);
  outbox.written();
  assert.is(writes.at(-1), 2);
});

slices('pings that pass before do not let a flush be fulfilled before its last message is taken', async () => {
  const { endpoint, outbox, run, writes } = createOutbox();
  for (const size of [256 * KiB, 256 * KiB, 1]) endpoint.send(new Uint8Array(size));
  const flushed = outbox.flush().then(() => writes.length);
  outbox.schedule();
  run();
  for (let count = 0; count < 5; count++) endpoint.ping();
  outbox.written();
  outbox.written();
  let isFlushed = false;
  void flushed.then(() => {
    isFlushed = true;
  });
  await turns(1);
  assert.not(isFlushed);
  outbox.written();
  assert.is(await flushed, 3);
});

slices('dropped, what waits is told to those who wait for it, and not to those whose part is on its way', async () => {
  const { endpoint, outbox, run } = createOutbox(100);
  endpoint.send('first');
  const first = outbox.flush();
  outbox.schedule();
  run();
  endpoint.send('second');
  const waiting = [outbox.push(), outbox.flush()];
  const reason = new RangeError('mine');
  outbox.drop(reason);
  for (const promise of waiting) assert.is(await rejects(promise, RangeError), reason);
  endpoint.close(1000);
  outbox.schedule();
  outbox.written();
  await first;
  outbox.written();
  assert.ok(outbox.isEmpty);
});
slices.run();
