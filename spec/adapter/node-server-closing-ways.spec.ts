// Ends of connections that only a real socket can show: what is on its way, halves that end in every state, peers that read slowly or not at all.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Session } from '../../lib/job/session.ts';
import { rejects } from '../support/check.ts';
import { close, closeStatus, ping, RawClient, text } from '../support/raw-client.ts';
import { assertEnd, assertNothingEscaped, echo, endOf, idle, startServer } from '../support/server.ts';
import { sized } from '../support/sized.ts';
import { chunksOf, HandSource } from '../support/sources.ts';
import { standstill, turns, until, within } from '../support/until.ts';

const KiB = 1024;
const MiB = 1024 * KiB;
const nothing = { messages: 0, bytes: 0, handler: false };

/** Bytes for as long as somebody wants them. Counts how much was asked for, and tells when nobody wants more. */
class Endless implements AsyncIterable<Uint8Array> {
  given = 0;
  isOver = false;

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        this.given += 64 * KiB;
        yield new Uint8Array(64 * KiB).fill(this.given >> 16);
      }
    } finally {
      this.isOver = true;
    }
  }
}

const streamed = suite('node-server · streamed messages and the end');

const mebibytes = sized(24, 64);

streamed(`${mebibytes} MiB from a source are one message, and the close frame comes behind it`, async () => {
  const chunk = new Uint8Array(256 * KiB).map((_, index) => index % 251);
  await using host = await startServer((session) => {
    void session.send(chunksOf(Array.from({ length: 4 * mebibytes }, () => chunk)));
  });
  using client = await RawClient.open(host.port);
  const { code, before } = await client.untilClose();
  assert.is(code, 1000);
  assert.equal([before[0]?.opcode, before.at(-1)?.fin, before.filter(({ fin }) => fin).length], [2, true, 1]);
  const whole = Buffer.concat(before.map(({ payload }) => payload));
  assert.is(whole.byteLength, mebibytes * MiB);
  for (let at = 0; at < whole.byteLength; at += chunk.byteLength) {
    assert.ok(whole.subarray(at, at + chunk.byteLength).equals(chunk));
  }
  client.send(close(1000));
  await client.finished();
  client.end();
  assertEnd(await endOf(await host.session()), { wasClean: true, error: undefined, abandoned: nothing });
});

streamed('a client that does not read holds its source, and pongs pass between fragments when it reads', async () => {
  const source = new Endless();
  await using host = await startServer((session) => session.send(source));
  using client = await RawClient.open(host.port);
  client.pause();
  const held = await standstill(() => source.given, 'the source');
  assert.ok(held < 64 * MiB, `${held} bytes were asked for`);
  assert.ok((await host.session()).counters.queued < MiB);
  client.send(ping('x'));
  client.resume();
  let frame = await client.frame();
  for (; frame.opcode !== 10; frame = await client.frame()) assert.not(frame.fin);
  assert.is(frame.payload.toString(), 'x');
  await until(() => source.given > held, 'the source is asked again');
});

for (const [what, leave, error] of [
  ['resets', (client: RawClient) => client.reset(), 'ERR_WS_CONNECTION_LOST'],
  ['ends its half', (client: RawClient) => client.end(), 'ERR_WS_CONNECTION_LOST'],
  [
    'breaks the protocol',
    (client: RawClient) => {
      client.send(Uint8Array.of(0x83, 0x80));
      client.end();
    },
    'ERR_WS_UNKNOWN_OPCODE',
  ],
] as const) {
  streamed(`a client that ${what} in the middle of a message lets its source go`, async () => {
    const source = new Endless();
    let sending: Promise<void> | undefined;
    await using host = await startServer((session) => {
      sending = session.send(source);
      return sending;
    });
    using client = await RawClient.open(host.port);
    await client.frame();
    leave(client);
    const info = await endOf(await host.session());
    await rejects(sending as Promise<void>, Error, /./);
    await until(() => source.isOver, 'the source is let go');
    assertEnd(info, { wasClean: false, closeCode: 1006, error });
    assert.equal(host.reported, []);
    client.socket.destroy();
    await host.quiet();
  });
}

streamed('a source that fails in the middle fails the connection with 1011, which arrives', async () => {
  const source = new HandSource();
  await using host = await startServer(async (session) => {
    await session.send(source);
  });
  using client = await RawClient.open(host.port);
  await until(() => source.pulls > 0, 'the source is asked');
  await source.give('a');
  await client.frame();
  const cause = new Error('mine');
  await source.fail(cause);
  assert.equal(closeStatus(await client.frame()), { code: 1011, reason: '' });
  await client.finished();
  client.end();
  const info = await endOf(await host.session());
  assertEnd(info, { wasClean: false, initiator: 'local', error: 'ERR_WS_MESSAGE_ABORTED' });
  assert.is(info.error?.cause, cause);
  assert.equal(host.reported, [cause]);
});

