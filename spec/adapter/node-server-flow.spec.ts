// Backpressure over a real socket, in both directions: a side that does not read holds the other up, in bounded memory, and all goes on
// when it reads again.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Session } from '../../lib/job/session.ts';
import { rejects } from '../support/check.ts';
import { openUndici, openWs } from '../support/peers.ts';
import { binary, close, continuation, masked, ping, RawClient, text } from '../support/raw-client.ts';
import { assertEnd, assertNothingEscaped, echo, endOf, idle, startServer } from '../support/server.ts';
import { sized } from '../support/sized.ts';
import { standstill, turns, until, within } from '../support/until.ts';

const KiB = 1024;
const MiB = 1024 * KiB;

// The largest chunk that a socket of Node gives.
const CHUNK = 64 * KiB;

/** A promise that somebody settles by hand. */
function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

/** Sends the frame again and again, as fast as the server takes it, until `count` have gone or the socket ends. */
function flood(client: RawClient, frame: Uint8Array, count: number): { readonly sent: () => number } {
  let sent = 0;
  const sendOn = (): void => {
    while (sent < count && !client.socket.destroyed) {
      sent++;
      if (!client.socket.write(frame)) return;
    }
  };
  client.socket.on('drain', sendOn);
  sendOn();
  return { sent: () => sent };
}

// --- A handler that does not read ------------------------------------------------------------------------------------

const readSuite = suite('node-server · flow · a handler that does not read');

// In MiB: far more than the system keeps for the two sockets.
const total = sized(32, 64);

const floods: readonly (readonly [string, Uint8Array, number])[] = [
  ['messages of 64 KiB', binary(new Uint8Array(64 * KiB)), 16 * total],
  ['messages of 1 MiB', binary(new Uint8Array(MiB)), total],
  ['messages of 1 KiB', binary(new Uint8Array(KiB)), KiB * total],
];

for (const [what, frame, count] of floods) {
  for (const [how, prepare] of [
    ['', () => {}],
    [' and has made its readable', (session: Session) => void session.readable],
  ] as const) {
    readSuite(`client that sends ${total} MiB as ${what} to a handler that never reads${how} is held up`, async () => {
      const { opened, open } = gate();
      let read = 0;
      await using host = await startServer(async (session) => {
        prepare(session);
        await opened;
        for await (const message of session) read += message.length;
      });
      using client = await RawClient.open(host.port);
      const { sent } = flood(client, frame, count);
      const session = await host.session();
      await standstill(() => sent() + session.counters.bytesReceived, 'the client');
      assert.ok(sent() < count, `${sent()} of ${count} messages were sent`);
      // The queue, the look-ahead, one message over it, and one chunk.
      const bound = 64 * KiB + 64 * KiB + frame.byteLength + 64 + CHUNK;
      const { unread, bytesReceived } = session.counters;
      assert.ok(unread <= bound, `${unread} unread`);
      assert.ok(bytesReceived <= bound + CHUNK, `${bytesReceived} bytes were taken from the socket`);
      open();
      await until(() => read === total * MiB, 'all has been read');
      client.send(close(1000));
      assert.is((await client.untilClose()).code, 1000);
      client.end();
      assertEnd(await endOf(session), { wasClean: true });
    });
  }
}

readSuite('client that sends empty messages to a handler that never reads is held up: they are not free', async () => {
  await using host = await startServer(idle, { limits: { handlerTimeout: 10 } });
  using client = await RawClient.open(host.port);
  const frame = Buffer.concat(Array<Uint8Array>(1000).fill(text('')));
  const { sent } = flood(client, frame, 10_000);
  const session = await host.session();
  await standstill(() => sent() + session.counters.bytesReceived, 'the client');
  assert.ok(sent() < 10_000, `${sent()} thousands of 10000 were sent`);
  const { unread, messagesReceived } = session.counters;
  assert.ok(unread <= 128 * KiB + 64, `${unread} unread`);
  assert.ok(messagesReceived <= 2049, `${messagesReceived} messages`);
});

readSuite('client that sends one fragmented message behind an unread one is held up', async () => {
  await using host = await startServer(idle, { limits: { handlerTimeout: 10, maxMessageSize: 64 * MiB } });
  using client = await RawClient.open(host.port);
  client.send(text('unread'), text('', false));
  const { sent } = flood(client, continuation(new Uint8Array(64 * KiB), false), 900);
  const session = await host.session();
  await standstill(() => sent() + session.counters.bytesReceived, 'the client');
  assert.ok(sent() < 900);
  assert.ok(session.counters.bytesReceived < 128 * KiB + 3 * CHUNK, `${session.counters.bytesReceived} bytes`);
});

