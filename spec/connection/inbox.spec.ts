import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Inbox } from '../../lib/connection/inbox.ts';
import { type Message, messageWeight } from '../../lib/message/message.ts';
import { rejects, throws } from '../support/check.ts';
import { turns } from '../support/clock.ts';

function createInbox(queueSize = 1000): { inbox: Inbox<Message>; told: string[] } {
  const told: string[] = [];
  const inbox = new Inbox<Message>(
    {
      inboxHasRoom: () => told.push('room'),
      inboxEndSeen: () => told.push('end'),
      inboxDiscards: () => told.push('discards'),
    },
    queueSize,
    messageWeight,
  );
  return { inbox, told };
}

const test = suite('inbox');

test('counts 64 bytes more than the payload for each message, and tells when there is room', async () => {
  const { inbox, told } = createInbox();
  inbox.deliver('abc');
  inbox.deliver(new Uint8Array(5));
  assert.is(inbox.unread, 67 + 69);
  await inbox.receive();
  assert.equal([inbox.unread, told], [69, ['room']]);
});

test('hands a message to the one who waits, without queueing it', async () => {
  const { inbox } = createInbox();
  assert.not(inbox.hasReader);
  const pending = inbox.receive();
  assert.ok(inbox.hasReader);
  inbox.deliver('a');
  assert.is(inbox.unread, 0);
  assert.is(await pending, 'a');
});

test('tells that the end was seen when a reader has seen it, not before', async () => {
  const { inbox, told } = createInbox();
  inbox.deliver('a');
  inbox.end();
  assert.equal(told, []);
  await inbox.receive();
  assert.equal(told, ['room']);
  assert.is(await inbox.receive(), undefined);
  assert.equal(told, ['room', 'end']);
});

test('an error is told after the last message, to every later reader', async () => {
  const { inbox } = createInbox();
  const error = new RangeError('lost');
  inbox.deliver('a');
  inbox.end(error);
  inbox.end();
  assert.is(await inbox.receive(), 'a');
  assert.is(await rejects(inbox.receive(), RangeError), error);
  assert.is(await rejects(inbox.receive(), RangeError), error);
});

test('what comes after the end is dropped', async () => {
  const { inbox } = createInbox();
  inbox.end();
  inbox.deliver('late');
  assert.is(await inbox.receive(), undefined);
});

test('discard counts what waited and what still comes', () => {
  const { inbox } = createInbox();
  inbox.deliver('a');
  inbox.deliver('b');
  inbox.discard();
  inbox.deliver('c');
  inbox.discard();
  assert.equal([inbox.discarded, inbox.unread], [3, 0]);
});

test('the stream closes only when it is drained, and so does the end come to be seen', async () => {
  const { inbox, told } = createInbox();
  for (const text of ['a', 'b', 'c']) inbox.deliver(text);
  const reader = inbox.readable.getReader();
  await turns(1);
  inbox.end();
  assert.is(inbox.unread, 3 * 65);
  for (const text of ['a', 'b', 'c']) {
    assert.not(told.includes('end'));
    assert.is((await reader.read()).value, text);
  }
  assert.ok((await reader.read()).done);
  assert.ok(told.includes('end'));
});

test('the stream takes no more than the queue’s size ahead; the rest waits in order', async () => {
  const { inbox } = createInbox(200);
  const reader = inbox.readable.getReader();
  await turns(1);
  for (let count = 0; count < 20; count++) inbox.deliver(`${count}`.padStart(36));
  assert.is(inbox.unread, 2000);
  for (let count = 0; count < 20; count++) assert.is(Number((await reader.read()).value), count);
  assert.is(inbox.unread, 0);
});

test('while one reads the stream by hand, others are refused', async () => {
  const { inbox } = createInbox();
  const reader = inbox.readable.getReader();
  await rejects(inbox.receive(), TypeError);
  reader.releaseLock();
  inbox.deliver('a');
  assert.is(await inbox.receive(), 'a');
  assert.not(inbox.readable.locked);
});

test('the stream cannot be made while a receive is pending', () => {
  const { inbox } = createInbox();
  void inbox.receive();
  throws(() => inbox.readable, TypeError);
});
test('a message is in hand from when it was received until the next one is asked for', async () => {
  const { inbox } = createInbox();
  assert.not(inbox.isInHand);
  inbox.deliver('a');
  assert.not(inbox.isInHand);
  await inbox.receive();
  assert.ok(inbox.isInHand);
  const pending = inbox.receive();
  assert.not(inbox.isInHand);
  inbox.deliver('b');
  assert.ok(inbox.isInHand);
  assert.is(await pending, 'b');
  inbox.end();
  await inbox.receive();
  assert.not(inbox.isInHand);
});

test('the owner is told that nobody reads any more, once: by discard, or when the stream is cancelled', async () => {
  for (const act of ['discard', 'cancel'] as const) {
    const { inbox, told } = createInbox();
    inbox.deliver('a');
    if (act === 'cancel') await inbox.readable.cancel();
    inbox.discard();
    inbox.discard();
    assert.is(told.filter((call) => call === 'discards').length, 1, act);
    assert.equal([inbox.isDiscarding, inbox.unread], [true, 0]);
  }
});

test('abort discards, and who waits, or asks later, is told of the error', async () => {
  const { inbox } = createInbox();
  const error = new RangeError('cut');
  const pending = inbox.receive();
  inbox.abort(error);
  inbox.deliver('late');
  inbox.end();
  assert.is(await rejects(pending, RangeError), error);
  assert.is(await rejects(inbox.receive(), RangeError), error);
  assert.ok(inbox.isDiscarding);
});

test('abort of messages that have ended and are not all read takes the end away from who reads', async () => {
  const { inbox } = createInbox();
  inbox.deliver('a');
  inbox.deliver('b');
  inbox.end();
  await inbox.receive();
  inbox.abort(new RangeError('cut'));
  await rejects(inbox.receive(), RangeError);
});

test('abort of messages that have ended and were all read changes nothing', async () => {
  const { inbox } = createInbox();
  inbox.deliver('a');
  inbox.end();
  await inbox.receive();
  inbox.abort(new RangeError('cut'));
  assert.is(await inbox.receive(), undefined);
});

test('abort errors the stream at once, whether its messages had ended or not: it lets go of what it held', async () => {
  for (const hasEnded of [false, true]) {
    const { inbox } = createInbox();
    const reader = inbox.readable.getReader();
    await turns(1);
    for (let count = 0; count < 20; count++) inbox.deliver('x'.repeat(36));
    if (hasEnded) inbox.end();
    assert.is(inbox.unread, 2000);
    inbox.abort(new RangeError('cut'));
    assert.is(inbox.unread, 0);
    await rejects(reader.read(), RangeError);
  }
});

test('discard of messages that ended with an error lets go of what the stream holds; of others they are still read', async () => {
  for (const error of [undefined, new RangeError('lost')]) {
    const { inbox, told } = createInbox();
    const reader = inbox.readable.getReader();
    await turns(1);
    for (let count = 0; count < 20; count++) inbox.deliver('x'.repeat(36));
    inbox.end(error);
    inbox.discard();
    assert.equal([inbox.unread, told.includes('end')], [0, true]);
    if (error !== undefined) await rejects(reader.read(), RangeError);
    // Those that the stream had taken over: the queue's size and the one beyond.
    else for (let count = 0; count < 10; count++) assert.is((await reader.read()).value?.length, 36);
    if (error === undefined) assert.ok((await reader.read()).done);
  }
});

test.run();
