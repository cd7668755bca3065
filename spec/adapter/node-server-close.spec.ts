// How sessions end: the end of a handler, the closing handshake down to FIN, and a connection that is failed, against a client by hand.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Session } from '../../lib/job/session.ts';
import { rejects } from '../support/check.ts';
import { binary, close, ping, RawClient, text } from '../support/raw-client.ts';
import { assertEnd, assertNothingEscaped, endOf, idle, startServer } from '../support/server.ts';
import { turns, until, within } from '../support/until.ts';

const MiB = 1024 * 1024;

// --- The handler and the end -----------------------------------------------------------------------------------------

const handlerSuite = suite('node-server · the end of a handler');

handlerSuite('session is closed with 1000 when the handler returns, behind what it has sent', async () => {
  await using host = await startServer((session) => {
    void session.send('one');
    void session.send(new Uint8Array(300_000));
    void session.send('three');
  });
  using client = await RawClient.open(host.port);
  const { code, reason, before } = await client.untilClose();
  assert.is(code, 1000);
  assert.is(reason, '');
  assert.equal(
    before.map(({ payload }) => payload.byteLength),
    [3, 300_000, 5],
  );
  client.send(close(1000));
  await client.finished();
  client.end();
  const session = await host.session();
  assertEnd(await endOf(session), { closeCode: 1000, wasClean: true, initiator: 'local', error: undefined });
  assert.is(session.job.state, 'completed');
});

const failures: readonly (readonly [string, () => unknown])[] = [
  [
    'throws',
    () => {
      throw new Error('secret: the password');
    },
  ],
  ['rejects', () => Promise.reject(new Error('secret: the password'))],
  ['rejects with no Error', () => Promise.reject('secret: the password')],
  ['rejects with undefined', () => Promise.reject(undefined)],
];

for (const [what, fail] of failures) {
  handlerSuite(`session is closed with 1011 and nothing of the error when the handler ${what}`, async () => {
    await using host = await startServer((session) => {
      void session.send('before');
      return fail();
    });
    using client = await RawClient.open(host.port);
    const { code, reason, before } = await client.untilClose();
    assert.equal({ code, reason }, { code: 1011, reason: '' });
    assert.is(before[0]?.payload.toString(), 'before');
    client.send(close(1011));
    await client.finished();
    client.end();
    const session = await host.session();
    const { error, initiator, sent } = await endOf(session);
    assert.instance(error, Error);
    assert.is(initiator, 'local');
    assert.equal(sent, { closeCode: 1011, reason: '' });
    assert.is(session.job.state, 'failed');
    assert.is(host.reported.length, 1, 'the user context is told of it once');
    await host.serves(1011);
  });
}

handlerSuite('handler that is ended by the end of its own session is no failure', async () => {
  const ends: unknown[] = [];
  await using host = await startServer(async (session) => {
    try {
      await session.closed;
      await session.send('too late');
    } catch (error) {
      ends.push(error);
      throw error;
    }
  });
  using client = await RawClient.open(host.port);
  client.send(close(1000));
  await client.untilClose();
  client.end();
  const session = await host.session();
  await endOf(session);
  assert.is(ends.length, 1);
  assert.equal(host.reported, []);
  assert.is(session.job.state, 'completed');
});

handlerSuite('error that a handler throws after the end is reported, and changes no close code', async () => {
  const late = new Error('late');
  await using host = await startServer(async (session) => {
    await session.closed;
    throw late;
  });
  using client = await RawClient.open(host.port);
  client.send(close(1000));
  assert.is((await client.untilClose()).code, 1000);
  client.end();
  const session = await host.session();
  assertEnd(await endOf(session), { closeCode: 1000, wasClean: true });
  assert.equal(host.reported, [late]);
  assert.is(session.job.state, 'failed');
});

handlerSuite('job that has ended lets go of a handler that does not end, after handlerTimeout', async () => {
  await using host = await startServer(idle, { limits: { handlerTimeout: 50, closeTimeout: 100 } });
  using client = await RawClient.open(host.port);
  client.send(close(1000));
  await client.untilClose();
  client.end();
  const session = await host.session();
  assertEnd(await endOf(session), { wasClean: true, abandoned: { messages: 0, bytes: 0, handler: true } });
  assert.is(session.job.state, 'failed');
  await host.quiet();
});

