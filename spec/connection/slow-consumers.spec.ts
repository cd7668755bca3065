// What becomes of messages when the peer reads too slowly, as the session or the send has declared it: nothing is lost unasked, nothing grows without bound.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { SlowConsumer } from '../../lib/connection/slow-consumer.ts';
import { rejects, throws } from '../support/check.ts';
import { turns } from '../support/clock.ts';
import { ByHand, watchEscapes } from '../support/pair.ts';
import { HandSource } from '../support/sources.ts';
import { outcome, stalled, texts } from '../support/stalled.ts';

const { seen } = watchEscapes();
const policies = ['wait', 'fail', 'drop-newest', 'drop-oldest', 'latest', 'close'] as const;
const KiB = 1024;

const test = suite('slow consumers · each policy');

test('while there is room every policy sends everything, in order', async () => {
  for (const slowConsumer of policies) {
    const peer = new ByHand({ slowConsumer });
    const expected = Array.from({ length: 300 }, (_, index) => `message ${index}`);
    for (const [key, message] of expected.entries())
      assert.is(await outcome(peer.job.session.send(message, { key })), 'fulfilled');
    await turns(20);
    assert.equal(texts(peer), expected);
    const { messagesSent, dropped, queued } = peer.job.session.counters;
    assert.equal([messagesSent, dropped, queued], [300, { messages: 0, bytes: 0 }, 0]);
  }
});

test('wait: a send is held until there is room, and nothing is lost', async () => {
  const peer = await stalled('wait');
  const { session } = peer.job;
  assert.is(await outcome(session.send('x'.repeat(800))), 'fulfilled');
  const held = session.send('held');
  assert.is(await outcome(held), 'pending');
  await peer.unblock();
  await held;
  await turns();
  assert.equal(texts(peer), ['first', 'stuck', 'x'.repeat(800), 'held']);
  assert.equal(session.counters.dropped, { messages: 0, bytes: 0 });
});

test('fail: a send rejects with ERR_WS_QUEUE_FULL, nothing of it is sent, and the connection goes on', async () => {
  const peer = await stalled('fail');
  const { session } = peer.job;
  await session.send('x'.repeat(950));
  await rejects(session.send('refused'), Error, 'ERR_WS_QUEUE_FULL');
  assert.is(session.counters.messagesSent, 3);
  await peer.unblock();
  await session.send('again');
  await turns();
  assert.equal(texts(peer), ['first', 'stuck', 'x'.repeat(950), 'again']);
  assert.is(peer.job.state, 'running');
});

test('drop-newest: what does not fit is dropped, what waits stays', async () => {
  const peer = await stalled('drop-newest');
  const { session } = peer.job;
  for (let index = 0; index < 50; index++) await session.send(`${index}`.padEnd(36));
  const { messagesSent, dropped } = session.counters;
  assert.equal([messagesSent, dropped], [2 + 10, { messages: 40, bytes: 40 * 36 }]);
  await peer.unblock();
  assert.equal(
    texts(peer).slice(2).map(Number),
    Array.from({ length: 10 }, (_, index) => index),
  );
});

test('drop-oldest: the latest that fit are sent, in order', async () => {
  const peer = await stalled('drop-oldest');
  const { session } = peer.job;
  for (let index = 0; index < 50; index++) await session.send(`${index}`.padEnd(36));
  const { messagesSent, dropped } = session.counters;
  assert.equal([messagesSent, dropped], [2 + 10, { messages: 40, bytes: 40 * 36 }]);
  await peer.unblock();
  assert.equal(
    texts(peer).slice(2).map(Number),
    Array.from({ length: 10 }, (_, index) => 40 + index),
  );
});

test('latest: of each key the last is sent, in the order of those', async () => {
  const peer = await stalled('latest');
  const { session } = peer.job;
  for (let index = 0; index < 90; index++) await session.send(`${index}`, { key: index % 3 });
  assert.equal(session.counters.dropped.messages, 87);
  await peer.unblock();
  assert.equal(texts(peer).slice(2), ['87', '88', '89']);
});

for (const closeCode of [1008, 1013, undefined] as const) {
  test(`close: the session is closed with ${closeCode ?? '1013, the default'}; what waits is dropped`, async () => {
    const peer = await stalled({ policy: 'close', ...(closeCode === undefined ? {} : { closeCode }) });
    const { session } = peer.job;
    await session.send('x'.repeat(950));
    await rejects(session.send('too much'), Error, 'ERR_WS_CLOSED');
    await rejects(session.flush(), Error, 'ERR_WS_SLOW_CONSUMER');
    const code = closeCode ?? 1013;
    await peer.unblock();
    assert.equal(peer.wire, ['text "first"', 'text "stuck"', `close ${code} "The peer reads too slowly"`]);
    assert.is(peer.output, 'closed');
    await peer.end();
    const { error, abandoned, ...info } = await peer.job.closed;
    assert.equal(info, {
      closeCode: 1006,
      reason: '',
      wasClean: false,
      initiator: 'local',
      received: undefined,
      sent: { closeCode: code, reason: 'The peer reads too slowly' },
    });
    const { code: errorCode, closeCode: errorCloseCode } = error as { code?: string; closeCode?: number };
    assert.equal([errorCode, errorCloseCode], ['ERR_WS_SLOW_CONSUMER', code]);
    assert.equal(abandoned, { messages: 0, bytes: 4 + 950 + 64, handler: false });
    assert.is(peer.job.state, 'failed');
  });
}

