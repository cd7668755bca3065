// The flow of what comes in: one bounded hop, counted in bytes.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Intake } from '../../lib/connection/intake.ts';
import { Endpoint } from '../../lib/endpoint/endpoint.ts';
import type { EndpointEvent } from '../../lib/endpoint/event.ts';
import { type ConnectionLimits, defaultLimits, ITEM_OVERHEAD } from '../../lib/limits.ts';
import type { Transport } from '../../lib/stream/transport.ts';
import { TestClock, turns } from '../support/clock.ts';
import { join } from '../support/hex.ts';
import { ByHand, closePayload, masked, watchEscapes } from '../support/pair.ts';

const { seen } = watchEscapes();
const TEXT = 0x81;
const PING = 0x89;
const limits = { queueSize: 1000, lookAhead: 500 };

const test = suite('intake');

test('unread messages stop the reading: queue and look-ahead, and not one chunk more', async () => {
  const peer = new ByHand({ limits });
  const message = masked(TEXT, 'x'.repeat(36));
  let sent = 0;
  for (; sent < 100; sent++) {
    const pulls = peer.pulls;
    await peer.send(message);
    if (peer.pulls === pulls) break;
  }
  // 100 bytes of weight each: the fifteenth reaches the queue and the look-ahead.
  assert.is(sent, 14);
  assert.is(peer.job.session.counters.unread, 1500);
});

test('reading goes on when messages are taken', async () => {
  const peer = new ByHand({ limits });
  for (let count = 0; count < 40; count++) void peer.send(masked(TEXT, String(count).padStart(36)));
  await turns();
  assert.ok(peer.job.session.counters.unread <= 1500);
  for (let count = 0; count < 40; count++) assert.is(Number(await peer.job.session.receive()), count);
});

test('behind unread messages a ping is still answered and a close noticed, within the look-ahead', async () => {
  const peer = new ByHand({ limits });
  for (let count = 0; count < 12; count++) await peer.send(masked(TEXT, 'x'.repeat(36)));
  await peer.send(masked(PING, 'p'));
  assert.equal(peer.wire, ['pong 70']);
  await peer.send(masked(0x88, closePayload(1000)));
  assert.is(peer.job.state, 'closing');
});

test('one chunk of thousands of empty messages is decoded as far as the queue allows', async () => {
  const peer = new ByHand({ limits });
  const empty = masked(TEXT);
  await peer.send(join(...Array.from({ length: 5000 }, () => empty)));
  const { unread, messagesReceived } = peer.job.session.counters;
  assert.ok(unread <= 1500 + ITEM_OVERHEAD, `${unread} bytes unread`);
  assert.ok(messagesReceived < 30);
  let count = 0;
  while (count < 5000) {
    assert.is(await peer.job.session.receive(), '');
    count++;
  }
  assert.is(peer.job.session.counters.unread, 0);
});

test('a message longer than the queue comes through when nothing is unread', async () => {
  const peer = new ByHand({ limits });
  const text = 'x'.repeat(20_000);
  const bytes = masked(TEXT, text);
  for (let from = 0; from < bytes.byteLength; from += 1000) void peer.send(bytes.subarray(from, from + 1000));
  assert.is(await peer.job.session.receive(), text);
});

test('the stream’s own queue is the queue: there is no second one behind it', async () => {
  const peer = new ByHand({ limits });
  const reader = peer.job.session.readable.getReader();
  for (let count = 0; count < 40; count++) void peer.send(masked(TEXT, String(count).padStart(36)));
  await turns();
  assert.ok(peer.job.session.counters.unread <= 1500);
  for (let count = 0; count < 40; count++) assert.is(Number((await reader.read()).value), count);
});

test('a flood of pings costs turns of its own: what it is cut into is bounded', async () => {
  const peer = new ByHand();
  const pings = join(...Array.from({ length: 20_000 }, (_, index) => masked(PING, Uint8Array.of(index & 0xff))));
  void peer.send(join(pings, masked(TEXT, 'after the flood')));
  assert.is(await peer.job.session.receive(), 'after the flood');
  const pongs = peer.frames.filter(({ opcode }) => opcode === 10);
  assert.ok(pongs.length > 16 && pongs.length < 20_000, `${pongs.length} pongs`);
  await turns();
  assert.is(peer.frames.at(-1)?.payload[0], 19_999 & 0xff);
});

test('the end of the input waits its turn behind what is not decoded yet', async () => {
  const peer = new ByHand({ limits });
  void peer.send(
    join(...Array.from({ length: 100 }, (_, index) => masked(TEXT, String(index))), masked(0x88, closePayload(3000))),
  );
  void peer.end();
  await turns();
  for (let count = 0; count < 100; count++) assert.is(await peer.job.session.receive(), String(count));
  assert.is(await peer.job.session.receive(), undefined);
  assert.equal([(await peer.job.closed).closeCode, (await peer.job.closed).wasClean], [3000, true]);
});

test('what is not decoded when the transport breaks is still given to the reader', async () => {
  const peer = new ByHand({ limits });
  await peer.send(join(...Array.from({ length: 100 }, (_, index) => masked(TEXT, String(index)))));
  peer.job.session.signal.addEventListener('abort', () => {});
  peer.block();
  void peer.job.session.send('x');
  await turns();
  peer.job.cancel();
  await peer.clock.turn(10_000);
  assert.ok((await peer.job.closed).abandoned.messages > 0);
});

