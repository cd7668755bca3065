// Whether the peer is still there: pings in silence, any byte as life, and nothing judged by a clock while nobody reads.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { ConnectionLimits } from '../../lib/limits.ts';
import { turns } from '../support/clock.ts';
import { join } from '../support/hex.ts';
import { JumpingClock } from '../support/jumping-clock.ts';
import { ByHand, closePayload, createPair, type JobSettings, masked, unmasked, watchEscapes } from '../support/pair.ts';
import { assertEnd } from '../support/server.ts';
import { createStreamed } from '../support/streamed.ts';

const { seen } = watchEscapes();
const TEXT = 0x81;
const PING = 0x89;
const PONG = 0x8a;
const NEVER = Number.POSITIVE_INFINITY;

const test = suite('keepalive · RFC 6455 §5.5.2, §5.5.3');

function createWatched(limits: Partial<ConnectionLimits> = {}, settings: JobSettings = {}): ByHand {
  return new ByHand({ ...settings, limits: { pingInterval: 1000, pingTimeout: 300, ...limits } });
}

/** The pong to the ping that was sent last, as a client sends it. */
function answer(peer: ByHand): Uint8Array {
  const ping = peer.frames.findLast(({ opcode }) => opcode === 9);
  return masked(PONG, ping?.payload ?? '');
}

const pings = (peer: ByHand): number => peer.frames.filter(({ opcode }) => opcode === 9).length;

const dead = {
  closeCode: 1006,
  reason: '',
  wasClean: false,
  initiator: 'local',
  received: undefined,
  sent: { closeCode: 1011, reason: 'No answer to a ping' },
  error: 'ERR_WS_PING_TIMEOUT',
} as const;

for (const role of ['server', 'client'] as const) {
  test(`${role}: a silent peer is pinged after the interval, and the connection is failed with 1011 when no answer comes`, async () => {
    const peer = createWatched({}, { role });
    await peer.clock.turn(999);
    assert.equal(peer.wire, []);
    await peer.clock.turn(1);
    assert.equal(peer.wire, ['ping 00000001']);
    await peer.clock.turn(299);
    assert.is(peer.job.state, 'running');
    await peer.clock.turn(1);
    assert.equal(peer.wire, ['ping 00000001', 'close 1011 "No answer to a ping"']);
    assert.is(peer.output, 'closed');
    await peer.clock.turn(5000);
    assert.ok(peer.isInputCancelled);
    assertEnd(await peer.job.closed, dead);
    assert.equal([peer.job.state, peer.clock.pending], ['failed', 0]);
  });

  test(`${role}: a peer that answers is pinged again after the next silence, for ever, and its round trip is told`, async () => {
    const peer = createWatched({}, { role });
    assert.is(peer.job.session.counters.roundTrip, undefined);
    for (let count = 1; count <= 5; count++) {
      await peer.clock.turn(1000);
      assert.is(pings(peer), count);
      await peer.clock.turn(count * 10);
      const { payload } = peer.frames.at(-1) ?? {};
      await peer.send(role === 'server' ? masked(PONG, payload) : unmasked(PONG, payload));
      assert.is(peer.job.session.counters.roundTrip, count * 10);
    }
    assert.is(peer.job.state, 'running');
  });
}

test('no ping goes out while bytes come, whatever they are: also half a frame, byte by byte', async () => {
  const bytes = masked(0x82, new Uint8Array(100));
  for (const chunks of [
    [masked(TEXT, 'x')],
    [masked(PING)],
    [masked(PONG)],
    Array.from(bytes, (b) => Uint8Array.of(b)),
  ]) {
    const peer = createWatched();
    for (let count = 0; count < 30; count++) {
      await peer.clock.turn(900);
      await peer.send(chunks[count % chunks.length] as Uint8Array);
    }
    assert.is(pings(peer), 0);
  }
});

test('any byte behind the ping is life: half a frame, another ping, a pong to nothing', async () => {
  for (const sign of [masked(TEXT, 'x').subarray(0, 1), masked(PING, 'x'), masked(PONG, 'nothing of ours')]) {
    const peer = createWatched();
    await peer.clock.turn(1200);
    assert.is(pings(peer), 1);
    await peer.send(sign);
    await peer.clock.turn(999);
    assert.equal([peer.job.state, pings(peer)], ['running', 1]);
    await peer.clock.turn(1);
    // The one of before was never answered: the next one goes out all the same.
    assert.is(pings(peer), 2);
    await peer.clock.turn(300);
    assert.is(peer.job.state, 'closing');
  }
});

test('what is sent is no sign of the peer: one that only is talked to is pinged too', async () => {
  const peer = createWatched();
  for (let count = 0; count < 13; count++) {
    await peer.job.session.send('news');
    await peer.clock.turn(100);
  }
  assert.ok(peer.wire.includes('ping 00000001'));
  assert.is(peer.job.state, 'closing');
});

