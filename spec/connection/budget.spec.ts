// What connections retain together, held under one limit: whoever holds most is closed with 1013, whatever it holds, and the others live.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { RetainedBudget } from '../../lib/connection/retained-budget.ts';
import type { StreamedMessage } from '../../lib/connection/streamed-message.ts';
import type { ConnectionLimits } from '../../lib/limits.ts';
import { rejects } from '../support/check.ts';
import { turns } from '../support/clock.ts';
import { join } from '../support/hex.ts';
import { ByHand, closePayload, type JobSettings, masked, watchEscapes } from '../support/pair.ts';
import { assertEnd } from '../support/server.ts';
import { sessionOf, streamed } from '../support/streamed.ts';

const { seen } = watchEscapes();
const KiB = 1024;
const TEXT = 0x81;
const BINARY = 0x82;

const test = suite('budget');

/** Connections that share a budget. */
class Server {
  readonly budget: RetainedBudget;
  readonly #limits: Partial<ConnectionLimits>;

  constructor(limit: number, limits: Partial<ConnectionLimits> = {}) {
    this.budget = new RetainedBudget(limit);
    this.#limits = { pingInterval: Number.POSITIVE_INFINITY, ...limits };
  }

  connect(settings: JobSettings = {}): ByHand {
    return new ByHand({ ...settings, limits: this.#limits, engineContext: { budget: this.budget } });
  }
}

const shed = {
  closeCode: 1006,
  wasClean: false,
  initiator: 'local',
  sent: { closeCode: 1013, reason: 'The connections retain too much together' },
  error: 'ERR_WS_RETAINED',
} as const;

/** Asserts that this one was closed for what it held, and that its part of the budget is free. */
async function assertShed(peer: ByHand): Promise<void> {
  assert.is(peer.wire.at(-1), `close 1013 "${shed.sent.reason}"`);
  await peer.end();
  assertEnd(await peer.job.session.closed, shed);
}

/** Asserts that this one lives. */
async function assertAlive(peer: ByHand): Promise<void> {
  const before = peer.frames.length;
  await peer.send(masked(0x89, 'alive?'));
  assert.equal(peer.wire.slice(before), ['pong 616c6976653f']);
}

/** Ways to hold some 40,000 bytes. */
const hoards: readonly (readonly [string, JobSettings, (peer: ByHand) => Promise<unknown>])[] = [
  ['an unread message', {}, (peer) => peer.send(masked(BINARY, new Uint8Array(40_000)))],
  ['unread empty messages', {}, (peer) => peer.send(join(...Array.from({ length: 620 }, () => masked(BINARY))))],
  [
    'messages in the stream of the session',
    {},
    async (peer) => {
      assert.ok(peer.job.session.readable);
      await peer.send(masked(BINARY, new Uint8Array(40_000)));
    },
  ],
  ['a fragment of a message', {}, (peer) => peer.send(masked(0x02, new Uint8Array(40_000)))],
  ['a part of a frame', {}, (peer) => peer.send(masked(BINARY, new Uint8Array(50_000)).subarray(0, 40_000))],
  ['an unread body', streamed(), (peer) => peer.send(masked(0x02, new Uint8Array(40_000)))],
  [
    'a body that is being collected',
    streamed(),
    async (peer) => {
      const message = sessionOf(peer.job).receive() as Promise<StreamedMessage>;
      await peer.send(masked(0x02));
      void (await message).bytes();
      for (let count = 0; count < 10; count++) await peer.send(masked(0x00, new Uint8Array(4000)));
    },
  ],
  [
    'frames of a raw session',
    { raw: true } as unknown as JobSettings,
    (peer) => peer.send(masked(0x02, new Uint8Array(40_000))),
  ],
];

for (const [what, settings, hold] of hoards) {
  test(`one that holds ${what} is closed with 1013 when the sum is over the limit; the others live`, async () => {
    const server = new Server(64 * KiB);
    const [greedy, modest, idle] = [server.connect(settings), server.connect(), server.connect()];
    await hold(greedy);
    assert.ok(server.budget.retained >= 39_000, `${server.budget.retained} bytes`);
    await modest.send(masked(BINARY, new Uint8Array(20_000)));
    assert.is(greedy.job.state, 'running');
    await modest.send(masked(BINARY, new Uint8Array(10_000)));
    assert.is(greedy.job.state, 'closing');
    await assertShed(greedy);
    await assertAlive(modest);
    await assertAlive(idle);
    assert.is(server.budget.retained, 30_000 + 2 * 64);
    assert.is((await modest.job.session.receive())?.length, 20_000);
  });
}

test('one whose peer does not read what was sent is shed: the close frame does not wait behind all that', async () => {
  const server = new Server(64 * KiB);
  const [greedy, modest] = [server.connect(), server.connect()];
  greedy.block();
  void greedy.job.session.send('being written');
  await turns();
  void greedy.job.session.send(new Uint8Array(50_000));
  const flushed = rejects(greedy.job.session.flush(), Error, 'ERR_WS_RETAINED');
  await modest.send(masked(BINARY, new Uint8Array(20_000)));
  assert.is(greedy.job.state, 'closing');
  await greedy.unblock();
  assert.equal(greedy.wire, ['text "being written"', `close 1013 "${shed.sent.reason}"`]);
  await greedy.end();
  const info = await greedy.job.closed;
  assertEnd(info, shed);
  assert.ok(info.abandoned.bytes >= 50_000);
  await flushed;
  await assertAlive(modest);
});

test('one in the middle of a long frame is cut: nothing can be said there', async () => {
  const server = new Server(2 * KiB * KiB);
  const greedy = server.connect();
  greedy.block();
  void greedy.job.session.send(new Uint8Array(1_500_000));
  await turns();
  const modest = server.connect();
  await modest.send(masked(BINARY, new Uint8Array(800_000)));
  assertEnd(await greedy.job.closed, { ...shed, sent: undefined });
  assert.is(server.budget.retained, 800_064);
  assert.is((await modest.job.session.receive())?.length, 800_000);
  await turns();
  await assertAlive(modest);
});

test('a send that goes over the limit sheds its own connection when that holds most, and rejects', async () => {
  const server = new Server(64 * KiB);
  const peer = server.connect();
  peer.block();
  void peer.job.session.send('being written');
  await turns();
  const rejected = rejects(peer.job.session.send(new Uint8Array(70_000)), Error, 'ERR_WS_RETAINED');
  await peer.unblock();
  await assertShed(peer);
  await rejected;
  assert.is(server.budget.retained, 0);
});

test('what is shed is let go of at once, also where a stream holds it and its handler ignores the end', async () => {
  const server = new Server(64 * KiB);
  const peer = server.connect({ handler: () => new Promise(() => {}) });
  const reader = peer.job.session.readable.getReader();
  await turns();
  await peer.send(masked(BINARY, new Uint8Array(50_000)));
  const other = server.connect();
  await other.send(masked(BINARY, new Uint8Array(20_000)));
  assert.is(peer.job.session.counters.unread, 0);
  await rejects(reader.read(), Error, 'ERR_WS_RETAINED');
  await assertShed(peer);
  await peer.clock.turn(5000);
});

test('one that is closing already and holds most is cut', async () => {
  const server = new Server(64 * KiB);
  const [greedy, modest] = [server.connect(), server.connect()];
  greedy.block();
  void greedy.job.session.send(new Uint8Array(40_000));
  void greedy.job.session.close();
  await turns();
  await modest.send(masked(BINARY, new Uint8Array(30_000)));
  assertEnd(await greedy.job.closed, { error: 'ERR_WS_RETAINED', wasClean: false });
  assert.is(server.budget.retained, 30_064);
  await assertAlive(modest);
});

test('what is read makes room again, and what has ended too: nobody is shed for what is gone', async () => {
  const server = new Server(64 * KiB);
  const [first, second] = [server.connect(), server.connect()];
  for (let count = 0; count < 20; count++) {
    await first.send(masked(BINARY, new Uint8Array(30_000)));
    await second.send(masked(BINARY, new Uint8Array(30_000)));
    await first.job.session.receive();
    await second.job.session.receive();
  }
  for (let count = 0; count < 20; count++) {
    const peer = server.connect();
    await peer.send(join(masked(BINARY, new Uint8Array(50_000)), masked(0x88, closePayload(1000))));
    await peer.end();
    peer.job.cancel();
    await peer.clock.turn(5000);
    await peer.job.closed;
  }
  assert.equal([first.job.state, second.job.state, server.budget.retained], ['running', 'running', 0]);
});

test('a connection that was lost with messages unread holds nothing of the budget any more', async () => {
  const server = new Server(64 * KiB);
  const peer = server.connect();
  await peer.send(masked(BINARY, new Uint8Array(50_000)));
  await peer.fail(new Error('reset'));
  await peer.clock.turn(5000);
  await peer.job.session.closed;
  assert.is(server.budget.retained, 0);
});

test('a thousand connections, each just under its own limits, hold no more than the budget together', async () => {
  const limit = 4 * KiB * KiB;
  const server = new Server(limit, { queueSize: 8 * KiB, lookAhead: 0, maxMessageSize: 16 * KiB });
  const peers = Array.from({ length: 1000 }, () => server.connect());
  const message = masked(BINARY, new Uint8Array(8000));
  for (const peer of peers) {
    void peer.send(message);
    await turns(1);
    assert.ok(server.budget.retained <= limit);
  }
  await turns();
  const closing = peers.filter(({ job }) => job.state !== 'running').length;
  const kept = Math.floor(limit / 8064);
  assert.is(closing, 1000 - kept);
  for (const peer of peers) peer.job.cancel();
});

test('without a budget nobody is shed', async () => {
  const peer = new ByHand({ limits: { maxMessageSize: 8 * KiB * KiB } });
  await peer.send(masked(TEXT, 'x'.repeat(4 * KiB * KiB)));
  assert.is(peer.job.state, 'running');
});

test('nothing has escaped in all of this', async () => {
  await turns();
  assert.equal(seen, []);
});

test.run();
