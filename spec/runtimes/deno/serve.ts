// Servers of Deno's own sockets, in Deno, against `ws`, against Deno's own WebSocket, and against peers that cut, stall and say nothing. From the root of the repository:
// NODE=node deno run -A --no-check --no-lock --node-modules-dir=manual spec/runtimes/deno/serve.ts

import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect as connectSocket } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type DenoConn, denoApi } from '../../../lib/adapter/deno-api.ts';
import { connect, type DenoServeOptions, permessageDeflate, type Session, serve } from '../../../lib/deno.ts';
import { rejects } from '../../support/check.ts';
import { standstill, until, within } from '../../support/until.ts';
import { connectWs, endChildren } from './node-child.ts';
import { certificates, countSockets, readAll, socketPath, writeAll } from './sockets.ts';

const MiB = new Uint8Array(1024 * 1024).map((_, index) => (index * 7919) >>> 8);
const large = { limits: { maxMessageSize: 4 * MiB.byteLength } };
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (data: Uint8Array): string => new TextDecoder('latin1').decode(data);

async function echo(session: Session<unknown>): Promise<void> {
  for await (const message of session) await session.send(message);
}

async function closeCleanly(session: Session): Promise<void> {
  await within(session.close(1000, 'bye'), 'the close');
  assert.is((await within(session.closed, 'the end')).wasClean, true);
}

function request(port: number, path = '/'): Uint8Array {
  return bytes(
    `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
  );
}

/** A connection that has shaken hands, by hand. */
async function openRaw(port: number): Promise<DenoConn> {
  const conn = await denoApi().connect({ hostname: '127.0.0.1', port });
  await writeAll(conn, request(port));
  const head = text(await readAll(conn, 1));
  assert.match(head, /^HTTP\/1\.1 101 /);
  return conn;
}

// --- Peers -----------------------------------------------------------------------------------------------------------

const peers = suite('Deno · serve · peers');
peers.after(endChildren);

peers('ws gets its 10,000 echoes and a clean close, with deflate and without', async () => {
  await using server = await serve({ ...large, extensions: [permessageDeflate({ threshold: 0 })] }, echo);
  for (const deflate of [false, true]) {
    const report = await connectWs({ url: server.url, count: 10_000, size: 300, deflate });
    assert.is(report.error, undefined);
    assert.is(report.received, 10_000);
    assert.is(report.isEqual, true);
    assert.is(report.code, 1000);
    assert.is(report.extensions.includes('permessage-deflate'), deflate);
  }
  assert.is(server.counters.upgraded, 2);
  await until(() => server.counters.connections === 0, 'all have closed');
});

peers("Deno's own WebSocket gets its echoes and a clean close", async () => {
  await using server = await serve(large, echo);
  const socket = new WebSocket(server.url);
  socket.binaryType = 'arraybuffer';
  await within(once(socket, 'open'), 'the opening');
  for (const size of [0, 1, 126, 65_536, MiB.byteLength]) {
    for (const message of ['z'.repeat(size), MiB.slice(0, size)]) {
      const answer = once(socket, 'message') as Promise<[MessageEvent]>;
      socket.send(message);
      const [{ data }] = await within(answer, 'an echo');
      if (typeof message === 'string') assert.ok(data === message);
      else assert.is(Buffer.compare(new Uint8Array(data), message), 0);
    }
  }
  const closed = once(socket, 'close') as Promise<[CloseEvent]>;
  socket.close(4000, 'over');
  const [{ code, wasClean }] = await within(closed, 'the close');
  assert.is(code, 4000);
  assert.is(wasClean, true);
});

peers('our own client over TLS of both kinds, with its facts', async () => {
  const { authority, server: certificate } = await certificates();
  for (const options of [{ tls: certificate }, { denoTls: certificate }] satisfies DenoServeOptions[]) {
    const facts: unknown[] = [];
    await using server = await serve({ ...large, ...options }, async (session) => {
      facts.push(session.tls);
      await echo(session);
    });
    assert.match(server.url, /^wss:/);
    const session = await connect(`wss://localhost:${server.port}`, { ...large, tls: { caCerts: [authority.cert] } });
    for (const message of ['hello', MiB]) {
      await session.send(message);
      const back = await within(session.receive(), 'an echo');
      if (typeof message === 'string') assert.is(back, message);
      else assert.is(Buffer.compare(back as Uint8Array, message), 0);
    }
    await closeCleanly(session);
    const [{ alpnProtocol, protocol }] = facts as [{ alpnProtocol: string; protocol: string }];
    assert.is(alpnProtocol, 'http/1.1');
    assert.is(protocol, 'tls' in options ? 'TLSv1.3' : '');
    const report = await connectWs({ url: `wss://localhost:${server.port}`, ca: authority.cert, count: 1000 });
    assert.is(report.error, undefined);
    assert.is(report.isEqual, true);
  }
});

