// The engine's clock on a command line. A slow reader of standard output holds the peer up: then its silence is nobody's fault, and time stands. And a peer that has much left
// to say before it answers a close frame is waited for as long as it goes on.

import type { Clock } from '../connection/context.ts';

interface Timer {
  readonly callback: () => void;
  readonly milliseconds: number;
  since: number;
  handle: NodeJS.Timeout | undefined;
}

export class PatientClock implements Clock {
  readonly #timers = new Set<Timer>();
  readonly #real: () => number;
  #heldSince: number | undefined;
  /** How long time has stood. */
  #held = 0;

  constructor(real: () => number = () => performance.now()) {
    this.#real = real;
  }

  now(): number {
    return (this.#heldSince ?? this.#real()) - this.#held;
  }

  setTimeout(callback: () => void, milliseconds: number): unknown {
    const timer: Timer = { callback, milliseconds, since: this.now(), handle: undefined };
    this.#timers.add(timer);
    if (this.#heldSince === undefined) this.#arm(timer);
    return timer;
  }

  clearTimeout(given: unknown): void {
    const timer = given as Timer | undefined;
    if (timer === undefined) return;
    this.#timers.delete(timer);
    clearTimeout(timer.handle);
  }

  /** Time stands, until {@link release}. */
  hold(): void {
    if (this.#heldSince !== undefined) return;
    this.#heldSince = this.#real();
    for (const timer of this.#timers) clearTimeout(timer.handle);
  }

  release(): void {
    if (this.#heldSince === undefined) return;
    this.#held += this.#real() - this.#heldSince;
    this.#heldSince = undefined;
    for (const timer of this.#timers) this.#arm(timer);
  }

  /** Something was received: what is being waited for has its whole time once more. */
  moved(): void {
    const now = this.now();
    for (const timer of this.#timers) timer.since = now;
  }

  #arm(timer: Timer): void {
    const left = Math.max(0, timer.since + timer.milliseconds - this.now());
    timer.handle = setTimeout(() => this.#fire(timer), Math.min(left, LONGEST_DELAY)).unref();
  }

  #fire(timer: Timer): void {
    // The platform may be early by a part of a millisecond.
    if (timer.since + timer.milliseconds - this.now() >= 1) return this.#arm(timer);
    this.#timers.delete(timer);
    timer.callback();
  }
}

// Beyond this (24.8 days) a timer of the platform fires at once.
const LONGEST_DELAY = 2 ** 31 - 1;
