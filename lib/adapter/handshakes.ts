// TLS handshakes of accepted connections, bounded in time and in number: one that comes to no end must not hold a socket of the server, nor keep out others.

import type { Clock } from '../connection/context.ts';

export interface HandshakesOptions {
  /** In milliseconds. */
  readonly handshakeTimeout: number;
  /** Beyond that many the oldest is cut. */
  readonly maxHandshakes: number;
  readonly clock: Clock;
}

/** Those of one server, each told by an object of its own. */
export class Handshakes<T> {
  readonly #options: HandshakesOptions;
  readonly #onCut: (one: T) => void;
  // In the order in which they began.
  readonly #timers = new Map<T, unknown>();

  /** @param onCut Cuts the connection. */
  constructor(options: HandshakesOptions, onCut: (one: T) => void) {
    this.#options = options;
    this.#onCut = onCut;
  }

  /** How many go on. */
  get size(): number {
    return this.#timers.size;
  }

  /** One begins. */
  add(one: T): void {
    const { clock, handshakeTimeout, maxHandshakes } = this.#options;
    this.#timers.set(
      one,
      clock.setTimeout(() => this.cut(one), handshakeTimeout),
    );
    if (this.#timers.size > maxHandshakes) this.#cutOldest();
  }

  /** One has ended. Gives whether it went on until now. */
  delete(one: T): boolean {
    const timer = this.#timers.get(one);
    if (!this.#timers.delete(one)) return false;
    this.#options.clock.clearTimeout(timer);
    return true;
  }

  /** Cuts one, if it goes on. */
  cut(one: T): void {
    if (this.delete(one)) this.#onCut(one);
  }

  /** Cuts all that go on. */
  stop(): void {
    for (const one of [...this.#timers.keys()]) this.cut(one);
  }

  #cutOldest(): void {
    for (const one of this.#timers.keys()) return this.cut(one);
  }
}