peers('a socket of the file system is listened on, and gone behind the stop', async () => {
  const path = socketPath();
  const server = await serve({ socketPath: path }, echo);
  assert.is(server.host, path);
  const session = await connect(server.url);
  await session.send('hello');
  assert.is(await within(session.receive(), 'an echo'), 'hello');
  await closeCleanly(session);
  await within(server.stop(), 'the stop');
  assert.is(existsSync(path), false);
  const again = await serve({ socketPath: path }, echo);
  await again.stop();
});

peers(
  'what is no upgrade is answered by the callback, on one connection after the other, and by 426 without it',
  async () => {
    const fetchBody = async (asked: Request): Promise<Response> => {
      const body = await asked.text();
      return new Response(`${asked.method} ${new URL(asked.url).pathname} ${body}`, { status: 201 });
    };
    await using server = await serve({ fetch: fetchBody, path: '/socket' }, echo);
    const origin = `http://127.0.0.1:${server.port}`;
    for (let index = 0; index < 3; index++) {
      const response = await fetch(`${origin}/page`, { method: 'POST', body: 'x'.repeat(100_000) });
      assert.is(response.status, 201);
      assert.is((await response.text()).length, 'POST /page '.length + 100_000);
    }
    const session = await connect(`ws://127.0.0.1:${server.port}/socket`);
    await closeCleanly(session);
    await rejects(connect(`ws://127.0.0.1:${server.port}/other`), Error, 'ERR_WS_NOT_UPGRADED');
    await using bare = await serve({}, echo);
    const refused = await fetch(`http://127.0.0.1:${bare.port}/`);
    assert.is(refused.status, 426);
    await refused.text();
  },
);
peers.run();

// --- Bad peers -------------------------------------------------------------------------------------------------------

const bad = suite('Deno · serve · bad peers');
bad.after(endChildren);

bad('one that does not read is held back, and cut when its time is over', async () => {
  let sent = 0;
  let failed: unknown;
  await using server = await serve({ limits: { stallTimeout: 300 } }, async (session) => {
    try {
      for (; sent < 64; sent++) await session.send(MiB);
    } catch (error) {
      failed = error;
    }
  });
  const conn = await openRaw(server.port);
  const stuck = await standstill(() => sent, 'what was sent', 20);
  assert.ok(stuck < 32, `${stuck} MiB were taken`);
  await until(() => server.counters.connections === 0, 'it is cut');
  assert.instance(failed, Error);
  conn.close();
});

bad('over TLS too: no socket is left', async () => {
  const { server: certificate, authority } = await certificates();
  await using server = await serve({ tls: certificate, limits: { stallTimeout: 300 } }, async (session) => {
    for (let sent = 0; sent < 64; sent++) await session.send(MiB);
  });
  const before = countSockets();
  const conn = await denoApi().connectTls({ hostname: 'localhost', port: server.port, caCerts: [authority.cert] });
  await writeAll(conn, request(server.port));
  await until(() => server.counters.open === 1, 'it is open');
  await until(() => server.counters.connections === 0, 'it is cut');
  // The peer's own is left.
  if (before !== undefined) await until(() => (countSockets() as number) <= before + 1, 'the socket is closed');
  conn.close();
});

bad('one that is not received from is held back', async () => {
  let release = (): void => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  let received = 0;
  await using server = await serve(large, async (session) => {
    await held;
    for await (const message of session) received += message.length;
  });
  const session = await connect(server.url);
  let sent = 0;
  const sending = (async () => {
    for (; sent < 40; sent++) await session.send(MiB);
  })();
  const stuck = await standstill(() => sent, 'what was sent');
  assert.ok(stuck < 32, `${stuck} MiB were taken`);
  release();
  await within(sending, 'the rest');
  await closeCleanly(session);
  await until(() => received === 40 * MiB.byteLength, 'all was received');
});

bad('one that cuts, resets or half-closes ends its own session alone', async () => {
  const ends: boolean[] = [];
  await using server = await serve({ limits: { closeTimeout: 200 } }, async (session) => {
    await session.closed.then(({ wasClean }) => ends.push(wasClean));
  });
  const other = await connect(server.url);
  const cutting = await openRaw(server.port);
  cutting.close();
  await until(() => ends.length === 1, 'the cut is noticed');
  const half = await openRaw(server.port);
  await half.closeWrite();
  await until(() => ends.length === 2, 'the end is noticed');
  await within(readAll(half), 'the end of the other half');
  half.close();
  const resetting = connectSocket(server.port, '127.0.0.1');
  resetting.on('error', () => {});
  resetting.write(request(server.port));
  await within(once(resetting, 'data'), 'the response');
  resetting.resetAndDestroy();
  await until(() => ends.length === 3, 'the reset is noticed');
  assert.equal(ends, [false, false, false]);
  assert.is(server.counters.open, 1);
  await closeCleanly(other);
});

