// WebSocketStream over a platform's WebSocket: openings, chunks, backpressure by polling, and every way to end. The WebSocket is played by the test.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MOST_UNSENT } from '../../lib/adapter/browser-socket-session.ts';
import { WebSocketStream, type WebSocketStreamOptions } from '../../lib/adapter/browser-web-socket-stream.ts';
import { WebSocketError } from '../../lib/client/web-socket-error.ts';
import { HandshakeError, LimitError } from '../../lib/error.ts';
import { TestClock } from '../../lib/testing/test-clock.ts';
import { domRejects, domThrows, rejects, throws } from '../support/check.ts';
import { FakeWebSocket } from '../support/fake-web-socket.ts';
import { listenersOn } from '../support/left-behind.ts';
import { watch } from '../support/message-streams.ts';
import { watchEscapes } from '../support/pair.ts';
import { turns } from '../support/until.ts';

const { seen } = watchEscapes();
const URL = 'ws://example.com/';
const KIB = 1024;

Object.defineProperty(globalThis, 'WebSocket', { value: FakeWebSocket, configurable: true, writable: true });

async function open(options: WebSocketStreamOptions = {}) {
  const clock = new TestClock();
  const stream = new WebSocketStream(URL, { engineContext: { clock }, ...options });
  const socket = FakeWebSocket.last;
  await socket.open(options.protocols === undefined ? '' : 'beta', 'permessage-deflate');
  const { readable, writable, ...facts } = await stream.opened;
  const [reader, writer] = [readable.getReader(), writable.getWriter()];
  for (const promise of [reader.closed, writer.closed, writer.ready]) promise.catch(() => {});
  return { clock, stream, socket, reader, writer, facts };
}

/** The error that all of an unclean end have. */
async function assertUnclean(
  { stream, reader, writer }: Awaited<ReturnType<typeof open>>,
  code: number,
  reason = '',
): Promise<WebSocketError> {
  const error = (await rejects(stream.closed, WebSocketError)) as WebSocketError;
  assert.equal([error.closeCode, error.reason], [code, reason]);
  assert.is(await rejects(reader.closed, WebSocketError), error);
  assert.is(await rejects(writer.closed, WebSocketError), error);
  return error;
}

// --- Opening ---------------------------------------------------------------------------------------------------------

const opening = suite('WebSocketStream over WebSocket · opening');

opening(
  'the WebSocket gets the URL as it is understood and the protocols; opened tells what was agreed on',
  async () => {
    const stream = new WebSocketStream('https://example.com:443', { protocols: ['alpha', 'beta'] });
    const socket = FakeWebSocket.last;
    assert.is(stream.url, 'wss://example.com/');
    assert.is(socket.url, 'wss://example.com/');
    assert.equal(socket.protocols, ['alpha', 'beta']);
    assert.is(socket.binaryType, 'arraybuffer');
    await socket.open('beta', 'permessage-deflate');
    const { protocol, extensions } = await stream.opened;
    assert.equal([protocol, extensions], ['beta', 'permessage-deflate']);
  },
);

opening('a URL may be relative to that of the page, or of the worker', () => {
  const globals = globalThis as Record<string, unknown>;
  globals['location'] = { href: 'https://example.com/worker/a.js' };
  assert.is(new WebSocketStream('b').url, 'wss://example.com/worker/b');
  globals['document'] = { baseURI: 'http://example.org/base/' };
  assert.is(new WebSocketStream('b').url, 'ws://example.org/base/b');
  assert.is(new WebSocketStream('ws://a/').url, 'ws://a/');
  delete globals['location'];
  delete globals['document'];
  domThrows(() => new WebSocketStream('b'), 'SyntaxError');
});

