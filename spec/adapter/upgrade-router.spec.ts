// A guest on a server of the application's own: who else listens there, and which servers there are.

import { createServer, request as httpRequest, type IncomingMessage, type Server, ServerResponse } from 'node:http';
import { connect as connectHttp2, createServer as createHttp2Server, createSecureServer } from 'node:http2';
import { createServer as createTlsServer } from 'node:https';
import { createServer as createNetServer } from 'node:net';
import type { Duplex } from 'node:stream';
import express from 'express';
import fastify from 'fastify';
import Koa from 'koa';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type WebSocket, WebSocketServer } from 'ws';
import { UpgradeRouter } from '../../lib/adapter/upgrade-router.ts';
import { attach, connect } from '../../lib/node.ts';
import { createCertificate } from '../support/certificates.ts';
import { throws } from '../support/check.ts';
import { TestClock } from '../support/clock.ts';
import { ask, open, talk } from '../support/house.ts';
import { openWs } from '../support/peers.ts';
import { RawClient, requestHead } from '../support/raw-client.ts';
import { assertNothingEscaped, echo } from '../support/server.ts';
import { turns, until, within } from '../support/until.ts';

const certificate = await createCertificate('localhost', { names: ['localhost'], addresses: ['127.0.0.1'] });

const greet = (socket: WebSocket): void => {
  socket.on('message', (data) => socket.send(`ws: ${data}`));
};

// --- Other listeners -------------------------------------------------------------------------------------------------

const others = suite('attach · beside other listeners of upgrades');

for (const order of ['before', 'behind'] as const) {
  others(`a server of ws with a path, attached ${order} it, neither sees our upgrades nor loses its own`, async () => {
    await using house = await open(createServer());
    let ws: WebSocketServer | undefined;
    const mount = (): void => {
      ws = new WebSocketServer({ server: house.server, path: '/theirs' });
      ws.on('connection', greet);
    };
    if (order === 'before') mount();
    house.keep(attach(house.server, { path: '/ours' }, echo));
    if (order === 'behind') mount();
    const url = `ws://127.0.0.1:${house.port}`;
    assert.is(await talk(`${url}/ours`), 'hello');
    assert.is(await talk(`${url}/theirs`), 'ws: hello');
    assert.is((await ask(house.port, '/none')).status, 400, 'ws refuses what is nobody’s');
    ws?.close();
  });
}

others('a framework that answers every upgrade by its routes gets none of ours', async () => {
  await using house = await open(
    createServer((_, response) => void response.writeHead(404, { 'Content-Length': 12 }).end('no such page')),
  );
  house.server.on('upgrade', (request: IncomingMessage, socket: Duplex) => {
    const response = new ServerResponse(request);
    response.assignSocket(request.socket);
    response.on('finish', () => socket.end());
    house.server.emit('request', request, response);
  });
  const site = house.keep(attach(house.server, { path: '/ours', admit: () => turns(20) as Promise<undefined> }, echo));
  assert.is(await talk(`ws://127.0.0.1:${house.port}/ours`), 'hello');
  const { status, body } = await ask(house.port, '/none');
  assert.equal([status, body, site.counters.refused], [404, 'no such page', 0]);
});

others('an upgrade that no listener begins to answer is refused with 404 after handshakeTimeout', async () => {
  await using house = await open(createServer());
  const clock = new TestClock();
  const options = { path: '/ours', engineContext: { clock }, limits: { handshakeTimeout: 3_000 } };
  const site = house.keep(attach(house.server, options, echo));
  let seen = 0;
  house.server.on('upgrade', () => seen++);
  using client = await RawClient.connect(house.port);
  client.send(requestHead(house.port, { target: '/none' }));
  await until(() => seen === 1, 'the other listener has seen it');
  await clock.turn(2_999);
  assert.is(client.buffered, 0);
  await clock.turn(1);
  assert.is((await client.response()).status, 404);
  await client.finished();
  assert.is(site.counters.refused, 1);
});

others('an upgrade that another listener has taken is left alone, however long it takes', async () => {
  await using house = await open(createServer());
  const clock = new TestClock();
  house.keep(attach(house.server, { path: '/ours', engineContext: { clock } }, echo));
  const sockets: Record<string, Duplex> = {};
  house.server.on('upgrade', ({ url = '' }: IncomingMessage, socket: Duplex) => {
    sockets[url] = socket;
    socket.on('error', () => {});
    if (url === '/reads') socket.on('data', () => {});
    if (url === '/iterates') socket.on('readable', () => {});
    if (url === '/writes') socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n');
    if (url === '/ends') socket.destroy();
  });
  for (const target of ['/reads', '/iterates', '/writes', '/ends']) {
    const client = await RawClient.connect(house.port);
    client.send(requestHead(house.port, { target }));
    await until(() => sockets[target] !== undefined, `${target} is taken`);
    await turns(5);
    await clock.turn(1_000_000);
    if (target === '/ends') continue;
    sockets[target]?.end('later');
    assert.match((await client.rest()).toString(), /^(HTTP\/1.1 200 OK\r\nContent-Length: 5\r\n\r\n)?later$/);
  }
});

