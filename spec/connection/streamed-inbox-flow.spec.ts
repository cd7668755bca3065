// The flow of streamed messages: nobody reads faster than the body is read, and however long a message is, memory stays flat.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { StreamedMessage } from '../../lib/connection/streamed-message.ts';
import { turns } from '../support/clock.ts';
import { type WireFrame, wireHeaderTo, wireTo } from '../support/frames.ts';
import { join } from '../support/hex.ts';
import { inMiB, MiB, retainedMemory } from '../support/memory.ts';
import { closePayload, createPair, watchEscapes } from '../support/pair.ts';
import { sized } from '../support/sized.ts';
import { createStreamed, type StreamedSession, sessionOf, streamed } from '../support/streamed.ts';

const { seen } = watchEscapes();
const narrow = { queueSize: 1000, lookAhead: 500 };

const test = suite('streamed inbox · flow');

function wire(role: 'server' | 'client', ...frames: readonly WireFrame[]): Uint8Array {
  return join(...frames.map((frame) => wireTo(role, frame)));
}

const close = (code: number): WireFrame => ({ opcode: 8, payload: closePayload(code) });

async function take(session: StreamedSession): Promise<StreamedMessage> {
  return (await session.receive()) as StreamedMessage;
}

test('an unread body stops the reading of the transport: queue and look-ahead, and a chunk more at most', async () => {
  const { peer, session } = createStreamed({ limits: narrow });
  for (let count = 0; count < 100; count++) {
    void peer.send(wire('server', { opcode: count === 0 ? 2 : 0, payload: new Uint8Array(36), fin: false }));
  }
  await turns(20);
  const { unread } = session.counters;
  assert.ok(unread >= 1500 && unread <= 1500 + 100, `${unread} unread`);
  const { pulls } = peer;
  assert.ok(pulls < 20, `${pulls} chunks read`);
  const message = await take(session);
  await turns(20);
  assert.is(peer.pulls, pulls, 'taking the message reads nothing of it');
  let size = 0;
  for await (const chunk of message) {
    size += chunk.byteLength;
    assert.ok(session.counters.unread <= 1600);
    if (size === 3600) break;
  }
  assert.is(size, 3600);
});

test('behind an unread body a ping is still answered and a close noticed, within the look-ahead', async () => {
  const { peer } = createStreamed({ limits: narrow });
  await peer.send(
    wire('server', { opcode: 2, payload: new Uint8Array(1100), fin: false }, { opcode: 9, payload: 'p' }),
  );
  assert.equal(peer.wire, ['pong 70']);
  await peer.send(wire('server', close(1000)));
  assert.is(peer.job.state, 'closing');
});

test('a reader of the body that waits holds up the peer’s send on the other side, and all of it arrives', async () => {
  const { peer, session } = createStreamed({ limits: narrow });
  const size = 200_000;
  const payload = Uint8Array.from({ length: size }, (_, index) => index % 251);
  const bytes = wire('server', { opcode: 2, payload });
  for (let from = 0; from < bytes.byteLength; from += 1000) void peer.send(bytes.subarray(from, from + 1000));
  const reader = (await take(session)).body.getReader();
  let at = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    assert.equal(value, payload.slice(at, at + value.byteLength));
    at += value.byteLength;
    assert.ok(session.counters.unread <= 2700, `${session.counters.unread} unread`);
    if (at % 7 === 0) await turns(1);
  }
  assert.is(at, size);
});

test('a cancelled body is read and thrown away, and the message behind it is given', async () => {
  for (const cancel of [
    (message: StreamedMessage) => message.cancel(),
    (message: StreamedMessage) => message.body.cancel(),
    async (message: StreamedMessage) => {
      for await (const _ of message) break;
    },
    () => {},
  ]) {
    const { peer, session } = createStreamed({ limits: narrow });
    void peer.send(
      wire(
        'server',
        { opcode: 2, payload: new Uint8Array(50_000), fin: false },
        { opcode: 0, payload: new Uint8Array(9000) },
        { opcode: 1, payload: 'next' },
      ),
    );
    await cancel(await take(session));
    assert.is(await (await take(session)).text(), 'next');
  }
});

test('cancelling the readable of the session reads on: what follows is thrown away, and the close is answered', async () => {
  for (const isRead of [false, true]) {
    const { peer, session } = createStreamed({ limits: narrow });
    const reader = session.readable.getReader();
    for (let count = 0; count < 100; count++) {
      void peer.send(wire('server', { opcode: count === 0 ? 2 : 0, payload: new Uint8Array(100), fin: false }));
    }
    void peer.send(wire('server', close(1000)));
    await turns(20);
    assert.is(peer.job.state, 'running');
    if (isRead) await reader.read();
    await reader.cancel();
    await turns(20);
    assert.equal(peer.wire, ['close 1000 ""']);
  }
});

