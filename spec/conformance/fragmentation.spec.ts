// RFC 6455 §5.4, §5.5.1, §6.1 and §10.4, row by row of the checklist of requirements (F8 to F13, F15), over a real socket, each input as one
// write and byte by byte. The groups of cases are those of the Autobahn test suite.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { assertAnswered, assertFailed, describe, exchange } from '../support/exchange.ts';
import { hex } from '../support/hex.ts';
import { binary, close, continuation, masked, ping, pong, RawClient, text } from '../support/raw-client.ts';
import { assertNothingEscaped, startServer } from '../support/server.ts';
import { turns } from '../support/until.ts';

const host = await startServer(undefined, { limits: { maxFragments: 100 } });

// --- Fragmentation ---------------------------------------------------------------------------------------------------

const fragmentSuite = suite('conformance · RFC 6455 §5.4 · fragmentation');

fragmentSuite('F9 server joins two fragments of a text', async () => {
  await assertAnswered(host, [text('fragment1', false), continuation('fragment2')], ['text fragment1fragment2']);
});

fragmentSuite('F9 server joins three fragments of bytes', async () => {
  await assertAnswered(
    host,
    [binary(hex('01'), false), continuation(hex('02 03'), false), continuation(hex('ff'))],
    ['binary 010203ff'],
  );
});

fragmentSuite('F9 server joins fragmented and whole messages, one behind the other', async () => {
  await assertAnswered(
    host,
    [text('a', false), continuation('b'), text('c'), binary(hex('01'), false), continuation(hex('02')), text('d')],
    ['text ab', 'text c', 'binary 0102', 'text d'],
  );
});

fragmentSuite('F8 server answers a ping in the middle of a message, before the message', async () => {
  await assertAnswered(
    host,
    [text('fragment1', false), ping('ping payload'), continuation('fragment2')],
    ['pong ping payload', 'text fragment1fragment2'],
  );
});

fragmentSuite('F8 server answers pings between all fragments', async () => {
  await assertAnswered(
    host,
    [
      text('f1', false),
      continuation('f2', false),
      ping('p1'),
      continuation('f3', false),
      continuation('f4', false),
      ping('p2'),
      continuation('f5'),
    ],
    ['pong p1', 'pong p2', 'text f1f2f3f4f5'],
  );
});

fragmentSuite('F8 server answers the ping in a message whose rest comes a while later', async () => {
  using client = await RawClient.open(host.port);
  client.send(text('f1', false), continuation('f2', false), ping('p1'));
  assert.is(describe(await client.frame()), 'pong p1');
  await turns(20);
  assert.is(client.buffered, 0);
  client.send(continuation('f3', false), continuation('f4', false), ping('p2'), continuation('f5'));
  assert.is(describe(await client.frame()), 'pong p2');
  assert.is(describe(await client.frame()), 'text f1f2f3f4f5');
});

fragmentSuite('F8 server takes pongs between fragments', async () => {
  await assertAnswered(host, [text('a', false), pong('x'), continuation('b')], ['text ab']);
});

fragmentSuite('F8 server ends a connection whose close frame comes in the middle of a message', async () => {
  const { frames, code, info } = await exchange(host, text('never whole', false), close(1001, 'gone'));
  assert.equal(frames, []);
  assert.is(code, 1001);
  assert.ok(info.wasClean);
  assert.equal(info.received, { closeCode: 1001, reason: 'gone' });
});

for (const fin of [true, false]) {
  const what = fin ? 'with' : 'without';
  fragmentSuite(`F9 server fails with 1002 on a continuation ${what} FIN with nothing to continue`, async () => {
    await assertFailed(
      host,
      [continuation('non-continuation payload', fin), text('Hello')],
      1002,
      'ERR_WS_UNEXPECTED_CONTINUATION',
    );
  });

  fragmentSuite(`F9 server fails with 1002 on a continuation ${what} FIN behind a whole message`, async () => {
    using client = await RawClient.open(host.port);
    client.send(text('a', false), continuation('b'));
    assert.is(describe(await client.frame()), 'text ab');
    client.send(continuation('c', fin));
    assert.is((await client.untilClose()).code, 1002);
    await client.finished();
    client.end();
  });
}

for (const [what, frame] of [
  ['text', text('new')],
  ['binary', binary(hex('01'))],
  ['fragmented text', text('new', false)],
] as const) {
  fragmentSuite(`F9 server fails with 1002 on a ${what} message inside a fragmented one`, async () => {
    await assertFailed(host, [text('unfinished', false), frame], 1002, 'ERR_WS_EXPECTED_CONTINUATION');
  });
}

fragmentSuite('F9 server fails with 1002 on a new message behind fragments and a ping', async () => {
  await assertFailed(
    host,
    [text('f1', false), continuation('f2', false), ping(), text('f3')],
    1002,
    'ERR_WS_EXPECTED_CONTINUATION',
    ['pong'],
  );
});

fragmentSuite('F10 server echoes empty messages', async () => {
  await assertAnswered(host, [text(''), binary(new Uint8Array(0)), text('')], ['text', 'binary', 'text']);
});

fragmentSuite('F10 server joins empty fragments', async () => {
  await assertAnswered(
    host,
    [
      ...[text('', false), continuation('', false), continuation('')],
      ...[text('', false), continuation('x', false), continuation('')],
      ...[binary(new Uint8Array(0), false), continuation('')],
    ],
    ['text', 'text x', 'binary'],
  );
});

