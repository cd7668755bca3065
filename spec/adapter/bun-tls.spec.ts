// What of the options of node:tls Bun's own TLS can do, and that nothing of the rest is passed over. Over Bun's own: spec/runtimes/bun/dial.ts and serve.ts.

import type { TlsOptions } from 'node:tls';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { fitsBunServer, toBunClientTls, toBunServerTls, toBunTlsFacts } from '../../lib/adapter/bun-tls.ts';
import type { ClientTlsOptions } from '../../lib/adapter/node-dial.ts';
import { BunSocketByHand } from '../support/bun-socket.ts';
import { throws } from '../support/check.ts';

const test = suite('bun tls');

const http1 = Uint8Array.of(8, ...new TextEncoder().encode('http/1.1'));
const pair = { key: 'KEY', cert: 'CERT' };

test('a client without options verifies, names the host and offers http/1.1 as it is on the wire', () => {
  assert.equal(toBunClientTls({}, 'a.example'), {
    serverName: 'a.example',
    rejectUnauthorized: true,
    ALPNProtocols: http1,
  });
});

test('RFC 6066 §3: an address is no name to send', () => {
  for (const host of ['127.0.0.1', '::1']) assert.is(toBunClientTls({}, host)?.serverName, '');
  assert.is(toBunClientTls({ servername: 'a.example' }, '127.0.0.1')?.serverName, 'a.example');
});

test('what Bun takes is passed as it is; what is undefined is not there', () => {
  const given = { ca: ['A', new Uint8Array(1)], cert: 'C', key: new Uint8Array(2), passphrase: 'p', ciphers: 'x' };
  const options = { ...given, servername: undefined, checkServerIdentity: undefined } as unknown as ClientTlsOptions;
  assert.equal(toBunClientTls(options, 'a'), {
    ...given,
    serverName: 'a',
    rejectUnauthorized: true,
    ALPNProtocols: http1,
  });
  assert.is(toBunClientTls({ rejectUnauthorized: false }, 'a')?.rejectUnauthorized, false);
  assert.equal(toBunClientTls({ ALPNProtocols: ['a', 'bc'] }, 'a')?.ALPNProtocols, Uint8Array.of(1, 97, 2, 98, 99));
  assert.equal(toBunClientTls({ ALPNProtocols: http1 }, 'a')?.ALPNProtocols, http1);
});

test('what Bun cannot do, or does in another way, is undefined for a client: node:tls does it', () => {
  const others: ClientTlsOptions[] = [
    { checkServerIdentity: () => undefined },
    { minVersion: 'TLSv1' },
    { maxVersion: 'TLSv1.1' },
    { minVersion: 'TLSv1.3', maxVersion: 'TLSv1.2' },
    { key: [{ pem: 'x', passphrase: 'y' }] },
    { pfx: 'x' },
    { session: Buffer.alloc(1) },
    { ecdhCurve: 'x' },
    { servername: '' },
    { secureContext: {} } as unknown as ClientTlsOptions,
    { anything: 1 } as unknown as ClientTlsOptions,
  ];
  for (const options of others) assert.is(toBunClientTls(options, 'a'), undefined, Object.keys(options).join());
});

test('versions become the options of OpenSSL that forbid the others', () => {
  const of = (minVersion?: 'TLSv1.2' | 'TLSv1.3', maxVersion?: 'TLSv1.2' | 'TLSv1.3'): number | undefined =>
    toBunClientTls({ ...(minVersion && { minVersion }), ...(maxVersion && { maxVersion }) }, 'a')?.secureOptions;
  assert.is(of(), undefined);
  assert.is(of('TLSv1.2', 'TLSv1.3'), undefined);
  assert.is(of('TLSv1.3'), 0x0800_0000);
  assert.is(of(undefined, 'TLSv1.2'), 0x2000_0000);
});

test('a name of a protocol that cannot be on the wire is a TypeError', () => {
  throws(() => toBunClientTls({ ALPNProtocols: [''] }, 'a'), TypeError);
  throws(() => toBunClientTls({ ALPNProtocols: ['x'.repeat(256)] }, 'a'), TypeError);
});

test('a server agrees on http/1.1 alone, and asks for no certificate unless it is told to', () => {
  const same = { ...pair, ALPNProtocols: http1 };
  assert.equal(toBunServerTls(pair), { ...same, requestCert: false, rejectUnauthorized: true });
  assert.equal(toBunServerTls({ ...pair, ALPNProtocols: ['h2'], requestCert: true, rejectUnauthorized: false }), {
    ...same,
    requestCert: true,
    rejectUnauthorized: false,
  });
});

test('a server without key or certificate is a TypeError: Bun would listen without TLS', () => {
  const wrong: TlsOptions[] = [{}, { key: 'x' }, { cert: 'x' }, { key: '', cert: '' }, { key: [], cert: [] }];
  for (const options of wrong) throws(() => toBunServerTls(options), TypeError, /a key and a certificate/);
});

test('what Bun cannot do for a server is told beforehand: node:tls does it', () => {
  const others: TlsOptions[] = [
    { ...pair, SNICallback: () => {} },
    { ...pair, minVersion: 'TLSv1.1' },
    { ...pair, key: [{ pem: 'x' }] },
    { pfx: 'x' },
  ];
  for (const options of others) assert.not.ok(fitsBunServer(options), Object.keys(options).join());
  for (const options of [pair, {}, { ...pair, ca: 'CA', requestCert: true, minVersion: 'TLSv1.3' as const }])
    assert.ok(fitsBunServer(options));
});

test('what Bun cannot do is a TypeError where it is asked for, and names it', () => {
  throws(() => toBunServerTls({ ...pair, SNICallback: () => {} }), TypeError, /"SNICallback".*node:tls/);
  throws(() => toBunServerTls({ ...pair, ticketKeys: Buffer.alloc(48) }), TypeError, /"ticketKeys"/);
  throws(() => toBunServerTls({ ...pair, minVersion: 'TLSv1.1' }), TypeError, /TLS 1\.2/);
  throws(() => toBunServerTls({ ...pair, key: [{ pem: 'x' }] }), TypeError, /PEM/);
});

test('a peer is authorized only where its certificate was asked for', () => {
  const socket = new BunSocketByHand();
  socket.authorized = true;
  socket.alpnProtocol = 'http/1.1';
  const facts = {
    protocol: 'TLSv1.3',
    cipher: 'TLS_AES_128_GCM_SHA256',
    alpnProtocol: 'http/1.1',
    serverName: 'server.example',
  };
  assert.equal(toBunTlsFacts(socket, true), { ...facts, isAuthorized: true });
  assert.equal(toBunTlsFacts(socket, false), { ...facts, isAuthorized: false });
  socket.alpnProtocol = false;
  assert.is(toBunTlsFacts(socket, false).alpnProtocol, '');
});

test.run();
