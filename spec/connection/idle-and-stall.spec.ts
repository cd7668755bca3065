// A session without messages, and a write that makes no progress.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LocalProtocolError } from '../../lib/error.ts';
import { upgradeTransport } from '../../lib/job/upgrade.ts';
import type { ConnectionLimits } from '../../lib/limits.ts';
import type { Transport } from '../../lib/stream/transport.ts';
import { rejects } from '../support/check.ts';
import { TestClock, turns } from '../support/clock.ts';
import { join } from '../support/hex.ts';
import { ByHand, closePayload, createPair, type JobSettings, masked, watchEscapes } from '../support/pair.ts';
import { assertEnd } from '../support/server.ts';
import { createStreamed } from '../support/streamed.ts';

const { seen } = watchEscapes();
const TEXT = 0x81;
const PING = 0x89;
const NEVER = Number.POSITIVE_INFINITY;
const KiB = 1024;

// --- Idle ------------------------------------------------------------------------------------------------------------

const idle = suite('idle sessions');

function createIdling(limits: Partial<ConnectionLimits> = {}, settings: JobSettings = {}): ByHand {
  return new ByHand({ ...settings, limits: { idleTimeout: 1000, pingInterval: NEVER, ...limits } });
}

const wentAway = {
  initiator: 'local',
  sent: { closeCode: 1001, reason: 'Idle' },
  error: 'ERR_WS_IDLE',
} as const;

idle('a session without a message for the idle time-out is closed with 1001, in a closing handshake', async () => {
  for (const role of ['server', 'client'] as const) {
    const peer = createIdling({}, { role });
    await peer.clock.turn(999);
    assert.is(peer.job.state, 'running');
    await peer.clock.turn(1);
    assert.equal(peer.wire, ['close 1001 "Idle"']);
    if (role === 'server') await peer.send(masked(0x88, closePayload(1001)));
    await peer.end();
    await peer.clock.turn(5000);
    const info = await peer.job.closed;
    assertEnd(info, wentAway);
    if (role === 'server') assertEnd(info, { closeCode: 1001, wasClean: true });
    assert.equal([peer.job.state, peer.clock.pending], ['failed', 0]);
  }
});

idle('a message either way counts; pings, pongs and bytes of a frame do not', async () => {
  const peer = createIdling();
  for (let count = 0; count < 10; count++) {
    await peer.clock.turn(900);
    if (count % 2 === 0) await peer.job.session.send('out');
    else await peer.send(masked(TEXT, 'in'));
    if (count % 2 === 1) await peer.job.session.receive();
  }
  await peer.clock.turn(900);
  await peer.send(join(masked(PING), masked(0x8a)));
  void peer.job.session.ping();
  await peer.send(masked(TEXT, 'x').subarray(0, 3));
  await peer.clock.turn(100);
  assert.is(peer.wire.at(-1), 'close 1001 "Idle"');
});

idle(
  'messages that wait unread are no idleness: the handler is at work; its time starts anew behind them',
  async () => {
    const peer = createIdling();
    await peer.send(masked(TEXT, 'work'));
    await peer.clock.turn(10_500);
    assert.is(peer.job.state, 'running');
    await peer.job.session.receive();
    await peer.clock.turn(499);
    assert.is(peer.job.state, 'running');
    await peer.clock.turn(1000);
    assert.is(peer.job.state, 'closing');
  },
);

idle('messages that wait unsent are no idleness: that is a stalled write', async () => {
  const peer = createIdling({ stallTimeout: 10_000 });
  peer.block();
  void peer.job.session.send('x');
  await peer.clock.turn(9999);
  assert.is(peer.job.state, 'running');
  await peer.clock.turn(1);
  assertEnd(await peer.job.closed, { error: 'ERR_WS_STALLED' });
});

