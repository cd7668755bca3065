// What comes from the transport, on its way to the endpoint and the inbox, with its flow control: unread messages stop the reading of the transport;
// behind them the engine reads on for a bounded look-ahead, so that a ping is answered and a close is noticed; nobody decodes or reads for longer than a
// turn's worth.

import type { Endpoint } from '../endpoint/endpoint.ts';
import type { EndpointEvent } from '../endpoint/event.ts';
import { type ConnectionLimits, ITEM_OVERHEAD } from '../limits.ts';
import type { Transport } from '../stream/transport.ts';
import type { Scheduler } from './context.ts';

/** About how much is decoded in one go, and how much is read without a pause: others have a turn in between. */
const TURN_BUDGET = 128 * 1024;
const READ_WITHOUT_PAUSE = 1024 * 1024;

/** Whom the intake tells. */
export interface IntakeOwner {
  eventReceived(event: EndpointEvent): void;
  /** The input has ended, and all of it is decoded. */
  inputEnded(): void;
}

export interface IntakeParts {
  readonly endpoint: Endpoint;
  readonly inbox: { readonly unread: number };
  readonly transport: Transport;
  readonly scheduler: Scheduler;
  readonly limits: Pick<ConnectionLimits, 'queueSize' | 'lookAhead'>;
}

interface Held {
  readonly chunk: Uint8Array;
  readonly isOwned: boolean;
}

export class Intake {
  readonly #owner: IntakeOwner;
  readonly #endpoint: Endpoint;
  readonly #inbox: { readonly unread: number };
  readonly #transport: Transport;
  readonly #scheduler: Scheduler;
  /** As much may wait unread, the message that is being assembled included. */
  readonly #room: number;
  #isDiscarding = false;
  #isContinuing = false;
  #isPaused = false;
  #isStopped = false;
  #hasEnded = false;
  #held: Held[] = [];
  #sincePause = 0;
  #bytesReceived = 0;

  constructor(owner: IntakeOwner, parts: IntakeParts) {
    this.#owner = owner;
    this.#endpoint = parts.endpoint;
    this.#inbox = parts.inbox;
    this.#transport = parts.transport;
    this.#scheduler = parts.scheduler;
    this.#room = parts.limits.queueSize + parts.limits.lookAhead;
  }

  get bytesReceived(): number {
    return this.#bytesReceived;
  }

  /** Whether the peer has ended its half of the transport. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Takes a chunk of the transport. */
  receive(chunk: Uint8Array, isOwned: boolean): void {
    this.#bytesReceived += chunk.byteLength;
    this.#sincePause += chunk.byteLength;
    // After the close frame, or a fault, what still comes is read and thrown away.
    if (!this.#endpoint.canReceive) return;
    // A foreign stream may have been reading already when it was paused.
    if (this.#endpoint.hasUnread) this.#held.push({ chunk, isOwned });
    else this.#deliver(this.#endpoint.receive(chunk, isOwned, this.#budget));
    this.#regulate();
  }

  /** Takes the end of the transport's input. */
  receiveEnd(): void {
    this.#hasEnded = true;
    if (!this.#hasUndecoded) this.#owner.inputEnded();
  }

  /** The inbox has been read: there may be room for more. */
  inboxHasRoom(): void {
    if (this.#isPaused && !this.#mustWait) this.#continueLater();
  }

  /** Waits for no reader any more: the inbox throws away what comes. */
  discard(): void {
    this.#isDiscarding = true;
    this.#regulate();
  }

  /** The transport is gone: decodes what had come before, and nothing after it. */
  drain(): void {
    while (this.#hasUndecoded) this.#decodeMore(Number.MAX_SAFE_INTEGER);
    this.#isStopped = true;
  }

  get #hasUndecoded(): boolean {
    return this.#endpoint.hasUnread || (this.#held.length > 0 && this.#endpoint.canReceive);
  }

  get #mustWait(): boolean {
    if (this.#isDiscarding || !this.#endpoint.canReceive) return false;
    // With nothing unread a message may become as long as its own limit.
    const { unread } = this.#inbox;
    return unread > 0 && unread + this.#endpoint.retained >= this.#room;
  }

  get #budget(): number {
    if (this.#isDiscarding) return TURN_BUDGET;
    return Math.max(ITEM_OVERHEAD, Math.min(this.#room - this.#inbox.unread, TURN_BUDGET));
  }

  #deliver(events: EndpointEvent[]): void {
    for (const event of events) this.#owner.eventReceived(event);
  }

  // Decides whether to read on: now, in a later turn, or when the inbox has room.
  #regulate(): void {
    if (this.#hasUndecoded || this.#sincePause >= READ_WITHOUT_PAUSE) {
      this.#pause();
      if (!this.#mustWait) this.#continueLater();
    } else if (this.#mustWait) {
      this.#pause();
    } else {
      this.#resume();
    }
  }

  #continueLater(): void {
    if (this.#isContinuing) return;
    this.#isContinuing = true;
    this.#scheduler.schedule(() => {
      this.#isContinuing = false;
      if (this.#isStopped || this.#mustWait) return;
      this.#sincePause = 0;
      this.#decodeMore(this.#budget);
      this.#regulate();
    });
  }

  #decodeMore(budget: number): void {
    if (this.#endpoint.hasUnread) {
      this.#deliver(this.#endpoint.resume(budget));
    } else {
      const next = this.#held.shift();
      if (next !== undefined) this.#deliver(this.#endpoint.receive(next.chunk, next.isOwned, budget));
    }
    if (this.#hasEnded && !this.#hasUndecoded) this.#owner.inputEnded();
  }

  #pause(): void {
    if (this.#isPaused) return;
    this.#isPaused = true;
    this.#transport.pause();
  }

  #resume(): void {
    if (!this.#isPaused || this.#isStopped) return;
    this.#isPaused = false;
    this.#transport.resume();
  }
}
