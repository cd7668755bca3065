// Clients that mean harm, over real sockets: each ends in a defined close code, in bounded memory, with nothing thrown outside its job, and
// with the server still serving.

import process from 'node:process';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Random } from '../support/random.ts';
import { binary, close, continuation, masked, ping, RawClient, text } from '../support/raw-client.ts';
import { assertNothingEscaped, echo, endOf, idle, startServer, type TestServer } from '../support/server.ts';
import { sized } from '../support/sized.ts';
import { standstill, turn, turns, until } from '../support/until.ts';

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

/**
 * Runs an attack twice, the second time measured: what is in use afterwards is what was in use before. Gives how much more was in use while
 * the clients were there.
 */
async function attack(
  host: TestServer,
  count: number,
  act: (client: RawClient, index: number) => Promise<unknown> | undefined,
): Promise<number> {
  let held = 0;
  for (const measure of [() => 0, usedBytes]) {
    host.sessions.length = 0;
    const before = await measure();
    const clients: RawClient[] = [];
    for (let index = 0; index < count; index++) clients.push(await RawClient.open(host.port));
    await Promise.all(clients.map(act));
    held = (await measure()) - before;
    for (const client of clients) client.reset();
    clients.length = 0;
    await host.quiet();
    host.sessions.length = 0;
    const left = (await measure()) - before;
    assert.ok(left < 2 * MiB, `${left} bytes are still in use`);
  }
  assert.equal(host.reported, []);
  await host.serves();
  return held;
}

const memorySuite = suite('node-server · RFC 6455 §10.4 · memory under attack');

memorySuite('garbage can be collected', () => {
  assert.type(globalThis.gc, 'function', 'run with --expose-gc');
});

const declaring = sized(60, 200);

memorySuite(`${declaring} clients that declare a frame of 1 MiB and send nothing cost next to nothing`, async () => {
  await using host = await startServer();
  const header = masked({ opcode: 2, declared: MiB });
  const held = await attack(host, declaring, (client) => {
    client.send(header);
    return turns(2);
  });
  assert.ok(held < declaring * 40 * KiB, `${held} bytes for ${declaring} connections`);
});

memorySuite('client that sends 100,000 pings and reads no pong makes no queue', async () => {
  await using host = await startServer();
  const pings = Buffer.concat(Array.from({ length: 1000 }, (_, index) => ping(`${index}`.padStart(125))));
  const held = await attack(host, 2, async (client) => {
    client.pause();
    for (let count = 0; count < 50; count++) client.send(pings);
    const { sessions } = host;
    await until(() => sessions.length === 2, 'both are served');
    const received = (): number => sessions.reduce((sum, { counters }) => sum + counters.bytesReceived, 0);
    await until(() => received() === 2 * 50 * pings.byteLength, 'the server has read all pings');
    for (const { counters } of sessions) assert.ok(counters.queued < 64 * KiB, `${counters.queued} bytes queued`);
  });
  assert.ok(held < 2 * MiB, `${held} bytes are held`);
});

memorySuite('client that pings for ever behind an unread message makes no queue', async () => {
  await using host = await startServer(idle, { limits: { handlerTimeout: 10 } });
  const pings = Buffer.concat(Array<Uint8Array>(1000).fill(ping('x'.repeat(125))));
  using client = await RawClient.open(host.port);
  client.pause();
  client.send(text('unread'));
  for (let count = 0; count < 100; count++) client.send(pings);
  const session = await host.session();
  await standstill(() => session.counters.bytesReceived, 'the server');
  assert.ok(session.counters.queued < 64 * KiB);
  assert.is(session.counters.unread, 70);
});

for (const [what, fragment] of [
  ['of a byte', continuation('x', false)],
  ['that are empty', continuation('', false)],
] as const) {
  memorySuite(`message of 4097 fragments ${what} is refused with 1009, and nothing of it is kept`, async () => {
    await using host = await startServer();
    const rest = Buffer.concat(Array<Uint8Array>(4096).fill(fragment));
    await attack(host, sized(10, 20), async (client) => {
      client.send(text('x', false), rest);
      assert.is((await client.untilClose()).code, 1009);
    });
  });

  memorySuite(`message of 4096 fragments ${what} that never ends costs no more than its bytes`, async () => {
    await using host = await startServer();
    const rest = Buffer.concat(Array<Uint8Array>(4095).fill(fragment));
    const count = sized(25, 100);
    const held = await attack(host, count, async (client) => {
      client.send(text('x', false), rest, ping('done?'));
      assert.is((await client.frame()).opcode, 10);
    });
    // A connection of this process, both ends of it, and 4 KiB of payload.
    assert.ok(held < count * 56 * KiB, `${held} bytes for ${count} connections`);
  });
}

