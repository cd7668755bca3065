// Rates: what comes faster waits at the peer, and nothing of it is lost. Pings and pongs cannot wait: too many of them end the connection.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LocalProtocolError } from '../../lib/error.ts';
import type { ConnectionLimits } from '../../lib/limits.ts';
import { rejects } from '../support/check.ts';
import { turns } from '../support/clock.ts';
import { join } from '../support/hex.ts';
import { ByHand, closePayload, createPair, type JobSettings, masked, unmasked, watchEscapes } from '../support/pair.ts';
import { assertEnd } from '../support/server.ts';
import { createStreamed } from '../support/streamed.ts';

const { seen } = watchEscapes();
const TEXT = 0x81;
const PING = 0x89;
const PONG = 0x8a;

const test = suite('rates');

function createLimited(limits: Partial<ConnectionLimits>, settings: JobSettings = {}): ByHand {
  return new ByHand({ ...settings, limits: { pingInterval: Number.POSITIVE_INFINITY, ...limits } });
}

function texts(count: number): Uint8Array {
  return join(...Array.from({ length: count }, (_, index) => masked(TEXT, `${index}`)));
}

// --- Messages --------------------------------------------------------------------------------------------------------

test('a second’s worth of messages comes at once, and then as many as the rate, in order, to the last one', async () => {
  const peer = createLimited({ maxMessageRate: 10 });
  const { session } = peer.job;
  void peer.send(texts(45));
  await turns();
  assert.is(session.counters.messagesReceived, 10);
  for (let second = 1; second <= 3; second++) {
    await peer.clock.turn(1000);
    const { messagesReceived } = session.counters;
    // A wait is told in whole milliseconds.
    const due = 10 + second * 10;
    assert.ok(messagesReceived <= due && messagesReceived >= due - 1, `${messagesReceived} after ${second} s`);
  }
  await peer.clock.turn(400);
  assert.ok(session.counters.messagesReceived < 45);
  await peer.clock.turn(200);
  for (let index = 0; index < 45; index++) assert.is(await session.receive(), `${index}`);
  assert.is(peer.clock.pending, 0);
});

test('a peer that keeps to the rate is never held up', async () => {
  const peer = createLimited({ maxMessageRate: 10 });
  for (let count = 0; count < 100; count++) {
    await peer.send(masked(TEXT, `${count}`));
    assert.is(peer.job.session.counters.messagesReceived, count + 1);
    await peer.clock.turn(100);
  }
});

test('while the rate holds reading up, the transport is not read: the peer waits', async () => {
  const peer = createLimited({ maxMessageRate: 2 });
  await peer.send(texts(3));
  const { pulls } = peer;
  for (let count = 0; count < 10; count++) void peer.send(masked(TEXT, 'more'));
  await turns();
  assert.ok(peer.pulls <= pulls + 1, `${peer.pulls - pulls} chunks more`);
  await peer.clock.turn(6000);
  assert.is(peer.job.session.counters.messagesReceived, 13);
});

test('a long message is not decoded crumb by crumb because few messages may pass', async () => {
  const peer = createLimited({ maxMessageRate: 1 });
  const message = peer.job.session.receive();
  void peer.send(masked(0x82, new Uint8Array(1024 * 1024)));
  let count = 0;
  for (; peer.job.session.counters.messagesReceived === 0 && count < 1000; count++) await turns(1);
  assert.ok(count < 50, `${count} turns for a megabyte`);
  assert.is((await message)?.length, 1024 * 1024);
});

test('of streamed messages each one counts once, and its bytes do not wait for the next second', async () => {
  const { peer, session } = createStreamed({ limits: { maxMessageRate: 1, pingInterval: Number.POSITIVE_INFINITY } });
  const one = [masked(0x01, 'a'), masked(0x00, 'b'), masked(0x80, 'c')];
  void peer.send(join(...one, ...one, ...one));
  for (let count = 0; count < 3; count++) {
    await peer.clock.turn(count === 0 ? 0 : 1000);
    const message = await session.receive();
    const text = message?.text();
    await turns();
    assert.is(await text, 'abc');
    assert.is(session.counters.messagesReceived, count + 1);
  }
});

test('of a raw session each frame counts', async () => {
  const peer = createLimited({ maxMessageRate: 2 }, { raw: true } as unknown as JobSettings);
  void peer.send(join(masked(0x01, 'a'), masked(PING), masked(0x80, 'b'), masked(TEXT, 'c')));
  await turns();
  assert.is(peer.job.session.counters.messagesReceived, 2);
  await peer.clock.turn(1000);
  assert.is(peer.job.session.counters.messagesReceived, 4);
});

test('pings among the messages are answered in their turn', async () => {
  const peer = createLimited({ maxMessageRate: 1 });
  void peer.send(join(masked(PING, 'a'), masked(TEXT, 'x'), masked(PING, 'b'), masked(TEXT, 'y')));
  await turns();
  assert.equal(peer.wire, ['pong 61']);
  await peer.clock.turn(1000);
  assert.equal(peer.wire, ['pong 61', 'pong 62']);
});

