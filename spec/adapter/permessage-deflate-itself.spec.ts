// Our client and our server, over sockets and with an opening handshake between them, in every configuration of both.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Message, type PermessageDeflateOptions, permessageDeflate, type Session, serve } from '../../lib/node.ts';
import { assertAllClean, assertSame, closeOurs, conductOf, reaches } from '../support/deflate-links.ts';
import { digits, json, largeSamples, multibyte, type Sample, smallSamples } from '../support/deflate-samples.ts';
import { openByHand } from '../support/hand-client.ts';
import { assertNothingEscaped, echo, endOf, startServer } from '../support/server.ts';
import { sized } from '../support/sized.ts';
import { within } from '../support/until.ts';

const test = suite('permessage-deflate · against itself');

const quick: readonly PermessageDeflateOptions[] = [
  {},
  { serverNoContextTakeover: true },
  { clientNoContextTakeover: true },
  { serverMaxWindowBits: 9, clientMaxWindowBits: 12 },
];

const wishes = sized(quick, [
  ...quick,
  { serverNoContextTakeover: true, clientNoContextTakeover: true },
  ...[9, 10, 14, 15].flatMap((bits) => [{ serverMaxWindowBits: bits }, { clientMaxWindowBits: bits }]),
  { serverNoContextTakeover: true, clientNoContextTakeover: true, serverMaxWindowBits: 10, clientMaxWindowBits: 9 },
]);

interface Ends extends AsyncDisposable {
  readonly client: Session;
  readonly server: Session;
  readonly answered: string | undefined;
}

async function open(onServer: PermessageDeflateOptions, onClient: PermessageDeflateOptions): Promise<Ends> {
  const host = await startServer((session) => session.closed, { extensions: [permessageDeflate(onServer)] });
  const { job, answered } = await openByHand({ port: host.port, extensions: [permessageDeflate(onClient)] });
  const server = await host.session();
  return {
    client: job.session,
    server,
    answered,
    async [Symbol.asyncDispose]() {
      await Promise.all([closeOurs(job.session), closeOurs(server, host.reported)]);
      await host[Symbol.asyncDispose]();
    },
  };
}

/** Sends from one end to the other, and gives what it has cost, as both of them count it. */
async function pass(from: Session, to: Session, message: Message): Promise<number> {
  const before = from.counters.bytesSent;
  const beforeThere = to.counters.bytesReceived;
  await from.send(message);
  assertSame(await within(to.receive(), 'a message'), message);
  const cost = from.counters.bytesSent - before;
  assert.is(to.counters.bytesReceived - beforeThere, cost);
  return cost;
}

async function passAll({ client, server }: Ends, samples: readonly Sample[]): Promise<void> {
  for (const { name, message, isCompressible } of samples) {
    const size = Buffer.from(message as string).byteLength;
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      const cost = await pass(from, to, message);
      if (isCompressible) assert.ok(cost < size / 2, `${name}: ${cost} bytes for ${size}`);
    }
  }
}

/** What both sides must come to, put together from what each of them wants: RFC 7692 §7.1. */
function expected(server: PermessageDeflateOptions, client: PermessageDeflateOptions): Set<string> {
  const elements = new Set(['permessage-deflate']);
  for (const { serverNoContextTakeover, clientNoContextTakeover } of [server, client]) {
    if (serverNoContextTakeover) elements.add('server_no_context_takeover');
    if (clientNoContextTakeover) elements.add('client_no_context_takeover');
  }
  const serverBits = Math.min(server.serverMaxWindowBits ?? 15, client.serverMaxWindowBits ?? 15);
  const clientBits = Math.min(server.clientMaxWindowBits ?? 15, client.clientMaxWindowBits ?? 15);
  if (serverBits < 15) elements.add(`server_max_window_bits=${serverBits}`);
  if (clientBits < 15) elements.add(`client_max_window_bits=${clientBits}`);
  return elements;
}

for (const onServer of wishes) {
  test(`server with ${JSON.stringify(onServer)} and clients in every configuration agree, and keep to it`, async () => {
    for (const onClient of wishes) {
      await using ends = await open(onServer, onClient);
      const { client, server, answered = '' } = ends;
      const elements = expected(onServer, onClient);
      assert.equal(new Set(answered.split('; ')), elements, JSON.stringify(onClient));
      assert.is(client.extensions, answered);
      assert.is(server.extensions, answered);
      assert.equal(await conductOf((message) => pass(client, server, message)), {
        compresses: true,
        remembers: !elements.has('client_no_context_takeover'),
      });
      assert.equal(await conductOf((message) => pass(server, client, message)), {
        compresses: true,
        remembers: !elements.has('server_no_context_takeover'),
      });
      await passAll(ends, smallSamples);
    }
  });
}

