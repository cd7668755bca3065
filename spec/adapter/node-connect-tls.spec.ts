// wss: whom the client of Node believes. Certificates of every kind that must be refused, and what a caller may say about it.

import { createHash } from 'node:crypto';
import type { PeerCertificate, TlsOptions } from 'node:tls';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { HandshakeError } from '../../lib/error.ts';
import { type ClientTlsOptions, connect, type Session } from '../../lib/node.ts';
import { AnsweringServer } from '../support/answering-server.ts';
import { type Certificate, createCertificate } from '../support/certificates.ts';
import { rejects } from '../support/check.ts';
import { assertNothingEscaped, echo, endOf, startServer, type TestServer } from '../support/server.ts';
import { until, within } from '../support/until.ts';

const test = suite('node connect · TLS');

const DAY = 24 * 3600 * 1000;
const local = { names: ['localhost', 'server.example'], addresses: ['127.0.0.1'] };
const [authority, stranger] = await Promise.all([
  createCertificate('Authority', { isAuthority: true }),
  createCertificate('Stranger', { isAuthority: true }),
]);
const [good, selfSigned, expired, early, wrongHost, ofStranger, client, otherClient] = await Promise.all([
  createCertificate('Good', { ...local, ca: authority }),
  createCertificate('Self', local),
  createCertificate('Expired', {
    ...local,
    ca: authority,
    notBefore: new Date(Date.now() - 9 * DAY),
    notAfter: new Date(Date.now() - DAY),
  }),
  createCertificate('Early', {
    ...local,
    ca: authority,
    notBefore: new Date(Date.now() + DAY),
    notAfter: new Date(Date.now() + 9 * DAY),
  }),
  createCertificate('127.0.0.1', { names: ['other.example', '*.example.com'], ca: authority }),
  createCertificate('Good', { ...local, ca: stranger }),
  createCertificate('Client', { ca: authority }),
  createCertificate('Client', { ca: stranger }),
]);

function serveTls(certificate: Certificate, options: TlsOptions = {}): Promise<TestServer> {
  return startServer(echo, { tls: { ...certificate, ...options } });
}

async function opened(server: TestServer, tls: ClientTlsOptions, url = server.url): Promise<Session> {
  const session = await within(connect(url, { tls }), 'an opening over TLS', 10_000);
  await session.send('hello');
  assert.is(await session.receive(), 'hello');
  return session;
}

/** Asserts that it is not connected to, with the code of the cause, and that no request was sent. */
async function refused(server: TestServer, tls: ClientTlsOptions | undefined, code: RegExp): Promise<void> {
  const opening = connect(server.url, tls === undefined ? {} : { tls });
  const error = (await rejects(
    within(opening, 'a refusal', 10_000),
    HandshakeError,
    'ERR_WS_UNREACHABLE',
  )) as HandshakeError;
  assert.match(String((error.cause as { code?: string }).code ?? error.cause), code);
  assert.is(error.status, 0);
  await until(() => server.server.counters.connections === 0, 'the connection is closed', 10_000);
  assert.is(server.sessions.length, 0);
  assert.is(server.server.counters.upgraded, 0);
}

test('a certificate of an authority that is trusted, for the address: messages, the facts on both sides, the close', async () => {
  await using server = await serveTls(good);
  const session = await opened(server, { ca: authority.cert });
  assert.match(session.tls?.protocol ?? '', /^TLSv1\.[23]$/);
  assert.ok((session.tls?.cipher ?? '').length > 0);
  assert.equal([session.tls?.isAuthorized, session.tls?.alpnProtocol], [true, 'http/1.1']);
  assert.is(session.remoteAddress, '127.0.0.1');
  const large = 'x'.repeat(1024 * 1024);
  await session.send(large);
  assert.is(await within(session.receive(), 'an echo'), large);
  assert.ok((await within(session.close(), 'the close')).wasClean);
  await server.quiet();
});

test('by default nothing that an authority of the system has not signed is believed: self-signed, an unknown authority', async () => {
  await using self = await serveTls(selfSigned);
  await refused(self, undefined, /^DEPTH_ZERO_SELF_SIGNED_CERT$/);
  await refused(self, {}, /^DEPTH_ZERO_SELF_SIGNED_CERT$/);
  await refused(self, { ca: authority.cert }, /^DEPTH_ZERO_SELF_SIGNED_CERT$/);
  await using unknown = await serveTls(good);
  await refused(unknown, undefined, /^UNABLE_TO_/);
  await using strange = await serveTls(ofStranger);
  await refused(strange, { ca: authority.cert }, /^UNABLE_TO_/);
});

test('a self-signed certificate that is trusted by name is believed', async () => {
  await using server = await serveTls(selfSigned);
  const session = await opened(server, { ca: selfSigned.cert });
  assert.is(session.tls?.isAuthorized, true);
  await within(session.close(), 'the close');
});

