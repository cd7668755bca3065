// The times that are due of all connections of a clock, in one place with one timer: a timer for each connection would hold some 250 bytes of it, with what it calls.

import type { Clock } from './context.ts';

/** Something that is due at a time. */
export interface Due {
  /** When, in the clock's time. Changed only by {@link Deadlines.set}. */
  dueAt: number;
  /** Its place among the others, which is theirs to note; -1 while it has none. */
  place: number;
  /** Called when its time has come; it has no place then. */
  fire(): void;
}

const allDeadlines = new WeakMap<Clock, Deadlines>();

/** Those of a clock. */
export function deadlinesOf(clock: Clock): Deadlines {
  let deadlines = allDeadlines.get(clock);
  if (deadlines === undefined) {
    deadlines = new Deadlines(clock);
    allDeadlines.set(clock, deadlines);
  }
  return deadlines;
}

/** A binary heap, the earliest first: to set or clear one of n takes log n steps. */
export class Deadlines {
  readonly #clock: Clock;
  readonly #heap: Due[] = [];
  #timer: unknown;
  #timerAt = Number.POSITIVE_INFINITY;
  #isFiring = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Sees to it that it fires at that time, and at no other. `Infinity`: never. */
  set(due: Due, dueAt: number): void {
    const before = due.dueAt;
    due.dueAt = dueAt;
    if (dueAt === Number.POSITIVE_INFINITY) return this.#remove(due);
    if (due.place < 0) {
      due.place = this.#heap.push(due) - 1;
      this.#rise(due);
    } else if (dueAt < before) {
      this.#rise(due);
    } else {
      this.#sink(due);
    }
    this.#arm();
  }

  /** It does not fire any more. */
  clear(due: Due): void {
    this.set(due, Number.POSITIVE_INFINITY);
  }

  #remove(due: Due): void {
    const { place } = due;
    if (place < 0) return;
    const last = this.#heap.pop() as Due;
    due.place = -1;
    if (last !== due) {
      this.#put(last, place);
      this.#rise(last);
      this.#sink(last);
    }
    this.#arm();
  }

  #put(due: Due, place: number): void {
    this.#heap[place] = due;
    due.place = place;
  }

  #rise(due: Due): void {
    let { place } = due;
    while (place > 0) {
      const above = this.#heap[(place - 1) >> 1] as Due;
      if (above.dueAt <= due.dueAt) break;
      const next = above.place;
      this.#put(above, place);
      place = next;
    }
    this.#put(due, place);
  }

  #sink(due: Due): void {
    const heap = this.#heap;
    let { place } = due;
    for (;;) {
      let below = heap[2 * place + 1];
      const other = heap[2 * place + 2];
      if (below !== undefined && other !== undefined && other.dueAt < below.dueAt) below = other;
      if (below === undefined || below.dueAt >= due.dueAt) break;
      const next = below.place;
      this.#put(below, place);
      place = next;
    }
    this.#put(due, place);
  }

  // A timer that fires too early costs less than one that is set anew for each change: only an earlier time sets it, and none at all ends it.
  #arm(): void {
    if (this.#isFiring) return;
    const first = this.#heap[0];
    if (first === undefined) return this.#disarm();
    if (first.dueAt >= this.#timerAt) return;
    this.#disarm();
    this.#timerAt = first.dueAt;
    this.#timer = this.#clock.setTimeout(() => this.#fire(), Math.max(0, first.dueAt - this.#clock.now()));
  }

  #disarm(): void {
    if (this.#timerAt !== Number.POSITIVE_INFINITY) this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#timerAt = Number.POSITIVE_INFINITY;
  }

  #fire(): void {
    this.#timer = undefined;
    this.#timerAt = Number.POSITIVE_INFINITY;
    const now = this.#clock.now();
    this.#isFiring = true;
    try {
      for (let first = this.#heap[0]; first !== undefined && first.dueAt <= now; first = this.#heap[0]) {
        this.#remove(first);
        first.fire();
      }
    } finally {
      this.#isFiring = false;
      this.#arm();
    }
  }
}
