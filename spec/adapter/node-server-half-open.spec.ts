// Half-open connections over real sockets: the peer is gone without FIN or RST, or nothing of it comes through any more. Both roles find out by themselves.

import { execFile, spawnSync } from 'node:child_process';
import { connect } from 'node:net';
import process from 'node:process';
import { promisify } from 'node:util';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { ConnectionLimits } from '../../lib/limits.ts';
import { type Job, type Session, toByteStreams, upgrade } from '../../lib/node.ts';
import { rejects } from '../support/check.ts';
import { programOf } from '../support/program.ts';
import { pong, RawClient, requestHead, text } from '../support/raw-client.ts';
import { assertEnd, assertNothingEscaped, echo, endOf, idle, startServer, type TestServer } from '../support/server.ts';
import { SilentProxy } from '../support/silent-proxy.ts';
import { sized } from '../support/sized.ts';
import { until, within } from '../support/until.ts';

const test = suite('half-open connections');

// The answer has time enough on a busy machine.
const quick: Partial<ConnectionLimits> = { pingInterval: 50, pingTimeout: 500, closeTimeout: 50, handlerTimeout: 50 };
const MiB = 1024 * 1024;
const NEVER = Number.POSITIVE_INFINITY;

const dead = {
  closeCode: 1006,
  reason: '',
  wasClean: false,
  initiator: 'local',
  received: undefined,
  sent: { closeCode: 1011, reason: 'No answer to a ping' },
  error: 'ERR_WS_PING_TIMEOUT',
} as const;

/** A client-role session over a socket. */
async function dial(port: number, limits: Partial<ConnectionLimits> = quick): Promise<Job> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  socket.write(requestHead(port));
  const response = new Promise<void>((resolve) => {
    const read = (): void => {
      // The head comes in one packet, and nothing behind it before we have spoken.
      if (socket.read() === null) return;
      socket.off('readable', read);
      resolve();
    };
    socket.on('readable', read);
  });
  await within(response, 'the response');
  const { readable, writable } = toByteStreams(socket);
  return upgrade(readable, writable, undefined, undefined, { role: 'client', limits });
}

/** A server, a proxy before it, and a client by hand behind that, which answers pings: it has shown that it is there. */
async function openAll(
  handler: (session: Session) => unknown,
  limits: Partial<ConnectionLimits> = quick,
): Promise<{ host: TestServer; proxy: SilentProxy; client: RawClient; session: Session }> {
  const host = await startServer(handler, { limits });
  const proxy = await SilentProxy.open(host.port);
  const client = await RawClient.open(proxy.port);
  const session = await host.session();
  // Ends with the connection.
  answerPings(client).catch(() => {});
  if (limits.pingInterval !== NEVER) await until(() => session.counters.roundTrip !== undefined, 'a ping is answered');
  return { host, proxy, client, session };
}

/** Answers every ping, as a peer that is there does. */
async function answerPings(client: RawClient): Promise<never> {
  for (;;) {
    const { opcode, payload } = await client.frame();
    if (opcode === 9) client.send(pong(payload));
  }
}

// These wait for most of their time, each for connections of its own: they begin together, with the first that is asked for, and each tells of itself.
const waiting: (() => void)[] = [];

function waits(name: string, act: () => Promise<void>): void {
  let acting: Promise<void> | undefined;
  waiting.push(() => {
    acting = act();
    acting.catch(() => {});
  });
  test(name, () => {
    for (const begin of waiting.splice(0)) begin();
    return acting;
  });
}

test('the proxy carries everything until it falls silent, FIN and RST too', async () => {
  for (const go of [(client: RawClient) => client.reset(), (client: RawClient) => client.end()]) {
    const { host, proxy, client, session } = await openAll(echo);
    const { bytesSent } = session.counters;
    client.send(text('x'.repeat(1000)));
    await until(() => session.counters.bytesSent > bytesSent + 1000, 'the echo');
    go(client);
    assertEnd(await endOf(session), { closeCode: 1006, initiator: 'remote', error: 'ERR_WS_CONNECTION_LOST' });
    await host.quiet();
    client.reset();
    await proxy[Symbol.asyncDispose]();
  }
});

for (const [what, handler] of [
  ['reads', echo],
  ['never ends', idle],
  ['pipes', (session: Session) => session.readable.pipeTo(session.writable)],
] as const) {
  waits(`a server finds that a client is gone without a word, while its handler ${what}`, async () => {
    const { host, proxy, session } = await openAll(handler);
    proxy.set('swallowed', 'swallowed');
    assertEnd(await within(session.closed, 'the end of the session'), dead);
    assertEnd(await endOf(session), { ...dead, abandoned: { messages: 0, bytes: 0, handler: what === 'never ends' } });
    assert.equal(host.reported, []);
    await host.quiet();
    await proxy[Symbol.asyncDispose]();
    await host.serves();
  });
}

waits('a client finds that its server is gone without a word', async () => {
  await using host = await startServer(echo);
  await using proxy = await SilentProxy.open(host.port);
  const job = await dial(proxy.port);
  await job.session.send('echo');
  assert.is(await job.session.receive(), 'echo');
  proxy.set('swallowed', 'swallowed');
  const pending = rejects(job.session.receive(), Error, 'ERR_WS_PING_TIMEOUT');
  assertEnd(await within(job.closed, 'the end of the job'), dead);
  await pending;
});

