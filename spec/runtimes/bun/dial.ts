// Dialling by `Bun.connect`, inside Bun: `bun spec/runtimes/bun/dial.ts`, or by spec/runtimes/run.ts. Whom it believes, what an abort leaves. The peers are sockets of Node.

import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import type { PeerCertificate } from 'node:tls';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { dialBun } from '../../../lib/adapter/bun-dial.ts';
import { BunTransport } from '../../../lib/adapter/bun-transport.ts';
import type { ClientTlsOptions } from '../../../lib/adapter/node-dial.ts';
import { NodeTransport } from '../../../lib/adapter/node-duplex.ts';
import type { Dialled } from '../../../lib/client/connect.ts';
import { parseTarget } from '../../../lib/client/target.ts';
import { CallRecorder } from '../../support/call-recorder.ts';
import { type Certificate, createCertificate } from '../../support/certificates.ts';
import { standstill, until, within } from '../../support/until.ts';
import { NodePeer } from './node-peer.ts';

const DAY = 24 * 3600 * 1000;
const MiB = 1024 * 1024;
const never = new AbortController().signal;
const local = { names: ['localhost', 'server.example'], addresses: ['127.0.0.1'] };
const [authority, stranger] = await Promise.all([
  createCertificate('Authority', { isAuthority: true }),
  createCertificate('Stranger', { isAuthority: true }),
]);
const ago = (days: number): Date => new Date(Date.now() - days * DAY);
const certificates: Record<string, Certificate> = {
  good: await createCertificate('Good', { ...local, ca: authority }),
  selfSigned: await createCertificate('Self', local),
  expired: await createCertificate('Old', { ...local, ca: authority, notBefore: ago(9), notAfter: ago(1) }),
  early: await createCertificate('Early', { ...local, ca: authority, notBefore: ago(-1), notAfter: ago(-9) }),
  wrongHost: await createCertificate('127.0.0.1', { names: ['other.example', '*.example.com'], ca: authority }),
  ofStranger: await createCertificate('Good', { ...local, ca: stranger }),
  client: await createCertificate('Client', { ca: authority }),
};
const trust = { ca: authority.cert };

const test = suite('bun · dial');

function dialTls(port: number, tls: ClientTlsOptions = trust, host = 'localhost', signal = never): Promise<Dialled> {
  return dialBun(parseTarget(`wss://${host}:${port}/`), { tls }, signal);
}

async function reasonOf(promise: Promise<unknown>): Promise<Error & { code?: string }> {
  const reason = promise.then(
    () => assert.unreachable('it was to be rejected'),
    (error) => error,
  );
  return within(reason, 'the end of a dial', 10_000);
}

function serveTls(name: string, behaviour = 'echo', more: object = {}): Promise<NodePeer> {
  return NodePeer.listen('tls', { behaviour, tls: { ...certificates[name], ALPNProtocols: ['http/1.1'], ...more } });
}

/** A server whose connections the test sees. */
async function serve(path?: string): Promise<{ server: Server; port: number; sockets: Socket[]; open: () => number }> {
  const sockets: Socket[] = [];
  let open = 0;
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket.on('error', () => {}));
    open++;
    socket.on('close', () => open--).resume();
  });
  await new Promise<void>((resolve) => {
    if (path === undefined) server.listen(0, '127.0.0.1', resolve);
    else server.listen(path, resolve);
  });
  return { server, port: (server.address() as { port?: number }).port ?? 0, sockets, open: () => open };
}

async function echoed({ transport }: Dialled, size = 3 * MiB): Promise<void> {
  const recorder = new CallRecorder(transport).start();
  const sent = new Uint8Array(size).map((_, index) => (index * 7919) >>> 8);
  recorder.call((it) => it.write([sent.subarray(0, 10), sent.subarray(10)]));
  await until(() => recorder.received === size, 'all is back');
  assert.is(Buffer.compare(Buffer.concat(recorder.chunks), sent), 0);
  assert.equal([...recorder.owned], [true]);
  recorder.call((it) => it.destroy());
  await recorder.told('transportClosed');
}

// --- TCP ---------------------------------------------------------------------------------------------------------------

test('TCP: a transport of Bun’s own socket, and the address of the peer', async () => {
  const { server, port, sockets } = await serve();
  const { transport, remoteAddress, tls } = await dialBun(parseTarget(`ws://127.0.0.1:${port}/`), {}, never);
  assert.instance(transport, BunTransport);
  assert.is(remoteAddress, '127.0.0.1');
  assert.is(tls, undefined);
  await until(() => sockets.length === 1, 'it is accepted');
  const recorder = new CallRecorder(transport).start();
  (sockets[0] as Socket).end('hello');
  await recorder.told('endReceived');
  assert.is(recorder.text, 'hello');
  transport.destroy();
  server.close();
});