memorySuite('large message that drips in byte by byte costs a small multiple of its bytes', async () => {
  await using host = await startServer();
  const size = sized(1, 8) * KiB;
  const held = await attack(host, 8, async (client) => {
    await client.drip(binary(new Uint8Array(size)).subarray(0, -1));
  });
  assert.ok(held < 8 * (80 * KiB + 4 * size), `${held} bytes for 8 connections`);
});

memorySuite(
  'messages of many small fragments in packets of their own cost a small multiple of their bytes',
  async () => {
    await using host = await startServer();
    const count = sized(10, 50);
    const held = await attack(host, count, async (client) => {
      client.send(text('x', false));
      for (let fragment = 0; fragment < 500; fragment++) {
        client.send(continuation('x'.repeat(20), false));
        await turn();
      }
    });
    assert.ok(held < count * 100 * KiB, `${held} bytes for ${count} connections`);
  },
);

const rounds = sized(1, 4);

memorySuite(`${rounds * 250} connections that come and go leave nothing behind`, async () => {
  await using host = await startServer();
  for (let round = 0; round < rounds; round++) {
    await attack(host, 125, async (client, index) => {
      client.send(text(`hello ${index}`));
      await client.frame();
      if (index % 2 === 0) return;
      client.send(close(1000));
      await client.untilClose();
    });
  }
});

memorySuite('unread messages of sessions that have ended are let go', async () => {
  await using host = await startServer(idle, { limits: { handlerTimeout: 10 } });
  const message = binary(new Uint8Array(100 * KiB));
  const clients = await Promise.all(Array.from({ length: 50 }, () => RawClient.open(host.port)));
  const before = await usedBytes();
  for (const client of clients) client.send(message);
  await until(() => host.sessions.every(({ counters }) => counters.unread > 0), 'all have come');
  for (const client of clients) client.reset();
  await host.quiet();
  // Nobody else holds the sessions: their handlers never end.
  host.sessions.length = 0;
  const left = (await usedBytes()) - before;
  assert.ok(left < MiB, `${left} bytes are still in use`);
});

memorySuite.run();

// --- Bytes that are wrong --------------------------------------------------------------------------------------------

const byteSuite = suite('node-server · RFC 6455 §10.7 · bytes that nobody sane would send');

byteSuite('random bytes behind the handshake end in a close code, or wait for more of a frame', async () => {
  await using host = await startServer(echo, { limits: { closeTimeout: 100 } });
  const random = new Random();
  const all = await Promise.all(
    Array.from({ length: 200 }, async () => {
      const client = await RawClient.open(host.port);
      client.send(random.bytes(1 + random.below(300)));
      client.end();
      const rest = await client.rest();
      client[Symbol.dispose]();
      return rest;
    }),
  );
  await host.quiet();
  for (const { job } of host.sessions) assert.is(job.state, 'failed');
  // A few must have been failed with 1002.
  assert.ok(all.some((bytes) => bytes.includes(Buffer.from([0x03, 0xea]))));
  assert.equal(host.reported, []);
  await host.serves();
});

byteSuite('good frames with a single wrong bit end in a close code, a reply, or wait', async () => {
  await using host = await startServer(echo, { limits: { closeTimeout: 100 } });
  const random = new Random();
  const good = Buffer.concat([text('hello'), ping('p'), text('wo', false), continuation('rld'), close(1000, 'bye')]);
  const codes = new Set<number>();
  await Promise.all(
    Array.from({ length: good.byteLength * 2 }, async () => {
      const bytes = Uint8Array.from(good);
      const index = random.below(bytes.byteLength);
      bytes[index] = (bytes[index] as number) ^ (1 << random.below(8));
      const client = await RawClient.open(host.port);
      client.send(bytes);
      client.end();
      for (;;) {
        const frame = await client.frame().catch(() => undefined);
        if (frame === undefined) break;
        if (frame.opcode === 8 && frame.payload.byteLength > 1) codes.add(frame.payload.readUInt16BE(0));
      }
      client[Symbol.dispose]();
    }),
  );
  await host.quiet();
  assert.ok(codes.has(1002), `codes ${[...codes]}`);
  assert.equal(host.reported, []);
  await host.serves();
});

