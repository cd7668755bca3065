// maxConnections: who gets a place, who is refused, and that those who only wait cannot fill a server or keep others out.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { attach, Refusal, type ServeOptions } from '../../lib/node.ts';
import { close, headerOf, RawClient, type RequestOptions, requestHead, text } from '../support/raw-client.ts';
import { assertNothingEscaped, echo, startServer } from '../support/server.ts';
import { serve } from '../support/serving.ts';
import { standstill, turns, until, within } from '../support/until.ts';

const test = suite('maxConnections · places');

/** Asks for an upgrade and gives the status of the answer. */
async function ask(port: number, options: RequestOptions = {}): Promise<[number, RawClient]> {
  const client = await RawClient.connect(port);
  client.send(requestHead(port, options));
  return [(await client.response()).status, client];
}

async function says(client: RawClient, what: string): Promise<void> {
  client.send(text(what));
  assert.is((await client.frame()).payload.toString(), what);
}

async function leave(client: RawClient): Promise<void> {
  client.send(close(1000));
  await client.untilClose();
  client.end();
}

test('as many as the limit are served; one more gets 503 with Retry-After, and the others go on', async () => {
  await using host = await startServer(echo, { limits: { maxConnections: 3, closeTimeout: 2500 } });
  const clients = [];
  for (let count = 0; count < 3; count++) clients.push(await RawClient.open(host.port));
  using over = await RawClient.connect(host.port);
  over.send(requestHead(host.port));
  const response = await over.response();
  assert.equal([response.status, headerOf(response, 'retry-after')], [503, '3']);
  assert.match(headerOf(response, 'connection') ?? '', /close/);
  await over.finished();
  over.end();
  for (const client of clients) await says(client, 'still here');
  assert.equal([host.server.counters.upgraded, host.server.counters.refused], [3, 1]);
});

test('a place is free again when a connection has closed', async () => {
  await using host = await startServer(echo, { limits: { maxConnections: 2 } });
  const first = await RawClient.open(host.port);
  using second = await RawClient.open(host.port);
  for (const end of [() => leave(first), async () => second.reset()]) {
    const [status, over] = await ask(host.port);
    assert.is(status, 503);
    over.end();
    await end();
    await until(() => host.server.counters.connections === 1, 'one is gone, and the one that was refused');
    using next = await RawClient.open(host.port);
    await says(next, 'my place');
    await leave(next);
    await until(() => host.server.counters.connections === 1, 'and has left');
    // The place is taken for the next round.
    await RawClient.open(host.port);
  }
});

test('a handler that still runs behind its connection holds no place', async () => {
  await using host = await startServer(() => new Promise(() => {}), { limits: { maxConnections: 1 } });
  using first = await RawClient.open(host.port);
  first.reset();
  await until(() => host.server.counters.connections === 0, 'the connection is gone');
  assert.is(host.server.counters.open, 1, 'its job is not');
  using second = await RawClient.open(host.port);
  await until(() => host.sessions.length === 2, 'the second is served');
  second.reset();
});

test('an upgrade that is being decided on holds a place, until its client goes away or it is refused', async () => {
  let decide: (answer: Refusal | undefined) => void = () => {};
  const admit = (): Promise<Refusal | undefined> =>
    new Promise((resolve) => {
      decide = resolve;
    });
  await using server = await serve<unknown>({ admit, limits: { maxConnections: 1 } }, (session) =>
    session.readable.pipeTo(session.writable),
  );
  const pending = async (): Promise<RawClient> => {
    decide = () => {};
    const before = decide;
    const client = await RawClient.connect(server.port);
    client.send(requestHead(server.port));
    await until(() => decide !== before, 'the hook is asked');
    return client;
  };
  const gone = await pending();
  assert.is((await ask(server.port))[0], 503);
  gone.reset();
  await until(() => server.counters.connections < 2, 'it is gone');
  using refused = await pending();
  decide(new Refusal(401));
  assert.is((await refused.response()).status, 401);
  // It has not closed its half: it is still there, and holds no place.
  using admitted = await pending();
  assert.is((await ask(server.port))[0], 503);
  decide(undefined);
  await admitted.accepted();
  await says(admitted, 'at last');
});

test('a request that the rules refuse holds no place, however long its client stays', async () => {
  await using host = await startServer(echo, { limits: { maxConnections: 1, closeTimeout: 1_000_000 } });
  const [status, refused] = await ask(host.port, { headers: { Origin: 'https://evil.example' } });
  assert.is(status, 403);
  using client = await RawClient.open(host.port);
  await says(client, 'served');
  assert.is(host.server.counters.connections, 2);
  refused.end();
});