streamed('stop closes sessions in the middle of a message with 1001', async () => {
  const sources = Array.from({ length: 20 }, () => new Endless());
  let next = 0;
  await using host = await startServer((session) => session.send(sources[next++] as Endless));
  const clients = await Promise.all(sources.map(() => RawClient.open(host.port)));
  await Promise.all(clients.map((client) => client.frame()));
  const stopped = host.server.stop();
  for (const client of clients) {
    const { code, before } = await client.untilClose();
    assert.is(code, 1001);
    assert.not(before.some(({ fin }) => fin));
    client.send(close(1001));
    await client.finished();
    client.end();
  }
  await within(stopped, 'the stop');
  await until(() => sources.every(({ isOver }) => isOver), 'every source is let go');
  for (const session of host.sessions) assertEnd(await endOf(session), { wasClean: true, error: 'ERR_WS_CANCELLED' });
});
streamed.run();

const way = suite('node-server · closing, every way');

way('a handler at work on the last message replies before the answer to the close frame', async () => {
  await using host = await startServer(async (session) => {
    for await (const message of session) {
      await turns(20);
      await session.send(`re: ${message}`);
    }
  });
  using client = await RawClient.open(host.port);
  client.send(text('one'), text('two'), close(4000, 'bye'));
  const { code, before } = await client.untilClose();
  assert.equal([code, ...before.map(({ payload }) => `${payload}`)], [4000, 're: one', 're: two']);
  await client.finished();
  client.end();
  assertEnd(await endOf(await host.session()), { wasClean: true, closeCode: 4000, reason: 'bye', error: undefined });
});

way('a handler that only pushes is answered for at once, not after the close time-out', async () => {
  await using host = await startServer((session) => session.send('news').then(() => idle()), {
    limits: { closeTimeout: 600_000, handlerTimeout: 10 },
  });
  using client = await RawClient.open(host.port);
  await client.frame();
  client.send(close(1000));
  assert.is((await client.untilClose()).code, 1000);
  await client.finished();
  client.end();
  assertEnd(await endOf(await host.session()), { wasClean: true, abandoned: { ...nothing, handler: true } });
});

way(
  'what was sent before close() arrives, though the client reads it later, and the close frame behind it',
  async () => {
    await using host = await startServer(async (session) => {
      for (let index = 0; index < 64; index++) void session.send(new Uint8Array(256 * KiB).fill(index));
      await session.close(3000, 'all');
    });
    using client = await RawClient.open(host.port);
    client.pause();
    const session = await host.session();
    await standstill(() => session.counters.bytesSent, 'the output');
    client.resume();
    const { code, reason, before } = await client.untilClose();
    assert.equal([code, reason, before.length], [3000, 'all', 64]);
    for (const [index, { payload }] of before.entries()) assert.ok(payload.every((byte) => byte === index));
    client.send(close(3000));
    await client.finished();
    client.end();
    assertEnd(await endOf(session), { wasClean: true, initiator: 'local', error: undefined, abandoned: nothing });
  },
);

const halves: readonly (readonly [string, (client: RawClient, session: Session) => unknown, object])[] = [
  [
    'with nothing before it',
    (client) => client.end(),
    { closeCode: 1006, wasClean: false, initiator: 'remote', error: 'ERR_WS_CONNECTION_LOST' },
  ],
  [
    'in the middle of a frame',
    (client) => {
      client.send(Uint8Array.of(0x81, 0x85, 1, 2));
      client.end();
    },
    { closeCode: 1006, wasClean: false, initiator: 'remote', error: 'ERR_WS_CONNECTION_LOST' },
  ],
  [
    'in the middle of a message',
    (client) => {
      client.send(text('a', false));
      client.end();
    },
    { closeCode: 1006, wasClean: false, initiator: 'remote', error: 'ERR_WS_CONNECTION_LOST' },
  ],
  [
    'right behind its close frame',
    (client) => {
      client.send(text('a'), close(1000));
      client.end();
    },
    { closeCode: 1000, wasClean: true, initiator: 'remote', error: undefined },
  ],
  [
    'behind our close frame, with none of its own',
    async (client, session) => {
      void session.close(3000);
      assert.is((await client.untilClose()).code, 3000);
      client.end();
    },
    { closeCode: 1006, wasClean: false, initiator: 'local', error: 'ERR_WS_CONNECTION_LOST' },
  ],
  [
    'behind both close frames',
    async (client, session) => {
      void session.close(3000);
      assert.is((await client.untilClose()).code, 3000);
      client.send(close(3000));
      client.end();
    },
    { closeCode: 3000, wasClean: true, initiator: 'local', error: undefined },
  ],
  [
    'behind a fault',
    async (client) => {
      client.send(Uint8Array.of(0x83));
      assert.is((await client.untilClose()).code, 1002);
      client.end();
    },
    { closeCode: 1006, wasClean: false, initiator: 'local', error: 'ERR_WS_UNKNOWN_OPCODE' },
  ],
];

