// One message whose bytes are read as they come: once, in one of several ways, and never cut without a word.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Inbox } from '../../lib/connection/inbox.ts';
import { StreamedMessage } from '../../lib/connection/streamed-message.ts';
import { LimitError } from '../../lib/error.ts';
import { rejects, throws } from '../support/check.ts';
import { turns } from '../support/clock.ts';
import { toBytes } from '../support/frames.ts';
import { hex, join, toHex } from '../support/hex.ts';
import { watchEscapes } from '../support/pair.ts';

const { seen } = watchEscapes();

function createMessage(
  type: 'text' | 'binary' = 'text',
  maxMessageSize = 1000,
): { message: StreamedMessage; inbox: Inbox<Uint8Array>; tooLong: LimitError[]; give: (...texts: string[]) => void } {
  const owner = { inboxHasRoom: () => {}, inboxEndSeen: () => {} };
  const inbox = new Inbox<Uint8Array>(owner, 10_000, (bytes) => 64 + bytes.byteLength);
  const tooLong: LimitError[] = [];
  const settings = { maxMessageSize, tooLong: (error: LimitError) => void tooLong.push(error) };
  const give = (...texts: string[]): void => {
    for (const text of texts) inbox.deliver(toBytes(text));
  };
  return { message: new StreamedMessage(type, inbox, settings), inbox, tooLong, give };
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<string[]> {
  const texts: string[] = [];
  for await (const chunk of chunks) texts.push(new TextDecoder().decode(chunk));
  return texts;
}

/** Every way to read a message, each giving all of it as text. */
const ways: readonly (readonly [string, (message: StreamedMessage) => Promise<string>])[] = [
  ['text()', (message) => message.text()],
  ['bytes()', async (message) => new TextDecoder().decode(await message.bytes())],
  ['json()', async (message) => JSON.stringify(await message.json())],
  ['for await', async (message) => (await collect(message)).join('')],
  ['body', async (message) => (await collect(message.body)).join('')],
];

const test = suite('streamed message');

for (const [name, read] of ways) {
  test(`${name} gives all of a message that has come, and of one that comes while it is read`, async () => {
    const come = createMessage();
    come.give('[1,', '2', ']');
    come.inbox.end();
    assert.is(await read(come.message), '[1,2]');
    const coming = createMessage();
    coming.give('[1,');
    const reading = read(coming.message);
    await turns(2);
    coming.give('2');
    await turns(2);
    coming.give(']');
    coming.inbox.end();
    assert.is(await reading, '[1,2]');
  });

  test(`${name} rejects with the error at the end of the message, behind the bytes before it`, async () => {
    const { message, inbox, give } = createMessage();
    const error = new RangeError('lost');
    give('[1');
    inbox.end(error);
    assert.is(await rejects(read(message), RangeError), error);
  });

  test(`after ${name} a message cannot be read in another way, whether it is being read or was`, async () => {
    const { message, inbox, give } = createMessage();
    assert.not(message.isUsed);
    const reading = read(message);
    assert.ok(message.isUsed);
    for (let round = 0; round < 2; round++) {
      if (name !== 'body') throws(() => message.body, TypeError, /being read, or was/);
      throws(() => message[Symbol.asyncIterator](), TypeError);
      await rejects(message.text(), TypeError);
      await rejects(message.bytes(), TypeError);
      await rejects(message.json(), TypeError);
      give('1');
      inbox.end();
      await reading;
    }
  });

  test(`a message that is cancelled while ${name} reads it rejects with a TypeError: it must not look whole`, async () => {
    const { message, inbox, give } = createMessage();
    give('[1');
    const reading = read(message);
    await turns(2);
    message.cancel();
    give(']');
    inbox.end();
    await rejects(reading, TypeError, /cancelled/);
    assert.is(inbox.unread, 0);
  });

  test(`a whole message that is cancelled while ${name} is in the middle of it rejects too`, async () => {
    const { message, inbox, give } = createMessage();
    give('[1', ',2', ',3', ']');
    inbox.end();
    const reading = read(message);
    message.cancel();
    await rejects(reading, TypeError, /cancelled/);
  });
}

test('an empty message is empty in every way', async () => {
  for (const [name, read] of ways) {
    const { message, inbox } = createMessage();
    inbox.end();
    if (name === 'json()') await rejects(read(message), SyntaxError);
    else assert.is(await read(message), '', name);
  }
});

test('the bytes of small chunks are one array of their own, those of a single one too', async () => {
  const { message, inbox } = createMessage('binary');
  const parts = [hex('00 01'), hex('fe'), new Uint8Array(0), hex('ff')];
  for (const part of parts) inbox.deliver(part);
  inbox.end();
  const bytes = await message.bytes();
  assert.is(toHex(bytes), toHex(join(...parts)));
  assert.is(bytes.constructor, Uint8Array);
});

test('text() of a binary message that is not UTF-8 is a TypeError, json() of no JSON a SyntaxError', async () => {
  const binary = createMessage('binary');
  binary.inbox.deliver(hex('ff fe'));
  binary.inbox.end();
  await rejects(binary.message.text(), TypeError, /UTF-8/);
  const text = createMessage();
  text.give('{');
  text.inbox.end();
  await rejects(text.message.json(), SyntaxError);
});

test('text() keeps a byte order mark, and joins characters that were cut between chunks', async () => {
  const { message, inbox } = createMessage();
  for (const byte of toBytes('\ufeff😀')) inbox.deliver(Uint8Array.of(byte));
  inbox.end();
  assert.is(await message.text(), '\ufeff😀');
});

test('exactly the limit is collected; a byte more is a LimitError, told once, and lets go of what was collected', async () => {
  const exact = createMessage('text', 10);
  exact.give('12345', '67890');
  exact.inbox.end();
  assert.equal([await exact.message.text(), exact.tooLong], ['1234567890', []]);
  const over = createMessage('text', 10);
  over.give('12345', '67890', '1', '2');
  const error = await rejects(over.message.text(), LimitError, 'ERR_WS_MESSAGE_TOO_LONG');
  assert.is((error as LimitError).closeCode, 1009);
  assert.equal(over.tooLong, [error]);
  assert.equal([over.message.collected, over.inbox.unread, over.inbox.isDiscarding], [0, 0, true]);
});

test('what is collected so far is told, and is nobody’s once the message is whole', async () => {
  const { message, inbox, give } = createMessage();
  const text = message.text();
  assert.is(message.collected, 0);
  give('abc');
  await turns(1);
  give('de');
  await turns(1);
  assert.is(message.collected, 5);
  inbox.end();
  await text;
  assert.is(message.collected, 0);
});

test('for await and body have no limit', async () => {
  for (const read of [collect, (message: StreamedMessage) => collect(message.body)]) {
    const { message, inbox, give, tooLong } = createMessage('text', 1);
    give('abc', 'def');
    inbox.end();
    assert.equal([await read(message), tooLong], [['abc', 'def'], []]);
  }
});

test('body is one stream, however often it is asked for; cancelling it discards the rest', async () => {
  const { message, inbox, give } = createMessage();
  const { body } = message;
  assert.is(message.body, body);
  const reader = body.getReader();
  give('abc');
  assert.equal((await reader.read()).value, toBytes('abc'));
  give('def');
  await reader.cancel();
  give('ghi');
  assert.equal([inbox.unread, inbox.isDiscarding], [0, true]);
});

test('leaving a loop over the chunks discards the rest, with break and with an exception', async () => {
  for (const leave of ['break', 'throw']) {
    const { message, inbox, give } = createMessage();
    give('abc', 'def');
    try {
      for await (const chunk of message) {
        assert.equal(chunk, toBytes('abc'));
        if (leave === 'break') break;
        throw new RangeError('enough');
      }
    } catch (error) {
      assert.instance(error, RangeError);
    }
    assert.equal([inbox.unread, inbox.isDiscarding], [0, true]);
  }
});

test('cancel() before anybody has read discards all, can be said again, and excludes the other ways', async () => {
  const { message, inbox, give } = createMessage();
  give('abc');
  message.cancel();
  message.cancel();
  give('def');
  assert.equal([inbox.unread, message.isUsed], [0, true]);
  await rejects(message.text(), TypeError);
  throws(() => message.body, TypeError);
});

test('cancel() behind the end of a message that was read changes nothing', async () => {
  const { message, inbox, give } = createMessage();
  give('abc');
  inbox.end();
  const text = message.text();
  assert.is(await text, 'abc');
  message.cancel();
  assert.is(await text, 'abc');
});

test('nothing has escaped in all of this, although nobody listened to some of it', async () => {
  const { message, inbox } = createMessage();
  void message.text();
  inbox.end(new RangeError('lost'));
  await turns();
  assert.equal(seen, []);
});

test.run();
