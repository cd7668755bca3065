// The client of Deno's own sockets, in Deno, against `ws`, against Deno's own server, and against peers that do nothing. From the root of the repository:
// NODE=node deno run -A --no-check --no-lock --node-modules-dir=manual spec/runtimes/deno/connect.ts

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { denoApi } from '../../../lib/adapter/deno-api.ts';
import { connect, type DenoConnectOptions } from '../../../lib/adapter/deno-connect.ts';
import { reconnect } from '../../../lib/adapter/deno-reconnect.ts';
import { WebSocketStream } from '../../../lib/adapter/deno-web-socket-stream.ts';
import { permessageDeflate } from '../../../lib/adapter/permessage-deflate.ts';
import { HandshakeError } from '../../../lib/error.ts';
import type { Session } from '../../../lib/job/session.ts';
import { rejects } from '../../support/check.ts';
import { HttpProxy } from '../../support/http-proxy.ts';
import { SocksProxy } from '../../support/socks-proxy.ts';
import { standstill, turns, until, within } from '../../support/until.ts';
import { endChildren, serveWs, type WsServer } from './node-child.ts';
import { certificates, countSockets, socketPath } from './sockets.ts';

const MiB = new Uint8Array(1024 * 1024).map((_, index) => (index * 7919) >>> 8);
const large = { limits: { maxMessageSize: 4 * MiB.byteLength } } satisfies DenoConnectOptions;

async function echoed(session: Session, message: string | Uint8Array): Promise<void> {
  await session.send(message);
  const back = await within(session.receive(), 'an echo');
  if (typeof message === 'string') assert.is(back, message);
  else assert.is(Buffer.compare(back as Uint8Array, message), 0);
}

async function closeCleanly(session: Session): Promise<void> {
  await within(session.close(1000, 'bye'), 'the close');
  const info = await within(session.closed, 'the end');
  assert.is(info.wasClean, true);
}

// --- ws --------------------------------------------------------------------------------------------------------------

const plain = suite('Deno · connect · ws');
let server: WsServer;
plain.before(async () => {
  server = await serveWs();
});
plain.after(() => server.stop());

plain('texts and binaries of all sizes come back', async () => {
  const session = await connect(`ws://127.0.0.1:${server.port}/a?b`, large);
  assert.is(session.remoteAddress, '127.0.0.1');
  assert.is(session.tls, undefined);
  for (const size of [0, 1, 125, 126, 65_535, 65_536, 300_000, MiB.byteLength]) {
    await echoed(session, 'x'.repeat(size));
    await echoed(session, MiB.subarray(0, size));
  }
  await echoed(session, 'ÄÖ☃𝄞');
  await closeCleanly(session);
});

plain('10,000 messages in flight come back in order', async () => {
  const session = await connect(`ws://localhost:${server.port}`);
  const sending = (async () => {
    for (let index = 0; index < 10_000; index++) await session.send(`message ${index}`);
  })();
  for (let index = 0; index < 10_000; index++) {
    const back = await within(session.receive(), `message ${index}`);
    if (back !== `message ${index}`) assert.is(back, `message ${index}`);
  }
  await sending;
  await closeCleanly(session);
});

plain('a close of the server is told with its code; a cut and a reset are no clean end', async () => {
  const url = `ws://127.0.0.1:${server.port}`;
  const session = await connect(url);
  await session.send('!close|4001|enough');
  const info = await within(session.closed, 'the end');
  assert.is(info.wasClean, true);
  assert.is(info.received?.closeCode, 4001);
  for (const command of ['!cut', '!reset']) {
    const other = await connect(url);
    await other.send(command);
    const { wasClean } = await within(other.closed, 'the end');
    assert.is(wasClean, false, command);
  }
});

plain('a server that does not read holds `send` back; a cancelled job cuts it', async () => {
  const session = await connect(`ws://127.0.0.1:${server.port}`, { limits: { closeTimeout: 100 } });
  await session.send('!stall');
  let sent = 0;
  const sending = (async () => {
    for (; sent < 64; sent++) await session.send(MiB);
  })();
  sending.catch(() => {});
  const stuck = await standstill(() => sent, 'what was sent');
  assert.ok(stuck < 32, `${stuck} MiB were taken`);
  session.job.cancel();
  assert.is((await within(session.closed, 'the end')).wasClean, false);
  await rejects(sending, Error);
});

