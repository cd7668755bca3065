// How much of something may pass a second: a token bucket that holds one second's worth. Time is handed in.

/** Counts what passes against a rate. */
export class Rate {
  readonly #rate: number;
  #tokens: number;
  #at: number;

  /** @param rate How much may pass a second: a finite number. */
  constructor(rate: number, now: number) {
    this.#rate = rate;
    this.#tokens = rate;
    this.#at = now;
  }

  /** What may still pass now; negative when too much has passed. */
  allowed(now: number): number {
    this.#tokens = Math.min(this.#rate, this.#tokens + ((now - this.#at) / 1000) * this.#rate);
    this.#at = now;
    return this.#tokens;
  }

  /** Notes what has passed, and gives what may still pass. */
  take(count: number, now: number): number {
    // First what has come back meanwhile: it is a second's worth at most, however long that was.
    this.#tokens = this.allowed(now) - count;
    return this.#tokens;
  }

  /** The milliseconds until one more may pass; 0 when it may now. */
  wait(now: number): number {
    return Math.max(0, Math.ceil(((Math.min(1, this.#rate) - this.allowed(now)) / this.#rate) * 1000));
  }
}

/** As the constructor; undefined for `Infinity`, where all may pass: most connections have no rate. */
export function createRate(rate: number, now: number): Rate | undefined {
  return rate === Number.POSITIVE_INFINITY ? undefined : new Rate(rate, now);
}