opening('wrong arguments throw, and no WebSocket is made', () => {
  const { length } = FakeWebSocket.made;
  throws(() => new (WebSocketStream as new () => unknown)(), TypeError);
  domThrows(() => new WebSocketStream('foo:'), 'SyntaxError');
  domThrows(() => new WebSocketStream(`${URL}#`), 'SyntaxError');
  throws(() => new WebSocketStream(URL, { protocols: 'hi' }), TypeError);
  domThrows(() => new WebSocketStream(URL, { protocols: ['a', 'A'] }), 'SyntaxError');
  throws(() => new WebSocketStream(URL, { signal: 1 as never }), TypeError);
  assert.is(FakeWebSocket.made.length, length);
});

opening(
  'a connection that cannot be made rejects both promises; the cause says that it could not be reached',
  async () => {
    const stream = new WebSocketStream(URL);
    const socket = FakeWebSocket.last;
    await socket.end(1006);
    const opened = (await rejects(stream.opened, WebSocketError)) as WebSocketError;
    const closed = (await rejects(stream.closed, WebSocketError)) as WebSocketError;
    assert.equal([opened.closeCode, closed.closeCode], [null, 1006]);
    assert.is.not(opened, closed);
    assert.is((opened.cause as HandshakeError).code, 'ERR_WS_UNREACHABLE');
    assert.instance(opened.cause, HandshakeError);
    assert.is(socket.listening, 0);
  },
);

opening('what the constructor of the platform throws is a connection that cannot be made', async () => {
  const failure = new DOMException('Mixed content', 'SecurityError');
  FakeWebSocket.failure = failure;
  const stream = new WebSocketStream(URL);
  assert.is(((await rejects(stream.opened, WebSocketError)) as WebSocketError).cause, failure);
  await rejects(stream.closed, WebSocketError);
});

opening('a wrong maxQueued is a connection that cannot be made, and no WebSocket is', async () => {
  const { length } = FakeWebSocket.made;
  for (const maxQueued of [0, -1, 1.5, Number.NaN, '5' as never, null as never]) {
    const stream = new WebSocketStream(URL, { maxQueued });
    assert.instance(((await rejects(stream.opened, WebSocketError)) as WebSocketError).cause, RangeError);
  }
  assert.is(FakeWebSocket.made.length, length);
});

opening('close before it is open closes the WebSocket, whatever it says afterwards', async () => {
  const stream = new WebSocketStream(URL);
  const socket = FakeWebSocket.last;
  stream.close({ closeCode: 3000, reason: 'r' });
  assert.equal(socket.closings, [{ code: undefined, reason: undefined }]);
  assert.is(((await rejects(stream.opened, WebSocketError)) as WebSocketError).closeCode, null);
  assert.is(((await rejects(stream.closed, WebSocketError)) as WebSocketError).closeCode, 1006);
  await socket.end(1006);
  assert.is(socket.listening, 0);
});

opening('a signal ends the attempt with its reason; one that was aborted before, without a WebSocket', async () => {
  const controller = new AbortController();
  const stream = new WebSocketStream(URL, { signal: controller.signal });
  const socket = FakeWebSocket.last;
  const reason = new Error('mine');
  controller.abort(reason);
  assert.is(await rejects(stream.opened, Error), reason);
  assert.is(await rejects(stream.closed, Error), reason);
  assert.is(socket.closings.length, 1);
  await socket.end(1006);
  const { length } = FakeWebSocket.made;
  const never = new WebSocketStream(URL, { signal: controller.signal });
  assert.is(await rejects(never.opened, Error), reason);
  assert.is(FakeWebSocket.made.length, length);
});

opening('a signal does nothing when it is open, and nothing listens to it', async () => {
  const controller = new AbortController();
  const { socket, reader } = await open({ signal: controller.signal });
  assert.is(listenersOn(controller.signal), 0);
  controller.abort();
  socket.say('still here');
  assert.is((await reader.read()).value, 'still here');
  assert.equal(socket.closings, []);
});

