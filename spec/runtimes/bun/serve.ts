// Servers over sockets of Bun, inside Bun: `bun spec/runtimes/bun/serve.ts`, or by spec/runtimes/run.ts. Clients are ws on Node, Bun's own WebSocket, and sockets that behave badly.

import { connect as connectNet, type Socket } from 'node:net';
import { createSecureContext, type TlsOptions } from 'node:tls';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { BunServeOptions, Session, WebSocketServer } from '../../../lib/bun.ts';
import { connect, permessageDeflate, serve } from '../../../lib/bun.ts';
import { createCertificate } from '../../support/certificates.ts';
import { rejects } from '../../support/check.ts';
import { standstill, until, within } from '../../support/until.ts';
import { NodePeer } from './node-peer.ts';

const MiB = 1024 * 1024;
const authority = await createCertificate('Authority', { isAuthority: true });
const names = { names: ['localhost'], addresses: ['127.0.0.1'] };
const certificate = await createCertificate('Server', { ...names, ca: authority });
const client = await createCertificate('Client', { ca: authority });
const unknown = await createCertificate('Unknown', names);

const test = suite('bun · serve');
const servers: WebSocketServer[] = [];
const sockets = new Set<Socket>();

test.after.each(async () => {
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  for (const server of servers.splice(0)) await server.stop({ timeout: 0 });
});

async function echo(session: Session): Promise<void> {
  for await (const message of session) await session.send(message);
}

async function start(handler = echo, options: BunServeOptions = {}): Promise<WebSocketServer> {
  const server = await serve(options, handler);
  servers.push(server);
  return server;
}

/** A connection on which somebody has said something. */
async function dial(
  server: WebSocketServer,
  text = '',
): Promise<{ socket: Socket; come: () => string; state: () => string }> {
  const socket = connectNet({ host: '127.0.0.1', port: server.port, allowHalfOpen: true });
  sockets.add(socket);
  let come = '';
  let state = 'open';
  socket.on('data', (chunk: Buffer) => {
    come += chunk.toString('latin1');
  });
  socket.on('error', () => {});
  socket.on('end', () => {
    state = 'ended';
  });
  socket.on('close', () => {
    state = 'closed';
  });
  await new Promise((resolve) => socket.once('connect', resolve));
  if (text !== '') socket.write(text);
  return { socket, come: () => come, state: () => state };
}

const upgrade = (path = '/'): string =>
  `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n`;

/** A masked frame with the mask 0. */
function frame(opcode: number, payload: Uint8Array): Uint8Array {
  const head =
    payload.byteLength < 126
      ? [payload.byteLength | 0x80]
      : [0xff, 0, 0, 0, 0, ...new Uint8Array(new Uint32Array([payload.byteLength]).buffer).reverse()];
  return Buffer.concat([Uint8Array.of(0x80 | opcode, ...head, 0, 0, 0, 0), payload]);
}

// --- Messages ----------------------------------------------------------------------------------------------------------

for (const [what, options] of [
  ['without deflate', { count: 10_000, size: 20 }],
  ['with deflate', { count: 10_000, size: 200, deflates: true }],
  ['of 300 KiB', { count: 50, size: 300 * 1024 }],
] as const) {
  test(`ws on Node: ${options.count} messages ${what} come back in order, and the close is clean`, async () => {
    const ends: unknown[] = [];
    const server = await start(
      async (session) => {
        await echo(session);
        ends.push(await session.closed);
      },
      { extensions: [permessageDeflate({ threshold: 0 })] },
    );
    await using peer = new NodePeer('wsClient', { url: server.url, ...options });
    const { code, come } = await peer.tells('closed');
    assert.equal([code, come], [1000, options.count]);
    assert.is(peer.count('wrong'), 0);
    assert.is(String(peer.last('open')?.['extensions']).includes('permessage-deflate'), 'deflates' in options);
    await until(() => ends.length === 1, 'the end here');
    assert.ok((ends[0] as { wasClean: boolean }).wasClean);
  });
}

