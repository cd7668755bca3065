// The deadlines of all connections of a clock: each fires at its time and once, with one timer, whatever is set and cleared meanwhile.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Deadlines, type Due, deadlinesOf } from '../../lib/connection/deadlines.ts';
import { TestClock } from '../../lib/testing/test-clock.ts';
import { rejects } from '../support/check.ts';
import { Random, runs, seed } from '../support/random.ts';

const test = suite('deadlines');

class Note implements Due {
  dueAt = Number.POSITIVE_INFINITY;
  place = -1;
  readonly fired: number[] = [];
  readonly #clock: TestClock;

  constructor(clock: TestClock) {
    this.#clock = clock;
  }

  fire(): void {
    this.fired.push(this.#clock.now());
  }
}

function setup(count: number): { clock: TestClock; deadlines: Deadlines; notes: Note[] } {
  const clock = new TestClock();
  return { clock, deadlines: new Deadlines(clock), notes: Array.from({ length: count }, () => new Note(clock)) };
}

test('a clock has one collection of them', () => {
  const clock = new TestClock();
  assert.is(deadlinesOf(clock), deadlinesOf(clock));
  assert.is.not(deadlinesOf(clock), deadlinesOf(new TestClock()));
});

test('fires at its time, once, and knows when that was', async () => {
  const { clock, deadlines, notes } = setup(1);
  const [note] = notes as [Note];
  const start = clock.now();
  deadlines.set(note, start + 10);
  await clock.turn(9);
  assert.equal(note.fired, []);
  await clock.turn(100);
  assert.equal(note.fired, [start + 10]);
  assert.equal([note.dueAt, note.place], [start + 10, -1]);
});

test('what is set anew fires at the new time alone, earlier or later; what is cleared, or set for never, does not fire', async () => {
  const { clock, deadlines, notes } = setup(4);
  const [earlier, later, cleared, never] = notes as [Note, Note, Note, Note];
  const start = clock.now();
  for (const note of notes) deadlines.set(note, start + 10);
  deadlines.set(earlier, start + 5);
  deadlines.set(later, start + 20);
  deadlines.clear(cleared);
  deadlines.clear(cleared);
  deadlines.set(never, Number.POSITIVE_INFINITY);
  await clock.turn(100);
  assert.equal(
    notes.map(({ fired }) => fired),
    [[start + 5], [start + 20], [], []],
  );
});

test('there is one timer for all of them, and none where nothing is due', () => {
  const clock = new TestClock();
  const set = new Set<unknown>();
  const counted = {
    now: () => clock.now(),
    setTimeout: (callback: () => void, milliseconds: number) => {
      const timer = clock.setTimeout(callback, milliseconds);
      set.add(timer);
      return timer;
    },
    clearTimeout: (timer: unknown) => {
      set.delete(timer);
      clock.clearTimeout(timer);
    },
  };
  const deadlines = new Deadlines(counted);
  const notes = Array.from({ length: 100 }, () => new Note(clock));
  for (const [index, note] of notes.entries()) {
    deadlines.set(note, clock.now() + 1000 - index);
    assert.is(set.size, 1);
  }
  for (const note of notes) deadlines.clear(note);
  assert.is(set.size, 0);
});

test('one that throws does not keep the others from their time', async () => {
  const { clock, deadlines, notes } = setup(2);
  const [first, second] = notes as [Note, Note];
  first.fire = () => {
    throw new RangeError('no');
  };
  deadlines.set(first, clock.now() + 1);
  deadlines.set(second, clock.now() + 1);
  await rejects(clock.turn(10), RangeError);
  await clock.turn(10);
  assert.is(second.fired.length, 1);
});

test('whatever is set and cleared, each fires when a list that is searched would have it', async () => {
  const random = new Random(seed);
  for (let run = 0; run < runs(20); run++) {
    const { clock, deadlines, notes } = setup(30);
    const wanted = notes.map(() => [] as number[]);
    const due = new Map<number, number>();
    for (let step = 0; step < 60; step++) {
      const index = random.below(notes.length);
      const at = random.below(4) === 0 ? Number.POSITIVE_INFINITY : clock.now() + random.below(20);
      deadlines.set(notes[index] as Note, at);
      if (at === Number.POSITIVE_INFINITY) due.delete(index);
      else due.set(index, at);
      const until = clock.now() + random.below(4);
      await clock.turn(until - clock.now());
      for (const [which, time] of due) {
        if (time > until) continue;
        (wanted[which] as number[]).push(time);
        due.delete(which);
      }
    }
    assert.equal(
      notes.map(({ fired }) => fired),
      wanted,
    );
  }
});

test.run();