opening('the members refuse another receiver: a promise rejects, all else throws', async () => {
  const { prototype } = WebSocketStream;
  const get = (name: string): unknown => Reflect.get(prototype, name, {});
  await rejects(get('opened') as Promise<unknown>, TypeError);
  await rejects(get('closed') as Promise<unknown>, TypeError);
  throws(() => get('url'), TypeError);
  throws(() => prototype.close.call({} as never), TypeError);
});

opening.run();

// --- Messages --------------------------------------------------------------------------------------------------------

const messages = suite('WebSocketStream over WebSocket · messages');

messages('a text is a string, an ArrayBuffer a Uint8Array; they keep their order', async () => {
  const { socket, reader } = await open();
  for (const data of ['a', Uint8Array.of(1, 2).buffer, '', new ArrayBuffer(0)]) socket.say(data);
  const values: unknown[] = [];
  for (let index = 0; index < 4; index++) values.push((await reader.read()).value);
  assert.equal(values, ['a', Uint8Array.of(1, 2), '', new Uint8Array(0)]);
});

messages('a message that comes in the turn of the opening is not lost', async () => {
  const stream = new WebSocketStream(URL);
  const socket = FakeWebSocket.last;
  void socket.open();
  socket.say('first');
  const { readable } = await stream.opened;
  assert.is((await readable.getReader().read()).value, 'first');
});

messages('bytes are copied when they are written, all else is its string', async () => {
  const { socket, writer } = await open();
  const bytes = Uint8Array.of(1, 2, 3);
  const written = writer.write(bytes);
  bytes.fill(9);
  await written;
  for (const chunk of ['é', new DataView(bytes.buffer, 1), null, 5] as never[]) await writer.write(chunk);
  assert.equal(socket.sent.length, 5);
  assert.equal(socket.sent.slice(1), ['é', Uint8Array.of(9, 9), 'null', '5']);
});

messages('what cannot be a message refuses the write, and nothing is sent', async () => {
  const { socket, writer } = await open();
  await rejects(writer.write(Symbol('x') as never), TypeError);
  assert.equal(socket.sent, []);
  assert.is(socket.closings.length, 0);
});

messages.run();

// --- Writes that wait ------------------------------------------------------------------------------------------------

const waiting = suite('WebSocketStream over WebSocket · writes that wait');

waiting('a write fulfils at once while little waits, and sets no timer', async () => {
  const { clock, socket, writer } = await open();
  socket.isBlocked = true;
  await writer.write(new Uint8Array(MOST_UNSENT));
  assert.is(socket.bufferedAmount, MOST_UNSENT);
  assert.is(clock.pending, 0);
});

waiting('a write waits until no more than the mark is unsent; the looks at it become rarer', async () => {
  const { clock, socket, writer } = await open();
  socket.isBlocked = true;
  const written = watch(writer.write(new Uint8Array(MOST_UNSENT + 1)));
  await turns(4);
  const waits: number[] = [];
  for (let look = 0; look < 10; look++) {
    assert.is(clock.pending, 1, 'one timer at a time');
    waits.push(clock.next as number);
    await clock.turn(clock.next as number);
    assert.is(written.is, 'pending');
  }
  assert.equal(waits, [1, 2, 4, 8, 16, 32, 64, 64, 64, 64]);
  assert.is(writer.desiredSize, 0);
  socket.bufferedAmount = MOST_UNSENT;
  await clock.turn(63);
  assert.is(written.is, 'pending');
  await clock.turn(1);
  assert.is(written.is, 'fulfilled');
  assert.is(clock.pending, 0);
});

waiting('the next write begins with short waits again, and goes out only then', async () => {
  const { clock, socket, writer } = await open();
  socket.isBlocked = true;
  const writes = ['first', 'second'].map(() => writer.write(new Uint8Array(MOST_UNSENT + 1)));
  await clock.turn(500);
  assert.is(socket.sent.length, 1);
  socket.bufferedAmount = 0;
  await clock.turn(clock.next as number);
  await writes[0];
  assert.is(socket.sent.length, 2);
  assert.is(clock.next, 1);
  socket.bufferedAmount = 0;
  await clock.turn(1);
  await writes[1];
});