handlerSuite('handler that returns does not wait for messages that it has not read', async () => {
  await using host = await startServer((session) => session.receive().then(() => undefined));
  using client = await RawClient.open(host.port);
  client.send(...Array.from({ length: 3000 }, (_, index) => text(`message ${index} ${'x'.repeat(100)}`)), close(4000));
  assert.is((await client.untilClose()).code, 1000);
  await client.finished();
  client.end();
  const info = await endOf(await host.session());
  assertEnd(info, { wasClean: true, closeCode: 4000 });
  assert.is(info.abandoned.messages, 2999);
});

handlerSuite.run();

// --- The closing handshake -------------------------------------------------------------------------------------------

const handshakeSuite = suite('node-server · RFC 6455 §7.1 · the closing handshake');

handshakeSuite('server closes TCP first: FIN follows its close frame, and the client has sent none', async () => {
  await using host = await startServer();
  using client = await RawClient.open(host.port);
  client.send(close(1000));
  assert.is((await client.untilClose()).code, 1000);
  await client.finished();
  assert.not(client.socket.writableEnded);
  client.end();
  assertEnd(await endOf(await host.session()), { wasClean: true, initiator: 'remote' });
});

handshakeSuite('server that has closed waits for the close frame of the client before it closes TCP', async () => {
  await using host = await startServer((session) => session.close(1013, 'later'));
  using client = await RawClient.open(host.port);
  assert.equal(await client.untilClose(), { code: 1013, reason: 'later', before: [] });
  client.send(text('a last word'), ping('ping'));
  await turns(20);
  assert.is(client.buffered, 0, 'no pong and no FIN');
  assert.not(client.socket.readableEnded);
  client.send(close(1013));
  await client.finished();
  client.end();
  assertEnd(await endOf(await host.session()), { wasClean: true, initiator: 'local', closeCode: 1013 });
});

handshakeSuite('messages that come between the two close frames can still be read', async () => {
  const received: unknown[] = [];
  await using host = await startServer(async (session) => {
    void session.close(1000);
    for await (const message of session) received.push(message);
  });
  using client = await RawClient.open(host.port);
  await client.untilClose();
  client.send(text('one'), text('two'), close(1000));
  await client.finished();
  client.end();
  await endOf(await host.session());
  assert.equal(received, ['one', 'two']);
});

handshakeSuite('server cuts a client that never answers its close frame, after closeTimeout', async () => {
  await using host = await startServer((session) => session.close(1000), { limits: { closeTimeout: 100 } });
  using client = await RawClient.open(host.port);
  assert.is((await client.untilClose()).code, 1000);
  await client.rest();
  const session = await host.session();
  assertEnd(await endOf(session), {
    closeCode: 1006,
    wasClean: false,
    initiator: 'local',
    received: undefined,
    sent: { closeCode: 1000, reason: '' },
    error: 'ERR_WS_CLOSE_TIMEOUT',
  });
  assert.is(session.job.state, 'failed');
  await host.quiet();
});

handshakeSuite('server cuts a client that goes on sending instead of answering its close frame', async () => {
  await using host = await startServer((session) => session.close(1000), { limits: { closeTimeout: 100 } });
  using client = await RawClient.open(host.port);
  const chunk = binary(new Uint8Array(60_000));
  const sendOn = (): void => {
    while (!client.socket.destroyed && client.socket.write(chunk));
  };
  client.socket.on('drain', sendOn);
  sendOn();
  assert.is((await client.untilClose()).code, 1000);
  assertEnd(await endOf(await host.session()), { wasClean: false, error: 'ERR_WS_CLOSE_TIMEOUT' });
  await host.quiet();
});

