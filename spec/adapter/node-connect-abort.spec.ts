// Abort and time-out over real sockets, at every moment of a connection's life: it settles, the connection is closed, and no handle, listener or timer is left.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { HandshakeError } from '../../lib/error.ts';
import { connect, type NodeConnectOptions, type Session } from '../../lib/node.ts';
import { AnsweringServer, type Caller } from '../support/answering-server.ts';
import { createCertificate } from '../support/certificates.ts';
import { rejects } from '../support/check.ts';
import { handles, listenersOn, SharedContexts } from '../support/left-behind.ts';
import { assertEnd, assertNothingEscaped, endOf, startServer } from '../support/server.ts';
import { turns, until, within } from '../support/until.ts';

const test = suite('node connect · abort');

const certificate = await createCertificate('Server', { addresses: ['127.0.0.1'] });
const trusting: NodeConnectOptions = { tls: { ca: certificate.cert } };

async function assertNoHandle(): Promise<void> {
  await until(() => Object.keys(handles()).length === 0, 'no handle is left', 5_000).catch(() => {});
  assert.equal(handles(), {});
}

/** A server that comes so far and no further, and how one knows that it has come there. */
interface Stage {
  readonly name: string;
  readonly isSecure?: boolean;
  /** Whether the TLS of the client meets no TLS. */
  readonly isDeaf?: boolean;
  readonly answer: (caller: Caller) => Promise<unknown>;
}

const stages: readonly Stage[] = [
  { name: 'connected, the request not read', answer: (caller) => caller.raw.take(1) },
  { name: 'in the TLS handshake', isDeaf: true, answer: (caller) => caller.raw.take(1) },
  { name: 'the request read', answer: (caller) => caller.read() },
  { name: 'the request read over TLS', isSecure: true, answer: (caller) => caller.read() },
  {
    name: 'half of the head sent',
    answer: async (caller) => {
      await caller.read();
      caller.send(caller.good().slice(0, 60));
    },
  },
  {
    name: 'half of the head sent over TLS',
    isSecure: true,
    answer: async (caller) => {
      await caller.read();
      caller.send(caller.good().slice(0, 60));
    },
  },
  {
    name: 'in the body of a refusal',
    answer: async (caller) => {
      await caller.read();
      caller.send('HTTP/1.1 503 X\r\n\r\nBusy');
    },
  },
];

/** Connects to a server of that stage; calls back when it is there. */
async function reach(
  stage: Stage,
  options: NodeConnectOptions,
): Promise<{ opening: Promise<Session>; server: AnsweringServer }> {
  let isThere = false;
  const { isSecure, isDeaf, answer } = stage;
  const server = await AnsweringServer.open(
    async (caller) => {
      await answer(caller);
      isThere = true;
    },
    isSecure ? { tls: certificate } : {},
  );
  const url = isDeaf ? server.url.replace('ws:', 'wss:') : server.url;
  const opening = connect(url, { ...trusting, ...options });
  opening.catch(() => {});
  await until(() => isThere, stage.name, 10_000);
  await turns(3);
  return { opening, server };
}

for (const stage of stages) {
  test(`an abort: ${stage.name}`, async () => {
    const contexts = new SharedContexts();
    const controller = new AbortController();
    const { signal } = controller;
    const { opening, server } = await reach(stage, { signal, engineContext: contexts.engineContext });
    assert.is(listenersOn(signal), 1);
    const reason = new Error('enough');
    controller.abort(reason);
    assert.is(
      await within(
        opening.catch((error) => error),
        'the end',
      ),
      reason,
    );
    await until(() => server.open === 0, 'the connection is closed', 5_000);
    await server[Symbol.asyncDispose]();
    assert.is(listenersOn(signal), 0);
    await contexts.assertNothingLeft();
    await assertNoHandle();
  });

  test(`the time-out: ${stage.name}`, async () => {
    const contexts = new SharedContexts();
    const limits = { handshakeTimeout: 150 };
    const { opening, server } = await reach(stage, { limits, engineContext: contexts.engineContext });
    const code = stage.name.includes('refusal') ? 'ERR_WS_NOT_UPGRADED' : 'ERR_WS_HANDSHAKE_TIMEOUT';
    await rejects(within(opening, 'the time-out'), HandshakeError, code);
    await until(() => server.open === 0, 'the connection is closed', 5_000);
    await server[Symbol.asyncDispose]();
    await contexts.assertNothingLeft();
    await assertNoHandle();
  });
}