fragmentSuite('F11 server takes a large message in pieces of any size', async () => {
  for (const size of [64, 997, 1000, 4096, 65_536]) {
    using client = await RawClient.open(host.port);
    const payload = Uint8Array.from({ length: 200_003 }, (_, index) => index % 251);
    const bytes = binary(payload);
    for (let start = 0; start < bytes.byteLength; start += size) {
      client.send(bytes.subarray(start, start + size));
      if (start % (size * 16) === 0) await turns(1);
    }
    assert.is(Buffer.compare((await client.frame()).payload, payload), 0, `in pieces of ${size}`);
  }
});

fragmentSuite('F11 server takes a message in fragments of any size', async () => {
  const payload = Uint8Array.from({ length: 20_000 }, (_, index) => index % 251);
  for (const size of [256, 1024, 4096, 19_999, 20_000]) {
    using client = await RawClient.open(host.port);
    for (let start = 0; start < payload.byteLength; start += size) {
      const isLast = start + size >= payload.byteLength;
      const part = payload.subarray(start, start + size);
      client.send(start === 0 ? binary(part, isLast) : continuation(part, isLast));
    }
    assert.is(Buffer.compare((await client.frame()).payload, payload), 0, `in fragments of ${size}`);
  }
});

fragmentSuite.run();

// --- Limits and states -----------------------------------------------------------------------------------------------

const limitSuite = suite('conformance · RFC 6455 §10.4, §5.5.1, §6.1 · limits and states');

const MiB = 1024 * 1024;

limitSuite('F12 server takes a message of just the limit, and fails with 1009 on one byte more', async () => {
  using client = await RawClient.open(host.port);
  client.send(binary(new Uint8Array(MiB)));
  assert.is((await client.frame()).payload.byteLength, MiB);
  await assertFailed(host, [masked({ opcode: 2, declared: MiB + 1 })], 1009, 'ERR_WS_FRAME_TOO_LONG');
});

limitSuite('F12 server fails with 1009 when fragments declare more than the limit together', async () => {
  await assertFailed(
    host,
    [binary(new Uint8Array(1000), false), masked({ opcode: 0, declared: MiB - 999 })],
    1009,
    'ERR_WS_MESSAGE_TOO_LONG',
  );
});

limitSuite('F12 server takes as many fragments as the limit, and fails with 1009 on one more', async () => {
  const fragments = [text('x', false), ...Array<Uint8Array>(98).fill(continuation('x', false))];
  await assertAnswered(host, [...fragments, continuation('x')], [`text ${'x'.repeat(100)}`]);
  await assertFailed(
    host,
    [...fragments, continuation('x', false), continuation('x')],
    1009,
    'ERR_WS_TOO_MANY_FRAGMENTS',
  );
});

limitSuite('F12 server counts empty fragments', async () => {
  const fragments = [text('', false), ...Array<Uint8Array>(100).fill(continuation('', false))];
  await assertFailed(host, fragments, 1009, 'ERR_WS_TOO_MANY_FRAGMENTS');
});

limitSuite('F12 server does not count the fragments of another message', async () => {
  const message = [text('x', false), ...Array<Uint8Array>(60).fill(continuation('x', false)), continuation('x')];
  await assertAnswered(host, [...message, ...message], [`text ${'x'.repeat(62)}`, `text ${'x'.repeat(62)}`]);
});

limitSuite('F13 server sends nothing behind its close frame, and F15 sends only while it is open', async () => {
  const refused: string[] = [];
  await using closing = await startServer(async (session) => {
    void session.send('before');
    void session.close(1000);
    for (const message of ['after', new Uint8Array(3), 'x'.repeat(100_000)]) {
      await session.send(message).catch((error) => refused.push(error.code));
    }
    await session.ping().catch((error) => refused.push(error.code));
    await session.closed;
    await session.send('too late').catch((error) => refused.push(error.code));
  });
  using client = await RawClient.open(closing.port);
  const { code, before } = await client.untilClose();
  assert.is(code, 1000);
  assert.equal(before.map(describe), ['text before']);
  client.send(ping('no answer to this'), close(1000));
  await client.finished();
  client.end();
  await closing.quiet();
  assert.equal(refused, Array(5).fill('ERR_WS_CLOSED'));
});

limitSuite('F15 server sends text with opcode 1, bytes with opcode 2, FIN on the last fragment alone', async () => {
  await using small = await startServer(undefined, { fragmentSize: 4 });
  using client = await RawClient.open(small.port);
  client.send(text('0123456789'), binary(hex('01 02 03 04')), text('€€'));
  const frames = await client.frames(6);
  assert.equal(frames.slice(0, 4).map(describe), [
    'text without FIN 0123',
    'continuation without FIN 4567',
    'continuation 89',
    'binary 01020304',
  ]);
  // A fragment may end inside a character.
  assert.equal(
    frames.slice(4).map(({ opcode, fin }) => [opcode, fin]),
    [
      [1, false],
      [0, true],
    ],
  );
  assert.is(Buffer.concat(frames.slice(4).map(({ payload }) => payload)).toString(), '€€');
});

limitSuite.run();

const escapeSuite = suite('conformance · fragmentation · escapes');

escapeSuite('nothing has escaped from any of these connections', () => assertNothingEscaped());

escapeSuite.run();
