// The rules of the writable that the session's own spec does not show: when it counts as in use, and when it is errored.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { turns } from '../support/clock.ts';
import { join } from '../support/hex.ts';
import { ByHand, closePayload, masked, watchEscapes } from '../support/pair.ts';

const { seen } = watchEscapes();
const test = suite('session writable');

test('while it is locked, the peer’s close waits for it to be closed', async () => {
  const peer = new ByHand();
  const writer = peer.job.session.writable.getWriter();
  await peer.send(masked(0x88, closePayload(3000)));
  assert.equal(peer.wire, []);
  void writer.write('still to say');
  void writer.close();
  await turns();
  assert.equal(peer.wire, ['text "still to say"', 'close 3000 ""']);
});

test('released, it does not hold up the answer', async () => {
  const peer = new ByHand();
  peer.job.session.writable.getWriter().releaseLock();
  await peer.send(masked(0x88, closePayload(3000)));
  assert.equal(peer.wire, ['close 3000 ""']);
});

test('never closed, it holds up the answer until the close time-out, and is errored afterwards', async () => {
  const peer = new ByHand();
  const writer = peer.job.session.writable.getWriter();
  writer.closed.catch(() => {});
  await peer.send(masked(0x88, closePayload(3000)));
  await peer.clock.turn(5000);
  assert.equal(peer.wire, ['close 3000 ""']);
  await peer.end();
  assert.ok((await peer.job.closed).wasClean);
  await turns();
  assert.is(await writer.closed.catch((error) => error.code), 'ERR_WS_CLOSED');
});

test('a stream of the user’s own can be piped into it beside the messages that come', async () => {
  const peer = new ByHand();
  const source = new ReadableStream<string>({
    start(controller) {
      for (const text of ['a', 'b', 'c']) controller.enqueue(text);
      controller.close();
    },
  });
  const piped = source.pipeTo(peer.job.session.writable);
  await turns();
  assert.equal(peer.wire, ['text "a"', 'text "b"', 'text "c"', 'close 1000 ""']);
  await peer.send(join(masked(0x88, closePayload(1000))));
  await peer.end();
  await piped;
});

test('its close rejects when the closing handshake fails', async () => {
  const peer = new ByHand();
  const closing = peer.job.session.writable.close().catch((error) => error.code);
  await turns();
  await peer.end();
  assert.is(await closing, 'ERR_WS_CLOSED');
});

test('aborted, it fails the job with the reason, whatever kind of thing that is', async () => {
  for (const reason of [new Error('enough'), 'enough', undefined]) {
    const peer = new ByHand();
    await peer.job.session.writable.abort(reason);
    await turns();
    assert.equal(peer.wire, ['close 1011 ""']);
    await peer.send(masked(0x88, closePayload(1011)));
    await peer.end();
    const { error } = await peer.job.closed;
    assert.is(peer.job.state, 'failed');
    assert.is(reason instanceof Error ? error : error?.cause, reason);
  }
});

test('nothing has escaped in all of this', async () => {
  await turns();
  assert.equal(seen, []);
});
test.run();
