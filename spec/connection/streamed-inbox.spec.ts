// The messages of a session that streams them: one is given at a time, the next one when it was read or is not wanted.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { StreamedInbox } from '../../lib/connection/streamed-inbox.ts';
import type { StreamedMessage } from '../../lib/connection/streamed-message.ts';
import { ConnectionError, type LimitError, LocalProtocolError } from '../../lib/error.ts';
import { defaultLimits } from '../../lib/limits.ts';
import { rejects } from '../support/check.ts';
import { turns } from '../support/clock.ts';
import { toBytes } from '../support/frames.ts';
import { watchEscapes } from '../support/pair.ts';

const { seen } = watchEscapes();

interface Setting {
  readonly inbox: StreamedInbox;
  /** What the owner was told. */
  readonly told: string[];
  readonly tooLong: LimitError[];
  readonly own: Error[];
  /** Begins, continues or ends a text: 'a…' is its beginning, '…b…' its middle, '…c' its end, 'd' a whole one. */
  readonly come: (...parts: string[]) => void;
}

function createInbox(limits: Partial<typeof defaultLimits> = {}): Setting {
  const told: string[] = [];
  const tooLong: LimitError[] = [];
  const own: Error[] = [];
  const owner = {
    inboxHasRoom: () => void told.push('room'),
    inboxEndSeen: () => void told.push('end'),
    messageTooLong: (error: LimitError) => void tooLong.push(error),
    own: <E extends Error>(error: E): E => {
      own.push(error);
      return error;
    },
  };
  const inbox = new StreamedInbox(owner, { ...defaultLimits, ...limits });
  const come = (...parts: string[]): void => {
    for (const part of parts) {
      const bytes = toBytes(part.replaceAll('…', ''));
      inbox.deliver({ messageType: 'text', isFirst: !part.startsWith('…'), isLast: !part.endsWith('…'), bytes });
    }
  };
  return { inbox, told, tooLong, own, come };
}

async function take(inbox: StreamedInbox): Promise<StreamedMessage> {
  const message = await inbox.receive();
  assert.ok(message, 'a message');
  return message as StreamedMessage;
}