test('messages of all sizes up to 1 MiB pass in both directions', async () => {
  await using ends = await open({}, {});
  await passAll(ends, largeSamples);
});

test('each direction has its own window', async () => {
  await using ends = await open(
    { serverMaxWindowBits: 10, clientMaxWindowBits: 13, memoryLevel: 9 },
    { memoryLevel: 9 },
  );
  const { client, server } = ends;
  assert.is(await reaches((message) => pass(server, client, message), 1024), false);
  assert.is(await reaches((message) => pass(client, server, message), 1024), true);
  assert.is(await reaches((message) => pass(client, server, message), 8192), false);
});

test('a thousand messages each way, both ways at once, over one context each', async () => {
  await using ends = await open({}, {});
  const { client, server } = ends;
  const count = 1000;
  const messages = Array.from({ length: count }, (_, index) => json(index));
  const size = messages.reduce((sum, message) => sum + Buffer.byteLength(message), 0);
  const run = async (from: Session, to: Session): Promise<void> => {
    const sending = (async () => {
      for (const message of messages) await from.send(message);
    })();
    for (const message of messages) assert.is(await within(to.receive(), 'a message'), message);
    await sending;
    const { bytesSent } = from.counters;
    assert.ok(bytesSent < size / 3, `${bytesSent} bytes for ${size}`);
  };
  await Promise.all([run(client, server), run(server, client)]);
});

test('compress: false and true say for each message what is done, and the context goes on', async () => {
  await using ends = await open({}, { threshold: 10_000 });
  const { client, server } = ends;
  const message = digits(400);
  const send = async (compress?: boolean): Promise<number> => {
    const before = client.counters.bytesSent;
    await client.send(message, compress === undefined ? undefined : { compress });
    assert.is(await within(server.receive(), 'a message'), message);
    return client.counters.bytesSent - before;
  };
  const plain = 400 + 8;
  assert.is(await send(), plain, 'below the threshold');
  assert.ok((await send(true)) < 300);
  assert.is(await send(false), plain);
  assert.ok((await send(true)) < 40, 'what was compressed before is known on both sides');
  assert.is(await send(), plain);
});

test('streams of messages are piped through an echo and back, and are compressed each way', async () => {
  const extensions = [permessageDeflate()];
  const server = await serve({ extensions, messages: 'streamed' }, (session) =>
    session.readable.pipeTo(session.writable),
  );
  const { job } = await openByHand({ port: server.port, extensions: [permessageDeflate()] });
  const { session } = job;
  const size = sized(1, 8) * 1024 * 1024;
  const text = multibyte(1024 * 1024);
  for (const message of ['', 'short', text, new Uint8Array(1000), '']) {
    await session.send(message);
    assertSame(await within(session.receive(), 'the echo'), message);
  }
  const before = session.counters;
  for (let left = size; left > 0; left -= 1024 * 1024) {
    await session.send(
      (async function* () {
        for (let start = 0; start < text.length; start += 10_000) yield text.slice(start, start + 10_000);
      })(),
    );
    assertSame(await within(session.receive(), 'the echo'), text);
  }
  assert.ok(session.counters.bytesSent - before.bytesSent < size / 10);
  assert.ok(session.counters.bytesReceived - before.bytesReceived < size / 10);
  void session.close();
  assert.ok((await endOf(session)).wasClean);
  await server.stop();
});

test('connections of clients that share an extension, all at once', async () => {
  const extensions = [permessageDeflate({ maxContexts: 3 })];
  await using host = await startServer(echo, { extensions: [permessageDeflate({ maxContexts: 2 })] });
  const jobs = await Promise.all(
    Array.from({ length: sized(10, 50) }, async () => (await openByHand({ port: host.port, extensions })).job),
  );
  await Promise.all(
    jobs.map(async ({ session }, number) => {
      for (let round = 0; round < 20; round++) {
        const message = json(number * 100 + round);
        await session.send(message);
        assert.is(await within(session.receive(), 'an echo'), message);
      }
      void session.close();
      assert.ok((await endOf(session)).wasClean);
    }),
  );
});

test('all of these connections have closed cleanly, and nothing has escaped', async () => {
  assertAllClean();
  await assertNothingEscaped();
});

test.run();
