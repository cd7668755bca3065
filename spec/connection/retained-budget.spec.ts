// The limit on what all connections retain together: whoever holds most goes first, and the others live.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Holder, RetainedBudget } from '../../lib/connection/retained-budget.ts';
import { throws } from '../support/check.ts';
import { Random } from '../support/random.ts';

const test = suite('retained budget');

/** Holds what it is told, and lets go of it when it is shed. */
class TestHolder implements Holder {
  reported: number | undefined;
  retained = 0;
  sheds = 0;
  asked = 0;
  readonly #budget: RetainedBudget;

  constructor(budget: RetainedBudget) {
    this.#budget = budget;
  }

  hold(bytes: number): this {
    this.retained = bytes;
    this.#budget.report(this);
    return this;
  }

  shed(): void {
    this.sheds++;
    this.retained = 0;
  }
}

function createHolders(limit: number, ...sizes: readonly number[]): { budget: RetainedBudget; holders: TestHolder[] } {
  const budget = new RetainedBudget(limit);
  return { budget, holders: sizes.map((size) => new TestHolder(budget).hold(size)) };
}

const sheds = (holders: readonly TestHolder[]): number[] => holders.map((holder) => holder.sheds);

test('exactly the limit may be held; one byte more sheds the one that holds most', () => {
  const { budget, holders } = createHolders(100, 20, 50, 30);
  assert.equal([budget.retained, sheds(holders)], [100, [0, 0, 0]]);
  holders[0]?.hold(21);
  assert.equal([budget.retained, sheds(holders)], [51, [0, 1, 0]]);
});

test('the one that holds most goes, not the one that has grown', () => {
  const { holders } = createHolders(100, 60, 10, 10, 10);
  holders[1]?.hold(21);
  assert.equal(sheds(holders), [1, 0, 0, 0]);
});

test('one that is over the limit all alone goes itself', () => {
  const { budget, holders } = createHolders(100, 1, 101);
  assert.equal([budget.retained, sheds(holders)], [1, [0, 1]]);
});

test('as many go as must, the largest first', () => {
  const { budget, holders } = createHolders(100, 40, 30, 20, 10);
  holders[3]?.hold(95);
  assert.equal([budget.retained, sheds(holders)], [90, [0, 0, 0, 1]]);
  for (const holder of holders.slice(0, 3)) holder.retained *= 3;
  holders[3]?.hold(20);
  // 120 + 90 + 60 + 20: two have to go.
  assert.equal([budget.retained, sheds(holders)], [80, [1, 1, 0, 1]]);
});

test('what was let go of since the last report is asked for before anybody is shed', () => {
  const { budget, holders } = createHolders(100, 50, 50);
  (holders[0] as TestHolder).retained = 1;
  holders[1]?.hold(90);
  assert.equal([budget.retained, sheds(holders)], [91, [0, 0]]);
});

test('what a connection held is gone when it has ended; a second end and an unknown one change nothing', () => {
  const { budget, holders } = createHolders(100, 50, 40);
  budget.remove(holders[0] as TestHolder);
  budget.remove(holders[0] as TestHolder);
  budget.remove(new TestHolder(budget));
  assert.is(budget.retained, 40);
  holders[1]?.hold(100);
  assert.equal(sheds(holders), [0, 0]);
});

test('one that lets go of nothing when it is shed is not asked for ever', () => {
  const budget = new RetainedBudget(100);
  let calls = 0;
  const stubborn: Holder = { reported: undefined, retained: 200, shed: () => void calls++ };
  budget.report(stubborn);
  assert.equal([calls, budget.retained], [1, 0]);
  budget.report(stubborn);
  assert.is(calls, 2);
});

test('one that reports while it is shed is counted, and nothing is shed twice for it', () => {
  const budget = new RetainedBudget(100);
  const other = new TestHolder(budget).hold(30);
  let calls = 0;
  const holder: Holder & { retained: number } = {
    reported: undefined,
    retained: 80,
    shed: () => {
      calls++;
      holder.retained = 10;
      budget.report(holder);
    },
  };
  budget.report(holder);
  assert.equal([calls, other.sheds, budget.retained], [1, 0, 40]);
});

test('the sum is exact after any reports, ends and sheds, and never over the limit', () => {
  const random = new Random();
  const budget = new RetainedBudget(1000);
  const holders = new Set<TestHolder>();
  for (let step = 0; step < 20_000; step++) {
    const holder = holders.size < 20 ? new TestHolder(budget) : random.pick([...holders]);
    holders.add(holder);
    if (random.below(20) === 0) {
      budget.remove(holder);
      holders.delete(holder);
    } else if (random.below(4) === 0) {
      holder.retained = random.below(holder.retained + 1);
    } else {
      holder.hold(random.below(200));
    }
    const sum = [...holders].reduce((total, { retained }) => total + retained, 0);
    assert.is(budget.retained, sum, `step ${step}`);
    assert.ok(sum <= 1000);
  }
});

test('a limit is a positive number; Infinity sheds nobody', () => {
  for (const limit of [0, -1, Number.NaN]) throws(() => new RetainedBudget(limit), RangeError);
  const { holders } = createHolders(Number.POSITIVE_INFINITY, 1e15, 1e15);
  assert.equal(sheds(holders), [0, 0]);
});

test.run();