test('expired, not valid yet', async () => {
  await using late = await serveTls(expired);
  await refused(late, { ca: authority.cert }, /^CERT_HAS_EXPIRED$/);
  await using soon = await serveTls(early);
  await refused(soon, { ca: authority.cert }, /^CERT_NOT_YET_VALID$/);
});

test('the wrong host: another name, a wildcard of another name, an address that is only the common name', async () => {
  await using server = await serveTls(wrongHost);
  const ca = authority.cert;
  await refused(server, { ca }, /^ERR_TLS_CERT_ALTNAME_INVALID$/);
  for (const servername of ['localhost', 'example', 'a.b.example.com', 'example.com', 'other.example.evil']) {
    await refused(server, { ca, servername }, /^ERR_TLS_CERT_ALTNAME_INVALID$/);
  }
  for (const servername of ['other.example', 'a.example.com', 'OTHER.example']) {
    const session = await opened(server, { ca, servername });
    await within(session.close(), 'the close');
  }
});

test('a wrong host is a wrong host with the name in the URL too', async () => {
  await using server = await serveTls(wrongHost);
  const url = server.url.replace('127.0.0.1', 'localhost');
  const opening = connect(url, { tls: { ca: authority.cert } });
  const error = await rejects(within(opening, 'a refusal'), HandshakeError, 'ERR_WS_UNREACHABLE');
  assert.is((error.cause as { code?: string }).code, 'ERR_TLS_CERT_ALTNAME_INVALID');
});

test('only who says so in so many words is connected to what is not verified, and the facts tell it', async () => {
  await using server = await serveTls(expired);
  const session = await opened(server, { rejectUnauthorized: false });
  assert.is(session.tls?.isAuthorized, false);
  await within(session.close(), 'the close');
  for (const falsy of [undefined, 0, '', null]) {
    const tls = { rejectUnauthorized: falsy } as unknown as ClientTlsOptions;
    const outcome = await connect(server.url, { tls }).catch((error) => error);
    assert.instance(outcome, HandshakeError, `rejectUnauthorized: ${JSON.stringify(falsy)}`);
  }
});

test('RFC 6455 §4.1 (5), RFC 6066 §3: SNI has the name of the URL, and never an address', async () => {
  const names: (string | undefined)[] = [];
  await using server = await startServer(
    (session) => {
      names.push(session.tls?.serverName);
      return echo(session);
    },
    { tls: good },
  );
  const ca = authority.cert;
  const urls = [server.url, server.url.replace('127.0.0.1', 'localhost')];
  for (const url of urls) await within((await opened(server, { ca }, url)).close(), 'the close');
  await within((await opened(server, { ca, servername: 'server.example' })).close(), 'the close');
  assert.equal(names, ['', 'localhost', 'server.example']);
});

test('ALPN: http/1.1 is offered; a server that insists on another protocol is refused; a caller may offer more', async () => {
  const ca = authority.cert;
  const offered: string[][] = [];
  const ALPNCallback = ({ protocols }: { protocols: string[] }): string | undefined => {
    offered.push(protocols);
    return protocols.find((protocol) => protocol !== 'h2');
  };
  await using server = await AnsweringServer.open(
    async (caller) => {
      await caller.read();
      caller.send(caller.good());
    },
    { tls: { ...good, ALPNCallback } as TlsOptions },
  );
  const session = await connect(server.url, { tls: { ca } });
  assert.is(session.tls?.alpnProtocol, 'http/1.1');
  const more = await connect(server.url, { tls: { ca, ALPNProtocols: ['h2', 'x', 'http/1.1'] } });
  assert.is(more.tls?.alpnProtocol, 'x');
  assert.equal(offered, [['http/1.1'], ['h2', 'x', 'http/1.1']]);
  for (const one of [session, more]) one.job.cancel();
  for (const caller of server.callers) caller.raw.end();
  await Promise.all([endOf(session), endOf(more)]);
  await using other = await AnsweringServer.open(() => {}, { tls: { ...good, ALPNProtocols: ['h2'] } });
  await rejects(connect(other.url, { tls: { ca } }), HandshakeError, 'ERR_WS_UNREACHABLE');
});

test('a client certificate: the server knows it, refuses another one and none; session.tls tells it on both sides', async () => {
  const ca = authority.cert;
  const facts: unknown[] = [];
  await using server = await startServer(
    (session) => {
      facts.push(session.tls?.isAuthorized);
      return echo(session);
    },
    { tls: { ...good, ca, requestCert: true, rejectUnauthorized: true } },
  );
  const session = await opened(server, { ca, ...client });
  assert.is(session.tls?.isAuthorized, true);
  assert.equal(facts, [true]);
  await within(session.close(), 'the close');
  for (const wrong of [otherClient, undefined]) {
    const opening = connect(server.url, { tls: { ca, ...wrong } });
    await rejects(within(opening, 'a refusal', 10_000), HandshakeError);
  }
  assert.equal(facts, [true]);
  await using asking = await startServer(echo, { tls: { ...good, ca, requestCert: true, rejectUnauthorized: false } });
  const anonymous = await opened(asking, { ca });
  assert.is((await asking.session()).tls?.isAuthorized, false);
  await within(anonymous.close(), 'the close');
});

