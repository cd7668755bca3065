// Whatever the policy for slow consumers: a peer that does not read is cut in time, what is kept for it is bounded, and what arrives is in order.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { SendOptions, SlowConsumer } from '../../lib/connection/slow-consumer.ts';
import type { Session } from '../../lib/job/session.ts';
import { upgrade } from '../../lib/job/upgrade.ts';
import { defaultLimits } from '../../lib/limits.ts';
import { streams } from '../../lib/stream/streams.ts';
import { rejects } from '../support/check.ts';
import { turns } from '../support/clock.ts';
import { ByHand, closePayload, masked, watchEscapes } from '../support/pair.ts';
import { Random, runs, seed } from '../support/random.ts';
import { sized } from '../support/sized.ts';
import { outcome, stalled, texts } from '../support/stalled.ts';

const { seen } = watchEscapes();
const { queueSize, stallTimeout } = defaultLimits;
const policies = ['wait', 'fail', 'drop-newest', 'drop-oldest', 'latest', 'close'] as const;
const KiB = 1024;

const bounds = suite('slow consumers · bounds');

bounds('the stall time-out cuts the connection under every policy', async () => {
  for (const policy of policies) {
    const peer = await stalled(policy);
    const { session } = peer.job;
    await session.send('waits', { key: 1 });
    await peer.clock.turn(stallTimeout - 1);
    assert.is(peer.job.state, 'running', policy);
    await peer.clock.turn(1);
    const { closeCode, wasClean, initiator, error, abandoned } = await peer.job.closed;
    assert.equal([closeCode, wasClean, initiator], [1006, false, 'local']);
    assert.is((error as { code?: string }).code, 'ERR_WS_STALLED');
    assert.ok(abandoned.bytes >= 69 + 69, `${abandoned.bytes}`);
    assert.equal([peer.isInputCancelled, peer.clock.pending], [true, 0]);
    await rejects(session.send('late'), Error, 'ERR_WS_CLOSED');
  }
});

for (const policy of policies) {
  // An error is dearer than a message.
  const count = policy === 'fail' ? sized(10_000, 100_000) : sized(100_000, 1_000_000);
  bounds(`${policy}: ${count} sends to a peer that does not read keep no more than there is room for`, async () => {
    const never = (): Promise<never> => new Promise(() => {});
    const { ReadableStream, WritableStream } = streams();
    const [input, output] = [new ReadableStream({ pull: never }), new WritableStream({ write: never })];
    const { session } = upgrade(input, output, {}, undefined, { slowConsumer: policy });
    void session.send('stuck');
    await turns();
    const before = retained();
    let done = 0;
    for (; done < count; done++) {
      const sent = session.send(`message ${done}`, { key: done });
      if (policy !== 'wait' && policy !== 'close' && done % 10_000 !== 0) continue;
      const how = await outcome(sent);
      if (how === 'pending' || how === 'ERR_WS_CLOSED') break;
    }
    await turns();
    assert.ok(session.counters.queued < queueSize + 200, `${session.counters.queued} bytes wait`);
    const kept = retained() - before;
    assert.ok(kept < 2 * KiB * KiB, `${kept} bytes are kept`);
    const { dropped, messagesSent } = session.counters;
    assert.ok(messagesSent > 500);
    if (done === count && policy !== 'fail') assert.is(dropped.messages + messagesSent, count + 1);
    assert.is(done === count, !['wait', 'close'].includes(policy));
    session.job.cancel();
  });
}

bounds(`what arrives is what was sent, in order, less what was dropped (seed ${seed})`, async () => {
  const random = new Random();
  for (let run = 0; run < runs(30); run++) {
    const peer = new ByHand({ limits: { queueSize: 500, pingInterval: Number.POSITIVE_INFINITY } });
    const { session } = peer.job;
    const { taken, refused } = await sendAtRandom(peer, session, random);
    await peer.unblock();
    void session.close();
    await turns(40);
    const arrived = texts(peer).map(Number);
    assert.equal(
      arrived,
      [...arrived].sort((left, right) => left - right),
    );
    assert.equal([...new Set(arrived)].length, arrived.length);
    assert.is(arrived.length, taken - session.counters.dropped.messages);
    assert.is(session.counters.messagesSent, arrived.length);
    for (const index of refused) assert.not(arrived.includes(index));
    await peer.send(masked(0x88, closePayload(1000)));
    await peer.end();
    assert.ok((await peer.job.closed).wasClean);
  }
});

/** Sends 200 numbered messages by policies at random, while the peer reads now and then. */
async function sendAtRandom(
  peer: ByHand,
  session: Session,
  random: Random,
): Promise<{ taken: number; refused: number[] }> {
  const refused: number[] = [];
  let isBlocked = false;
  for (let index = 0; index < 200; index++) {
    const policy = random.pick(['wait', 'fail', 'drop-newest', 'drop-oldest', 'latest'] as const);
    const maxAge = policy === 'wait' || random.below(2) === 0 ? {} : { maxAge: 1 + random.below(50) };
    const slowConsumer: SlowConsumer = { policy, maxQueued: 1 + random.below(1000), ...maxAge };
    const options: SendOptions = { slowConsumer, key: random.below(4) };
    if ((await outcome(session.send(`${index}`, options))) === 'ERR_WS_QUEUE_FULL') refused.push(index);
    const step = random.below(12);
    if (step === 0 && !isBlocked) peer.block();
    if (step === 1) await peer.unblock();
    if (step < 2) isBlocked = step === 0;
    if (step === 2) await peer.clock.turn(random.below(60));
  }
  return { taken: 200 - refused.length, refused };
}

function retained(): number {
  globalThis.gc?.();
  globalThis.gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

bounds('nothing has escaped', async () => {
  await turns();
  assert.equal(seen, []);
});
bounds.run();
