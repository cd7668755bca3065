// Dialling by node:net and node:tls: what is given, what an error is, and that an abort at any moment leaves nothing open.

import { mkdtemp, rm } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TLSSocket } from 'node:tls';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { connectTo, dial, finish } from '../../lib/adapter/node-dial.ts';
import { parseTarget } from '../../lib/client/target.ts';
import { AnsweringServer } from '../support/answering-server.ts';
import { createCertificate } from '../support/certificates.ts';
import { rejects } from '../support/check.ts';
import { duplexPair } from '../support/duplexes.ts';
import { handles, listenersOn } from '../support/left-behind.ts';
import { assertNothingEscaped } from '../support/server.ts';
import { turns, until, within } from '../support/until.ts';

const test = suite('node dial');

const live = new AbortController().signal;
const authority = await createCertificate('Authority', { isAuthority: true });
const certificate = await createCertificate('Server', {
  ca: authority,
  names: ['server.example'],
  addresses: ['127.0.0.1'],
});
const trusting = { tls: { ca: authority.cert } };

async function reasonOf(promise: Promise<unknown>): Promise<unknown> {
  return within(
    promise.then(
      () => assert.unreachable('it was to be rejected'),
      (reason) => reason,
    ),
    'the end of a dial',
    5_000,
  );
}

/** Asserts that what the callback does leaves no handle, beyond what the server of the test has. */
async function leavesNothing(act: (server: AnsweringServer) => Promise<void>, tls = false): Promise<void> {
  {
    await using server = await AnsweringServer.open(() => {}, tls ? { tls: certificate } : {});
    await act(server);
    await until(() => server.open === 0, 'the server sees the end', 5_000);
  }
  await assertNoHandle();
  assert.is(listenersOn(live), 0);
}

async function assertNoHandle(): Promise<void> {
  await until(() => Object.keys(handles()).length === 0, 'no handle is left', 5_000).catch(() => {});
  assert.equal(handles(), {});
}

test('TCP: a transport and the address of the peer; without Nagle’s delay', async () => {
  await leavesNothing(async (server) => {
    const { transport, remoteAddress, tls } = await dial(parseTarget(server.url), {}, live);
    assert.equal([remoteAddress, tls], ['127.0.0.1', undefined]);
    transport.destroy();
  });
});

test('a signal that is aborted already: nothing is connected to', async () => {
  await leavesNothing(async (server) => {
    const reason = { any: 'thing' };
    assert.is(await reasonOf(dial(parseTarget(server.url), {}, AbortSignal.abort(reason))), reason);
    const signal = AbortSignal.abort();
    assert.is(await reasonOf(connectTo(parseTarget(server.url), signal)), signal.reason);
    await turns(5);
    assert.is(server.callers.length, 0);
  });
});

test('an abort before the name is known, while connecting, in the turn of the connection, and turns behind it', async () => {
  await leavesNothing(async (server) => {
    for (const url of [
      server.url,
      server.url.replace('127.0.0.1', 'localhost'),
      'ws://name.invalid',
      'wss://name.invalid',
    ]) {
      const controller = new AbortController();
      const dialling = dial(parseTarget(url), {}, controller.signal);
      controller.abort('enough');
      assert.is(await reasonOf(dialling), 'enough');
      assert.is(listenersOn(controller.signal), 0);
    }
    for (let count = 0; count < 12; count++) {
      const controller = new AbortController();
      const dialling = dial(parseTarget(server.url), {}, controller.signal);
      await turns(count % 6);
      controller.abort('enough');
      const outcome = await dialling.catch((reason) => reason);
      if (outcome !== 'enough') outcome.transport.destroy();
      assert.is(listenersOn(controller.signal), 0);
    }
  });
});

test('an abort in the TLS handshake, at a server that says nothing', async () => {
  {
    await using server = await AnsweringServer.open((caller) => caller.raw.take(1));
    for (let count = 0; count < 12; count++) {
      const controller = new AbortController();
      const met = server.callers.length;
      const dialling = dial(parseTarget(server.url.replace('ws:', 'wss:')), trusting, controller.signal);
      dialling.catch(() => {});
      if (count >= 6) await until(() => server.callers.length > met, 'the server has the connection', 5_000);
      else await turns(count);
      controller.abort('enough');
      assert.is(await reasonOf(dialling), 'enough');
      assert.is(listenersOn(controller.signal), 0);
    }
    await until(() => server.open === 0, 'all connections are closed', 5_000);
  }
  await assertNoHandle();
});

