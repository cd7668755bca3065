// One side of a run of the model: its job, its handler, how it reads and writes, and the promises that it waits for.

import type { Job } from '../../lib/job/job.ts';
import type { Session } from '../../lib/job/session.ts';
import type { Message } from '../../lib/message/message.ts';
import { type Shipment, type SourceEnd, ship, shipStream } from './model-messages.ts';
import type { SideOwner, SidePlan, Who } from './model-plan.ts';
import { Reader } from './model-reader.ts';
import { Writer } from './model-writer.ts';

export class Side {
  readonly who: Who;
  readonly plan: SidePlan;
  readonly reader: Reader;
  readonly writer: Writer;
  job!: Job;
  peer!: Side;
  /** Messages that were made for it to send. */
  made = 0;
  /** Promises that have not settled, by what they were asked for. */
  readonly pending = new Map<string, number>();
  /** Whether the header of a frame on its way to this side was spoiled, so that no close frame can come any more. */
  isSpoiled = false;
  endHandler: (how: 'return' | 'throw') => void = () => {};

  constructor(who: Who, plan: SidePlan, owner: SideOwner) {
    this.who = who;
    this.plan = plan;
    const session = (): Session => this.session;
    this.reader = new Reader(who, plan, owner, session, () => this.peer.writer.sent);
    this.writer = new Writer(plan, session, (what, promise) => this.track(what, promise));
  }

  join(job: Job, peer: Side): void {
    this.job = job;
    this.peer = peer;
  }

  get session(): Session {
    return this.job.session;
  }

  /** Follows a promise to its end, whatever that is. */
  track(what: string, promise: Promise<unknown>): void {
    this.pending.set(what, (this.pending.get(what) ?? 0) + 1);
    const settled = (): void => {
      const left = (this.pending.get(what) ?? 0) - 1;
      if (left === 0) this.pending.delete(what);
      else this.pending.set(what, left);
    };
    promise.then(settled, settled);
  }

  /** The handler of the plan; undefined when there is none. */
  get handler(): ((session: Session) => unknown) | undefined {
    const { handler } = this.plan;
    if (handler === 'none') return undefined;
    if (handler === 'stuck') return () => new Promise(() => {});
    if (handler === 'reading') return () => this.reader.readAll();
    return (session) =>
      new Promise<void>((resolve, reject) => {
        this.endHandler = (how) => (how === 'return' ? resolve() : reject(new Error('The handler throws')));
        void session.closed.then(() => resolve());
      });
  }

  /** Starts the reader, unless the handler is the reader. */
  startReading(): void {
    if (this.plan.handler !== 'reading') void this.reader.readAll().catch(() => {});
  }

  // --- Sending -------------------------------------------------------------------------------------------------------

  send(content: Message): void {
    this.#send(ship(content, this.#mayDrop));
  }

  /** Sends a message as its source gives it. */
  sendStream(content: Message, seed: number, end: SourceEnd): void {
    this.#send(shipStream(content, seed, end));
  }

  get #mayDrop(): boolean {
    return this.plan.slowConsumer !== 'wait';
  }

  #send(shipment: Shipment): void {
    this.made++;
    this.writer.send(shipment);
  }
}
