// What the specs of slow consumers share: a peer that reads no more, and how a send stands.

import type { SlowConsumer, SlowConsumerPolicy } from '../../lib/connection/slow-consumer.ts';
import { turns } from './clock.ts';
import { ByHand } from './pair.ts';
import { turn } from './until.ts';

/** A peer that has taken "first" and reads no more: a write is under way, and 1,000 bytes may wait. */
export async function stalled(slowConsumer: SlowConsumer | SlowConsumerPolicy = 'wait'): Promise<ByHand> {
  const given = typeof slowConsumer === 'string' ? { policy: slowConsumer } : slowConsumer;
  const peer = new ByHand({
    slowConsumer: { maxQueued: 1000, ...given },
    limits: { pingInterval: Number.POSITIVE_INFINITY },
  });
  await peer.job.session.send('first', { slowConsumer: 'wait' });
  await turns();
  peer.block();
  void peer.job.session.send('stuck', { slowConsumer: 'wait' });
  await turns();
  return peer;
}

/** The texts that the peer has got. */
export function texts(peer: ByHand): string[] {
  return peer.frames.filter(({ opcode }) => opcode === 1).map(({ payload }) => new TextDecoder().decode(payload));
}

/** How a promise stands after this turn: fulfilled, pending, or rejected with that code. */
export async function outcome(promise: Promise<unknown>): Promise<string> {
  let how = 'pending';
  promise.then(
    () => {
      how = 'fulfilled';
    },
    (error) => {
      how = (error as { code?: string }).code ?? String(error);
    },
  );
  await turn();
  return how;
}
