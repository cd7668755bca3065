// What an open session holds while nothing happens: little, since what it needs is made when it is first needed, and shared where that can be.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { RetainedBudget } from '../../lib/connection/retained-budget.ts';
import type { Job } from '../../lib/job/job.ts';
import type { Session } from '../../lib/job/session.ts';
import { upgradeTransport } from '../../lib/job/upgrade.ts';
import type { Transport, TransportReceiver } from '../../lib/stream/transport.ts';
import { KiB, retainedMemory } from '../support/memory.ts';
import { masked } from '../support/pair.ts';
import { turns } from '../support/until.ts';

const test = suite('session · idle memory');

const COUNT = 500;

/** A transport that holds nothing. */
class Bare implements Transport {
  receiver: TransportReceiver | undefined;

  start(receiver: TransportReceiver): void {
    this.receiver = receiver;
  }

  pause(): void {}

  resume(): void {}

  write(): void {
    queueMicrotask(() => this.receiver?.writeTaken());
  }

  end(): void {}

  destroy(): void {
    queueMicrotask(() => this.receiver?.transportClosed());
  }
}

const loop = async (session: Session): Promise<void> => {
  for await (const message of session) await session.send(message);
};

const streams = async ({ readable, writable }: Session): Promise<void> => {
  const writer = writable.getWriter();
  const reader = readable.getReader();
  for (let { done, value } = await reader.read(); !done; { done, value } = await reader.read()) {
    await writer.write(value as string);
  }
};

const engineContext = { budget: new RetainedBudget(1024 * KiB * KiB) };

interface Opened {
  readonly transports: readonly Bare[];
  readonly jobs: readonly Job[];
}

/** Opens sessions, and lets each have that many messages. */
async function open(handler: (session: Session) => Promise<void>, messages: number): Promise<Opened> {
  const transports = Array.from({ length: COUNT }, () => new Bare());
  const jobs = transports.map((transport) => upgradeTransport(transport, engineContext, undefined, { handler }));
  await turns(3);
  for (let count = 0; count < messages; count++) {
    for (const { receiver } of transports) receiver?.chunkReceived(masked(0x82, 'hello'), true);
    await turns(3);
  }
  return { transports, jobs };
}

async function close({ transports, jobs }: Opened): Promise<void> {
  for (const { receiver } of transports) receiver?.transportClosed();
  await Promise.all(jobs.map((job) => job.closed));
}

/** What one of them holds, in bytes. The code and the shapes that all share are there before. */
async function measure(handler: (session: Session) => Promise<void>, messages: number): Promise<number> {
  await close(await open(handler, messages));
  const first = await open(handler, messages);
  const before = await retainedMemory();
  const opened = await open(handler, messages);
  const held = ((await retainedMemory()) - before) / COUNT;
  await close(opened);
  await close(first);
  return held;
}

// A quarter more than was measured, with what the handler itself holds: about 1 KiB of a loop; of two streams 5 KiB on Node 24, and 8 on Node 20.
for (const [what, handler, messages, most] of [
  ['whose loop waits for its first message', loop, 0, 3.5],
  ['whose loop waits for its next message', loop, 2, 5],
  ['with both streams open', streams, 0, 13],
] as const) {
  test(`session ${what} holds at most ${most} KiB`, async () => {
    const held = await measure(handler, messages);
    assert.ok(held > 0 && held <= most * KiB, `${Math.round(held)} bytes are held`);
  });
}

test.run();
