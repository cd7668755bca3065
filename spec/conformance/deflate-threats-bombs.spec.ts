// Bombs: compressed messages that come to a thousand times their size, over a real socket. The limit counts what comes out, as it comes out; what nobody reads is not inflated; and what is
// inflated in one turn is bounded, so that other connections have theirs.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { StreamedMessage } from '../../lib/connection/streamed-message.ts';
import { PermessageDeflate } from '../../lib/extension/permessage-deflate.ts';
import type { Handler } from '../../lib/job/job.ts';
import type { Session } from '../../lib/job/session.ts';
import type { ServeOptions } from '../../lib/node.ts';
import { CountingCodec } from '../support/counting-codec.ts';
import { compressed, deflated, openDeflating, zeros } from '../support/deflate-by-hand.ts';
import { ALONE, plain } from '../support/deflate-exchange.ts';
import { inMiB, KiB, MemoryWatch, MiB, retainedMemory } from '../support/memory.ts';
import { close, continuation, type RawClient, text } from '../support/raw-client.ts';
import { assertNothingEscaped, echo, endOf, idle, startServer, type TestServer } from '../support/server.ts';
import { sized } from '../support/sized.ts';
import { standstill, turn, until, within } from '../support/until.ts';

/** What a connection decodes in one turn (lib/connection/intake.ts). */
const TURN = 128 * KiB;
const LIMIT = MiB;
/** What may wait unread by default, beside one message. */
const ROOM = 128 * KiB;

type StreamedHandler = (session: Session<unknown, StreamedMessage>) => Promise<void>;

interface Bombed {
  readonly host: TestServer;
  readonly codec: CountingCodec;
}

/** A server, and what it inflates. */
async function startBombed(handler: Handler = echo, options: ServeOptions = {}): Promise<Bombed> {
  const codec = new CountingCodec();
  const limits = { handlerTimeout: 10, ...options.limits };
  return {
    host: await startServer(handler, { ...options, extensions: [new PermessageDeflate(codec)], limits }),
    codec,
  };
}

/** The same with sessions whose messages are streamed. */
function startStreaming(handler: StreamedHandler): Promise<Bombed> {
  return startBombed(handler as unknown as Handler, { messages: 'streamed' } as object);
}

const { host, codec } = await startBombed();

const bomb = zeros(200);

const test = suite('conformance · threats of compression · bombs');

test('garbage can be collected, and the bomb is one', () => {
  assert.type(globalThis.gc, 'function', 'run with --expose-gc');
  assert.ok(bomb.byteLength < 256 * KiB, `${bomb.byteLength} bytes`);
});

/** Cuts a payload into the fragments of one message. */
function inFragments(payload: Uint8Array, size: number): Uint8Array[] {
  const frames: Uint8Array[] = [];
  for (let start = 0; start < payload.byteLength; start += size) {
    const part = payload.subarray(start, start + size);
    const fin = start + size >= payload.byteLength;
    frames.push(start === 0 ? compressed(part, { fin }) : continuation(part, fin));
  }
  return frames;
}

const ids = 'CVE-2026-1526, CVE-2026-54490, CVE-2016-10544, CVE-2018-1000518, CVE-2026-5680';
const shapes: readonly (readonly [string, Uint8Array[]])[] = [
  ['in one frame', [compressed(bomb)]],
  ['of text in one frame', [compressed(bomb, { opcode: 1 })]],
  ['in fragments of 10 KiB', inFragments(bomb, 10 * KiB)],
  ['in fragments of 100 bytes', inFragments(bomb, 100)],
  ['in fragments of a byte', inFragments(bomb.subarray(0, 4000), 1)],
];

for (const [what, frames] of shapes) {
  test(`${ids}: a bomb of 200 MiB ${what} ends with 1009 at the limit`, async () => {
    using other = await openDeflating(host.port, ALONE);
    const before = codec.inflating.written;
    using watch = new MemoryWatch(await retainedMemory());
    using client = await openDeflating(host.port);
    client.send(...frames);
    const { code, before: sent } = await client.untilClose();
    assert.equal([code, sent], [1009, []]);
    const inflated = codec.inflating.written - before;
    assert.ok(inflated <= LIMIT + TURN, `${inflated} bytes were inflated`);
    await client.finished();
    client.end();
    await watch.measure();
    assert.ok(watch.retained < 2 * MiB, `${inMiB(watch.retained)} are held`);
    assert.ok(watch.resident() < 32 * MiB, `the process has grown by ${inMiB(watch.resident())}`);
    const { error } = await endOf(host.sessions.at(-1) as Session);
    assert.is((error as { code?: string } | undefined)?.code, 'ERR_WS_MESSAGE_TOO_LONG');
    other.send(compressed(deflated('still there?')));
    assert.is(plain(await other.frame()).toString(), 'still there?');
  });
}

