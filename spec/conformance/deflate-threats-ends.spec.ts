// Connections with permessage-deflate that end at every moment, over a real socket: in the middle of a compressed message in and out, of a frame, of a bomb; cleanly, by a reset, by a
// cancelled job. What they held in native memory is freed with them, and rounds of them leave nothing behind.

import process from 'node:process';
import { constants, inflateRawSync } from 'node:zlib';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { chooseDeflateCodec } from '../../lib/adapter/choose-deflate-codec.ts';
import type { StreamedMessage } from '../../lib/connection/streamed-message.ts';
import { PermessageDeflate, type PermessageDeflateOptions } from '../../lib/extension/permessage-deflate.ts';
import type { Handler } from '../../lib/job/job.ts';
import type { Session } from '../../lib/job/session.ts';
import type { ServeOptions } from '../../lib/node.ts';
import { compressed, deflated, openDeflating, zeros } from '../support/deflate-by-hand.ts';
import { inMiB, MiB, retainedMemory } from '../support/memory.ts';
import { Random } from '../support/random.ts';
import { close, continuation, masked, ping, type RawClient } from '../support/raw-client.ts';
import { assertNothingEscaped, echo, idle, startServer, type TestServer } from '../support/server.ts';
import { sized } from '../support/sized.ts';
import { turn, turns, until } from '../support/until.ts';

interface Deflating {
  readonly host: TestServer;
  readonly extension: PermessageDeflate;
}

async function startDeflating(
  handler: Handler,
  { messages, ...options }: PermessageDeflateOptions & { readonly messages?: string } = {},
): Promise<Deflating> {
  const extension = new PermessageDeflate(chooseDeflateCodec(), options);
  const limits = { handlerTimeout: 10, closeTimeout: 10 };
  const all = { extensions: [extension], limits, ...(messages === undefined ? {} : { messages }) } as ServeOptions;
  return { host: await startServer(handler, all), extension };
}

/** Sends back what comes, as it comes. */
const passOn = (async (session: Session<unknown, StreamedMessage>) => {
  for await (const message of session) await session.send(message.body);
}) as unknown as Handler;

const test = suite('conformance · threats of compression · ends');

const random = new Random();
const prose = Buffer.from(Array.from({ length: 60_000 }, () => 'abcdefgh '.charCodeAt(random.below(9))));

/** What a client says in its life: compressed messages, one of them in fragments, a ping in it, one that comes to much. */
const life = Buffer.concat([
  compressed(deflated('hello '.repeat(50)), { opcode: 1 }),
  compressed(deflated(prose).subarray(0, 5000), { fin: false }),
  ping('between'),
  continuation(deflated(prose).subarray(5000)),
  compressed(zeros(1).subarray(0, 500), { fin: false }),
  continuation(zeros(1).subarray(500)),
  masked({ opcode: 2, payload: prose.subarray(0, 1000) }),
  close(1000),
]);

type End = (client: RawClient, session: Session) => void;
const ends: readonly (readonly [string, End])[] = [
  ['is reset', (client) => client.reset()],
  ['ends its half', (client) => client.end()],
  ['is cut', (client) => client.socket.destroy()],
  ['is cancelled', (_, session) => session.job.cancel()],
  ['is closed by its handler’s side', (_, session) => void session.close(3000).catch(() => {})],
];

for (const [kind, handler, options] of [
  ['whole messages', echo, {}],
  ['streamed messages', passOn, { messages: 'streamed' }],
  ['one context for all', echo, { maxContexts: 1 }],
  ['a handler that reads nothing', idle, {}],
] as const) {
  for (const [what, end] of ends) {
    // Where reading is held up the end of the other half is not seen: only what breaks the transport is.
    if (handler === idle && (what === 'ends its half' || what === 'is cut')) continue;
    test(`CVE-2021-42340 a connection that ${what} at any moment leaves no context behind, ${kind}`, async () => {
      const { host, extension } = await startDeflating(handler, options);
      await using _ = host;
      const count = sized(5, 60);
      for (let round = 0; round < count; round++) {
        using client = await openDeflating(host.port);
        const session = await host.session();
        const length = random.below(life.byteLength);
        for (const part of random.split(life.subarray(0, length), 20_000)) client.send(part);
        await turns(random.below(6));
        end(client, session);
        // Whoever is told that the other side ends does the same.
        client.socket.once('end', () => client.socket.destroy());
        client.socket.resume();
        await until(() => host.server.counters.connections === 0, 'the connection is gone');
      }
      await host.quiet();
      assert.equal(extension.contexts, { deflaters: 0, inflaters: 0 });
    });
  }
}

