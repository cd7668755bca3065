// Upgrades on a server of the application's own.

import { getEventListeners } from 'node:events';
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type RequestListener,
  type Server,
  ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Attachment, attach, Refusal } from '../../lib/node.ts';
import { throws } from '../support/check.ts';
import { openWs } from '../support/peers.ts';
import { headerOf, RawClient, requestHead, text } from '../support/raw-client.ts';
import { assertNothingEscaped, echo } from '../support/server.ts';
import { standstill, until, within } from '../support/until.ts';

class Application implements AsyncDisposable {
  readonly server: Server;
  constructor(listener?: RequestListener) {
    this.server = createServer(listener);
  }
  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }
  get url(): string {
    return `ws://127.0.0.1:${this.port}`;
  }
  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return this;
  }
  async get(path: string, headers: Record<string, string> = {}): Promise<{ status: number; body: string }> {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      httpRequest({ port: this.port, host: '127.0.0.1', path, headers, agent: false }, resolve)
        .on('error', reject)
        .end();
    });
    let body = '';
    for await (const chunk of response) body += chunk;
    return { status: response.statusCode ?? 0, body };
  }
  async [Symbol.asyncDispose](): Promise<void> {
    this.server.closeAllConnections();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }
}

async function talk(url: string, text: string): Promise<unknown> {
  const peer = await openWs(url);
  const answer = new Promise((resolve) => peer.socket.once('message', (data) => resolve(String(data))));
  peer.socket.send(text);
  const said = await within(answer, 'the echo');
  const closed = new Promise((resolve) => peer.socket.once('close', resolve));
  peer.socket.close();
  await closed;
  return said;
}

const test = suite('attach · an application keeps its server');

test('Express keeps its routes, and its errors; WebSockets work beside it', async () => {
  const app = express();
  app.get('/hello', (_, response) => void response.send('hello from Express'));
  app.get('/chat/room', (_, response) => void response.send('a plain GET of the path is the application’s'));
  await using application = await new Application(app).listen();
  await using chat = attach(application.server, { path: '/chat/:room' }, echo);
  assert.is(await talk(`${application.url}/chat/room`, 'hi'), 'hi');
  assert.equal(await application.get('/hello'), { status: 200, body: 'hello from Express' });
  assert.is((await application.get('/chat/room')).status, 200);
  assert.is((await application.get('/none')).status, 404);
  assert.equal([chat.counters.upgraded, chat.counters.refused], [1, 0]);
});

test('several are attached to one server, each with its own options; parameters reach the handler', async () => {
  await using application = await new Application().listen();
  const rooms: unknown[] = [];
  await using chat = attach(application.server, { path: '/chat/:room' }, async (session) => {
    rooms.push(session.request?.parameters['room']);
    await echo(session);
  });
  await using small = attach(application.server, { path: '/small', limits: { maxMessageSize: 3 } }, echo);
  assert.is(await talk(`${application.url}/chat/a%20b?x=1`, 'long enough'), 'long enough');
  const peer = await openWs(`${application.url}/small`);
  const closed = new Promise((resolve) => peer.socket.once('close', resolve));
  peer.socket.send('too long');
  assert.is(await within(closed, 'the close'), 1009);
  assert.equal(rooms, ['a b']);
  await until(() => chat.counters.open === 0 && small.counters.open === 0, 'all sessions have ended');
});

