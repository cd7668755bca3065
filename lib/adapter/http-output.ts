// What is written to an HTTP connection, one write of the transport at a time, and a bound on how long a write may make no progress.

import type { Clock } from '../connection/context.ts';
import type { Transport } from '../stream/transport.ts';

interface Write {
  readonly pieces: readonly Uint8Array[];
  readonly resolve: () => void;
}

/** Writes in the order in which it is asked to. */
export class HttpOutput {
  readonly #transport: Transport;
  readonly #clock: Clock;
  readonly #stallTimeout: number;
  readonly #writes: Write[] = [];
  #timer: unknown;
  #isClosed = false;

  /** @param stallTimeout How long a write may take, in milliseconds, before the transport is cut. */
  constructor(transport: Transport, clock: Clock, stallTimeout: number) {
    this.#transport = transport;
    this.#clock = clock;
    this.#stallTimeout = stallTimeout;
  }

  /** Whether the connection has closed: nothing is written any more. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Fulfils when the pieces have been taken, or the connection has closed; which of them, {@link isClosed} tells. They must not change meanwhile. */
  write(pieces: readonly Uint8Array[]): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    return new Promise((resolve) => {
      if (this.#writes.push({ pieces, resolve }) === 1) this.#begin();
    });
  }

  /** The transport has taken the last write. */
  taken(): void {
    this.#clearTimer();
    this.#writes.shift()?.resolve();
    if (this.#writes.length > 0) this.#begin();
  }

  /** The connection has closed. */
  close(): void {
    this.#isClosed = true;
    this.#clearTimer();
    for (const { resolve } of this.#writes.splice(0)) resolve();
  }

  #begin(): void {
    if (this.#stallTimeout !== Number.POSITIVE_INFINITY) {
      this.#timer = this.#clock.setTimeout(() => this.#transport.destroy(), this.#stallTimeout);
    }
    this.#transport.write((this.#writes[0] as Write).pieces);
  }

  #clearTimer(): void {
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
