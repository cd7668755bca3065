// The flow of what comes in: one bounded hop, counted in bytes.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ITEM_OVERHEAD } from '../../lib/limits.ts';
import { turns } from '../support/clock.ts';
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
test('nothing has escaped in all of this', async () => {
  await turns();
  assert.equal(seen, []);
});
test.run();