idle('a streamed message that comes slowly is no idleness; one that has stopped coming is', async () => {
  const { peer, session } = createStreamed({ limits: { idleTimeout: 1000, pingInterval: NEVER } });
  await peer.send(masked(0x01, 'a'));
  const text = (await session.receive())?.text();
  for (let count = 0; count < 10; count++) {
    await peer.clock.turn(900);
    await peer.send(masked(0x00, 'b'));
  }
  assert.is(peer.job.state, 'running');
  await peer.clock.turn(1000);
  assert.is(peer.job.state, 'closing');
  await peer.send(masked(0x80, 'c'));
  assert.is(await text, 'abbbbbbbbbbc');
});

idle('a streamed message whose source gives slowly is no idleness', async () => {
  const peer = createIdling();
  let pull = (): void => {};
  void peer.job.session.send(
    (async function* () {
      for (let count = 0; count < 5; count++) {
        await new Promise<void>((resolve) => {
          pull = resolve;
        });
        yield 'part';
      }
    })(),
  );
  for (let count = 0; count < 5; count++) {
    await peer.clock.turn(5000);
    assert.is(peer.job.state, 'running');
    pull();
    await turns();
  }
  await peer.clock.turn(2000);
  assert.is(peer.wire.at(-1), 'close 1001 "Idle"');
});

idle('a raw session is idle without a frame', async () => {
  const peer = createIdling({}, { raw: true } as unknown as JobSettings);
  for (let count = 0; count < 5; count++) {
    await peer.clock.turn(900);
    await peer.send(masked(PING));
    await peer.job.session.receive();
  }
  await peer.clock.turn(1000);
  assert.is(peer.wire.at(-1), 'close 1001 "Idle"');
});

idle('by default no session is ever idle', async () => {
  const peer = new ByHand({ limits: { pingInterval: NEVER } });
  await peer.clock.turn(1e9);
  assert.is(peer.job.state, 'running');
});

idle.run();

// --- Stall -----------------------------------------------------------------------------------------------------------

const stall = suite('stalled writes');

function createStalling(limits: Partial<ConnectionLimits> = {}, settings: JobSettings = {}): ByHand {
  return new ByHand({ ...settings, limits: { stallTimeout: 1000, pingInterval: NEVER, ...limits } });
}

stall('a write that is not taken for the stall time-out cuts the connection; what was not sent is told', async () => {
  const peer = createStalling();
  peer.block();
  const sent = peer.job.session.send(new Uint8Array(100 * KiB));
  await peer.clock.turn(999);
  assert.is(peer.job.state, 'running');
  await peer.clock.turn(1);
  assert.is(peer.output, 'open', 'the sink of a stream that is at work is not aborted before its write has settled');
  await rejects(sent, LocalProtocolError, 'ERR_WS_CLOSED');
  const info = await peer.job.closed;
  assertEnd(info, {
    closeCode: 1006,
    wasClean: false,
    initiator: 'local',
    received: undefined,
    sent: undefined,
    error: 'ERR_WS_STALLED',
  });
  assert.ok(info.abandoned.bytes >= 100 * KiB);
  assert.equal([peer.job.state, peer.clock.pending, peer.isInputCancelled], ['failed', 0, true]);
});

stall('messages keep coming in from a peer that does not read, and it is cut all the same', async () => {
  const peer = createStalling();
  peer.block();
  void peer.job.session.send('x');
  for (let count = 0; count < 9; count++) {
    await peer.clock.turn(100);
    await peer.send(masked(TEXT, 'still here'));
  }
  await peer.clock.turn(100);
  assertEnd(await peer.job.session.closed, { error: 'ERR_WS_STALLED' });
  for (let count = 0; count < 9; count++) assert.is(await peer.job.session.receive(), 'still here');
});

stall('a peer that reads a large message slowly makes progress: it is not cut, and gets all of it', async () => {
  for (const over of ['transport', 'streams'] as const) {
    const limits = { stallTimeout: 1000, pingInterval: NEVER };
    const size = 8 * KiB * KiB;
    const { server, client, clock } = createPair(
      { limits },
      { limits: { maxMessageSize: size, pingInterval: NEVER } },
      { over, link: { bytesPerSecond: 600 * KiB } },
    );
    const message = new Uint8Array(size);
    message[size - 1] = 7;
    void server.session.send(message);
    const received = client.session.receive();
    await clock.turn(15_000);
    assert.equal([server.state, (await received)?.length, (await received)?.at(-1)], ['running', size, 7]);
    void server.session.close();
    await clock.turn(1000);
    assert.ok((await server.closed).wasClean);
  }
});

