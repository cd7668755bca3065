// Through a proxy of HTTP, at the level of the dial: what is given, what is refused, and that an end at any moment leaves nothing open.

import type { Socket } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { dialThrough, type NodeProxyOptions, resolveProxy } from '../../lib/adapter/node-proxy.ts';
import type { Dialled } from '../../lib/client/connect.ts';
import { parseTarget } from '../../lib/client/target.ts';
import { HandshakeError } from '../../lib/error.ts';
import { defaultLimits } from '../../lib/limits.ts';
import { AnsweringServer, type Caller } from '../support/answering-server.ts';
import { createCertificate } from '../support/certificates.ts';
import { rejects } from '../support/check.ts';
import { fromLatin1 } from '../support/deliver-response.ts';
import { HttpProxy } from '../support/http-proxy.ts';
import { handles, listenersOn } from '../support/left-behind.ts';
import { assertNothingEscaped } from '../support/server.ts';
import { turns, until, within } from '../support/until.ts';

const test = suite('node proxy');

const live = new AbortController().signal;
const authority = await createCertificate('Authority', { isAuthority: true });
const [ofTarget, ofProxy] = await Promise.all([
  createCertificate('Target', { ca: authority, names: ['target.example'], addresses: ['127.0.0.1'] }),
  createCertificate('Proxy', { ca: authority, names: ['localhost'], addresses: ['127.0.0.1'] }),
]);
const tls = { ca: authority.cert };

/** Dials through a proxy whose certificate, and the target's, are believed. */
function through(
  proxy: string | NodeProxyOptions,
  url: string,
  signal: AbortSignal = live,
  limits = defaultLimits,
): Promise<Dialled> {
  const option = typeof proxy === 'string' ? { url: proxy, tls } : proxy;
  return dialThrough(resolveProxy(option), parseTarget(url), { tls, limits }, signal);
}

async function assertNoHandle(): Promise<void> {
  await until(() => Object.keys(handles()).length === 0, 'no handle is left', 5_000).catch(() => {});
  assert.equal(handles(), {});
  assert.is(listenersOn(live), 0);
}

async function refused(dialling: Promise<unknown>): Promise<HandshakeError> {
  return (await rejects(within(dialling, 'a refusal', 5_000), HandshakeError, 'ERR_WS_PROXY')) as HandshakeError;
}

/** Says something over a transport and reads as many bytes. */
async function talk({ transport }: Dialled, text = 'hello'): Promise<string> {
  const chunks: Uint8Array[] = [];
  transport.start({
    chunkReceived: (chunk) => void chunks.push(chunk),
    endReceived() {},
    writeTaken() {},
    endSent() {},
    transportClosed() {},
  });
  transport.write([new TextEncoder().encode(text)]);
  const read = (): string => chunks.map(fromLatin1).join('');
  await until(() => read().length >= text.length, 'the echo', 5_000);
  return read();
}

const echo = (caller: Caller): unknown => caller.socket.pipe(caller.socket);

test('ws and wss through http and https: bytes both ways; the facts of TLS are those of the target alone', async () => {
  for (const isProxySecure of [false, true]) {
    for (const isTargetSecure of [false, true]) {
      {
        await using proxy = await HttpProxy.open(isProxySecure ? { tls: ofProxy } : {});
        await using server = await AnsweringServer.open(echo, isTargetSecure ? { tls: ofTarget } : {});
        const dialled = await within(through(proxy.url, server.url), 'a dial', 5_000);
        assert.is(await talk(dialled, 'x'.repeat(300)), 'x'.repeat(300));
        assert.equal(proxy.asked, [`CONNECT 127.0.0.1:${server.port}`]);
        assert.is(dialled.tls?.isAuthorized, isTargetSecure ? true : undefined);
        assert.is(dialled.remoteAddress, '127.0.0.1');
        dialled.transport.destroy();
        await until(() => server.open + proxy.open === 0, 'all connections are closed', 5_000);
      }
      await assertNoHandle();
    }
  }
});

test('what comes in one packet with the head, and before anybody reads it, is not lost, nor is the end behind it', async () => {
  for (const isSecure of [false, true]) {
    await using proxy = await HttpProxy.open({
      ...(isSecure ? { tls: ofProxy } : {}),
      answer: (socket) => socket.end('HTTP/1.1 200 OK\r\n\r\nfirst second') !== undefined,
    });
    const { transport } = await within(through(proxy.url, 'ws://target.example'), 'a dial', 5_000);
    await turns(5);
    const seen: string[] = [];
    await within(
      new Promise<void>((resolve) => {
        transport.start({
          chunkReceived: (chunk) => void seen.push(fromLatin1(chunk)),
          endReceived: resolve,
          writeTaken() {},
          endSent() {},
          transportClosed() {},
        });
      }),
      'the end',
      5_000,
    );
    assert.is(seen.join(''), 'first second');
    transport.destroy();
    await until(() => proxy.open === 0, 'the connection is closed', 5_000);
  }
  await assertNoHandle();
});

