// Whether the peer is still there, RFC 6455 §5.5.2: "A Ping frame may serve either as a keepalive or as a means to verify that the remote endpoint is still
// responsive." Time is handed in; whoever runs it arms the timers and sends the pings.

/** What is to be done. */
export type Verdict = 'wait' | 'ping' | 'dead';

/**
 * A ping is due when nothing has come for the interval; the peer is dead when nothing has come for the time-out behind it. Any byte is life. While nobody reads what
 * comes, nothing is judged, and time starts anew with reading.
 *
 * @example
 * const keepalive = new Keepalive(20_000, 20_000, performance.now());
 * const verdict = keepalive.judge(performance.now()); // 'ping' when it is time for one, 'dead' when none was answered
 */
export class Keepalive {
  readonly #interval: number;
  readonly #timeout: number;
  #heardAt: number;
  /** Undefined while no ping is out; Infinity while it waits to be taken by the transport. */
  #pingedAt: number | undefined;

  /** @param interval In milliseconds, as `timeout` and all moments. `Infinity`: no pings. */
  constructor(interval: number, timeout: number, now: number) {
    this.#interval = interval;
    this.#timeout = timeout;
    this.#heardAt = now;
  }

  /** Something has come, or time starts anew. */
  heard(now: number): void {
    this.#heardAt = now;
    this.#pingedAt = undefined;
  }

  /** The transport has taken the ping: now the peer may be expected to answer. */
  pingTaken(now: number): void {
    if (this.#pingedAt === Number.POSITIVE_INFINITY) this.#pingedAt = now;
  }

  /** When there will be something to judge; Infinity when not before the next call of a method. */
  get deadline(): number {
    return this.#pingedAt === undefined ? this.#heardAt + this.#interval : this.#pingedAt + this.#timeout;
  }

  /** To be asked at the {@link deadline}. 'ping' is said once: it is out from then on. */
  judge(now: number): Verdict {
    if (now < this.deadline) return 'wait';
    if (this.#pingedAt !== undefined) return 'dead';
    this.#pingedAt = Number.POSITIVE_INFINITY;
    return 'ping';
  }
}
