// A received message that is sent on as it comes: to another connection, or back to its sender, of any length and at the pace of the slower side.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { StreamedMessage } from '../../lib/connection/streamed-message.ts';
import type { Job } from '../../lib/job/job.ts';
import { upgrade } from '../../lib/job/upgrade.ts';
import { streams } from '../../lib/stream/streams.ts';
import { rejects } from '../support/check.ts';
import { TestClock, turns } from '../support/clock.ts';
import { join } from '../support/hex.ts';
import { ByHand, closePayload, masked, watchEscapes } from '../support/pair.ts';
import { sized } from '../support/sized.ts';
import { HandSource } from '../support/sources.ts';
import { within } from '../support/until.ts';

const { seen } = watchEscapes();
const KiB = 1024;
const MiB = 1024 * KiB;

type StreamedJob = Job<undefined, StreamedMessage>;
type StreamedHandler = (session: StreamedJob['session']) => unknown;

/** Two sessions of streamed messages, joined by their byte streams. */
function createStreamedPair(handler?: StreamedHandler): { server: StreamedJob; client: StreamedJob; clock: TestClock } {
  const { TransformStream } = streams();
  const clock = new TestClock();
  const up = new TransformStream<Uint8Array, Uint8Array>();
  const down = new TransformStream<Uint8Array, Uint8Array>();
  const context = { clock };
  const messages = 'streamed';
  const server = handler === undefined ? ({ messages } as const) : ({ messages, handler } as const);
  return {
    clock,
    server: upgrade(up.readable, down.writable, context, undefined, server),
    client: upgrade(down.readable, up.writable, context, undefined, { role: 'client', messages }),
  };
}

/** A peer by hand of a session of streamed messages. */
function byHand(handler: StreamedHandler): ByHand {
  return new ByHand({ messages: 'streamed', handler: handler as never });
}

const echoes: readonly (readonly [string, StreamedHandler, number])[] = [
  [
    'for await, send',
    async (session) => {
      for await (const message of session) await session.send(message);
    },
    sized(48, 256),
  ],
  ['readable.pipeTo(writable)', (session) => session.readable.pipeTo(session.writable), sized(32, 64)],
];

for (const [how, echo, size] of echoes) {
  const test = suite(`streamed passing · echo by ${how}`);

  test('types, texts, bytes and empty messages come back as they were, each as one message', async () => {
    const { client } = createStreamedPair(echo);
    const messages = ['', 'a', new Uint8Array(0), 'x'.repeat(200_000), new Uint8Array(300 * KiB).fill(7), 'é\u{1f600}'];
    for (const message of messages) {
      void client.session.send(message);
      const back = await client.session.receive();
      assert.is(back?.type, typeof message === 'string' ? 'text' : 'binary');
      if (typeof message === 'string') assert.is(await back?.text(), message);
      else assert.equal(await back?.bytes(), message);
    }
    void client.session.close();
    assert.ok((await within(client.closed, 'the end')).wasClean);
  });

  test('a message comes back while it still comes', async () => {
    const peer = byHand(echo);
    await peer.send(masked(0x01, 'a'));
    assert.equal(peer.wire, ['text… "a"']);
    await peer.send(masked(0x00, 'b'));
    assert.equal(peer.wire, ['text… "a"', 'continuation… "b"']);
    await peer.send(join(masked(0x80, ''), masked(0x88, closePayload(1000))));
    await turns();
    assert.equal(peer.wire, ['text… "a"', 'continuation… "b"', 'continuation ""', 'close 1000 ""']);
    await peer.end();
    assert.is((await peer.job.closed).wasClean, true);
    assert.is(peer.job.state, 'completed');
  });

  test('a message whose sender is lost is not finished: it never looks whole', async () => {
    const peer = byHand(echo);
    await peer.send(masked(0x01, 'a'));
    await peer.fail(new Error('reset'));
    const info = await peer.job.closed;
    assert.equal([peer.wire, info.wasClean], [['text… "a"'], false]);
  });

  test(`${size} MiB through one message, with flat memory`, async () => {
    const { client, server } = createStreamedPair(echo);
    const total = size * MiB;
    const chunk = new Uint8Array(64 * KiB).map((_, index) => index % 253);
    async function* source(): AsyncGenerator<Uint8Array> {
      for (let sent = 0; sent < total; sent += chunk.byteLength) yield chunk;
    }
    const sending = client.session.send(source());
    const message = await client.session.receive();
    let received = 0;
    let most = 0;
    let before = 0;
    for await (const bytes of message as StreamedMessage) {
      assert.is(bytes[0], chunk[received % chunk.byteLength]);
      received += bytes.byteLength;
      const { queued, unread } = server.session.counters;
      most = Math.max(most, queued + unread);
      if (received < 16 * MiB || received > total - MiB) continue;
      if (before === 0) before = await retained();
      else if (received % (16 * MiB) < bytes.byteLength) assert.ok((await retained()) - before < 8 * MiB);
    }
    assert.is(received, total);
    assert.ok(most < MiB, `${most} bytes waited`);
    assert.ok((await retained()) - before < 8 * MiB);
    await sending;
    void client.session.close();
    assert.ok((await within(client.closed, 'the end')).wasClean);
  });
  test.run();
}

