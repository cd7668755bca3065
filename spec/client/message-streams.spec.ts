// The two streams of an open WebSocketStream over a session in memory, the server played by hand: chunks, backpressure, and every way in which they end.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MessageStreams } from '../../lib/client/message-streams.ts';
import { WebSocketError } from '../../lib/client/web-socket-error.ts';
import { defaultLimits } from '../../lib/limits.ts';
import { domRejects, rejects } from '../support/check.ts';
import { turns } from '../support/clock.ts';
import { ByHand, closePayload, type JobSettings, unmasked, watchEscapes } from '../support/pair.ts';

const { seen } = watchEscapes();
const TEXT = 0x81;
const BINARY = 0x82;
const CLOSE = 0x88;
const { closeTimeout, queueSize } = defaultLimits;

interface Opened {
  readonly peer: ByHand;
  readonly streams: MessageStreams;
  readonly writer: WritableStreamDefaultWriter<unknown>;
  readonly reader: ReadableStreamDefaultReader<string | Uint8Array>;
}

function open(settings: JobSettings = {}): Opened {
  const peer = new ByHand({ role: 'client', ...settings });
  const streams = new MessageStreams(peer.job.session);
  const writer = streams.writable.getWriter();
  const reader = streams.readable.getReader();
  for (const closed of [writer.closed, writer.ready, reader.closed]) closed.catch(() => {});
  return { peer, streams, writer, reader };
}

type State = { value: unknown; error: unknown; is: 'pending' | 'fulfilled' | 'rejected' };

/** What has become of a promise so far. */
function watch(promise: Promise<unknown>): State {
  const state: State = { is: 'pending', value: undefined, error: undefined };
  promise.then(
    (value) => Object.assign(state, { is: 'fulfilled', value }),
    (error) => Object.assign(state, { is: 'rejected', error }),
  );
  return state;
}

/** The server closes, or answers a close, and ends. */
async function closeAsServer(peer: ByHand, code?: number, reason = ''): Promise<void> {
  await peer.send(unmasked(CLOSE, code === undefined ? '' : closePayload(code, reason)));
  await peer.end();
}

const BIG = new Uint8Array(4 * queueSize);

// --- Chunks ----------------------------------------------------------------------------------------------------------

const chunks = suite('message streams · chunks');

chunks('a text message is a string, a binary one a Uint8Array with a buffer of its own', async () => {
  const { peer, reader } = open();
  await peer.send(Buffer.concat([unmasked(TEXT, 'é'), unmasked(BINARY, Uint8Array.of(1, 2)), unmasked(BINARY)]));
  assert.equal(await reader.read(), { done: false, value: 'é' });
  for (const expected of [[1, 2], []]) {
    const value = (await reader.read()).value as Uint8Array;
    assert.is(value.constructor, Uint8Array);
    assert.equal([...value], expected);
    assert.is(value.buffer.byteLength, expected.length);
  }
});

chunks('bytes go out as binary, all else as text: what it is as a string', async () => {
  const { peer, writer } = open();
  const { buffer } = Uint8Array.of(0xaa, 0xbb, 0xcc, 0xdd);
  const sent = [buffer, new DataView(buffer, 1, 1), new Uint16Array(buffer, 2), 'a', '', '\ud800', null, undefined, 5];
  for (const chunk of [...sent, {}, [1, 2], true, { toString: () => 'own' }]) await writer.write(chunk);
  await turns();
  assert.equal(peer.wire, [
    'binary aabbccdd',
    'binary bb',
    'binary ccdd',
    'text "a"',
    'text ""',
    'text "\ufffd"',
    'text "null"',
    'text "undefined"',
    'text "5"',
    'text "[object Object]"',
    'text "1,2"',
    'text "true"',
    'text "own"',
  ]);
});

chunks('bytes are copied when they are written: they may be changed at once', async () => {
  const { peer, writer } = open();
  const bytes = Uint8Array.of(1, 2, 3);
  const written = writer.write(bytes);
  await written;
  bytes.fill(0xff);
  await turns();
  assert.equal(peer.wire, ['binary 010203']);
});

