// What comes from the transport, on its way to the endpoint and the inbox, with its flow control: unread messages stop the reading of the transport;
// behind them the engine reads on for a bounded look-ahead, so that a ping is answered and a close is noticed; nobody decodes or reads for longer than a
// turn's worth.

import { copyOf } from '../bytes/allocate.ts';
import type { Endpoint } from '../endpoint/endpoint.ts';
import { type EndpointEvent, endsMessage } from '../endpoint/event.ts';
import { type ConnectionLimits, ITEM_OVERHEAD } from '../limits.ts';
import type { Transport } from '../stream/transport.ts';
import type { Clock, Scheduler } from './context.ts';
import { createRate, type Rate } from './rate.ts';

/** About how much is decoded in one go, and how much is read without a pause: others have a turn in between. */
const TURN_BUDGET = 128 * 1024;
const READ_WITHOUT_PAUSE = 1024 * 1024;
/** How much of what was left is decoded when the transport is gone, where it may stand for a thousand times as much: as many turns' worth. */
const DRAIN_STEPS = 8;

/** Whom the intake tells. */
export interface IntakeOwner {
  eventReceived(event: EndpointEvent): void;
  /** The input has ended, and all of it is decoded. */
  inputEnded(): void;
  /** Reading goes on, after it had stopped. */
  readingResumed(): void;
  /** A chunk has come, or decoding has gone on in a later turn: what is held may have grown. */
  moreDecoded(): void;
}

export interface IntakeParts {
  readonly endpoint: Endpoint;
  readonly inbox: { readonly unread: number };
  readonly transport: Transport;
  readonly scheduler: Scheduler;
  readonly clock: Clock;
  readonly limits: Pick<ConnectionLimits, 'queueSize' | 'lookAhead' | 'maxMessageRate' | 'maxByteRate'>;
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
  readonly #clock: Clock;
  readonly #byteRate: Rate | undefined;
  readonly #messageRate: Rate | undefined;
  #rateTimer: unknown;
  /** As much may wait unread, the message that is being assembled included. */
  readonly #room: number;
  #isDiscarding = false;
  #isContinuing = false;
  #isPaused = false;
  #isStopped = false;
  #hasEnded = false;
  // Made when something is held: most connections never do.
  #held: Held[] | undefined;
  #heldBytes = 0;
  #sincePause = 0;
  #bytesReceived = 0;

  constructor(owner: IntakeOwner, parts: IntakeParts) {
    this.#owner = owner;
    this.#endpoint = parts.endpoint;
    this.#inbox = parts.inbox;
    this.#transport = parts.transport;
    this.#scheduler = parts.scheduler;
    this.#clock = parts.clock;
    const { queueSize, lookAhead, maxByteRate, maxMessageRate } = parts.limits;
    this.#room = queueSize + lookAhead;
    const now = parts.clock.now();
    this.#byteRate = createRate(maxByteRate, now);
    this.#messageRate = createRate(maxMessageRate, now);
  }

  get bytesReceived(): number {
    return this.#bytesReceived;
  }

  /** Whether the peer has ended its half of the transport. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Whether reading has stopped because nobody reads what has come, or because too much has come. */
  get isHeldUp(): boolean {
    return this.#isPaused && (this.#mustWait || this.#rateTimer !== undefined);
  }

  /** Bytes that have come and are not decoded. */
  get undecoded(): number {
    return this.#endpoint.unread + this.#heldBytes;
  }

