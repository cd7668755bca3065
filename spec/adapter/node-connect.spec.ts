// The client of Node against real servers over real sockets: our own, `ws` with and without deflate, and a socket of the file system.

import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect as connectSocket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type ServerOptions, WebSocketServer as WsServer } from 'ws';
import { HandshakeError } from '../../lib/error.ts';
import {
  attach,
  connect,
  type NodeConnectOptions,
  permessageDeflate,
  Refusal,
  type Session,
  toByteStreams,
} from '../../lib/node.ts';
import { registerByteStreams } from '../../lib/stream/transport.ts';
import { AnsweringServer } from '../support/answering-server.ts';
import { rejects } from '../support/check.ts';
import { destroyAllDuplexes, socketPair } from '../support/duplexes.ts';
import { wire } from '../support/frames.ts';
import { toWsPeer, type WsPeer } from '../support/peers.ts';
import { assertEnd, assertNothingEscaped, echo, endOf, startServer } from '../support/server.ts';
import { until, within } from '../support/until.ts';

const test = suite('node connect');

const MiB = new Uint8Array(1024 * 1024).map((_, index) => (index * 7919) >>> 8);

/** A server of the `ws` package that echoes, or does what is said. */
async function openWsServer(
  options: ServerOptions = {},
  run?: (peer: WsPeer) => void,
): Promise<WsServer & { url: string }> {
  const server = new WsServer({ port: 0, host: '127.0.0.1', maxPayload: 4 * MiB.byteLength, ...options });
  server.on('connection', (socket) => {
    if (run !== undefined) return run(toWsPeer(socket));
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
  });
  await new Promise((resolve) => server.once('listening', resolve));
  return Object.assign(server, { url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}` });
}

async function stopWs(server: WsServer): Promise<void> {
  for (const client of server.clients) client.terminate();
  await new Promise((resolve) => server.close(resolve));
}

/** Sends what is sent everywhere, and asserts that it comes back. */
async function talk(session: Session): Promise<void> {
  const messages = [
    '',
    'text',
    'ÄÖ☃𝄞',
    'x'.repeat(70_000),
    new Uint8Array(0),
    Uint8Array.of(0, 255),
    MiB.slice(0, 200_000),
  ];
  for (const message of messages) {
    await session.send(message);
    const echoed = await within(session.receive(), 'an echo');
    if (typeof message === 'string') assert.is(echoed, message);
    else assert.is(Buffer.compare(echoed as Uint8Array, message), 0);
  }
  assert.ok((await within(session.ping(), 'a pong')) >= 0);
}

test('our own server: messages of all sizes, pings, the facts, and the close from this side', async () => {
  await using server = await startServer();
  const session = await connect(`${server.url}/path?query`, { headers: { 'X-A': ['1', '2'] } });
  await talk(session);
  assert.is(session.remoteAddress, '127.0.0.1');
  assert.is(session.tls, undefined);
  const theirs = await server.session();
  assert.is(theirs.request?.url, '/path?query');
  assert.equal(theirs.request?.headers.getAll('x-a'), ['1', '2']);
  assert.is(theirs.request?.headers.get('host'), `127.0.0.1:${server.port}`);
  assert.is(theirs.request?.headers.get('origin'), undefined);
  const info = await within(session.close(3000, 'bye'), 'the close');
  assertEnd(info, { closeCode: 3000, wasClean: true, initiator: 'local', error: undefined });
  assertEnd(await endOf(theirs), { closeCode: 3000, reason: 'bye', wasClean: true, initiator: 'remote' });
  await server.quiet();
});

test('our own server: it closes, refuses with a status and a body, and goes away', async () => {
  await using server = await startServer(async (session) => void session.close(4001, 'enough'));
  const session = await connect(server.url);
  assert.is(await session.receive(), undefined);
  assertEnd(await endOf(session), { closeCode: 4001, reason: 'enough', wasClean: true, initiator: 'remote' });
  await using refusing = await startServer(echo, {
    admit: () => new Refusal(401, { headers: [['WWW-Authenticate', 'Basic realm="x"']], body: 'Who?' }),
  });
  const refused = await rejects(connect(refusing.url), HandshakeError, 'ERR_WS_NOT_UPGRADED');
  const { status, headers, body } = refused as HandshakeError;
  assert.is(status, 401);
  assert.ok(headers.some(([name, value]) => name.toLowerCase() === 'www-authenticate' && value === 'Basic realm="x"'));
  assert.is(new TextDecoder().decode(body), 'Who?');
  await using stopping = await startServer();
  const left = await connect(stopping.url);
  await stopping.server.stop();
  assertEnd(await endOf(left), { closeCode: 1001, wasClean: true, initiator: 'remote' });
});

test('our own server: streamed and raw sessions, a subprotocol, deflate, Basic credentials of the URL', async () => {
  const seen: (string | undefined)[] = [];
  await using server = await startServer(
    (session) => {
      seen.push(session.request?.headers.get('authorization'));
      return echo(session);
    },
    { subprotocols: ['b'], extensions: [permessageDeflate({ threshold: 0 })] },
  );
  const session = await connect(server.url, {
    subprotocols: ['a', 'b'],
    extensions: [permessageDeflate({ threshold: 0 })],
    messages: 'streamed',
  });
  assert.is(session.subprotocol, 'b');
  assert.match(session.extensions, /^permessage-deflate/);
  await session.send('y'.repeat(100_000));
  assert.is(await (await session.receive())?.text(), 'y'.repeat(100_000));
  assert.ok(session.counters.bytesReceived < 2_000);
  await within(session.close(), 'the close');
  const raw = await connect(server.url.replace('//', '//me:secret@'), { raw: true });
  await raw.send({
    fin: true,
    rsv1: false,
    rsv2: false,
    rsv3: false,
    opcode: 1,
    payload: new TextEncoder().encode('x'),
  });
  assert.is((await raw.receive())?.opcode, 1);
  await within(raw.close(), 'the close');
  assert.equal(seen, [undefined, `Basic ${btoa('me:secret')}`]);
  await server.quiet();
});

test('our own server: a hundred connections of one context at once, a session of whatwg streams each', async () => {
  await using server = await startServer();
  const engineContext = {};
  await Promise.all(
    Array.from({ length: 100 }, async (_, index) => {
      const session = await connect(server.url, { engineContext });
      const writer = session.writable.getWriter();
      await writer.write(`hello ${index}`);
      const reader = session.readable.getReader();
      assert.equal(await reader.read(), { done: false, value: `hello ${index}` });
      await writer.close();
      assert.is((await reader.read()).done, true);
      assertEnd(await endOf(session), { closeCode: 1000, wasClean: true });
    }),
  );
  await server.quiet();
});

for (const deflate of [false, true]) {
  const name = `ws ${deflate ? 'with' : 'without'} deflate`;
  const options: ServerOptions = { perMessageDeflate: deflate ? { threshold: 0 } : false };
  const ours = { extensions: [permessageDeflate({ threshold: 0 })] } satisfies NodeConnectOptions;

  test(`${name}: messages of all sizes, pings, a subprotocol, the close from this side`, async () => {
    const server = await openWsServer({ ...options, handleProtocols: (offered) => [...offered][1] ?? false });
    const session = await connect(server.url, {
      ...ours,
      subprotocols: ['a', 'b'],
      limits: { maxMessageSize: 2 ** 21 },
    });
    assert.is(session.extensions.startsWith('permessage-deflate'), deflate);
    assert.is(session.subprotocol, 'b');
    await talk(session);
    await session.send(MiB);
    assert.is(Buffer.compare((await within(session.receive(), 'an echo')) as Uint8Array, MiB), 0);
    const info = await within(session.close(4999, 'ü'.repeat(61)), 'the close');
    assertEnd(info, { closeCode: 4999, reason: 'ü'.repeat(61), wasClean: true });
    await stopWs(server);
  });

  test(`${name}: it sends at once, pings, closes with each code, and cuts`, async () => {
    const codes = [1000, 1001, 1008, 1011, 1013, 3000, 4999];
    let next = 0;
    let pongs = 0;
    const server = await openWsServer(options, ({ socket }) => {
      const code = codes[next++];
      socket.send('first');
      socket.ping('p');
      if (code === undefined) return void setImmediate(() => socket.terminate());
      socket.on('pong', () => {
        pongs++;
        socket.close(code, `code ${code}`);
      });
    });
    for (const code of codes) {
      const session = await connect(server.url, ours);
      assert.is(await session.receive(), 'first');
      assert.is(await session.receive(), undefined);
      assertEnd(await endOf(session), { closeCode: code, reason: `code ${code}`, wasClean: true, initiator: 'remote' });
    }
    assert.is(pongs, codes.length);
    const cut = await connect(server.url, ours);
    assertEnd(await endOf(cut), { closeCode: 1006, wasClean: false, error: 'ERR_WS_CONNECTION_LOST' });
    await stopWs(server);
  });
}

test('ws refuses by its own: 400, 401 with a body, and a path that is none', async () => {
  const server = await openWsServer({
    path: '/only',
    verifyClient: (_info, done) => done(false, 401, 'Not you', { 'X-Why': 'because' }),
  });
  const unknown = (await rejects(
    connect(`${server.url}/other`),
    HandshakeError,
    'ERR_WS_NOT_UPGRADED',
  )) as HandshakeError;
  assert.is(unknown.status, 400);
  const refused = (await rejects(
    connect(`${server.url}/only`),
    HandshakeError,
    'ERR_WS_NOT_UPGRADED',
  )) as HandshakeError;
  assert.is(refused.status, 401);
  assert.is(new TextDecoder().decode(refused.body), 'Not you');
  assert.ok(refused.headers.some(([header, value]) => header === 'X-Why' && value === 'because'));
  await stopWs(server);
});

test('redirects over real sockets: to another port, credentials stay behind', async () => {
  await using server = await startServer((session) => {
    assert.is(session.request?.headers.get('authorization'), undefined);
    return echo(session);
  });
  await using redirecting = await AnsweringServer.open(async (caller) => {
    await caller.read();
    assert.match(caller.head, /\r\nAuthorization: Bearer x\r\n/);
    caller.send(`HTTP/1.1 307 X\r\nContent-Length: 0\r\nLocation: ${server.url}/there\r\n\r\n`);
  });
  const session = await connect(redirecting.url, { maxRedirects: 1, headers: { Authorization: 'Bearer x' } });
  assert.is(session.response?.url, `${server.url}/there`);
  await talk(session);
  await within(session.close(), 'the close');
  await until(() => redirecting.open === 0, 'the first connection is closed');
  assert.is(redirecting.callers.length, 1);
});

test('a socket of the file system: ws+unix with a path and a query, in the forms that a URL has', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sock et-'));
  const path = join(folder, 'a:ä.sock');
  const http: Server = createServer();
  const targets: (string | undefined)[] = [];
  const attachment = attach(http, {}, (session) => {
    targets.push(`${session.request?.headers.get('host')} ${session.request?.url}`);
    return echo(session);
  });
  await new Promise<void>((resolve) => http.listen(path, resolve));
  const encoded = path.split('/').map(encodeURIComponent).join('/');
  for (const url of [
    `ws+unix:${encoded}:/chat?room=1`,
    `ws+unix://${encoded}:/chat?room=1`,
    new URL(`ws+unix:${encoded}:/chat?room=1`),
  ]) {
    const session = await connect(url);
    await talk(session);
    assert.is(session.remoteAddress, undefined);
    assert.ok((await within(session.close(), 'the close')).wasClean);
  }
  const plain = await connect(`ws+unix:${encoded}`);
  await within(plain.close(), 'the close');
  assert.equal(targets, [...Array(3).fill('localhost /chat?room=1'), 'localhost /']);
  await attachment.stop();
  await new Promise((resolve) => http.close(resolve));
  const gone = (await rejects(connect(`ws+unix:${encoded}`), HandshakeError, 'ERR_WS_UNREACHABLE')) as HandshakeError;
  assert.is((gone.cause as { code?: string }).code, 'ENOENT');
  await rm(folder, { recursive: true });
});