chunks('what cannot be a message refuses the write and errors the writable, and the connection goes on', async () => {
  const cannot = {
    toString(): unknown {
      return this;
    },
  };
  const resizable = new (ArrayBuffer as new (size: number, options: object) => ArrayBuffer)(8, { maxByteLength: 16 });
  const thrown = new Error('own');
  const throwing = {
    toString: () => {
      throw thrown;
    },
  };
  for (const chunk of [cannot, resizable, new Uint8Array(resizable), new SharedArrayBuffer(1), Symbol('x'), throwing]) {
    const { peer, writer, reader } = open();
    const error = await rejects(writer.write(chunk), chunk === throwing ? Error : TypeError);
    if (chunk === throwing) assert.is(error, thrown);
    assert.is(await rejects(writer.write('next'), Error), error);
    await peer.send(unmasked(TEXT, 'still here'));
    assert.is((await reader.read()).value, 'still here');
    assert.equal(peer.wire, []);
  }
});

chunks.run();

// --- Backpressure ----------------------------------------------------------------------------------------------------

const flow = suite('message streams · backpressure');

flow('one message is fetched before it is asked for, no more', async () => {
  const { peer, reader } = open();
  for (const text of ['a', 'b', 'c']) await peer.send(unmasked(TEXT, text));
  const { session } = peer.job;
  assert.is(session.counters.messagesReceived, 3);
  assert.is(session.counters.unread, 2 * 65, 'two wait in the session');
  await reader.read();
  await turns();
  assert.is(session.counters.unread, 65);
});

flow('while nobody reads the transport is not read beyond the queue and the look-ahead', async () => {
  const { peer, reader } = open();
  const message = unmasked(BINARY, new Uint8Array(16 * 1024));
  let sent = 0;
  for (let pulls = -1; pulls !== peer.pulls && sent < 100; sent++) {
    pulls = peer.pulls;
    await peer.send(message);
  }
  assert.ok(sent < 12, `${sent} messages of 16 KiB were taken`);
  const { pulls } = peer;
  for (let read = 0; read < sent; read++) assert.is((await reader.read()).value?.length, 16 * 1024);
  await turns();
  assert.ok(peer.pulls > pulls, 'it is read again');
});

flow('a write fulfils when there is room for more, and one more may wait behind it', async () => {
  const { peer, writer } = open();
  assert.is(writer.desiredSize, 1);
  peer.block();
  const small = watch(writer.write('small'));
  await turns();
  assert.is(small.is, 'fulfilled', 'there is room in the queue');
  const big = watch(writer.write(BIG));
  await turns();
  assert.is(big.is, 'pending');
  assert.is(writer.desiredSize, 0);
  const next = watch(writer.write('next'));
  await turns(50);
  assert.is(big.is, 'pending');
  await peer.unblock();
  await turns(50);
  assert.equal([big.is, next.is, writer.desiredSize], ['fulfilled', 'fulfilled', 1]);
});

flow.run();

// --- The server closes -----------------------------------------------------------------------------------------------

const remote = suite('message streams · the server closes');

remote('cleanly: closed tells code and reason, the readable closes, the writable is an InvalidStateError', async () => {
  for (const [code, reason, reported] of [
    [1000, '', 1000],
    [undefined, '', 1005],
    [4000, 'ロボット', 4000],
    [1001, 'going', 1001],
  ] as const) {
    const { peer, streams, writer, reader } = open();
    const read = reader.read();
    await closeAsServer(peer, code, reason);
    assert.equal(await streams.closed, { closeCode: reported, reason });
    assert.equal(await read, { done: true, value: undefined });
    await reader.closed;
    const error = await domRejects(writer.write('x'), 'InvalidStateError');
    assert.is(await domRejects(writer.closed, 'InvalidStateError'), error);
    assert.is(await domRejects(writer.ready, 'InvalidStateError'), error);
    assert.equal(peer.wire, [code === undefined ? 'close' : `close ${code} ""`], 'it is answered as it is');
  }
});

remote('what came before the close frame stays readable, then the readable closes', async () => {
  const { peer, streams, reader } = open();
  for (const text of ['a', 'b', 'c']) await peer.send(unmasked(TEXT, text));
  await closeAsServer(peer, 1000);
  const read: unknown[] = [];
  for (let next = await reader.read(); !next.done; next = await reader.read()) read.push(next.value);
  assert.equal(read, ['a', 'b', 'c']);
  assert.equal(await streams.closed, { closeCode: 1000, reason: '' });
});