bad('one that says nothing is refused after the time of the handshake, over TLS it is cut', async () => {
  const { server: certificate } = await certificates();
  for (const options of [{}, { tls: certificate }] satisfies DenoServeOptions[]) {
    await using server = await serve({ ...options, limits: { handshakeTimeout: 100, closeTimeout: 100 } }, echo);
    const conn = await denoApi().connect({ hostname: '127.0.0.1', port: server.port });
    const answer = text(await within(readAll(conn), 'the end'));
    if (!('tls' in options)) assert.match(answer, /^HTTP\/1\.1 408 /);
    conn.close();
    await until(() => server.counters.connections === 0, 'nothing is left');
  }
});

bad('rubbish instead of TLS, and a handshake that breaks off, concern nobody else', async () => {
  const { server: certificate, authority } = await certificates();
  for (const options of [{ tls: certificate }, { denoTls: certificate }] satisfies DenoServeOptions[]) {
    await using server = await serve(options, echo);
    for (let index = 0; index < 10; index++) {
      const conn = await denoApi().connect({ hostname: '127.0.0.1', port: server.port });
      if (index % 2 === 0) await writeAll(conn, bytes('GET / HTTP/1.1\r\n\r\n'));
      // What is rubbish is answered with an alert and an end at once.
      if (index % 4 === 0)
        await within(
          readAll(conn).catch(() => {}),
          'the end',
        );
      conn.close();
    }
    const session = await connect(`wss://localhost:${server.port}`, { tls: { caCerts: [authority.cert] } });
    await session.send('hello');
    assert.is(await within(session.receive(), 'an echo'), 'hello');
    await closeCleanly(session);
  }
});
bad.run();

// --- Listening and stopping ------------------------------------------------------------------------------------------

const life = suite('Deno · serve · life');

life('a port that is in use rejects, as do options that are wrong', async () => {
  const { server: certificate } = await certificates();
  await using server = await serve({}, echo);
  await rejects(serve({ port: server.port }, echo), Error, /in use/i);
  await rejects(serve({ port: server.port, tls: certificate }, echo), Error, /in use/i);
  await rejects(serve({ tls: certificate, denoTls: certificate }, echo), TypeError);
  await rejects(serve({ socketPath: '/x', port: 1 }, echo), TypeError);
  await rejects(serve({ socketPath: '/x', denoTls: certificate }, echo), TypeError);
  await rejects(serve({ denoTls: { ...certificate, ca: 'x' } as never }, echo), TypeError, /"ca"/);
  await rejects(serve({ denoTls: { cert: 'x', key: 'y' } }, echo), Error);
  await rejects(serve({ fetch: 1 as never }, echo), TypeError);
  await rejects(serve({ signal: AbortSignal.abort(new RangeError('no')) }, echo), RangeError);
});

life('a stop closes sessions with 1001, cuts what is silent, and frees the port', async () => {
  const before = countSockets();
  const server = await serve({ limits: { closeTimeout: 300 } }, echo);
  const { port } = server;
  const sessions = await Promise.all(Array.from({ length: 20 }, () => connect(server.url)));
  const silent = await denoApi().connect({ hostname: '127.0.0.1', port });
  const deaf = await openRaw(port);
  await until(() => server.counters.connections === 22, 'all are there');
  const report = await within(server.stop(), 'the stop');
  for (const session of sessions) {
    const { received } = await within(session.closed, 'the end');
    assert.is(received?.closeCode, 1001);
  }
  assert.is(report.closed + report.cut >= 22, true, JSON.stringify(report));
  silent.close();
  deaf.close();
  const again = await serve({ port }, echo);
  assert.is(again.port, port);
  await again.stop();
  if (before !== undefined) await until(() => (countSockets() as number) <= before, 'no socket is left');
});

life('200 connections at a time come and go, and nothing is left', async () => {
  const before = countSockets();
  await using server = await serve({}, echo);
  const talk = async (index: number): Promise<void> => {
    const session = await connect(server.url);
    await session.send(`hello ${index}`);
    assert.is(await within(session.receive(), 'an echo'), `hello ${index}`);
    if (index % 4 === 0) session.job.cancel();
    else await session.close();
    await within(session.closed, 'the end');
  };
  await Promise.all(Array.from({ length: 200 }, (_, index) => talk(index)));
  await until(() => server.counters.connections === 0, 'all have closed');
  assert.is(server.counters.upgraded, 200);
  if (before !== undefined) await until(() => (countSockets() as number) <= before + 1, 'no socket is left');
});
life.run();
