// wss: `serve` with a key and a certificate, which this spec makes itself.

import { createServer } from 'node:https';
import type { AddressInfo, LookupFunction } from 'node:net';
import { createSecureContext, type TLSSocket, connect as tlsConnect } from 'node:tls';
import { generate } from 'selfsigned';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { WebSocket } from 'ws';
import { attach, type Session } from '../../lib/node.ts';
import { RawClient, requestHead, text } from '../support/raw-client.ts';
import { assertNothingEscaped, echo } from '../support/server.ts';
import { serve } from '../support/serving.ts';
import { standstill, until, within } from '../support/until.ts';

async function createCertificate(name: string): Promise<{ key: string; cert: string }> {
  const made = await generate([{ name: 'commonName', value: name }], {
    keySize: 2048,
    algorithm: 'sha256',
    extensions: [
      {
        name: 'subjectAltName',
        altNames: [
          { type: 2, value: name },
          { type: 7, ip: '127.0.0.1' },
        ],
      },
    ],
  });
  return { key: made.private, cert: made.cert };
}

const [one, other] = await Promise.all([createCertificate('localhost'), createCertificate('other.localhost')]);
const test = suite('serve · TLS');

test('a ws client that checks the certificate talks to it; the session knows the TLS facts', async () => {
  let session: Session | undefined;
  await using server = await serve({ tls: one }, (it) => {
    session = it;
    return echo(it);
  });
  assert.ok(server.url.startsWith('wss://127.0.0.1:'));
  const socket = new WebSocket(`wss://localhost:${server.port}`, {
    ca: one.cert,
    lookup: (_, options, done) => done(null, options.all ? [{ address: '127.0.0.1', family: 4 }] : '127.0.0.1', 4),
  });
  await within(new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject)), 'the opening');
  for (const message of ['hello', Buffer.alloc(1024 * 1024, 7)]) {
    const answer = new Promise((resolve) => socket.once('message', resolve));
    socket.send(message);
    assert.is(Buffer.compare((await within(answer, 'the echo')) as Buffer, Buffer.from(message)), 0);
  }
  assert.equal([session?.tls?.serverName, session?.tls?.isAuthorized], ['localhost', false]);
  assert.match(session?.tls?.protocol ?? '', /^TLSv1\.[23]$/);
  assert.ok((session?.tls?.cipher ?? '').length > 0);
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.close(3000);
  assert.is(await within(closed, 'the close'), 3000);
  assert.ok((await session?.closed)?.wasClean);
});

test('SNI chooses the certificate; ALPN is http/1.1', async () => {
  await using server = await serve(
    {
      tls: {
        ...one,
        SNICallback: (name, done) => done(null, createSecureContext(name === 'other.localhost' ? other : one)),
      },
    },
    echo,
  );
  for (const [name, { cert }] of [
    ['localhost', one],
    ['other.localhost', other],
  ] as const) {
    const socket: TLSSocket = tlsConnect({
      port: server.port,
      host: '127.0.0.1',
      servername: name,
      ca: cert,
      ALPNProtocols: ['h2', 'http/1.1'],
    });
    await within(new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject)), 'TLS');
    assert.equal([socket.authorized, socket.alpnProtocol], [true, 'http/1.1']);
    socket.destroy();
  }
});

test('attach serves an https.Server of the application’s own', async () => {
  const application = createServer(one, (_, response) => void response.end('the application'));
  await new Promise<void>((resolve) => application.listen(0, '127.0.0.1', resolve));
  const { port } = application.address() as AddressInfo;
  const facts: unknown[] = [];
  const attachment = attach(application, { path: '/ws' }, (session) => {
    facts.push(session.tls?.serverName);
    return echo(session);
  });
  const lookup: LookupFunction = (_, options, done) => {
    if (options.all) done(null, [{ address: '127.0.0.1', family: 4 }]);
    else done(null, '127.0.0.1', 4);
  };
  const socket = new WebSocket(`wss://localhost:${port}/ws`, { ca: one.cert, lookup });
  await within(new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject)), 'the opening');
  const answer = new Promise((resolve) => socket.once('message', (data) => resolve(String(data))));
  socket.send('hello');
  assert.is(await within(answer, 'the echo'), 'hello');
  const closed = new Promise((resolve) => socket.once('close', resolve));
  await attachment.stop();
  assert.is(await within(closed, 'the close'), 1001);
  assert.equal(facts, ['localhost']);
  application.closeAllConnections();
  await new Promise((resolve) => application.close(resolve));
});

test('a session without TLS has no such facts; a client that speaks no TLS is dropped and harms nobody', async () => {
  await using plain = await serve({}, (session) => {
    assert.is(session.tls, undefined);
  });
  (await RawClient.open(plain.port))[Symbol.dispose]();
  await using server = await serve({ tls: one }, echo);
  using client = await RawClient.connect(server.port);
  client.send(Buffer.from('GET / HTTP/1.1\r\n\r\n'));
  await client.finished();
  await until(() => server.counters.connections === 0, 'the connection is gone');
  assert.is(server.counters.refused, 0, 'there was no request');
});

test('a client that stops in the middle of the TLS handshake is dropped after handshakeTimeout', async () => {
  await using server = await serve({ tls: one, limits: { handshakeTimeout: 100 } }, echo);
  using client = await RawClient.connect(server.port);
  client.send(Uint8Array.of(0x16, 0x03, 0x01));
  await client.finished();
  await until(() => server.counters.connections === 0, 'the connection is gone');
});

test('maxConnections holds over TLS: those that stop in the handshake or behind it are cut, those with a session are not', async () => {
  const places = 2;
  const waiting = 16;
  await using server = await serve({ tls: one, limits: { maxConnections: places } }, echo);
  const secure = async (): Promise<TLSSocket> => {
    const socket = tlsConnect({ port: server.port, host: '127.0.0.1', ca: one.cert, servername: 'localhost' });
    socket.on('error', () => {});
    await within(new Promise((resolve) => socket.once('secureConnect', resolve)), 'the TLS handshake');
    return socket;
  };
  const upgraded = async (): Promise<TLSSocket> => {
    const socket = await secure();
    const answer = new Promise<string>((resolve) => socket.once('data', (data) => resolve(data.toString('latin1'))));
    socket.write(requestHead(server.port));
    assert.match(await within(answer, 'the answer'), /^HTTP\/1\.1 101 /);
    return socket;
  };
  const sessions = [await upgraded()];
  const idle: TLSSocket[] = [];
  for (let count = 0; count < 30; count++) {
    if (count % 2 === 0) (await RawClient.connect(server.port)).send(Uint8Array.of(0x16, 0x03, 0x01));
    else idle.push(await secure());
  }
  sessions.push(await upgraded());
  await standstill(() => server.counters.connections, 'the server');
  assert.is(server.counters.connections, places + waiting - 1, 'the last to get a place has left the others one');
  const refused = await secure();
  const answer = new Promise<string>((resolve) => refused.once('data', (data) => resolve(data.toString('latin1'))));
  refused.write(requestHead(server.port));
  assert.match(await within(answer, 'the answer'), /^HTTP\/1\.1 503 /);
  for (const socket of sessions) {
    const echoed = new Promise<Buffer>((resolve) => socket.once('data', resolve));
    socket.write(text('hi'));
    assert.is((await within(echoed, 'the echo')).toString('latin1', 2), 'hi');
  }
  for (const socket of [...sessions, ...idle, refused]) socket.destroy();
  RawClient.destroyAll();
  await until(() => server.counters.connections === 0, 'all are gone');
});

test('nothing has escaped in all of this', async () => {
  await assertNothingEscaped();
});
test.run();
