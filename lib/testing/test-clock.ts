// A clock that the test turns: nothing sleeps, and time passes only when it is told to.

import type { Clock } from '../connection/context.ts';
import { turns } from './turns.ts';

interface Timer {
  readonly at: number;
  readonly callback: () => void;
}

/** So many turns in which nothing moves are rest. */
const QUIET_TURNS = 8;

/** What never rests (two sides that send without end) is left to itself after so many turns. */
const MOST_TURNS = 1_000;

/**
 * Time that stands still until it is turned. Give it to an engine context as its `clock`, and keepalive, time-outs and limits of the engine happen when the
 * test says so, in no time. It uses no timer of the wall clock, so fake timers of a test framework do not disturb it.
 *
 * @example
 * const clock = new TestClock();
 * const job = upgrade(readable, writable, { clock }, undefined, { handler });
 * void job.session.close();
 * await clock.turn(5_000); // the close time-out: the peer never answers
 * const { error } = await job.closed;
 */
export class TestClock implements Clock {
  #now = 0;
  #made = 0;
  readonly #timers = new Set<Timer>();
  readonly #watched = new Set<() => number>();

  /** Milliseconds since the clock was made, all of them turned. */
  now(): number {
    return this.#now;
  }

  /** Calls back once, when the clock has been turned by that many milliseconds. */
  setTimeout(callback: () => void, milliseconds: number): unknown {
    const timer = { at: this.#now + Math.max(0, milliseconds), callback };
    this.#timers.add(timer);
    this.#made++;
    return timer;
  }

  /** Calls a timer off. */
  clearTimeout(timer: unknown): void {
    this.#timers.delete(timer as Timer);
  }

  /** Timers that have not come to their end. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Milliseconds until the next timer fires; undefined when there is none. */
  get next(): number | undefined {
    const timer = this.#first();
    return timer === undefined ? undefined : Math.max(0, timer.at - this.#now);
  }

  /** Lets time pass: timers fire in their order, each at its moment, and what they cause happens before this fulfils. */
  async turn(milliseconds: number): Promise<void> {
    if (!(milliseconds >= 0)) throw new RangeError(`Cannot turn the clock by ${milliseconds} ms`);
    const end = this.#now + milliseconds;
    await this.settled();
    for (let timer = this.#first(); timer !== undefined && timer.at <= end; timer = this.#first()) {
      this.#fire(timer);
      await this.settled();
    }
    this.#now = Math.max(this.#now, end);
  }

  /**
   * Lets time pass from timer to timer until the promise has settled, and gives what it gives.
   *
   * @param most How many milliseconds that may take. Default: an hour (3,600,000).
   * @throws Error when no timer is left, or none before that time, and the promise is still pending.
   */
  async turnUntil<T>(promise: PromiseLike<T>, most = 3_600_000): Promise<T> {
    let isSettled = false;
    const note = (): void => {
      isSettled = true;
    };
    promise.then(note, note);
    const end = this.#now + most;
    for (;;) {
      await this.settled();
      if (isSettled) return promise;
      const timer = this.#first();
      if (timer === undefined) throw new Error('The clock was turned in vain: no timer is left');
      if (timer.at > end) throw new Error(`The clock was turned in vain by ${most} ms`);
      this.#fire(timer);
    }
  }

  /**
   * Lets all that is ready happen, without letting time pass: fulfils when for some turns of the event loop no timer was set and nothing that is
   * {@link watch | watched} has changed. What never rests is left to itself after 1,000 turns.
   */
  async settled(): Promise<void> {
    let before = this.#progress();
    for (let all = 0, quiet = 0; all < MOST_TURNS && quiet < QUIET_TURNS; all++) {
      await turns(1);
      const progress = this.#progress();
      quiet = progress === before ? quiet + 1 : 0;
      before = progress;
    }
  }

  /**
   * Makes {@link settled} wait for something else too: as long as the number changes, things are moving. Lines and pairs do this by themselves. Gives a
   * function that takes it back.
   */
  watch(progress: () => number): () => void {
    const watched = (): number => progress();
    this.#watched.add(watched);
    return () => void this.#watched.delete(watched);
  }

  #progress(): number {
    let sum = this.#made;
    for (const progress of this.#watched) sum += progress();
    return sum;
  }

  // The earliest, and of those with the same time the one that was set first.
  #first(): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers) if (first === undefined || timer.at < first.at) first = timer;
    return first;
  }

  #fire(timer: Timer): void {
    this.#timers.delete(timer);
    this.#now = Math.max(this.#now, timer.at);
    timer.callback();
  }
}