test('CVE-2026-1526 a bomb that comes a byte a packet ends with 1009 as soon as it is over the limit', async () => {
  const before = codec.inflating.written;
  using client = await openDeflating(host.port);
  const dripping = client.drip(compressed(zeros(2)));
  assert.is((await client.untilClose()).code, 1009);
  const inflated = codec.inflating.written - before;
  // A byte that comes makes a kilobyte.
  assert.ok(inflated > LIMIT && inflated <= LIMIT + 4 * KiB, `${inflated} bytes were inflated`);
  client.socket.destroy();
  await dripping;
});

test('CVE-2026-9675 the limit counts over all fragments, each of which is under it and begins anew', async () => {
  // Each fragment ends with a block with BFINAL.
  const part = Buffer.concat([deflated(new Uint8Array(100 * KiB)), Uint8Array.of(0, 0, 0xff, 0xff, 0x03, 0)]);
  const frames = [compressed(part, { fin: false }), ...Array<Uint8Array>(30).fill(continuation(part, false))];
  using client = await openDeflating(host.port);
  client.send(...frames);
  assert.is((await client.untilClose()).code, 1009);
});

test('AsyncHttpClient CVE-2026-107227, CVE-2026-54490: the limit is that of what comes out, at its byte', async () => {
  const limit = 10_000;
  for (const [length, fragments, code] of [
    [limit, 1, 1000],
    [limit, 5, 1000],
    [limit + 1, 1, 1009],
    [limit + 1, 5, 1009],
  ] as const) {
    const small = await startBombed(echo, { limits: { maxMessageSize: limit } });
    await using _ = small.host;
    using client = await openDeflating(small.host.port);
    const payload = deflated(new Uint8Array(length));
    client.send(...inFragments(payload, Math.ceil(payload.byteLength / fragments)), close(1000));
    assert.is((await client.untilClose()).code, code, `${length} bytes in ${fragments} frames`);
  }
});

test('many bombs, each under the limit, are as many messages: nothing grows', async () => {
  const count = sized(60, 400);
  let received = 0;
  const { host } = await startBombed(async (session) => {
    for await (const message of session) received += (message as Uint8Array).byteLength;
  });
  await using _ = host;
  using client = await openDeflating(host.port);
  using watch = new MemoryWatch(await retainedMemory());
  const one = compressed(zeros(1));
  await watch.during(sendSlowly(client, one, count));
  await within(
    until(() => received === count * MiB, 'all have come'),
    'the messages',
  );
  assert.ok(watch.retained < 8 * MiB, `${inMiB(watch.retained)} are held`);
  assert.ok(watch.resident() < 64 * MiB, `the process has grown by ${inMiB(watch.resident())}`);
});

async function sendSlowly(client: RawClient, frame: Uint8Array, count: number): Promise<void> {
  for (let sent = 0; sent < count; sent++) {
    client.send(frame);
    await turn();
  }
}

for (const [what, size] of [
  ['of 60 KiB', 60 * KiB],
  ['of a mebibyte', MiB],
] as const) {
  test(`bombs ${what} to a session that never reads are inflated as far as there is room`, async () => {
    const { host, codec } = await startBombed(idle);
    await using _ = host;
    using client = await openDeflating(host.port);
    using watch = new MemoryWatch(await retainedMemory());
    const one = compressed(deflated(new Uint8Array(size)));
    for (let sent = 0; sent < 2000; sent++) client.send(one);
    const session = await host.session();
    await until(() => session.counters.unread > 0, 'something waits');
    const unread = await standstill(() => session.counters.unread, 'what waits');
    assert.ok(unread <= ROOM + size + 64, `${unread} bytes wait`);
    assert.ok(codec.inflating.written <= ROOM + size + TURN, `${codec.inflating.written} bytes were inflated`);
    await watch.measure();
    assert.ok(watch.retained < 4 * MiB, `${inMiB(watch.retained)} are held`);
  });

  test(`bombs ${what} to a session that reads slowly are inflated as it reads`, async () => {
    const { host, codec } = await startBombed(idle);
    await using _ = host;
    using client = await openDeflating(host.port);
    const one = compressed(deflated(new Uint8Array(size)));
    for (let sent = 0; sent < 2000; sent++) client.send(one);
    const session = await host.session();
    for (let count = 1; count <= 20; count++) {
      assert.is(((await session.receive()) as Uint8Array).byteLength, size);
      await turn();
      const ahead = codec.inflating.written - count * size;
      assert.ok(ahead <= ROOM + size + TURN, `${ahead} bytes are inflated that nobody has read`);
      assert.ok(session.counters.unread <= ROOM + size + 64, `${session.counters.unread} bytes wait`);
    }
  });
}