waiting(
  'close with a write that waits: the close is behind it, and the write still fulfils when there is room',
  async () => {
    const { clock, stream, socket, writer } = await open();
    socket.isBlocked = true;
    const written = watch(writer.write(new Uint8Array(2 * MOST_UNSENT)));
    await turns(2);
    stream.close({ closeCode: 3000 });
    assert.equal(socket.closings, [{ code: 3000, reason: '' }]);
    await clock.turn(10);
    assert.is(written.is, 'pending');
    socket.bufferedAmount = 0;
    await clock.turn(64);
    assert.is(written.is, 'fulfilled');
    await socket.end(3000);
    assert.equal(await stream.closed, { closeCode: 3000, reason: '' });
  },
);

waiting(
  'close with a write that waits, and the peer answers before anybody has looked: all was sent, the end is clean',
  async () => {
    const { clock, stream, socket, writer } = await open();
    socket.isBlocked = true;
    const written = watch(writer.write(new Uint8Array(2 * MOST_UNSENT)));
    await turns(2);
    stream.close({ closeCode: 3000 });
    socket.bufferedAmount = 0;
    await socket.end(3000);
    assert.is(written.is, 'fulfilled');
    assert.equal(await stream.closed, { closeCode: 3000, reason: '' });
    assert.is(clock.pending, 0, 'nothing polls any more');
  },
);

waiting('the peer closes while a write waits: the write rejects, and the end is not clean', async () => {
  const it = await open();
  it.socket.isBlocked = true;
  const written = it.writer.write(new Uint8Array(2 * MOST_UNSENT));
  written.catch(() => {});
  await turns(2);
  await it.socket.end(4001, 'enough', true);
  await domRejects(written, 'InvalidStateError');
  const error = (await rejects(it.stream.closed, WebSocketError)) as WebSocketError;
  assert.equal([error.closeCode, error.reason], [4001, 'enough']);
  assert.is(it.clock.pending, 0, 'nothing polls any more');
  assert.is(it.socket.listening, 0);
});

waiting(
  'the peer’s close frame is noticed while a write waits: the write rejects before the connection has ended',
  async () => {
    const { clock, stream, socket, writer } = await open();
    socket.isBlocked = true;
    const written = writer.write(new Uint8Array(2 * MOST_UNSENT));
    written.catch(() => {});
    await turns(2);
    socket.readyState = 2;
    await clock.turn(1);
    await domRejects(written, 'InvalidStateError');
    assert.is(clock.pending, 0);
    // Whatever was sent in the end.
    socket.bufferedAmount = 0;
    await socket.end(4001, 'enough', true);
    assert.is(((await rejects(stream.closed, WebSocketError)) as WebSocketError).closeCode, 4001);
  },
);

waiting('abort with a write that waits refuses it at once, and closes with what the error says', async () => {
  const { clock, socket, writer, stream } = await open();
  socket.isBlocked = true;
  const written = writer.write(new Uint8Array(2 * MOST_UNSENT));
  written.catch(() => {});
  await turns(2);
  const reason = new WebSocketError('', { closeCode: 3333, reason: 'why' });
  const aborted = writer.abort(reason);
  assert.is(await rejects(written, WebSocketError), reason);
  await aborted;
  assert.equal(socket.closings, [{ code: 3333, reason: 'why' }]);
  socket.bufferedAmount = 0;
  await clock.turn(64);
  await socket.end(3333, 'why');
  await stream.closed;
  assert.is(clock.pending, 0);
});

waiting(
  'a write when the peer has begun to close is dropped, as the draft has it, and the end stays clean',
  async () => {
    const { socket, writer, stream } = await open();
    socket.readyState = 2;
    await writer.write('too late');
    assert.equal(socket.sent, []);
    await socket.end(1000);
    assert.is((await stream.closed).closeCode, 1000);
  },
);