handshakeSuite('server cuts a client that answers but never closes TCP, and the close was clean', async () => {
  await using host = await startServer((session) => session.close(4000), { limits: { closeTimeout: 100 } });
  using client = await RawClient.open(host.port);
  await client.untilClose();
  client.send(close(4000));
  await client.finished();
  const session = await host.session();
  assertEnd(await endOf(session), { closeCode: 4000, wasClean: true, initiator: 'local', error: undefined });
  assert.is(session.job.state, 'completed');
  assert.not(client.socket.writableEnded);
  await host.quiet();
});

handshakeSuite('server cuts a client that began to close, got its answer and never closes TCP', async () => {
  await using host = await startServer(undefined, { limits: { closeTimeout: 100 } });
  using client = await RawClient.open(host.port);
  client.send(close(4000));
  await client.untilClose();
  await client.finished();
  assertEnd(await endOf(await host.session()), { closeCode: 4000, wasClean: true, error: undefined });
  await host.quiet();
});

handshakeSuite('server answers a client that closes TCP behind its close frame', async () => {
  await using host = await startServer();
  using client = await RawClient.open(host.port);
  client.send(text('bye'), close(4000, 'gone'));
  client.end();
  const { code, before } = await client.untilClose();
  assert.is(code, 4000);
  assert.is(before[0]?.payload.toString(), 'bye');
  await client.finished();
  assertEnd(await endOf(await host.session()), {
    closeCode: 4000,
    reason: 'gone',
    wasClean: true,
    initiator: 'remote',
    error: undefined,
  });
});

handshakeSuite('server ignores what comes behind the close frame of the client', async () => {
  await using host = await startServer();
  using client = await RawClient.open(host.port);
  client.send(close(1000), text('too late'), ping('too late'), close(4000), Uint8Array.of(0xff, 0xff, 0xff));
  assert.equal(await client.untilClose(), { code: 1000, reason: '', before: [] });
  client.send(text('even later'));
  await client.finished();
  client.end();
  const session = await host.session();
  assertEnd(await endOf(session), { closeCode: 1000, wasClean: true, error: undefined });
  assert.is(session.counters.messagesReceived, 0);
});

handshakeSuite('server answers a close frame although the handler neither reads nor ends', async () => {
  await using host = await startServer(idle, { limits: { handlerTimeout: 50 } });
  using client = await RawClient.open(host.port);
  client.send(close(4001));
  assert.is((await client.untilClose()).code, 4001);
  await client.finished();
  client.end();
  assertEnd(await endOf(await host.session()), { closeCode: 4001, wasClean: true });
});

handshakeSuite('server answers a close frame behind unread messages at the latest after closeTimeout', async () => {
  await using host = await startServer(idle, { limits: { closeTimeout: 100, handlerTimeout: 50 } });
  using client = await RawClient.open(host.port);
  client.send(text('nobody reads this'), close(4001));
  assert.is((await client.untilClose()).code, 4001);
  client.end();
  assertEnd(await endOf(await host.session()), { closeCode: 4001, wasClean: true });
});

handshakeSuite('replies to what was received precede the close frame of the server', async () => {
  await using host = await startServer(async (session) => {
    for await (const message of session) {
      await turns(3);
      await session.send(`reply to ${message}`);
    }
  });
  using client = await RawClient.open(host.port);
  client.send(text('one'), text('two'), text('three'), close(1000));
  const { code, before } = await client.untilClose();
  assert.is(code, 1000);
  assert.equal(
    before.map(({ payload }) => payload.toString()),
    ['reply to one', 'reply to two', 'reply to three'],
  );
});

handshakeSuite('close of a session that the client has closed fulfils, and sending is refused', async () => {
  let session: Session | undefined;
  await using host = await startServer(async (opened) => {
    session = opened;
    await opened.closed;
    const info = await opened.close(4000);
    assert.is(info.closeCode, 1000);
    await rejects(opened.send('x'), Error, 'ERR_WS_CLOSED');
    await rejects(opened.ping(), Error, 'ERR_WS_CLOSED');
    await opened.flush();
    assert.is(await opened.receive(), undefined);
  });
  using client = await RawClient.open(host.port);
  client.send(close(1000));
  await client.untilClose();
  client.end();
  await endOf(await host.session());
  assert.equal(host.reported, []);
  assert.ok(session?.signal.aborted);
});

