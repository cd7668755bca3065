// The server as its user sees it: its options, what it tells of itself, and where handlers run.

import { AsyncLocalStorage } from 'node:async_hooks';
import { createServer } from 'node:http';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

import type { Clock, EngineContext } from '../../lib/connection/context.ts';
import type { Session } from '../../lib/job/session.ts';
import { toRequestHead } from '../../lib/node.ts';
import { rejects } from '../support/check.ts';
import { openWs } from '../support/peers.ts';
import { close, RawClient, requestHead, text } from '../support/raw-client.ts';
import { assertNothingEscaped, echo, endOf, idle, startServer } from '../support/server.ts';
import { serve } from '../support/serving.ts';
import { turns, until } from '../support/until.ts';

const optionSuite = suite('node-server · serve');

optionSuite('serve listens on a free port of 127.0.0.1 when it is told nothing', async () => {
  const server = await serve({}, echo);
  assert.is(server.host, '127.0.0.1');
  assert.ok(server.port > 0);
  assert.is(server.url, `ws://127.0.0.1:${server.port}`);
  await server.stop();
});

optionSuite('serve listens on the port that it is told', async () => {
  const first = await serve({}, echo);
  const { port } = first;
  await first.stop();
  const second = await serve({ port }, echo);
  assert.is(second.port, port);
  await second.stop();
});

const wrong: readonly (readonly [string, object, typeof TypeError | typeof RangeError])[] = [
  ['a limit that does not exist', { limits: { maxMessages: 1 } }, TypeError],
  ['a limit that is no number', { limits: { maxMessageSize: '1' } }, RangeError],
  ['a negative limit', { limits: { queueSize: -1 } }, RangeError],
  ['a subprotocol that is no token', { subprotocols: ['a b'] }, TypeError],
  ['an origin that is no pattern', { origins: ['not an origin'] }, TypeError],
  ['a header of its own', { headers: [['Upgrade', 'x']] }, TypeError],
  ['a header with a line break', { headers: [['X', 'a\r\nb: c']] }, TypeError],
  ['a port that is none', { port: 65_536 }, RangeError],
];

for (const [what, options, expected] of wrong) {
  optionSuite(`serve rejects with a ${expected.name} when it is given ${what}`, async () => {
    await rejects(serve(options, echo), expected);
  });
}

optionSuite('serve rejects with a TypeError when the handler is no function', async () => {
  await rejects(serve({}, undefined as unknown as typeof echo), TypeError);
});

optionSuite('serve rejects with a RangeError when the fragment size is no positive integer', async () => {
  for (const fragmentSize of [0, -1, 1.5, Number.NaN]) {
    await rejects(
      serve({ fragmentSize }, echo).then((server) => server.stop()),
      RangeError,
    );
  }
});

optionSuite('limits of the server are those of its sessions', async () => {
  await using host = await startServer(echo, { limits: { maxMessageSize: 10 } });
  using client = await RawClient.open(host.port);
  client.send(text('0123456789'), text('0123456789a'));
  assert.is((await client.untilClose()).code, 1009);
  client.end();
});

optionSuite.run();

// --- What it tells of itself -----------------------------------------------------------------------------------------

const factSuite = suite('node-server · sessions and counters');

factSuite('sessions are those that are open, and stay as they were when they are asked for', async () => {
  await using host = await startServer();
  using one = await RawClient.open(host.port, { target: '/one' });
  using two = await RawClient.open(host.port, { target: '/two' });
  const urls = (): unknown[] => Array.from(host.server.sessions, ({ request }) => request?.url);
  assert.equal(urls(), ['/one', '/two']);
  const before = host.server.sessions;
  one.send(close(1000));
  await one.untilClose();
  one.end();
  await until(() => urls().length === 1, 'one session is left');
  assert.equal(urls(), ['/two']);
  assert.is([...before].length, 2);
  two.send(text('hello'));
  assert.is((await two.frame()).payload.toString(), 'hello');
});

factSuite('server can send to all of its sessions', async () => {
  await using host = await startServer();
  const peers = await Promise.all(Array.from({ length: 20 }, () => openWs(host.url)));
  for (const session of host.server.sessions) void session.send('to all');
  for (const peer of peers) assert.is(await peer.receive(), 'to all');
  for (const peer of peers) peer.close();
  await host.quiet();
});

factSuite('session counts messages and bytes of the wire', async () => {
  await using host = await startServer();
  using client = await RawClient.open(host.port);
  const session = await host.session();
  client.send(text('hello'), text('x'.repeat(200)));
  await client.frames(2);
  client.send(close(1000));
  await client.untilClose();
  client.end();
  await endOf(session);
  assert.equal(session.counters, {
    messagesReceived: 2,
    messagesSent: 2,
    bytesReceived: 6 + 5 + 8 + 200 + 8,
    bytesSent: 2 + 5 + 4 + 200 + 4,
    unread: 0,
    queued: 0,
    dropped: { messages: 0, bytes: 0 },
    roundTrip: undefined,
  });
});

factSuite('job tells its state at each stage', async () => {
  const states: string[] = [];
  await using host = await startServer(async (session) => {
    states.push(session.job.state);
    await session.receive();
    void session.close();
    states.push(session.job.state);
    await session.closed;
    states.push(session.job.state);
  });
  using client = await RawClient.open(host.port, {}, text('go'));
  await client.untilClose();
  client.send(close(1000));
  client.end();
  const session = await host.session();
  await endOf(session);
  assert.equal([...states, session.job.state], ['running', 'closing', 'closing', 'completed']);
});

