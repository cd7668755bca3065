// The facts of a TLS connection, as they are read on either side of one.

import { connect as connectTls, createServer, type TLSSocket } from 'node:tls';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { toTlsFacts } from '../../lib/adapter/tls-facts.ts';
import { createCertificate } from '../support/certificates.ts';
import { within } from '../support/until.ts';

const test = suite('TLS facts');

const certificate = await createCertificate('Server', { names: ['server.example'] });

test('both sides tell the same protocol, cipher, name and ALPN; each whether it trusts the other', async () => {
  const server = createServer({ ...certificate, ALPNProtocols: ['http/1.1'], maxVersion: 'TLSv1.2' });
  const accepted = new Promise<TLSSocket>((resolve) => server.once('secureConnection', resolve));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const options = { port, host: '127.0.0.1', servername: 'server.example', ca: certificate.cert };
  const ours = connectTls({ ...options, ALPNProtocols: ['http/1.1'] });
  const [theirs] = await within(
    Promise.all([accepted, new Promise((resolve) => ours.once('secureConnect', resolve))]),
    'TLS',
  );
  const { cipher, ...facts } = toTlsFacts(ours);
  assert.match(cipher, /^TLS_/);
  assert.equal(facts, {
    protocol: 'TLSv1.2',
    alpnProtocol: 'http/1.1',
    serverName: 'server.example',
    isAuthorized: true,
  });
  assert.equal(toTlsFacts(theirs), { ...facts, cipher, isAuthorized: false });
  for (const socket of [ours, theirs]) socket.destroy();
  await new Promise((resolve) => server.close(resolve));
});

test('what was not asked for and not offered is empty', async () => {
  const server = createServer(certificate);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const ours = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false });
  ours.on('error', () => {});
  await within(new Promise((resolve) => ours.once('secureConnect', resolve)), 'TLS');
  const { alpnProtocol, serverName, isAuthorized } = toTlsFacts(ours);
  assert.equal([alpnProtocol, serverName, isAuthorized], ['', '', false]);
  ours.destroy();
  await new Promise((resolve) => server.close(resolve));
});

test.run();