remote(
  'nobody reads what came before: its close frame is answered all the same, and what came stays readable',
  async () => {
    const { peer, streams, reader } = open();
    for (const text of ['a', 'b', 'c']) await peer.send(unmasked(TEXT, text));
    await peer.send(unmasked(CLOSE, closePayload(1000)));
    assert.equal(peer.wire, ['close 1000 ""']);
    await peer.end();
    assert.equal(await streams.closed, { closeCode: 1000, reason: '' });
    const read: unknown[] = [];
    for (let next = await reader.read(); !next.done; next = await reader.read()) read.push(next.value);
    assert.equal(read, ['a', 'b', 'c']);
  },
);

remote('what is written behind its close frame is an InvalidStateError at once', async () => {
  const { peer, streams, writer } = open();
  await peer.send(unmasked(CLOSE, closePayload(1000)));
  await domRejects(writer.write('too late'), 'InvalidStateError');
  assert.equal(peer.wire, ['close 1000 ""']);
  await peer.end();
  assert.equal(await streams.closed, { closeCode: 1000, reason: '' });
});

remote('while a write waits for room: unclean, with the code received; the write is an InvalidStateError', async () => {
  const { peer, streams, writer, reader } = open();
  peer.block();
  const big = watch(writer.write(BIG));
  const next = watch(writer.write('next'));
  const read = watch(reader.read());
  await turns();
  await peer.send(unmasked(CLOSE, closePayload(4567, 'enough')));
  assert.is(big.is, 'rejected', 'at once');
  assert.is((big.error as DOMException).name, 'InvalidStateError');
  assert.is(next.error, big.error);
  assert.is(await domRejects(writer.write('word'), 'InvalidStateError'), big.error);
  await peer.unblock();
  await peer.end();
  const error = (await rejects(streams.closed, WebSocketError)) as WebSocketError;
  assert.equal([error.closeCode, error.reason], [4567, 'enough']);
  await turns();
  assert.is(read.error, error, 'the readable has the same');
});

remote('replies that were written when its close frame came, and had room, still go out: that is clean', async () => {
  const { peer, streams, writer } = open();
  peer.block();
  await writer.write('reply');
  await peer.send(unmasked(CLOSE, closePayload(1000)));
  await peer.unblock();
  await peer.end();
  assert.equal(await streams.closed, { closeCode: 1000, reason: '' });
  assert.equal(peer.wire, ['text "reply"', 'close 1000 ""']);
});

remote.run();

// --- The connection is lost ------------------------------------------------------------------------------------------

const lost = suite('message streams · the connection is lost');

lost('one WebSocketError with 1006 is the error of closed and of both streams', async () => {
  const { peer, streams, writer, reader } = open();
  await peer.end();
  const error = (await rejects(streams.closed, WebSocketError)) as WebSocketError;
  assert.equal([error.name, error.closeCode, error.reason], ['WebSocketError', 1006, '']);
  assert.is((error.cause as { code?: string }).code, 'ERR_WS_CONNECTION_LOST');
  for (const promise of [reader.read(), reader.closed, writer.write('x'), writer.closed, writer.ready])
    assert.is(await rejects(promise, WebSocketError), error);
});

lost('a write that waits for room has the same error', async () => {
  const { peer, streams, writer } = open();
  peer.block();
  const big = watch(writer.write(BIG));
  const next = watch(writer.write('next'));
  await turns();
  await peer.fail(new Error('reset'));
  await peer.clock.turn(closeTimeout);
  await peer.unblock();
  const error = await rejects(streams.closed, WebSocketError);
  await turns();
  assert.is(big.error, error);
  assert.is(next.error, error);
});

lost('what came before is read first, then the error', async () => {
  const { peer, streams, reader } = open();
  for (const text of ['a', 'b', 'c']) await peer.send(unmasked(TEXT, text));
  await peer.end();
  const error = await rejects(streams.closed, WebSocketError);
  for (const text of ['a', 'b', 'c']) assert.is((await reader.read()).value, text);
  assert.is(await rejects(reader.read(), WebSocketError), error);
});

