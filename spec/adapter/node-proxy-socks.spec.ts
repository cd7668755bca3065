// Through a proxy of SOCKS5 that is there: sessions, logins, names, refusals, and that an end at any moment leaves nothing open.

import type { Socket } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { HandshakeError } from '../../lib/error.ts';
import { connect, type NodeConnectOptions, type Session } from '../../lib/node.ts';
import { AnsweringServer } from '../support/answering-server.ts';
import { createCertificate } from '../support/certificates.ts';
import { rejects } from '../support/check.ts';
import { wire } from '../support/frames.ts';
import { hex } from '../support/hex.ts';
import { handles, listenersOn, SharedContexts } from '../support/left-behind.ts';
import { assertNothingEscaped, echo, endOf, startServer } from '../support/server.ts';
import { SocksProxy } from '../support/socks-proxy.ts';
import { turns, until, within } from '../support/until.ts';

const test = suite('node proxy · SOCKS5');

const names = ['localhost', 'target.example'];
const certificate = await createCertificate('Server', { names, addresses: ['127.0.0.1'] });
const tls = { ca: certificate.cert };
const GOOD = hex('05 00 00 01 00 00 00 00 00 00');

async function opened(url: string, options: NodeConnectOptions): Promise<Session> {
  return within(connect(url, { tls, ...options }), 'an opening', 10_000);
}

async function refused(url: string, proxy: string, code = 'ERR_WS_PROXY'): Promise<HandshakeError> {
  const opening = connect(url, { tls, proxy });
  const error = (await rejects(within(opening, 'a refusal', 10_000), HandshakeError, code)) as HandshakeError;
  assert.is(error.status, 0);
  return error;
}

async function assertNoHandle(): Promise<void> {
  await until(() => Object.keys(handles()).length === 0, 'no handle is left', 5_000).catch(() => {});
  assert.equal(handles(), {});
}

test('RFC 6455 §4.1 (3): ws and wss are sessions like any other, with a login and without one', async () => {
  const large = 'x'.repeat(300_000);
  for (const serverTls of [undefined, certificate]) {
    for (const credentials of [undefined, 'me:s3cret']) {
      {
        await using proxy = await SocksProxy.open(credentials === undefined ? {} : { credentials });
        await using server = await startServer(echo, serverTls === undefined ? {} : { tls: serverTls });
        const session = await opened(server.url, { proxy: proxy.url('socks5', credentials) });
        for (const message of ['', 'hello', large]) {
          await session.send(message);
          assert.is(await within(session.receive(), 'an echo'), message);
        }
        assert.equal(proxy.asked, [`1 127.0.0.1:${server.port}`]);
        assert.equal(proxy.logins, [credentials === undefined ? '0 ' : `0,2 ${credentials}`]);
        assert.is(session.tls?.isAuthorized, serverTls === undefined ? undefined : true);
        assert.ok((await within(session.close(), 'the close')).wasClean);
        await server.quiet();
        await until(() => proxy.open === 0, 'the proxy’s connections are closed', 5_000);
      }
      await assertNoHandle();
    }
  }
});

test('socks5h: the proxy resolves the name, nobody here knows it; TLS and Host are for that name', async () => {
  await using proxy = await SocksProxy.open({ names: { 'target.example': '127.0.0.1' } });
  await using server = await startServer(echo, { tls: certificate, hosts: ['target.example'] });
  const url = `wss://target.example:${server.port}`;
  const session = await opened(url, { proxy: proxy.url('socks5h') });
  assert.equal(proxy.asked, [`3 target.example:${server.port}`]);
  assert.is((await server.session()).tls?.serverName, 'target.example');
  assert.is(session.response?.url, `${url}/`);
  await within(session.close(), 'the close');
  assert.match((await refused('ws://other.example', proxy.url('socks5h'))).message, /Host unreachable/);
});

test('socks5: names are resolved here, and the proxy is asked for an address; what has none is not asked for', async () => {
  await using proxy = await SocksProxy.open();
  await using server = await AnsweringServer.open(async (caller) => {
    await caller.read();
    caller.send('HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n');
  });
  await refused('ws://name.invalid', proxy.url('socks5'), 'ERR_WS_UNREACHABLE');
  assert.equal(proxy.asked, []);
  // It is 127.0.0.1 or ::1, as the system has it; the server is on one of them.
  const url = server.url.replace('127.0.0.1', 'localhost');
  await connect(url, { proxy: proxy.url('socks5') }).catch(() => {});
  assert.is(proxy.asked.length, 1);
  assert.match(proxy.asked[0] ?? '', /^(1 127\.0\.0\.1|4 (0000:){7}0001):\d+$/);
});

test('a login that is wrong, or missing, or that nobody asked for', async () => {
  await using proxy = await SocksProxy.open({ credentials: 'me:s3cret' });
  await using server = await startServer();
  for (const user of ['me:other', 'me', 'you:s3cret']) {
    const error = await refused(server.url, proxy.url('socks5', user));
    assert.match(error.message, /does not accept the user and the password/);
    assert.not.match(`${error.stack}`, /s3cret|other/);
  }
  assert.match((await refused(server.url, proxy.url('socks5'))).message, /another login/);
  assert.equal(server.server.counters.upgraded, 0);
  await using open = await SocksProxy.open();
  const session = await opened(server.url, { proxy: open.url('socks5h', 'me:s3cret') });
  await within(session.close(), 'the close');
});

