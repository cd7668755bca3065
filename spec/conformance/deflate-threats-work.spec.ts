// Compressed data that is much work and comes to little, over a real socket: what a server does of it in one turn is bounded, so that other connections have theirs. Counted in bytes and
// calls, not timed.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { PermessageDeflate } from '../../lib/extension/permessage-deflate.ts';
import { permessageDeflate, type ServeOptions, upgrade } from '../../lib/node.ts';
import { agree } from '../../lib/testing/agree.ts';
import { CountingCodec } from '../support/counting-codec.ts';
import {
  compressed,
  deflated,
  EMPTY_STORED,
  emptyDynamicBlocks,
  openDeflating,
  repeated,
} from '../support/deflate-by-hand.ts';
import { ALONE, plain } from '../support/deflate-exchange.ts';
import { hex } from '../support/hex.ts';
import { KiB, MiB } from '../support/memory.ts';
import { ping } from '../support/raw-client.ts';
import { assertNothingEscaped, echo, startServer, type TestServer } from '../support/server.ts';
import { sized } from '../support/sized.ts';
import { turn } from '../support/until.ts';

/** What a connection decodes in one go, and what it reads without a pause where chunks are decoded as they come (lib/connection/intake.ts). */
const TURN = 128 * KiB;
const READ = MiB;

async function counting(
  handler = echo,
  options: ServeOptions = {},
): Promise<{ host: TestServer; codec: CountingCodec }> {
  const codec = new CountingCodec();
  return { host: await startServer(handler, { extensions: [new PermessageDeflate(codec)], ...options }), codec };
}

/** Asserts that no turn was longer than it may be. */
function assertTurns({ mostInTurn: { read, written, resets, runs } }: CountingCodec): void {
  // Going on behind BFINAL is a reset, behind which the window is read and written once more, with its 32 KiB.
  assert.ok(resets <= 2 * 4096, `${resets} resets in one turn`);
  assert.ok(read - resets * 33 * KiB <= READ + TURN, `${read} bytes read in one turn`);
  assert.ok(written - resets * 32 * KiB <= 2 * TURN, `${written} bytes written in one turn`);
  assert.ok(runs <= 5 * 2 * 4096, `${runs} calls in one turn`);
}

const test = suite('conformance · threats of compression · work');

const kibibytes = sized(160, 1024);
const size = kibibytes * KiB - 64;
const nothings: readonly (readonly [string, Uint8Array])[] = [
  ['stored blocks of length 0', EMPTY_STORED],
  ['blocks of fixed codes', hex('02 08 20 80 00')],
  ['blocks of dynamic codes, each with its header', emptyDynamicBlocks()],
  ['blocks with BFINAL', hex('03 00')],
  ['stored blocks with BFINAL', hex('01 00 00 ff ff')],
];

for (const [what, pattern] of nothings) {
  test(`KTOR-9333 ${kibibytes} KiB of ${what} that hold nothing is an empty message, a bounded part of it each turn`, async () => {
    const { host, codec } = await counting();
    await using _ = host;
    using client = await openDeflating(host.port, ALONE);
    // A window that is full is what going on behind BFINAL costs most with.
    client.send(compressed(deflated('0123456789abcdef'.repeat(4 * KiB))));
    assert.is(plain(await client.frame()).byteLength, 64 * KiB);
    client.send(compressed(Buffer.concat([repeated(pattern, size), Uint8Array.of(0)])));
    client.send(compressed(deflated('next')));
    assert.is((await client.frame()).payload.byteLength, 0);
    assert.is((await client.frame()).payload.toString(), 'next');
    assertTurns(codec);
  });
}

for (const [what, pattern] of nothings) {
  test(`a chunk of ${kibibytes} KiB of ${what} from a foreign stream is decoded a part a turn`, async () => {
    const codec = new CountingCodec();
    const { server: extensions } = agree([new PermessageDeflate(codec)], [permessageDeflate()]);
    const frames = [
      deflated('0123456789abcdef'.repeat(4 * KiB)),
      Buffer.concat([repeated(pattern, size), Uint8Array.of(0)]),
    ];
    const chunk = Buffer.concat(frames.map((payload) => compressed(payload)));
    const input = new ReadableStream<Uint8Array>({ start: (controller) => controller.enqueue(chunk) });
    const job = upgrade(input, new WritableStream(), undefined, undefined, { extensions, limits: { closeTimeout: 0 } });
    const session = await job.session;
    assert.is(((await session.receive()) as Uint8Array).byteLength, 64 * KiB);
    let isDecoded = false;
    const decoded = session.receive().then((message) => {
      isDecoded = true;
      return message as Uint8Array;
    });
    let count = 0;
    for (; !isDecoded; count++) await turn();
    assert.is((await decoded).byteLength, 0);
    assert.ok(count >= Math.floor(kibibytes / 128), `${count} turns`);
    assertTurns(codec);
    await job.cancel();
  });
}

test('the server does not spin on data without progress: truncated headers wait, and cost nothing', async () => {
  const { host, codec } = await counting();
  await using _ = host;
  for (const start of ['04', '05', 'fd ff', '00 05', '00 05 00 fa', '02', '4a']) {
    using client = await openDeflating(host.port);
    client.send(compressed(hex(start), { fin: false }));
    const before = codec.inflating.runs;
    for (let count = 0; count < 50; count++) {
      client.send(ping(`${count}`));
      assert.is((await client.frame()).payload.toString(), `${count}`);
    }
    assert.ok(codec.inflating.runs - before <= 4, `${codec.inflating.runs - before} calls`);
  }
});

test('the server serves on, and nothing has escaped', async () => {
  await using host = await startServer();
  await host.serves();
  await assertNothingEscaped();
});

test.run();