/** Bytes that are kept after a collection. Buffers are let go of by a thread of its own: it has its time. */
async function retained(): Promise<number> {
  for (let count = 0; count < 3; count++) {
    globalThis.gc?.();
    await turns();
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

const cut = suite('streamed passing · cut short');

cut('a handler that returns before a received message is sent on has let it go: nothing of it is sent', async () => {
  let sending: Promise<void> | undefined;
  const peer = byHand(async (session) => {
    sending = session.send((await session.receive()) as StreamedMessage);
  });
  await peer.send(masked(0x01, 'a'));
  await peer.send(masked(0x80, 'b'));
  await rejects(sending as Promise<void>, Error, /./);
  assert.equal(peer.wire, ['close 1000 ""']);
});

cut('a handler that returns in the middle of it makes the connection fail: the part does not look whole', async () => {
  const peer = byHand(async (session) => {
    void session.send((await session.receive()) as StreamedMessage);
    await turns();
  });
  await peer.send(masked(0x01, 'a'));
  await peer.send(masked(0x00, 'b'));
  await turns();
  await peer.send(masked(0x80, 'c'));
  assert.equal([peer.wire[0], peer.wire.at(-1)], ['text… "a"', 'close 1011 ""']);
  assert.not(peer.wire.some((frame) => frame.startsWith('continuation "')));
  await peer.end();
  assert.is(((await peer.job.closed).error as { code?: string }).code, 'ERR_WS_MESSAGE_ABORTED');
});

cut('collecting a message that is discarded on the way rejects, and gives no part of it', async () => {
  const peer = byHand((session) => session.closed);
  const message = (await Promise.all([peer.job.session.receive(), peer.send(masked(0x01, 'a'))]))[0];
  const text = (message as unknown as StreamedMessage).text();
  await turns();
  peer.job.cancel();
  await peer.send(masked(0x80, 'b'));
  await peer.send(masked(0x88, closePayload(1001)));
  await peer.end();
  await rejects(text, Error, /./);
});

cut('the source of one connection is let go when the other ends, and that session goes on', async () => {
  const { client, server } = createStreamedPair();
  const other = new ByHand();
  const source = new HandSource();
  void client.session.send(source);
  await source.give('a');
  const message = (await server.session.receive()) as StreamedMessage;
  const passing = other.job.session.send(message);
  await turns();
  assert.equal(other.wire, ['text… "a"']);
  await other.fail(new Error('gone'));
  await rejects(passing, Error, 'ERR_WS_CLOSED');
  await source.give('b');
  await source.end();
  void client.session.send('next');
  const next = (await within(server.session.receive(), 'the next message')) as StreamedMessage;
  assert.is(await next.text(), 'next');
});

cut('nothing has escaped', async () => {
  await turns();
  assert.equal(seen, []);
});
cut.run();
