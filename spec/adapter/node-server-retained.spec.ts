// maxRetained: what all connections of a server hold together stays bounded, and who pays for it. Over real sockets.

import process from 'node:process';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { RetainedBudget, type ServeOptions } from '../../lib/node.ts';
import { binary, close, continuation, masked, ping, RawClient, requestHead, text } from '../support/raw-client.ts';
import { assertEnd, assertNothingEscaped, echo, endOf, idle, startServer } from '../support/server.ts';
import { serve } from '../support/serving.ts';
import { sized } from '../support/sized.ts';
import { standstill, turns, until } from '../support/until.ts';

const KiB = 1024;
const MiB = 1024 * KiB;

/** Bytes in use, of the heap and outside it, when all garbage is gone. */
async function usedBytes(): Promise<number> {
  for (let round = 0; round < 4; round++) {
    globalThis.gc?.();
    await turns(2);
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Whether the server answers a ping on this connection: then it lives. */
async function lives(client: RawClient): Promise<boolean> {
  client.send(ping('alive?'));
  const frame = await client.frame().catch(() => undefined);
  return frame?.opcode === 10;
}

async function openAll(port: number, count: number): Promise<RawClient[]> {
  const clients: RawClient[] = [];
  for (let index = 0; index < count; index++) clients.push(await RawClient.open(port));
  return clients;
}

const test = suite('maxRetained');

test('garbage can be collected', () => {
  assert.type(globalThis.gc, 'function', 'run with --expose-gc');
});

// Half of the budget and of those who hold it is the same rule.
const scale = sized(0.5, 1);
const budget = scale * 8 * MiB;
const withBudget = (limits: ServeOptions['limits'] = {}): ServeOptions => ({
  limits: { maxRetained: budget, handlerTimeout: 10, closeTimeout: 1000, ...limits },
});

// What is held, how many clients do so, how many bytes each holds, how much more than it counts it may cost, and the bytes.
const hoards: readonly (readonly [string, number, number, number, () => Uint8Array])[] = [
  ['unread messages', scale * 200, 60 * KiB, 1, () => binary(new Uint8Array(60 * KiB))],
  ['messages that are not whole', scale * 50, 900 * KiB, 1, () => binary(new Uint8Array(900 * KiB), false)],
  ['one frame that never ends', scale * 50, 900 * KiB, 1, () => binary(new Uint8Array(900 * KiB)).subarray(0, -1)],
  // Each counts 64 bytes. Its array takes some 190 of the heap.
  [
    'messages of no bytes',
    scale * 300,
    32 * KiB,
    3,
    () => Buffer.concat(Array<Uint8Array>(512).fill(binary(new Uint8Array(0)))),
  ],
];

for (const [what, count, each, factor, make] of hoards) {
  test(`${count} clients that hold ${what}, each just under its own limits, hold no more than the budget together`, async () => {
    await using host = await startServer(idle, withBudget());
    const bytes = make();
    const clients = await openAll(host.port, count);
    const before = await usedBytes();
    // One after the other, so that what is on its way between the two ends of this process is not taken for what the server holds.
    for (const [index, client] of clients.entries()) {
      client.send(bytes);
      await until(() => host.server.counters.bytesReceived >= (index + 1) * bytes.byteLength, 'it has come');
    }
    const held = (await usedBytes()) - before;
    // Both ends of each connection are in this process, some of them in the middle of their end.
    assert.ok(held < budget * factor + scale * 6 * MiB, `${held} bytes are held`);
    const isShed = ({ buffered }: RawClient): boolean => buffered > 0;
    await standstill(() => clients.filter(isShed).length, 'the close frames');
    const shed = clients.filter(isShed);
    for (const client of shed) assert.is((await client.untilClose()).code, 1013);
    const kept = count - shed.length;
    assert.ok(kept * each <= budget, `${kept} are kept`);
    assert.ok((kept + 2) * each > budget, `no more are closed than need be: ${kept} are kept`);
    RawClient.destroyAll();
    await host.quiet();
    assert.is(host.server.counters.closed[1013], shed.length);
  });
}

test('the one that holds most is closed with 1013, and its session told why; the others live and lose nothing', async () => {
  await using host = await startServer(
    async (session) => {
      const message = await session.receive();
      if (message !== 'hold') return;
      await session.send('I hold');
      const held = await session.receive();
      if (held !== 'go on') await session.closed;
      for await (const each of session) await session.send(each);
    },
    { limits: { maxRetained: 300 * KiB } },
  );
  const clients = await openAll(host.port, 4);
  const [small, large, medium, last] = clients as [RawClient, RawClient, RawClient, RawClient];
  for (const client of clients) {
    client.send(text('hold'));
    assert.is((await client.frame()).payload.toString(), 'I hold');
    client.send(text('something else'));
  }
  small.send(text('s'.repeat(10 * KiB)));
  large.send(binary(new Uint8Array(180 * KiB), false));
  medium.send(binary(new Uint8Array(90 * KiB), false));
  for (const client of clients) assert.ok(await lives(client), 'nobody holds too much yet');
  last.send(text('l'.repeat(40 * KiB)));
  const { code, reason, before } = await large.untilClose();
  assert.equal([code, before], [1013, []]);
  assert.ok(reason.length > 0, 'the reason says why');
  large.send(close(1013));
  large.end();
  const info = await endOf(host.sessions[1] as (typeof host.sessions)[0]);
  assertEnd(info, { initiator: 'local', sent: { closeCode: 1013, reason }, error: 'ERR_WS_RETAINED' });
  for (const client of [small, medium, last]) assert.ok(await lives(client), 'the others live');
  assert.equal(host.server.counters.closed, { 1013: 1 });
  // There is room again.
  using next = await RawClient.open(host.port);
  next.send(text('hold'));
  assert.is((await next.frame()).payload.toString(), 'I hold');
});

test('what peers do not read counts too, and is let go of', async () => {
  const chunk = new Uint8Array(64 * KiB);
  await using host = await startServer(async (session) => {
    await session.receive();
    // Nobody holds this handler up: it does not wait.
    for (let count = 0; count < scale * 160; count++) void session.send(Uint8Array.from(chunk));
    await session.closed;
  }, withBudget());
  const clients = await openAll(host.port, 6);
  const before = await usedBytes();
  for (const client of clients) {
    client.pause();
    client.send(text('go'));
  }
  await until(() => host.sessions.some(({ job }) => job.state !== 'running'), 'one is closed');
  await standstill(() => host.server.counters.queued, 'the output');
  assert.ok(host.server.counters.queued < budget, `${host.server.counters.queued} bytes are queued`);
  const held = (await usedBytes()) - before;
  assert.ok(held < budget + 8 * MiB, `${held} bytes are held`);
  RawClient.destroyAll();
});

for (const [what, limits, code] of [
  ['is refused with 1009 by default', {}, 1009],
  ['is shed with 1013 when it alone is too much', { maxFragments: Infinity, maxRetained: 512 * KiB }, 1013],
] as const) {
  test(`a peer that offers a million fragments of one byte ${what}`, async () => {
    await using host = await startServer(echo, { limits });
    using client = await RawClient.open(host.port);
    client.send(text('x', false));
    const thousand = Buffer.concat(Array<Uint8Array>(1000).fill(continuation('x', false)));
    for (let count = 0; count < 1000 && client.buffered === 0; count++) {
      client.send(thousand);
      await turns(1);
    }
    assert.is((await client.untilClose()).code, code);
    await host.serves();
  });
}

const fragments = sized(250_000, 1_000_000);

test(`${fragments} fragments of one byte that are allowed cost a small multiple of their bytes`, async () => {
  await using host = await startServer(echo, { limits: { maxFragments: Infinity, maxMessageSize: 4 * MiB } });
  using client = await RawClient.open(host.port);
  const some = Buffer.concat(Array<Uint8Array>(10_000).fill(continuation('x', false)));
  const before = await usedBytes();
  client.send(text('x', false));
  for (let count = 0; count < fragments / 10_000; count++) {
    client.send(some);
    await until(() => host.server.counters.bytesReceived >= (count + 1) * some.byteLength, 'they have come');
  }
  assert.ok(await lives(client));
  const held = (await usedBytes()) - before;
  assert.ok(held < 4 * fragments, `${held} bytes are held`);
  client.send(continuation('!'));
  let size = 0;
  for (let isOver = false; !isOver; ) {
    const { fin, payload } = await client.frame();
    size += payload.byteLength;
    isOver = fin;
  }
  assert.is(size, fragments + 2);
});

test('frames that wait for a hook count too: those that hold most are refused with 503', async () => {
  let decide: () => void = () => {};
  const decided = new Promise<undefined>((resolve) => {
    decide = () => resolve(undefined);
  });
  const reasons: unknown[] = [];
  const admit = (_: unknown, { signal }: { signal: AbortSignal }): Promise<undefined> => {
    signal.addEventListener('abort', () => reasons.push(signal.reason));
    return decided;
  };
  const limits = { maxRetained: 2 * MiB, closeTimeout: 1_000_000, handlerTimeout: 10 };
  await using server = await serve({ admit, limits }, idle);
  const size = 50 * KiB;
  const early = Buffer.concat([binary(new Uint8Array(size)), masked({ opcode: 9, payload: 'early' })]);
  const clients: RawClient[] = [];
  const isAnswered = ({ buffered }: RawClient): boolean => buffered > 0;
  for (let count = 0; count < 100; count++) {
    const client = await RawClient.connect(server.port);
    client.send(requestHead(server.port));
    // Behind the head, in a packet of its own.
    await turns(2);
    client.send(early);
    clients.push(client);
  }
  await standstill(() => clients.filter(isAnswered).length, 'the refusals');
  const refused = clients.filter(isAnswered);
  for (const client of refused) {
    assert.is((await client.response()).status, 503);
    // The server has read on, so that the client sees the end and not a reset.
    await client.finished();
    client.end();
  }
  const kept = clients.filter((client) => !refused.includes(client));
  assert.ok(kept.length * size <= 2 * MiB && (kept.length + 2) * size > 2 * MiB, `${kept.length} are kept`);
  assert.is(reasons.length, refused.length);
  assert.is(server.counters.refused, refused.length);
  decide();
  for (const client of kept) {
    await client.accepted();
    assert.is((await client.frame()).payload.toString(), 'early', 'what came early is not lost');
  }
  RawClient.destroyAll();
});

test('servers that share a budget are bounded together; Infinity turns it off', async () => {
  const shared = new RetainedBudget(200 * KiB);
  const options = { engineContext: { budget: shared }, limits: { handlerTimeout: 10 } };
  await using one = await startServer(idle, options);
  await using two = await startServer(idle, options);
  await using free = await startServer(idle, { limits: { maxRetained: Infinity, handlerTimeout: 10 } });
  const hold = async (port: number, size: number): Promise<RawClient> => {
    const client = await RawClient.open(port);
    client.send(binary(new Uint8Array(size), false));
    assert.ok(await lives(client));
    return client;
  };
  const first = await hold(one.port, 120 * KiB);
  const second = await hold(two.port, 70 * KiB);
  const third = await hold(free.port, 900 * KiB);
  assert.ok(shared.retained >= 190 * KiB);
  second.send(continuation(new Uint8Array(20 * KiB), false));
  assert.is((await first.untilClose()).code, 1013);
  assert.ok((await lives(second)) && (await lives(third)));
  RawClient.destroyAll();
  for (const host of [one, two, free]) await host.quiet();
  assert.is(shared.retained, 0);
});

test('nothing has escaped from any of these servers', () => assertNothingEscaped());

test.run();