readSuite('handler may set the queue and the look-ahead larger or smaller', async () => {
  const limits = { handlerTimeout: 10, queueSize: 1000, lookAhead: 0 };
  await using host = await startServer(idle, { limits });
  using client = await RawClient.open(host.port);
  const { sent } = flood(client, text('x'.repeat(100)), 100_000);
  const session = await host.session();
  await standstill(() => sent() + session.counters.bytesReceived, 'the client');
  const { unread } = session.counters;
  // What is missing to a thousand is kept of a message that is not whole.
  assert.ok(unread > 1000 - 164 && unread <= 1000 + 164, `${unread} unread`);
});

for (const [name, open] of [
  ['ws', openWs],
  ['undici', openUndici],
] as const) {
  readSuite(`${name} is held up by a handler that never reads, and goes on when it reads`, async () => {
    const { opened, open: openGate } = gate();
    await using host = await startServer(async (session) => {
      await opened;
      await echo(session);
    });
    const peer = await open(host.url);
    for (let index = 0; index < 64; index++) peer.send(new Uint8Array(512 * KiB).fill(index));
    const session = await host.session();
    const buffered = await standstill(() => peer.buffered + session.counters.bytesReceived, 'the client');
    assert.ok(buffered > 8 * MiB, `${buffered} bytes wait at the client`);
    assert.ok(session.counters.bytesReceived < MiB);
    openGate();
    for (let index = 0; index < 64; index++) {
      const message = (await peer.receive()) as Uint8Array;
      assert.is(message.length, 512 * KiB);
      assert.is(message[0], index);
    }
    peer.close(1000);
    assert.is((await peer.ended()).code, 1000);
  });
}

readSuite('ping behind unread messages is answered, within the look-ahead', async () => {
  await using host = await startServer(idle, { limits: { handlerTimeout: 10 } });
  using client = await RawClient.open(host.port);
  client.send(binary(new Uint8Array(100 * KiB)), ping('are you there?'));
  const frame = await client.frame();
  assert.is(frame.opcode, 10);
  assert.is(frame.payload.toString(), 'are you there?');
});

readSuite('ping beyond the look-ahead is answered as soon as the handler has read', async () => {
  const { opened, open } = gate();
  await using host = await startServer(async (session) => {
    await opened;
    for await (const _ of session);
  });
  using client = await RawClient.open(host.port);
  const message = binary(new Uint8Array(200 * KiB));
  client.send(message, message, ping('are you there?'));
  const session = await host.session();
  await standstill(() => session.counters.bytesReceived, 'the server');
  assert.is(client.buffered, 0);
  open();
  assert.is((await client.frame()).payload.toString(), 'are you there?');
});

readSuite('handler that reads one message at a time, with pauses, gets all of them in order', async () => {
  const received: number[] = [];
  await using host = await startServer(async (session) => {
    for await (const message of session) {
      received.push(Number.parseInt(String(message), 10));
      if (received.length % 50 === 0) await turns(3);
    }
  });
  using client = await RawClient.open(host.port);
  client.send(...Array.from({ length: 5000 }, (_, index) => text(`${index}`.padEnd(index % 300))), close(1000));
  await client.untilClose();
  client.end();
  assert.equal(received, [...Array(5000).keys()]);
});

readSuite('one message that is longer than the queue and the look-ahead comes through', async () => {
  await using host = await startServer(undefined, {
    limits: { queueSize: 100, lookAhead: 0, maxMessageSize: 4 * MiB },
  });
  using client = await RawClient.open(host.port);
  client.send(binary(new Uint8Array(4 * MiB)), text('and one more'), close(1000));
  const { before } = await client.untilClose();
  assert.equal(
    before.map(({ payload }) => payload.byteLength),
    [4 * MiB, 12],
  );
});

readSuite('job of a handler that does not read can be cancelled while the client sends', async () => {
  await using host = await startServer(idle, { limits: { handlerTimeout: 10 } });
  using client = await RawClient.open(host.port);
  client.send(...Array<Uint8Array>(100).fill(binary(new Uint8Array(64 * KiB))));
  const session = await host.session();
  await standstill(() => session.counters.bytesReceived, 'the server');
  session.job.cancel();
  assert.is((await client.untilClose()).code, 1001);
  client.send(close(1001));
  client.end();
  const info = await endOf(session);
  assertEnd(info, { wasClean: true, closeCode: 1001, error: 'ERR_WS_CANCELLED' });
  assert.is(info.abandoned.messages, 100);
  assert.is(session.job.state, 'cancelled');
});