factSuite('head of a request is handed on with every field as it came', async () => {
  const server = createServer();
  const heads: ReturnType<typeof toRequestHead>[] = [];
  server.on('upgrade', (request, socket) => {
    heads.push(toRequestHead(request));
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  using client = await RawClient.connect(port);
  client.send(
    requestHead(port, { target: '/a?b', headers: { Host: ['a', 'b'], 'X-MiXed': ' caf\xe9 ', Cookie: ['a', 'b'] } }),
  );
  await client.rest();
  const [head] = heads;
  assert.is(head?.method, 'GET');
  assert.is(head?.url, '/a?b');
  assert.is(head?.httpVersion, '1.1');
  const headers = [...(head?.headers ?? [])];
  assert.equal(headers.slice(0, 2), [
    ['Host', 'a'],
    ['Host', 'b'],
  ]);
  assert.equal(headers.slice(-3), [
    ['X-MiXed', 'caf\xe9'],
    ['Cookie', 'a'],
    ['Cookie', 'b'],
  ]);
  await new Promise((resolve) => server.close(resolve));
});

factSuite.run();

// --- Where the handler runs ------------------------------------------------------------------------------------------

const contextSuite = suite('node-server · the user context and the engine context');

contextSuite('handler sees the store that the user context runs it with, also behind an await', async () => {
  const storage = new AsyncLocalStorage<{ id: number }>();
  let id = 0;
  const seen: unknown[] = [];
  await using host = await startServer(
    async (session) => {
      seen.push(storage.getStore());
      await session.receive();
      seen.push(storage.getStore());
      for await (const message of session) void message;
      seen.push(storage.getStore());
    },
    { userContext: { run: (callback) => storage.run({ id: ++id }, callback) } },
  );
  for (let count = 1; count <= 2; count++) {
    using client = await RawClient.open(host.port, {}, Buffer.concat([text('a'), text('b'), close(1000)]));
    await client.untilClose();
    client.end();
    await host.quiet();
  }
  assert.equal(
    seen,
    [1, 1, 1, 2, 2, 2].map((each) => ({ id: each })),
  );
});

contextSuite('user context that throws is a failure of the handler', async () => {
  const failure = new Error('no context');
  await using host = await startServer(echo, {
    userContext: {
      run: () => {
        throw failure;
      },
      onError: (error) => void errors.push(error),
    },
  });
  const errors: unknown[] = [];
  using client = await RawClient.open(host.port);
  assert.is((await client.untilClose()).code, 1011);
  client.send(close(1011));
  client.end();
  await host.quiet();
  assert.equal(errors, [failure]);
});

contextSuite('error of a handler goes to the console when nobody takes it', async () => {
  const original = console.error;
  const logged: unknown[] = [];
  console.error = (...args: unknown[]) => void logged.push(...args);
  try {
    const failure = new Error('told to the console');
    await using server = await serve({}, () => Promise.reject(failure));
    using client = await RawClient.open(server.port);
    assert.is((await client.untilClose()).code, 1011);
    client.send(close(1011));
    client.end();
    await until(() => server.counters.open === 0, 'the job has ended');
    assert.equal(logged, [failure]);
  } finally {
    console.error = original;
  }
});

contextSuite('error that onError throws does not escape', async () => {
  const original = console.error;
  const logged: unknown[] = [];
  console.error = (...args: unknown[]) => void logged.push(...args);
  try {
    const onError = (): void => {
      throw new Error('onError failed');
    };
    await using server = await serve({ userContext: { onError } }, () => Promise.reject(new Error('handler failed')));
    using client = await RawClient.open(server.port);
    assert.is((await client.untilClose()).code, 1011);
    client.send(close(1011));
    client.end();
    await until(() => server.counters.open === 0, 'the job has ended');
    assert.equal(
      logged.map((error) => (error as Error).message),
      ['onError failed', 'handler failed'],
    );
  } finally {
    console.error = original;
  }
});

contextSuite('clock and scheduler of the engine context are those that the server uses', async () => {
  const tasks: (() => void)[] = [];
  const timers = new Map<object, { callback: () => void; milliseconds: number }>();
  const clock: Clock = {
    now: () => 0,
    setTimeout: (callback, milliseconds) => {
      const timer = {};
      timers.set(timer, { callback, milliseconds });
      return timer;
    },
    clearTimeout: (timer) => void timers.delete(timer as object),
  };
  const engineContext: EngineContext = { clock, scheduler: { schedule: (task) => void tasks.push(task) } };
  const sessions: Session[] = [];
  const server = await serve({ engineContext, limits: { closeTimeout: 4321 } }, async (session) => {
    sessions.push(session);
    void session.send('when the scheduler says so');
    await idle();
  });
  using client = await RawClient.open(server.port);
  await until(() => tasks.length === 1, 'the flush is scheduled');
  await turns(5);
  assert.is(client.buffered, 0);
  tasks.shift()?.();
  assert.is((await client.frame()).payload.toString(), 'when the scheduler says so');
  sessions[0]?.job.cancel();
  assert.equal(
    [...timers.values()].map(({ milliseconds }) => milliseconds),
    [4321],
  );
  for (const task of tasks.splice(0)) task();
  assert.is((await client.untilClose()).code, 1001);
  // Time passes when the clock says so.
  for (const { callback } of [...timers.values()]) callback();
  await client.rest();
  const stopping = server.stop();
  await until(() => timers.size > 0, 'the server waits');
  for (const { callback } of [...timers.values()]) callback();
  await stopping;
});

contextSuite.run();

const escapeSuite = suite('node-server · escapes');

escapeSuite('nothing has escaped from any of these servers', () => assertNothingEscaped());

escapeSuite.run();