lost('a server that breaks the protocol: 1006, the fault is the cause, and the server is told 1002', async () => {
  const { peer, streams } = open();
  await peer.send('83 00');
  await peer.end();
  const error = (await rejects(streams.closed, WebSocketError)) as WebSocketError;
  assert.is(error.closeCode, 1006);
  assert.is((error.cause as { code?: string }).code, 'ERR_WS_UNKNOWN_OPCODE');
  assert.match(peer.wire[0] ?? '', /^close 1002 /);
});

lost.run();

// --- This side closes ------------------------------------------------------------------------------------------------

const local = suite('message streams · this side closes');

local('with a code and a reason, behind what was written; what the server answers is told', async () => {
  const { peer, streams, writer, reader } = open();
  await writer.write('last words');
  streams.close({ closeCode: 3456, reason: 'pizza' });
  streams.close({ closeCode: 3457, reason: 'again' });
  await turns();
  assert.equal(peer.wire, ['text "last words"', 'close 3456 "pizza"']);
  await closeAsServer(peer, 4222, 'remote');
  assert.equal(await streams.closed, { closeCode: 4222, reason: 'remote' });
  assert.is((await reader.read()).done, true);
  await domRejects(writer.closed, 'InvalidStateError');
});

local('with neither the close frame is empty; with a code alone it has no reason', async () => {
  for (const [closeCode, expected] of [
    [undefined, 'close'],
    [1000, 'close 1000 ""'],
  ] as const) {
    const { peer, streams } = open();
    streams.close({ closeCode, reason: '' });
    await turns();
    assert.equal(peer.wire, [expected]);
    await closeAsServer(peer);
    assert.equal(await streams.closed, { closeCode: 1005, reason: '' });
  }
});

local('the server ends without answering: unclean, 1006', async () => {
  const { peer, streams } = open();
  streams.close({ closeCode: 4000, reason: 'because' });
  await peer.end();
  const error = (await rejects(streams.closed, WebSocketError)) as WebSocketError;
  assert.is(error.closeCode, 1006);
});

local('the server never answers: after the close time-out unclean, 1006', async () => {
  const { peer, streams } = open();
  streams.close({ closeCode: 4000, reason: 'because' });
  await turns();
  await peer.clock.turn(closeTimeout);
  const error = (await rejects(streams.closed, WebSocketError)) as WebSocketError;
  assert.is(error.closeCode, 1006);
  assert.is((error.cause as { code?: string }).code, 'ERR_WS_CLOSE_TIMEOUT');
});

local('closing the writable sends an empty close frame, and fulfils only when the handshake has ended', async () => {
  const { peer, streams, writer } = open();
  void writer.write('last words');
  const closing = watch(writer.close());
  await turns();
  assert.equal(peer.wire, ['text "last words"', 'close']);
  assert.is(closing.is, 'pending');
  await peer.send(unmasked(CLOSE));
  assert.is(closing.is, 'pending', 'the transport is still there');
  await peer.end();
  assert.equal(await streams.closed, { closeCode: 1005, reason: '' });
  await writer.closed;
  assert.is(closing.is, 'fulfilled');
});

local('closing the writable rejects with the WebSocketError when the handshake does not end well', async () => {
  const { peer, streams, writer } = open();
  const closing = watch(writer.close());
  await turns();
  await peer.end();
  const error = await rejects(streams.closed, WebSocketError);
  await turns();
  assert.is(closing.error, error);
  assert.is(await rejects(writer.closed, WebSocketError), error);
});

local('aborting the writable and cancelling the readable close with what a WebSocketError says', async () => {
  const exception = Object.assign(new DOMException('yes', 'DataCloneError'), { closeCode: 1000, reason: 'ignored' });
  const reasons: readonly [unknown, string][] = [
    [undefined, 'close'],
    [{ closeCode: 3333, reason: 'obsolete' }, 'close'],
    [exception, 'close'],
    [new WebSocketError('only a message'), 'close'],
    [new WebSocketError('', { closeCode: 3333 }), 'close 3333 ""'],
    [new WebSocketError('', { closeCode: 3456, reason: 'set' }), 'close 3456 "set"'],
    [new WebSocketError('', { reason: 'specified' }), 'close 1000 "specified"'],
  ];
  for (const way of ['abort', 'cancel'] as const) {
    for (const [reason, expected] of reasons) {
      const { peer, streams, writer, reader } = open();
      await (way === 'abort' ? writer.abort(reason) : reader.cancel(reason));
      await turns();
      assert.equal(peer.wire, [expected], `${way} ${String(reason)}`);
      await closeAsServer(peer, 3000, 'bye');
      assert.equal(await streams.closed, { closeCode: 3000, reason: 'bye' });
    }
  }
});

