// The client over sockets of Bun, inside Bun: `bun spec/runtimes/bun/connect.ts`, or by spec/runtimes/run.ts. Servers are ws on Node, Bun's own, and sockets that behave badly.

import { createServer, type Socket } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  connect,
  HandshakeError,
  permessageDeflate,
  reconnect,
  type Session,
  serve,
  WebSocketError,
  WebSocketStream,
} from '../../../lib/bun.ts';
import { createCertificate } from '../../support/certificates.ts';
import { rejects } from '../../support/check.ts';
import { standstill, until, within } from '../../support/until.ts';
import { NodePeer } from './node-peer.ts';

const MiB = 1024 * 1024;
const large = { limits: { maxMessageSize: 32 * MiB } };
const test = suite('bun · connect');

/** Sends messages without waiting, and wants them back in order. */
async function exchange(session: Session, count: number, message: (index: number) => string): Promise<void> {
  const sending = (async () => {
    for (let index = 0; index < count; index++) await session.send(message(index));
  })();
  for (let index = 0; index < count; index++) {
    assert.is(await within(session.receive(), `message ${index}`), message(index));
  }
  await sending;
}

for (const deflates of [false, true]) {
  test(`ws on Node: 10,000 messages come back in order, ${deflates ? 'with' : 'without'} deflate; the close is clean`, async () => {
    await using peer = await NodePeer.listen('wsServer', { perMessageDeflate: deflates });
    const extensions = [permessageDeflate({ threshold: 0 })];
    const session = await connect(`ws://127.0.0.1:${peer.port}/a?b`, { extensions });
    assert.is(session.remoteAddress, '127.0.0.1');
    assert.is(session.extensions.startsWith('permessage-deflate'), deflates);
    await exchange(session, 10_000, (index) => `${index} again and again and again`);
    assert.ok((await within(session.close(4000, 'enough'), 'the close')).wasClean);
    const { code, reason } = await peer.tells('closed');
    assert.equal([code, reason], [4000, 'enough']);
    assert.is(peer.last('connection')?.['url'], '/a?b');
  });
}

test('ws on Node: messages of all sizes, up to 16 MiB, both kinds', async () => {
  await using peer = await NodePeer.listen('wsServer');
  const session = await connect(`ws://localhost:${peer.port}`, large);
  for (const size of [0, 1, 125, 126, 65_535, 65_536, MiB, 16 * MiB]) {
    await session.send('x'.repeat(size));
    assert.is(((await within(session.receive(), 'a text')) as string).length, size);
    const bytes = new Uint8Array(size).map((_, index) => (index * 7919) >>> 8);
    await session.send(bytes);
    assert.is(Buffer.compare((await within(session.receive(), 'a binary')) as Uint8Array, bytes), 0);
  }
  await session.close();
});

test('ws on Node: its codes and reasons, and a cut', async () => {
  await using peer = await NodePeer.listen('wsServer');
  for (const code of [1000, 1001, 1008, 1011, 3000, 4999]) {
    const session = await connect(`ws://127.0.0.1:${peer.port}`);
    await session.send(`!close|${code}|because`);
    assert.is(await within(session.receive(), 'the end'), undefined);
    const { closeCode, reason, wasClean } = await within(session.closed, 'the close');
    assert.equal([closeCode, reason, wasClean], [code, 'because', true]);
  }
  const session = await connect(`ws://127.0.0.1:${peer.port}`);
  await session.send('!cut');
  const { closeCode, wasClean } = await within(session.closed, 'the close');
  assert.equal([closeCode, wasClean], [1006, false]);
});

test('a server that does not read holds send up, and one that floods is held up: bytes are counted', async () => {
  await using peer = await NodePeer.listen('wsServer');
  const session = await connect(`ws://127.0.0.1:${peer.port}`, { limits: { ...large.limits, closeTimeout: 300 } });
  await session.send('!stall');
  await peer.tells('stalled');
  let sent = 0;
  const sending = (async () => {
    for (; sent < 128; sent++) await session.send(new Uint8Array(512 * 1024));
  })();
  sending.catch(() => {});
  const count = await standstill(() => sent, 'the sender');
  assert.ok(count < 64, `${count} messages of 512 KiB were sent`);
  session.job.cancel();
  await within(session.job.closed, 'the end', 20_000);

  const other = await connect(`ws://127.0.0.1:${peer.port}`, large);
  await other.send('!flood|64');
  await peer.tells('left');
  const left = await standstill(() => peer.last('left')?.['size'] as number, 'the flood');
  assert.ok(left > 32 * MiB, `only ${left} bytes are left at the peer`);
  assert.ok(other.counters.bytesReceived < 4 * MiB, `${other.counters.bytesReceived} bytes were taken`);
  for (let index = 0; index < 64; index++) {
    assert.is(((await within(other.receive(), 'a message')) as Uint8Array).length, MiB);
  }
  await other.close();
});

test('Bun’s own server: deflate, codes, and a message right behind the response', async () => {
  const { Bun } = globalThis as unknown as {
    Bun: { serve(options: object): { port: number; stop(now: boolean): void } };
  };
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: (request: Request, self: { upgrade(request: Request): boolean }) =>
      self.upgrade(request) ? undefined : new Response('no', { status: 400 }),
    websocket: {
      perMessageDeflate: true,
      open: (socket: { send(text: string): void }) => socket.send('welcome'),
      message: (socket: { send(data: unknown, deflates: boolean): void }, data: unknown) => socket.send(data, true),
    },
  });
  const extensions = [permessageDeflate({ threshold: 0 })];
  const session = await connect(`ws://127.0.0.1:${server.port}`, { extensions });
  assert.is(await within(session.receive(), 'the greeting'), 'welcome');
  assert.match(session.extensions, /permessage-deflate/);
  await exchange(session, 2000, (index) => `${index} ${'x'.repeat(index)}`);
  assert.ok((await within(session.close(), 'the close')).wasClean);
  server.stop(true);
});