/** Whether a promise has settled by now. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  const note = (): void => {
    settled = true;
  };
  promise.then(note, note);
  await turns(3);
  return settled;
}

const test = suite('streamed inbox');

test('a message is given when it begins, and its bytes as they come', async () => {
  const { inbox, come } = createInbox();
  const pending = inbox.receive();
  come('a…');
  const message = (await pending) as StreamedMessage;
  const chunks = message[Symbol.asyncIterator]();
  assert.equal((await chunks.next()).value, toBytes('a'));
  const next = chunks.next();
  assert.not(await isSettled(next));
  come('…b');
  assert.equal((await next).value, toBytes('b'));
  assert.ok((await chunks.next()).done);
});

test('messages that have come together are read one after the other', async () => {
  const { inbox, come } = createInbox();
  come('one', 'two', '', 'three');
  for (const text of ['one', 'two', '', 'three']) assert.is(await (await take(inbox)).text(), text);
});

test('the next message is given when the one before has been read, not before', async () => {
  const { inbox, come } = createInbox();
  come('one', 'two');
  const one = await take(inbox);
  const chunks = one[Symbol.asyncIterator]();
  const pending = inbox.receive();
  assert.not(await isSettled(pending));
  await chunks.next();
  assert.not(await isSettled(pending));
  assert.ok((await chunks.next()).done);
  assert.is(await ((await pending) as StreamedMessage).text(), 'two');
});

test('the next message is given when the one before is cancelled, also before its end has come', async () => {
  const { inbox, come } = createInbox();
  come('one…');
  const one = await take(inbox);
  one.cancel();
  const pending = inbox.receive();
  come('…one…', '…one');
  assert.not(await isSettled(pending));
  come('two');
  assert.is(await ((await pending) as StreamedMessage).text(), 'two');
});

test('a body that nobody has looked at is discarded by asking for the next message', async () => {
  const { inbox, come } = createInbox();
  come('one', 'two');
  const one = await take(inbox);
  const two = await take(inbox);
  assert.ok(one.isUsed);
  await rejects(one.text(), TypeError);
  assert.is(await two.text(), 'two');
});

test('one that still comes is discarded by asking for the next message, and the next one is whole', async () => {
  const { inbox, come } = createInbox();
  come('one…');
  await take(inbox);
  const pending = inbox.receive();
  come('…one', 'two…');
  const two = (await pending) as StreamedMessage;
  const text = two.text();
  come('…two');
  assert.is(await text, 'twotwo');
});

test('asking for the next message discards nothing that was not given yet, whatever was given before', async () => {
  const { inbox, come } = createInbox();
  come('one');
  assert.is(await (await take(inbox)).text(), 'one');
  come('two', 'three');
  const two = await take(inbox);
  assert.not(two.isUsed);
  assert.is(await two.text(), 'two');
  const three = inbox.receive();
  assert.is(await ((await three) as StreamedMessage).text(), 'three');
});

test('two that ask at the same time get one message each', async () => {
  const { inbox, come } = createInbox();
  const [first, second] = [inbox.receive(), inbox.receive()];
  come('one', 'two');
  const one = (await first) as StreamedMessage;
  assert.not(await isSettled(second));
  assert.is(await one.text(), 'one');
  assert.is(await ((await second) as StreamedMessage).text(), 'two');
});

test('the stream gives the same messages, each when the one before was read', async () => {
  const { inbox, come } = createInbox();
  const reader = inbox.readable.getReader();
  come('one', 'two');
  const one = (await reader.read()).value as StreamedMessage;
  const pending = reader.read();
  assert.not(await isSettled(pending));
  assert.is(await one.text(), 'one');
  assert.is(await ((await pending).value as StreamedMessage).text(), 'two');
});

test('receive() discards a body that nobody has looked at although the stream was made', async () => {
  const { inbox, come } = createInbox();
  assert.ok(inbox.readable);
  await turns(1);
  come('one', 'two');
  await take(inbox);
  assert.is(await (await take(inbox)).text(), 'two');
});

// --- What waits ------------------------------------------------------------------------------------------------------

test('what waits counts 64 bytes for each message and for each chunk beside the bytes', async () => {
  const { inbox, come } = createInbox();
  come('abc…', '…de');
  assert.is(inbox.unread, 64 + 67 + 66);
  come('f');
  assert.is(inbox.unread, 64 + 67 + 66 + 64 + 65);
  const message = await take(inbox);
  assert.is(inbox.unread, 67 + 66 + 64 + 65);
  await message.text();
  assert.is(inbox.unread, 64 + 65);
  (await take(inbox)).cancel();
  assert.is(inbox.unread, 0);
});

test('empty pieces inside a message count nothing, and empty messages are not free', () => {
  const { inbox, come } = createInbox();
  come('a…');
  for (let count = 0; count < 1000; count++) come('……');
  assert.is(inbox.unread, 64 + 65);
  come('…');
  for (let count = 0; count < 1000; count++) come('');
  assert.is(inbox.unread, 64 + 65 + 1000 * 64);
});

test('room is told of when chunks are read, and when they are discarded', async () => {
  for (const act of ['text', 'cancel'] as const) {
    const { inbox, told, come } = createInbox();
    come('abc');
    const message = await take(inbox);
    told.length = 0;
    if (act === 'text') await message.text();
    else message.cancel();
    assert.ok(told.includes('room'), act);
  }
});

test('what is collected is told as long as it is not the reader’s', async () => {
  const { inbox, come } = createInbox();
  come('abc…');
  assert.is(inbox.collected, 0);
  const text = (await take(inbox)).text();
  await turns(1);
  assert.equal([inbox.unread, inbox.collected], [0, 3]);
  come('…d');
  assert.is(await text, 'abcd');
  assert.equal([inbox.unread, inbox.collected], [0, 0]);
});

test('a message that is collected over the limit is told, and rejects', async () => {
  const { inbox, tooLong, come } = createInbox({ maxMessageSize: 5 });
  come('abc…');
  const text = (await take(inbox)).text();
  come('…def…');
  assert.is(await rejects(text, Error, 'ERR_WS_MESSAGE_TOO_LONG'), tooLong[0]);
  assert.is(inbox.unread, 0);
});

// --- The end ---------------------------------------------------------------------------------------------------------

test('the end comes behind the last message, when that was read', async () => {
  const { inbox, told, come } = createInbox();
  come('one', 'two');
  inbox.end();
  come('late');
  const one = await take(inbox);
  assert.is(await one.text(), 'one');
  assert.is(await (await take(inbox)).text(), 'two');
  assert.not(told.includes('end'));
  assert.is(await inbox.receive(), undefined);
  assert.ok(told.includes('end'));
});

test('an end in the middle of a message errors that message first, as the connection’s own error', async () => {
  const { inbox, own, come } = createInbox();
  come('one…');
  const message = await take(inbox);
  const text = message.text();
  inbox.end();
  const error = await rejects(text, ConnectionError, 'ERR_WS_CONNECTION_LOST');
  assert.equal(own, [error]);
  assert.is(await inbox.receive(), undefined);
});

test('an end with an error errors the message that comes and then the messages, whole ones before it excepted', async () => {
  const { inbox, come } = createInbox();
  const error = new RangeError('lost');
  come('one', 'two…');
  inbox.end(error);
  inbox.end();
  assert.is(await (await take(inbox)).text(), 'one');
  assert.is(await rejects((await take(inbox)).text(), RangeError), error);
  assert.is(await rejects(inbox.receive(), RangeError), error);
});

test('what comes behind the end is dropped, also the rest of a message', async () => {
  const { inbox, come } = createInbox();
  come('one…');
  const text = (await take(inbox)).text();
  inbox.end(new RangeError('failed'));
  come('…one', 'two');
  await rejects(text, RangeError);
  assert.is(inbox.unread, 0);
});

test('discard throws away what waits and what still comes, counts it, and errors what somebody reads', async () => {
  const { inbox, own, come } = createInbox();
  come('one…');
  const text = (await take(inbox)).text();
  await turns(1);
  inbox.discard();
  come('…one', 'two', 'three…');
  const error = await rejects(text, LocalProtocolError, 'ERR_WS_CLOSED');
  assert.equal(own, [error]);
  assert.equal([inbox.unread, inbox.discarded], [0, 2]);
  come('…three');
  inbox.end();
  assert.is(await inbox.receive(), undefined);
});

test('discard counts messages that wait, and a body in somebody’s hands is no end that looks whole', async () => {
  const { inbox, come } = createInbox();
  come('one', 'two', 'three…');
  const one = await take(inbox);
  const chunks = one[Symbol.asyncIterator]();
  inbox.discard();
  inbox.discard();
  assert.equal([inbox.unread, inbox.discarded], [0, 2]);
  await rejects(chunks.next(), LocalProtocolError, 'ERR_WS_CLOSED');
});

test('cancelling the stream of messages discards what was not given; what somebody reads is read on', async () => {
  const { inbox, told, come } = createInbox();
  const reader = inbox.readable.getReader();
  come('one…');
  const one = (await reader.read()).value as StreamedMessage;
  const text = one.text();
  told.length = 0;
  await reader.cancel();
  assert.ok(told.includes('room'));
  come('…one', 'two', 'three…');
  assert.is(await text, 'oneone');
  assert.equal([inbox.unread, inbox.discarded], [0, 2]);
});

test('cancelling the stream discards a message that it holds and that nobody has looked at', async () => {
  const { inbox, come } = createInbox();
  const { readable } = inbox;
  await turns(1);
  come('one…');
  assert.is(inbox.unread, 64 + 67);
  await readable.cancel();
  come('…one…');
  assert.is(inbox.unread, 0);
});

test('nothing has escaped in all of this', async () => {
  await turns();
  assert.equal(seen, []);
});

test.run();
