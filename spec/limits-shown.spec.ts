// Every limit of README's table at work, by its name: what happens at it, and what beyond it. Each has its battery elsewhere; this is the short form that a reader runs.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Endpoint } from '../lib/endpoint/endpoint.ts';
import { defaultLimits, type Limits } from '../lib/limits.ts';
import { turns } from './support/clock.ts';
import { ByHand, masked, watchEscapes } from './support/pair.ts';
import { RawClient, requestHead, text } from './support/raw-client.ts';
import { idle, startServer } from './support/server.ts';
import { until } from './support/until.ts';

const { seen } = watchEscapes();
const test = suite('limits · each at work');

const [TEXT, BINARY, MORE, LAST, PING, PONG, CLOSE] = [0x81, 0x82, 0x01, 0x80, 0x89, 0x8a, 0x88];

/** A job under one limit, whose peer is the test. */
function under(limits: Partial<Limits>): ByHand {
  return new ByHand({ limits });
}

/** What the last frame on the wire is. */
function lastOf(peer: ByHand): string {
  return peer.wire.at(-1) ?? 'nothing';
}

function errorCode(peer: ByHand): Promise<string | undefined> {
  return peer.job.closed.then(({ error }) => (error as { code?: string } | undefined)?.code);
}

/** Asks a server for an upgrade with these values of a header, and gives the status. */
async function ask(port: number, ...values: readonly string[]): Promise<number> {
  using client = await RawClient.connect(port);
  client.send(requestHead(port, { headers: { 'X-Header': values } }));
  return (await client.response()).status;
}

