// Listening with TLS for servers in Deno: node:tls, so Node shows it too.

import { once } from 'node:events';
import { connect as connectSocket, type Socket } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createTlsListen, type TlsListenOptions } from '../../lib/adapter/deno-listen-tls.ts';
import type { Accepted, Listener } from '../../lib/adapter/listener.ts';
import { ListeningServer } from '../../lib/adapter/listening-server.ts';
import { connect } from '../../lib/node.ts';
import { CallRecorder } from '../support/call-recorder.ts';
import { type Certificate, createCertificate } from '../support/certificates.ts';
import { rejects } from '../support/check.ts';
import { assertNothingEscaped, echo } from '../support/server.ts';
import { until, within } from '../support/until.ts';

const test = suite('deno-listen-tls');
let certificate: Certificate;
const sockets = new Set<Socket>();

test.before(async () => {
  certificate = await createCertificate('localhost', { names: ['localhost'], addresses: ['127.0.0.1'] });
});
test.after.each(() => {
  for (const socket of sockets) socket.destroy();
  sockets.clear();
});
test.after(() => assertNothingEscaped());

interface Listening {
  readonly listener: Listener;
  readonly accepted: Accepted[];
  readonly errors: unknown[];
}

async function listen(options: Partial<TlsListenOptions> = {}): Promise<Listening> {
  const accepted: Accepted[] = [];
  const errors: unknown[] = [];
  const all = { tls: certificate, handshakeTimeout: 5000, maxHandshakes: 16, ...options };
  const listener = await createTlsListen(all)(
    (each) => {
      accepted.push(each);
      new CallRecorder(each.transport).start();
    },
    (error) => errors.push(error),
  );
  return { listener, accepted, errors };
}

async function knock({ port }: Listener): Promise<Socket & { readonly closed: boolean }> {
  const socket = connectSocket(port, '127.0.0.1');
  sockets.add(socket);
  socket.on('error', () => {});
  socket.resume();
  await within(once(socket, 'connect'), 'a connection');
  return socket;
}

test('a session over it, with what is known of its TLS', async () => {
  const facts: unknown[] = [];
  const handler: typeof echo = (session) => {
    facts.push(session.tls);
    return echo(session);
  };
  await using server = new ListeningServer({}, handler, true);
  await server.listen(createTlsListen({ tls: certificate, handshakeTimeout: 5000, maxHandshakes: 16 }));
  const session = await connect(server.url, { tls: { ca: certificate.cert } });
  await session.send('hello');
  assert.is(await within(session.receive(), 'an echo'), 'hello');
  await session.close();
  assert.is((await within(session.closed, 'the end')).wasClean, true);
  const [{ protocol, alpnProtocol }] = facts as [{ protocol: string; alpnProtocol: string }];
  assert.is(protocol, 'TLSv1.3');
  assert.is(alpnProtocol, 'http/1.1');
});

test('one that says nothing is cut in time, one that talks rubbish at once; nobody is told', async () => {
  const { listener, accepted, errors } = await listen({ handshakeTimeout: 200 });
  const silent = await knock(listener);
  const rude = await knock(listener);
  rude.write('GET / HTTP/1.1\r\n\r\n');
  await until(() => rude.closed, 'the rude one is cut');
  await until(() => silent.closed, 'the silent one is cut');
  assert.equal(accepted, []);
  assert.equal(errors, []);
  await listener.close();
});

test('beyond the most handshakes the oldest is cut', async () => {
  const { listener } = await listen({ maxHandshakes: 3 });
  const knocking: Awaited<ReturnType<typeof knock>>[] = [];
  for (let index = 0; index < 5; index++) knocking.push(await knock(listener));
  await until(() => knocking[0]?.closed === true && knocking[1]?.closed === true, 'two are cut');
  assert.equal(
    knocking.map((socket) => socket.closed),
    [true, true, false, false, false],
  );
  await listener.close();
  await until(() => knocking.every((socket) => socket.closed), 'a close cuts the rest');
});

test('a close frees the port, and lets live what was accepted', async () => {
  const { listener, accepted } = await listen();
  const attempt = connect(`wss://127.0.0.1:${listener.port}`, {
    tls: { ca: certificate.cert },
    limits: { handshakeTimeout: 500 },
  });
  await until(() => accepted.length === 1, 'it is accepted');
  await within(Promise.resolve(listener.close()), 'the close');
  const again = await listen({ port: listener.port });
  assert.is(again.listener.port, listener.port);
  await again.listener.close();
  accepted[0]?.transport.destroy();
  await rejects(attempt, Error);
});

test('a port that is in use, and a key that is none, are refused', async () => {
  const { listener } = await listen();
  await rejects(listen({ port: listener.port }), Error, 'EADDRINUSE');
  await rejects(listen({ tls: { key: 'x', cert: 'y' } }), Error);
  await listener.close();
});

test.run();
