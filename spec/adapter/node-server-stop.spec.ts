// Stopping a server: who is told, who is cut, who is refused meanwhile, and that nothing can keep it from ending.

import { connect } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { StopReport } from '../../lib/node.ts';
import { rejects } from '../support/check.ts';
import { openUndici, openWs } from '../support/peers.ts';
import { close, headerOf, RawClient, requestHead, text } from '../support/raw-client.ts';
import { assertEnd, assertNothingEscaped, echo, endOf, idle, startServer, type TestServer } from '../support/server.ts';
import { serve } from '../support/serving.ts';
import { sized } from '../support/sized.ts';
import { turns, until, within } from '../support/until.ts';

/** Asserts that nobody listens on the port. */
async function assertFree(port: number): Promise<void> {
  const code = await new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve('connected');
    });
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code));
  });
  assert.is(code, 'ECONNREFUSED');
}

function stopped(stopping: Promise<StopReport>): Promise<StopReport> {
  return within(stopping, 'the server stops');
}

/** Answers the server's close frame and closes TCP, as a client should. */
async function answer(client: RawClient): Promise<number> {
  const { code } = await client.untilClose();
  client.send(close(code));
  await client.finished();
  client.end();
  return code;
}

async function assertOver(host: TestServer): Promise<void> {
  const { port } = host;
  await assertFree(port);
  await host.quiet();
  // The port can be used again.
  const next = await serve({ port }, echo);
  await next.stop();
}

const sessionSuite = suite('node-server · stop · sessions');

sessionSuite('stop closes the sessions with 1001, waits for them, and frees the port', async () => {
  const host = await startServer();
  const raw = await Promise.all([RawClient.open(host.port), RawClient.open(host.port)]);
  const [ws, undici] = await Promise.all([openWs(host.url), openUndici(host.url)]);
  const stopping = host.server.stop();
  assert.equal(await Promise.all(raw.map(answer)), [1001, 1001]);
  assert.is((await ws.ended()).code, 1001);
  assert.is((await undici.ended()).code, 1001);
  assert.equal(await stopped(stopping), { closed: 4, cut: 0 });
  for (const session of host.sessions) {
    assertEnd(await endOf(session), {
      closeCode: 1001,
      wasClean: true,
      initiator: 'local',
      sent: { closeCode: 1001, reason: '' },
      error: 'ERR_WS_CANCELLED',
    });
    assert.is(session.job.state, 'cancelled');
  }
  assert.equal(host.reported, []);
  await assertOver(host);
});

sessionSuite('stop cuts the sessions that do not close within the time', async () => {
  const host = await startServer();
  using good = await RawClient.open(host.port);
  using stuck = await RawClient.open(host.port);
  using deaf = await RawClient.open(host.port);
  deaf.pause();
  const stopping = host.server.stop({ timeout: 150 });
  await answer(good);
  assert.is((await stuck.untilClose()).code, 1001);
  assert.equal(await stopped(stopping), { closed: 1, cut: 2 });
  const ends = await Promise.all(host.sessions.map(endOf));
  assert.equal(
    ends.map(({ wasClean }) => wasClean),
    [true, false, false],
  );
  assert.ok(host.sessions.every(({ job }) => job.state === 'cancelled'));
  await stuck.rest();
  await assertOver(host);
});

sessionSuite('stop with a time of 0 cuts all at once', async () => {
  const host = await startServer();
  using client = await RawClient.open(host.port);
  assert.equal(await stopped(host.server.stop({ timeout: 0 })), { closed: 0, cut: 1 });
  await client.rest();
  await assertOver(host);
});

sessionSuite('stop without sessions ends at once', async () => {
  const host = await startServer();
  assert.equal(await stopped(host.server.stop({ timeout: 1_000_000 })), { closed: 0, cut: 0 });
  await assertOver(host);
});

sessionSuite('stop does not count sessions that have ended before', async () => {
  const host = await startServer();
  using client = await RawClient.open(host.port);
  client.send(close(1000));
  await client.untilClose();
  client.end();
  await host.quiet();
  assert.equal(await stopped(host.server.stop()), { closed: 0, cut: 0 });
});

sessionSuite('stop sends what was sent before it, then the close frame', async () => {
  const host = await startServer(async (session) => {
    await session.receive();
    for (let index = 0; index < 100; index++) void session.send(`message ${index}`);
    void host.server.stop();
    await session.closed;
  });
  using client = await RawClient.open(host.port, {}, text('go'));
  const { code, before } = await client.untilClose();
  assert.is(code, 1001);
  assert.is(before.length, 100);
  client.send(close(1001));
  client.end();
  assert.equal(await stopped(host.server.stop()), { closed: 1, cut: 0 });
});