others('one that only looks on is shown what is nobody’s, and no more', async () => {
  await using house = await open(createServer());
  const clock = new TestClock();
  house.keep(attach(house.server, { path: '/ours', engineContext: { clock } }, echo));
  const seen: string[] = [];
  house.server.on('upgrade', ({ url = '' }: IncomingMessage) => seen.push(url));
  assert.is(await talk(`ws://127.0.0.1:${house.port}/ours`), 'hello');
  using client = await RawClient.connect(house.port);
  client.send(requestHead(house.port, { target: '/none' }));
  await until(() => seen.length > 0, 'it sees one');
  assert.equal(seen, ['/none']);
  await clock.turn(10_000);
  assert.is((await client.response()).status, 404);
});

others('the server’s emit is its own again after the last stop; who has put his own above ours keeps it', async () => {
  await using house = await open(createServer());
  const { server } = house;
  const { emit } = server;
  const first = attach(server, { path: '/a' }, echo);
  const second = attach(server, { path: '/b' }, echo);
  assert.is.not(server.emit, emit);
  await first.stop();
  assert.is(await talk(`ws://127.0.0.1:${house.port}/b`), 'hello');
  await second.stop();
  assert.is(server.emit, emit);

  const third = attach(server, { path: '/a' }, echo);
  const events: string[] = [];
  const ours = server.emit;
  const theirs = function (this: Server, event: string, ...values: never[]): boolean {
    events.push(event);
    return Reflect.apply(ours, this, [event, ...values]);
  } as Server['emit'];
  server.emit = theirs;
  await third.stop();
  assert.is(server.emit, theirs);
  for (let round = 0; round < 20; round++) await attach(server, { path: '/a' }, echo).stop();
  house.keep(attach(server, { path: '/a' }, echo));
  assert.is(await talk(`ws://127.0.0.1:${house.port}/a`), 'hello');
  assert.equal(events.filter((event) => event === 'upgrade').length, 1);
  assert.is(server.listenerCount('upgrade'), 1);
});

others('two copies of the library take each their own, and refuse what is nobody’s once', async () => {
  await using house = await open(createServer());
  const clock = new TestClock();
  const seen: string[] = [];
  const refused: string[] = [];
  const siteFor = (path: string): Parameters<UpgradeRouter['add']>[0] => ({
    match: (url) => (url === path ? {} : undefined),
    upgrade: (_head, connection) => {
      seen.push(path);
      connection.respond(new TextEncoder().encode(`HTTP/1.1 418 ${path}\r\nContent-Length: 0\r\n\r\n`));
    },
    refuse: (connection, response) => {
      refused.push(path);
      connection.respond(response);
    },
  });
  const copies = ['/a', '/b'].map((path) => {
    const router = new UpgradeRouter(house.server);
    const site = siteFor(path);
    router.add(site, { clock, timeout: 1_000 });
    return () => router.remove(site);
  });
  for (const target of ['/a', '/b']) assert.is((await ask(house.port, target)).status, 418);
  assert.is((await ask(house.port, '/none')).status, 404);
  assert.equal([seen, refused.length], [['/a', '/b'], 1]);
  let looked = 0;
  house.server.on('upgrade', () => looked++);
  using client = await RawClient.connect(house.port);
  client.send(requestHead(house.port, { target: '/none' }));
  await until(() => looked === 1, 'it is left to the other');
  await clock.turn(1_000);
  assert.is((await client.response()).status, 404);
  await client.finished();
  assert.is(refused.length, 2);
  for (const remove of copies) remove();
  assert.is(house.server.listenerCount('upgrade'), 1);
});

others(
  'a secondary server that hands its upgrades on, as Fastify’s of a second address, reaches the sites',
  async () => {
    await using house = await open(createServer());
    const { server } = house;
    // What was bound before we came does not see the emit that we put in its place.
    await using second = await open(createServer().on('upgrade', server.emit.bind(server, 'upgrade')));
    house.keep(attach(server, { path: '/ours' }, echo));
    assert.is(await talk(`ws://127.0.0.1:${second.port}/ours`), 'hello');
    assert.is((await ask(second.port, '/none')).status, 404);
  },
);