readSuite('client that floods one session does not hold up another', async () => {
  await using host = await startServer(echo, { limits: { maxMessageSize: 4 * MiB } });
  using loud = await RawClient.open(host.port);
  loud.socket.removeAllListeners('data').resume();
  flood(loud, binary(new Uint8Array(4 * MiB)), 1_000_000);
  using many = await RawClient.open(host.port);
  many.socket.removeAllListeners('data').resume();
  flood(many, Buffer.concat(Array<Uint8Array>(10_000).fill(text('x'))), 1_000_000);
  using quiet = await RawClient.open(host.port);
  for (let index = 0; index < sized(10, 50); index++) {
    quiet.send(text(`message ${index}`));
    assert.is((await quiet.frame()).payload.toString(), `message ${index}`);
  }
});

readSuite.run();

// --- A peer that does not read ---------------------------------------------------------------------------------------

const sendSuite = suite('node-server · flow · a client that does not read');

for (const [what, size] of [
  ['64 KiB', 64 * KiB],
  ['1 MiB', MiB],
  ['100 bytes', 100],
] as const) {
  sendSuite(`handler that awaits each send of ${what} is held up by a client that does not read`, async () => {
    const message = new Uint8Array(size);
    await using host = await startServer(
      async (session) => {
        for (;;) await session.send(message);
      },
      { limits: { closeTimeout: 100 } },
    );
    using client = await RawClient.open(host.port);
    client.pause();
    const session = await host.session();
    await standstill(() => session.counters.messagesSent, 'the handler');
    const { queued, bytesSent, messagesSent } = session.counters;
    // The write under way is of up to 256 KiB and one frame.
    const bound = 64 * KiB + 256 * KiB + 2 * (size + 80);
    assert.ok(queued <= bound, `${queued} queued`);
    assert.ok(queued >= 64 * KiB, `${queued} queued`);
    assert.ok(messagesSent * size - bytesSent <= bound, `${messagesSent} messages, ${bytesSent} bytes`);
    // Cancelled, the job ends although not even the close frame can be sent.
    session.job.cancel('stop');
    assert.ok(session.signal.aborted);
    const info = await endOf(session);
    assertEnd(info, {
      closeCode: 1006,
      wasClean: false,
      initiator: 'local',
      received: undefined,
      // It waits behind a write that is held up.
      sent: undefined,
      error: 'ERR_WS_CANCELLED',
    });
    assert.ok(info.abandoned.bytes > 0);
    assert.is(session.job.state, 'cancelled');
    assert.equal(host.reported, [], 'the pending send is no failure of the handler');
    await host.quiet();
  });
}

sendSuite('handler that is held up goes on when the client reads, and nothing is lost', async () => {
  const count = 200;
  await using host = await startServer(async (session) => {
    for (let index = 0; index < count; index++) await session.send(new Uint8Array(64 * KiB).fill(index));
  });
  using client = await RawClient.open(host.port);
  client.pause();
  const session = await host.session();
  await standstill(() => session.counters.messagesSent, 'the handler');
  assert.ok(session.counters.messagesSent < count);
  client.resume();
  const { code, before } = await client.untilClose();
  assert.is(code, 1000);
  assert.is(before.length, count);
  for (const [index, { payload }] of before.entries()) assert.is(payload[70], index);
});

sendSuite('pipe into the writable is held up by a client that does not read', async () => {
  let pulled = 0;
  await using host = await startServer(
    (session) => {
      const source = new ReadableStream<Uint8Array>({
        pull: (controller) => {
          pulled++;
          controller.enqueue(new Uint8Array(64 * KiB));
        },
      });
      return source.pipeTo(session.writable);
    },
    { limits: { closeTimeout: 50 } },
  );
  using client = await RawClient.open(host.port);
  client.pause();
  const session = await host.session();
  await standstill(() => pulled, 'the source');
  const { queued } = session.counters;
  assert.ok(queued <= 64 * KiB + 256 * KiB + 2 * (64 * KiB + 80), `${queued} queued`);
  session.job.cancel();
  await endOf(session);
  assert.equal(host.reported, []);
});