plain('who does not receive holds the server back; then he gets every message', async () => {
  const flooding = await serveWs();
  const session = await connect(`ws://127.0.0.1:${flooding.port}`, large);
  await session.send('!flood|40');
  const left = (): number => Number(/\d+$/.exec(flooding.lines.at(-1) ?? '')?.[0]);
  await until(() => flooding.lines.some((line) => line.startsWith('left ')), 'the flood has begun');
  const stuck = await standstill(left, 'what the server has left', 60);
  assert.ok(stuck > 20, `only ${stuck} of 40 MiB were held back`);
  for (let index = 0; index < 40; index++) {
    const message = (await within(session.receive(), 'a message')) as Uint8Array;
    assert.is(message.byteLength, MiB.byteLength);
  }
  await closeCleanly(session);
  flooding.stop();
});

plain('permessage-deflate is agreed on with ws', async () => {
  const deflating = await serveWs({ deflate: true });
  const session = await connect(`ws://127.0.0.1:${deflating.port}`, {
    ...large,
    extensions: [permessageDeflate({ threshold: 0 })],
  });
  assert.match(session.extensions, /permessage-deflate/);
  for (let index = 0; index < 200; index++) await echoed(session, `again and again ${index} `.repeat(index));
  await echoed(session, MiB);
  await closeCleanly(session);
  deflating.stop();
});

plain('an echo goes over a socket of the file system', async () => {
  const path = socketPath();
  const local = await serveWs({ path });
  const session = await connect(`ws+unix:${path}:/x`);
  await echoed(session, 'hello');
  assert.is(session.remoteAddress, undefined);
  await closeCleanly(session);
  local.stop();
  const error = (await rejects(connect(`ws+unix:${socketPath()}`), HandshakeError)) as HandshakeError;
  assert.is(error.code, 'ERR_WS_UNREACHABLE');
});

plain("Deno's own server echoes, texts and binaries", async () => {
  const { Deno } = globalThis as unknown as { Deno: DenoServing };
  const own = Deno.serve({ hostname: '127.0.0.1', port: 0, onListen: () => {} }, (request) => {
    const { socket, response } = Deno.upgradeWebSocket(request);
    socket.binaryType = 'arraybuffer';
    socket.onmessage = ({ data }) => socket.send(data);
    return response;
  });
  const session = await connect(`ws://127.0.0.1:${own.addr.port}`, large);
  for (const size of [0, 126, 65_536, MiB.byteLength]) {
    await echoed(session, 'y'.repeat(size));
    await echoed(session, MiB.subarray(0, size));
  }
  await closeCleanly(session);
  await within(own.shutdown(), 'the end of the server');
});

interface DenoServing {
  serve(
    options: object,
    handler: (request: Request) => Response,
  ): { readonly addr: { readonly port: number }; shutdown(): Promise<void> };
  upgradeWebSocket(request: Request): { readonly socket: WebSocket; readonly response: Response };
}

plain('a WebSocketStream opens, carries and closes', async () => {
  const stream = new WebSocketStream(`ws://127.0.0.1:${server.port}`);
  const { readable, writable } = await within(stream.opened, 'the opening');
  const writer = writable.getWriter();
  const reader = readable.getReader();
  await writer.write('hello');
  assert.is((await within(reader.read(), 'an echo')).value, 'hello');
  stream.close({ closeCode: 4000, reason: 'over' });
  assert.equal(await within(stream.closed, 'the end'), { closeCode: 4000, reason: 'over' });
});

plain('reconnect comes back when it was cut', async () => {
  let opened = 0;
  const session = reconnect(`ws://127.0.0.1:${server.port}`, {
    onOpen: () => {
      opened++;
    },
    firstDelay: 10,
  } as Parameters<typeof reconnect>[1]);
  await session.send('one');
  assert.is(await within(session.receive(), 'an echo'), 'one');
  await session.send('!cut');
  await until(() => opened === 2, 'it is open again');
  await session.send('two');
  assert.is(await within(session.receive(), 'an echo'), 'two');
  await within(session.close(), 'the close');
});
plain.run();

// --- What cannot be reached --------------------------------------------------------------------------------------

const unreachable = suite('Deno · connect · what cannot be reached');

unreachable('a port where nobody listens, and a name that is none, are told with their cause', async () => {
  const listener = denoApi().listen({ hostname: '127.0.0.1', port: 0 });
  const { port } = listener.addr;
  listener.close();
  for (const url of [`ws://127.0.0.1:${port}`, 'ws://no-such-name.invalid/']) {
    const error = (await rejects(connect(url), HandshakeError)) as HandshakeError;
    assert.is(error.code, 'ERR_WS_UNREACHABLE');
    assert.is(error.status, 0);
    assert.instance(error.cause, Error);
  }
});

