// Backpressure as a figure: what a server holds in memory while a peer, in a process of its own, offers it a gigabyte and nobody reads, or reads slowly.

import { ReadableStream as NativeReadableStream } from 'node:stream/web';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Session } from '../../lib/job/session.ts';
import { GiB, inMiB, KiB, MemoryWatch, MiB, retainedMemory } from '../support/memory.ts';
import { numberedPayload } from '../support/numbered.ts';
import { type Offer, Offering, type Progress } from '../support/offering.ts';
import { assertEnd, assertNothingEscaped, echo, endOf, startServer, type TestServer } from '../support/server.ts';
import { sized } from '../support/sized.ts';

const test = suite('node-server · backpressure, measured');

const sizes: readonly (readonly [string, number])[] = [
  ['64 bytes', 64],
  ['16 KiB', 16 * KiB],
  ['1 MiB', MiB],
];

// The quick suite holds peers up with the shortest and the longest, has echoes read slowly in those between, and the cheap handler that reads in the others.
const isBetween = (size: number): boolean => size === 16 * KiB;
const heldUp = sized(
  sizes.filter(([, size]) => !isBetween(size)),
  sizes,
);

const pipe = (session: Session): Promise<void> => session.readable.pipeTo(session.writable);

const echoes: readonly (readonly [string, (session: Session) => Promise<unknown>])[] = [
  ['echo of a loop', echo],
  ['echo of a pipe', pipe],
];

const deaf: readonly (readonly [string, (session: Session) => Promise<unknown>])[] = [
  ['handler that never reads', (session) => session.closed],
  ['handler that makes its readable and never reads', (session) => session.readable && session.closed],
];

function offer(host: TestServer, size: number, bytes: number, rest: Pick<Offer, 'reading' | 'isEchoed'>): Offering {
  return new Offering({ port: host.port, size, count: Math.floor(bytes / size), ...rest });
}

// What is retained is counted from here, over all tests of this file: after a connection of each kind, so that what is loaded and compiled once is not counted.
let retainedBefore = 0;

test.before(async () => {
  for (const [, handler] of echoes) {
    await using host = await startServer(handler);
    using peer = offer(host, 16 * KiB, 8 * MiB, { reading: 'freely', isEchoed: true });
    await peer.ended();
  }
  retainedBefore = await retainedMemory();
});

// The `pipeTo` of web-streams-polyfill 4.3.0 keeps two promises for each write that had to wait, until the pipe ends; later versions do not
// (MattiasBuelens/web-streams-polyfill#217). It is the pipe's, not the session's: what it costs is allowed where such a pipe runs.
const isPolyfilled = globalThis.ReadableStream !== NativeReadableStream;
const KEPT_BY_A_WRITE = 128;

function assertFlat(what: string, memory: MemoryWatch, keptByPipe: number): void {
  console.log(`memory: ${what}: retained ${inMiB(memory.retained)}, resident ${inMiB(memory.resident())}`);
  assert.ok(memory.retained < 8 * MiB + keptByPipe, `${inMiB(memory.retained)} more are retained`);
  assert.ok(memory.resident() < 48 * MiB, `${inMiB(memory.resident())} more are resident`);
}

// --- Held up ---------------------------------------------------------------------------------------------------------

async function assertHeldUp(
  what: string,
  handler: (session: Session) => unknown,
  size: number,
  rest: Pick<Offer, 'reading' | 'isEchoed'>,
): Promise<void> {
  await using host = await startServer(handler, { limits: { closeTimeout: 100 } });
  using memory = new MemoryWatch(retainedBefore);
  using peer = offer(host, size, GiB, rest);
  const session = await host.session();
  const taken = await peer.heldUp(() => session.counters.bytesReceived);
  // Far from 1 GiB: what the server took, and what the system keeps for the two sockets.
  assert.ok(taken < 64 * MiB, `${inMiB(taken)} were taken from the peer`);
  await memory.measure();
  const keptByPipe = handler === pipe && isPolyfilled ? session.counters.messagesReceived * KEPT_BY_A_WRITE : 0;
  assertFlat(`${what} (${inMiB(taken)} of 1 GiB were taken)`, memory, keptByPipe);
  assert.is(session.job.state, 'running');
  session.job.cancel();
  await endOf(session);
}