test('what matches none is answered with 404 and closed; with another listener it is left to that', async () => {
  await using application = await new Application().listen();
  await using _ = attach(application.server, { path: '/chat' }, echo);
  using client = await RawClient.connect(application.port);
  client.send(requestHead(application.port, { target: '/other' }));
  assert.is((await client.response()).status, 404);
  await client.finished();
  const seen: string[] = [];
  application.server.on('upgrade', (request, socket) => {
    if (request.url === '/chat') return;
    seen.push(request.url ?? '');
    socket.end('HTTP/1.1 418 Teapot\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
  });
  using other = await RawClient.connect(application.port);
  other.send(requestHead(application.port, { target: '/other' }));
  assert.is((await other.response()).status, 418);
  assert.equal(seen, ['/other']);
  assert.is(await talk(`${application.url}/chat`, 'still'), 'still');
});

test('Upgrade: h2c goes back to the request listener, which answers as if nothing had been attached', async () => {
  const app = express();
  app.get('/page', (request, response) => void response.send(`page for ${request.headers.upgrade}`));
  await using application = await new Application(app).listen();
  await using _ = attach(application.server, {}, echo);
  const answer = await application.get('/page', {
    Upgrade: 'h2c',
    Connection: 'Upgrade, HTTP2-Settings',
    'HTTP2-Settings': 'AAMAAABkAARAAAAAAAIAAAAA',
  });
  assert.equal(answer, { status: 200, body: 'page for h2c' });
});

test('stop ends its own sessions with 1001 and gives the path back; the server and the others go on', async () => {
  await using application = await new Application().listen();
  const first = attach(application.server, { path: '/first' }, echo);
  await using second = attach(application.server, { path: '/second' }, echo);
  const peer = await openWs(`${application.url}/first`);
  const closed = new Promise((resolve) => peer.socket.once('close', resolve));
  assert.equal(await first.stop(), { closed: 1, cut: 0 });
  assert.is(await within(closed, 'the close'), 1001);
  assert.is(await first.stop(), await first.stop());
  assert.is(await talk(`${application.url}/second`, 'on'), 'on');
  using client = await RawClient.connect(application.port);
  client.send(requestHead(application.port, { target: '/first' }));
  assert.is((await client.response()).status, 404);
  await second.stop();
  assert.is(application.server.listenerCount('upgrade'), 0);
});

test('a signal stops it as stop does, and holds nothing of it afterwards; one that is aborted already attaches nothing', async () => {
  await using application = await new Application().listen();
  const { server } = application;
  const controller = new AbortController();
  const { signal } = controller;
  const attachment = attach(server, { path: '/a', signal }, echo);
  using client = await RawClient.open(application.port, { target: '/a' });
  assert.is(getEventListeners(signal, 'abort').length, 1);
  controller.abort(new Error('enough'));
  assert.is((await client.untilClose()).code, 1001);
  client.end();
  assert.equal(await attachment.stop(), { closed: 1, cut: 0 });
  assert.equal([getEventListeners(signal, 'abort').length, server.listenerCount('upgrade')], [0, 0]);
  throws(() => attach(server, { signal }, echo), Error, /enough/);
  assert.is(server.listenerCount('upgrade'), 0);
});

test('wrong options throw, and attach nothing', async () => {
  const server = createServer();
  throws(() => attach(server, { path: '/a/:' }, echo), TypeError);
  throws(() => attach(server, { subprotocols: [''] }, echo), TypeError);
  throws(() => attach(server, {}, undefined as never), TypeError);
  assert.is(server.listenerCount('upgrade'), 0);
});
test.run();

const hooks = suite('attach and serve · hooks (admit)');

hooks('the context that admit gives is the session’s; a frame that came meanwhile is not lost', async () => {
  await using application = await new Application().listen();
  let open = (): void => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const got: unknown[] = [];
  await using _: Attachment<{ user: string }> = attach(
    application.server,
    {
      admit: async (request) => {
        await gate;
        return { user: request.headers.get('x-user') ?? 'nobody' };
      },
    },
    async (session) => {
      for await (const message of session) {
        got.push([session.context.user, message]);
        await session.send('ok');
      }
    },
  );
  using client = await RawClient.connect(application.port);
  client.send(requestHead(application.port, { headers: { 'X-User': 'me' } }));
  for (let count = 0; count < 20_000; count++) client.send(text(`early ${count}`));
  open();
  assert.is((await client.response()).status, 101);
  await until(() => got.length === 20_000, 'all early messages');
  assert.equal(got.at(-1), ['me', 'early 19999']);
});

hooks('admit gets the request as the application’s middleware knows it', async () => {
  const users = new Map([['Bearer x', 'Ada']]);
  const middleware: express.RequestHandler = (request, response, next) => {
    response.locals['user'] = users.get(request.headers.authorization ?? '');
    next();
  };
  await using application = await new Application(express().use(middleware)).listen();
  await using _: Attachment<{ user: string; port: number | undefined }> = attach(
    application.server,
    {
      path: '/chat/:room',
      admit: async (request, { incoming, signal }) => {
        const response = Object.assign(new ServerResponse(incoming), { locals: {} });
        await new Promise<void>((resolve) =>
          middleware(incoming as express.Request, response as express.Response, resolve as never),
        );
        const { user } = (response as express.Response).locals;
        assert.equal([request.url, request.parameters, signal.aborted], [incoming.url, { room: 'x' }, false]);
        return { user, port: incoming.socket.remotePort };
      },
    },
    async (session) => void (await session.send(`${session.context.user} ${session.context.port}`)),
  );
  using client = await RawClient.connect(application.port);
  client.send(requestHead(application.port, { target: '/chat/x', headers: { Authorization: 'Bearer x' } }));
  await client.accepted();
  assert.is((await client.frame()).payload.toString(), `Ada ${client.socket.localPort}`);
});

hooks('a client that goes away meanwhile ends the hook by its signal, and is not counted', async () => {
  await using application = await new Application().listen();
  for (const leave of ['end', 'reset'] as const) {
    const reasons: unknown[] = [];
    const reported: unknown[] = [];
    let asked = false;
    const site = attach(
      application.server,
      {
        userContext: { onError: (error) => void reported.push(error) },
        admit: (_, { signal }) => {
          asked = true;
          return new Promise<undefined>((_resolve, reject) => {
            signal.addEventListener('abort', () => {
              reasons.push(signal.reason);
              reject(signal.reason);
            });
          });
        },
      },
      echo,
    );
    const client = await RawClient.connect(application.port);
    client.send(requestHead(application.port));
    await until(() => asked, 'the hook is asked');
    client[leave]();
    await until(() => reasons.length === 1, 'the hook is told');
    assert.equal([reported, site.counters.upgraded], [[], 0]);
    await site.stop();
    client[Symbol.dispose]();
  }
});

hooks(
  'a refusal is written with its status, headers and body; a hook that throws is a 500 without internals',
  async () => {
    await using application = await new Application().listen();
    const reported: unknown[] = [];
    await using _ = attach(
      application.server,
      {
        userContext: { onError: (error) => void reported.push(error) },
        admit: (request) => {
          if (request.url === '/broken') throw new Error('secret');
          return new Refusal(401, { headers: [['WWW-Authenticate', 'Basic']], body: 'who are you?' });
        },
      },
      echo,
    );
    using refused = await RawClient.connect(application.port);
    refused.send(requestHead(application.port, { target: '/' }));
    const response = await refused.response();
    assert.equal([response.status, headerOf(response, 'www-authenticate')], [401, 'Basic']);
    using broken = await RawClient.connect(application.port);
    broken.send(requestHead(application.port, { target: '/broken' }));
    const failed = await broken.response();
    assert.is(failed.status, 500);
    assert.not(JSON.stringify(failed).includes('secret'));
    assert.is(reported.length, 1);
  },
);

hooks(
  'a client that a hook refuses while it goes on sending gets the whole answer, and is not waited for',
  async () => {
    await using application = await new Application().listen();
    let refuse = (): void => {};
    const admit = (): Promise<Refusal> =>
      new Promise((resolve) => {
        refuse = () => resolve(new Refusal(403, { body: 'x'.repeat(100_000) }));
      });
    await using site = attach(application.server, { admit, limits: { closeTimeout: 1_000_000 } }, echo);
    using client = await RawClient.connect(application.port);
    client.send(requestHead(application.port));
    for (let count = 0; count < 64; count++) client.send(Buffer.alloc(256 * 1024, 'x'));
    await standstill(() => client.socket.writableLength, 'the client');
    assert.ok(client.socket.writableLength > 0, 'it is held up');
    refuse();
    const { status, body } = await client.response();
    assert.equal([status, body.length], [403, 100_000]);
    await client.finished();
    await until(() => client.socket.writableLength === 0, 'the rest is read');
    const closed = new Promise((resolve) => client.socket.once('close', resolve));
    client.end();
    await within(closed, 'the connection is over');
    assert.not(client.wasReset);
    assert.is(site.counters.refused, 1);
  },
);

hooks('stop refuses those in the hook with 503, and ends their hook', async () => {
  await using application = await new Application().listen();
  let aborted = 0;
  let asked = 0;
  const site = attach(
    application.server,
    {
      admit: (_, { signal }) => {
        asked++;
        signal.addEventListener('abort', () => aborted++);
        return new Promise<undefined>(() => {});
      },
    },
    echo,
  );
  const clients = await Promise.all(Array.from({ length: 20 }, () => RawClient.connect(application.port)));
  for (const client of clients) client.send(requestHead(application.port));
  await until(() => asked === 20, 'all hooks are asked');
  const stopping = site.stop();
  for (const client of clients) assert.is((await client.response()).status, 503);
  await stopping;
  assert.is(aborted, 20);
  for (const client of clients) client[Symbol.dispose]();
});

hooks('nothing has escaped in all of this', async () => {
  await assertNothingEscaped();
});
hooks.run();
