import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Endpoint } from '../../lib/endpoint/endpoint.ts';
import { Outbox } from '../../lib/job/outbox.ts';
import type { Transport } from '../../lib/stream/transport.ts';
import { rejects } from '../support/check.ts';
import { TestClock } from '../support/clock.ts';

function createOutbox(queueSize = 1000): {
  endpoint: Endpoint;
  outbox: Outbox;
  writes: number[];
  ends: () => number;
  run: () => void;
} {
  const writes: number[] = [];
  let ends = 0;
  const tasks: (() => void)[] = [];
  const transport = {
    write: (pieces: readonly Uint8Array[]) => writes.push(pieces.reduce((sum, piece) => sum + piece.byteLength, 0)),
    end: () => ends++,
  } as unknown as Transport;
  const endpoint = new Endpoint({ role: 'server' });
  const scheduler = { schedule: (task: () => void) => void tasks.push(task) };
  const clock = new TestClock();
  const outbox = new Outbox({ endpoint, transport, clock, scheduler, queueSize, writeBegun: () => {} });
  const run = (): void => {
    for (const task of tasks.splice(0)) task();
  };
  return { endpoint, outbox, writes, ends: () => ends, run };
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
test.run();