for (const [name, size] of heldUp) {
  for (const [how, handler] of echoes) {
    test(`peer that offers 1 GiB in messages of ${name} to an ${how} and never reads is held up in flat memory`, async () => {
      await assertHeldUp(`${how}, never read, ${name}`, handler, size, { reading: 'never', isEchoed: true });
    });
  }

  for (const [how, handler] of deaf) {
    test(`peer that offers 1 GiB in messages of ${name} to a ${how} is held up in flat memory`, async () => {
      await assertHeldUp(`${how}, ${name}`, handler, size, { reading: 'freely', isEchoed: false });
    });
  }
}

// --- A slow reader ---------------------------------------------------------------------------------------------------

/** Asserts that all came through, that what is retained was little all the time, and that the resident memory did not go on to grow. */
async function assertLevel(
  what: string,
  session: Session,
  peer: Offering,
  memory: MemoryWatch,
  isPipe: boolean,
): Promise<Progress> {
  const end = await memory.during(peer.ended(), sized(200, 100));
  assert.is(end.closeCode, 1000);
  assertEnd(await endOf(session), { wasClean: true, closeCode: 1000, error: undefined });
  const growth = memory.resident(0.5) - memory.resident(0, 0.5);
  assert.ok(growth < 16 * MiB, `resident memory has grown by ${inMiB(growth)} in the second half`);
  assertFlat(what, memory, isPipe && isPolyfilled ? session.counters.messagesReceived * KEPT_BY_A_WRITE : 0);
  return end;
}

for (const [name, size] of sizes) {
  // The second half alone is over what the resident memory may grow by in it.
  const bytes = (size < KiB ? sized(8, 12) : sized(40, 64)) * MiB;
  for (const [how, handler] of sized(isBetween(size), true) ? echoes : []) {
    test(`peer that reads the ${how} slowly gets every byte of ${inMiB(bytes)} in order, in messages of ${name}, in level memory`, async () => {
      await using host = await startServer(handler);
      using memory = new MemoryWatch(retainedBefore);
      using peer = offer(host, size, bytes, { reading: 'slowly', isEchoed: true });
      const end = await assertLevel(
        `${how}, read slowly, ${name}`,
        await host.session(),
        peer,
        memory,
        handler === pipe,
      );
      assert.ok(end.isComplete);
    });
  }

  if (sized(isBetween(size), false)) continue;
  test(`handler that reads slowly gets every byte of ${inMiB(bytes)} in order, in messages of ${name}, in level memory`, async () => {
    const seen = { read: 0, wrong: 0 };
    await using host = await startServer((session) => readSlowly(session, size, seen));
    using memory = new MemoryWatch(retainedBefore);
    using peer = offer(host, size, bytes, { reading: 'freely', isEchoed: false });
    await assertLevel(`slow handler, ${name}`, await host.session(), peer, memory, false);
    assert.equal(seen, { read: Math.floor(bytes / size), wrong: 0 });
  });
}

async function readSlowly(session: Session, size: number, seen: { read: number; wrong: number }): Promise<void> {
  const expected = numberedPayload(size, 0);
  let sincePause = 0;
  for await (const message of session) {
    expected.writeUInt32BE(seen.read++, 0);
    if (Buffer.compare(message as Uint8Array, expected) !== 0) seen.wrong++;
    sincePause += message.length;
    if (sincePause < 64 * KiB) continue;
    sincePause = 0;
    // A pace, not a wait: slower than what the peer offers.
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

test('the measure shows a handler that keeps what it reads', async () => {
  const kept: unknown[] = [];
  await using host = await startServer(async (session) => {
    for await (const message of session) kept.push(message);
  });
  using memory = new MemoryWatch(retainedBefore);
  using peer = offer(host, 16 * KiB, 128 * MiB, { reading: 'freely', isEchoed: false });
  await peer.ended();
  await memory.measure();
  assert.ok(memory.retained > 120 * MiB, `${inMiB(memory.retained)} more are retained`);
  assert.ok(memory.resident() > 48 * MiB, `${inMiB(memory.resident())} more are resident`);
  assert.is(kept.length, 8192);
});

test('nothing has escaped in all of this', async () => {
  await assertNothingEscaped();
});

test.run();