test('TLS: who is trusted, and a HandshakeError with the cause for who is not', async () => {
  const authority = await createCertificate('Authority', { isAuthority: true });
  const good = await createCertificate('Good', { names: ['localhost'], addresses: ['127.0.0.1'], ca: authority });
  const wrong = await createCertificate('Wrong', { names: ['other.example'], ca: authority });
  const tls = { ca: authority.cert };
  for (const [certificate, isTrusted] of [
    [good, true],
    [wrong, false],
  ] as const) {
    await using server = await serve({ tls: certificate }, async (session) => {
      for await (const message of session) await session.send(message);
    });
    if (isTrusted) {
      const session = await connect(server.url, { tls });
      await exchange(session, 500, (index) => 'x'.repeat(index * 20));
      assert.equal([session.tls?.isAuthorized, session.tls?.alpnProtocol], [true, 'http/1.1']);
      assert.ok((await session.close()).wasClean);
      continue;
    }
    const error = await rejects(connect(server.url, { tls }), HandshakeError, 'ERR_WS_UNREACHABLE');
    assert.is((error.cause as { code?: string }).code, 'ERR_TLS_CERT_ALTNAME_INVALID');
    const session = await connect(server.url, { tls: { ...tls, rejectUnauthorized: false } });
    assert.is(session.tls?.isAuthorized, false);
    await session.close();
  }
});

test('a server that is silent: handshakeTimeout, and an abort; the connection is closed each time', async () => {
  const sockets: Socket[] = [];
  let closed = 0;
  const server = createServer((socket) => {
    sockets.push(
      socket
        .on('error', () => {})
        .on('close', () => closed++)
        .resume(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `ws://127.0.0.1:${(server.address() as { port: number }).port}`;
  const secure = url.replace('ws:', 'wss:');
  for (const each of [url, secure]) {
    const limits = { handshakeTimeout: 100 };
    await rejects(within(connect(each, { limits }), 'a refusal'), HandshakeError, 'ERR_WS_HANDSHAKE_TIMEOUT');
    const reason = new Error('away');
    const aborted = connect(each, { signal: AbortSignal.timeout(50) }).catch((error) => error.name);
    assert.is(await within(aborted, 'an abort'), 'TimeoutError');
    const early = connect(each, { signal: AbortSignal.abort(reason) }).catch((error) => error);
    assert.is(await early, reason);
  }
  await until(() => closed === sockets.length && closed === 4, 'all are closed');
  server.close();
});

test('an argument that is wrong is told before anything is dialled', async () => {
  await rejects(connect('http://a/#b'), TypeError);
  await rejects(connect('ws://127.0.0.1:1', { subprotocols: ['a', 'a'] }), TypeError);
  await rejects(connect('ws://127.0.0.1:1', { proxy: 'ftp://a' }), TypeError);
});

test('through a proxy that cannot be reached: ERR_WS_PROXY, never past it', async () => {
  await using server = await serve({}, async () => {});
  const free = createServer();
  await new Promise<void>((resolve) => free.listen(0, '127.0.0.1', resolve));
  const { port } = free.address() as { port: number };
  await new Promise((resolve) => free.close(resolve));
  await rejects(connect(server.url, { proxy: `http://127.0.0.1:${port}` }), HandshakeError, 'ERR_WS_PROXY');
  assert.is(server.counters.upgraded, 0);
});

test('WebSocketStream: streams both ways, the close, and an error for who is not there', async () => {
  await using peer = await NodePeer.listen('wsServer');
  const stream = new WebSocketStream(`ws://127.0.0.1:${peer.port}/`);
  const { readable, writable } = await within(stream.opened, 'the opening');
  const writer = writable.getWriter();
  const reader = readable.getReader();
  for (const message of ['hello', 'x'.repeat(300_000)]) {
    await writer.write(message);
    assert.is((await within(reader.read(), 'an echo')).value, message);
  }
  stream.close({ closeCode: 4000, reason: 'enough' });
  assert.is((await within(stream.closed, 'the close')).closeCode, 4000);
  const lost = new WebSocketStream(`ws://127.0.0.1:${peer.port + 1 > 65_535 ? 1 : peer.port + 1}/`);
  await rejects(lost.opened, WebSocketError);
  await rejects(lost.closed, WebSocketError);
});

test('reconnect: a server that goes and comes again is found, and what is sent meanwhile comes', async () => {
  const got: unknown[] = [];
  const handler = async (session: Session): Promise<void> => {
    for await (const message of session) got.push(message);
  };
  let server = await serve({}, handler);
  const { port } = server;
  const feed = reconnect(server.url, { firstDelay: 10, maxDelay: 50 });
  await feed.send('one');
  await until(() => got.length === 1, 'one has come');
  await server.stop({ timeout: 0 });
  server = await serve({ port }, handler);
  await feed.send('two');
  await until(() => got.includes('two'), 'two has come');
  await feed.close();
  await server.stop();
});

test('three hundred connections one after the other leave nothing at the server', async () => {
  await using server = await serve({}, async (session) => {
    for await (const message of session) await session.send(message);
  });
  for (let count = 0; count < 300; count++) {
    const session = await connect(server.url);
    if (count % 3 === 0) {
      await session.send('hello');
      await session.receive();
      await session.close();
    } else if (count % 3 === 1) session.job.cancel();
    else void session.close();
    if (count % 3 !== 0) await within(session.closed, 'an end');
  }
  await until(() => server.counters.connections === 0, 'no connection is left');
  assert.is(server.counters.open, 0);
});

test.run();