const BATCH = 10_000;
const fragments = sized(100_000, 1_000_000);

// --- Memory ----------------------------------------------------------------------------------------------------------

for (const [what, frame, bytes] of [
  ['empty', { opcode: 0, fin: false }, 0],
  ['one-byte', { opcode: 0, fin: false, payload: 'x' }, fragments],
] as const) {
  test(`${fragments} ${what} fragments of one message, unread for the most part, leave memory flat`, async () => {
    const { peer, session } = createStreamed({ role: 'client' });
    const batch = wire('client', ...Array.from({ length: BATCH }, () => frame));
    await peer.send(wire('client', { opcode: 1, fin: false }));
    const before = await retainedMemory();
    let most = 0;
    let size = 0;
    for (let count = 0; count < fragments / BATCH; count++) void peer.send(batch);
    void peer.send(wire('client', { opcode: 0 }));
    for await (const chunk of await take(session)) {
      size += chunk.byteLength;
      if (size % (fragments / 4) === 0) most = Math.max(most, (await retainedMemory()) - before);
    }
    assert.is(size, bytes);
    most = Math.max(most, (await retainedMemory()) - before);
    // The batches that wait in the test's own stream are one and the same buffer.
    assert.ok(most < 2 * MiB, `${inMiB(most)} are kept`);
  });
}

test(`${fragments} one-byte fragments to nobody stop at the queue and the look-ahead`, async () => {
  const { peer, session } = createStreamed({ role: 'client' });
  const batch = wire('client', ...Array.from({ length: BATCH }, () => ({ opcode: 0, fin: false, payload: 'x' })));
  await peer.send(wire('client', { opcode: 1, fin: false }));
  const before = await retainedMemory();
  for (let count = 0; count < fragments / BATCH; count++) void peer.send(batch);
  await turns(200);
  assert.ok(session.counters.unread < 132 * 1024, `${session.counters.unread} unread`);
  const kept = (await retainedMemory()) - before;
  assert.ok(kept < 2 * MiB, `${inMiB(kept)} are kept`);
});

const length = sized(32, 256);

test(`${length} MiB come through one message with flat memory, and every byte of them`, async () => {
  const { peer, session } = createStreamed({ role: 'client' });
  const size = length * MiB;
  const block = new Uint8Array(64 * 1024).fill(3);
  let sent = 0;
  void peer.send(wireHeaderTo('client', { opcode: 2, declared: size }));
  // As a socket does it: another chunk when the last one was read.
  const feed = (): void => {
    for (let ahead = 0; ahead < 4 && sent < size; ahead++, sent += block.byteLength) void peer.send(block.slice());
  };
  feed();
  const before = await retainedMemory();
  let received = 0;
  let sum = 0;
  let most = 0;
  const step = sized(16, 32) * MiB;
  let next = step;
  for await (const chunk of (await take(session)).body) {
    received += chunk.byteLength;
    sum += (chunk[0] as number) * chunk.byteLength;
    if (sent - received < 2 * block.byteLength) feed();
    if (received < next) continue;
    next += step;
    most = Math.max(most, (await retainedMemory()) - before);
  }
  assert.equal([received, sum], [size, 3 * size]);
  assert.ok(most < 4 * MiB, `${inMiB(most)} are kept`);
});

test('a message goes from engine to engine and back as it comes, through both session streams', async () => {
  const limits = { queueSize: 16 * 1024, lookAhead: 16 * 1024 };
  const { server, client, clock } = createPair(
    streamed({ limits, handler: (session) => session.readable.pipeTo(session.writable as WritableStream) }) as never,
    streamed({ limits }) as never,
  );
  const session = sessionOf(client);
  const size = sized(4, 8) * MiB;
  const sent = session.send(
    (async function* () {
      for (let at = 0; at < size; at += 8192) yield new Uint8Array(8192).fill((at / 8192) & 0xff);
    })(),
  );
  let at = 0;
  for await (const chunk of await take(session)) {
    for (const byte of chunk) if (byte !== ((at++ >> 13) & 0xff)) assert.unreachable(`byte ${at - 1} is ${byte}`);
    const { unread } = server.session.counters;
    assert.ok(unread < 200 * 1024, `${unread} unread`);
  }
  assert.is(at, size);
  await sent;
  void session.close();
  await clock.turn(1000);
  assert.ok((await server.closed).wasClean);
});

test('nothing has escaped in all of this', async () => {
  await turns();
  assert.equal(seen, []);
});

test.run();