test('a target that cannot be reached is the proxy’s word; what the target says itself is its own', async () => {
  await using proxy = await SocksProxy.open();
  const gone = await AnsweringServer.open();
  const { url } = gone;
  await gone[Symbol.asyncDispose]();
  assert.match((await refused(url, proxy.url('socks5'))).message, /Connection refused/);
  await using server = await AnsweringServer.open(async (caller) => {
    await caller.read();
    caller.send('HTTP/1.1 403 X\r\nContent-Length: 2\r\n\r\nNo');
  });
  const opening = connect(server.url, { proxy: proxy.url('socks5') });
  assert.is(((await rejects(opening, HandshakeError, 'ERR_WS_NOT_UPGRADED')) as HandshakeError).status, 403);
});

const answers: [name: string, answer: (socket: Socket) => unknown][] = [
  ['FIN', (socket) => socket.end()],
  ['a reset', (socket) => socket.resetAndDestroy()],
  ['half a reply and FIN', (socket) => socket.end(GOOD.subarray(0, 7))],
  ['a failure and nothing behind it', (socket) => socket.write(hex('05 02'))],
  ['garbage', (socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n')],
];

for (const [name, answer] of answers) {
  test(`a proxy that answers with ${name}`, async () => {
    {
      await using proxy = await SocksProxy.open({ answer });
      await refused('wss://target.example', proxy.url('socks5h'));
      await until(() => proxy.open === 0, 'the connection is closed', 5_000);
    }
    await assertNoHandle();
  });
}

test('a proxy that is not there, and one that is no proxy of SOCKS', async () => {
  const web = await AnsweringServer.open(async (caller) => {
    await caller.raw.take(1);
    caller.socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
  });
  const proxy = `socks5h://me:s3cret@127.0.0.1:${web.port}`;
  assert.match((await refused('ws://target.example', proxy)).message, /does not speak SOCKS5/);
  await web[Symbol.asyncDispose]();
  const error = await refused('ws://target.example', proxy);
  assert.match(error.message, 'socks5h://127.0.0.1:');
  assert.instance(error.cause, Error);
  assert.not.match(`${error.stack}`, /s3cret/);
});

test('what comes in one packet with the reply is not lost: the answer of the server, and frames behind it', async () => {
  await using server = await AnsweringServer.open(async (caller) => {
    await caller.read();
    caller.send(caller.good(), wire({ opcode: 1, payload: 'early' }));
  });
  await using proxy = await SocksProxy.open();
  const session = await opened(server.url, { proxy: proxy.url('socks5') });
  assert.is(await within(session.receive(), 'the message'), 'early');
  session.job.cancel();
  for (const caller of server.callers) caller.raw.end();
  await endOf(session);
  const eager = Buffer.concat([GOOD, Buffer.from('HTTP/1.1 401 Early\r\nContent-Length: 0\r\n\r\n')]);
  await using talking = await SocksProxy.open({ answer: (socket) => socket.write(eager) });
  const opening = connect('ws://target.example', { proxy: talking.url('socks5h') });
  assert.is(((await rejects(opening, HandshakeError, 'ERR_WS_NOT_UPGRADED')) as HandshakeError).status, 401);
});

test('an abort, and the time-out, while the proxy is silent at each step: nothing is left', async () => {
  const steps: [name: string, said: string[]][] = [
    ['before its first word', []],
    ['half of its first word', ['05']],
    ['in the login', ['05 02']],
    ['before its reply', ['05 02', '01 00']],
    ['in its reply', ['05 02', '01 00', '05 00 00 01 00']],
    ['in TLS behind it', ['05 02', '01 00', '05 00 00 01 00 00 00 00 00 00']],
  ];
  for (const [name, said] of steps) {
    for (const isAbort of [true, false]) {
      const contexts = new SharedContexts();
      {
        let isThere = false;
        await using proxy = await AnsweringServer.open(async (caller) => {
          for (const answer of said) {
            await caller.raw.take(1);
            await caller.raw.take(caller.raw.buffered);
            caller.send(hex(answer));
          }
          isThere = true;
        });
        const controller = new AbortController();
        const { signal } = controller;
        const opening = connect('wss://target.example', {
          proxy: `socks5h://me:s3cret@127.0.0.1:${proxy.port}`,
          signal,
          engineContext: contexts.engineContext,
          limits: { handshakeTimeout: isAbort ? 10_000 : 100 },
        });
        opening.catch(() => {});
        await until(() => isThere, name, 5_000);
        await turns(3);
        if (isAbort) controller.abort('enough');
        const reason: unknown = await within(
          opening.catch((error) => error),
          'the end',
          5_000,
        );
        if (isAbort) assert.is(reason, 'enough', name);
        else assert.is((reason as HandshakeError).code, 'ERR_WS_HANDSHAKE_TIMEOUT', name);
        assert.is(listenersOn(signal), 0);
        await until(() => proxy.open === 0, 'the connection is closed', 5_000);
      }
      await contexts.assertNothingLeft();
    }
  }
  await assertNoHandle();
});

test('an abort while a name is being resolved, and before', async () => {
  await using proxy = await SocksProxy.open();
  for (const isEarly of [true, false]) {
    const controller = new AbortController();
    const { signal } = controller;
    if (isEarly) controller.abort('enough');
    const opening = connect('ws://name.invalid', { proxy: proxy.url('socks5'), signal });
    opening.catch(() => {});
    controller.abort('enough');
    assert.is(await opening.catch((error) => error), 'enough');
    assert.is(listenersOn(signal), 0);
  }
  assert.is(proxy.open, 0);
  await until(() => handles()['GetAddrInfoReqWrap'] === undefined, 'the system has answered', 30_000);
});

test('nothing has escaped in all of this', async () => {
  await assertNothingEscaped();
});

test.run();