sendSuite('client that does not read is still read from, and its pings do not pile up', async () => {
  const received: unknown[] = [];
  await using host = await startServer(async (session) => {
    void session.send(new Uint8Array(32 * MiB));
    for await (const message of session) received.push(message);
  });
  using client = await RawClient.open(host.port);
  client.pause();
  const session = await host.session();
  client.send(...Array.from({ length: 1000 }, (_, index) => ping(`${index}`)), text('I am here'));
  await until(() => received.length === 1, 'the message behind the pings');
  client.resume();
  // The control frames of one write are the 16 that may wait, the latest in the place of those that were dropped.
  client.send(close(1000));
  const { before } = await client.untilClose();
  const pongs = before.filter(({ opcode }) => opcode === 10).map(({ payload }) => Number(payload.toString()));
  assert.ok(pongs.length <= 17, `${pongs.length} pongs`);
  client.end();
  assert.is(pongs.at(-1), 999);
  assert.equal(
    pongs,
    [...pongs].sort((one, other) => one - other),
  );
  await endOf(session);
});

sendSuite('flush fulfils when the client has made room for all that was sent', async () => {
  let flushed = false;
  await using host = await startServer(async (session) => {
    void session.send(new Uint8Array(32 * MiB));
    await session.flush();
    flushed = true;
  });
  using client = await RawClient.open(host.port);
  client.pause();
  const session = await host.session();
  await turns(50);
  assert.not(flushed);
  assert.ok(session.counters.queued > 0);
  client.resume();
  const { before } = await client.untilClose();
  assert.ok(flushed);
  assert.is(before[0]?.payload.byteLength, 32 * MiB);
});

sendSuite('handler that returns while its client does not read is cut after closeTimeout', async () => {
  await using host = await startServer((session) => void session.send(new Uint8Array(32 * MiB)), {
    limits: { closeTimeout: 100 },
  });
  using client = await RawClient.open(host.port);
  client.pause();
  const session = await host.session();
  const info = await endOf(session);
  assertEnd(info, { wasClean: false, initiator: 'local', error: 'ERR_WS_CLOSE_TIMEOUT' });
  assert.ok(info.abandoned.bytes > 0);
  await host.quiet();
});

sendSuite('bytes that are sent may be changed once flush has fulfilled', async () => {
  await using host = await startServer(async (session) => {
    const bytes = new Uint8Array(100_000);
    for (let index = 0; index < 20; index++) {
      bytes.fill(index);
      void session.send(bytes);
      await session.flush();
    }
  });
  using client = await RawClient.open(host.port);
  const { before } = await client.untilClose();
  for (const [index, { payload }] of before.entries()) {
    assert.ok(
      payload.every((byte) => byte === index),
      `message ${index}`,
    );
  }
});

sendSuite('send of what is no message rejects and leaves the session as it was', async () => {
  await using host = await startServer(async (session) => {
    for (const wrong of [42, null, undefined, {}, [1, 2], { toString: 'x' }, Symbol.iterator, new Blob(['x'])]) {
      await rejects(session.send(wrong as unknown as string), TypeError);
    }
    await session.send(new Float32Array([1.5]));
    await session.send(new DataView(new ArrayBuffer(3), 1));
    await session.send(Uint8Array.of(1, 2, 3).buffer);
  });
  using client = await RawClient.open(host.port);
  const { code, before } = await client.untilClose();
  assert.is(code, 1000);
  assert.equal(
    before.map(({ payload }) => payload.toString('hex')),
    ['0000c03f', '0000', '010203'],
  );
});

sendSuite('pong of a client settles the pings before its own too', async () => {
  const roundTrips: number[] = [];
  await using host = await startServer(async (session) => {
    const pings: Promise<number>[] = [];
    for (let count = 0; count < 3; count++) {
      pings.push(session.ping());
      await session.flush();
    }
    roundTrips.push(...(await Promise.all(pings)));
  });
  using client = await RawClient.open(host.port);
  const pings = await client.frames(3);
  assert.ok(pings.every(({ opcode }) => opcode === 9));
  client.send(masked({ opcode: 10, payload: pings[2]?.payload as Uint8Array }));
  assert.is((await within(client.untilClose(), 'the close frame')).code, 1000);
  assert.is(roundTrips.length, 3);
});

sendSuite.run();

const escapeSuite = suite('node-server · flow · escapes');

escapeSuite('nothing has escaped from any of these connections', () => assertNothingEscaped());

escapeSuite.run();
