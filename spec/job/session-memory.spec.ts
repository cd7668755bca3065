// What a session keeps of the messages that have passed it: nothing, also when it never comes to rest.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Session } from '../../lib/job/session.ts';
import { join } from '../support/hex.ts';
import { inMiB, MiB, retainedMemory } from '../support/memory.ts';
import { ByHand, masked } from '../support/pair.ts';
import { sized } from '../support/sized.ts';

const test = suite('session · memory');

const BATCH = 400;
const ROUNDS = sized(500, 1500);

const readers: readonly (readonly [string, (session: Session) => () => Promise<unknown>])[] = [
  ['receive', (session) => () => session.receive()],
  [
    'the reader of its readable',
    (session) => {
      const reader = session.readable.getReader();
      return () => reader.read();
    },
  ],
];

for (const [how, read] of readers) {
  test(`session that always has something unread, and is read by ${how}, keeps nothing of what has been read`, async () => {
    const byHand = new ByHand();
    const next = read(byHand.job.session);
    const batch = join(...Array.from({ length: BATCH }, () => masked(0x82, 'x')));
    for (let count = 0; count < 4; count++) await byHand.send(batch);
    const before = await retainedMemory();
    for (let round = 0; round < ROUNDS; round++) {
      await byHand.send(batch);
      for (let index = 0; index < BATCH; index++) await next();
    }
    assert.ok(byHand.job.session.counters.unread > 0);
    const kept = (await retainedMemory()) - before;
    // 200,000 messages at least: eight bytes of each would be over 1.5 MiB.
    assert.ok(kept < MiB, `${inMiB(kept)} are kept`);
    byHand.job.cancel();
    await byHand.end();
    await byHand.job.closed;
  });
}

test.run();