test('CVE-2021-42340 a connection that ends while a compressed message goes out leaves no context behind', async () => {
  const { host, extension } = await startDeflating(async (session) => {
    void session.send(prose).catch(() => {});
    void session.send(Buffer.concat(Array<Uint8Array>(50).fill(prose))).catch(() => {});
    await session.closed.catch(() => {});
  });
  await using _ = host;
  for (let round = 0; round < sized(8, 100); round++) {
    using client = await openDeflating(host.port);
    const some = random.below(3);
    if (some === 0) client.pause();
    else await client.take(random.below(20_000));
    await turns(random.below(8));
    client.reset();
    await until(() => host.server.counters.connections === 0, 'the connection is gone');
  }
  await host.quiet();
  assert.equal(extension.contexts, { deflaters: 0, inflaters: 0 });
});

test('CVE-2021-42340 a streamed message that is under way both ways holds two contexts, and its end frees them', async () => {
  const { host, extension } = await startDeflating(passOn, { messages: 'streamed' });
  await using _ = host;
  using client = await openDeflating(host.port);
  client.send(compressed(deflated(prose).subarray(0, 8000), { fin: false }));
  await until(() => extension.contexts.deflaters === 1, 'it goes out');
  assert.equal(extension.contexts, { deflaters: 1, inflaters: 1 });
  client.reset();
  await host.quiet();
  assert.equal(extension.contexts, { deflaters: 0, inflaters: 0 });
});

const crowd = sized(25, 1000);

test(`rounds of ${crowd} connections, each with its contexts, do not make the process grow`, async () => {
  const { host, extension } = await startDeflating(echo, {
    maxContexts: Number.POSITIVE_INFINITY,
    contextTimeout: Number.POSITIVE_INFINITY,
  });
  await using _ = host;
  const resident: number[] = [];
  const retained: number[] = [];
  const message = compressed(deflated(prose));
  for (let round = 0; round < 5; round++) {
    const clients: RawClient[] = [];
    for (let count = 0; count < crowd; count++) clients.push(await openDeflating(host.port));
    for (const client of clients) {
      client.send(message);
      const { rsv, payload } = await client.frame();
      assert.is(rsv, 0x40);
      const options = { finishFlush: constants.Z_SYNC_FLUSH };
      if (client === clients[0]) assert.is(inflateRawSync(payload, options).byteLength, prose.byteLength);
    }
    assert.equal(extension.contexts, { deflaters: crowd, inflaters: crowd });
    for (const client of clients) client.reset();
    await host.quiet();
    assert.equal(extension.contexts, { deflaters: 0, inflaters: 0 });
    host.sessions.length = 0;
    retained.push(await retainedMemory());
    resident.push(process.memoryUsage.rss());
  }
  const grown = (of: number[]): number => (of.at(-1) as number) - (of[1] as number);
  assert.ok(grown(retained) < MiB, `${inMiB(grown(retained))} more are alive after three more rounds`);
  // The contexts of one round are some 300 KiB each: three rounds that leave them would be twice as much as this.
  const bound = 1.5 * crowd * 300 * 1024;
  assert.ok(grown(resident) < bound, `the process has grown by ${inMiB(grown(resident))} in three rounds`);
});

test('nothing has escaped', async () => {
  await turn();
  await assertNothingEscaped();
});

test.run();
