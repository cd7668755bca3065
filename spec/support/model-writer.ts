// How a side of the model sends: in the way of its plan.

import type { Sendable } from '../../lib/connection/sendable.ts';
import type { Session } from '../../lib/job/session.ts';
import { streams } from '../../lib/stream/streams.ts';
import type { Shipment } from './model-messages.ts';
import type { SidePlan } from './model-plan.ts';

export class Writer {
  /** What was given to the session, in order. */
  readonly sent: Shipment[] = [];
  readonly #plan: SidePlan;
  readonly #session: () => Session;
  readonly #track: (what: string, promise: Promise<unknown>) => void;
  readonly #outgoing: Shipment[] = [];
  #isSending = false;
  #isClosed = false;
  #writer: WritableStreamDefaultWriter<Sendable> | undefined;
  #source: ReadableStreamDefaultController<Sendable> | undefined;

  constructor(plan: SidePlan, session: () => Session, track: (what: string, promise: Promise<unknown>) => void) {
    this.#plan = plan;
    this.#session = session;
    this.#track = track;
  }

  send(shipment: Shipment): void {
    const { writer } = this.#plan;
    if (writer === 'rude') return void this.#sendNow(shipment).catch(() => {});
    if (writer === 'pipe') return this.#pipe(shipment);
    this.#outgoing.push(shipment);
    if (!this.#isSending) void (writer === 'send' ? this.#sendAll() : this.#writeAll());
  }

  /** Closes the writable, however it is in use; or the session, when it is not. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#source !== undefined) {
      try {
        this.#source.close();
      } catch {
        // The pipe has ended.
      }
    } else if (this.#plan.writer === 'writer') {
      this.#track('writer.close', this.#openWriter().close());
    } else {
      this.#track('close', this.#session().close());
    }
  }

  /** What the session has taken, whatever became of it. */
  #taken(): number {
    const { messagesSent, dropped } = this.#session().counters;
    return messagesSent + dropped.messages;
  }

  #sendNow(shipment: Shipment): Promise<void> {
    const before = this.#taken();
    const promise = this.#session().send(shipment.sendable);
    if (this.#taken() > before) this.sent.push(shipment);
    this.#track('send', promise);
    return promise;
  }

  async #sendAll(): Promise<void> {
    this.#isSending = true;
    for (let next = this.#outgoing.shift(); next !== undefined; next = this.#outgoing.shift()) {
      await this.#sendNow(next).catch(() => {});
    }
    this.#isSending = false;
  }

  #openWriter(): WritableStreamDefaultWriter<Sendable> {
    if (this.#writer === undefined) {
      this.#writer = this.#session().writable.getWriter();
      this.#writer.closed.catch(() => {});
    }
    return this.#writer;
  }

  async #writeAll(): Promise<void> {
    this.#isSending = true;
    const writer = this.#openWriter();
    for (let next = this.#outgoing.shift(); next !== undefined; next = this.#outgoing.shift()) {
      await writer.ready.catch(() => {});
      // Node 20 throws an assertion of its own for a write to a writer that has been closed, instead of rejecting.
      if (this.#isClosed) return;
      this.sent.push(next);
      this.#track('write', writer.write(next.sendable));
    }
    this.#isSending = false;
  }

  // The source has a queue of its own: no stream holds it up.
  #pipe(shipment: Shipment): void {
    if (this.#source === undefined) {
      const { ReadableStream } = streams();
      const start = (controller: ReadableStreamDefaultController<Sendable>): void => {
        this.#source = controller;
      };
      this.#track('pipeTo', new ReadableStream<Sendable>({ start }).pipeTo(this.#session().writable));
    }
    try {
      this.#source?.enqueue(shipment.sendable);
      this.sent.push(shipment);
    } catch {
      // The pipe has ended.
    }
  }
}
