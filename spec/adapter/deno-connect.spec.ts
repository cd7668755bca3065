// The client of Deno on the sockets of Node in Deno's clothes: what is built on them. Deno's own are in spec/runtimes/deno/connect.ts.

import process from 'node:process';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { WebSocketServer as WsServer } from 'ws';
import { connect, permessageDeflate, reconnect, serve, toByteStreams, WebSocketStream } from '../../lib/deno.ts';
import { HandshakeError } from '../../lib/error.ts';
import { rejects } from '../support/check.ts';
import { fakeDeno, installDeno, openConns } from '../support/fake-deno.ts';
import { assertNothingEscaped, echo } from '../support/server.ts';
import { until, within } from '../support/until.ts';

const test = suite('deno-connect');
const remove = installDeno();
let server: WsServer;
let url = '';

test.before(async () => {
  server = new WsServer({ port: 0, host: '127.0.0.1', perMessageDeflate: true });
  server.on('connection', (socket) => {
    socket.on('message', (data, isBinary) => {
      if (String(data) === '!cut') socket.terminate();
      else socket.send(data, { binary: isBinary });
    });
  });
  await new Promise((resolve) => server.once('listening', resolve));
  url = `ws://127.0.0.1:${(server.address() as { port: number }).port}`;
});

test.after(async () => {
  remove();
  for (const client of server.clients) client.terminate();
  await new Promise((resolve) => server.close(resolve));
  await assertNothingEscaped();
});

test.after.each(async () => {
  await until(() => openConns.size === 0, 'all connections are closed');
});

test('an echo of ws, with deflate and without, and a clean close', async () => {
  for (const extensions of [[], [permessageDeflate({ threshold: 0 })]]) {
    const session = await connect(url, { extensions });
    assert.is(session.remoteAddress, '127.0.0.1');
    for (const message of ['', 'hello', 'x'.repeat(300_000)]) {
      await session.send(message);
      assert.ok((await within(session.receive(), 'an echo')) === message);
    }
    await session.close();
    assert.is((await within(session.closed, 'the end')).wasClean, true);
  }
});

test('streams that are given are used, and nothing is dialled', async () => {
  const port = Number(new URL(url).port);
  const conn = await fakeDeno.connect({ hostname: '127.0.0.1', port });
  const session = await connect('ws://nowhere.invalid/', { streams: toByteStreams(conn) });
  await session.send('hello');
  assert.is(await within(session.receive(), 'an echo'), 'hello');
  await session.close();
  await within(session.closed, 'the end');
});

test('the environment names the proxy, which is never passed by', async () => {
  process.env['http_proxy'] = 'http://127.0.0.1:1';
  try {
    await rejects(connect(url, { proxy: 'environment' }), HandshakeError, 'ERR_WS_PROXY');
    process.env['no_proxy'] = '127.0.0.1';
    const session = await connect(url, { proxy: 'environment' });
    session.job.cancel();
    await within(session.closed, 'the end');
  } finally {
    delete process.env['http_proxy'];
    delete process.env['no_proxy'];
  }
});

test('options that are wrong are told before anything is dialled', async () => {
  await rejects(connect('ftp://example.com'), TypeError);
  await rejects(connect(url, { tls: { ca: 'x' } as never }), TypeError);
  await rejects(connect(url, { proxy: '' }), TypeError);
  await rejects(connect(url, { proxy: { url: 'http://x', tls: { cert: 'x', key: 'y' } } }), TypeError);
  await rejects(connect('ws+unix:/x', { proxy: 'http://localhost:1' }), TypeError);
  await rejects(connect('wss+unix:/x'), TypeError);
});

test('a WebSocketStream and a reconnecting session stand on it', async () => {
  const stream = new WebSocketStream(url);
  const { readable, writable } = await within(stream.opened, 'the opening');
  await writable.getWriter().write('hello');
  assert.is((await within(readable.getReader().read(), 'an echo')).value, 'hello');
  stream.close();
  await within(stream.closed, 'the end');

  let opened = 0;
  const session = reconnect(url, {
    firstDelay: 10,
    onOpen: () => {
      opened++;
    },
  });
  await session.send('one');
  assert.is(await within(session.receive(), 'an echo'), 'one');
  await session.send('!cut');
  await until(() => opened === 2, 'it is open again');
  await within(session.close(), 'the close');
});

test('a server of the same sockets', async () => {
  await using own = await serve({ fetch: () => new Response('page') }, echo);
  const session = await connect(own.url);
  await session.send('hello');
  assert.is(await within(session.receive(), 'an echo'), 'hello');
  await session.close();
  await within(session.closed, 'the end');
  assert.is(await (await fetch(own.url.replace('ws', 'http'))).text(), 'page');
});

test.run();
