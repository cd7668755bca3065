// What the connection of the moment was given to send and is not known to have arrived. The transport's taking a message tells nothing of the peer; a pong to a ping that was sent behind it does:
// RFC 6455 §5.5.2: "Upon receipt of a Ping frame, an endpoint MUST send a Pong frame in response". So it is asked by a ping now and then, while there is something to ask for.

import type { Clock } from '../connection/context.ts';
import type { Session } from '../job/session.ts';
import { ITEM_OVERHEAD } from '../limits.ts';
import type { Message } from '../message/message.ts';
import type { Outgoing } from './reconnect-queue.ts';
import type { UnsettledMessages } from './reconnect-state.ts';

/** What is asked of a session. */
type Asked = Pick<Session, 'flush' | 'ping'>;

interface Entry {
  /** Its place among all that this connection was given, from 1. */
  readonly place: number;
  readonly id: number;
  readonly message: Message | undefined;
  readonly weight: number;
}

export interface UnsettledOptions {
  readonly clock: Clock;
  readonly maxUnsettled: number;
  readonly settleInterval: number;
  /** Something is known to have arrived. */
  readonly settled: () => void;
}

export class ReconnectUnsettled {
  readonly #options: UnsettledOptions;
  #session: Asked | undefined;
  #entries: Entry[] = [];
  #head = 0;
  #weight = 0;
  // Of the oldest, which are not kept: the last place among them, and what they were. They are known to have arrived when all of them are.
  #forgotten = NOTHING;
  #place = 0;
  #timer: unknown;
  #isAsking = false;
  #isUrgent = false;

  constructor(options: UnsettledOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#entries.length - this.#head + this.#forgotten.count;
  }

  /** The least number of a message that is not known to have arrived; Infinity when there is none. */
  get firstId(): number {
    return Math.min(this.#forgotten.id, this.#entries[this.#head]?.id ?? Number.POSITIVE_INFINITY);
  }

  /** There is a connection. */
  opened(session: Asked): void {
    this.#session = session;
    this.#place = 0;
    this.#isAsking = false;
    this.#isUrgent = false;
  }

  /** The connection was given a message. */
  add(id: number, { message, weight }: Pick<Outgoing, 'message' | 'weight'>): void {
    this.#entries.push({ place: ++this.#place, id, message, weight });
    this.#weight += weight;
    this.#forget();
    this.#askLater();
  }

  /** Asks the peer now. */
  ask(): void {
    this.#isUrgent = true;
    this.#askLater();
  }

  /** The connection is lost: gives what nobody knows of. */
  take(): UnsettledMessages {
    const entries = this.#entries.slice(this.#head);
    const taken = {
      messages: entries.flatMap(({ message }) => (message === undefined ? [] : [message])),
      count: this.count,
      bytes: this.#weight - entries.length * ITEM_OVERHEAD + this.#forgotten.bytes,
    };
    this.#session = undefined;
    this.#entries = [];
    this.#head = 0;
    this.#weight = 0;
    this.#forgotten = NOTHING;
    this.#options.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    return taken;
  }

  #forget(): void {
    while (this.#weight > this.#options.maxUnsettled) {
      const { place, id, weight } = this.#shift();
      const { count, bytes, id: first } = this.#forgotten;
      const sum = { count: count + 1, bytes: bytes + weight - ITEM_OVERHEAD };
      this.#forgotten = { place, id: Math.min(first, id), ...sum };
    }
  }

  #shift(): Entry {
    const entry = this.#entries[this.#head++] as Entry;
    this.#weight -= entry.weight;
    // What has gone is let go of now and then.
    if (this.#head >= 64 && this.#head * 2 >= this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
    return entry;
  }

  #askLater(): void {
    const { clock, settleInterval } = this.#options;
    if (this.#isAsking || this.#session === undefined || this.count === 0) return;
    if (this.#isUrgent) {
      clock.clearTimeout(this.#timer);
      this.#timer = undefined;
      void this.#ask(this.#session);
    } else if (this.#timer === undefined && settleInterval !== Number.POSITIVE_INFINITY) {
      this.#timer = clock.setTimeout(() => {
        this.#timer = undefined;
        if (this.#session !== undefined) void this.#ask(this.#session);
      }, settleInterval);
    }
  }

  async #ask(session: Asked): Promise<void> {
    if (this.#isAsking) return;
    this.#isAsking = true;
    this.#isUrgent = false;
    const place = this.#place;
    try {
      // A ping passes what waits to be sent: it may go only when the transport has taken that.
      await session.flush();
      await session.ping();
    } catch {
      // The connection ends.
      return;
    }
    if (session !== this.#session) return;
    this.#isAsking = false;
    this.#settle(place);
    this.#askLater();
  }

  #settle(place: number): void {
    if (this.#forgotten.place <= place) this.#forgotten = NOTHING;
    for (let entry = this.#entries[this.#head]; entry !== undefined && entry.place <= place; ) {
      this.#shift();
      entry = this.#entries[this.#head];
    }
    this.#options.settled();
  }
}

const NOTHING = { place: 0, id: Number.POSITIVE_INFINITY, count: 0, bytes: 0 };