test('over the byte streams of a socket of one’s own, with bytes that had come before', async () => {
  await using server = await startServer();
  for (const isClaimed of [true, false]) {
    const socket = connectSocket({ port: server.port, host: '127.0.0.1', allowHalfOpen: true });
    const streams = toByteStreams(socket);
    // Somebody else's streams, for all that one can see.
    if (!isClaimed) registerByteStreams(streams, () => undefined);
    const session = await connect('ws://localhost/x', { streams });
    await talk(session);
    assert.ok((await within(session.close(), 'the close')).wasClean);
    assert.is((await server.session()).request?.headers.get('host'), 'localhost');
  }
  await server.quiet();
  const [ours, theirs] = await socketPair();
  const early = Buffer.from('HTTP/1.1 503 Full\r\nContent-Length: 4\r\n\r\n');
  theirs.write('Full');
  const opening = connect('ws://localhost', { streams: toByteStreams(ours, early) });
  const error = (await rejects(within(opening, 'a refusal'), HandshakeError, 'ERR_WS_NOT_UPGRADED')) as HandshakeError;
  assert.equal([error.status, new TextDecoder().decode(error.body)], [503, 'Full']);
  destroyAllDuplexes();
});

test('a refusal that had come whole before the request cuts the connection', async () => {
  const [ours] = await socketPair();
  const whole = Buffer.from('HTTP/1.1 503 Full\r\nContent-Length: 0\r\n\r\nmore');
  const opening = connect('ws://localhost', { streams: toByteStreams(ours, whole) });
  await rejects(within(opening, 'a refusal'), HandshakeError, 'ERR_WS_NOT_UPGRADED');
  assert.ok(ours.destroyed);
  destroyAllDuplexes();
});