test('what the peer says at once waits for the start', async () => {
  const server = createServer((socket) => socket.on('error', () => {}).write('welcome'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  for (const delay of [0, 30]) {
    const { transport } = await dialBun(parseTarget(`ws://localhost:${port}/`), {}, never);
    await new Promise((resolve) => setTimeout(resolve, delay));
    const recorder = new CallRecorder(transport).start();
    await until(() => recorder.text === 'welcome', 'it has come');
    transport.destroy();
  }
  server.close();
});

test('a socket of the file system', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-'));
  const { server, sockets } = await serve(join(folder, 'a.sock'));
  const dialled = await dialBun(parseTarget(`ws+unix:${join(folder, 'a.sock')}:/`), {}, never);
  assert.is(dialled.remoteAddress, undefined);
  const recorder = new CallRecorder(dialled.transport).start();
  await until(() => sockets.length === 1, 'it is accepted');
  (sockets[0] as Socket).write('hello');
  await until(() => recorder.text === 'hello', 'it has come');
  dialled.transport.destroy();
  server.close();
  const error = await reasonOf(dialBun(parseTarget(`ws+unix:${join(folder, 'none.sock')}:/`), {}, never));
  assert.is(error.code, 'ENOENT');
  await rm(folder, { recursive: true });
});

test('what cannot be reached is rejected with the error of the socket', async () => {
  const { server, port } = await serve();
  await new Promise((resolve) => server.close(resolve));
  assert.is((await reasonOf(dialBun(parseTarget(`ws://127.0.0.1:${port}/`), {}, never))).code, 'ECONNREFUSED');
  assert.is((await reasonOf(dialTls(port))).code, 'ECONNREFUSED');
  assert.is((await reasonOf(dialBun(parseTarget('ws://no-such-host.invalid/'), {}, never))).code, 'ENOTFOUND');
});

test('an abort before: nothing is dialled; while it connects: the reason at once, and the peer sees the end', async () => {
  const { server, port, sockets, open } = await serve();
  const target = parseTarget(`ws://127.0.0.1:${port}/`);
  const reason = new Error('away');
  assert.is(await reasonOf(dialBun(target, {}, AbortSignal.abort(reason))), reason);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.is(sockets.length, 0);
  for (let turns = 0; turns < 5; turns++) {
    const controller = new AbortController();
    const dialling = dialBun(target, {}, controller.signal).then(({ transport }) => {
      transport.destroy();
      throw reason;
    });
    for (let turn = 0; turn < turns; turn++) await Promise.resolve();
    controller.abort(reason);
    assert.is(await reasonOf(dialling), reason);
  }
  await new Promise((resolve) => setTimeout(resolve, 30));
  await until(() => open() === 0, 'the peer sees the end of all');
  server.close();
});

// --- TLS ---------------------------------------------------------------------------------------------------------------

for (const host of ['localhost', '127.0.0.1']) {
  test(`TLS to ${host}: an authority that is trusted, and what is told of it; every byte comes back`, async () => {
    await using peer = await serveTls('good');
    const dialled = await within(dialTls(peer.port, trust, host), 'a connection');
    assert.instance(dialled.transport, BunTransport);
    const { tls } = dialled;
    assert.match(tls?.protocol ?? '', /^TLSv1\.3$/);
    assert.match(tls?.cipher ?? '', /^TLS_/);
    assert.equal([tls?.isAuthorized, tls?.alpnProtocol], [true, 'http/1.1']);
    await echoed(dialled);
    // RFC 6066 §3: "Literal IPv4 and IPv6 addresses are not permitted in "HostName"."
    const { servername, protocol } = await peer.tells('secure');
    assert.equal([servername, protocol], [host === 'localhost' ? 'localhost' : false, 'http/1.1']);
  });
}

for (const [name, code] of [
  ['selfSigned', /SELF_SIGNED/],
  ['expired', /EXPIRED/],
  ['early', /NOT_YET_VALID/],
  ['wrongHost', /ALTNAME/],
  ['ofStranger', /UNABLE_TO|SELF_SIGNED/],
] as const) {
  for (const host of ['localhost', '127.0.0.1']) {
    test(`TLS to ${host}: a certificate that is not to be believed (${name}) is refused, whatever the environment says`, async () => {
      await using peer = await serveTls(name);
      for (const environment of [undefined, '0']) {
        if (environment !== undefined) process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = environment;
        const error = await reasonOf(dialTls(peer.port, trust, host));
        delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
        assert.match(String(error.code), code);
      }
      await until(() => peer.count('tlsClientError') + peer.count('close') === 2, 'the peer sees the end of both');
    });
  }
}

test('TLS without any option: an authority of one’s own is not believed', async () => {
  await using peer = await serveTls('good');
  const error = await reasonOf(dialBun(parseTarget(`wss://localhost:${peer.port}/`), {}, never));
  assert.match(String(error.code), /UNABLE_TO|SELF_SIGNED/);
});

test('TLS: a `servername` is what is asked for, and what the certificate is to have', async () => {
  await using peer = await serveTls('good');
  const dialled = await dialTls(peer.port, { ...trust, servername: 'server.example' }, '127.0.0.1');
  assert.is((await peer.tells('secure'))['servername'], 'server.example');
  dialled.transport.destroy();
  const error = await reasonOf(dialTls(peer.port, { ...trust, servername: 'stranger.example' }, 'localhost'));
  assert.match(String(error.code), /ALTNAME/);
});

for (const name of ['selfSigned', 'expired', 'wrongHost', 'ofStranger']) {
  test(`TLS with rejectUnauthorized false: ${name} is let pass, and told`, async () => {
    await using peer = await serveTls(name);
    const dialled = await within(dialTls(peer.port, { ...trust, rejectUnauthorized: false }), 'a connection');
    assert.is(dialled.tls?.isAuthorized, false);
    await echoed(dialled, 1000);
  });
}

for (const rejectUnauthorized of [true, false]) {
  test(`TLS (rejectUnauthorized ${rejectUnauthorized}): who speaks none, or goes, is no connection`, async () => {
    for (const answer of ['HTTP/1.1 400 Bad Request\r\n\r\n', 'cut']) {
      await using peer = await NodePeer.listen('plain', { answer });
      for (const tls of [{ rejectUnauthorized }, { ...trust, rejectUnauthorized }]) {
        assert.instance(await reasonOf(dialTls(peer.port, tls)), Error);
      }
      await peer.tells('close', 2);
      // A ClientHello, never a request.
      for (const { event, first } of peer.told) if (event === 'data') assert.is(first, 22);
    }
  });
}

test('TLS: an abort while the peer is silent, and at each step: the reason, and the peer sees the end', async () => {
  const reason = new Error('away');
  {
    await using peer = await NodePeer.listen('plain');
    const controller = new AbortController();
    const dialling = dialTls(peer.port, trust, 'localhost', controller.signal);
    await peer.tells('data');
    controller.abort(reason);
    assert.is(await reasonOf(dialling), reason);
    await peer.tells('close');
  }
  await using peer = await serveTls('good', 'sink');
  for (let delay = 0; delay < 12; delay++) {
    const controller = new AbortController();
    const dialling = dialTls(peer.port, trust, 'localhost', controller.signal);
    setTimeout(() => controller.abort(reason), delay);
    const dialled = await dialling.catch((error) => error);
    if (dialled !== reason) (dialled as Dialled).transport.destroy();
  }
  await until(() => peer.count('secure') === peer.count('close'), 'the peer sees the end of all');
});

test('TLS: a certificate of the client is sent, and who has none gets the alert as the error of the close', async () => {
  await using peer = await serveTls('good', 'echo', { requestCert: true, ca: authority.cert });
  const dialled = await dialTls(peer.port, { ...trust, ...certificates['client'] });
  await echoed(dialled, 1000);
  assert.is((await peer.tells('secure'))['authorized'], true);
  const { transport } = await dialTls(peer.port);
  const recorder = new CallRecorder(transport).start();
  await recorder.told('transportClosed');
  assert.match(String(recorder.error), /CERTIFICATE_REQUIRED/);
});

test('TLS: a look at the certificate may refuse it; it sees the peer’s', async () => {
  await using peer = await serveTls('good');
  const seen: string[] = [];
  const look = ({ subject, subjectaltname }: PeerCertificate): void => {
    seen.push(`${subject.CN} ${subjectaltname}`);
  };
  const dialled = await dialTls(peer.port, { ...trust, checkCertificate: look });
  dialled.transport.destroy();
  assert.match(seen.join(), /Good DNS:localhost/);
  const reason = new Error('not the one');
  const refuse = (): never => {
    throw reason;
  };
  assert.is(await reasonOf(dialTls(peer.port, { ...trust, checkCertificate: refuse })), reason);
  await until(() => peer.count('tlsClientError') + peer.count('close') === 2, 'the peer sees the end of both');
});

test('TLS: versions are as asked for', async () => {
  await using peer = await serveTls('good', 'echo', { maxVersion: 'TLSv1.2' });
  const dialled = await dialTls(peer.port, trust);
  assert.is(dialled.tls?.protocol, 'TLSv1.2');
  assert.match(dialled.tls?.cipher ?? '', /^TLS_/);
  await echoed(dialled);
  assert.instance(await reasonOf(dialTls(peer.port, { ...trust, minVersion: 'TLSv1.3' })), Error);
});

test('TLS: what Bun’s own cannot do goes over node:tls, and holds there', async () => {
  await using peer = await serveTls('good');
  const seen: string[] = [];
  const checkServerIdentity = (host: string): Error | undefined => {
    seen.push(host);
    return host === 'localhost' ? undefined : new Error('no');
  };
  const dialled = await within(dialTls(peer.port, { ...trust, checkServerIdentity }), 'a connection');
  assert.instance(dialled.transport, NodeTransport);
  assert.equal(seen, ['localhost']);
  dialled.transport.destroy();
  assert.match(String(await reasonOf(dialTls(peer.port, { ...trust, checkServerIdentity }, '127.0.0.1'))), /no/);
});

// --- TLS as a transport ------------------------------------------------------------------------------------------------

test('TLS: our end is a half-close, and what the peer says behind it comes', async () => {
  await using peer = await serveTls('good', 'late');
  const { transport } = await dialTls(peer.port);
  const recorder = new CallRecorder(transport).start();
  recorder.call((it) => it.end());
  await recorder.told('transportClosed');
  assert.is(recorder.text, 'later');
  assert.equal(
    recorder.calls.filter((call) => call !== 'chunkReceived'),
    ['endSent', 'endReceived', 'transportClosed'],
  );
  assert.is(peer.count('error'), 0);
});

test('TLS: the end of the peer is a half-close, and what we say behind it comes', async () => {
  await using peer = await serveTls('good', 'bye');
  const { transport } = await dialTls(peer.port);
  const recorder = new CallRecorder(transport).start();
  await recorder.told('endReceived');
  assert.is(recorder.text, 'bye');
  recorder.call((it) => it.write([new TextEncoder().encode('still here')]));
  assert.is((await peer.tells('data'))['text'], 'still here');
  recorder.call((it) => it.end());
  await recorder.told('transportClosed');
  await peer.tells('close');
});

test('TLS: a peer that does not read holds the write up, and a destroy then is an end', async () => {
  for (const size of [100, 32 * MiB]) {
    await using peer = await serveTls('good', 'stall');
    const { transport } = await dialTls(peer.port);
    const recorder = new CallRecorder(transport).start();
    recorder.call((it) => it.write([new Uint8Array(size)]));
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(recorder.calls, size === 100 ? ['writeTaken'] : []);
    recorder.call((it) => it.destroy());
    await within(recorder.told('transportClosed'), 'the close', 5_000);
  }
});

test('TLS: writes of the exact size that fills the socket, and a destroy: it ends each time', async () => {
  await using peer = await serveTls('good', 'stall');
  for (const left of [0, 1, 16, 17, 22, 64]) {
    const { transport } = await dialTls(peer.port);
    const recorder = new CallRecorder(transport).start();
    let size = 4 * MiB;
    let isTaken = true;
    recorder.onTaken = () => {
      isTaken = true;
    };
    // As much as it takes, ever smaller.
    while (size > left) {
      if (!isTaken) break;
      isTaken = false;
      recorder.call((it) => it.write([new Uint8Array(size)]));
      await new Promise((resolve) => setTimeout(resolve, 5));
      size = Math.floor(size / 2);
    }
    recorder.call((it) => it.destroy());
    await within(recorder.told('transportClosed'), 'the close', 5_000);
  }
  await until(() => peer.count('secure') === 6, 'all were accepted');
});

test('TLS: input that is paused holds the peer up', async () => {
  await using peer = await serveTls('good', 'flood');
  const { transport } = await dialTls(peer.port);
  const recorder = new CallRecorder(transport).start();
  recorder.keeps = false;
  recorder.call((it) => it.pause());
  await peer.tells('left');
  const left = await standstill(() => peer.last('left')?.['size'] as number, 'the peer');
  assert.ok(left > 32 * MiB, `only ${left} bytes are left at the peer`);
  assert.is(recorder.received, 0);
  recorder.call((it) => it.resume());
  await until(() => recorder.received === 64 * MiB, 'all has come');
  recorder.call((it) => it.destroy());
});

test.run();