const wrong: readonly (readonly [string, number, Uint8Array])[] = [
  // CVE-2022-39386: this killed a server after the upgrade.
  ['a frame with RSV2 that is not masked', 1002, Uint8Array.of(0xa2, 0x00)],
  ['a request for the root', 1002, Buffer.from('GET / HTTP/1.1\r\n\r\n')],
  ['a TLS client hello', 1002, Uint8Array.of(0x16, 0x03, 0x01, 0x02, 0x00)],
  ['a length of 2^31', 1009, Uint8Array.of(0x82, 0xff, 0, 0, 0, 0, 0x80, 0, 0, 0)],
  ['a length of 2^32', 1009, Uint8Array.of(0x82, 0xff, 0, 0, 0, 1, 0, 0, 0, 0)],
  ['a length of 2^53', 1009, Uint8Array.of(0x82, 0xff, 0, 0x20, 0, 0, 0, 0, 0, 0)],
  ['a length of 2^63 - 1', 1009, Uint8Array.of(0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)],
  ['a length of 2^63', 1002, Uint8Array.of(0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0)],
  ['a length of 2^64 - 1', 1002, Uint8Array.of(0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)],
  ['a close frame that declares 126 bytes', 1002, Uint8Array.of(0x88, 0xfe, 0, 126)],
  ['a ping that declares 2^40 bytes', 1002, Uint8Array.of(0x89, 0xff, 0, 0, 1, 0, 0, 0, 0, 0)],
];

for (const [what, code, bytes] of wrong) {
  byteSuite(`${what} is answered with ${code} before more has come`, async () => {
    await using host = await startServer();
    using client = await RawClient.open(host.port);
    client.send(bytes);
    assert.is((await client.untilClose()).code, code);
    await client.finished();
    client.end();
    await endOf(await host.session());
    await host.serves();
  });
}

byteSuite('fragments that are each under the limit and together over it are refused with 1009', async () => {
  await using host = await startServer(echo, { limits: { maxMessageSize: 1025 } });
  using client = await RawClient.open(host.port);
  client.send(binary(new Uint8Array(1024), false), continuation(new Uint8Array(1), false), continuation('x'));
  assert.is((await client.untilClose()).code, 1009);
  client.end();
});

byteSuite(
  'frame over the limit is refused before its payload comes, also behind a message that is just at it',
  async () => {
    await using host = await startServer(echo, { limits: { maxMessageSize: 1023 } });
    using client = await RawClient.open(host.port);
    client.send(binary(new Uint8Array(1023)));
    assert.is((await client.frame()).payload.byteLength, 1023);
    client.send(binary(new Uint8Array(1024)).subarray(0, 4));
    assert.is((await client.untilClose()).code, 1009);
    client.end();
  },
);

byteSuite('two hundred clients that get their close frame and never close TCP are cut', async () => {
  await using host = await startServer(echo, { limits: { closeTimeout: 100 } });
  const clients = await Promise.all(Array.from({ length: 200 }, () => RawClient.open(host.port)));
  for (const client of clients) client.send(close(1000));
  for (const client of clients) assert.is((await client.untilClose()).code, 1000);
  await host.quiet();
  assert.ok(host.sessions.every(({ job }) => job.state === 'completed'));
  for (const client of clients) client[Symbol.dispose]();
});

byteSuite('pings, pongs and empty messages in any mix are answered in order', async () => {
  await using host = await startServer();
  using client = await RawClient.open(host.port);
  const random = new Random();
  const parts: Uint8Array[] = [];
  let messages = 0;
  for (let count = 0; count < 3000; count++) {
    const pick = random.below(4);
    if (pick === 0) parts.push(ping(`${count}`));
    else if (pick === 1) parts.push(masked({ opcode: 10, payload: `${count}` }));
    else if (pick === 2) parts.push(text('', false), ping(), continuation(''));
    else parts.push(text(''));
    if (pick > 1) messages++;
  }
  client.send(...parts, close(1000));
  const { before } = await client.untilClose();
  assert.is(before.filter(({ opcode }) => opcode === 1).length, messages);
  const pongs = before.filter(({ opcode, payload }) => opcode === 10 && payload.byteLength > 0);
  const numbers = pongs.map(({ payload }) => Number(payload.toString()));
  assert.equal(
    numbers,
    [...numbers].sort((one, other) => one - other),
  );
});

byteSuite.run();

const escapeSuite = suite('node-server · abuse · escapes');

escapeSuite('nothing has escaped from any of these connections', () => assertNothingEscaped());

escapeSuite.run();
