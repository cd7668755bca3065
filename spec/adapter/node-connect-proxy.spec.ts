// The client of Node through proxies of HTTP that are there: sessions, credentials, refusals, redirects, time-outs. A proxy that was asked for is never passed by.

import process from 'node:process';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { HandshakeError } from '../../lib/error.ts';
import { connect, type NodeConnectOptions, permessageDeflate, type Session, toByteStreams } from '../../lib/node.ts';
import { AnsweringServer } from '../support/answering-server.ts';
import { createCertificate } from '../support/certificates.ts';
import { rejects } from '../support/check.ts';
import { fromLatin1 } from '../support/deliver-response.ts';
import { destroyAllDuplexes, socketPair } from '../support/duplexes.ts';
import { wire } from '../support/frames.ts';
import { HttpProxy } from '../support/http-proxy.ts';
import { handles, listenersOn, SharedContexts } from '../support/left-behind.ts';
import { assertNothingEscaped, echo, endOf, startServer } from '../support/server.ts';
import { turns, until, within } from '../support/until.ts';

const test = suite('node connect · proxy');

const certificate = await createCertificate('Server', { names: ['localhost'], addresses: ['127.0.0.1'] });
const tls = { ca: certificate.cert };

async function opened(url: string, options: NodeConnectOptions): Promise<Session> {
  return within(connect(url, { tls, ...options }), 'an opening', 10_000);
}

async function refused(url: string, options: NodeConnectOptions, code = 'ERR_WS_PROXY'): Promise<HandshakeError> {
  const opening = connect(url, { tls, ...options });
  return (await rejects(within(opening, 'a refusal', 10_000), HandshakeError, code)) as HandshakeError;
}

test('RFC 6455 §4.1 (3): ws and wss through http and https are sessions like any other', async () => {
  const large = 'x'.repeat(300_000);
  for (const proxyTls of [undefined, certificate]) {
    for (const serverTls of [undefined, certificate]) {
      {
        await using proxy = await HttpProxy.open(proxyTls === undefined ? {} : { tls: proxyTls });
        const extensions = () => [permessageDeflate()];
        await using server = await startServer(echo, {
          extensions: extensions(),
          ...(serverTls === undefined ? {} : { tls: serverTls }),
        });
        const session = await opened(server.url, { proxy: { url: proxy.url, tls }, extensions: extensions() });
        for (const message of ['', 'hello', large]) {
          await session.send(message);
          assert.is(await within(session.receive(), 'an echo'), message);
        }
        assert.equal(proxy.asked, [`CONNECT 127.0.0.1:${server.port}`]);
        assert.is(session.tls?.isAuthorized, serverTls === undefined ? undefined : true);
        assert.ok(session.response?.url.startsWith(server.url));
        assert.ok((await within(session.close(), 'the close')).wasClean);
        await server.quiet();
        await until(() => proxy.open === 0, 'the proxy’s connections are closed', 5_000);
      }
      await until(() => Object.keys(handles()).length === 0, 'no handle is left', 5_000);
    }
  }
});

test('names are the proxy’s business: the target’s is not looked up here', async () => {
  await using proxy = await HttpProxy.open({
    answer: (socket, { url }) => socket.end(`HTTP/1.1 404 ${url}\r\nContent-Length: 0\r\n\r\n`) !== undefined,
  });
  for (const url of ['ws://name.invalid/x', 'wss://name.invalid:8443']) await refused(url, { proxy: proxy.url });
  assert.equal(proxy.asked, ['CONNECT name.invalid:80', 'CONNECT name.invalid:8443']);
});