test('a bomb of 200 MiB to a streamed session flows as its handler reads, and is never whole', async () => {
  const read: number[] = [];
  let unread = 0;
  const handler: StreamedHandler = async (session) => {
    for await (const message of session) {
      let bytes = 0;
      for await (const chunk of message) {
        bytes += chunk.byteLength;
        unread = Math.max(unread, session.counters.unread);
      }
      read.push(bytes);
    }
  };
  const { host } = await startStreaming(handler);
  await using _ = host;
  const mebibytes = sized(60, 200);
  using client = await openDeflating(host.port);
  using watch = new MemoryWatch(await retainedMemory());
  client.send(compressed(zeros(mebibytes)), close(1000));
  assert.is((await watch.during(client.untilClose())).code, 1000);
  assert.equal(read, [mebibytes * MiB]);
  assert.ok(unread <= ROOM + TURN, `${unread} bytes waited`);
  assert.ok(watch.retained < 4 * MiB, `${inMiB(watch.retained)} were held`);
  assert.ok(watch.resident() < 64 * MiB, `the process has grown by ${inMiB(watch.resident())}`);
});

test('a bomb to a streamed session whose handler never reads is inflated as far as there is room', async () => {
  let session: Session<unknown, StreamedMessage> | undefined;
  const handler: StreamedHandler = async (given) => {
    session = given;
    const message = await given.receive();
    const reader = message?.body.getReader();
    await reader?.read();
    await given.closed;
  };
  const { host, codec } = await startStreaming(handler);
  await using _ = host;
  using client = await openDeflating(host.port);
  client.send(compressed(bomb));
  await until(() => (session?.counters.unread ?? 0) > ROOM - TURN, 'it has come');
  const unread = await standstill(() => session?.counters.unread ?? 0, 'what waits');
  assert.ok(unread <= ROOM + 64 * KiB + 128, `${unread} bytes wait`);
  const inflated = codec.inflating.written;
  assert.ok(inflated <= ROOM + 3 * 64 * KiB, `${inflated} bytes were inflated`);
});

test('a streamed message that is collected is bounded by the limit: 1009', async () => {
  const handler: StreamedHandler = async (session) => {
    await (await session.receive())?.bytes();
  };
  const { host, codec } = await startStreaming(handler);
  await using _ = host;
  using client = await openDeflating(host.port);
  client.send(compressed(bomb));
  assert.is((await client.untilClose()).code, 1009);
  assert.ok(codec.inflating.written <= LIMIT + 2 * TURN);
});

test('a bomb to a session of frames ends with 1009 at the limit of a frame', async () => {
  const { host, codec } = await startBombed(echo, { raw: true } as object);
  await using _ = host;
  using client = await openDeflating(host.port);
  client.send(compressed(bomb));
  assert.is((await client.untilClose()).code, 1009);
  assert.ok(codec.inflating.written <= LIMIT + TURN);
});

test('while bombs are inflated another connection is answered: a few turns of each bomb lie in between', async () => {
  const handler: StreamedHandler = async (session) => {
    for await (const message of session) {
      if (message.type === 'text') await session.send(await message.text());
      else for await (const _ of message);
    }
  };
  const { host, codec } = await startStreaming(handler);
  await using _ = host;
  const bombers = [await openDeflating(host.port), await openDeflating(host.port)];
  using other = await openDeflating(host.port);
  for (const bomber of bombers) bomber.send(compressed(bomb));
  await until(() => codec.inflating.written > MiB, 'they are being inflated');
  let worst = 0;
  for (let count = 0; count < 20; count++) {
    const start = codec.inflating.written;
    other.send(text('hello'));
    assert.is(plain(await other.frame()).toString(), 'hello');
    worst = Math.max(worst, codec.inflating.written - start);
  }
  assert.ok(codec.inflating.written < 400 * MiB, 'the bombs were not over yet');
  // There and back it takes the sockets of this process some turns.
  assert.ok(worst <= 10 * bombers.length * TURN, `${inMiB(worst)} were inflated before an answer came`);
  assert.ok(codec.mostInTurn.written <= 2 * bombers.length * TURN, `${codec.mostInTurn.written} bytes in one turn`);
  for (const bomber of bombers) bomber.reset();
});

test('the server serves on, and nothing has escaped', async () => {
  await host.serves();
  await host.quiet();
  assert.equal(host.reported, []);
  await assertNothingEscaped();
});

test.run();