test('an interval of Infinity sends no ping, a time-out of Infinity kills nobody, and neither leaves a timer', async () => {
  const silent = createWatched({ pingInterval: NEVER, stallTimeout: NEVER });
  assert.is(silent.clock.pending, 0);
  await silent.clock.turn(1e9);
  assert.equal([silent.wire, silent.job.state], [[], 'running']);
  const patient = createWatched({ pingTimeout: NEVER });
  await patient.clock.turn(1e9);
  assert.equal([patient.wire, patient.job.state], [['ping 00000001'], 'running']);
  await patient.send(masked(PONG));
  await patient.clock.turn(1000);
  assert.is(pings(patient), 2);
});

test('the next ping comes an interval behind the pong, also where the time-out is far longer', async () => {
  const peer = createWatched({ pingTimeout: 60_000 });
  for (let count = 1; count <= 5; count++) {
    await peer.clock.turn(1000);
    assert.is(pings(peer), count);
    await peer.send(answer(peer));
  }
  await peer.clock.turn(1000);
  assert.is(pings(peer), 6);
  await peer.clock.turn(59_999);
  assert.is(peer.job.state, 'running');
  await peer.clock.turn(1);
  assert.is(peer.job.state, 'closing');
});

test('a raw session is left alone: who runs it pings', async () => {
  const peer = createWatched({}, { raw: true } as unknown as JobSettings);
  await peer.clock.turn(1e6);
  assert.equal([peer.wire, peer.job.state], [[], 'running']);
});

test('what the peer said before it fell silent is read first, and then the error is told', async () => {
  const peer = createWatched();
  await peer.send(masked(TEXT, 'last words'));
  await peer.clock.turn(10_000);
  const { session } = peer.job;
  assert.is(await session.receive(), 'last words');
  const reason = await session.receive().catch((error: unknown) => error);
  assert.is((reason as { code: string }).code, 'ERR_WS_PING_TIMEOUT');
});

// --- Beside the caller's own pings -----------------------------------------------------------------------------------

test('a pong to the keepalive settles the caller’s pings before it', async () => {
  const peer = createWatched();
  const own = peer.job.session.ping();
  await peer.clock.turn(1100);
  assert.equal(peer.wire, ['ping 00000001', 'ping 00000002']);
  await peer.send(answer(peer));
  assert.is(await own, 1100);
  assert.is(peer.job.session.counters.roundTrip, 100);
});

test('sixteen pings of the caller’s that nobody answers do not hide that the peer is dead', async () => {
  const peer = createWatched();
  const own: Promise<number>[] = [];
  for (let count = 0; count < 20; count++) {
    own.push(peer.job.session.ping());
    await turns();
  }
  assert.is(pings(peer), 16);
  await peer.clock.turn(1300);
  assert.equal([peer.job.state, peer.wire.at(-1)], ['closing', 'close 1011 "No answer to a ping"']);
  await peer.clock.turn(5000);
  for (const ping of await Promise.allSettled(own)) assert.is(ping.status, 'rejected');
});

// --- While reading is held up ----------------------------------------------------------------------------------------

const narrow = { queueSize: 1000, lookAhead: 0 };

test('while unread messages hold up reading nothing is judged, and a probe goes out each interval', async () => {
  const peer = createWatched(narrow);
  await peer.send(join(...Array.from({ length: 30 }, () => masked(TEXT, 'x'.repeat(36)))));
  await peer.clock.turn(10_500);
  assert.is(peer.job.state, 'running');
  assert.equal(
    peer.wire,
    Array.from({ length: 10 }, () => 'ping '),
  );
});

test('with reading the time starts anew', async () => {
  const peer = createWatched(narrow);
  await peer.send(join(...Array.from({ length: 30 }, (_, index) => masked(TEXT, `${index}`.padStart(36)))));
  await peer.clock.turn(10_500);
  for (let index = 0; index < 30; index++) assert.is(Number(await peer.job.session.receive()), index);
  await turns();
  const before = pings(peer);
  await peer.clock.turn(999);
  assert.is(pings(peer), before);
  await peer.clock.turn(1);
  assert.is(pings(peer), before + 1);
  await peer.clock.turn(300);
  assert.is(peer.job.state, 'closing');
});

test('a ping that was out when reading came to be held up kills nobody', async () => {
  const peer = createWatched(narrow);
  await peer.clock.turn(1000);
  void peer.send(join(...Array.from({ length: 30 }, () => masked(TEXT, 'x'.repeat(36)))));
  await peer.clock.turn(20_000);
  assert.is(peer.job.state, 'running');
});

test('the unread body of a streamed message holds up reading too', async () => {
  const { peer, session } = createStreamed({ limits: { ...narrow, pingInterval: 1000, pingTimeout: 300 } });
  await peer.send(masked(0x02, new Uint8Array(5000)));
  await peer.clock.turn(20_000);
  assert.is(peer.job.state, 'running');
  (await session.receive())?.cancel();
  await turns();
  await peer.clock.turn(1300);
  assert.is(peer.job.state, 'closing');
});