// The compiler sees to it that none is left out.
const shown: Record<keyof Limits, () => Promise<void>> = {
  maxMessageSize: async () => {
    const peer = under({ maxMessageSize: 10 });
    await peer.send(masked(TEXT, '0123456789'));
    assert.is(await peer.job.session.receive(), '0123456789');
    await peer.send(masked(MORE, '01234'));
    await peer.send(masked(LAST, '567890'));
    assert.match(lastOf(peer), 'close 1009');
  },

  maxFrameSize: async () => {
    const peer = under({ maxFrameSize: 5 });
    await peer.send(masked(MORE, '01234'));
    await peer.send(masked(LAST, '56789'));
    assert.is(await peer.job.session.receive(), '0123456789');
    await peer.send(masked(TEXT, '012345').subarray(0, 2));
    assert.match(lastOf(peer), 'close 1009', 'before a byte of its payload has come');
  },

  maxFragments: async () => {
    const peer = under({ maxFragments: 3 });
    for (const firstByte of [MORE, 0, LAST]) await peer.send(masked(firstByte, 'a'));
    assert.is(await peer.job.session.receive(), 'aaa');
    for (const firstByte of [MORE, 0, 0, LAST]) await peer.send(masked(firstByte));
    assert.match(lastOf(peer), 'close 1009');
  },

  maxUnsentPongs: async () => {
    const endpoint = new Endpoint({ role: 'server', limits: { maxUnsentPongs: 2 } });
    for (const payload of ['a', 'b', 'c', 'd']) endpoint.receive(masked(PING, payload));
    const pieces: Uint8Array[] = [];
    endpoint.takeOutput(pieces);
    assert.is(Buffer.concat(pieces).toString('latin1'), '\x8a\x01a\x8a\x01d', 'beyond them only the latest is kept');
  },

  queueSize: async () => {
    const peer = under({ queueSize: 1000, lookAhead: 0 });
    peer.block();
    let sent = 0;
    for (let count = 0; count < 9; count++) void peer.job.session.send('x'.repeat(100)).then(() => sent++);
    await turns();
    assert.is(sent, 6, 'a message of 100 bytes counts 166 on its way out: the seventh has to wait for room');
    for (let count = 0; count < 9; count++) await peer.send(masked(TEXT, 'x'.repeat(100)));
    const { unread } = peer.job.session.counters;
    assert.ok(unread > 800 && unread < 1000 + 164, 'and about as much is read: then the peer waits');
  },

  lookAhead: async () => {
    const peer = under({ queueSize: 1000, lookAhead: 1000 });
    await peer.send(masked(BINARY, new Uint8Array(1000)));
    await peer.send(masked(PING, 'alive?'));
    assert.is(lastOf(peer), `pong ${Buffer.from('alive?').toString('hex')}`, 'behind a full queue pings are answered');
    await peer.send(masked(BINARY, new Uint8Array(1000)));
    const { pulls } = peer;
    await peer.send(masked(PING, 'and now?'));
    assert.is(peer.frames.length, 1, 'until that is full too');
    assert.is(peer.pulls, pulls);
  },

  maxRetained: async () => {
    await using host = await startServer(idle, {
      limits: { maxRetained: 50_000, maxMessageSize: 40_000, handlerTimeout: 0 },
    });
    using small = await RawClient.open(host.port);
    using large = await RawClient.open(host.port);
    small.send(text('x'.repeat(10_000)));
    await until(() => host.server.counters.messagesReceived === 1, 'the small one holds something');
    large.send(text('x'.repeat(39_999)));
    assert.is((await large.untilClose()).code, 1013, 'the one that holds most is closed');
    large.end();
    await until(() => host.server.counters.open === 1, 'the other one is left');
  },

  pingInterval: async () => {
    const peer = under({ pingInterval: 1000 });
    await peer.clock.turn(999);
    assert.is(lastOf(peer), 'nothing');
    await peer.clock.turn(1);
    assert.match(lastOf(peer), 'ping');
  },

  pingTimeout: async () => {
    const peer = under({ pingInterval: 1000, pingTimeout: 500 });
    await peer.clock.turn(1000);
    await peer.send(masked(PONG, peer.frames[0]?.payload));
    await peer.clock.turn(1499);
    assert.match(lastOf(peer), 'ping');
    await peer.clock.turn(1);
    assert.match(lastOf(peer), 'close 1011');
    await peer.clock.turn(defaultLimits.closeTimeout);
    assert.is(await errorCode(peer), 'ERR_WS_PING_TIMEOUT');
  },

  stallTimeout: async () => {
    const peer = under({ stallTimeout: 1000 });
    peer.block();
    void peer.job.session.send('nobody reads this');
    await peer.clock.turn(999);
    assert.is(peer.job.state, 'running');
    await peer.clock.turn(1);
    assert.is(await errorCode(peer), 'ERR_WS_STALLED');
  },

  idleTimeout: async () => {
    const peer = under({ idleTimeout: 1000 });
    await peer.clock.turn(900);
    void peer.job.session.send('not idle');
    await peer.clock.turn(999);
    assert.match(lastOf(peer), 'text');
    await peer.clock.turn(1);
    assert.match(lastOf(peer), 'close 1001');
  },

  maxMessageRate: async () => {
    const peer = under({ maxMessageRate: 2 });
    for (let count = 0; count < 5; count++) await peer.send(masked(TEXT, `${count}`));
    const counts = [peer.job.session.counters.messagesReceived];
    for (let second = 0; second < 3; second++) {
      await peer.clock.turn(1000);
      counts.push(peer.job.session.counters.messagesReceived);
    }
    assert.equal(counts, [2, 4, 5, 5]);
  },

  maxByteRate: async () => {
    const peer = under({ maxByteRate: 1000 });
    for (let count = 0; count < 3; count++) await peer.send(masked(BINARY, new Uint8Array(992)));
    const { session } = peer.job;
    assert.ok(session.counters.messagesReceived <= 2);
    await peer.clock.turn(3000);
    assert.is(session.counters.messagesReceived, 3, 'nothing is lost');
  },

  maxControlFrameRate: async () => {
    const peer = under({ maxControlFrameRate: 3 });
    for (let count = 0; count < 3; count++) await peer.send(masked(PING));
    assert.is(lastOf(peer), 'pong ');
    await peer.send(masked(PING));
    assert.match(lastOf(peer), 'close 1008');
  },

  maxConnections: async () => {
    await using host = await startServer(idle, { limits: { maxConnections: 1 } });
    using _first = await RawClient.open(host.port);
    assert.is(await ask(host.port), 503);
  },

  handshakeTimeout: async () => {
    await using host = await startServer(idle, { limits: { handshakeTimeout: 100 } });
    using client = await RawClient.connect(host.port);
    client.send(Buffer.from('GET / HTTP/1.1\r\n'));
    assert.is((await client.response()).status, 408);
  },

  closeTimeout: async () => {
    const peer = under({ closeTimeout: 1000 });
    void peer.job.session.close(1000);
    await peer.clock.turn(999);
    assert.is(peer.job.state, 'closing');
    await peer.clock.turn(1);
    assert.is(await errorCode(peer), 'ERR_WS_CLOSE_TIMEOUT');
  },

  handlerTimeout: async () => {
    const peer = new ByHand({ limits: { handlerTimeout: 1000 }, handler: idle });
    await peer.send(masked(CLOSE));
    await peer.end();
    await peer.clock.turn(999);
    assert.is(peer.job.state, 'closing');
    await peer.clock.turn(1);
    assert.is(await errorCode(peer), 'ERR_WS_HANDLER_TIMEOUT');
  },

  maxHeadSize: async () => {
    await using host = await startServer(idle, { limits: { maxHeadSize: 1000 } });
    assert.is(await ask(host.port, 'y'), 101);
    assert.is(await ask(host.port, 'y'.repeat(1000)), 431);
  },

  maxHeaders: async () => {
    await using host = await startServer(idle, { limits: { maxHeaders: 20 } });
    assert.is(await ask(host.port, 'y'), 101);
    assert.is(await ask(host.port, ...Array<string>(20).fill('y')), 431);
  },
};

for (const [name, show] of Object.entries(shown)) test(`${name} does what the table says`, show);

test('every limit is shown', () => {
  assert.equal(Object.keys(shown).sort(), Object.keys(defaultLimits).sort());
});

test('nothing has escaped in all of this', async () => {
  await turns();
  assert.equal(seen, []);
});
test.run();