waiting.run();

// --- Messages that wait ----------------------------------------------------------------------------------------------

const unread = suite('WebSocketStream over WebSocket · messages that wait');

unread(
  'beyond maxQueued it is closed with 4009; what came before is read first, and then all have the error',
  async () => {
    const it = await open({ maxQueued: 10 * KIB });
    // One is fetched ahead, 9 wait with 64 bytes each beside them, the next is too much.
    for (let index = 0; index < 11; index++) {
      it.socket.say(new Uint8Array(KIB).fill(index).buffer);
      await turns(1);
    }
    assert.equal(it.socket.closings, [{ code: 4009, reason: 'Too much waits unread' }]);
    it.socket.say('behind it');
    for (let index = 0; index < 10; index++) assert.is(((await it.reader.read()).value as Uint8Array)[0], index);
    const error = await assertUnclean(it, 1006);
    assert.instance(error.cause, LimitError);
    assert.equal([(error.cause as LimitError).code, (error.cause as LimitError).closeCode], ['ERR_WS_UNREAD', 4009]);
    assert.is(await rejects(it.reader.read(), WebSocketError), error);
    await it.socket.end(4009, '', true);
    assert.is(it.socket.listening, 0);
  },
);

unread('a write that waits rejects when it is closed so, and nothing polls any more', async () => {
  const it = await open({ maxQueued: 100 });
  it.socket.isBlocked = true;
  const written = it.writer.write(new Uint8Array(2 * MOST_UNSENT));
  written.catch(() => {});
  for (let index = 0; index < 4; index++) it.socket.say('x'.repeat(20));
  const error = await rejects(it.stream.closed, WebSocketError);
  assert.is(await rejects(written, WebSocketError), error);
  assert.is(it.clock.pending, 0);
});

unread('empty messages are not free', async () => {
  const it = await open({ maxQueued: 64 * 100 });
  for (let index = 0; index < 200; index++) it.socket.say('');
  await turns(4);
  assert.is(it.socket.closings.length, 1);
});

unread('a text counts two bytes for a code unit', async () => {
  const it = await open({ maxQueued: 2 * (64 + 2 * 100) });
  for (let index = 0; index < 3; index++) {
    it.socket.say('x'.repeat(100));
    await turns(1);
  }
  assert.is(it.socket.closings.length, 0);
  it.socket.say('');
  assert.is(it.socket.closings.length, 1);
});

unread('a single message may be longer than maxQueued, and a page that reads may get any number', async () => {
  const { socket, reader } = await open({ maxQueued: KIB });
  for (let index = 0; index < 50; index++) {
    socket.say(new ArrayBuffer(100 * KIB));
    assert.is(((await reader.read()).value as Uint8Array).byteLength, 100 * KIB);
  }
  await turns(2);
  socket.say('fetched ahead');
  await turns(2);
  socket.say(new ArrayBuffer(100 * KIB));
  assert.equal(socket.closings, []);
});

unread('64 MiB may wait where nothing is said of it, and any number with Infinity', async () => {
  const chunk = new ArrayBuffer(1024 * KIB);
  for (const [maxQueued, isClosed] of [
    [undefined, true],
    [Number.POSITIVE_INFINITY, false],
  ] as const) {
    const { socket, reader } = await open(maxQueued === undefined ? {} : { maxQueued });
    for (let index = 0; index < 64; index++) socket.say(chunk);
    await turns(1);
    assert.is(socket.closings.length, 0);
    for (let index = 0; index < 3; index++) socket.say(chunk);
    assert.is(socket.closings.length > 0, isClosed);
    void reader.cancel();
    await socket.end(1006);
  }
});

