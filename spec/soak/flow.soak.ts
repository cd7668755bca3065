// A gigabyte that is really moved: through an echo to a peer that reads slowly, and to a handler that reads slowly. Every byte is checked, and memory stays level.
// BYTES says how much for each.

import process from 'node:process';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Session } from '../../lib/job/session.ts';
import { GiB, inMiB, KiB, MemoryWatch, MiB, retainedMemory } from '../support/memory.ts';
import { numberedPayload } from '../support/numbered.ts';
import { type Offer, Offering } from '../support/offering.ts';
import { assertEnd, assertNothingEscaped, echo, endOf, startServer, type TestServer } from '../support/server.ts';

const test = suite('soak · flow');

const BYTES = Number(process.env['BYTES'] ?? GiB);
const BOUND = 600_000;

// Tiny messages cost more time than bytes: fewer bytes of them.
const sizes: readonly (readonly [string, number, number])[] = [
  ['64 bytes', 64, BYTES / 16],
  ['16 KiB', 16 * KiB, BYTES],
  ['1 MiB', MiB, BYTES],
];

const pipe = (session: Session): Promise<void> => session.readable.pipeTo(session.writable);

async function moveAll(
  what: string,
  host: TestServer,
  size: number,
  bytes: number,
  rest: Pick<Offer, 'reading' | 'isEchoed'>,
): Promise<void> {
  // A first connection, so that what is compiled and grown once is not counted.
  {
    using first = new Offering({ port: host.port, size, count: Math.ceil((32 * MiB) / size), ...rest });
    await host.session();
    await first.ended(BOUND);
  }
  const began = performance.now();
  using memory = new MemoryWatch(await retainedMemory());
  using peer = new Offering({ port: host.port, size, count: Math.floor(bytes / size), ...rest });
  const session = await host.session();
  const timer = setInterval(() => {
    const { bytesReceived } = session.counters;
    console.log(`progress: ${what}: ${inMiB(bytesReceived)} of ${inMiB(bytes)}, retained ${inMiB(memory.retained)}`);
  }, 5_000).unref();
  const end = await memory.during(peer.ended(BOUND));
  clearInterval(timer);
  assert.is(end.closeCode, 1000);
  assert.is(end.isComplete, true);
  assertEnd(await endOf(session), { wasClean: true, closeCode: 1000, error: undefined });
  const seconds = (performance.now() - began) / 1000;
  const growth = memory.resident(0.25) - memory.resident(0, 0.25);
  console.log(
    `${what}: ${inMiB(bytes)} in ${seconds.toFixed(1)} s, retained ${inMiB(memory.retained)}, resident ${inMiB(memory.resident())}`,
  );
  assert.ok(memory.retained < 8 * MiB, `${inMiB(memory.retained)} more are retained`);
  assert.ok(memory.resident() < 48 * MiB, `${inMiB(memory.resident())} more are resident`);
  assert.ok(growth < 16 * MiB, `resident memory has grown by ${inMiB(growth)} after the first quarter`);
}

for (const [name, size, bytes] of sizes) {
  for (const [how, handler] of [
    ['echo of a loop', echo],
    ['echo of a pipe', pipe],
  ] as const) {
    test(`peer that reads the ${how} slowly gets ${inMiB(bytes)} in messages of ${name}, every byte, in level memory`, async () => {
      await using host = await startServer(handler);
      await moveAll(`${how}, ${name}`, host, size, bytes, { reading: 'slowly', isEchoed: true });
    });
  }

  test(`handler that reads slowly gets ${inMiB(bytes)} in messages of ${name}, every byte, in level memory`, async () => {
    await using host = await startServer(async (session) => {
      const expected = numberedPayload(size, 0);
      let read = 0;
      let sincePause = 0;
      for await (const message of session) {
        expected.writeUInt32BE(read++, 0);
        if (Buffer.compare(message as Uint8Array, expected) !== 0) throw new Error(`Message ${read} is another`);
        sincePause += message.length;
        if (sincePause < 64 * KiB) continue;
        sincePause = 0;
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    });
    await moveAll(`slow handler, ${name}`, host, size, bytes, { reading: 'freely', isEchoed: false });
    assert.equal(host.reported, []);
  });
}

test('nothing has escaped in all of this', async () => {
  await assertNothingEscaped();
});

test.run();