test('a peer that was reset while reading is held up is noticed by the probe: a write to it fails', async () => {
  const { server, client, clock, line } = createPair(
    { limits: { ...narrow, pingInterval: 1000, pingTimeout: 300 } },
    { limits: { pingInterval: NEVER } },
  );
  for (let count = 0; count < 200; count++) void client.session.send('x'.repeat(1000));
  await clock.settled();
  client.cancel();
  await clock.turn(4000);
  assert.is(server.state, 'running');
  line.reset();
  await clock.turn(20_000);
  assertEnd(await server.session.closed, { closeCode: 1006, error: 'ERR_WS_CONNECTION_LOST' });
});

// --- Writes ----------------------------------------------------------------------------------------------------------

test('the time of the answer starts when the transport has taken the ping', async () => {
  const peer = createWatched();
  peer.block();
  void peer.job.session.send('held up');
  await peer.clock.turn(5000);
  // The peer has stopped reading: that is for the stall time-out to judge.
  assert.is(peer.job.state, 'running');
  await peer.unblock();
  assert.equal(peer.wire, ['text "held up"', 'ping 00000001']);
  await peer.clock.turn(299);
  assert.is(peer.job.state, 'running');
  await peer.clock.turn(2000);
  assert.is(peer.job.state, 'closing');
});

test('a peer that takes a write after it was held up lives, though it says nothing', async () => {
  const peer = createWatched({ pingInterval: 2000 });
  for (let round = 0; round < 10; round++) {
    peer.block();
    void peer.job.session.send('slowly');
    await peer.clock.turn(1500);
    await peer.unblock();
    await peer.clock.turn(10);
  }
  assert.equal([peer.job.state, pings(peer)], ['running', 0]);
});

// --- Late timers -----------------------------------------------------------------------------------------------------

test('after the machine was suspended nothing is judged before what has come meanwhile is read', async () => {
  const clock = new JumpingClock();
  const peer = createWatched({}, { engineContext: { clock } });
  await clock.turn(1100);
  assert.is(pings(peer), 1);
  await clock.jump(3_600_000);
  assert.is(peer.job.state, 'running');
  await peer.send(answer(peer));
  await clock.turn(1200);
  assert.equal([peer.job.state, pings(peer)], ['running', 2]);
  await clock.turn(300);
  assert.is(peer.job.state, 'closing');
});

test('after the machine was suspended a peer that is gone is found all the same', async () => {
  const clock = new JumpingClock();
  const peer = createWatched({}, { engineContext: { clock } });
  await clock.turn(1100);
  await clock.jump(3_600_000);
  await clock.turn(1000);
  assert.equal([peer.job.state, peer.wire.at(-1)], ['closing', 'close 1011 "No answer to a ping"']);
});

test('a suspension in a silence without a ping makes a ping, not a death', async () => {
  const clock = new JumpingClock();
  const peer = createWatched({}, { engineContext: { clock } });
  await clock.jump(3_600_000);
  await clock.turn(1000);
  assert.equal([peer.job.state, pings(peer)], ['running', 1]);
});

// --- Timers ----------------------------------------------------------------------------------------------------------

test('one timer is armed while the connection is open, however much comes and goes, and none when it has ended', async () => {
  const peer = createWatched({ idleTimeout: 60_000 });
  const { session } = peer.job;
  assert.is(peer.clock.pending, 1);
  for (let count = 0; count < 200; count++) {
    await peer.send(masked(TEXT, 'in'));
    await session.receive();
    await session.send('out');
    assert.is(peer.clock.pending, 1);
  }
  await peer.send(masked(0x88, closePayload(1000)));
  await peer.end();
  assertEnd(await session.closed, { closeCode: 1000, wasClean: true });
  assert.is(peer.clock.pending, 0);
});

test('while the connection closes no ping goes out', async () => {
  const peer = createWatched({ closeTimeout: 10_000 });
  void peer.job.session.close();
  await peer.clock.turn(9999);
  assert.equal(peer.wire, ['close 1000 ""']);
  await peer.clock.turn(1);
  assertEnd(await peer.job.closed, { error: 'ERR_WS_CLOSE_TIMEOUT' });
  assert.is(peer.clock.pending, 0);
});

test('two engines keep each other alive over a line that is slow, and both find that it went dead', async () => {
  const limits = { pingInterval: 1000, pingTimeout: 1000 };
  const { server, client, clock, line } = createPair({ limits }, { limits }, { link: { latency: 200 } });
  await clock.turn(60_000);
  assert.equal([server.state, client.state], ['running', 'running']);
  assert.is(server.session.counters.roundTrip, 400);
  line.silence();
  await clock.turn(20_000);
  for (const job of [server, client]) assertEnd(await job.closed, { ...dead, sent: dead.sent });
  assert.is(clock.pending, 0);
});

test('nothing has escaped in all of this', async () => {
  await turns();
  assert.equal(seen, []);
});

test.run();