test('close: in the middle of a frame nothing can be said, so the connection is cut', async () => {
  const peer = new ByHand({ slowConsumer: 'close' });
  peer.block();
  void peer.job.session.send(new Uint8Array(2000 * KiB), { slowConsumer: 'wait' });
  await turns();
  await rejects(peer.job.session.send('too much'), Error, 'ERR_WS_CLOSED');
  await turns();
  const info = await peer.job.closed;
  assert.equal([info.closeCode, info.sent, info.initiator], [1006, undefined, 'local']);
  assert.is((info.error as { code?: string }).code, 'ERR_WS_SLOW_CONSUMER');
  assert.ok(peer.isInputCancelled);
});

test('a handler that fails with the close for a slow peer is no failure of its own', async () => {
  const errors: unknown[] = [];
  const peer = new ByHand({
    slowConsumer: { policy: 'close', maxQueued: 100 },
    userContext: { onError: (error) => errors.push(error) },
    handler: async (session) => {
      for (;;) await session.send('x'.repeat(50));
    },
  });
  await turns();
  await peer.end();
  assert.is(((await peer.job.closed).error as { code?: string }).code, 'ERR_WS_SLOW_CONSUMER');
  assert.equal(errors, []);
});

test('a send says otherwise than the session; what is not said is as the session has it', async () => {
  const peer = await stalled('fail');
  const { session } = peer.job;
  await session.send('x'.repeat(950));
  await rejects(session.send('1'), Error, 'ERR_WS_QUEUE_FULL');
  await rejects(session.send('2', {}), Error, 'ERR_WS_QUEUE_FULL');
  await rejects(session.send('3', { key: 5 }), Error, 'ERR_WS_QUEUE_FULL');
  assert.is(await outcome(session.send('4', { slowConsumer: 'drop-newest' })), 'fulfilled');
  assert.is(await outcome(session.send('5', { slowConsumer: { policy: 'fail', maxQueued: 2000 } })), 'fulfilled');
  assert.is(await outcome(session.send('6', { slowConsumer: 'wait' })), 'fulfilled');
  assert.is(await outcome(session.send('7', { slowConsumer: { policy: 'wait', maxQueued: 10 } })), 'pending');
  await peer.unblock();
  assert.equal(texts(peer).slice(3), ['4', '5', '6', '7']);
});

test('the writable sends by the session’s policy', async () => {
  const peer = await stalled('drop-newest');
  const writer = peer.job.session.writable.getWriter();
  for (let index = 0; index < 30; index++) await writer.write(`${index}`.padEnd(36));
  assert.is(peer.job.session.counters.dropped.messages, 20);
});

test('a streamed message waits, whatever is said', async () => {
  for (const policy of ['fail', 'drop-newest', 'drop-oldest', 'latest', 'close'] as const) {
    const peer = await stalled(policy);
    void peer.job.session.send('x'.repeat(950), { slowConsumer: 'wait' });
    const source = new HandSource();
    const sending = peer.job.session.send(source, { slowConsumer: policy });
    assert.is(await outcome(sending), 'pending');
    await peer.unblock();
    await source.give('a');
    await source.end();
    await sending;
    assert.is(peer.job.session.counters.dropped.messages, 0);
  }
});

test('messages that may be dropped are dropped from behind a streamed message as well', async () => {
  const peer = new ByHand({ slowConsumer: { policy: 'drop-oldest', maxQueued: 400 } });
  const { session } = peer.job;
  const source = new HandSource();
  void session.send(source);
  for (let index = 0; index < 100; index++) await session.send(`${index}`);
  assert.ok(session.counters.queued < 600);
  await source.end();
  await turns();
  assert.equal(texts(peer), ['94', '95', '96', '97', '98', '99']);
});

test('close() sends what waits, then the close frame, and drops nothing more', async () => {
  for (const policy of ['drop-oldest', 'latest', 'drop-newest'] as const) {
    const peer = await stalled({ policy, maxAge: 100 });
    for (const text of ['a', 'b', 'c']) await peer.job.session.send(text, { key: text });
    void peer.job.session.close();
    await peer.clock.turn(200);
    await peer.unblock();
    assert.equal(peer.wire.slice(2), ['text "a"', 'text "b"', 'text "c"', 'close 1000 ""']);
  }
});

