// The example of a proxy: spec/examples/proxy.ts.

import type { AddressInfo } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { WebSocketServer } from 'ws';
import { HandshakeError } from '../../lib/error.ts';
import { connect, Refusal, type Session } from '../../lib/node.ts';
import { rejects } from '../support/check.ts';
import { Example } from '../support/example.ts';
import { assertNothingEscaped, echo, endOf, startServer } from '../support/server.ts';
import { standstill, within } from '../support/until.ts';

const test = suite('examples · proxy');

const large = { limits: { maxMessageSize: 16 * 1024 * 1024 } };

test('texts and binaries of all sizes go there and back, and path and credentials go with them', async () => {
  const seen: unknown[] = [];
  await using server = await startServer(async (session) => {
    seen.push(session.request?.url, session.request?.headers.get('authorization'));
    await echo(session);
  }, large);
  await using example = await Example.start('proxy', { TARGET: server.url });
  const session = await connect(example.url('/a/b?c=d'), { headers: { Authorization: 'Bearer x' }, ...large });
  for (const size of [0, 1, 125, 65_536, 8 * 1024 * 1024]) {
    for (const message of ['x'.repeat(size), new Uint8Array(size).fill(size)]) {
      const sending = session.send(message);
      const answer = await within(session.receive(), 'the echo');
      await sending;
      assert.is(typeof answer, typeof message);
      assert.is(Buffer.compare(Buffer.from(answer as string), Buffer.from(message as string)), 0, `${size}`);
    }
  }
  await within(session.close(4000, 'done'), 'the close');
  const { closeCode, reason } = await endOf(await server.session());
  assert.equal([closeCode, reason, seen], [4000, 'done', ['/a/b?c=d', 'Bearer x']]);
  await example.stop();
});

test('how one side ends is told to the other: codes and reasons, an empty close, one that goes away', async () => {
  const ends: Record<string, (session: Session) => unknown> = {
    '/4001': (session) => session.close(4001, 'because'),
    '/bare': (session) => session.close(null),
    '/gone': (session) => session.job.cancel(),
  };
  await using server = await startServer(async (session) => {
    await session.send('first');
    await ends[session.request?.url ?? '']?.(session);
    await session.closed;
  });
  await using example = await Example.start('proxy', { TARGET: server.url });
  for (const [target, code, reason] of [
    ['/4001', 4001, 'because'],
    ['/bare', 1005, ''],
    ['/gone', 1001, ''],
  ] as const) {
    const session = await connect(example.url(target));
    assert.is(await within(session.receive(), 'what came before'), 'first');
    const info = await endOf(session);
    assert.equal([info.closeCode, info.reason, info.wasClean], [code, reason, true], target);
  }
});

test('a connection that is lost is told: 1011 to the client', async () => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  server.on('connection', (socket) => socket.on('message', () => socket.terminate()));
  await within(new Promise((resolve) => server.once('listening', resolve)), 'the server listens');
  await using example = await Example.start('proxy', {
    TARGET: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
  });
  const session = await connect(example.url());
  await session.send('bye');
  const { closeCode, reason, wasClean } = await endOf(session);
  assert.equal([closeCode, reason, wasClean], [1011, 'The other side was lost', true]);
  server.close();
});

test('what the other server refuses is refused as it does, and 502 where there is none', async () => {
  const hooks = { admit: () => new Refusal(403, { body: 'not you' }) };
  await using server = await startServer(echo, hooks);
  await using example = await Example.start('proxy', { TARGET: server.url });
  const refused = (await rejects(connect(example.url()), HandshakeError)) as HandshakeError;
  assert.equal([refused.status, new TextDecoder().decode(refused.body)], [403, 'not you']);
  await server.server.stop();
  assert.is(((await rejects(connect(example.url()), HandshakeError)) as HandshakeError).status, 502);
  await example.stop();
});

test('a server that reads nothing holds up the client, through the proxy', async () => {
  await using server = await startServer(async (session) => void (await session.closed));
  await using example = await Example.start('proxy', { TARGET: server.url });
  const session = await connect(example.url(), { limits: { closeTimeout: 100 } });
  let sent = 0;
  const sending = (async () => {
    for (; sent < 10_000; sent++) await session.send(new Uint8Array(65_536));
  })().catch(() => {});
  const stoodAt = await standstill(() => sent, 'the sender');
  assert.ok(stoodAt < 1_000, `${stoodAt} messages`);
  session.job.cancel();
  await sending;
});

test('nothing has escaped in all of this', async () => {
  await assertNothingEscaped();
});
test.run();