local('aborting with the error of another connection, whose code may not be sent, closes with none', async () => {
  const other = open();
  await other.peer.end();
  const error = await rejects(other.streams.closed, WebSocketError);
  const { peer, writer } = open();
  void writer.abort(error);
  await turns();
  assert.equal(peer.wire, ['close']);
});

local('aborting while a write waits for room refuses the writes at once with the reason', async () => {
  const { peer, streams, writer } = open();
  peer.block();
  const big = watch(writer.write(BIG));
  const next = watch(writer.write('next'));
  await turns();
  const aborted = watch(writer.abort('enough'));
  await turns();
  assert.equal([big.is, next.is, aborted.is], ['rejected', 'rejected', 'fulfilled']);
  assert.equal([big.error, next.error], ['enough', 'enough']);
  await peer.unblock();
  await turns(50);
  assert.is(peer.wire.at(-1), 'close', 'behind the message that had begun');
  await closeAsServer(peer);
  assert.equal(await streams.closed, { closeCode: 1005, reason: '' });
});

const ways: readonly [string, (opened: Opened) => unknown][] = [
  ['close()', ({ streams }) => streams.close({ closeCode: undefined, reason: '' })],
  ['closing the writable', ({ writer }) => writer.close()],
  ['aborting the writable', ({ writer }) => writer.abort()],
  ['cancelling the readable', ({ reader }) => reader.cancel()],
];

for (const [name, close] of ways) {
  local(`behind ${name} no message is given, and however much still comes, the close frame is found`, async () => {
    const opened = open();
    const { peer, streams, reader } = opened;
    for (const text of ['fetched', 'waiting']) await peer.send(unmasked(TEXT, text));
    void close(opened);
    for (let count = 0; count < 20; count++) await peer.send(unmasked(BINARY, new Uint8Array(64 * 1024 - 100)));
    await closeAsServer(peer);
    assert.equal(await streams.closed, { closeCode: 1005, reason: '' });
    if (close !== ways.at(-1)?.[1]) assert.is((await reader.read()).value, 'fetched');
    assert.is((await reader.read()).done, true);
  });
}

local('a message that is asked for when it closes is not given either: the read ends with the connection', async () => {
  const { peer, streams, reader } = open();
  const read = watch(reader.read());
  streams.close({ closeCode: undefined, reason: '' });
  await peer.send(unmasked(TEXT, 'too late'));
  assert.is(read.is, 'pending');
  await closeAsServer(peer);
  await streams.closed;
  await turns();
  assert.equal(read.value, { done: true, value: undefined });
});

local('cancelling what is left of a connection that is lost changes nothing', async () => {
  const { peer, streams, reader } = open();
  for (const text of ['a', 'b', 'c']) await peer.send(unmasked(TEXT, text));
  await peer.end();
  await rejects(streams.closed, WebSocketError);
  await reader.cancel();
  assert.is((await reader.read()).done, true);
});

local('what is written behind a close is dropped', async () => {
  const { peer, streams, writer } = open();
  streams.close({ closeCode: undefined, reason: '' });
  await writer.write('too late');
  await closeAsServer(peer);
  await streams.closed;
  assert.equal(peer.wire, ['close']);
});

local('a close when the peer has closed does nothing: its close frame was answered', async () => {
  const { peer, streams } = open();
  await peer.send(unmasked(CLOSE, closePayload(4222, 'remote')));
  streams.close({ closeCode: 4111, reason: 'local' });
  await turns();
  assert.equal(peer.wire, ['close 4222 ""']);
  await peer.end();
  assert.equal(await streams.closed, { closeCode: 4222, reason: 'remote' });
});

local('both close at once: what the server says is told', async () => {
  const { peer, streams } = open();
  streams.close({ closeCode: 4111, reason: 'local' });
  await closeAsServer(peer, 4222, 'remote');
  assert.equal(await streams.closed, { closeCode: 4222, reason: 'remote' });
  assert.equal(peer.wire, ['close 4111 "local"']);
});

local('nobody looks at anything: nothing escapes', async () => {
  await turns(5);
  assert.equal(seen, []);
});

local.run();
