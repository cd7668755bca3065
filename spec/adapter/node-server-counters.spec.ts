// What a server counts, of connections and requests, and of all its sessions together, over real sockets.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { attach, type ServerCounters } from '../../lib/node.ts';
import { binary, close, RawClient, requestHead, text } from '../support/raw-client.ts';
import { assertNothingEscaped, echo, idle, startServer } from '../support/server.ts';
import { standstill, until } from '../support/until.ts';

const test = suite('server.counters');

const none: ServerCounters = {
  open: 0,
  connections: 0,
  upgraded: 0,
  refused: 0,
  messagesReceived: 0,
  messagesSent: 0,
  bytesReceived: 0,
  bytesSent: 0,
  dropped: { messages: 0, bytes: 0 },
  unread: 0,
  queued: 0,
  closed: {},
};

test('counters tell of connections, sessions, upgrades and refusals', async () => {
  await using host = await startServer();
  assert.equal(host.server.counters, none);
  using half = await RawClient.connect(host.port);
  await until(() => host.server.counters.connections === 1, 'the connection is counted');
  assert.equal(host.server.counters, { ...none, connections: 1 });
  using client = await RawClient.open(host.port);
  assert.equal(host.server.counters, { ...none, open: 1, connections: 2, upgraded: 1 });
  half.send(requestHead(host.port, { headers: { Upgrade: undefined, Connection: undefined } }));
  assert.is((await half.response()).status, 426);
  half.end();
  await until(() => host.server.counters.connections === 1, 'the refused connection is gone');
  client.send(close(1000));
  await client.untilClose();
  client.end();
  await host.quiet();
  const closed = { upgraded: 1, refused: 1, bytesReceived: 8, bytesSent: 4, closed: { 1000: 1 } };
  assert.equal(host.server.counters, { ...none, ...closed });
});

test('messages and bytes are those of all sessions, closed ones too', async () => {
  await using host = await startServer();
  const talk = async (count: number): Promise<RawClient> => {
    const client = await RawClient.open(host.port);
    for (let index = 0; index < count; index++) client.send(text('hello'));
    await client.frames(count);
    return client;
  };
  const [first, second] = [await talk(2), await talk(3)];
  const sums = (): number[] => {
    const { messagesReceived, messagesSent, bytesReceived, bytesSent } = host.server.counters;
    return [messagesReceived, messagesSent, bytesReceived, bytesSent];
  };
  const expected = [5, 5, 5 * 11, 5 * 7];
  await until(() => sums()[3] === expected[3], 'all is counted');
  assert.equal(sums(), expected);
  first.reset();
  await until(() => host.server.counters.open === 1, 'one has ended');
  assert.equal(sums(), expected, 'its messages still count');
  second.reset();
  await host.quiet();
  assert.equal(sums(), expected);
  await talk(1);
  await until(() => sums()[3] === 6 * 7, 'one more is counted');
  assert.equal(sums(), [6, 6, 6 * 11, 6 * 7]);
});

test('what waits is summed over the open sessions, and gone with them', async () => {
  const chunk = new Uint8Array(64 * 1024);
  await using host = await startServer(
    async (session) => {
      for (let count = 0; count < 100; count++) void session.send(chunk);
      await idle();
    },
    { limits: { handlerTimeout: 10 } },
  );
  const clients = await Promise.all(Array.from({ length: 3 }, () => RawClient.open(host.port)));
  for (const client of clients) {
    client.pause();
    client.send(text('unread'), text('unread'));
  }
  await until(() => host.server.counters.unread === 6 * 70, 'all is unread');
  await standstill(() => host.server.counters.queued, 'the server');
  const { queued } = host.server.counters;
  assert.is(
    queued,
    host.sessions.reduce((sum, { counters }) => sum + counters.queued, 0),
  );
  assert.ok(queued > 3 * 64 * 1024, `${queued} bytes are queued`);
  for (const client of clients) client.reset();
  await host.quiet();
  const { counters } = host.server;
  assert.equal([counters.unread, counters.queued, counters.messagesReceived], [0, 0, 6]);
});

test('what slow-consumer policies have dropped is summed, also behind the end of the sessions', async () => {
  const chunk = new Uint8Array(64 * 1024);
  await using host = await startServer(
    async (session) => {
      for (let count = 0; count < 10; count++) void session.send(chunk);
      await session.closed;
    },
    { slowConsumer: 'drop-newest' },
  );
  const clients = await Promise.all([RawClient.open(host.port), RawClient.open(host.port)]);
  await until(() => host.sessions.length === 2, 'both are served');
  const dropped = (): { messages: number; bytes: number } => host.server.counters.dropped;
  await until(() => dropped().messages > 0, 'some are dropped');
  const sum = host.sessions.reduce((messages, { counters }) => messages + counters.dropped.messages, 0);
  assert.equal(dropped(), { messages: sum, bytes: sum * chunk.byteLength });
  for (const client of clients) client.reset();
  await host.quiet();
  assert.is(dropped().messages, sum);
});

test('closed sessions are counted by the code of whoever began', async () => {
  await using host = await startServer(
    async (session) => {
      for await (const message of session) {
        if (message === 'throw') throw new Error('thrown on purpose');
        if (message === 'close') await session.close(4001, 'enough');
        if (message === 'return') return;
      }
    },
    { limits: { maxMessageSize: 100 } },
  );
  const end = async (...parts: Uint8Array[]): Promise<void> => {
    const client = await RawClient.open(host.port);
    client.send(...parts);
    await client.untilClose();
    // What a client answers does not count.
    client.send(close(1000));
    client.end();
  };
  await Promise.all([
    end(close(1000)),
    end(close(1000)),
    end(close(3000)),
    end(close()),
    end(text('return')),
    end(text('close')),
    end(text('throw')),
    end(binary(new Uint8Array(101))),
    end(Uint8Array.of(0xff)),
  ]);
  (await RawClient.open(host.port)).reset();
  await host.quiet();
  const { closed, upgraded } = host.server.counters;
  assert.equal(closed, { 1000: 3, 3000: 1, 1005: 1, 4001: 1, 1011: 1, 1009: 1, 1002: 1, 1006: 1 });
  const sum = Object.values(closed).reduce((left, right) => left + right, 0);
  assert.equal([sum, upgraded], [10, 10]);
});

test('a stop counts as 1001, also for those that were cut', async () => {
  const host = await startServer();
  using good = await RawClient.open(host.port);
  using _ = await RawClient.open(host.port);
  const stopping = host.server.stop({ timeout: 100 });
  await good.untilClose();
  good.send(close(1001));
  good.end();
  await stopping;
  await host.quiet();
  assert.equal(host.server.counters.closed, { 1001: 2 });
});

test('an attachment counts its own', async () => {
  const http = createServer();
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const { port } = http.address() as AddressInfo;
  const one = attach(http, { path: '/one' }, echo);
  const two = attach(http, { path: '/two' }, echo);
  using client = await RawClient.open(port, { target: '/one' });
  client.send(text('hello'), close(1000));
  await client.untilClose();
  client.end();
  await until(() => one.counters.open === 0, 'the job has ended');
  const { connections: _, ...nothing } = none;
  const sums = { messagesReceived: 1, messagesSent: 1, bytesReceived: 11 + 8, bytesSent: 7 + 4 };
  assert.equal(one.counters, { ...nothing, upgraded: 1, ...sums, closed: { 1000: 1 } });
  assert.equal(two.counters, nothing);
  await Promise.all([one.stop(), two.stop()]);
  await new Promise((resolve) => http.close(resolve));
});

test('nothing has escaped from any of these servers', () => assertNothingEscaped());

test.run();
