// Reconnection over real sockets: servers that come and go, refuse, or fall silent.

import { execFile } from 'node:child_process';
import process from 'node:process';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { HandshakeError, Refusal, reconnect, serve } from '../../lib/node.ts';
import { throws } from '../support/check.ts';
import { programOf } from '../support/program.ts';
import { assertNothingEscaped, echo, startServer, type TestServer } from '../support/server.ts';
import { SilentProxy } from '../support/silent-proxy.ts';
import { BOUND, until, within } from '../support/until.ts';

const test = suite('node reconnect');
const fast = { firstDelay: 20, maxDelay: 40 };

/** A server that admits those with a fresh token, and refuses others. */
function startGuarded(status: number): Promise<TestServer> {
  return startServer(echo, {
    admit: (request) =>
      request.headers.get('authorization') === 'Bearer fresh'
        ? undefined
        : new Refusal(status, { headers: [['Retry-After', '0']] }),
  });
}

test('a server that is stopped and started again is found again, and messages go on', async () => {
  const first = await serve({ port: 0 }, echo);
  const { port } = first;
  await using session = reconnect(`ws://127.0.0.1:${port}/`, fast);
  await session.send('one');
  assert.is(await within(session.receive(), 'an answer'), 'one');
  await session.settled();
  await first.stop({ timeout: 0 });
  await until(() => session.state.name !== 'open', 'it is lost');
  await session.send('two');
  await session.send('three');
  const second = await serve({ port }, echo);
  assert.is(await within(session.receive(), 'an answer'), 'two');
  await session.send('four');
  assert.is(await within(session.receive(), 'an answer'), 'three');
  assert.is(await within(session.receive(), 'an answer'), 'four');
  await within(session.settled(), 'all arrived');
  assert.equal(session.counters.lost, { messages: 0, bytes: 0 });
  assert.is(session.counters.connections, 2);
  await session.close();
  await second.stop({ timeout: 0 });
});

test('headers are asked anew: a token that was refused is followed by a fresh one, where the user says so', async () => {
  await using server = await startGuarded(401);
  const statuses: (number | undefined)[] = [];
  await using session = reconnect(server.url, {
    ...fast,
    connect: async ({ previous }) => {
      const { error } = previous ?? {};
      const status = error instanceof HandshakeError ? error.status : undefined;
      statuses.push(status);
      return { headers: { Authorization: status === 401 ? 'Bearer fresh' : 'Bearer stale' } };
    },
    isFinal: ({ error, attempt }) =>
      error instanceof HandshakeError && error.status === 401 ? attempt > 3 : undefined,
  });
  await session.send('hello');
  assert.is(await within(session.receive(), 'an answer'), 'hello');
  assert.equal(statuses, [undefined, 401]);
  await session.close();
});

test('401 is final by the rules: the reader gets the refusal', async () => {
  await using server = await startGuarded(401);
  const session = reconnect(server.url);
  const refused = session.receive().catch((reason: unknown) => reason);
  const error = await within(refused, 'the end');
  assert.instance(error, HandshakeError);
  assert.is((error as HandshakeError).status, 401);
  assert.is((await session.closed).reason, 'final');
});

test('503 with Retry-After is tried again, as often as is said', async () => {
  await using server = await startGuarded(503);
  const states: string[] = [];
  const session = reconnect(server.url, { ...fast, maxTries: 3, onState: ({ name }) => states.push(name) });
  const { reason, attempts, error } = await within(session.closed, 'the end');
  assert.equal([reason, attempts], ['tries', 3]);
  const { cause } = error ?? {};
  assert.is(cause instanceof HandshakeError && cause.status, 503);
  assert.equal(states, ['connecting', 'waiting', 'connecting', 'waiting', 'connecting', 'ended']);
});

test('a connection that is half open is found by its keepalive and replaced; what was sent into it is told', async () => {
  await using server = await startServer();
  await using proxy = await SilentProxy.open(server.port);
  const lost: unknown[] = [];
  await using session = reconnect(`ws://127.0.0.1:${proxy.port}`, {
    ...fast,
    connect: { limits: { pingInterval: 200, pingTimeout: 200, closeTimeout: 100 } },
    onLost: ({ unsettled }) => {
      lost.push(...unsettled.messages);
      return undefined;
    },
  });
  await session.send('one');
  assert.is(await within(session.receive(), 'an answer'), 'one');
  await session.settled();
  proxy.set('swallowed', 'swallowed');
  await session.send('into the void');
  await until(() => session.state.name !== 'open', 'it is found');
  proxy.set('carried', 'carried');
  await session.send('two');
  assert.is(await within(session.receive(), 'an answer'), 'two');
  assert.equal(lost, ['into the void']);
  await session.close();
});

test('it can be ended while nobody listens, by close and by a signal', async () => {
  const probe = await serve({ port: 0 }, echo);
  const url = `ws://127.0.0.1:${probe.port}`;
  await probe.stop({ timeout: 0 });
  const closing = reconnect(url);
  await until(() => closing.state.name === 'waiting', 'it waits');
  assert.is((await within(closing.close(), 'the end')).reason, 'closed');
  const abort = new AbortController();
  const aborted = reconnect(url, { signal: abort.signal });
  abort.abort();
  assert.is((await within(aborted.closed, 'the end')).reason, 'aborted');
});

test('a wrong option of its own is thrown, a wrong one of connect ends it', async () => {
  throws(() => reconnect('ws://127.0.0.1', { maxTries: 0 }), RangeError);
  const session = reconnect('gopher://127.0.0.1');
  const { reason, error } = await within(session.closed, 'the end');
  assert.is(reason, 'final');
  assert.instance(error, TypeError);
});

test('messages may be read as they come', async () => {
  await using server = await startServer();
  await using session = reconnect(server.url, { messages: 'streamed' });
  await session.send('hello');
  const message = await within(session.receive(), 'an answer');
  assert.is(await message?.text(), 'hello');
  await session.close();
});

test('the process goes on while the next try is waited for, unless it is told not to', async () => {
  const entry = JSON.stringify(pathToFileURL(await programOf('lib/node.ts')).href);
  const outcome = async (options: string): Promise<string> => {
    const code = `import(${entry}).then(async ({ reconnect }) => {
      const { reason } = await reconnect('ws://127.0.0.1:1/', { firstDelay: 50, maxTries: 2, ${options} }).closed;
      console.log(reason);
    });`;
    const arguments_ = ['-e', code];
    const { stdout } = await promisify(execFile)(process.execPath, arguments_, { timeout: BOUND });
    return stdout.trim();
  };
  // The delay is any up to `firstDelay` (full jitter): one of a millisecond would be over before the process has ended.
  assert.equal(await Promise.all([outcome(''), outcome('keepsProcess: false, firstDelay: 20_000')]), ['tries', '']);
});

test('nothing has escaped', assertNothingEscaped);

test.run();