test('ws on Node over TLS: 2000 messages, and what is told of the connection', async () => {
  const seen: Session['tls'][] = [];
  const server = await start(
    async (session) => {
      seen.push(session.tls);
      await echo(session);
    },
    { tls: certificate },
  );
  assert.match(server.url, /^wss:/);
  await using peer = new NodePeer('wsClient', {
    url: server.url.replace('127.0.0.1', 'localhost'),
    count: 2000,
    size: 2000,
    tls: { ca: authority.cert },
  });
  assert.is((await peer.tells('closed'))['come'], 2000);
  const tls = seen[0];
  assert.equal([tls?.protocol, tls?.serverName, tls?.isAuthorized], ['TLSv1.3', 'localhost', false]);
  assert.match(tls?.cipher ?? '', /^TLS_/);
});

test('Bun’s own WebSocket: texts and binaries of all sizes, and both ways to close', async () => {
  const server = await start(async (session) => {
    for await (const message of session) {
      if (message === 'close') await session.close(4001, 'as you wish');
      else await session.send(message);
    }
  });
  for (const closes of ['here', 'there']) {
    const socket = new WebSocket(server.url);
    socket.binaryType = 'arraybuffer';
    const come: unknown[] = [];
    socket.onmessage = ({ data }) => come.push(data);
    const closed = new Promise<CloseEvent>((resolve) => {
      socket.onclose = resolve;
    });
    await new Promise((resolve) => {
      socket.onopen = resolve;
    });
    const sizes = [0, 1, 125, 126, 65_535, 65_536, 900_000];
    for (const size of sizes) {
      socket.send('x'.repeat(size));
      socket.send(new Uint8Array(size).fill(size));
    }
    await until(() => come.length === 2 * sizes.length, 'all are back');
    for (const [index, size] of sizes.entries()) {
      assert.is(come[2 * index], 'x'.repeat(size));
      assert.is(Buffer.compare(new Uint8Array(come[2 * index + 1] as ArrayBuffer), new Uint8Array(size).fill(size)), 0);
    }
    if (closes === 'here') socket.send('close');
    else socket.close(4001, 'as you wish');
    const { code, reason, wasClean } = await within(closed, 'the close');
    // RFC 6455 §5.5.1: the answer to a close frame "typically echos the status code"; a reason is the other's own.
    assert.equal([code, reason, wasClean], [4001, closes === 'here' ? 'as you wish' : '', true]);
  }
});

test('frames right behind the head are not lost, however it is cut', async () => {
  const server = await start();
  const bytes = Buffer.concat([Buffer.from(upgrade()), frame(1, Buffer.from('one')), frame(1, Buffer.from('two'))]);
  for (const at of [1, 30, upgrade().length - 1, upgrade().length, upgrade().length + 3, bytes.byteLength]) {
    const { socket, come } = await dial(server);
    socket.setNoDelay(true);
    socket.write(bytes.subarray(0, at));
    await new Promise((resolve) => setTimeout(resolve, 5));
    socket.write(bytes.subarray(at));
    await until(() => come().endsWith('one\x81\x03two'), 'both are back');
    socket.destroy();
  }
});

// --- Backpressure ------------------------------------------------------------------------------------------------------

test('a handler that does not read holds the peer up: bytes are counted; then all of it comes', async () => {
  let go = (): void => {};
  const gone = new Promise<void>((resolve) => {
    go = resolve;
  });
  let received = 0;
  const server = await start(async (session) => {
    await gone;
    for await (const message of session) received += message.length;
  });
  const { socket } = await dial(server, upgrade());
  const message = frame(2, new Uint8Array(512 * 1024));
  for (let index = 0; index < 128; index++) socket.write(message);
  const left = await standstill(() => socket.writableLength, 'the peer');
  assert.ok(left > 32 * MiB, `only ${left} bytes are left at the peer`);
  const { bytesReceived } = server.counters;
  assert.ok(bytesReceived < 3 * MiB, `${bytesReceived} bytes were taken`);
  go();
  await until(() => received === 64 * MiB, 'all has come');
});