  /** Takes a chunk of the transport. */
  receive(chunk: Uint8Array, isOwned: boolean, isLent = false): void {
    if (this.#byteRate !== undefined) this.#byteRate.take(chunk.byteLength, this.#clock.now());
    this.#bytesReceived += chunk.byteLength;
    this.#sincePause += chunk.byteLength;
    // After the close frame, or a fault, what still comes is read and thrown away.
    if (!this.#endpoint.canReceive) return;
    // A foreign stream may have been reading already when it was paused.
    if (this.#endpoint.hasUnread || this.#rateWait > 0)
      this.#hold(isLent ? copyOf(chunk, 0, chunk.byteLength) : chunk, isOwned);
    else this.#deliver(this.#endpoint.receive(chunk, isOwned, this.#budget, this.#messageBudget, isLent));
    this.#regulate();
    this.#owner.moreDecoded();
  }

  /** As {@link receive}, of a chunk that is the transport's again when this returns. */
  receiveLent(chunk: Uint8Array): void {
    // What goes through extensions is kept for longer.
    if (this.#endpoint.hasExtensions) this.receive(copyOf(chunk, 0, chunk.byteLength), true);
    else this.receive(chunk, true, true);
  }

  #hold(chunk: Uint8Array, isOwned: boolean): void {
    this.#held ??= [];
    this.#held.push({ chunk, isOwned });
    this.#heldBytes += chunk.byteLength;
  }

  #dropHeld(): void {
    this.#held = undefined;
    this.#heldBytes = 0;
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

  /** The endpoint takes nothing any more: what still comes is read and thrown away, so that the end of the transport is noticed. */
  readOn(): void {
    this.#regulate();
  }

  /** The transport is gone: decodes what had come before, and nothing after it. Behind extensions, which may make much of little, only as much of it as would have waited unread. */
  drain(): void {
    const isBounded = this.#endpoint.hasExtensions;
    for (let step = 0; this.#hasUndecoded; step++) {
      if (isBounded && (step === DRAIN_STEPS || this.#mustWait)) break;
      this.#decodeMore(isBounded ? this.#budget : Number.MAX_SAFE_INTEGER);
    }
    this.#dropHeld();
    this.stop();
  }

  /** Nothing is decoded any more. */
  stop(): void {
    this.#isStopped = true;
    this.#clock.clearTimeout(this.#rateTimer);
    this.#rateTimer = undefined;
  }

  get #hasUndecoded(): boolean {
    return this.#endpoint.hasUnread || (this.#held !== undefined && this.#endpoint.canReceive);
  }

  get #mustWait(): boolean {
    if (this.#isDiscarding || !this.#endpoint.canReceive) return false;
    // With nothing unread a message may become as long as its own limit.
    const { unread } = this.#inbox;
    return unread > 0 && unread + this.#endpoint.unfinished >= this.#room;
  }

  get #budget(): number {
    if (this.#isDiscarding) return TURN_BUDGET;
    return Math.max(ITEM_OVERHEAD, Math.min(this.#room - this.#inbox.unread, TURN_BUDGET));
  }

  /** How many messages may be decoded now. */
  get #messageBudget(): number {
    if (this.#messageRate === undefined || this.#isDiscarding) return Number.MAX_SAFE_INTEGER;
    return Math.max(1, Math.floor(this.#messageRate.allowed(this.#clock.now())));
  }

  /** The milliseconds until the rates let something pass. */
  get #rateWait(): number {
    if (this.#messageRate === undefined && this.#byteRate === undefined) return 0;
    if (this.#isDiscarding || !this.#endpoint.canReceive) return 0;
    const now = this.#clock.now();
    return Math.max(this.#messageRate?.wait(now) ?? 0, this.#byteRate?.wait(now) ?? 0);
  }

  #deliver(events: EndpointEvent[]): void {
    if (this.#messageRate !== undefined) this.#messageRate.take(countMessages(events), this.#clock.now());
    for (const event of events) this.#owner.eventReceived(event);
  }

  // Decides whether to read on: now, in a later turn, or when the inbox has room.
  #regulate(): void {
    // Nobody will decode it: the memory is wanted elsewhere.
    if (this.#held !== undefined && !this.#endpoint.canReceive) this.#dropHeld();
    const wait = this.#rateWait;
    if (wait > 0) return this.#waitForRate(wait);
    if (this.#hasUndecoded || this.#sincePause >= READ_WITHOUT_PAUSE) {
      this.#pause();
      if (!this.#mustWait) this.#continueLater();
    } else if (this.#mustWait) {
      this.#pause();
    } else {
      this.#resume();
    }
  }

  #waitForRate(milliseconds: number): void {
    this.#pause();
    if (this.#rateTimer !== undefined || this.#isStopped) return;
    this.#rateTimer = this.#clock.setTimeout(() => {
      this.#rateTimer = undefined;
      if (!this.#mustWait) this.#continueLater();
    }, milliseconds);
  }

  #continueLater(): void {
    if (this.#isContinuing) return;
    this.#isContinuing = true;
    this.#scheduler.schedule(() => {
      this.#isContinuing = false;
      if (this.#isStopped || this.#mustWait) return;
      this.#sincePause = 0;
      if (this.#rateWait === 0) this.#decodeMore(this.#budget, this.#messageBudget);
      this.#regulate();
      if (!this.#isStopped) this.#owner.moreDecoded();
    });
  }

  #decodeMore(budget: number, messages: number = Number.MAX_SAFE_INTEGER): void {
    if (this.#endpoint.hasUnread) {
      this.#deliver(this.#endpoint.resume(budget, messages));
    } else {
      this.#deliverHeld(budget, messages);
    }
    if (this.#hasEnded && !this.#hasUndecoded) this.#owner.inputEnded();
  }

  #deliverHeld(budget: number, messages: number): void {
    const next = this.#held?.shift();
    if (next === undefined) return;
    if (this.#held?.length === 0) this.#held = undefined;
    this.#heldBytes -= next.chunk.byteLength;
    this.#deliver(this.#endpoint.receive(next.chunk, next.isOwned, budget, messages));
  }

  #pause(): void {
    if (this.#isPaused) return;
    this.#isPaused = true;
    this.#transport.pause();
  }

  #resume(): void {
    if (!this.#isPaused || this.#isStopped) return;
    this.#isPaused = false;
    this.#owner.readingResumed();
    this.#transport.resume();
  }
}

// Of a streamed message the end counts, so that the one that is coming is not held up by itself.
function countMessages(events: readonly EndpointEvent[]): number {
  let count = 0;
  for (const event of events) if (endsMessage(event)) count++;
  return count;
}
