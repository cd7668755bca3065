// Connections that live and end in every way, round after round: the heap stays flat. ROUNDS says how many rounds of CONNECTIONS.

import process from 'node:process';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { inMiB, KiB, retainedMemory } from '../support/memory.ts';
import { assertNothingEscaped } from '../support/server.ts';
import { Town } from '../support/town.ts';

const test = suite('soak · life');

const ROUNDS = Number(process.env['ROUNDS'] ?? 20);
const CONNECTIONS = Number(process.env['CONNECTIONS'] ?? 5_000);

test(`${ROUNDS} rounds of ${CONNECTIONS} connections that live and end in every way leave the heap flat`, async () => {
  await using town = await new Town().open();
  const retained: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    await town.live(round * CONNECTIONS, (round + 1) * CONNECTIONS);
    await town.settle();
    retained.push(await retainedMemory());
    const growth = (retained.at(-1) as number) - (retained[0] as number);
    console.log(`progress: ${(round + 1) * CONNECTIONS} connections, ${inMiB(growth)} more than after the first round`);
    town.shared.reported.length = 0;
  }
  // The first half is for what is compiled and grown, V8's own lists of that included: it levels off behind some 40,000 connections. In the other half 15 bytes of each
  // of 50,000 would be more than this.
  const half = retained.slice(Math.floor(ROUNDS / 2));
  const growth = Math.max(...half) - (half[0] as number);
  assert.ok(growth < 768 * KiB, `${inMiB(growth)} more are retained`);
  await town.close();
});

test('nothing has escaped in all of this', async () => {
  await assertNothingEscaped();
});

test.run();
