// What connections with permessage-deflate hold, over real sockets: contexts of messages that stall, bytes that are inflated and not whole, what is left when a connection is cut. It is
// counted, held under maxRetained, and freed.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { chooseDeflateCodec } from '../../lib/adapter/choose-deflate-codec.ts';
import { PermessageDeflate, type PermessageDeflateOptions } from '../../lib/extension/permessage-deflate.ts';
import { permessageDeflate, RetainedBudget } from '../../lib/node.ts';
import { CountingCodec } from '../support/counting-codec.ts';
import { compressed, deflated, openDeflating, zeros } from '../support/deflate-by-hand.ts';
import { inMiB, KiB, MiB, retainedMemory } from '../support/memory.ts';
import { continuation, ping, RawClient } from '../support/raw-client.ts';
import { assertNothingEscaped, echo, endOf, idle, startServer } from '../support/server.ts';
import { sized } from '../support/sized.ts';
import { standstill, turns, until } from '../support/until.ts';

const createDeflate = (options: PermessageDeflateOptions = {}): PermessageDeflate =>
  new PermessageDeflate(chooseDeflateCodec(), options);

async function openAll(port: number, count: number): Promise<RawClient[]> {
  const clients: RawClient[] = [];
  for (let index = 0; index < count; index++) clients.push(await openDeflating(port));
  return clients;
}

/** Waits until the server has read all that was sent: it answers a ping. */
async function read(client: RawClient): Promise<void> {
  client.send(ping('read?'));
  assert.is((await client.frame()).opcode, 10);
}

const test = suite('conformance · threats of compression · what is held');

test('garbage can be collected', () => {
  assert.type(globalThis.gc, 'function', 'run with --expose-gc');
});

const stalled = sized(80, 8000);
const context = 42 * KiB;

test(`CVE-2021-42340 ${stalled} connections that begin a compressed message and stall: what they hold is counted, and freed with them`, async () => {
  const extension = createDeflate({ maxContexts: 10 });
  const budget = new RetainedBudget(1024 * MiB);
  const options = { extensions: [extension], engineContext: { budget }, limits: { handlerTimeout: 10 } };
  await using host = await startServer(idle, options);
  const clients = await openAll(host.port, stalled);
  const before = await retainedMemory();
  // Each has inflated a whole window.
  const begun = compressed(zeros(1).subarray(0, 40), { fin: false });
  for (const client of clients) client.send(begun);
  await until(() => extension.contexts.inflaters === stalled, 'all have begun');
  await read(clients.at(-1) as RawClient);
  assert.ok(budget.retained >= stalled * (context + 32 * KiB), `${budget.retained} bytes are counted`);
  const held = (await retainedMemory()) - before;
  assert.ok(held < budget.retained + 2 * MiB, `${inMiB(held)} are held, ${inMiB(budget.retained)} counted`);
  for (const client of clients) client.reset();
  await host.quiet();
  assert.is(budget.retained, 0);
  assert.equal(extension.contexts, { deflaters: 0, inflaters: 0 });
  host.sessions.length = 0;
  clients.length = 0;
  const left = (await retainedMemory()) - before;
  assert.ok(left < 2 * MiB, `${inMiB(left)} are left`);
});

test('connections that begin a compressed message and stall are closed with 1013 when they hold too much together', async () => {
  const extension = createDeflate();
  const limits = { maxRetained: 100 * context, handlerTimeout: 10 };
  await using host = await startServer(idle, { extensions: [extension], limits });
  const clients = await openAll(host.port, 150);
  for (const client of clients) {
    client.send(compressed(deflated('begun'), { fin: false }));
    await turns(2);
  }
  const isShed = ({ buffered }: RawClient): boolean => buffered > 0;
  await standstill(() => clients.filter(isShed).length, 'the close frames');
  const shed = clients.filter(isShed);
  assert.ok(shed.length >= 50 && shed.length <= 60, `${shed.length} are closed`);
  for (const client of shed) assert.is((await client.untilClose()).code, 1013);
  RawClient.destroyAll();
  await host.quiet();
  assert.equal(extension.contexts, { deflaters: 0, inflaters: 0 });
});

test('contexts that were made for messages under way at once are freed with these messages', async () => {
  const extension = createDeflate({ maxContexts: 10 });
  await using host = await startServer(echo, { extensions: [extension] });
  const clients = await openAll(host.port, 100);
  const payload = deflated('x'.repeat(1000));
  for (const client of clients) client.send(compressed(payload.subarray(0, 10), { fin: false }));
  await until(() => extension.contexts.inflaters === 100, 'all have begun');
  for (const client of clients) {
    client.send(continuation(payload.subarray(10)));
    assert.is((await client.frame()).rsv, 0x40);
  }
  assert.ok(extension.contexts.inflaters <= 10, `${extension.contexts.inflaters} decompress`);
  assert.ok(extension.contexts.deflaters <= 10, `${extension.contexts.deflaters} compress`);
  // Each goes on with what it has inflated before.
  for (const client of clients) {
    client.send(compressed(deflated('x'.repeat(900), { dictionary: Buffer.alloc(1000, 'x') })));
    assert.is((await client.frame()).rsv, 0x40);
  }
  RawClient.destroyAll();
  await host.quiet();
  assert.equal(extension.contexts, { deflaters: 0, inflaters: 0 });
});