test('a head byte by byte, with the first bytes of the target behind it', async () => {
  const text = 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 200 Connection established\r\nVia: x\r\n\r\nab';
  await using proxy = await AnsweringServer.open(async (caller) => {
    await caller.read();
    await caller.raw.drip(Buffer.from(text));
  });
  const dialled = await within(through(`http://127.0.0.1:${proxy.port}`, 'ws://target.example'), 'a dial', 5_000);
  assert.is(await talk(dialled, 'cd').catch(String), 'ab');
  dialled.transport.destroy();
});

test('the certificate of the target is the target’s, that of the proxy the proxy’s: each is verified against its own name', async () => {
  await using proxy = await HttpProxy.open({ tls: ofProxy });
  await using server = await AnsweringServer.open(echo, { tls: ofTarget });
  const { port } = server;
  // The target under a name that is not its own: the proxy has done its part.
  const wrong = await rejects(through(proxy.url, `wss://localhost:${port}`), Error);
  assert.is((wrong as { code?: string }).code, 'ERR_TLS_CERT_ALTNAME_INVALID');
  await until(() => server.open + proxy.open === 0, 'all connections are closed', 5_000);
  const asked = proxy.asked.length;
  const options: NodeProxyOptions[] = [
    { url: proxy.url },
    { url: proxy.url, tls: {} },
    { url: proxy.url, tls: { ...tls, servername: 'other.example' } },
    {
      url: proxy.url,
      tls: {
        ...tls,
        checkCertificate() {
          throw new Error('pinned to another');
        },
      },
    },
  ];
  for (const option of options) {
    const error = await refused(through(option, server.url));
    assert.is(error.status, 0);
    assert.instance(error.cause, Error);
  }
  assert.is(proxy.asked.length, asked, 'nobody who is not believed is told anything');
  await until(() => server.open + proxy.open === 0, 'all connections are closed', 5_000);
});

test('a proxy with a client certificate of its own', async () => {
  await using proxy = await HttpProxy.open({ tls: { ...ofProxy, ca: authority.cert, requestCert: true } });
  await using server = await AnsweringServer.open(echo);
  const dialled = await through({ url: proxy.url, tls: { ...tls, ...ofProxy } }, server.url);
  assert.is(await talk(dialled), 'hello');
  dialled.transport.destroy();
  await refused(through({ url: proxy.url, tls }, server.url));
});

test('a proxy that is not there, or whose name nobody knows: its address is told, its user is not', async () => {
  const gone = await AnsweringServer.open();
  const { port } = gone;
  await gone[Symbol.asyncDispose]();
  for (const host of [`127.0.0.1:${port}`, 'name.invalid']) {
    const error = await refused(through(`http://me:secret@${host}`, 'ws://target.example'));
    assert.equal([error.status, error.headers, error.body.byteLength], [0, [], 0]);
    assert.match(error.message, host);
    assert.not.match(error.message, /secret/);
    assert.instance(error.cause, Error);
  }
  await assertNoHandle();
});

/** What a proxy says that does not pass on, and the status that is told of it. */
const answers: [name: string, answer: (socket: Socket) => unknown, status: number][] = [
  ['FIN at once', (socket) => socket.end(), 0],
  ['a reset at once', (socket) => socket.resetAndDestroy(), 0],
  ['half a head and FIN', (socket) => socket.end('HTTP/1.1 200 O'), 0],
  ['half a head and a reset', (socket) => socket.write('HTTP/1.1 200 OK\r\nX', () => socket.resetAndDestroy()), 0],
  ['garbage', (socket) => socket.write('\0\x01garbage\n'), 0],
  ['SSH', (socket) => socket.write('SSH-2.0-OpenSSH\r\n'), 0],
  ['an endless head', (socket) => socket.write(`HTTP/1.1 200 OK\r\nX: ${'y'.repeat(20_000)}`), 200],
  ['403', (socket) => socket.end('HTTP/1.1 403 X\r\nContent-Length: 0\r\n\r\n'), 403],
  ['407', (socket) => socket.write('HTTP/1.1 407 X\r\nContent-Length: 0\r\n\r\n'), 407],
  ['502 with a body up to FIN', (socket) => socket.end('HTTP/1.0 502 X\r\n\r\nNo route'), 502],
  [
    '503 and a reset in the body',
    (socket) =>
      socket.write('HTTP/1.1 503 X\r\nContent-Length: 9\r\n\r\nBus', () =>
        setTimeout(() => socket.resetAndDestroy(), 30),
      ),
    503,
  ],
  ['101', (socket) => socket.write('HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n'), 101],
];

