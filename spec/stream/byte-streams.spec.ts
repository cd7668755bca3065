import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { toByteStreams } from '../../lib/stream/byte-streams.ts';
import {
  type ByteStreams,
  claimTransport,
  type Transport,
  type TransportReceiver,
} from '../../lib/stream/transport.ts';
import { rejects } from '../support/check.ts';
import { turns } from '../support/clock.ts';
import { watchEscapes } from '../support/pair.ts';

const { seen } = watchEscapes();

/** A transport that only notes what it is asked, and is played by the test. */
class Played implements Transport {
  readonly calls: string[] = [];
  receiver!: TransportReceiver;
  start(receiver: TransportReceiver): void {
    this.calls.push('start');
    this.receiver = receiver;
  }
  pause(): void {
    this.calls.push('pause');
  }
  resume(): void {
    this.calls.push('resume');
  }
  write(pieces: readonly Uint8Array[]): void {
    this.calls.push(`write ${pieces.map((piece) => [...piece])}`);
  }
  end(): void {
    this.calls.push('end');
  }
  destroy(): void {
    this.calls.push('destroy');
  }
}

function createPlayed(): { played: Played } & ByteStreams {
  const played = new Played();
  return { played, ...toByteStreams(played) };
}

const test = suite('byte streams · a transport as WHATWG streams');

test('nothing is read before the first read, and nothing ahead of it', async () => {
  const { played, readable } = createPlayed();
  await turns();
  assert.equal(played.calls, []);
  const reader = readable.getReader();
  const read = reader.read();
  await turns();
  assert.equal(played.calls, ['start', 'pause', 'resume']);
  played.receiver.chunkReceived(Uint8Array.of(1), true);
  assert.equal((await read).value, Uint8Array.of(1));
  await turns();
  assert.equal(played.calls, ['start', 'pause', 'resume', 'pause']);
});

test('the end of the input closes the readable, and leaves the writable open', async () => {
  const { played, readable, writable } = createPlayed();
  const reader = readable.getReader();
  const read = reader.read();
  await turns();
  played.receiver.endReceived();
  assert.ok((await read).done);
  const write = writable.getWriter().write(Uint8Array.of(1));
  await turns();
  played.receiver.writeTaken();
  await write;
});

test('a write is fulfilled when the transport has taken it; the close when the end was sent', async () => {
  const { played, writable } = createPlayed();
  const writer = writable.getWriter();
  let written = false;
  const write = writer.write(Uint8Array.of(1, 2)).then(() => {
    written = true;
  });
  await turns();
  assert.equal([played.calls.includes('write 1,2'), written], [true, false]);
  played.receiver.writeTaken();
  await write;
  let closed = false;
  const close = writer.close().then(() => {
    closed = true;
  });
  await turns();
  assert.equal([played.calls.at(-1), closed], ['end', false]);
  played.receiver.endSent();
  await close;
});

test('a chunk that is not bytes is a TypeError', async () => {
  const { writable } = createPlayed();
  const writer = writable.getWriter();
  writer.closed.catch(() => {});
  await rejects(writer.write('text' as never), TypeError);
});

test('a transport that fails errors both streams and what is pending on them', async () => {
  const { played, readable, writable } = createPlayed();
  const reader = readable.getReader();
  const writer = writable.getWriter();
  reader.closed.catch(() => {});
  writer.closed.catch(() => {});
  const pending = [reader.read(), writer.write(Uint8Array.of(1))];
  await turns();
  played.receiver.transportClosed(new RangeError('broken'));
  for (const promise of pending) await rejects(promise, RangeError);
});

test('aborting the writable cuts the connection; cancelling the readable does so once the writable is closed', async () => {
  const aborted = createPlayed();
  await aborted.writable.abort();
  assert.ok(aborted.played.calls.includes('destroy'));
  const cancelled = createPlayed();
  await cancelled.readable.cancel();
  assert.not(cancelled.played.calls.includes('destroy'));
  assert.is(cancelled.played.calls.at(-1), 'resume');
  const both = createPlayed();
  const close = both.writable.close();
  await turns();
  both.played.receiver.endSent();
  await close;
  await both.readable.cancel();
  assert.is(both.played.calls.at(-1), 'destroy');
});

test('an untouched pair gives its transport, once, and is locked then', () => {
  const { played, readable, writable } = createPlayed();
  assert.is(claimTransport(readable, writable), played);
  assert.ok(readable.locked && writable.locked);
  assert.is(claimTransport(readable, writable), undefined);
});

test('a pair that was read, or is locked, or is not one pair, gives none', async () => {
  const touched = createPlayed();
  const reader = touched.readable.getReader();
  void reader.read();
  await turns();
  touched.played.receiver.chunkReceived(Uint8Array.of(1), true);
  await turns();
  reader.releaseLock();
  assert.is(claimTransport(touched.readable, touched.writable), undefined);
  const locked = createPlayed();
  locked.writable.getWriter();
  assert.is(claimTransport(locked.readable, locked.writable), undefined);
  const one = createPlayed();
  const other = createPlayed();
  assert.is(claimTransport(one.readable, other.writable), undefined);
  const foreign = new TransformStream<Uint8Array, Uint8Array>();
  assert.is(claimTransport(foreign.readable, foreign.writable), undefined);
});

test('nothing has escaped in all of this', async () => {
  await turns();
  assert.equal(seen, []);
});
test.run();