for (const [what, act, expected] of halves) {
  way(`the client ends its half ${what}: the server ends its own, and nothing is reset`, async () => {
    await using host = await startServer(echo);
    using client = await RawClient.open(host.port);
    const session = await host.session();
    await act(client, session);
    assert.is(await within(client.ending, 'FIN from the server'), 'fin');
    assertEnd(await endOf(session), { ...expected, abandoned: nothing });
    assert.not(client.wasReset);
    await host.quiet();
  });
}

way('a client that reads nothing any more is cut by the stall time-out, in the middle of a frame too', async () => {
  for (const size of [KiB, 64 * MiB]) {
    await using host = await startServer(
      async (session) => {
        for (;;) await session.send(new Uint8Array(size));
      },
      { limits: { stallTimeout: 200 } },
    );
    using client = await RawClient.open(host.port);
    client.pause();
    const info = await endOf(await host.session());
    assertEnd(info, { wasClean: false, closeCode: 1006, initiator: 'local', error: 'ERR_WS_STALLED', sent: undefined });
    assert.ok(info.abandoned.bytes > 0);
    assert.equal(host.reported, []);
    client.socket.destroy();
    await host.quiet();
  }
});

way('a client that reads too slowly is closed with the code of the policy, when it reads again', async () => {
  await using host = await startServer(
    async (session) => {
      const slowConsumer = { policy: 'close', closeCode: 1008, maxQueued: MiB } as const;
      for (;;) {
        await session.send(new Uint8Array(16 * KiB), { slowConsumer });
        await turns(1);
      }
    },
    { limits: { closeTimeout: 60_000 } },
  );
  using client = await RawClient.open(host.port);
  client.pause();
  const session = await host.session();
  await until(() => session.job.state === 'closing', 'the session is closed');
  client.resume();
  const { code, before } = await client.untilClose();
  assert.is(code, 1008);
  assert.ok(before.every(({ payload }) => payload.byteLength === 16 * KiB));
  await client.finished();
  client.end();
  const info = await endOf(session);
  assertEnd(info, { wasClean: false, initiator: 'local', error: 'ERR_WS_SLOW_CONSUMER' });
  assert.ok(info.abandoned.bytes > MiB / 2, `${info.abandoned.bytes}`);
  assert.equal(host.reported, []);
});

for (const policy of ['drop-oldest', 'drop-newest', 'latest'] as const) {
  way(`a client that reads slowly gets what ${policy} has left, in order and whole`, async () => {
    await using host = await startServer(async (session) => {
      for (let index = 0; index < 20_000; index++) {
        await session.send(`${index}`.padEnd(KiB), { slowConsumer: policy, key: index % 10 });
        if (index % 100 === 0) await turns(1);
      }
    });
    using client = await RawClient.open(host.port);
    client.pause();
    const session = await host.session();
    await until(() => session.counters.dropped.messages > 0, 'messages are dropped');
    client.resume();
    const { code, before } = await client.untilClose();
    assert.is(code, 1000);
    const numbers = before.map(({ payload }) => Number(payload.toString()));
    assert.equal(
      numbers,
      [...numbers].sort((left, right) => left - right),
    );
    assert.is(numbers.length, 20_000 - session.counters.dropped.messages);
    assert.is(numbers.length, session.counters.messagesSent);
    if (policy !== 'drop-newest') assert.is(numbers.at(-1), 19_999);
  });
}

way('a handler that ignores its signal keeps no socket: the connection is gone, the job follows', async () => {
  await using host = await startServer(idle, { limits: { handlerTimeout: 100, closeTimeout: 100 } });
  using client = await RawClient.open(host.port);
  const session = await host.session();
  session.job.cancel();
  assert.is((await client.untilClose()).code, 1001);
  const info = await within(session.closed, 'the end of the connection');
  assertEnd(info, { wasClean: false, error: 'ERR_WS_CANCELLED', abandoned: nothing });
  assertEnd(await endOf(session), { error: 'ERR_WS_CANCELLED', abandoned: { ...nothing, handler: true } });
  assert.is(session.job.state, 'cancelled');
  await host.quiet();
});
way.run();

const last = suite('node-server · closing ways · escapes');
last('nothing has escaped from any of these connections', () => assertNothingEscaped());
last.run();