for (const [name, answer, status] of answers) {
  test(`a proxy that answers with ${name}`, async () => {
    {
      await using proxy = await AnsweringServer.open(async (caller) => {
        await caller.read();
        answer(caller.socket);
      });
      const error = await refused(through(`http://127.0.0.1:${proxy.port}`, 'wss://target.example'));
      assert.is(error.status, status, error.message);
      if (name.includes('body')) assert.match(fromLatin1(error.body), /^(No route|Bus)$/);
      await until(() => proxy.open === 0, 'the connection is closed', 5_000);
    }
    await assertNoHandle();
  });
}

test('an https proxy that speaks no TLS, and an http proxy that wants it', async () => {
  await using plain = await HttpProxy.open();
  assert.is((await refused(through(plain.url.replace('http:', 'https:'), 'ws://target.example'))).status, 0);
  await using secure = await HttpProxy.open({ tls: ofProxy });
  await refused(through(secure.url.replace('https:', 'http:'), 'ws://target.example'));
});

/** How far a dial comes: what the proxy does, and whether the target wants TLS. */
const stages: [name: string, answer: (caller: Caller) => Promise<unknown>, proxy: string, url: string][] = [
  ['the proxy has not answered', (caller) => caller.read(), 'http', 'ws'],
  ['in TLS to the proxy', (caller) => caller.raw.take(1), 'https', 'ws'],
  [
    'half of the proxy’s head has come',
    async (caller) => (await caller.read()).send('HTTP/1.1 200 Conn'),
    'http',
    'wss',
  ],
  [
    'in TLS to the target',
    async (caller) => {
      (await caller.read()).send('HTTP/1.1 200 OK\r\n\r\n');
      await caller.raw.take(1);
    },
    'http',
    'wss',
  ],
];

for (const [name, answer, proxyScheme, scheme] of stages) {
  test(`an abort: ${name}`, async () => {
    {
      let isThere = false;
      await using proxy = await AnsweringServer.open(async (caller) => {
        await answer(caller);
        isThere = true;
      });
      const controller = new AbortController();
      const dialling = through(
        `${proxyScheme}://127.0.0.1:${proxy.port}`,
        `${scheme}://target.example`,
        controller.signal,
      );
      dialling.catch(() => {});
      await until(() => isThere, name, 5_000);
      await turns(3);
      controller.abort('enough');
      const reason = await within(
        dialling.catch((error) => error),
        'the end',
        5_000,
      );
      assert.is(reason, 'enough');
      assert.is(listenersOn(controller.signal), 0);
      await until(() => proxy.open === 0, 'the connection is closed', 5_000);
    }
    await assertNoHandle();
  });
}

test('an abort at once, and some turns behind the call, with TLS in TLS: nothing is left on either side', async () => {
  {
    await using proxy = await HttpProxy.open({ tls: ofProxy });
    await using server = await AnsweringServer.open(echo, { tls: ofTarget });
    let opened = 0;
    for (let count = 0; count < 24; count++) {
      const controller = new AbortController();
      const dialling = through(proxy.url, server.url, controller.signal);
      dialling.catch(() => {});
      await turns(count * 2);
      controller.abort('enough');
      const outcome = await within(
        dialling.catch((error) => error),
        'the end',
        5_000,
      );
      if (outcome !== 'enough') {
        opened++;
        outcome.transport.destroy();
      }
      assert.is(listenersOn(controller.signal), 0);
    }
    assert.ok(opened < 24);
    await until(() => server.open + proxy.open === 0, 'all connections are closed', 5_000);
  }
  await assertNoHandle();
});

test('a signal that is aborted already: the proxy is not connected to', async () => {
  await using proxy = await HttpProxy.open();
  const reason = { any: 'thing' };
  const outcome = await through(proxy.url, 'ws://target.example', AbortSignal.abort(reason)).catch((error) => error);
  assert.is(outcome, reason);
  await turns(5);
  assert.is(proxy.open, 0);
});

test('nothing has escaped in all of this', async () => {
  await assertNothingEscaped();
});

test.run();