test('an abort at once, and some turns behind the call, of ws and wss: either a session that is cancelled, or the reason', async () => {
  for (const tls of [false, true]) {
    {
      await using server = await startServer(undefined, tls ? { tls: certificate } : {});
      let rejected = 0;
      for (let count = 0; count < 40; count++) {
        const controller = new AbortController();
        const { signal } = controller;
        const opening = connect(server.url, { ...trusting, signal });
        opening.catch(() => {});
        await turns(count % 20);
        controller.abort('enough');
        const outcome: unknown = await within(
          opening.catch((error) => error),
          'the end',
          5_000,
        );
        if (outcome === 'enough') rejected++;
        else assertEnd(await endOf(outcome as Session), { error: 'ERR_WS_CANCELLED' });
        await until(() => listenersOn(signal) === 0, 'no listener is left', 5_000);
      }
      assert.ok(rejected >= 2, 'at once nothing can be open');
      await server.quiet();
    }
    await assertNoHandle();
  }
});

test('an abort of an open session: the job is cancelled with 1001, also while messages are on their way in both directions', async () => {
  for (const isBusy of [false, true]) {
    {
      await using server = await startServer();
      const controller = new AbortController();
      const { signal } = controller;
      const session = await connect(server.url, { signal, limits: { closeTimeout: 500 } });
      if (isBusy) for (let count = 0; count < 50; count++) void session.send('x'.repeat(100_000)).catch(() => {});
      controller.abort('enough');
      assert.is(session.signal.reason, 'enough');
      assertEnd(await endOf(session), { error: 'ERR_WS_CANCELLED' });
      assert.is(session.job.state, 'cancelled');
      assert.is(listenersOn(signal), 0);
    }
    await assertNoHandle();
  }
});

test('an abort while it closes, at a server that does not answer the close frame', async () => {
  const controller = new AbortController();
  const { signal } = controller;
  {
    await using server = await AnsweringServer.open(async (caller) => {
      await caller.read();
      caller.send(caller.good());
    });
    const session = await connect(server.url, { signal, limits: { closeTimeout: 100 } });
    const closing = session.close(1000);
    await turns(3);
    controller.abort('enough');
    assert.not((await within(closing, 'the end')).wasClean);
    await until(() => server.open === 0, 'the connection is closed', 5_000);
  }
  assert.is(listenersOn(signal), 0);
  await assertNoHandle();
});

test('an abort between a redirect and the connection that it leads to', async () => {
  {
    const controller = new AbortController();
    await using second = await AnsweringServer.open((caller) =>
      caller.raw.take(1).then(() => controller.abort('enough')),
    );
    await using first = await AnsweringServer.open(async (caller) => {
      await caller.read();
      caller.send(`HTTP/1.1 302 X\r\nContent-Length: 0\r\nLocation: ${second.url}\r\n\r\n`);
    });
    const opening = connect(first.url, { signal: controller.signal, maxRedirects: 3 });
    assert.is(
      await within(
        opening.catch((error) => error),
        'the end',
        5_000,
      ),
      'enough',
    );
    await until(() => first.open + second.open === 0, 'both connections are closed', 5_000);
    assert.is(listenersOn(controller.signal), 0);
  }
  await assertNoHandle();
});

test('connections that were refused, lost or closed leave nothing, and their sessions are collected', async () => {
  const contexts = new SharedContexts();
  const { engineContext, userContext } = contexts;
  {
    await using server = await startServer(async (session) => {
      const message = await session.receive();
      if (message === 'close') await session.close(4000);
      else if (message === 'cut') session.job.cancel();
    });
    await using refusing = await AnsweringServer.open(async (caller) => {
      await caller.read();
      caller.send('HTTP/1.1 403 X\r\nContent-Length: 2\r\n\r\nNo');
    });
    // A function of its own: what it has held it lets go of.
    const live = async (count: number): Promise<void> => {
      const session = await connect(server.url, { engineContext, userContext });
      contexts.note(session);
      if (count % 3 === 0) await session.send('close');
      else if (count % 3 === 1) await session.send('cut');
      else void session.close();
      await endOf(session);
      await rejects(connect(refusing.url, { engineContext, userContext }), HandshakeError, 'ERR_WS_NOT_UPGRADED');
    };
    for (let count = 0; count < 60; count++) await live(count);
    await server.quiet();
  }
  await contexts.assertNothingLeft();
  assert.equal(contexts.reported, []);
  await assertNoHandle();
});

test('nothing has escaped in all of this', async () => {
  await assertNothingEscaped();
});

test.run();