test('each attachment has its own limit; the application’s requests and other connections do not count', async () => {
  const http = createServer((_, response) => response.end('hello'));
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const { port } = http.address() as AddressInfo;
  const small = attach(http, { path: '/small', limits: { maxConnections: 1 } }, echo);
  const other = attach(http, { path: '/other' }, echo);
  const idle = await Promise.all(Array.from({ length: 40 }, () => RawClient.connect(port)));
  using first = await RawClient.open(port, { target: '/small' });
  assert.is((await ask(port, { target: '/small' }))[0], 503);
  using second = await RawClient.open(port, { target: '/other' });
  const [asked] = idle as [RawClient];
  asked.send(requestHead(port, { target: '/', headers: { Upgrade: undefined, Connection: undefined } }));
  assert.is((await asked.response()).body, 'hello');
  await says(first, 'small');
  await says(second, 'other');
  assert.ok(idle.every(({ socket }) => !socket.destroyed && !socket.readableEnded));
  await leave(first);
  await until(() => small.counters.open === 0, 'the place is free');
  using third = await RawClient.open(port, { target: '/small' });
  await says(third, 'my turn');
  RawClient.destroyAll();
  await Promise.all([small.stop(), other.stop()]);
  await new Promise((resolve) => http.close(resolve));
});

test('stop at the limit ends sessions with 1001, those that wait for a hook with 503, and cuts those that say nothing', async () => {
  let asked = 0;
  const admit = (request: { url: string }): unknown => {
    asked++;
    return request.url === '/slow' ? new Promise(() => {}) : undefined;
  };
  const server = await serve({ admit, limits: { maxConnections: 4 } }, echo as never);
  const open = [await RawClient.open(server.port), await RawClient.open(server.port)];
  const slow = await Promise.all([RawClient.connect(server.port), RawClient.connect(server.port)]);
  for (const client of slow) client.send(requestHead(server.port, { target: '/slow' }));
  await until(() => asked === 4, 'all places are taken');
  const [status, over] = await ask(server.port);
  assert.is(status, 503);
  over.end();
  const idle = await Promise.all(Array.from({ length: 10 }, () => RawClient.connect(server.port)));
  await until(() => server.counters.connections >= 14, 'all are there');
  const stopping = server.stop();
  for (const client of slow) assert.is((await client.response()).status, 503);
  for (const client of slow) client.end();
  for (const client of open) {
    assert.is((await client.untilClose()).code, 1001);
    client.send(close(1001));
    client.end();
  }
  assert.is((await within(stopping, 'the stop')).closed, 2);
  for (const client of idle) await client.rest();
  await until(() => server.counters.open + server.counters.connections === 0, 'all are gone');
});

test.run();

// --- Those who only wait ---------------------------------------------------------------------------------------------

const flood = suite('maxConnections · connections that hold no place');

const PLACES = 20;

async function flooded(options: ServeOptions, first: (port: number, index: number) => Uint8Array): Promise<void> {
  await using host = await startServer(echo, { ...options, limits: { maxConnections: PLACES, ...options.limits } });
  const { server } = host;
  using early = await RawClient.open(host.port);
  let most = 0;
  const clients: RawClient[] = [];
  for (let index = 0; index < 300; index++) {
    const client = await RawClient.connect(host.port);
    client.send(first(host.port, index));
    clients.push(client);
    most = Math.max(most, server.counters.connections);
  }
  const left = await standstill(() => server.counters.connections, 'the server');
  assert.ok(left <= 1 + PLACES, `${left} are left`);
  // One that has been cut is counted until its close is told.
  assert.ok(most <= 1 + PLACES + 10, `${most} at a time`);
  await says(early, 'not kept out');
  // All of them still hold on, and yet one that asks is served.
  const late = await Promise.all(Array.from({ length: PLACES - 1 }, () => RawClient.open(host.port)));
  for (const client of late) await says(client, 'served');
  assert.is((await ask(host.port))[0], 503);
  await says(early, 'still not');
  for (const client of [...clients, ...late]) client.reset();
}

flood('those that say nothing are cut, the oldest first; one that asks is served', () =>
  flooded({}, () => Buffer.alloc(0)),
);

flood('those that send their head slowly are cut as well', () =>
  flooded({}, (port, index) => requestHead(port).subarray(0, 1 + (index % 100))),
);

flood('those that were refused and stay are cut as well', () =>
  flooded({ limits: { closeTimeout: 1_000_000 } }, (port, index) =>
    requestHead(port, { headers: index % 2 === 0 ? { Origin: 'https://evil.example' } : { Upgrade: undefined } }),
  ),
);

flood('without a limit nobody is cut', async () => {
  await using host = await startServer();
  const clients = await Promise.all(Array.from({ length: 100 }, () => RawClient.connect(host.port)));
  await until(() => host.server.counters.connections === 100, 'all are there');
  await turns(10);
  assert.is(host.server.counters.connections, 100);
  for (const client of clients) client.reset();
});

flood('nothing has escaped from any of these servers', () => assertNothingEscaped());

flood.run();
