// Flow control of both directions: one bounded hop each, counted in bytes.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ITEM_OVERHEAD } from '../../lib/limits.ts';
import { turns } from '../support/clock.ts';
import { join } from '../support/hex.ts';
import { ByHand, closePayload, createPair, masked, watchEscapes } from '../support/pair.ts';

const { seen } = watchEscapes();
const TEXT = 0x81;
const PING = 0x89;
const limits = { queueSize: 1000, lookAhead: 500 };

const inbound = suite('connection · what comes in');

inbound('unread messages stop the reading: queue and look-ahead, and not one chunk more', async () => {
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

inbound('reading goes on when messages are taken', async () => {
  const peer = new ByHand({ limits });
  for (let count = 0; count < 40; count++) void peer.send(masked(TEXT, String(count).padStart(36)));
  await turns();
  assert.ok(peer.job.session.counters.unread <= 1500);
  for (let count = 0; count < 40; count++) assert.is(Number(await peer.job.session.receive()), count);
});

inbound('behind unread messages a ping is still answered and a close noticed, within the look-ahead', async () => {
  const peer = new ByHand({ limits });
  for (let count = 0; count < 12; count++) await peer.send(masked(TEXT, 'x'.repeat(36)));
  await peer.send(masked(PING, 'p'));
  assert.equal(peer.wire, ['pong 70']);
  await peer.send(masked(0x88, closePayload(1000)));
  assert.is(peer.job.state, 'closing');
});

inbound('one chunk of thousands of empty messages is decoded as far as the queue allows', async () => {
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

inbound('a message longer than the queue comes through when nothing is unread', async () => {
  const peer = new ByHand({ limits });
  const text = 'x'.repeat(20_000);
  const bytes = masked(TEXT, text);
  for (let from = 0; from < bytes.byteLength; from += 1000) void peer.send(bytes.subarray(from, from + 1000));
  assert.is(await peer.job.session.receive(), text);
});

inbound('the stream’s own queue is the queue: there is no second one behind it', async () => {
  const peer = new ByHand({ limits });
  const reader = peer.job.session.readable.getReader();
  for (let count = 0; count < 40; count++) void peer.send(masked(TEXT, String(count).padStart(36)));
  await turns();
  assert.ok(peer.job.session.counters.unread <= 1500);
  for (let count = 0; count < 40; count++) assert.is(Number((await reader.read()).value), count);
});

inbound('a flood of pings costs turns of its own: what it is cut into is bounded', async () => {
  const peer = new ByHand();
  const pings = join(...Array.from({ length: 20_000 }, (_, index) => masked(PING, Uint8Array.of(index & 0xff))));
  void peer.send(join(pings, masked(TEXT, 'after the flood')));
  assert.is(await peer.job.session.receive(), 'after the flood');
  const pongs = peer.frames.filter(({ opcode }) => opcode === 10);
  assert.ok(pongs.length > 16 && pongs.length < 20_000, `${pongs.length} pongs`);
  await turns();
  assert.is(peer.frames.at(-1)?.payload[0], 19_999 & 0xff);
});

inbound('the end of the input waits its turn behind what is not decoded yet', async () => {
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

inbound('what is not decoded when the transport breaks is still given to the reader', async () => {
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
inbound.run();

const outbound = suite('connection · what goes out');

outbound('backpressure holds from a reader that waits to the other side’s send', async () => {
  const { server, client } = createPair({ limits }, { limits });
  let sent = 0;
  void (async () => {
    for (let count = 0; count < 1000; count++) {
      await client.session.send(String(count).padStart(36));
      sent++;
    }
  })();
  await turns(50);
  const held = sent;
  assert.ok(held < 60, `${held} sends before anybody read`);
  await turns(50);
  assert.is(sent, held);
  for (let count = 0; count < 1000; count++) assert.is(Number(await server.session.receive()), count);
  await turns();
  assert.is(sent, 1000);
});

outbound('ten thousand messages arrive in order, whole, through a slow pipe', async () => {
  const { server, client } = createPair({ limits }, { limits });
  const send = (async () => {
    for (let count = 0; count < 10_000; count++) await client.session.send(`${count}`);
    await client.session.close();
  })();
  let count = 0;
  for await (const message of server.session) assert.is(message, `${count++}`);
  assert.is(count, 10_000);
  await send;
  assert.ok((await server.closed).wasClean);
});

outbound('a large message is written in pieces, and a pong has its turn between whole frames only', async () => {
  const peer = new ByHand({ fragmentSize: 1000 });
  peer.block();
  void peer.job.session.send(new Uint8Array(1_000_000));
  await turns();
  await peer.send(masked(PING, 'p'));
  await peer.unblock();
  await turns(200);
  const opcodes = peer.frames.map(({ opcode }) => opcode);
  const pong = opcodes.indexOf(10);
  assert.ok(pong > 0 && pong < opcodes.length - 1, `the pong is frame ${pong} of ${opcodes.length}`);
  assert.is(opcodes.filter((opcode) => opcode === 0 || opcode === 2).length, 1000);
});

outbound('nothing has escaped in all of this', async () => {
  await turns();
  assert.equal(seen, []);
});
outbound.run();