test('TLS over a connection that is there, with a signal that is aborted already: the connection is closed', async () => {
  await leavesNothing(async (server) => {
    const socket = await connectTo(parseTarget(server.url), live);
    const target = parseTarget('wss://server.example');
    assert.is(await reasonOf(finish(socket, target, trusting, AbortSignal.abort('enough'))), 'enough');
    await until(() => socket.destroyed, 'the socket is closed', 5_000);
  });
});

test('TLS over a connection that is there: the certificate is that of the target, whatever the connection leads to', async () => {
  await leavesNothing(async (server) => {
    const target = parseTarget(server.url.replace('wss:', 'ws:'));
    const socket = await connectTo(target, live);
    const { transport, tls } = await finish(socket, parseTarget('wss://server.example'), trusting, live);
    assert.equal([tls?.serverName, tls?.isAuthorized, tls?.alpnProtocol], ['server.example', true, '']);
    transport.destroy();
    const other = await connectTo(target, live);
    const error = await rejects(finish(other, parseTarget('wss://other.example'), trusting, live), Error);
    assert.is((error as { code?: string }).code, 'ERR_TLS_CERT_ALTNAME_INVALID');
  }, true);
});

test('TLS over a Duplex that is no socket, and an abort there', async () => {
  for (const isAborted of [false, true]) {
    const [ours, theirs] = duplexPair();
    const controller = new AbortController();
    const secured = isAborted ? undefined : new TLSSocket(theirs, { isServer: true, ...certificate });
    secured?.on('error', () => {});
    const finishing = finish(ours, parseTarget('wss://server.example'), trusting, controller.signal);
    if (isAborted) {
      await turns(3);
      controller.abort('enough');
      assert.is(await reasonOf(finishing), 'enough');
    } else {
      const { transport, tls, remoteAddress } = await within(finishing, 'TLS over a Duplex', 5_000);
      assert.equal([tls?.isAuthorized, remoteAddress], [true, undefined]);
      transport.destroy();
    }
    await until(() => ours.destroyed, 'the Duplex is closed', 5_000);
    secured?.destroy();
    theirs.destroy();
  }
});

test('a peer that ends, resets or talks nonsense in the TLS handshake is an error', async () => {
  const answers: ((socket: Socket) => void)[] = [
    (socket) => socket.end(),
    (socket) => socket.resetAndDestroy(),
    (socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'),
    (socket) => socket.end('\x15\x03\x01\0\x02\x02\x28'),
  ];
  for (const answer of answers) {
    await using server = await AnsweringServer.open(async (caller) => {
      await caller.raw.take(1);
      answer(caller.socket);
    });
    await rejects(
      within(dial(parseTarget(server.url.replace('ws:', 'wss:')), trusting, live), 'the end', 5_000),
      Error,
    );
    await until(() => server.open === 0, 'the connection is closed', 5_000);
  }
  await assertNoHandle();
});

test('a check of the certificate that throws closes the connection and is the error', async () => {
  await leavesNothing(async (server) => {
    const failure = new Error('not the one');
    const tls = {
      ca: authority.cert,
      checkCertificate: (): void => {
        throw failure;
      },
    };
    assert.is(await reasonOf(dial(parseTarget(server.url), { tls }, live)), failure);
  }, true);
});

test('a socket of the file system, with and without TLS', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'dial-'));
  const path = join(folder, 'a.sock');
  const url = `unix:${path}:/`;
  {
    await using server = await AnsweringServer.open(() => {}, { path });
    const { transport, remoteAddress } = await dial(parseTarget(`ws+${url}`), {}, live);
    assert.is(remoteAddress, undefined);
    transport.destroy();
    await until(() => server.open === 0, 'the connection is closed', 5_000);
  }
  {
    await using server = await AnsweringServer.open(() => {}, { path, tls: certificate });
    // There is no name in such a URL: it must be told.
    await rejects(dial(parseTarget(`wss+${url}`), trusting, live), Error);
    const named = { tls: { ...trusting.tls, servername: 'server.example' } };
    const { transport, tls } = await dial(parseTarget(`wss+${url}`), named, live);
    assert.is(tls?.isAuthorized, true);
    transport.destroy();
    await until(() => server.open === 0, 'the connections are closed', 5_000);
  }
  await rejects(dial(parseTarget(`ws+${url}`), {}, live), Error);
  await rm(folder, { recursive: true });
});

test('nothing has escaped in all of this', async () => {
  await assertNothingEscaped();
});

test.run();
