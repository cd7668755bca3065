// Connections that are lost: at any moment, in any way. The handler sees the end, the session tells what happened, nothing escapes, and
// the server serves on.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { CloseInfo } from '../../lib/connection/close-info.ts';
import type { Session } from '../../lib/job/session.ts';
import { rejects } from '../support/check.ts';
import { openWs } from '../support/peers.ts';
import { close, RawClient, text } from '../support/raw-client.ts';
import { assertEnd, assertNothingEscaped, echo, endOf, idle, startServer, type TestServer } from '../support/server.ts';
import { standstill, turns, until, within } from '../support/until.ts';

const MiB = 1024 * 1024;

const lost: Parameters<typeof assertEnd>[1] = {
  closeCode: 1006,
  reason: '',
  wasClean: false,
  initiator: 'remote',
  received: undefined,
  sent: undefined,
  error: 'ERR_WS_CONNECTION_LOST',
};

// --- What handlers see -----------------------------------------------------------------------------------------------

/** What a handler does while its peer goes, and how it has to end. */
interface Scene {
  readonly what: string;
  readonly run: (session: Session) => Promise<unknown>;
  /** How the handler's promise settles. */
  readonly outcome: 'fulfils' | 'rejects';
}

async function sendOn(session: Session): Promise<never> {
  for (;;) {
    await session.send('x'.repeat(1000));
    await turns(1);
  }
}

const scenes: readonly Scene[] = [
  { what: 'reads', run: (session) => session.receive(), outcome: 'rejects' },
  { what: 'iterates', run: echo, outcome: 'rejects' },
  { what: 'reads the stream', run: (session) => session.readable.getReader().read(), outcome: 'rejects' },
  { what: 'sends', run: sendOn, outcome: 'rejects' },
  { what: 'pings', run: pingOn, outcome: 'rejects' },
  { what: 'waits for the end', run: (session) => session.closed, outcome: 'fulfils' },
  { what: 'waits for its signal', run: aborted, outcome: 'fulfils' },
  { what: 'pipes', run: (session) => session.readable.pipeTo(session.writable), outcome: 'rejects' },
  { what: 'does both', run: (session) => Promise.all([echo(session), sendOn(session)]), outcome: 'rejects' },
];

async function pingOn(session: Session): Promise<never> {
  for (;;) {
    await session.ping();
    await turns(1);
  }
}

function aborted({ signal }: Session): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve()));
}

/** Ways in which a peer goes without a close frame. */
const ways: readonly (readonly [string, (client: RawClient) => void])[] = [
  ['resets', (client) => client.reset()],
  ['sends FIN without a close frame', (client) => client.end()],
  [
    'sends FIN in the middle of a header',
    (client) => {
      client.send(text('x'.repeat(1000)).subarray(0, 3));
      client.end();
    },
  ],
  [
    'sends FIN in the middle of a payload',
    (client) => {
      client.send(text('x'.repeat(1000)).subarray(0, 500));
      client.end();
    },
  ],
  [
    'sends FIN in the middle of a message',
    (client) => {
      client.send(text('x', false));
      client.end();
    },
  ],
];

const sceneSuite = suite('node-server · RFC 6455 §7.1.5 · a connection that is lost');

for (const { what, run, outcome } of scenes) {
  for (const [way, leave] of ways) {
    sceneSuite(`handler that ${what} sees the end when the client ${way}`, async () => {
      const settled: ('fulfils' | 'rejects')[] = [];
      await using host = await startServer((session) => {
        const running = run(session);
        running.then(
          () => settled.push('fulfils'),
          () => settled.push('rejects'),
        );
        return running;
      });
      using client = await RawClient.open(host.port);
      const session = await host.session();
      await turns(2);
      leave(client);
      const info = await endOf(session);
      assertEnd(info, lost);
      assert.is(await session.closed, info);
      assert.is(session.job.state, 'failed');
      assert.equal(settled, [outcome]);
      assert.equal(host.reported, [], 'the end of the session is no failure of its handler');
      assert.ok(session.signal.aborted);
      await host.quiet();
      await rejects(session.send('x'), Error, 'ERR_WS_CLOSED');
    });
  }
}