unreachable('an abort at any moment rejects with its reason, and leaves no socket', async () => {
  const before = countSockets();
  const silent = denoApi().listen({ hostname: '127.0.0.1', port: 0 });
  const { port } = silent.addr;
  const accepted = (async () => {
    for (;;) await silent.accept();
  })();
  accepted.catch(() => {});
  for (const delay of [-1, 0, 1, 2, 3, 5, 20]) {
    const abort = new AbortController();
    const reason = new Error(`enough after ${delay}`);
    if (delay < 0) abort.abort(reason);
    const attempt = connect(`ws://127.0.0.1:${port}`, { signal: abort.signal });
    attempt.catch(() => {});
    await turns(Math.max(0, delay));
    abort.abort(reason);
    const error = await attempt.then(
      () => undefined,
      (thrown) => thrown,
    );
    assert.is(error, reason);
  }
  silent.close();
  await rejects(accepted, Error);
  if (before === undefined) return;
  // The ends of the server are dropped with the collector's help only: ours are what is counted.
  await until(() => (countSockets() as number) <= before + 7, 'our sockets are closed');
});

unreachable('a server that says nothing is given up after the time of the handshake, with TLS too', async () => {
  const silent = denoApi().listen({ hostname: '127.0.0.1', port: 0 });
  const accepting = (async () => {
    const taken = [];
    for (let index = 0; index < 2; index++) taken.push(await silent.accept());
    return taken;
  })();
  for (const scheme of ['ws', 'wss']) {
    const attempt = connect(`${scheme}://127.0.0.1:${silent.addr.port}`, { limits: { handshakeTimeout: 50 } });
    await rejects(within(attempt, 'the time-out'), HandshakeError, 'ERR_WS_HANDSHAKE_TIMEOUT');
  }
  for (const conn of await accepting) conn.close();
  silent.close();
});
unreachable.run();

// --- TLS -------------------------------------------------------------------------------------------------------------

const tls = suite('Deno · connect · TLS');
let secure: WsServer;
tls.before(async () => {
  const { server: certificate, authority } = await certificates();
  secure = await serveWs({
    host: '0.0.0.0',
    tls: { ...certificate, ca: authority.cert, requestCert: true, rejectUnauthorized: false },
  });
});
tls.after(() => secure.stop());

tls('an authority that is named is believed; the facts tell what Deno knows', async () => {
  const { authority } = await certificates();
  for (const host of ['localhost', '127.0.0.1']) {
    const session = await connect(`wss://${host}:${secure.port}`, { ...large, tls: { caCerts: [authority.cert] } });
    await echoed(session, MiB);
    assert.equal(session.tls, {
      protocol: '',
      cipher: '',
      alpnProtocol: 'http/1.1',
      serverName: '',
      isAuthorized: true,
    });
    await closeCleanly(session);
  }
});

tls('an authority that is unknown, and a name that is not in the certificate, are refused', async () => {
  const { authority } = await certificates();
  const believed = { caCerts: [authority.cert] };
  for (const [host, options, cause] of [
    ['localhost', {}, /UnknownIssuer/],
    ['127.0.0.2', believed, /not valid for name/],
    ['localhost', { ...believed, serverName: 'example.com' }, /not valid for name/],
  ] as const) {
    const error = await rejects(
      connect(`wss://${host}:${secure.port}`, { tls: options }),
      HandshakeError,
      'ERR_WS_UNREACHABLE',
    );
    assert.match((error.cause as Error).message, cause);
  }
});

tls('another name may be asked for, or the name left alone', async () => {
  const { authority } = await certificates();
  const believed = { caCerts: [authority.cert] };
  for (const options of [{ serverName: 'localhost' }, { unsafelyDisableHostnameVerification: true }]) {
    const session = await connect(`wss://127.0.0.2:${secure.port}`, { tls: { ...believed, ...options } });
    await echoed(session, 'hello');
    await closeCleanly(session);
  }
});

tls('a certificate of its own is shown', async () => {
  const { authority, client } = await certificates();
  const session = await connect(`wss://localhost:${secure.port}`, { tls: { caCerts: [authority.cert], ...client } });
  await session.send('!subject');
  assert.is(await within(session.receive(), 'the name'), 'a client');
  await closeCleanly(session);
});

tls('what Deno cannot do is a TypeError, before anything is dialled', async () => {
  const { client } = await certificates();
  const url = `wss://localhost:${secure.port}`;
  for (const options of [
    { rejectUnauthorized: false },
    { ca: 'x' },
    { checkCertificate: () => {} },
    { servername: 'x' },
    { cert: client.cert },
    { caCerts: 'x' },
    { ...client, serverName: 'x' },
  ]) {
    await rejects(connect(url, { tls: options as DenoConnectOptions['tls'] & object }), TypeError);
  }
  await rejects(connect('wss+unix:/tmp/none'), TypeError, /millrace\/node/);
  await rejects(connect(url, { proxy: 'https://localhost:1' }), TypeError, /TLS within TLS/);
  await rejects(connect(url, { proxy: 'http://localhost:1', tls: client }), TypeError);
});