test('a peer that does not read holds send up: bytes are counted; then all of it goes', async () => {
  let sent = 0;
  const server = await start(async (session) => {
    for (let index = 0; index < 128; index++) {
      await session.send(new Uint8Array(512 * 1024));
      sent++;
    }
    await session.flush();
  });
  const { socket } = await dial(server, upgrade());
  socket.pause();
  const count = await standstill(() => sent, 'the handler');
  assert.ok(count < 64, `${count} messages of 512 KiB were sent`);
  assert.ok(server.counters.queued < 2 * MiB, `${server.counters.queued} bytes are queued`);
  let size = 0;
  socket.on('data', (chunk: Buffer) => {
    size += chunk.byteLength;
  });
  socket.resume();
  await until(() => size > 64 * MiB, 'all has come');
  assert.is(sent, 128);
});

test('a peer that stalls for too long is cut', async () => {
  let end: { error?: { code?: string } } | undefined;
  const server = await start(
    async (session) => {
      void session.closed.then((info) => {
        end = info as typeof end;
      });
      for (;;) await session.send(new Uint8Array(512 * 1024));
    },
    { limits: { stallTimeout: 200 }, userContext: { onError: () => {} } },
  );
  const { socket } = await dial(server, upgrade());
  socket.pause();
  await until(() => end !== undefined, 'the end');
  assert.is(end?.error?.code, 'ERR_WS_STALLED');
  await until(() => server.counters.connections === 0, 'no connection is left');
});

// --- Peers that go -------------------------------------------------------------------------------------------------------

for (const [way, act] of [
  ['resets', (socket: Socket) => socket.resetAndDestroy()],
  ['ends without a close frame', (socket: Socket) => socket.end()],
  ['is gone', (socket: Socket) => socket.destroy()],
] as const) {
  test(`a peer that ${way}: the session ends as lost, and nothing is left`, async () => {
    const ends: string[] = [];
    const server = await start(async (session) => {
      await echo(session).catch(() => {});
      const { closeCode, wasClean, error } = await session.closed;
      ends.push(`${closeCode} ${wasClean} ${(error as { code?: string } | undefined)?.code}`);
    });
    for (let count = 0; count < 10; count++) {
      const { socket, come } = await dial(server, upgrade());
      await until(() => come().includes('101'), 'it is upgraded');
      act(socket);
    }
    await until(() => ends.length === 10, 'all have ended');
    assert.equal([...new Set(ends)], ['1006 false ERR_WS_CONNECTION_LOST']);
    await until(() => server.counters.connections === 0, 'no connection is left');
    assert.is(server.counters.open, 0);
  });
}

test('a peer that resets while replies wait and nothing more is read: the session ends, each time', async () => {
  let ends = 0;
  const server = await start(async (session) => {
    void session.closed.then(() => ends++);
    await session.readable.pipeTo(session.writable).catch(() => {});
  });
  const message = frame(2, new Uint8Array(50_000));
  for (let count = 1; count <= 40; count++) {
    const { socket } = await dial(server, upgrade());
    socket.pause();
    const taken = server.counters.bytesReceived;
    for (let index = 0; index < 300; index++) socket.write(message);
    await until(() => server.counters.bytesReceived > taken + 100_000, 'some of it has come');
    socket.resetAndDestroy();
    await until(() => ends === count, 'the end', 5_000);
  }
});

test('a peer that goes while it is being decided on aborts the hook’s signal', async () => {
  let isAborted = false;
  const server = await start(echo, {
    admit: async (_, { signal }) => {
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
      isAborted = true;
      return undefined;
    },
  });
  const { socket } = await dial(server, upgrade());
  await new Promise((resolve) => setTimeout(resolve, 30));
  socket.resetAndDestroy();
  await until(() => isAborted, 'the hook is told');
  await until(() => server.counters.connections === 0, 'no connection is left');
});

// --- HTTP ----------------------------------------------------------------------------------------------------------------

test('requests that are no upgrades go to the callback, by Bun’s fetch, with addresses', async () => {
  const seen: string[] = [];
  const server = await start(echo, {
    path: '/chat',
    fetch: async (request, { remoteAddress, localAddress }) => {
      seen.push(`${request.method} ${new URL(request.url).pathname} ${remoteAddress} ${localAddress}`);
      return new Response(`You said ${await request.text()}`, { status: 201 });
    },
  });
  const url = server.url.replace('ws', 'http');
  const response = await fetch(`${url}/a`, { method: 'POST', body: 'x'.repeat(300_000) });
  assert.is(response.status, 201);
  assert.is((await response.text()).length, 'You said '.length + 300_000);
  assert.equal(seen, ['POST /a 127.0.0.1 127.0.0.1']);
  const session = await connect(`${server.url}/chat`);
  await session.send('hello');
  assert.is(await session.receive(), 'hello');
  await session.close();
});

