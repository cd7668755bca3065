// Compressed data that is much work and comes to little, over a real socket: what a server does of it in one turn is bounded, so that other connections have theirs. Counted in bytes and
// calls, not timed.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { PermessageDeflate } from '../../lib/extension/permessage-deflate.ts';
import type { ServeOptions } from '../../lib/node.ts';
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

/** What a connection decodes in one turn (lib/job/intake.ts), and what may come with it: a turn here is as long as two that follow one another. */
const TURN = 2 * 128 * KiB;

async function counting(
  handler = echo,
  options: ServeOptions = {},
): Promise<{ host: TestServer; codec: CountingCodec }> {
  const codec = new CountingCodec();
  return { host: await startServer(handler, { extensions: [new PermessageDeflate(codec)], ...options }), codec };
}

const test = suite('conformance · threats of compression · work');

const size = MiB - 64;
const nothings: readonly (readonly [string, Uint8Array])[] = [
  ['stored blocks of length 0', EMPTY_STORED],
  ['blocks of fixed codes', hex('02 08 20 80 00')],
  ['blocks of dynamic codes, each with its header', emptyDynamicBlocks()],
  ['blocks with BFINAL', hex('03 00')],
  ['stored blocks with BFINAL', hex('01 00 00 ff ff')],
];

for (const [what, pattern] of nothings) {
  test(`KTOR-9333 a mebibyte of ${what} that hold nothing is an empty message, a bounded part of it each turn`, async () => {
    const { host, codec } = await counting();
    await using _ = host;
    using client = await openDeflating(host.port, ALONE);
    // A window that is full is what going on behind BFINAL costs most with.
    client.send(compressed(deflated('0123456789abcdef'.repeat(4 * KiB))));
    assert.is(plain(await client.frame()).byteLength, 64 * KiB);
    client.send(compressed(Buffer.concat([repeated(pattern, sized(size / 4, size)), Uint8Array.of(0)])));
    client.send(compressed(deflated('next')));
    assert.is((await client.frame()).payload.byteLength, 0);
    assert.is((await client.frame()).payload.toString(), 'next');
    const { read, written, resets, runs } = codec.mostInTurn;
    // Of a restart the window is read and written once more; it is counted with its 32 KiB.
    assert.ok(resets <= 2 * 4096, `${resets} resets in one turn`);
    assert.ok(read - resets * 32 * KiB <= TURN + 64 * KiB, `${read} bytes read in one turn`);
    assert.ok(written - resets * 32 * KiB <= TURN + 64 * KiB, `${written} bytes written in one turn`);
    assert.ok(runs <= 5 * 4096, `${runs} calls in one turn`);
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
