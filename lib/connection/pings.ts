// Pings that wait for their pong, and the round trip they measure. RFC 6455 §5.5.3: a peer may answer "only the most recently processed
// Ping frame", so a pong settles the pings before its own too.

import type { Clock } from './context.ts';
import { Deferred } from './deferred.ts';

const MAX_PINGS = 16;

interface Pending {
  readonly id: number;
  readonly sentAt: number;
  readonly deferred: Deferred<number>;
}

export class Pings {
  readonly #clock: Clock;
  #pending: Pending[] = [];
  #lastId = 0;
  #roundTrip: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The round trip that was measured last, in milliseconds. */
  get roundTrip(): number | undefined {
    return this.#roundTrip;
  }

  /** The round trip of the ping that was begun last, where its pong has not come. */
  get last(): Promise<number> | undefined {
    return this.#pending.at(-1)?.deferred.promise;
  }

  /** How many pings wait for their pong. */
  get count(): number {
    return this.#pending.length;
  }

  /** Whether as many pings wait for their pong as may. */
  get isFull(): boolean {
    return this.#pending.length >= MAX_PINGS;
  }

  /** Makes the payload of the next ping, and the promise of its round trip in milliseconds. */
  begin(): { payload: Uint8Array; roundTrip: Promise<number> } {
    const id = ++this.#lastId;
    const payload = new Uint8Array(4);
    new DataView(payload.buffer).setUint32(0, id);
    const deferred = new Deferred<number>();
    this.#pending.push({ id, sentAt: this.#clock.now(), deferred });
    return { payload, roundTrip: deferred.promise };
  }

  /** Takes a pong. One that answers no ping of ours is unsolicited and ignored. */
  settle(payload: Uint8Array): void {
    if (payload.byteLength !== 4) return;
    const id = new DataView(payload.buffer, payload.byteOffset).getUint32(0);
    if (!this.#pending.some((pending) => pending.id === id)) return;
    const now = this.#clock.now();
    while (this.#pending.length > 0 && (this.#pending[0] as Pending).id <= id) {
      const { sentAt, deferred } = this.#pending.shift() as Pending;
      this.#roundTrip = now - sentAt;
      deferred.resolve(this.#roundTrip);
    }
  }

  /** The connection has ended: no pong will come. */
  stop(error: Error): void {
    for (const { deferred } of this.#pending) deferred.reject(error);
    this.#pending = [];
  }
}