sceneSuite.run();

// --- While bytes are on the way --------------------------------------------------------------------------------------

const flightSuite = suite('node-server · a connection that is lost while bytes are on the way');

flightSuite('messages that came before a FIN can be read, then the reader is told of the loss', async () => {
  const received: unknown[] = [];
  let end: unknown;
  await using host = await startServer(async (session) => {
    await session.closed;
    try {
      for await (const message of session) received.push(message);
    } catch (error) {
      end = error;
    }
  });
  using client = await RawClient.open(host.port);
  client.send(text('one'), text('two'), text('half').subarray(0, 7));
  client.end();
  const session = await host.session();
  const { error } = await endOf(session);
  assert.equal(received, ['one', 'two']);
  assert.is(end, error);
});

flightSuite('messages that came before a FIN can be read from the stream, then it errors', async () => {
  const received: unknown[] = [];
  let end: unknown;
  await using host = await startServer(async (session) => {
    const { readable } = session;
    await session.closed;
    try {
      for await (const message of readable) received.push(message);
    } catch (error) {
      end = error;
    }
  });
  using client = await RawClient.open(host.port);
  client.send(...Array.from({ length: 500 }, (_, index) => text(`message ${index}`)));
  client.end();
  const { error } = await endOf(await host.session());
  assert.is(received.length, 500);
  assert.is(end, error);
});

/** A session that was lost while the transport had not taken all that was sent. */
async function loseWhileSending(host: TestServer): Promise<Session> {
  using client = await RawClient.open(host.port);
  client.pause();
  const session = await host.session();
  await standstill(() => session.counters.bytesSent, 'the server is held up');
  client.reset();
  await endOf(session);
  return session;
}

function flood(session: Session): Promise<void> {
  return session.send(new Uint8Array(MiB)).then(() => flood(session));
}

flightSuite('session tells what it had to abandon when the client resets while the server sends', async () => {
  await using host = await startServer(flood);
  const session = await loseWhileSending(host);
  const info = await session.closed;
  assertEnd(info, lost);
  assert.ok(info.abandoned.bytes >= MiB / 4, 'a part of a message was not taken');
  assert.equal(host.reported, []);
  await host.quiet();
});

flightSuite('nothing is queued any more in a session that was lost while it sent', async () => {
  await using host = await startServer(flood);
  const session = await loseWhileSending(host);
  assert.is(session.counters.queued, 0);
});

flightSuite('flush of a session that was lost while it sent rejects', async () => {
  await using host = await startServer(flood);
  const session = await loseWhileSending(host);
  await rejects(within(session.flush(), 'a flush', 2000), Error, 'ERR_WS_CLOSED');
});

flightSuite('pending send, flush and ping reject when the client resets', async () => {
  const pending: Promise<unknown>[] = [];
  await using host = await startServer((session) => {
    pending.push(session.send(new Uint8Array(32 * MiB)), session.flush(), session.ping());
    return session.closed;
  });
  using client = await RawClient.open(host.port);
  client.pause();
  const session = await host.session();
  await until(() => session.counters.queued > 0, 'the server is held up');
  client.reset();
  await endOf(session);
  for (const promise of pending) await rejects(promise, Error, 'ERR_WS_CLOSED');
});

flightSuite('nothing escapes when nobody looks at the promises of a session that is lost', async () => {
  await using host = await startServer((session) => {
    void session.send(new Uint8Array(32 * MiB));
    void session.flush();
    void session.ping();
    void session.receive();
    void session.receive();
    void session.close(4000);
    return session.closed;
  });
  using client = await RawClient.open(host.port);
  client.pause();
  const session = await host.session();
  client.reset();
  await endOf(session);
  await turns(5);
});