sessionSuite('stop lets the cleanup of handlers run', async () => {
  let cleaned = 0;
  const host = await startServer(async (session) => {
    try {
      await echo(session);
    } finally {
      cleaned++;
    }
  });
  using good = await RawClient.open(host.port);
  using stuck = await RawClient.open(host.port);
  const stopping = host.server.stop({ timeout: 100 });
  await answer(good);
  await stopped(stopping);
  await stuck.rest();
  await until(() => cleaned === 2, 'both handlers have cleaned up');
});

sessionSuite('stop aborts the signals of the sessions at once', async () => {
  const reasons: unknown[] = [];
  const host = await startServer((session) => {
    session.signal.addEventListener('abort', () => reasons.push(session.signal.reason));
    return session.closed;
  });
  using client = await RawClient.open(host.port);
  await host.session();
  const stopping = host.server.stop();
  assert.is(reasons.length, 1);
  assert.instance(reasons[0], Error);
  await answer(client);
  await stopped(stopping);
});

sessionSuite('session that has closed counts as closed although its handler does not end', async () => {
  const host = await startServer(idle);
  using client = await RawClient.open(host.port);
  const stopping = host.server.stop({ timeout: 150 });
  await answer(client);
  assert.equal(await stopped(stopping), { closed: 1, cut: 0 });
  assert.is(host.server.counters.open, 1, 'its job goes on until handlerTimeout');
});

sessionSuite('stop while a session is in its closing handshake already lets it end as it was', async () => {
  const host = await startServer((session) => session.close(4000));
  using client = await RawClient.open(host.port);
  assert.is((await client.untilClose()).code, 4000);
  const stopping = host.server.stop();
  client.send(close(4000));
  await client.finished();
  client.end();
  assert.equal(await stopped(stopping), { closed: 1, cut: 0 });
  assertEnd(await endOf(await host.session()), { closeCode: 4000, wasClean: true });
});

const many = sized(40, 100);

sessionSuite(`stop closes ${many} sessions that are all busy`, async () => {
  const host = await startServer(async (session) => {
    for (;;) await session.send(new Uint8Array(10_000));
  });
  const peers = await Promise.all(Array.from({ length: many }, () => openWs(host.url)));
  await Promise.all(peers.map((peer) => peer.receive()));
  const stopping = host.server.stop();
  for (const end of await Promise.all(peers.map((peer) => peer.ended()))) assert.is(end.code, 1001);
  assert.equal(await stopped(stopping), { closed: many, cut: 0 });
  assert.equal(host.reported, []);
  await assertOver(host);
});

sessionSuite.run();

// --- Who comes while it stops ----------------------------------------------------------------------------------------

const refuseSuite = suite('node-server · stop · those who come or are half here');

refuseSuite('upgrades are refused with 503 and Retry-After while the server stops', async () => {
  const host = await startServer();
  using session = await RawClient.open(host.port);
  const stopping = host.server.stop();
  using late = await RawClient.connect(host.port);
  late.send(requestHead(host.port));
  const response = await late.response();
  assert.is(response.status, 503);
  assert.match(headerOf(response, 'retry-after') ?? '', /^[1-9][0-9]*$/);
  assert.match(headerOf(response, 'connection') ?? '', /close/);
  await late.finished();
  late.end();
  await answer(session);
  assert.equal(await stopped(stopping), { closed: 1, cut: 0 });
  assert.is(host.sessions.length, 1);
  assert.is(host.server.counters.refused, 1);
});

refuseSuite('request whose head is complete only after stop was called is refused', async () => {
  const host = await startServer();
  using session = await RawClient.open(host.port);
  using late = await RawClient.connect(host.port);
  const head = requestHead(host.port);
  late.send(head.subarray(0, 40));
  await until(() => host.server.counters.connections === 2, 'the server has the second connection');
  const stopping = host.server.stop();
  late.send(head.subarray(40));
  assert.is((await late.response()).status, 503);
  late.end();
  await answer(session);
  await stopped(stopping);
  assert.is(host.server.counters.upgraded, 1);
});

for (const [what, bytes] of [
  ['TCP connections that send nothing', () => Buffer.alloc(0)],
  ['half-open handshakes', (port: number) => requestHead(port).subarray(0, 50)],
  [
    'refused clients that do not close',
    (port: number) => requestHead(port, { headers: { Origin: 'http://evil.example' } }),
  ],
] as const) {
  refuseSuite(`${what} do not keep stop from ending, and are cut`, async () => {
    const host = await startServer();
    const clients = await Promise.all(Array.from({ length: 10 }, () => RawClient.connect(host.port)));
    for (const client of clients) client.send(bytes(host.port));
    await until(() => host.server.counters.connections === 10, 'the server has all connections');
    await turns(5);
    assert.equal(await stopped(host.server.stop({ timeout: 1_000_000 })), { closed: 0, cut: 10 });
    for (const client of clients) {
      await client.rest();
      client[Symbol.dispose]();
    }
    await assertOver(host);
  });
}

refuseSuite.run();

// --- The ways to stop ------------------------------------------------------------------------------------------------

const waySuite = suite('node-server · stop · the ways to stop');