stall('under every policy', async () => {
  for (const slowConsumer of ['wait', 'fail', 'drop-newest', 'drop-oldest', 'latest', 'close'] as const) {
    const peer = createStalling({}, { slowConsumer });
    peer.block();
    void peer.job.session.send('x');
    await peer.clock.turn(1000);
    assertEnd(await peer.job.closed, { error: 'ERR_WS_STALLED' });
  }
});

stall('an answer to a ping that is not taken stalls too: a write is a write', async () => {
  const peer = createStalling();
  peer.block();
  await peer.send(masked(PING, 'p'));
  await peer.clock.turn(1000);
  assertEnd(await peer.job.closed, { error: 'ERR_WS_STALLED' });
});

stall('each write has its own time, and a peer that takes each one just in time is not cut', async () => {
  const peer = createStalling();
  for (let count = 0; count < 10; count++) {
    peer.block();
    void peer.job.session.send('x');
    await peer.clock.turn(900);
    await peer.unblock();
  }
  assert.is(peer.job.state, 'running');
});

stall('a time-out of Infinity cuts nobody', async () => {
  const peer = createStalling({ stallTimeout: NEVER });
  peer.block();
  void peer.job.session.send('x');
  await peer.clock.turn(1e9);
  assert.is(peer.job.state, 'running');
});

stall('a handler that waits in send is told, and nothing is reported', async () => {
  const reported: unknown[] = [];
  const peer = createStalling(
    { queueSize: 1000 },
    {
      userContext: { onError: (error) => void reported.push(error) },
      handler: async (session) => {
        for (;;) await session.send('x'.repeat(500));
      },
    },
  );
  peer.block();
  await peer.clock.turn(1000);
  assertEnd(await peer.job.closed, { error: 'ERR_WS_STALLED' });
  assert.equal(reported, []);
});

stall('the transport is cut once, however long it takes to be gone', async () => {
  const clock = new TestClock();
  const destroyed: unknown[] = [];
  let close = (): void => {};
  const transport: Transport = {
    start: (receiver) => {
      close = () => receiver.transportClosed();
    },
    pause: () => {},
    resume: () => {},
    write: () => {},
    end: () => {},
    destroy: (reason) => void destroyed.push(reason),
  };
  const job = upgradeTransport(transport, { clock }, undefined, { limits: { stallTimeout: 1000 } });
  void job.session.send('x');
  await clock.turn(60_000);
  assert.equal([destroyed.length, clock.pending], [1, 0]);
  close();
  assertEnd(await job.closed, { error: 'ERR_WS_STALLED' });
  assert.is(clock.pending, 0);
});

stall.run();

// --- What still comes ------------------------------------------------------------------------------------------------

const after = suite('after a failure of our own');

after(
  'reading goes on where unread messages held it up: the end of the peer is seen, no close time-out is waited for',
  async () => {
    const peer = new ByHand({
      limits: { queueSize: 1000, lookAhead: 0, pingInterval: NEVER },
      slowConsumer: { policy: 'close', maxAge: 500 },
    });
    for (let count = 0; count < 40; count++) void peer.send(masked(TEXT, `${count}`.padStart(36)));
    void peer.end();
    await turns();
    peer.block();
    void peer.job.session.send('slow');
    await peer.clock.turn(500);
    assert.is(peer.job.state, 'closing');
    await peer.unblock();
    assert.equal(peer.wire, ['text "slow"', 'close 1013 "The peer reads too slowly"']);
    assertEnd(await peer.job.session.closed, { error: 'ERR_WS_SLOW_CONSUMER', closeCode: 1006 });
    assert.is(peer.clock.now(), 500);
    // What had come before stays readable.
    for (let count = 0; count < 10; count++) assert.is(Number(await peer.job.session.receive()), count);
  },
);

after('nothing has escaped in all of this', async () => {
  await turns();
  assert.equal(seen, []);
});

after.run();
