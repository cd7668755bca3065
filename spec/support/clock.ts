// A clock that the test turns: no spec sleeps where time matters.

import type { Clock } from '../../lib/job/context.ts';

interface Timer {
  readonly at: number;
  readonly callback: () => void;
}

export class TestClock implements Clock {
  #now = 0;
  readonly #timers = new Set<Timer>();

  now(): number {
    return this.#now;
  }

  setTimeout(callback: () => void, milliseconds: number): unknown {
    const timer = { at: this.#now + milliseconds, callback };
    this.#timers.add(timer);
    return timer;
  }

  clearTimeout(timer: unknown): void {
    this.#timers.delete(timer as Timer);
  }

  /** Timers that have not come to their end. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Lets time pass: timers fire in their order, and what they cause happens before this fulfils. */
  async turn(milliseconds: number): Promise<void> {
    const end = this.#now + milliseconds;
    await turns();
    for (;;) {
      const due = [...this.#timers].filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#now = due.at;
      this.#timers.delete(due);
      due.callback();
      await turns();
    }
    this.#now = end;
  }
}

/** Lets all that is ready happen: some turns of the event loop. */
export async function turns(count = 8): Promise<void> {
  for (let index = 0; index < count; index++) await new Promise((resolve) => setImmediate(resolve));
}