waySuite('stop that is called again gives the same report', async () => {
  const host = await startServer();
  using client = await RawClient.open(host.port);
  const [first, second] = [host.server.stop(), host.server.stop({ timeout: 0 })];
  await answer(client);
  assert.is(await stopped(first), await stopped(second));
  assert.is(await host.server.stop(), await first);
  assert.equal(await first, { closed: 1, cut: 0 });
});

waySuite('stop that is called by what it aborts gives the same report', async () => {
  let inner: Promise<StopReport> | undefined;
  const host = await startServer((session) => {
    session.signal.addEventListener('abort', () => {
      inner = host.server.stop();
    });
    return session.closed;
  });
  using client = await RawClient.open(host.port);
  await host.session();
  const stopping = host.server.stop();
  await answer(client);
  const report = await stopped(stopping);
  assert.equal(report, { closed: 1, cut: 0 });
  assert.is(await stopped(inner as Promise<StopReport>), report);
});

waySuite('signal that is aborted stops the server', async () => {
  const controller = new AbortController();
  const host = await startServer(echo, { signal: controller.signal });
  using client = await RawClient.open(host.port);
  controller.abort(new Error('enough'));
  assert.is(await answer(client), 1001);
  assert.equal(await stopped(host.server.stop()), { closed: 1, cut: 0 });
  await assertOver(host);
});

waySuite('signal that has been aborted rejects serve with its reason, and nothing listens', async () => {
  const reason = new Error('too late');
  const error = await rejects(serve({ signal: AbortSignal.abort(reason) }, echo), Error);
  assert.is(error, reason);
});

waySuite('signal may be shared by many servers, and is let go when they have stopped', async () => {
  const controller = new AbortController();
  const hosts = await Promise.all(Array.from({ length: 20 }, () => startServer(echo, { signal: controller.signal })));
  await Promise.all(hosts.slice(0, 10).map(({ server }) => server.stop()));
  controller.abort();
  await Promise.all(hosts.map(({ server }) => stopped(server.stop())));
  await Promise.all(hosts.map(({ port }) => assertFree(port)));
});

waySuite('signal that is aborted after the stop changes nothing', async () => {
  const controller = new AbortController();
  const host = await startServer(echo, { signal: controller.signal });
  const report = await stopped(host.server.stop());
  controller.abort();
  assert.is(await host.server.stop(), report);
});

waySuite('signal that is aborted while serve begins to listen stops the server', async () => {
  const controller = new AbortController();
  const serving = serve({ signal: controller.signal }, echo);
  controller.abort(new Error('at once'));
  const outcome = await serving.then(
    (server) => server,
    (error: Error) => error,
  );
  if (outcome instanceof Error) assert.is(outcome.message, 'at once');
  else {
    const { port } = outcome;
    await stopped(outcome.stop());
    await assertFree(port);
  }
});

waySuite('disposal stops the server', async () => {
  let port = 0;
  {
    await using server = await serve({}, echo);
    port = server.port;
    const peer = await openWs(server.url);
    void peer.ended();
  }
  await assertFree(port);
});

waySuite('serve rejects when the port is in use, and the server there goes on', async () => {
  await using host = await startServer();
  const error = await rejects(serve({ port: host.port }, echo), Error);
  assert.is((error as NodeJS.ErrnoException).code, 'EADDRINUSE');
  await host.serves();
});

waySuite('serve rejects when the address is none of this machine', async () => {
  const error = await rejects(serve({ host: '203.0.113.1' }, echo), Error);
  assert.is((error as NodeJS.ErrnoException).code, 'EADDRNOTAVAIL');
});

waySuite('signal of the engine context cancels the sessions, and the server goes on listening', async () => {
  const controller = new AbortController();
  await using host = await startServer(echo, { engineContext: { signal: controller.signal } });
  using client = await RawClient.open(host.port);
  const session = await host.session();
  controller.abort(new Error('the engine stops'));
  assert.is(await answer(client), 1001);
  const { error } = await endOf(session);
  assert.is((error?.cause as Error | undefined)?.message, 'the engine stops');
  assert.is(session.job.state, 'cancelled');
  using next = await RawClient.open(host.port);
  assert.is(await answer(next), 1001);
});

waySuite('signal of the user context cancels the sessions', async () => {
  const controller = new AbortController();
  await using host = await startServer(echo, { userContext: { signal: controller.signal } });
  const clients = await Promise.all(Array.from({ length: 20 }, () => RawClient.open(host.port)));
  await until(() => host.sessions.length === 20, 'all handlers run');
  controller.abort();
  for (const client of clients) assert.is(await answer(client), 1001);
  await host.quiet();
  assert.ok(host.sessions.every(({ job }) => job.state === 'cancelled'));
  assert.equal(host.reported, []);
});

waySuite.run();

const escapeSuite = suite('node-server · stop · escapes');

escapeSuite('nothing has escaped from any of these servers', () => assertNothingEscaped());

escapeSuite.run();
