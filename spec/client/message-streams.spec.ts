// The two streams of an open WebSocketStream: chunks, backpressure, and how they end when the server closes or is gone.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { WebSocketError } from '../../lib/client/web-socket-error.ts';
import { defaultLimits } from '../../lib/limits.ts';
import { domRejects, rejects } from '../support/check.ts';
import { turns } from '../support/clock.ts';
import { BIG, BINARY, CLOSE, closeAsServer, openStreams, TEXT, watch } from '../support/message-streams.ts';
import { closePayload, unmasked, watchEscapes } from '../support/pair.ts';

const { seen } = watchEscapes();
const { closeTimeout } = defaultLimits;

// --- Chunks ----------------------------------------------------------------------------------------------------------

const chunks = suite('message streams · chunks');

chunks('a text message is a string, a binary one a Uint8Array with a buffer of its own', async () => {
  const { peer, reader } = openStreams();
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
  const { peer, writer } = openStreams();
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
  const { peer, writer } = openStreams();
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
    const { peer, writer, reader } = openStreams();
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
  const { peer, reader } = openStreams();
  for (const text of ['a', 'b', 'c']) await peer.send(unmasked(TEXT, text));
  const { session } = peer.job;
  assert.is(session.counters.messagesReceived, 3);
  assert.is(session.counters.unread, 2 * 65, 'two wait in the session');
  await reader.read();
  await turns();
  assert.is(session.counters.unread, 65);
});

flow('while nobody reads the transport is not read beyond the queue and the look-ahead', async () => {
  const { peer, reader } = openStreams();
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
  const { peer, writer } = openStreams();
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
    const { peer, streams, writer, reader } = openStreams();
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
  const { peer, streams, reader } = openStreams();
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
    const { peer, streams, reader } = openStreams();
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
  const { peer, streams, writer } = openStreams();
  await peer.send(unmasked(CLOSE, closePayload(1000)));
  await domRejects(writer.write('too late'), 'InvalidStateError');
  assert.equal(peer.wire, ['close 1000 ""']);
  await peer.end();
  assert.equal(await streams.closed, { closeCode: 1000, reason: '' });
});

remote('while a write waits for room: unclean, with the code received; the write is an InvalidStateError', async () => {
  const { peer, streams, writer, reader } = openStreams();
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
  const { peer, streams, writer } = openStreams();
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
  const { peer, streams, writer, reader } = openStreams();
  await peer.end();
  const error = (await rejects(streams.closed, WebSocketError)) as WebSocketError;
  assert.equal([error.name, error.closeCode, error.reason], ['WebSocketError', 1006, '']);
  assert.is((error.cause as { code?: string }).code, 'ERR_WS_CONNECTION_LOST');
  for (const promise of [reader.read(), reader.closed, writer.write('x'), writer.closed, writer.ready])
    assert.is(await rejects(promise, WebSocketError), error);
});

lost('a write that waits for room has the same error', async () => {
  const { peer, streams, writer } = openStreams();
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
  const { peer, streams, reader } = openStreams();
  for (const text of ['a', 'b', 'c']) await peer.send(unmasked(TEXT, text));
  await peer.end();
  const error = await rejects(streams.closed, WebSocketError);
  for (const text of ['a', 'b', 'c']) assert.is((await reader.read()).value, text);
  assert.is(await rejects(reader.read(), WebSocketError), error);
});

lost('a server that breaks the protocol: 1006, the fault is the cause, and the server is told 1002', async () => {
  const { peer, streams } = openStreams();
  await peer.send('83 00');
  await peer.end();
  const error = (await rejects(streams.closed, WebSocketError)) as WebSocketError;
  assert.is(error.closeCode, 1006);
  assert.is((error.cause as { code?: string }).code, 'ERR_WS_UNKNOWN_OPCODE');
  assert.match(peer.wire[0] ?? '', /^close 1002 /);
});

lost('nobody looks at anything: nothing escapes', async () => {
  await turns(5);
  assert.equal(seen, []);
});

lost.run();