test('messages that stall do not make each message of another connection cost a new context', async () => {
  const codec = new CountingCodec();
  const extension = new PermessageDeflate(codec, { maxContexts: 10 });
  await using host = await startServer(echo, { extensions: [extension] });
  const clients = await openAll(host.port, 30);
  const begun = deflated('begun');
  for (const client of clients) client.send(compressed(begun.subarray(0, -1), { fin: false }));
  await until(() => extension.contexts.inflaters === 30, 'all have begun');
  using one = await openDeflating(host.port);
  using two = await openDeflating(host.port);
  const before = codec.created;
  for (let count = 0; count < 20; count++) {
    for (const client of [one, two]) {
      client.send(compressed(deflated('x'.repeat(200))));
      assert.is((await client.frame()).rsv, 0x40);
    }
  }
  assert.ok(codec.created - before <= 3, `${codec.created - before} were made`);
  assert.ok(extension.contexts.inflaters <= 31, `${extension.contexts.inflaters} decompress`);
  for (const client of clients) client.send(continuation(begun.subarray(-1)));
  for (const client of clients) assert.is((await client.frame()).payload.toString(), 'begun');
  assert.ok(extension.contexts.inflaters <= 10, `${extension.contexts.inflaters} decompress`);
  RawClient.destroyAll();
});

test('AsyncHttpClient CVE-2026-107227 clients that hold little compressed and much inflated hold no more than maxRetained together', async () => {
  const budget = 8 * MiB;
  const limits = { maxRetained: budget, handlerTimeout: 10 };
  await using host = await startServer(idle, { extensions: [permessageDeflate()], limits });
  const clients = await openAll(host.port, 40);
  const before = await retainedMemory();
  // Each holds 900 KiB of a message that is not whole, and has sent a kilobyte: nothing more comes when most of it is inflated.
  const begun = compressed(deflated(new Uint8Array(900 * KiB)), { fin: false });
  for (const client of clients) client.send(begun);
  const isShed = ({ buffered }: RawClient): boolean => buffered > 0;
  await until(() => clients.some(isShed), 'one is closed');
  await standstill(() => clients.filter(isShed).length, 'the close frames');
  const held = (await retainedMemory()) - before;
  assert.ok(held < budget + 3 * MiB, `${inMiB(held)} are held`);
  const shed = clients.filter(isShed);
  for (const client of shed) assert.is((await client.untilClose()).code, 1013);
  assert.ok((clients.length - shed.length) * 900 * KiB <= budget, `${shed.length} are closed`);
  RawClient.destroyAll();
});

test('what contexts hold takes no room of the look-ahead: behind an unread message a ping is answered while a message goes out', async () => {
  await using host = await startServer(
    async (session) => {
      const endless = async function* (): AsyncGenerator<Uint8Array> {
        yield new Uint8Array(5000);
        await session.closed;
      };
      void session.send(endless()).catch(() => {});
      await session.closed;
    },
    { extensions: [permessageDeflate()], limits: { handlerTimeout: 10 } },
  );
  using client = await openDeflating(host.port);
  const { rsv, fin } = await client.frame();
  assert.equal([rsv, fin], [0x40, false], 'a compressed message is under way');
  client.send(compressed(deflated('unread')));
  const session = await host.session();
  await until(() => session.counters.unread > 0, 'it waits unread');
  await read(client);
  client.send(compressed(deflated('and one that is not whole').subarray(0, 10), { fin: false }));
  await read(client);
});

for (const messages of ['whole', 'streamed'] as const) {
  test(`a connection that is reset behind a bomb that nobody reads inflates no more of it, messages ${messages}`, async () => {
    let most = 0;
    await using host = await startServer(
      async (session) => {
        await session.closed;
        most = Math.max(most, session.counters.unread);
      },
      { extensions: [permessageDeflate()], messages } as object,
    );
    // 60 KiB on the wire: messages of a mebibyte, or one that has no end.
    const mebibyte = compressed(zeros(1));
    const bomb = messages === 'whole' ? Buffer.concat(Array<Uint8Array>(50).fill(mebibyte)) : compressed(zeros(50));
    using client = await openDeflating(host.port);
    client.send(bomb);
    const session = await host.session();
    await until(() => session.counters.unread > 128 * KiB, 'some of it waits');
    await standstill(() => session.counters.unread, 'what waits');
    client.reset();
    await endOf(session);
    assert.ok(most <= 128 * KiB + MiB + 64, `${most} bytes waited unread`);
  });
}

test('nothing has escaped', () => assertNothingEscaped());

test.run();
