// An end of a line keeps the contract of a transport, as an adapter's does.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { resolveEngine } from '../../lib/connection/context.ts';
import type { TransportReceiver } from '../../lib/stream/transport.ts';
import { LineEnd } from '../../lib/testing/line-end.ts';
import { TestClock } from '../../lib/testing/test-clock.ts';
import { Wire } from '../../lib/testing/wire.ts';
import { count } from '../support/far-end.ts';

const test = suite('testing · line end');

/** Notes what an end tells, and that it tells nothing from inside a call. */
class Side implements TransportReceiver {
  readonly calls: string[] = [];
  end!: LineEnd;
  onChunk: () => void = () => {};
  #isInside = false;

  start(): this {
    this.end.start(this);
    return this;
  }

  call(act: (end: LineEnd) => void): void {
    this.#isInside = true;
    act(this.end);
    this.#isInside = false;
  }

  chunkReceived(chunk: Uint8Array, isOwned: boolean): void {
    this.#note(`chunk ${chunk.byteLength} ${isOwned}`);
    this.onChunk();
  }

  endReceived(): void {
    this.#note('end received');
  }

  writeTaken(): void {
    this.#note('write taken');
  }

  endSent(): void {
    this.#note('end sent');
  }

  transportClosed(error?: unknown): void {
    this.#note(error === undefined ? 'closed' : `closed: ${(error as Error).message}`);
  }

  #note(call: string): void {
    assert.is(this.#isInside, false, `${call} from inside a call`);
    this.calls.push(call);
  }
}

function join(): { near: Side; far: Side; clock: TestClock; wires: Wire[] } {
  const clock = new TestClock();
  const { scheduler } = resolveEngine();
  const wires = [new Wire(clock, scheduler, {}), new Wire(clock, scheduler, {})];
  const [there, back] = wires as [Wire, Wire];
  const [near, far] = [new Side(), new Side()];
  const broken = (error: unknown): void => {
    throw error;
  };
  near.end = new LineEnd(back, there, () => {}, broken);
  far.end = new LineEnd(there, back, () => {}, broken);
  there.join(near.end, far.end);
  back.join(far.end, near.end);
  return { near, far, clock, wires };
}

test('it tells of a write that was taken, of chunks that nobody else holds, and of both ends', async () => {
  const { near, far, clock } = join();
  near.start();
  far.start();
  near.call((end) => end.write([count(2), count(3)]));
  await clock.settled();
  near.call((end) => end.end());
  await clock.settled();
  assert.equal(
    [near.calls, far.calls],
    [
      ['write taken', 'end sent'],
      ['chunk 5 true', 'end received'],
    ],
  );
  far.call((end) => end.end());
  await clock.settled();
  assert.equal(near.calls.slice(2), ['end received', 'closed']);
  assert.equal(far.calls.slice(2), ['end sent', 'closed']);
  assert.ok(near.end.isClosed && far.end.isClosed);
});

test('an end that the test makes is told once, behind one that was sent or before it', async () => {
  for (const isSent of [true, false]) {
    const { near, far, clock, wires } = join();
    near.start();
    far.start();
    if (isSent) near.call((end) => end.end());
    await clock.settled();
    for (const wire of wires) wire.end();
    await clock.settled();
    near.call((end) => end.end());
    await clock.settled();
    assert.equal(far.calls, ['end received'], `${isSent}`);
    assert.equal(near.calls, isSent ? ['end sent', 'end received', 'closed'] : ['end received', 'end sent', 'closed']);
  }
});

test('what is written before the end is asked for goes out before it', async () => {
  const { near, far, clock } = join();
  near.start();
  far.start();
  near.call((end) => end.write([count(5)]));
  near.call((end) => end.end());
  await clock.settled();
  assert.equal(near.calls, ['write taken', 'end sent']);
  assert.equal(far.calls, ['chunk 5 true', 'end received']);
});

test('nothing is read before the start, and nothing while it is paused, the end neither', async () => {
  const { near, far, clock, wires } = join();
  near.start();
  near.call((end) => end.write([count(5)]));
  await clock.settled();
  assert.equal([near.calls, far.calls, wires[0]?.buffered], [['write taken'], [], 5]);
  far.onChunk = () => far.end.pause();
  far.start();
  await clock.settled();
  near.call((end) => end.write([count(3)]));
  await clock.settled();
  near.call((end) => end.end());
  await clock.settled();
  assert.equal(far.calls, ['chunk 5 true']);
  far.call((end) => end.resume());
  await clock.settled();
  assert.equal(far.calls, ['chunk 5 true', 'chunk 3 true']);
  far.call((end) => end.resume());
  await clock.settled();
  assert.equal(far.calls.slice(2), ['end received']);
});

test('destroyed, it tells that it is closed, once, and nothing behind it', async () => {
  const { near, far, clock } = join();
  near.start();
  far.start();
  near.call((end) => end.write([count(5)]));
  near.call((end) => end.destroy());
  near.call((end) => end.destroy());
  near.call((end) => end.write([count(5)]));
  near.call((end) => end.end());
  near.call((end) => end.pause());
  near.call((end) => end.resume());
  await clock.settled();
  assert.equal([near.calls, far.calls], [['closed'], ['end received']]);
  far.call((end) => end.write([count(1)]));
  await clock.settled();
  assert.equal(far.calls.slice(1), ['write taken', 'closed: The connection was reset']);
  assert.equal(near.calls, ['closed']);
});

test('a paused end is told of a reset', async () => {
  const { near, far, clock } = join();
  near.start();
  far.start();
  far.call((end) => end.pause());
  far.call((end) => end.write([count(1)]));
  near.call((end) => end.destroy());
  await clock.settled();
  assert.equal(far.calls, ['write taken', 'closed: The connection was reset']);
});

test('one that was reset before it was started tells so when it is', async () => {
  const { near, clock } = join();
  near.end.resetReceived(new Error('gone'));
  near.call((end) => end.start(near));
  assert.equal(near.calls, []);
  await clock.settled();
  assert.equal(near.calls, ['closed: gone']);
});

test.run();