waits('a client that closes or resets behind the silence is not heard, and found all the same', async () => {
  for (const go of [(client: RawClient) => client.reset(), (client: RawClient) => client.end()]) {
    const { host, proxy, client, session } = await openAll(echo);
    proxy.set('swallowed', 'swallowed');
    go(client);
    assertEnd(await endOf(session), dead);
    await host.quiet();
    await proxy[Symbol.asyncDispose]();
  }
});

waits(
  'where the client hears nothing and is heard, any byte is life; where it hears and is not heard, it is found',
  async () => {
    const { host, proxy, client, session } = await openAll(idle);
    proxy.set('carried', 'swallowed');
    for (let count = 0; count < 10; count++) {
      const { bytesSent } = session.counters;
      await until(() => session.counters.bytesSent > bytesSent, 'a ping goes out that is never answered');
      client.send(text('.'));
    }
    assert.is(session.job.state, 'running');
    proxy.set('swallowed', 'carried');
    assertEnd(await endOf(session), dead);
    client.reset();
    await host.quiet();
    await proxy[Symbol.asyncDispose]();
  },
);

test('a silence that ends in time does no harm: nobody is told, nothing is lost', async () => {
  await using host = await startServer(echo, { limits: { pingInterval: 50, pingTimeout: 30_000 } });
  await using proxy = await SilentProxy.open(host.port);
  using client = await RawClient.open(proxy.port);
  const session = await host.session();
  proxy.set('left', 'left');
  client.send(text('kept'));
  await until(() => session.counters.bytesSent > 0, 'a ping is sent into the silence');
  proxy.set('carried', 'carried');
  for (;;) {
    const { opcode, payload } = await client.frame();
    if (opcode === 9) client.send(pong(payload));
    if (opcode === 1) assert.is(payload.toString(), 'kept');
    if (opcode === 1) break;
  }
  assert.is(session.job.state, 'running');
});

waits('a peer that takes nothing any more is found by the stall of a write, also where no ping goes out', async () => {
  const limits = { ...quick, pingInterval: NEVER, stallTimeout: 100 };
  const { host, proxy, session } = await openAll(async (each) => {
    for (;;) await each.send(new Uint8Array(MiB));
  }, limits);
  proxy.set('left', 'left');
  const info = await endOf(session);
  assertEnd(info, { closeCode: 1006, wasClean: false, initiator: 'local', sent: undefined, error: 'ERR_WS_STALLED' });
  assert.ok(info.abandoned.bytes > 0);
  assert.equal(host.reported, []);
  await host.quiet();
  await proxy[Symbol.asyncDispose]();
});

test('a server that sends to a peer whose answers are swallowed finds it, though its writes are taken', async () => {
  const { host, proxy, session } = await openAll(async (each) => {
    for (;;) {
      await each.send('tick');
      await new Promise((resolve) => setImmediate(resolve));
    }
  });
  proxy.set('swallowed', 'swallowed');
  assertEnd(await endOf(session), dead);
  assert.equal(host.reported, []);
  await host.quiet();
  await proxy[Symbol.asyncDispose]();
});

const many = sized(100, 300);

test(`${many} half-open connections are found, and nothing of them is left`, async () => {
  const host = await startServer(idle, { limits: quick });
  const proxy = await SilentProxy.open(host.port);
  const limits = { pingInterval: NEVER };
  const jobs = await Promise.all(Array.from({ length: many }, () => dial(proxy.port, limits)));
  await until(() => host.sessions.length === many, 'all sessions');
  proxy.set('swallowed', 'swallowed');
  await host.quiet();
  for (const session of host.sessions) assertEnd(await session.closed, dead);
  await proxy[Symbol.asyncDispose]();
  for (const job of jobs) await within(job.closed, 'the other end');
});

// Where this machine lets us have a network of our own, packets are lost for real.
const spawnOptions = { encoding: 'utf8', timeout: 60_000 } as const;
const hasNamespaces = spawnSync('unshare', ['-Urn', 'ip', 'link', 'set', 'lo', 'up'], spawnOptions).status === 0;

if (!hasNamespaces) console.log('half-open: no network namespaces here; the proxy alone shows it');
else {
  waits('in a network that loses every packet, server and client find out', async () => {
    const { execPath } = process;
    const script = 'ip link set lo up && exec "$0" "$1"';
    const { stdout, stderr } = await promisify(execFile)(
      'unshare',
      ['-Urn', 'sh', '-c', script, execPath, await programOf('spec/support/cut-link.ts')],
      spawnOptions,
    );
    assert.ok(stdout.startsWith('{'), stdout + stderr);
    const end = { closeCode: 1006, wasClean: false, initiator: 'local', sent: 1011, error: 'ERR_WS_PING_TIMEOUT' };
    assert.equal(JSON.parse(stdout), { echoed: 'echo', status: 0, ends: [end, end] });
  });
}

test('nothing has escaped in all of this', assertNothingEscaped);

test.run();
