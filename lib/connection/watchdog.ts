// The times that a connection is held to while it is open: the peer's silence, a write that makes no progress, messages that wait for too long, no messages at all; and when
// extensions may rest.
// It has one deadline, for whatever is due first; nothing is done for a time that has not come.

import { Keepalive } from '../endpoint/keepalive.ts';
import type { ConnectionLimits } from '../limits.ts';
import type { Clock, Scheduler } from './context.ts';
import { type Deadlines, type Due, deadlinesOf } from './deadlines.ts';

/** What is watched, and who acts. */
export interface WatchdogOwner {
  /** Reading has stopped: messages wait unread. */
  readonly isReadingHeldUp: boolean;
  /** Whether messages wait, unread or unsent. */
  readonly isBusy: boolean;
  /** When the write that is under way was begun; undefined when there is none. */
  readonly writingSince: number | undefined;
  /** When what waits unsent will have waited for too long (slow-consumer policy `close`); Infinity for never. */
  readonly tooOldAt: number;
  sendPing(): void;
  /** Sends a ping that nobody waits for. */
  sendProbe(): void;
  pingTimedOut(): void;
  writeStalled(): void;
  queueTooOld(): void;
  sessionIdle(): void;
  /** No message has come or gone for a while: what can be made anew may be let go. */
  rest(): void;
}

// A timer that is this late tells of a machine that was suspended or a process that was held up: what has come meanwhile is read first.
const LATE = 1_000;
// A write that had to wait for as long, and was taken, shows that the peer reads: so it lives.
const HELD_UP = 1_000;

export class Watchdog implements Due {
  dueAt = Number.POSITIVE_INFINITY;
  place = -1;
  readonly #owner: WatchdogOwner;
  readonly #clock: Clock;
  readonly #scheduler: Scheduler;
  readonly #deadlines: Deadlines;
  readonly #keepalive: Keepalive;
  readonly #stallTimeout: number;
  readonly #idleTimeout: number;
  readonly #restAfter: number;
  readonly #marksData: boolean;
  #dataAt: number;
  #isResting = false;
  #isLate = false;
  #isStopped = false;

  constructor(
    owner: WatchdogOwner,
    { clock, scheduler }: { readonly clock: Clock; readonly scheduler: Scheduler },
    limits: Pick<ConnectionLimits, 'pingInterval' | 'pingTimeout' | 'stallTimeout' | 'idleTimeout'>,
    restAfter: number,
  ) {
    this.#owner = owner;
    this.#clock = clock;
    this.#scheduler = scheduler;
    this.#deadlines = deadlinesOf(clock);
    const now = clock.now();
    this.#keepalive = new Keepalive(limits.pingInterval, limits.pingTimeout, now);
    this.#stallTimeout = limits.stallTimeout;
    this.#idleTimeout = limits.idleTimeout;
    this.#restAfter = restAfter;
    this.#marksData = Math.min(limits.idleTimeout, restAfter) !== Number.POSITIVE_INFINITY;
    this.#dataAt = now;
    this.#arm();
  }

  /** Something has come, or reading goes on. */
  heard(): void {
    this.#keepalive.heard(this.#clock.now());
    // Only behind a ping: the deadline was set for the time of its answer.
    if (this.dueAt > this.#keepalive.deadline) this.#arm();
  }

  /** A message has come or was sent. */
  dataMoved(): void {
    if (!this.#marksData) return;
    this.#dataAt = this.#clock.now();
    if (!this.#isResting) return;
    this.#isResting = false;
    if (this.dueAt > this.#restAt) this.#arm();
  }

  /** A write was begun, or messages wait: a time may be due before the timer. */
  outputMoved(): void {
    if (this.dueAt > this.#outputDueAt) this.#arm();
  }

  /** The transport has taken a write; with it every ping, where none waits. */
  writeTaken(since: number, isPingTaken: boolean): void {
    const now = this.#clock.now();
    if (now - since >= HELD_UP) this.#keepalive.heard(now);
    else if (isPingTaken) this.#keepalive.pingTaken(now);
    if (this.dueAt > this.#keepalive.deadline) this.#arm();
  }

  /** The connection closes: other times hold. */
  stop(): void {
    this.#isStopped = true;
    this.#deadlines.clear(this);
  }

  get #outputDueAt(): number {
    const { writingSince = Number.POSITIVE_INFINITY, tooOldAt } = this.#owner;
    return Math.min(writingSince + this.#stallTimeout, tooOldAt);
  }

  get #restAt(): number {
    return this.#isResting ? Number.POSITIVE_INFINITY : this.#dataAt + this.#restAfter;
  }

  #arm(): void {
    if (this.#isStopped) return;
    this.#isLate = false;
    const dataDueAt = Math.min(this.#dataAt + this.#idleTimeout, this.#restAt);
    this.#deadlines.set(this, Math.min(this.#keepalive.deadline, this.#outputDueAt, dataDueAt));
  }

  // What has come in this turn of the event loop is read before anything is judged.
  fire(): void {
    const now = this.#clock.now();
    if (!this.#isLate && now - this.dueAt > LATE) {
      this.#isLate = true;
      return this.#deadlines.set(this, now + LATE);
    }
    this.#scheduler.schedule(() => {
      if (this.#isStopped) return;
      this.#judge(this.#clock.now());
      this.#arm();
    });
  }

  #judge(now: number): void {
    const owner = this.#owner;
    if (now >= (owner.writingSince ?? Number.POSITIVE_INFINITY) + this.#stallTimeout) return owner.writeStalled();
    if (now >= owner.tooOldAt) return owner.queueTooOld();
    if (now >= this.#restAt) {
      this.#isResting = true;
      owner.rest();
    }
    if (now >= this.#dataAt + this.#idleTimeout) {
      if (!owner.isBusy) return owner.sessionIdle();
      this.#dataAt = now;
    }
    this.#judgePeer(now);
  }

  #judgePeer(now: number): void {
    const owner = this.#owner;
    if (now < this.#keepalive.deadline) return;
    if (owner.isReadingHeldUp) {
      // Nobody reads, so nobody can judge. But a peer that was reset is found when one writes to it.
      this.#keepalive.heard(now);
      return owner.sendProbe();
    }
    const verdict = this.#keepalive.judge(now);
    if (verdict === 'ping') owner.sendPing();
    else if (verdict === 'dead') owner.pingTimedOut();
  }
}