flightSuite('client that is terminated in the middle of a large message is noticed', async () => {
  await using host = await startServer(undefined, { limits: { maxMessageSize: 64 * MiB } });
  const peer = await openWs(host.url);
  peer.send(new Uint8Array(32 * MiB));
  const session = await host.session();
  await until(() => session.counters.bytesReceived > MiB, 'the server has some of it');
  peer.socket.terminate();
  const info = await endOf(session);
  assert.is(info.closeCode, 1006);
  assert.not(info.wasClean);
  assert.is(session.counters.messagesReceived, 0);
  await host.quiet();
});

flightSuite('client that is terminated while the server sends is noticed', async () => {
  await using host = await startServer(async (session) => {
    for (;;) await session.send('x'.repeat(10_000));
  });
  const peer = await openWs(host.url);
  await peer.receive();
  peer.socket.terminate();
  const session = await host.session();
  assertEnd(await endOf(session), { closeCode: 1006, wasClean: false, error: 'ERR_WS_CONNECTION_LOST' });
  assert.equal(host.reported, []);
  await host.quiet();
});

flightSuite('client that resets instead of closing TCP, after both close frames, was clean', async () => {
  await using host = await startServer();
  using client = await RawClient.open(host.port);
  client.send(close(4000));
  await client.untilClose();
  client.reset();
  assertEnd(await endOf(await host.session()), { closeCode: 4000, wasClean: true, error: undefined });
});

flightSuite('client that resets instead of answering a close frame was not clean', async () => {
  await using host = await startServer((session) => session.close(4000));
  using client = await RawClient.open(host.port);
  await client.untilClose();
  client.reset();
  assertEnd(await endOf(await host.session()), {
    ...lost,
    initiator: 'local',
    sent: { closeCode: 4000, reason: '' },
  });
});

flightSuite('client that closes TCP instead of answering a close frame was not clean', async () => {
  await using host = await startServer((session) => session.close(4000));
  using client = await RawClient.open(host.port);
  await client.untilClose();
  client.end();
  assertEnd(await endOf(await host.session()), {
    ...lost,
    initiator: 'local',
    sent: { closeCode: 4000, reason: '' },
  });
  await client.finished();
});

flightSuite('server sends FIN to a client that has sent FIN without a close frame', async () => {
  await using host = await startServer();
  using client = await RawClient.open(host.port);
  client.end();
  await client.finished();
});

flightSuite('loss is noticed although the handler does not end', async () => {
  await using host = await startServer(idle, { limits: { handlerTimeout: 50 } });
  using client = await RawClient.open(host.port);
  const session = await host.session();
  client.reset();
  const info: CloseInfo = await within(session.closed, 'the end of the session');
  assertEnd(info, lost);
  assert.equal((await endOf(session)).abandoned, { messages: 0, bytes: 0, handler: true });
});

flightSuite('half of a hundred clients that are lost does not touch the other half', async () => {
  await using host = await startServer();
  const clients = await Promise.all(Array.from({ length: 100 }, () => RawClient.open(host.port)));
  for (const [index, client] of clients.entries()) {
    client.send(text(`hello ${index}`).subarray(0, index % 2 === 0 ? 8 : undefined));
    if (index % 4 === 0) client.reset();
    else if (index % 4 === 2) client.end();
  }
  for (const [index, client] of clients.entries()) {
    if (index % 2 === 0) continue;
    assert.is((await client.frame()).payload.toString(), `hello ${index}`);
    client.send(close(1000));
    assert.is((await client.untilClose()).code, 1000);
    client.end();
  }
  await host.quiet();
  const states = host.sessions.map(({ job }) => job.state);
  assert.is(states.filter((state) => state === 'completed').length, 50);
  assert.is(states.filter((state) => state === 'failed').length, 50);
  assert.is(host.server.counters.upgraded, 100);
  assert.equal(host.reported, []);
  for (const client of clients) client[Symbol.dispose]();
});

flightSuite.run();

const escapeSuite = suite('node-server · losses · escapes');

escapeSuite('nothing has escaped from any of these connections', () => assertNothingEscaped());

escapeSuite.run();