test('credentials: right, wrong, missing; in the URL, with characters that must be encoded, or as a header field', async () => {
  const secret = 'p@ss:wörd/%';
  await using proxy = await HttpProxy.open({ credentials: `me:${secret}` });
  await using server = await startServer();
  const basic = `Basic ${Buffer.from(`me:${secret}`).toString('base64')}`;
  const right: Required<NodeConnectOptions>['proxy'][] = [
    proxy.as('me', secret),
    new URL(proxy.as('me', secret)),
    { url: proxy.url, headers: { 'Proxy-Authorization': basic } },
    { url: proxy.as('other', 'one'), headers: [['proxy-authorization', basic]] },
  ];
  for (const one of right) {
    const session = await opened(server.url, { proxy: one });
    await within(session.close(), 'the close');
  }
  assert.is(server.server.counters.upgraded, right.length);
  const head = server.sessions.map(({ request }) => [...(request?.headers ?? [])].map(([name]) => name.toLowerCase()));
  for (const names of head) assert.not.ok(names.includes('proxy-authorization'), 'the server is not told');
  const wrong = [proxy.url, proxy.as('me', 'x'), proxy.as('', secret), { url: proxy.url, headers: { 'X-Y': basic } }];
  for (const one of wrong) {
    const error = await refused(server.url, { proxy: one });
    assert.is(error.status, 407);
    assert.is(fromLatin1(error.body), 'Not me');
    assert.ok(error.headers.some(([name, value]) => name === 'Proxy-Authenticate' && value === 'Basic realm="town"'));
    assert.not.match(`${error.message} ${error.stack} ${error.cause}`, /p@ss|p%40ss/);
  }
  assert.is(server.server.counters.upgraded, right.length, 'the proxy is not passed by');
});

test('what the request says to the server is not told to the proxy', async () => {
  await using proxy = await HttpProxy.open();
  await using server = await startServer();
  const headers = { Authorization: 'Bearer x', Cookie: 'y=z', 'Proxy-Authorization': 'for the server' };
  const session = await opened(server.url.replace('//', '//me:secret@'), {
    headers,
    proxy: { url: proxy.url, headers: { 'X-Own': '1' } },
  });
  await within(session.close(), 'the close');
  const [request] = proxy.requests;
  assert.equal(Object.keys(request?.headers ?? {}), ['host', 'x-own']);
});

