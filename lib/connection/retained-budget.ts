// What all connections of a server retain together, held under one limit. Each reports what it holds when that has grown; what it has let go of since is asked for
// only when the sum seems to be too much, so that a report costs next to nothing.

/** A connection, as the budget sees it. */
export interface Holder {
  /** What it retains now, in bytes. */
  readonly retained: number;
  /** The budget's own note: what it has reported last; undefined while it has reported nothing. */
  reported: number | undefined;
  /** Gives up: ends, and lets go of all that it holds. */
  shed(): void;
}

/**
 * A limit on the bytes that connections retain together: messages that wait unread or are not whole, output that was not taken. Over it the connection that holds most is
 * closed with 1013 (try again later), then the next, until the sum is below. Share one through `EngineContext.budget`.
 *
 * @example
 * const budget = new RetainedBudget(512 * 1024 * 1024);
 * const chat = await serve({ port: 8080, engineContext: { budget } }, handler);
 * const feed = await serve({ port: 8081, engineContext: { budget } }, handler);
 */
export class RetainedBudget {
  readonly #limit: number;
  // Those that have reported. What they have is noted on themselves: a report is made for each chunk and each message.
  readonly #holders = new Set<Holder>();
  #sum = 0;

  /**
   * @param limit In bytes.
   * @throws RangeError when it is no positive number.
   */
  constructor(limit: number) {
    if (!(limit > 0)) throw new RangeError(`Cannot make a budget of ${limit} bytes: the limit is no positive number`);
    this.#limit = limit;
  }

  /** What the connections retain together now, in bytes. */
  get retained(): number {
    this.#ask();
    return this.#sum;
  }

  /** What a connection holds may have grown. */
  report(holder: Holder): void {
    const now = holder.retained;
    const before = holder.reported;
    if (now === before) return;
    if (before === undefined) this.#holders.add(holder);
    holder.reported = now;
    this.#sum += now - (before ?? 0);
    if (this.#sum > this.#limit) this.#relieve();
  }

  /** A connection has ended. */
  remove(holder: Holder): void {
    if (!this.#holders.delete(holder)) return;
    this.#sum -= holder.reported ?? 0;
    holder.reported = undefined;
  }

  #relieve(): void {
    this.#ask();
    while (this.#sum > this.#limit) {
      const largest = this.#findLargest();
      if (largest === undefined) return;
      this.remove(largest);
      largest.shed();
    }
  }

  #ask(): void {
    this.#sum = 0;
    for (const holder of this.#holders) {
      holder.reported = holder.retained;
      this.#sum += holder.reported;
    }
  }

  #findLargest(): Holder | undefined {
    let largest: Holder | undefined;
    let most = 0;
    for (const holder of this.#holders) {
      if ((holder.reported ?? 0) <= most) continue;
      largest = holder;
      most = holder.reported ?? 0;
    }
    return largest;
  }
}