tls('an abort in the handshake rejects with its reason', async () => {
  const { authority } = await certificates();
  for (const delay of [0, 1, 2, 3, 5, 8]) {
    const abort = new AbortController();
    const attempt = connect(`wss://localhost:${secure.port}`, {
      signal: abort.signal,
      tls: { caCerts: [authority.cert] },
    });
    attempt.catch(() => {});
    await turns(delay);
    const reason = new Error('enough');
    abort.abort(reason);
    const end = await attempt.then(
      (session) => session,
      (thrown) => thrown,
    );
    if (end !== reason) await within((end as Session).closed, 'the end of a session that was quicker');
  }
});
tls.run();

// --- Proxies ---------------------------------------------------------------------------------------------------------

const proxies = suite('Deno · connect · proxies');
let behind: WsServer;
let behindTls: WsServer;
proxies.before(async () => {
  const { server: certificate } = await certificates();
  [behind, behindTls] = await Promise.all([serveWs(), serveWs({ tls: certificate })]);
});
proxies.after(endChildren);

proxies('HTTP and SOCKS5 lead to ws: and wss:, with a login', async () => {
  const { authority } = await certificates();
  await using http = await HttpProxy.open({ credentials: 'me:secret' });
  await using socks = await SocksProxy.open({ credentials: 'me:secret' });
  for (const proxy of [http.as('me', 'secret'), `socks5h://me:secret@127.0.0.1:${socks.port}`]) {
    for (const url of [`ws://127.0.0.1:${behind.port}`, `wss://127.0.0.1:${behindTls.port}`]) {
      const session = await connect(url, { ...large, proxy, tls: { caCerts: [authority.cert] } });
      await echoed(session, MiB);
      await closeCleanly(session);
    }
  }
  assert.is(http.asked.length, 2);
  assert.is(socks.asked.length, 2);
});

proxies('a proxy over TLS leads to ws:', async () => {
  const { authority, server: certificate } = await certificates();
  await using http = await HttpProxy.open({ tls: certificate });
  const proxy = { url: http.url, tls: { caCerts: [authority.cert] } };
  const session = await connect(`ws://127.0.0.1:${behind.port}`, { proxy });
  await echoed(session, 'hello');
  await closeCleanly(session);
});

proxies('a refusal is told with its status and its body', async () => {
  await using http = await HttpProxy.open({ credentials: 'me:secret' });
  const attempt = connect(`ws://127.0.0.1:${behind.port}`, { proxy: http.as('me', 'wrong') });
  const error = (await rejects(attempt, HandshakeError, 'ERR_WS_PROXY')) as HandshakeError;
  assert.is(error.status, 407);
  assert.is(new TextDecoder().decode(error.body), 'Not me');
});

proxies('what a proxy sends behind its answer is the first of the target, and no part of TLS', async () => {
  await using http = await HttpProxy.open({ behind: new TextEncoder().encode('HTTP/1.1 403 No\r\n\r\n') });
  const plainly = connect(`ws://127.0.0.1:${behind.port}`, { proxy: http.url });
  const error = (await rejects(plainly, HandshakeError)) as HandshakeError;
  assert.is(error.status, 403);
  const securely = connect(`wss://127.0.0.1:${behindTls.port}`, { proxy: http.url });
  await rejects(securely, HandshakeError, 'ERR_WS_PROXY');
});

proxies('a proxy that cuts, one that is silent, and one that is not there are told as that', async () => {
  await using cutting = await HttpProxy.open({
    answer: (socket) => {
      socket.destroy();
      return true;
    },
  });
  await using silent = await HttpProxy.open({
    answer: (socket) => {
      socket.on('end', () => socket.end()).resume();
      return true;
    },
  });
  const url = `ws://127.0.0.1:${behind.port}`;
  await rejects(connect(url, { proxy: cutting.url }), HandshakeError, 'ERR_WS_PROXY');
  await rejects(connect(url, { proxy: 'http://127.0.0.1:1' }), HandshakeError, 'ERR_WS_PROXY');
  const late = connect(url, { proxy: silent.url, limits: { handshakeTimeout: 50 } });
  await rejects(within(late, 'the time-out'), HandshakeError, 'ERR_WS_HANDSHAKE_TIMEOUT');
  const abort = new AbortController();
  const attempt = connect(url, { proxy: silent.url, signal: abort.signal });
  await until(() => silent.asked.length === 2, 'the proxy is asked');
  abort.abort(new RangeError('enough'));
  await rejects(attempt, RangeError);
  await until(() => silent.open === 0, 'the proxy is let go');
});
proxies.run();