test('a refusal has the proxy’s status, header fields and body', async () => {
  const answers: [status: number, body: string][] = [
    [403, 'Not there'],
    [407, ''],
    [502, 'x'.repeat(70_000)],
  ];
  for (const [status, body] of answers) {
    await using proxy = await HttpProxy.open({
      answer: (socket) => {
        socket.end(`HTTP/1.1 ${status} X\r\nX-Proxy: town\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
        return true;
      },
    });
    const error = await refused('wss://target.example', { proxy: proxy.url });
    assert.equal([error.status, error.headers[0]], [status, ['X-Proxy', 'town']]);
    assert.is(fromLatin1(error.body), body.slice(0, 64 * 1024));
    await until(() => proxy.open === 0, 'the connection is closed', 5_000);
  }
});

test('a target that cannot be reached is the proxy’s 502; what the target says itself is its own', async () => {
  await using proxy = await HttpProxy.open();
  const gone = await AnsweringServer.open();
  const { url } = gone;
  await gone[Symbol.asyncDispose]();
  const error = await refused(url, { proxy: proxy.url });
  assert.is(error.status, 502);
  assert.match(fromLatin1(error.body), /ECONNREFUSED/);
  await using server = await AnsweringServer.open(async (caller) => {
    await caller.read();
    caller.send('HTTP/1.1 403 X\r\nContent-Length: 2\r\n\r\nNo');
  });
  assert.is((await refused(server.url, { proxy: proxy.url }, 'ERR_WS_NOT_UPGRADED')).status, 403);
  await using secure = await startServer(echo, { tls: certificate });
  await refused(secure.url, { proxy: proxy.url, tls: {} }, 'ERR_WS_UNREACHABLE');
});

test('a frame in one packet with both heads is the first message', async () => {
  await using server = await AnsweringServer.open(async (caller) => {
    await caller.read();
    caller.send(caller.good(), wire({ opcode: 1, payload: 'early' }));
  });
  await using proxy = await HttpProxy.open();
  const session = await opened(server.url, { proxy: proxy.url });
  assert.is(await within(session.receive(), 'the message'), 'early');
  session.job.cancel();
  for (const caller of server.callers) caller.raw.end();
  await endOf(session);
});

test('what stands between the proxy’s head and the server’s is taken for the server’s answer', async () => {
  await using server = await AnsweringServer.open();
  await using proxy = await HttpProxy.open({
    behind: Buffer.from('HTTP/1.1 401 From the target\r\nContent-Length: 0\r\n\r\n'),
  });
  const error = await refused(server.url, { proxy: proxy.url }, 'ERR_WS_NOT_UPGRADED');
  assert.is(error.status, 401);
});

test('redirects go through the proxy too, each by a CONNECT of its own; one of the proxy is followed nowhere', async () => {
  await using proxy = await HttpProxy.open({ credentials: 'me:secret' });
  await using server = await startServer();
  await using from = await AnsweringServer.open(async (caller) => {
    await caller.read();
    caller.send(`HTTP/1.1 302 X\r\nContent-Length: 0\r\nLocation: ${server.url}/there\r\n\r\n`);
  });
  const session = await opened(from.url, { proxy: proxy.as('me', 'secret'), maxRedirects: 2 });
  assert.is(session.response?.url, `${server.url}/there`);
  await within(session.close(), 'the close');
  assert.equal(proxy.asked, [`CONNECT 127.0.0.1:${from.port}`, `CONNECT 127.0.0.1:${server.port}`]);
  await using elsewhere = await HttpProxy.open({
    answer: (socket) => socket.end(`HTTP/1.1 302 X\r\nLocation: ${server.url}\r\n\r\n`) !== undefined,
  });
  const error = await refused(from.url, { proxy: elsewhere.url, maxRedirects: 2 });
  assert.is(error.status, 302);
  assert.is(server.server.counters.upgraded, 1);
});

test('the time-out holds while the proxy hangs: unanswered, in its head, in TLS; a refusal whose body hangs is a refusal', async () => {
  const cases: [text: string, scheme: string, code: string, status: number][] = [
    ['', 'http', 'ERR_WS_HANDSHAKE_TIMEOUT', 0],
    ['HTTP/1.1 200 O', 'http', 'ERR_WS_HANDSHAKE_TIMEOUT', 0],
    ['', 'https', 'ERR_WS_HANDSHAKE_TIMEOUT', 0],
    ['HTTP/1.1 407 X\r\nContent-Length: 9\r\n\r\nWho', 'http', 'ERR_WS_PROXY', 407],
  ];
  for (const [text, scheme, code, status] of cases) {
    const contexts = new SharedContexts();
    {
      await using proxy = await AnsweringServer.open(async (caller) => {
        if (scheme === 'https') return;
        await caller.read();
        caller.send(text);
      });
      const { engineContext } = contexts;
      const options = {
        proxy: `${scheme}://127.0.0.1:${proxy.port}`,
        limits: { handshakeTimeout: 120 },
        engineContext,
      };
      const error = await refused('wss://target.example', options, code);
      assert.is(error.status, status);
      if (status > 0) assert.is(fromLatin1(error.body), 'Who');
      await until(() => proxy.open === 0, 'the connection is closed', 5_000);
    }
    await contexts.assertNothingLeft();
  }
  await until(() => Object.keys(handles()).length === 0, 'no handle is left', 5_000);
});

test('an abort while the proxy’s refusal is being read is an abort', async () => {
  let isThere = false;
  await using proxy = await AnsweringServer.open(async (caller) => {
    await caller.read();
    caller.send('HTTP/1.1 407 X\r\nContent-Length: 9\r\n\r\nWho');
    isThere = true;
  });
  const controller = new AbortController();
  const { signal } = controller;
  const opening = connect('ws://target.example', { proxy: `http://127.0.0.1:${proxy.port}`, signal });
  opening.catch(() => {});
  await until(() => isThere, 'the proxy has answered', 5_000);
  await turns(5);
  const reason = new Error('enough');
  controller.abort(reason);
  assert.is(
    await within(
      opening.catch((error) => error),
      'the end',
    ),
    reason,
  );
  assert.is(listenersOn(signal), 0);
  await until(() => proxy.open === 0, 'the connection is closed', 5_000);
});

test('limits of a head are the proxy’s too', async () => {
  await using proxy = await HttpProxy.open({ accept: `HTTP/1.1 200 OK\r\n${'X: y\r\n'.repeat(20)}\r\n` });
  await using server = await startServer();
  const error = await refused(server.url, { proxy: proxy.url, limits: { maxHeaders: 10 } });
  assert.is((error.cause as HandshakeError).code, 'ERR_WS_HEAD_TOO_LARGE');
  const session = await opened(server.url, { proxy: proxy.url });
  await within(session.close(), 'the close');
});

test('a proxy that cannot be used is a TypeError before anything is dialled: it is not passed by', async () => {
  await using server = await startServer();
  for (const proxy of ['', 'proxy.example', 'ftp://proxy.example', { url: '' }, null, {}]) {
    await rejects(connect(server.url, { proxy } as NodeConnectOptions), TypeError, /^Cannot use proxy /);
  }
  const proxy = 'http://127.0.0.1:1';
  await rejects(connect('ws+unix:/run/x.sock:/', { proxy }), TypeError, /through a proxy/);
  const [ours] = await socketPair();
  await rejects(connect(server.url, { proxy, streams: toByteStreams(ours) }), TypeError, /through a proxy/);
  assert.is(server.server.counters.connections, 0);
  const session = await opened(server.url, { proxy: undefined } as object);
  await within(session.close(), 'the close');
});

/** Runs with these variables and no other one of a proxy; the environment is as before then. */
async function withEnvironment(variables: Record<string, string>, run: () => Promise<void>): Promise<void> {
  const before = { ...process.env };
  for (const name of Object.keys(process.env)) if (/^(https?|all|no)_proxy$/i.test(name)) delete process.env[name];
  Object.assign(process.env, variables);
  try {
    await run();
  } finally {
    for (const name of Object.keys(variables)) delete process.env[name];
    Object.assign(process.env, before);
  }
}

test('the environment is asked on request only, for each connection anew', async () => {
  await using proxy = await HttpProxy.open({ credentials: 'me:secret' });
  await using server = await startServer();
  const visit = async (options: NodeConnectOptions): Promise<void> => {
    const session = await opened(server.url, options);
    await within(session.close(), 'the close');
  };
  await withEnvironment({ HTTP_PROXY: proxy.as('me', 'secret') }, async () => {
    await visit({});
    assert.equal(proxy.asked, []);
    await visit({ proxy: 'environment' });
    assert.equal(proxy.asked, [`CONNECT 127.0.0.1:${server.port}`]);
  });
  await withEnvironment({ HTTP_PROXY: proxy.url }, async () => {
    assert.is((await refused(server.url, { proxy: 'environment' })).status, 407);
  });
  const asked = proxy.asked.length;
  await withEnvironment({ ALL_PROXY: proxy.url, NO_PROXY: `127.0.0.0/8:${server.port}` }, () =>
    visit({ proxy: 'environment' }),
  );
  await withEnvironment({}, () => visit({ proxy: 'environment' }));
  assert.is(proxy.asked.length, asked);
  await withEnvironment({ ALL_PROXY: 'ftp://secret@x' }, async () => {
    const error = await refused(server.url, { proxy: 'environment' });
    assert.instance(error.cause, TypeError);
  });
});

test('a redirect asks the environment for its own target', async () => {
  await using proxy = await HttpProxy.open();
  await using server = await startServer();
  await using from = await AnsweringServer.open(async (caller) => {
    await caller.read();
    caller.send(`HTTP/1.1 302 X\r\nContent-Length: 0\r\nLocation: ${server.url}/there\r\n\r\n`);
  });
  await withEnvironment({ ALL_PROXY: proxy.url, NO_PROXY: `127.0.0.1:${from.port}` }, async () => {
    const session = await opened(from.url, { proxy: 'environment', maxRedirects: 1 });
    await within(session.close(), 'the close');
  });
  assert.equal(proxy.asked, [`CONNECT 127.0.0.1:${server.port}`]);
});

test('nothing has escaped in all of this', async () => {
  destroyAllDuplexes();
  await assertNothingEscaped();
});

test.run();