/** An intake without a connection: an inbox that is as full as the test says, and an endpoint of its own. */
function createIntake(limits: Partial<ConnectionLimits> = {}): {
  intake: Intake;
  inbox: { unread: number };
  clock: TestClock;
  events: EndpointEvent[];
  told: string[];
} {
  const [events, told]: [EndpointEvent[], string[]] = [[], []];
  const inbox = { unread: 0 };
  const clock = new TestClock();
  const owner = {
    eventReceived: (event: EndpointEvent) => void events.push(event),
    inputEnded: () => void told.push('ended'),
    readingResumed: () => void told.push('resumed'),
    moreDecoded: () => {},
  };
  const transport = { pause: () => told.push('pause'), resume: () => told.push('resume') } as unknown as Transport;
  const scheduler = { schedule: (task: () => void) => void setImmediate(task) };
  const parts = { endpoint: new Endpoint({ role: 'server' }), inbox, transport, scheduler, clock };
  const intake = new Intake(owner, {
    ...parts,
    limits: { ...defaultLimits, queueSize: 1000, lookAhead: 500, ...limits },
  });
  return { intake, inbox, clock, events, told };
}

test('reading is held up while as much waits unread as may; it is told when it goes on', async () => {
  const { intake, inbox, told } = createIntake();
  intake.receive(masked(TEXT, 'a'), false);
  assert.equal([intake.isHeldUp, told], [false, []]);
  inbox.unread = 1500;
  intake.receive(masked(TEXT, 'b'), false);
  assert.equal([intake.isHeldUp, told], [true, ['pause']]);
  inbox.unread = 1499;
  intake.inboxHasRoom();
  await turns(1);
  assert.equal([intake.isHeldUp, told], [false, ['pause', 'resumed', 'resume']]);
});

test('reading is held up by a rate as well, and goes on by itself', async () => {
  for (const limits of [{ maxMessageRate: 1 }, { maxByteRate: 7 }]) {
    const { intake, clock, events, told } = createIntake(limits);
    intake.receive(join(masked(TEXT, 'a'), masked(TEXT, 'b')), false);
    assert.ok(intake.isHeldUp);
    await clock.turn(3000);
    assert.equal([intake.isHeldUp, events.length, clock.pending], [false, 2, 0]);
    assert.equal(told, ['pause', 'resumed', 'resume']);
  }
});

test('a pause between two turns holds nothing up', async () => {
  const { intake, told } = createIntake({ queueSize: 256 * 1024 });
  for (let count = 0; count < 17; count++) intake.receive(masked(PING, new Uint8Array(125)), false);
  intake.receive(masked(0x02, new Uint8Array(1024 * 1024)), false);
  assert.equal([intake.isHeldUp, told[0]], [false, 'pause']);
  await turns(20);
  assert.equal(told.slice(-2), ['resumed', 'resume']);
});

test('what has come and is not decoded is told in bytes, across chunks', async () => {
  const { intake, inbox, events } = createIntake({ maxMessageRate: 1 });
  assert.is(intake.undecoded, 0);
  const frame = masked(TEXT, 'abc');
  intake.receive(join(frame, frame, frame), false);
  assert.equal([events.length, intake.undecoded], [1, 2 * frame.byteLength]);
  intake.receive(frame, false);
  assert.is(intake.undecoded, 3 * frame.byteLength);
  inbox.unread = 0;
  intake.discard();
  await turns();
  assert.equal([events.length, intake.undecoded, intake.bytesReceived], [4, 0, 4 * frame.byteLength]);
});

test('once stopped nothing is decoded or read, and no timer is left', async () => {
  const { intake, clock, events, told } = createIntake({ maxMessageRate: 1 });
  intake.receive(join(masked(TEXT, 'a'), masked(TEXT, 'b')), false);
  assert.is(clock.pending, 1);
  intake.stop();
  assert.is(clock.pending, 0);
  intake.inboxHasRoom();
  await clock.turn(10_000);
  assert.equal([events.length, told, clock.pending], [1, ['pause'], 0]);
});

test('the loss of the transport decodes all that had come, whatever the rates and the queue say', () => {
  const { intake, inbox, clock, events } = createIntake({ maxMessageRate: 1 });
  inbox.unread = 1500;
  for (let count = 0; count < 5; count++) intake.receive(join(masked(TEXT, 'a'), masked(TEXT, 'b')), false);
  intake.drain();
  assert.equal([events.length, intake.undecoded, clock.pending], [10, 0, 0]);
});

test('cancelling the readable makes room: reading goes on, what comes is thrown away, and a close is answered', async () => {
  const peer = new ByHand({ limits });
  const { readable } = peer.job.session;
  for (let count = 0; count < 40; count++) void peer.send(masked(TEXT, 'x'.repeat(36)));
  void peer.send(masked(0x88, closePayload(1000)));
  await turns();
  assert.is(peer.job.state, 'running');
  await readable.cancel();
  await turns(20);
  assert.equal(peer.wire, ['close 1000 ""']);
});

test('nothing has escaped in all of this', async () => {
  await turns();
  assert.equal(seen, []);
});
test.run();