// --- Bytes -----------------------------------------------------------------------------------------------------------

test('over time no more bytes are read than the rate, and all of them come', async () => {
  const peer = createLimited({ maxByteRate: 1000 });
  const { session } = peer.job;
  // A frame of 100 bytes.
  const frame = masked(TEXT, 'x'.repeat(94));
  for (let count = 0; count < 100; count++) void peer.send(frame);
  await turns(20);
  for (let second = 0; second <= 8; second++) {
    const { bytesReceived } = session.counters;
    // One chunk may go over, and one may have been on its way.
    assert.ok(bytesReceived <= 1000 + second * 1000 + 200, `${bytesReceived} bytes after ${second} s`);
    assert.ok(bytesReceived >= 1000 + second * 1000, `${bytesReceived} bytes after ${second} s`);
    await peer.clock.turn(1000);
  }
  await peer.clock.turn(2000);
  assert.is(session.counters.messagesReceived, 100);
});

test('one chunk far over the rate is waited for, and then decoded whole', async () => {
  const peer = createLimited({ maxByteRate: 1000 });
  const message = masked(0x82, new Uint8Array(60_000));
  void peer.send(message);
  await peer.clock.turn(58_000);
  assert.is(peer.job.session.counters.messagesReceived, 0);
  await peer.clock.turn(2000);
  assert.is(peer.job.session.counters.messagesReceived, 1);
});

// --- Beside other times ----------------------------------------------------------------------------------------------

test('keepalive is suspended while a rate holds reading up, and kills nobody for it', async () => {
  for (const limits of [{ maxByteRate: 1000 }, { maxMessageRate: 1 }]) {
    const peer = new ByHand({ limits: { ...limits, pingInterval: 1000, pingTimeout: 1000 } });
    void peer.send(join(...Array.from({ length: 60 }, () => masked(0x82, new Uint8Array(1000)))));
    await peer.clock.turn(50_000);
    assert.is(peer.job.state, 'running');
    // Once all is read, a silent peer is found as ever.
    await peer.clock.turn(30_000);
    assertEnd(await peer.job.session.closed, {
      error: 'ERR_WS_PING_TIMEOUT',
      sent: { closeCode: 1011, reason: 'No answer to a ping' },
    });
  }
});

test('a session whose messages wait for the rate is not idle', async () => {
  const peer = createLimited({ maxByteRate: 1000, idleTimeout: 5000 });
  void peer.send(masked(0x82, new Uint8Array(20_000)));
  await peer.clock.turn(19_000);
  assert.is(peer.job.state, 'running');
  await peer.clock.turn(2000);
  assert.is((await peer.job.session.receive())?.length, 20_000);
});

test('a close frame behind a flood waits for the rate; after our own close no longer than the close time-out', async () => {
  const peer = createLimited({ maxMessageRate: 1, closeTimeout: 5000 });
  void peer.send(join(texts(4), masked(0x88, closePayload(3000))));
  await turns();
  void peer.job.session.close(1000);
  await peer.clock.turn(4000);
  assert.is(peer.job.session.counters.messagesReceived, 4);
  await peer.end();
  assertEnd(await peer.job.session.closed, { closeCode: 3000, wasClean: true });
});

test('the end of the input waits behind the messages', async () => {
  const peer = createLimited({ maxMessageRate: 5 });
  void peer.send(texts(20));
  void peer.end();
  await peer.clock.turn(2000);
  assert.is(peer.job.state, 'running');
  await peer.clock.turn(2000);
  for (let index = 0; index < 20; index++) assert.is(await peer.job.session.receive(), `${index}`);
  await peer.clock.turn(10_000);
  assertEnd(await peer.job.closed, { closeCode: 1006, error: 'ERR_WS_CONNECTION_LOST' });
  assert.is(peer.clock.pending, 0);
});

test('a transport that breaks ends the waiting for the rate: what had come is read, and no timer is left', async () => {
  const { server, client, clock, line } = createPair({ limits: { maxMessageRate: 5 } }, {}, { over: 'transport' });
  for (let index = 0; index < 20; index++) void client.session.send(`${index}`);
  await clock.settled();
  assert.is(server.session.counters.messagesReceived, 5);
  line.reset();
  for (let index = 0; index < 20; index++) assert.is(await server.session.receive(), `${index}`);
  assertEnd(await server.closed, { closeCode: 1006, error: 'ERR_WS_CONNECTION_LOST' });
  assert.is(clock.pending, 0);
});