others.run();

// --- The servers -----------------------------------------------------------------------------------------------------

const servers = suite('attach · which servers');

servers('what is no server of HTTP/1.1 is a TypeError, and nothing is attached', async () => {
  const app = express();
  const strangers: [unknown, RegExp][] = [
    [undefined, /app\.listen/],
    [{}, /app\.listen/],
    [app, /app\.listen/],
    [new Koa(), /app\.listen/],
    [fastify(), /app\.server/],
    [createHttp2Server(), /allowHTTP1/],
    [createSecureServer(certificate), /allowHTTP1/],
    [createNetServer(), /HTTP\/1\.1/],
  ];
  for (const [server, message] of strangers) throws(() => attach(server as never, {}, echo), TypeError, message);
});

servers('one can attach before the server listens, and again after it has stopped and listens anew', async () => {
  const server = createServer();
  const site = attach(server, { path: '/ours' }, echo);
  for (let round = 0; round < 2; round++) {
    const { port } = await open(server);
    assert.is(await talk(`ws://127.0.0.1:${port}/ours`), 'hello');
    server.closeAllConnections();
    await within(new Promise((resolve) => server.close(resolve)), 'the server is closed');
  }
  assert.is(site.counters.upgraded, 2);
  await site.stop();
});

servers('closeAllConnections leaves sessions open, and close waits for them: stop ends both', async () => {
  const house = await open(createServer());
  const { server } = house;
  const site = attach(server, {}, echo);
  const peer = await openWs(`ws://127.0.0.1:${house.port}`);
  let isClosed = false;
  const closed = new Promise<void>((resolve) => {
    server.close(() => {
      isClosed = true;
      resolve();
    });
  });
  server.closeAllConnections();
  peer.send('still here');
  assert.is(await peer.receive(), 'still here');
  assert.not(isClosed);
  assert.equal(await site.stop(), { closed: 1, cut: 0 });
  assert.is((await peer.ended()).code, 1001);
  await within(closed, 'the server is closed');
});

servers('a server of https keeps its pages, and its upgrades are wss', async () => {
  await using house = await open(createTlsServer(certificate, (_, response) => void response.end('a page')));
  house.keep(attach(house.server, { path: '/ours' }, echo));
  assert.is(await talk(`wss://localhost:${house.port}/ours`, 'hello', { ca: certificate.cert }), 'hello');
});

servers('a server of HTTP/2 with allowHTTP1 takes upgrades over HTTP/1.1, beside its pages over HTTP/2', async () => {
  const server = createSecureServer({ ...certificate, allowHTTP1: true }, (_, response) => void response.end('a page'));
  await using house = await open(server);
  house.keep(attach(house.server, { path: '/ours' }, echo));
  const session = connectHttp2(`https://localhost:${house.port}`, { ca: certificate.cert });
  const stream = session.request({ ':path': '/page' });
  let body = '';
  for await (const chunk of stream) body += chunk;
  assert.is(body, 'a page');
  const client = await connect(`wss://localhost:${house.port}/ours`, { tls: { ca: certificate.cert } });
  await client.send('hello');
  assert.is(await within(client.receive(), 'the echo'), 'hello');
  assert.ok((await within(client.close(), 'the close')).wasClean);
  await new Promise<void>((resolve) => session.close(resolve));
});

servers('a page is answered as before while sessions are open, on connections that are kept', async () => {
  const app = express();
  app.use(express.json());
  app.post('/page', (request, response) => void response.status(201).json(request.body));
  await using house = await open(createServer(app));
  house.keep(attach(house.server, { path: '/ours' }, echo));
  const peer = await openWs(`ws://127.0.0.1:${house.port}/ours`);
  for (let count = 0; count < 3; count++) {
    const options = { port: house.port, host: '127.0.0.1', path: '/page', method: 'POST' };
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      httpRequest({ ...options, headers: { 'Content-Type': 'application/json' } }, resolve)
        .on('error', reject)
        .end(`{"count":${count}}`);
    });
    let body = '';
    for await (const chunk of response) body += chunk;
    assert.equal([response.statusCode, body], [201, `{"count":${count}}`]);
    peer.send(`${count}`);
    assert.is(await peer.receive(), `${count}`);
  }
  peer.close(1000);
  await peer.ended();
});

servers('nothing has escaped in all of this', async () => {
  await assertNothingEscaped();
});
servers.run();