test('without a callback a plain request is told what it lacks, and a head that never ends has its time', async () => {
  const server = await start(echo, { limits: { handshakeTimeout: 200 } });
  assert.is((await fetch(server.url.replace('ws', 'http'))).status, 426);
  const { come, state } = await dial(server, 'GET / HTTP/1.1\r\nHost:');
  await until(() => state() !== 'open', 'it is let go');
  assert.match(come(), /^HTTP\/1\.1 408 /);
});

// --- TLS ---------------------------------------------------------------------------------------------------------------

test('TLS: a client that says nothing, or no TLS, is cut in time and never becomes a connection', async () => {
  const server = await start(echo, { tls: certificate, limits: { handshakeTimeout: 200 } });
  const [silent, plain, half] = await Promise.all([
    dial(server),
    dial(server, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'),
    dial(server, '\x16\x03\x01\x02\x00'),
  ]);
  assert.is(server.counters.connections, 0);
  await until(() => [silent, plain, half].every(({ state }) => state() !== 'open'), 'all are cut');
  assert.not.match(plain?.come() ?? '', /HTTP/);
  assert.is(server.counters.upgraded, 0);
});

test('TLS: of too many that do not end their handshake the oldest is cut, and who does gets in', async () => {
  const server = await start(echo, { tls: certificate, limits: { maxConnections: 4 } });
  const idle: Awaited<ReturnType<typeof dial>>[] = [];
  for (let count = 0; count < 40; count++) idle.push(await dial(server));
  await until(() => idle.filter(({ state }) => state() !== 'open').length === 24, 'all but 16 are cut');
  assert.ok(idle.slice(0, 24).every(({ state }) => state() !== 'open'));
  const session = await connect(server.url, { tls: { ca: authority.cert } });
  await session.close();
});

test('TLS: a stop cuts those that are in the handshake', async () => {
  const server = await start(echo, { tls: certificate });
  const { state } = await dial(server);
  await new Promise((resolve) => setTimeout(resolve, 20));
  await server.stop();
  await until(() => state() !== 'open', 'it is cut');
});

for (const [what, tls, with_, isLetIn] of [
  ['with none', {}, {}, false],
  ['with one of an authority that is trusted', {}, client, true],
  ['with one that nobody knows', {}, unknown, false],
  ['with one that nobody knows, where that is let pass', { rejectUnauthorized: false }, unknown, true],
  ['with none, where that is let pass', { rejectUnauthorized: false }, {}, true],
] as const) {
  test(`TLS, where a certificate is asked for: a client ${what} is ${isLetIn ? 'let in' : 'kept out'}`, async () => {
    const seen: (boolean | undefined)[] = [];
    const options = { tls: { ...certificate, requestCert: true, ca: authority.cert, ...tls } satisfies TlsOptions };
    const server = await start(async (session) => {
      seen.push(session.tls?.isAuthorized);
      await echo(session);
    }, options);
    await using peer = new NodePeer('tlsClient', {
      tls: { port: server.port, ca: authority.cert, servername: 'localhost', ...with_ },
      text: upgrade(),
    });
    if (isLetIn) {
      assert.match((await peer.tells('data'))['text'] as string, / 101 /);
      assert.equal(seen, [with_ === client]);
      return;
    }
    await peer.tells('close');
    assert.is(peer.count('data'), 0);
    assert.equal([seen.length, server.counters.connections], [0, 0]);
  });
}

test('TLS: versions are as asked for, and http/1.1 is agreed on', async () => {
  for (const [least, most, version] of [
    ['TLSv1.3', 'TLSv1.3', 'TLSv1.3'],
    ['TLSv1.2', 'TLSv1.2', 'TLSv1.2'],
  ] as const) {
    const server = await start(echo, { tls: { ...certificate, minVersion: least, maxVersion: most } });
    const tls = { port: server.port, ca: authority.cert, servername: 'localhost', ALPNProtocols: ['h2', 'http/1.1'] };
    await using peer = new NodePeer('tlsClient', { tls });
    const told = await peer.tells('secure');
    assert.equal([told['version'], told['protocol']], [version, 'http/1.1']);
    const other = most === 'TLSv1.2' ? { minVersion: 'TLSv1.3' } : { maxVersion: 'TLSv1.2' };
    await using stranger = new NodePeer('tlsClient', { tls: { ...tls, ...other } });
    await stranger.tells('error');
    assert.is(stranger.count('secure'), 0);
  }
});

test('TLS: without key and certificate nothing listens, nor with ones that are none', async () => {
  const wrong: TlsOptions[] = [{}, { key: certificate.key }, { cert: certificate.cert }, { key: [], cert: [] }];
  for (const tls of wrong) await rejects(serve({ tls }, echo), TypeError, /TLS/);
  await rejects(serve({ tls: { key: 'nonsense', cert: certificate.cert } }, echo), Error);
  await rejects(serve({ tls: { ...certificate, key: unknown.key } }, echo), Error);
});

test('TLS: what Bun cannot do node:tls does, behind the same server', async () => {
  const tls: TlsOptions = {
    SNICallback: (_name, done) => done(null, createSecureContext(certificate)),
    ...certificate,
  };
  await using server = await serve({ tls, fetch: () => new Response('page') }, echo);
  const session = await connect(server.url, { tls: { ca: authority.cert, servername: 'localhost' } });
  await session.send('hello');
  assert.is(await session.receive(), 'hello');
  await session.close();
});

// --- Listening and stopping ----------------------------------------------------------------------------------------------

test('a port in use, a port that is none, a host that is none: it rejects', async () => {
  const server = await start();
  const error = (await rejects(serve({ port: server.port }, echo), Error)) as Error & { code?: string };
  assert.is(error.code, 'EADDRINUSE');
  await rejects(serve({ port: 70_000 }, echo), RangeError);
  await rejects(serve({ host: 'no-such-host.invalid' }, echo), Error);
});

test('a name is resolved: host is the address', async () => {
  const server = await start(echo, { host: 'localhost' });
  assert.match(server.host, /^(127\.0\.0\.1|::1)$/);
  const session = await connect(server.url);
  await session.close();
});

test('a stop under load closes all with 1001, and the port is free', async () => {
  const server = await start();
  const sessions = await Promise.all(Array.from({ length: 20 }, () => connect(server.url)));
  const sending = sessions.map(async (session) => {
    for (let count = 0; count < 2000 && !session.signal.aborted; count++) await session.send(`${count}`);
  });
  const reading = sessions.map(async (session) => {
    for await (const _ of session);
  });
  await until(() => server.counters.messagesReceived > 100, 'they are at it');
  const { port } = server;
  const report = await within(server.stop(), 'the stop');
  assert.is(report.closed + report.cut >= 20, true);
  await Promise.allSettled([...sending, ...reading]);
  for (const session of sessions) assert.is((await within(session.closed, 'an end')).closeCode, 1001);
  await start(echo, { port });
});

test('five hundred connections that come and go in every way leave nothing', async () => {
  const server = await start(async (session) => {
    await echo(session).catch(() => {});
  });
  const before = process.memoryUsage().rss;
  for (let round = 0; round < 10; round++) {
    const clients = await Promise.all(Array.from({ length: 30 }, () => connect(server.url)));
    const raw = await Promise.all(Array.from({ length: 20 }, () => dial(server, upgrade())));
    await Promise.all(clients.map((session) => session.send('x'.repeat(100_000))));
    await Promise.all(
      clients.map(async (session, index) => {
        if (index % 3 === 0) session.job.cancel();
        await session.close().catch(() => {});
      }),
    );
    for (const [index, { socket }] of raw.entries()) {
      if (index % 2 === 0) socket.resetAndDestroy();
      else socket.destroy();
    }
    await until(() => server.counters.connections === 0, 'no connection is left');
    sockets.clear();
  }
  assert.equal([server.counters.open, [...server.sessions].length], [0, 0]);
  const grown = process.memoryUsage().rss - before;
  assert.ok(grown < 200 * MiB, `${grown} bytes more`);
});

test.run();