test('pinning: checkCertificate sees what was verified, and refuses by throwing; it is not asked about what is not verified', async () => {
  await using server = await serveTls(good);
  const ca = authority.cert;
  const seen: string[] = [];
  const pin = (expected: string) => (certificate: PeerCertificate) => {
    seen.push(String(certificate.subject.CN));
    const fingerprint = createHash('sha256').update(certificate.raw).digest('hex');
    if (fingerprint !== expected) throw new Error(`pinned to another certificate than ${fingerprint}`);
  };
  const of = (pem: string): string =>
    createHash('sha256')
      .update(Buffer.from(pem.replace(/-----.*-----|\s/g, ''), 'base64'))
      .digest('hex');
  const session = await opened(server, { ca, checkCertificate: pin(of(good.cert)) });
  await within(session.close(), 'the close');
  await server.quiet();
  const opening = connect(server.url, { tls: { ca, checkCertificate: pin(of(selfSigned.cert)) } });
  const error = await rejects(within(opening, 'a refusal'), HandshakeError, 'ERR_WS_UNREACHABLE');
  assert.match(String(error.cause), /pinned to another certificate/);
  await until(() => server.server.counters.connections === 0, 'the connection is closed', 10_000);
  assert.equal(seen, ['Good', 'Good']);
  await refusedWithout(seen, server);
});

/** Asserts that a certificate that is not believed is not shown to the check. */
async function refusedWithout(seen: string[], server: TestServer): Promise<void> {
  const tls = { checkCertificate: (certificate: PeerCertificate) => void seen.push(String(certificate.subject.CN)) };
  await rejects(connect(server.url, { tls }), HandshakeError, 'ERR_WS_UNREACHABLE');
  assert.is(seen.length, 2);
}

test('the caller’s own checkServerIdentity and minVersion hold', async () => {
  await using server = await serveTls(good, { maxVersion: 'TLSv1.2' });
  const ca = authority.cert;
  const no = { ca, checkServerIdentity: () => new Error('not today') };
  await rejects(connect(server.url, { tls: no }), HandshakeError, 'ERR_WS_UNREACHABLE');
  await rejects(connect(server.url, { tls: { ca, minVersion: 'TLSv1.3' } }), HandshakeError, 'ERR_WS_UNREACHABLE');
  const session = await opened(server, { ca });
  assert.is(session.tls?.protocol, 'TLSv1.2');
  await within(session.close(), 'the close');
});

test('wss to a server of ws, and ws to a server of wss', async () => {
  await using plain = await startServer();
  const secure = connect(plain.url.replace('ws:', 'wss:'));
  await rejects(within(secure, 'a refusal', 10_000), HandshakeError, 'ERR_WS_UNREACHABLE');
  await using tls = await serveTls(good);
  await rejects(within(connect(tls.url.replace('wss:', 'ws:')), 'a refusal', 10_000), HandshakeError);
});

test('no TLS option is a fact of a session without TLS', async () => {
  await using server = await startServer();
  const session = await connect(server.url, { tls: client });
  assert.is(session.tls, undefined);
  await within(session.close(), 'the close');
});

test('a redirect from wss to ws is refused over real sockets, and one from ws to wss verifies', async () => {
  await using plain = await startServer();
  await using secure = await AnsweringServer.open(
    async (caller) => {
      await caller.read();
      caller.send(`HTTP/1.1 302 X\r\nContent-Length: 0\r\nLocation: ${plain.url}\r\n\r\n`);
    },
    { tls: good },
  );
  const tls = { ca: authority.cert };
  await rejects(connect(secure.url, { tls, maxRedirects: 3 }), HandshakeError, 'ERR_WS_REDIRECT');
  assert.is(plain.server.counters.upgraded, 0);
  await using real = await serveTls(good);
  await using from = await AnsweringServer.open(async (caller) => {
    await caller.read();
    caller.send(`HTTP/1.1 302 X\r\nContent-Length: 0\r\nLocation: ${real.url}\r\n\r\n`);
  });
  await rejects(connect(from.url, { maxRedirects: 3 }), HandshakeError, 'ERR_WS_UNREACHABLE');
  const session = await connect(from.url, { tls, maxRedirects: 3 });
  assert.is(session.tls?.isAuthorized, true);
  await within(session.close(), 'the close');
});

test('nothing has escaped in all of this', async () => {
  await assertNothingEscaped();
});

test.run();
