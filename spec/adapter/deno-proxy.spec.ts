// Proxies of a client of Deno's, on the sockets of Node in Deno's clothes. Deno's own are in spec/runtimes/deno/connect.ts.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { resolveDenoProxy, whyUnreachable } from '../../lib/adapter/deno-proxy.ts';
import { parseTarget } from '../../lib/client/target.ts';
import { connect } from '../../lib/deno.ts';
import { HandshakeError } from '../../lib/error.ts';
import { rejects, throws } from '../support/check.ts';
import { installDeno, openConns } from '../support/fake-deno.ts';
import { HttpProxy } from '../support/http-proxy.ts';
import { assertNothingEscaped, echo, startServer } from '../support/server.ts';
import { SocksProxy } from '../support/socks-proxy.ts';
import { until, within } from '../support/until.ts';

const test = suite('deno-proxy');
const remove = installDeno();

test.after.each(async () => {
  await until(() => openConns.size === 0, 'all connections are closed');
});
test.after(async () => {
  remove();
  await assertNothingEscaped();
});

async function talk(url: string, proxy: string): Promise<void> {
  const session = await connect(url, { proxy });
  await session.send('hello');
  assert.is(await within(session.receive(), 'an echo'), 'hello');
  await session.close();
  await within(session.closed, 'the end');
}

test('HTTP and SOCKS5 lead to the target, with names resolved here or there', async () => {
  await using server = await startServer(echo);
  await using http = await HttpProxy.open({ credentials: 'me:secret' });
  await using socks = await SocksProxy.open({ names: { 'far.example': '127.0.0.1' } });
  await talk(server.url, http.as('me', 'secret'));
  await talk(server.url.replace('127.0.0.1', 'localhost'), `socks5://127.0.0.1:${socks.port}`);
  await talk(server.url, `socks5h://127.0.0.1:${socks.port}`);
  assert.is(http.asked.length, 1);
  assert.is(socks.asked.length, 2);
});

test('a refusal is told with its status and body, one that is cut off too', async () => {
  await using server = await startServer(echo);
  await using http = await HttpProxy.open({ credentials: 'me:secret' });
  await using broken = await HttpProxy.open({
    answer: (socket) => {
      socket.end('HTTP/1.1 503 No\r\nContent-Length: 100\r\n\r\nhalf');
      return true;
    },
  });
  const error = (await rejects(connect(server.url, { proxy: http.url }), HandshakeError)) as HandshakeError;
  assert.is(error.status, 407);
  const other = (await rejects(connect(server.url, { proxy: broken.url }), HandshakeError)) as HandshakeError;
  assert.is(other.status, 503);
  assert.is(new TextDecoder().decode(other.body), 'half');
});

test('an abort rejects with its reason, unless a refusal was being read', async () => {
  await using server = await startServer(echo);
  await using silent = await HttpProxy.open({ answer: () => true });
  await using slow = await HttpProxy.open({
    answer: (socket) => {
      socket.write('HTTP/1.1 503 No\r\nContent-Length: 100\r\n\r\nhalf');
      return true;
    },
  });
  const abort = new AbortController();
  const attempt = connect(server.url, { proxy: silent.url, signal: abort.signal });
  await until(() => silent.asked.length === 1, 'it is asked');
  abort.abort(new RangeError('enough'));
  await rejects(attempt, RangeError);
  const late = connect(server.url, { proxy: slow.url, limits: { handshakeTimeout: 300 } });
  const error = (await rejects(within(late, 'the time-out'), HandshakeError)) as HandshakeError;
  assert.is(error.status, 503);
});

test('a proxy that cuts, or is not there, is told as that', async () => {
  await using server = await startServer(echo);
  await using cutting = await HttpProxy.open({
    answer: (socket) => {
      socket.destroy();
      return true;
    },
  });
  for (const proxy of [cutting.url, 'http://127.0.0.1:1']) {
    await rejects(connect(server.url, { proxy }), HandshakeError, 'ERR_WS_PROXY');
  }
});

test('Deno has no TLS within TLS, and shows certificates to the target alone', () => {
  const http = resolveDenoProxy('http://localhost:1').proxy;
  const https = resolveDenoProxy('https://localhost:1').proxy;
  const plain = parseTarget('ws://x/');
  const secure = parseTarget('wss://x/');
  const client = { cert: 'x', key: 'y' };
  assert.is(whyUnreachable(http, plain, client), undefined);
  assert.is(whyUnreachable(http, secure, {}), undefined);
  assert.is(whyUnreachable(https, plain, {}), undefined);
  assert.match(whyUnreachable(https, secure, {}) ?? '', /within/);
  assert.match(whyUnreachable(http, secure, client) ?? '', /certificate/);
  assert.match(whyUnreachable(http, parseTarget('ws+unix:/x'), {}) ?? '', /file system/);
  throws(() => resolveDenoProxy({ url: 'https://localhost:1', tls: client }), TypeError);
});

test.run();
