// A server of our own HTTP over real sockets, with clients that are not ours; and what `listen` may do.

import { connect as tlsConnect } from 'node:tls';
import { generate } from 'selfsigned';
import { Agent, fetch } from 'undici';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { WebSocket } from 'ws';
import type { Fetch } from '../../lib/adapter/fetch-request.ts';
import { ListeningServer } from '../../lib/adapter/listening-server.ts';
import { rejects, throws } from '../support/check.ts';
import { netListen, serveOverNet } from '../support/net-listen.ts';
import { RawClient, requestHead } from '../support/raw-client.ts';
import { assertNothingEscaped, echo } from '../support/server.ts';
import { until, within } from '../support/until.ts';

/** A body that comes in pieces. */
async function* pieces(count: number, size: number): AsyncGenerator<Uint8Array> {
  for (let index = 0; index < count; index++) yield new Uint8Array(size);
}

const test = suite('listening server');

const MiB = 1024 * 1024;

const application: Fetch = async (request, info) => {
  const { pathname } = new URL(request.url);
  if (pathname === '/echo') return new Response(request.body, { headers: { 'x-method': request.method } });
  if (pathname === '/size') return new Response(String((await request.arrayBuffer()).byteLength));
  return Response.json({ pathname, peer: info.remoteAddress, secure: info.tls !== undefined });
};

test('undici’s fetch and a ws client are served on one port; bodies go both ways', async () => {
  await using server = await serveOverNet({ path: '/ws', fetch: application }, echo);
  const http = server.url.replace('ws:', 'http:');
  const dispatcher = new Agent({ connections: 2 });
  const json = await (await fetch(`${http}/some/path?q`, { dispatcher })).json();
  assert.equal(json, { pathname: '/some/path', peer: '127.0.0.1', secure: false });
  const bytes = new Uint8Array(5 * MiB).map((_, index) => index * 7);
  const echoed = await fetch(`${http}/echo`, { method: 'PUT', body: bytes, dispatcher });
  assert.is(echoed.headers.get('x-method'), 'PUT');
  assert.is(Buffer.compare(new Uint8Array(await echoed.arrayBuffer()), bytes), 0);
  const streamed = await fetch(`${http}/size`, {
    method: 'POST',
    body: pieces(51, 100_000),
    duplex: 'half',
    dispatcher,
  });
  assert.is(await streamed.text(), '5100000');
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, index) => fetch(`${http}/${index}`, { dispatcher })),
  );
  assert.equal(
    (await Promise.all(answers.map((answer) => answer.json()))).map((it) => (it as { pathname: string }).pathname),
    Array.from({ length: 50 }, (_, index) => `/${index}`),
  );
  assert.ok(server.counters.connections <= 2, 'connections are kept alive');
  const socket = new WebSocket(`${server.url}/ws`);
  const message = new Promise((resolve) => socket.once('message', (data) => resolve(String(data))));
  socket.once('open', () => socket.send('hello'));
  assert.is(await within(message, 'the echo'), 'hello');
  assert.equal([server.counters.upgraded, server.counters.open, server.counters.refused], [1, 1, 0]);
  socket.close();
  await within(new Promise((resolve) => socket.once('close', resolve)), 'the close');
  await dispatcher.close();
});

test('over TLS the URL and the facts are those of TLS', async () => {
  const { private: key, cert } = await generate([{ name: 'commonName', value: 'localhost' }], { keySize: 2048 });
  await using server = await serveOverNet({ tls: { key, cert }, fetch: (request) => new Response(request.url) }, echo);
  assert.ok(server.url.startsWith('wss://127.0.0.1:'));
  const socket = tlsConnect({ port: server.port, host: '127.0.0.1', rejectUnauthorized: false });
  const answer = new Promise<string>((resolve) => {
    let all = '';
    socket.on('data', (data) => {
      all += data;
    });
    socket.on('end', () => resolve(all));
  });
  socket.write('GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  assert.match(await within(answer, 'the answer'), /^HTTP\/1\.1 200 OK\r\n.*\r\n\r\nhttps:\/\/x\/a$/s);
  socket.destroy();
  const ws = new WebSocket(server.url, { rejectUnauthorized: false });
  await within(new Promise((resolve, reject) => ws.once('open', resolve).once('error', reject)), 'the opening');
  assert.is([...server.sessions][0]?.tls?.isAuthorized, false);
  ws.terminate();
});

test('a port that is in use rejects; nothing is left behind', async () => {
  await using server = await serveOverNet({}, echo);
  const other = new ListeningServer({}, echo, false);
  const error = await other.listen(netListen({ port: server.port })).then(
    () => undefined,
    (reason: { code?: string }) => reason.code,
  );
  assert.is(error, 'EADDRINUSE');
  assert.equal([other.host, other.port, await other.stop()], ['', 0, { closed: 0, cut: 0 }]);
});

test('options are checked when it is made', () => {
  throws(() => new ListeningServer({ fetch: 'x' as never }, echo, false), TypeError, /fetch is no function/);
  throws(() => new ListeningServer({ path: '/:' }, echo, false), TypeError, /Cannot match/);
  throws(() => new ListeningServer({}, undefined as never, false), TypeError, /handler/);
});

test('a signal stops it; one that is aborted already rejects before it listens', async () => {
  const controller = new AbortController();
  const server = await serveOverNet({ signal: controller.signal }, echo);
  using client = await RawClient.open(server.port);
  controller.abort(new Error('enough'));
  assert.is((await client.untilClose()).code, 1001);
  client.end();
  await server.stop();
  const another = new ListeningServer({ signal: controller.signal }, echo, false);
  await rejects(
    another.listen(async () => {
      throw new Error('it listens');
    }),
    Error,
    /enough/,
  );
});

test('a listener that fails to close is reported, and the stop gives its report', async () => {
  const reported: unknown[] = [];
  const userContext = { onError: (error: unknown) => void reported.push(error) };
  const server = new ListeningServer({ userContext }, echo, false);
  await server.listen(async () => ({
    host: '::1',
    port: 1,
    close: () => Promise.reject(new Error('no close')),
  }));
  assert.is(server.url, 'ws://[::1]:1');
  assert.equal(await server.stop(), { closed: 0, cut: 0 });
  assert.equal(reported.map(String), ['Error: no close']);
});

test('requests and upgrades by turns on many connections: each gets its own answer', async () => {
  await using server = await serveOverNet({ fetch: application, limits: { maxConnections: 200 } }, echo);
  const clients = await Promise.all(Array.from({ length: 60 }, () => RawClient.connect(server.port)));
  await Promise.all(
    clients.map(async (client, index) => {
      for (let count = 0; count < 3; count++) {
        client.send(
          Buffer.from(`POST /size HTTP/1.1\r\nHost: x\r\nContent-Length: ${index}\r\n\r\n${'x'.repeat(index)}`),
        );
        const { status, body } = await client.response();
        assert.equal([status, body], [200, String(index)]);
      }
      client.send(requestHead(server.port));
      await client.accepted();
    }),
  );
  assert.equal([server.counters.upgraded, server.counters.open], [60, 60]);
  for (const client of clients) client.reset();
  await until(() => server.counters.connections + server.counters.open === 0, 'all are gone');
});

test('nothing has escaped in all of this', assertNothingEscaped);

test.run();
