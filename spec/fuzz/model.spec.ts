// Two endpoints, joined by a line that fails, with random commands and faults, checked against what must always hold: every message that was sent arrives
// once, in order and intact, or the CloseInfo tells why it did not; both jobs settle in the time that the limits give; memory is bounded; nothing escapes; no
// timer is left.
//
// A run is drawn from two numbers, SEED and its own: 700 runs; 10,000 with BATTERY=whole; or as many as RUNS says, from run FIRST on. So a soak is a million
// runs in parts, each of which can be repeated and taken up where it was left:
//
//   SEED=7 FIRST=0 RUNS=100000 node --expose-gc --import tsx spec/fuzz/model.spec.ts
//   SEED=7 FIRST=100000 RUNS=100000 node --expose-gc --import tsx spec/fuzz/model.spec.ts
//
// A run that fails prints the command that repeats it alone, and the smallest plan that was found to fail too.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { check } from '../support/model.ts';
import { watchEscapes } from '../support/pair.ts';
import { runs, seed } from '../support/random.ts';
import { sized } from '../support/sized.ts';

const { seen } = watchEscapes();
const test = suite('fuzz · model');

const count = runs(sized(700, 10_000));
const first = Number(process.env['FIRST'] ?? 0);

/** The seed of one run: far from that of the next. */
function seedOf(run: number): number {
  return (Math.imul(run + 1, 0x9e37_79b1) ^ seed) >>> 0;
}

test(`what must hold holds in runs ${first} to ${first + count - 1}`, async () => {
  const ends = new Map<string, number>();
  for (let run = first; run < first + count; run++) {
    try {
      const outcome = await check(seedOf(run), seen);
      for (const end of outcome.ends) ends.set(end, (ends.get(end) ?? 0) + 1);
    } catch (error) {
      throw new Error(`SEED=${seed} FIRST=${run} RUNS=1 repeats this:\n${(error as Error).message}`);
    }
    if ((run - first) % 10_000 === 9_999) console.log(`${run + 1 - first} runs`);
  }
  if (process.env['ENDS'] !== undefined) console.log([...ends].sort((a, b) => b[1] - a[1]));
  // The runs are worth something only if they come to many ends.
  if (count >= 700) assert.ok(ends.size >= 15, `only ${ends.size} ends: ${[...ends.keys()].join(' · ')}`);
});

test.run();