handshakeSuite.run();

// --- A connection that is failed -------------------------------------------------------------------------------------

const faultSuite = suite('node-server · RFC 6455 §7.1.7 · a connection that is failed');

const faults: readonly (readonly [string, number, string, Uint8Array])[] = [
  ['a frame with a reserved opcode', 1002, 'ERR_WS_UNKNOWN_OPCODE', Uint8Array.of(0x83, 0x80, 0, 0, 0, 0)],
  ['text that is no UTF-8', 1007, 'ERR_WS_INVALID_UTF8', text(Uint8Array.of(0xff, 0xfe))],
  ['a frame of 2 MiB', 1009, 'ERR_WS_FRAME_TOO_LONG', Uint8Array.of(0x82, 0xff, 0, 0, 0, 0, 0, 0x20, 0, 0, 1, 2, 3, 4)],
];

for (const [what, code, error, bytes] of faults) {
  faultSuite(`server answers ${what} with ${code}, which arrives although the client goes on sending`, async () => {
    await using host = await startServer();
    using client = await RawClient.open(host.port);
    const rest = new Uint8Array(4 * MiB);
    client.send(text('fine'));
    assert.is((await client.frame()).payload.toString(), 'fine');
    client.send(bytes, rest);
    const { code: received, before } = await client.untilClose();
    assert.is(received, code);
    assert.equal(before, []);
    client.send(rest);
    await client.finished();
    // All that the client sends is taken, so that no reset comes of it.
    await until(() => client.socket.writableLength === 0, 'the server has taken all bytes');
    client.end();
    const session = await host.session();
    const info = await endOf(session);
    assert.not(client.wasReset, 'no reset comes');
    assert.is(session.counters.bytesReceived, text('fine').byteLength + bytes.byteLength + 2 * rest.byteLength);
    assertEnd(info, { wasClean: false, initiator: 'local', closeCode: 1006, received: undefined, error });
    assert.is(info.sent?.closeCode, code);
    assert.is(session.job.state, 'failed');
    assert.equal(host.reported, [], 'a fault of the peer is no failure of the handler');
    await host.quiet();
    await host.serves();
  });

  faultSuite(`server cuts a client of ${what} that never stops sending, after closeTimeout`, async () => {
    await using host = await startServer(undefined, { limits: { closeTimeout: 100 } });
    using client = await RawClient.open(host.port);
    const chunk = new Uint8Array(64 * 1024);
    const sendOn = (): void => {
      while (!client.socket.destroyed && client.socket.write(chunk));
    };
    client.send(bytes);
    client.socket.on('drain', sendOn);
    sendOn();
    assert.is((await client.untilClose()).code, code);
    await within(endOf(await host.session()), 'the job ends');
    await host.quiet();
  });

  faultSuite(`server answers ${what} while its handler does not read`, async () => {
    await using host = await startServer(idle, { limits: { handlerTimeout: 50 } });
    using client = await RawClient.open(host.port);
    client.send(bytes);
    assert.is((await client.untilClose()).code, code);
    await client.finished();
    client.end();
    await endOf(await host.session());
    await host.quiet();
  });
}

faultSuite('messages before a fault can be read, then the reader is told of it', async () => {
  const received: unknown[] = [];
  let end: unknown;
  await using host = await startServer(async (session) => {
    try {
      for await (const message of session) received.push(message);
    } catch (error) {
      end = error;
      throw error;
    }
  });
  using client = await RawClient.open(host.port);
  client.send(text('one'), text('two'), Uint8Array.of(0x83, 0x80, 0, 0, 0, 0));
  await client.untilClose();
  client.end();
  const info = await endOf(await host.session());
  assert.equal(received, ['one', 'two']);
  assert.is(end, info.error);
  assert.equal(host.reported, []);
});

faultSuite.run();

const escapeSuite = suite('node-server · closing · escapes');

escapeSuite('nothing has escaped from any of these connections', () => assertNothingEscaped());

escapeSuite.run();