test('nobody listens, or the name is none: it tells the cause', async () => {
  const server = await AnsweringServer.open();
  const { url } = server;
  await server[Symbol.asyncDispose]();
  const refused = (await rejects(connect(url), HandshakeError, 'ERR_WS_UNREACHABLE')) as HandshakeError;
  assert.equal([refused.status, (refused.cause as { code?: string }).code], [0, 'ECONNREFUSED']);
  assert.is(refused.message, `Cannot connect to ${url}/`);
  await rejects(connect('ws://127.0.0.1:0'), HandshakeError, 'ERR_WS_UNREACHABLE');
});

test('the masking key of each frame on the wire is another one', async () => {
  const keys = new Set<string>();
  const count = 2_000;
  await using server = await AnsweringServer.open(async (caller) => {
    await caller.read();
    caller.send(caller.good());
    for (let index = 0; index < count; index++) {
      const [first = 0, second = 0] = await caller.raw.take(2);
      assert.equal([first, second], [0x81, 0x84]);
      keys.add((await caller.raw.take(4)).toString('hex'));
      await caller.raw.take(4);
    }
    caller.send(wire({ opcode: 8, payload: Uint8Array.of(3, 232) }));
  });
  const session = await connect(server.url, { limits: { closeTimeout: 50 } });
  for (let index = 0; index < count; index++) await session.send('same');
  await endOf(session);
  assert.is(keys.size, count);
});

test('nothing has escaped in all of this', async () => {
  await assertNothingEscaped();
});

test.run();