test('a cancelled job waits for no rate, and leaves no timer', async () => {
  const peer = createLimited({ maxMessageRate: 1 });
  void peer.send(join(texts(100), masked(0x88, closePayload(1001))));
  await turns();
  peer.job.cancel();
  await turns();
  await peer.end();
  assertEnd(await peer.job.closed, { closeCode: 1001, wasClean: true });
  assert.is(peer.clock.pending, 0);
});

test('between two engines the rate of the one holds back the sends of the other', async () => {
  const { server, client, clock } = createPair({ limits: { maxMessageRate: 10, queueSize: 1000, lookAhead: 0 } });
  let sent = 0;
  const sending = (async () => {
    for (; sent < 2000; sent++) await client.session.send(new Uint8Array(1000));
  })();
  const stopped = rejects(sending, LocalProtocolError, 'ERR_WS_CLOSED');
  const received = (async () => {
    for (let count = 0; count < 100; count++) await server.session.receive();
  })();
  await clock.turn(8000);
  assert.ok(sent < 400, `${sent} sends in 8 s`);
  await clock.turn(1000);
  await received;
  server.cancel();
  client.cancel();
  await clock.turn(10_000);
  await stopped;
});

// --- Pings and pongs -------------------------------------------------------------------------------------------------

test('pings and pongs up to the rate are taken; one more fails the connection with 1008, though they came together', async () => {
  for (const together of [true, false]) {
    const peer = createLimited({ maxControlFrameRate: 5 });
    const flood = Array.from({ length: 12 }, (_, index) => masked(index % 2 === 0 ? PING : PONG));
    const { session } = peer.job;
    await peer.send(join(...flood.slice(0, 5)));
    assert.is(peer.job.state, 'running');
    if (together) await peer.send(join(...flood));
    else for (const frame of flood) await peer.send(frame);
    assert.is(peer.wire.at(-1), 'close 1008 "Pings or pongs come too fast"');
    assert.is(peer.output, 'closed');
    await peer.end();
    assertEnd(await session.closed, {
      closeCode: 1006,
      wasClean: false,
      initiator: 'local',
      received: undefined,
      sent: { closeCode: 1008, reason: 'Pings or pongs come too fast' },
      error: 'ERR_WS_CONTROL_FRAME_RATE',
    });
  }
});

test('pings at the rate are answered for ever; messages count nothing', async () => {
  const peer = createLimited({ maxControlFrameRate: 5 });
  for (let count = 0; count < 50; count++) {
    await peer.send(join(masked(PING), texts(20)));
    for (let index = 0; index < 20; index++) await peer.job.session.receive();
    await peer.clock.turn(200);
  }
  assert.is(peer.wire.filter((frame) => frame === 'pong ').length, 50);
});

test('messages before the flood are still read, and those behind it are not', async () => {
  for (const create of [
    () => {
      const peer = createLimited({ maxControlFrameRate: 1 });
      return { peer, read: () => peer.job.session.receive() };
    },
    () => {
      const { peer, session } = createStreamed({ limits: { maxControlFrameRate: 1 } });
      return { peer, read: async () => (await session.receive())?.text() };
    },
  ]) {
    const { peer, read } = create();
    await peer.send(
      join(masked(TEXT, 'a'), masked(PING), masked(0x01, 'b'), masked(PING), masked(0x80, 'c'), texts(3)),
    );
    assert.is(await read(), 'a');
    let error: unknown;
    await read().catch((reason: unknown) => {
      error = reason;
    });
    assert.is((error as { code?: string }).code, 'ERR_WS_CONTROL_FRAME_RATE');
    assert.is(peer.wire.at(-1), 'close 1008 "Pings or pongs come too fast"');
  }
});

test('after a silence, one second’s worth may come and no more', async () => {
  const peer = createLimited({ maxByteRate: 1000, maxControlFrameRate: 5 });
  await peer.clock.turn(3_600_000);
  await peer.send(masked(0x82, new Uint8Array(3000)));
  assert.is(peer.job.session.counters.messagesReceived, 0);
  await peer.clock.turn(3000);
  assert.is(peer.job.session.counters.messagesReceived, 1);
  await peer.send(join(...Array.from({ length: 6 }, () => masked(PING))));
  assert.ok(peer.wire.at(-1)?.startsWith('close 1008'));
});

test('a client keeps the rates as a server does', async () => {
  const peer = createLimited({ maxControlFrameRate: 2, maxMessageRate: 2 }, { role: 'client' });
  void peer.send(join(...Array.from({ length: 4 }, (_, index) => unmasked(TEXT, `${index}`))));
  await turns();
  assert.is(peer.job.session.counters.messagesReceived, 2);
  await peer.clock.turn(1000);
  void peer.send(join(unmasked(PING), unmasked(PING), unmasked(PING)));
  await peer.clock.turn(1000);
  assert.ok(peer.wire.at(-1)?.startsWith('close 1008'));
});

test('nothing has escaped in all of this', async () => {
  await turns();
  assert.equal(seen, []);
});

test.run();
