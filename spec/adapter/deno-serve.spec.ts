// The server of Deno on the sockets of Node in Deno's clothes: its options and its life. Deno's own are in spec/runtimes/deno/serve.ts.

import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { connect, type DenoServeOptions, type Session, serve } from '../../lib/deno.ts';
import { connect as connectNode } from '../../lib/node.ts';
import { createCertificate } from '../support/certificates.ts';
import { rejects } from '../support/check.ts';
import { installDeno, openConns } from '../support/fake-deno.ts';
import { assertNothingEscaped, echo } from '../support/server.ts';
import { until, within } from '../support/until.ts';

const test = suite('deno-serve');
const remove = installDeno();

test.after(async () => {
  await until(() => openConns.size === 0, 'all connections are closed');
  remove();
  await assertNothingEscaped();
});

async function talk(session: Session): Promise<void> {
  await session.send('hello');
  assert.is(await within(session.receive(), 'an echo'), 'hello');
  await session.close();
  assert.is((await within(session.closed, 'the end')).wasClean, true);
}

test('a client of Node is served, with its addresses, and counted', async () => {
  const seen: unknown[] = [];
  await using server = await serve({ path: '/room/:name' }, async (session) => {
    seen.push(session.remoteAddress, session.tls, session.request?.parameters);
    await echo(session);
  });
  assert.is(server.host, '127.0.0.1');
  await talk(await connectNode(`${server.url}/room/blue`));
  assert.equal(seen, ['127.0.0.1', undefined, { name: 'blue' }]);
  assert.is(server.counters.upgraded, 1);
  await rejects(connectNode(`${server.url}/other`), Error, 'ERR_WS_NOT_UPGRADED');
  await until(() => server.counters.connections === 0, 'nothing is left');
});

test('a socket of the file system: its URL is one that connect takes, and its file is gone behind the stop', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'millrace '));
  const socketPath = join(folder, 'a: b');
  const server = await serve({ socketPath }, echo);
  assert.match(server.url, /^ws\+unix:\/.*%3A%20b:\/$/);
  await talk(await connect(server.url));
  await server.stop();
  assert.is(existsSync(socketPath), false);
  await rm(folder, { recursive: true });
});

test('TLS is that of node:tls', async () => {
  const certificate = await createCertificate('localhost', { addresses: ['127.0.0.1'] });
  await using server = await serve({ tls: certificate }, echo);
  assert.match(server.url, /^wss:/);
  await talk(await connect(server.url, { tls: { caCerts: [certificate.cert] } }));
});

test('options that are wrong reject, and nothing listens', async () => {
  const pem = { cert: 'x', key: 'y' };
  const wrong: readonly DenoServeOptions[] = [
    { tls: pem, denoTls: pem },
    { tls: pem, socketPath: '/x' },
    { denoTls: pem, socketPath: '/x' },
    { socketPath: '/x', port: 1 },
    { socketPath: '/x', host: '::1' },
    { denoTls: { ...pem, requestCert: true } as never },
    { fetch: 'x' as never },
  ];
  for (const options of wrong) await rejects(serve(options, echo), TypeError);
  await rejects(serve({}, undefined as never), TypeError);
  await rejects(serve({ limits: { maxMessageSize: -1 } }, echo), RangeError);
  await rejects(serve({ signal: AbortSignal.abort(new EvalError('no')) }, echo), EvalError);
});

test('a signal stops it, and its sessions end with 1001', async () => {
  const abort = new AbortController();
  const server = await serve({ signal: abort.signal }, echo);
  const session = await connect(server.url);
  abort.abort();
  assert.is((await within(session.closed, 'the end')).received?.closeCode, 1001);
  await within(server.stop(), 'the stop');
  await rejects(connect(server.url), Error, 'ERR_WS_UNREACHABLE');
});

test.run();
