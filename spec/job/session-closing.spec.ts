// What a session says in its close frame when it says nothing, and how it hears of the peer's.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { rejects } from '../support/check.ts';
import { turns } from '../support/clock.ts';
import { ByHand, closePayload, masked, watchEscapes } from '../support/pair.ts';

const { seen } = watchEscapes();
const TEXT = 0x81;
const CLOSE = 0x88;

const empty = suite('session · the empty close frame (RFC 6455 §5.5.1)');

empty('close(null) sends a close frame without a code, behind what was sent before; the peer answers it', async () => {
  const peer = new ByHand();
  void peer.job.session.send('last words');
  const closing = peer.job.session.close(null);
  await turns();
  assert.equal(peer.wire, ['text "last words"', 'close']);
  await peer.send(masked(CLOSE));
  await peer.end();
  const info = await closing;
  assert.equal(info.sent, { closeCode: 1005, reason: '' });
  assert.equal(info.received, { closeCode: 1005, reason: '' });
  assert.is(info.closeCode, 1005);
  assert.is(info.wasClean, true);
  assert.is(info.initiator, 'local');
  assert.is(peer.job.state, 'completed');
});

empty('close(null) with a reason says 1000: a reason needs a code', async () => {
  const peer = new ByHand();
  void peer.job.session.close(null, 'done');
  await turns();
  assert.equal(peer.wire, ['close 1000 "done"']);
  await peer.end();
});

empty('close(null) that answers the peer says what the peer has said', async () => {
  for (const [payload, answer] of [
    [closePayload(3001, 'bye'), 'close 3001 ""'],
    [new Uint8Array(0), 'close'],
  ] as const) {
    const peer = new ByHand();
    await peer.send(masked(TEXT, 'unread'));
    await peer.send(masked(CLOSE, payload));
    assert.equal(peer.wire, [], 'a message that waits unread holds the answer back');
    void peer.job.session.close(null);
    await turns();
    assert.equal(peer.wire, [answer]);
    await peer.end();
    assert.is((await peer.job.closed).wasClean, true);
  }
});

empty('close() and close(undefined) still say 1000; the rules of the reason hold for close(null) too', async () => {
  for (const codes of [[], [undefined]]) {
    const peer = new ByHand();
    void peer.job.session.close(...codes);
    await turns();
    assert.equal(peer.wire, ['close 1000 ""']);
    await peer.end();
  }
  const peer = new ByHand();
  await rejects(peer.job.session.close(null, 'é'.repeat(62)), RangeError);
  await turns();
  assert.equal(peer.wire, [], 'nothing was done');
  await peer.end();
});

empty.run();

const received = suite('session · the peer’s close frame (RFC 6455 §5.5.1)');

/** Notes what a promise fulfils with. */
function watch(promise: Promise<unknown>): { readonly values: unknown[] } {
  const values: unknown[] = [];
  void promise.then((value) => values.push(value));
  return { values };
}

received('closeReceived fulfils when the close frame has come, though messages before it wait unread', async () => {
  const peer = new ByHand();
  const { values } = watch(peer.job.session.closeReceived);
  await peer.send(masked(TEXT, 'unread'));
  assert.equal(values, []);
  await peer.send(masked(CLOSE, closePayload(3000, 'bye')));
  assert.equal(values, [{ closeCode: 3000, reason: 'bye' }]);
  assert.is(peer.job.state, 'closing');
  assert.equal(await peer.job.session.closeReceived, { closeCode: 3000, reason: 'bye' });
  assert.is(await peer.job.session.receive(), 'unread');
  assert.is(await peer.job.session.receive(), undefined);
  await peer.end();
  await peer.job.closed;
});

received('closeReceived fulfils with 1005 for an empty close frame, and also when it answers ours', async () => {
  const peer = new ByHand();
  void peer.job.session.close(3002);
  const { values } = watch(peer.job.session.closeReceived);
  await turns();
  assert.equal(values, []);
  await peer.send(masked(CLOSE));
  assert.equal(values, [{ closeCode: 1005, reason: '' }]);
  await peer.end();
});

received(
  'closeReceived fulfils with undefined when the connection ends without a close frame of the peer',
  async () => {
    const peer = new ByHand();
    const { values } = watch(peer.job.session.closeReceived);
    await peer.end();
    await peer.job.closed;
    await turns();
    assert.equal(values, [undefined]);
  },
);

received('closeReceived that is asked for when all is over tells what came', async () => {
  const closed = new ByHand();
  await closed.send(masked(CLOSE, closePayload(3003)));
  await closed.end();
  await closed.job.closed;
  assert.equal(await closed.job.session.closeReceived, { closeCode: 3003, reason: '' });
  const lost = new ByHand();
  await lost.end();
  await lost.job.closed;
  assert.is(await lost.job.session.closeReceived, undefined);
});

received('closeReceived of a session of frames tells of the close frame that was given', async () => {
  const peer = new ByHand({ raw: true });
  await peer.send(masked(CLOSE, closePayload(3004)));
  assert.equal(await peer.job.session.closeReceived, { closeCode: 3004, reason: '' });
  peer.job.cancel();
  await peer.end();
});

received('nothing escapes', async () => {
  await turns();
  assert.equal(seen, []);
});

received.run();