unread('when the readable is cancelled what waits is let go of, and what still comes is thrown away', async () => {
  const { socket, reader, stream } = await open({ maxQueued: KIB });
  await reader.cancel();
  for (let index = 0; index < 100; index++) socket.say(new ArrayBuffer(KIB));
  assert.equal(socket.closings, [{ code: undefined, reason: undefined }]);
  await socket.end(1005);
  assert.equal(await stream.closed, { closeCode: 1005, reason: '' });
});

unread.run();

// --- The end ---------------------------------------------------------------------------------------------------------

const ending = suite('WebSocketStream over WebSocket · the end');

ending('a clean end: closed fulfils, the readable closes behind what has come, the writable is errored', async () => {
  const { socket, stream, reader, writer } = await open();
  for (const text of ['a', 'b', 'c']) socket.say(text);
  await socket.end(3001, 'done');
  assert.equal(await stream.closed, { closeCode: 3001, reason: 'done' });
  for (const text of ['a', 'b', 'c']) assert.is((await reader.read()).value, text);
  assert.is((await reader.read()).done, true);
  await domRejects(writer.closed, 'InvalidStateError');
  assert.is(socket.listening, 0);
});

ending('an end that is not clean: one error for closed, readable and writable', async () => {
  const it = await open();
  await it.socket.end(1006);
  await assertUnclean(it, 1006);
  const other = await open();
  await other.socket.end(1011, 'oops', false);
  await domRejects(other.writer.closed, 'InvalidStateError');
  assert.is(((await rejects(other.stream.closed, WebSocketError)) as WebSocketError).closeCode, 1011);
});

ending('close says what it is told to, once', async () => {
  for (const [info, said] of [
    [undefined, { code: undefined, reason: undefined }],
    [{ closeCode: 4999 }, { code: 4999, reason: '' }],
    [{ reason: 'bye' }, { code: 1000, reason: 'bye' }],
  ] as const) {
    const { stream, socket } = await open();
    stream.close(info);
    stream.close({ closeCode: 3000 });
    assert.equal(socket.closings, [said]);
    await socket.end(1000);
  }
});

ending('wrong close infos throw, and nothing is closed', async () => {
  const { stream, socket } = await open();
  domThrows(() => stream.close({ closeCode: 1001 }), 'InvalidAccessError');
  domThrows(() => stream.close({ reason: 'x'.repeat(124) }), 'SyntaxError');
  throws(() => stream.close({ closeCode: 65_536 }), TypeError);
  throws(() => stream.close(true as never), TypeError);
  assert.equal(socket.closings, []);
});

ending('what comes behind our close is given to nobody, and closed tells what the peer says', async () => {
  const { stream, socket, reader } = await open();
  socket.say('before');
  await turns(2);
  stream.close({ closeCode: 3000 });
  socket.say('behind');
  await socket.end(4000, 'mine');
  assert.equal(await stream.closed, { closeCode: 4000, reason: 'mine' });
  assert.is((await reader.read()).value, 'before');
  assert.is((await reader.read()).done, true);
});

ending('closing the writer fulfils when the connection has ended cleanly, and rejects when not', async () => {
  const clean = await open();
  const done = watch(clean.writer.close());
  await turns(4);
  assert.is(done.is, 'pending');
  await clean.socket.end(1005);
  assert.is(done.is, 'fulfilled');
  const lost = await open();
  const failed = lost.writer.close();
  failed.catch(() => {});
  await lost.socket.end(1006);
  await rejects(failed, WebSocketError);
});

ending('nothing happens behind the end', async () => {
  const { stream, socket, clock } = await open();
  await socket.end(1000);
  socket.say('late');
  stream.close({ closeCode: 3000 });
  await socket.end(1006);
  assert.equal(await stream.closed, { closeCode: 1000, reason: '' });
  assert.equal(socket.closings, []);
  assert.is(clock.pending, 0);
});

ending('no error has escaped', async () => {
  await turns(8);
  assert.equal(seen, []);
});

ending.run();