test('the peer’s half-close lets go out what waits, as all that was sent', async () => {
  const peer = await stalled('drop-oldest');
  for (const text of ['a', 'b']) await peer.job.session.send(text);
  await peer.end();
  await peer.unblock();
  assert.equal(texts(peer), ['first', 'stuck', 'a', 'b']);
});

test('options that make no sense are refused: those of the session at once, those of a send by it', async () => {
  const wrong: readonly (readonly [SlowConsumer, typeof TypeError | typeof RangeError, RegExp])[] = [
    ['drop' as never, TypeError, /"drop"/],
    [{ policy: 'drop-oldest', maxQueued: 0 }, RangeError, /maxQueued/],
    [{ policy: 'latest', maxAge: -1 }, RangeError, /maxAge/],
    [{ policy: 'wait', maxAge: 1 }, TypeError, /maxAge/],
    [{ policy: 'close', closeCode: 1000 as never }, RangeError, /closeCode/],
  ];
  const peer = new ByHand();
  for (const [slowConsumer, kind, text] of wrong) {
    throws(() => new ByHand({ slowConsumer }), kind, text);
    await rejects(peer.job.session.send('a', { slowConsumer }), kind, text);
  }
  throws(() => new ByHand({ slowConsumer: 'fail', raw: true } as never), TypeError, /raw/);
  assert.equal([peer.job.session.counters.messagesSent, peer.job.state], [0, 'running']);
});
test.run();

const age = suite('slow consumers · by age');

age('drop-oldest, latest: what has waited for too long is not sent when its turn comes', async () => {
  for (const policy of ['drop-oldest', 'latest'] as const) {
    const peer = await stalled({ policy, maxAge: 1000 });
    await peer.job.session.send('old', { key: 'a' });
    await peer.clock.turn(600);
    await peer.job.session.send('young', { key: 'b' });
    await peer.clock.turn(600);
    await peer.unblock();
    assert.equal(texts(peer), ['first', 'stuck', 'young']);
    const { dropped, messagesSent, queued } = peer.job.session.counters;
    assert.equal([dropped, messagesSent, queued], [{ messages: 1, bytes: 3 }, 3, 0]);
  }
});

age('fail, drop-newest: there is no room while the oldest has waited for too long', async () => {
  const peer = await stalled({ policy: 'fail', maxAge: 1000 });
  const { session } = peer.job;
  await peer.clock.turn(999);
  await session.send('in time');
  await peer.clock.turn(1);
  await rejects(session.send('too late'), Error, 'ERR_WS_QUEUE_FULL');
  await session.send('dropped', { slowConsumer: { policy: 'drop-newest', maxAge: 1000 } });
  await peer.unblock();
  await session.send('again');
  await turns();
  assert.equal(texts(peer), ['first', 'stuck', 'in time', 'again']);
});

age('close: the session is closed at that moment, though nothing more is sent', async () => {
  const peer = await stalled('wait');
  void peer.job.session.send('watched', { slowConsumer: { policy: 'close', maxAge: 1000, closeCode: 1008 } });
  await peer.clock.turn(999);
  assert.is(peer.job.state, 'running');
  await peer.clock.turn(1);
  assert.is(peer.job.state, 'closing');
  await peer.unblock();
  assert.equal(peer.wire.slice(2), ['close 1008 "The peer reads too slowly"']);
  await peer.end();
  assert.is(((await peer.job.closed).error as { code?: string }).code, 'ERR_WS_SLOW_CONSUMER');
  assert.is(peer.clock.pending, 0);
});

age('close: a peer that keeps pace is never too slow, however long the session lasts', async () => {
  const peer = new ByHand({
    slowConsumer: { policy: 'close', maxAge: 1000 },
    limits: { pingInterval: Number.POSITIVE_INFINITY },
  });
  for (let count = 0; count < 20; count++) {
    await peer.job.session.send(`${count}`);
    await peer.clock.turn(900);
  }
  peer.block();
  void peer.job.session.send('wait', { slowConsumer: 'wait' });
  await peer.clock.turn(5000);
  assert.equal([texts(peer).length, peer.job.state], [20, 'running']);
});

age('close: a slow but steady peer is judged by how long messages wait, not by how long it took in all', async () => {
  const peer = await stalled({ policy: 'close', maxAge: 1000, maxQueued: 100_000 });
  for (let count = 0; count < 10; count++) {
    void peer.job.session.send(`${count}`);
    await peer.clock.turn(450);
    await peer.unblock();
    peer.block();
    await peer.clock.turn(450);
  }
  assert.is(peer.job.state, 'running');
});
age('nothing has escaped', async () => {
  await turns();
  assert.equal(seen, []);
});
age.run();
