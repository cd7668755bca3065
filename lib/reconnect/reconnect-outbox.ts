// What is sent over whatever connection there is: straight to its session, or into the queue until there is one. No message is given to two connections unless the user says so.

import type { Clock } from '../connection/context.ts';
import type { Dropped } from '../connection/counters.ts';
import { Deferred, markHandled } from '../connection/deferred.ts';
import { type BodySource, isReadableStream, type Sendable, toBodySource } from '../connection/sendable.ts';
import { type ResolvedSlowConsumer, resolveSlowConsumer, type SendOptions } from '../connection/slow-consumer.ts';
import { ConnectionError, type LocalProtocolError } from '../error.ts';
import type { Session } from '../job/session.ts';
import { ITEM_OVERHEAD } from '../limits.ts';
import { type MessageSource, messageWeight, toMessage } from '../message/message.ts';
import { type Outgoing, type Queued, ReconnectQueue } from './reconnect-queue.ts';
import type { Loss, UnsettledMessages } from './reconnect-state.ts';
import { ReconnectUnsettled } from './reconnect-unsettled.ts';

const NO_OPTIONS: SendOptions = {};
const NONE: Dropped = { messages: 0, bytes: 0 };

/** What is asked of a session. */
export type SendingSession = Pick<Session, 'send' | 'flush' | 'ping' | 'counters'> & {
  readonly job: Pick<Session['job'], 'state'>;
};

export interface ReconnectOutboxOptions {
  readonly clock: Clock;
  readonly policy: ResolvedSlowConsumer;
  readonly maxUnsettled: number;
  readonly settleInterval: number;
  /** A message that had waited could not be handed to a session, for a reason of its own. */
  readonly failed: (error: unknown) => void;
}

/** Somebody who wants to know that all up to a message has arrived. */
interface Waiter {
  readonly id: number;
  readonly deferred: Deferred<void>;
}

export class ReconnectOutbox {
  readonly #policy: ResolvedSlowConsumer;
  readonly #failed: (error: unknown) => void;
  readonly #queue: ReconnectQueue;
  readonly #unsettled: ReconnectUnsettled;
  #session: SendingSession | undefined;
  #waiters: Waiter[] = [];
  #lost: Dropped = NONE;
  #droppedBySessions: Dropped = NONE;
  #error: Error | undefined;
  // The least number of what the last connection has left unsettled, until it is decided what becomes of it.
  #unknownFrom = Number.POSITIVE_INFINITY;

  constructor({ clock, policy, maxUnsettled, settleInterval, failed }: ReconnectOutboxOptions) {
    this.#policy = policy;
    this.#failed = failed;
    this.#queue = new ReconnectQueue(clock);
    const settled = (): void => this.#settleWaiters();
    this.#unsettled = new ReconnectUnsettled({ clock, maxUnsettled, settleInterval, settled });
  }

  /** What waits for a connection: bytes, each message counting 64 more. */
  get queued(): number {
    return this.#queue.weight;
  }

  /** Messages that are not known to have arrived. */
  get unsettled(): number {
    return this.#unsettled.count;
  }

  /** What lost connections had been given to send and is not known to have arrived. */
  get lost(): Dropped {
    return this.#lost;
  }

  /** What policies have dropped. */
  get dropped(): Dropped {
    const { dropped } = this.#session?.counters ?? { dropped: NONE };
    return add(add(this.#queue.dropped, this.#droppedBySessions), dropped);
  }

  // --- Sending -------------------------------------------------------------------------------------------------------

  /**
   * Sends a message. Fulfils when there is room for more, or what else the policy says; for a streamed one when all of it is on its way.
   *
   * @throws TypeError when it is no message; RangeError, TypeError when an option is wrong; LocalProtocolError when nothing is sent any more, or there is no room and the policy is to fail.
   */
  send(sendable: Sendable, options: SendOptions = NO_OPTIONS): Promise<void> {
    if (this.#error !== undefined) throw this.#error;
    const outgoing = toOutgoing(sendable, options);
    const policy = this.#policyOf(options);
    const session = this.#session;
    if (session?.job.state === 'running' && this.#queue.isEmpty) {
      const { isTaken, sent } = this.#hand(session, this.#queue.number(), outgoing, options);
      if (isTaken) return this.#whenRoom(outgoing, sent, policy);
      // Not taken, and the session goes on: its policy is to fail.
      if (session.job.state === 'running') return sent;
    }
    return this.#queue.push(outgoing, policy);
  }

  // What a send says of slow peers holds for one that is not there too, but for closing it.
  #policyOf({ slowConsumer }: SendOptions): ResolvedSlowConsumer {
    if (slowConsumer === undefined) return this.#policy;
    const policy = resolveSlowConsumer(slowConsumer, this.#policy.maxQueued);
    return policy.policy === 'close' ? this.#policy : policy;
  }

  /** A message that a session had taken when it was lost is told with the loss, not here. Of a streamed one nobody but the caller knows the source. */
  #whenRoom({ message }: Outgoing, sent: Promise<void>, { maxQueued }: ResolvedSlowConsumer): Promise<void> {
    return message === undefined ? sent : sent.catch(() => this.#queue.room(maxQueued));
  }

  #hand(
    session: SendingSession,
    id: number,
    outgoing: Outgoing,
    options: SendOptions,
  ): { readonly isTaken: boolean; readonly sent: Promise<void> } {
    const before = countTaken(session);
    const sent = session.send(outgoing.sendable, options);
    const isTaken = countTaken(session) > before;
    if (isTaken) this.#unsettled.add(id, outgoing);
    return { isTaken, sent };
  }

  // --- Connections ---------------------------------------------------------------------------------------------------

  /** There is a connection: what has waited goes first. */
  opened(session: SendingSession): void {
    this.#session = session;
    this.#unsettled.opened(session);
    void this.#drain(session);
  }

  /** The connection is about to be closed: all that waits goes out before its close frame. */
  closing(): void {
    const session = this.#session;
    while (session?.job.state === 'running' && !this.#queue.isEmpty) void this.#handFirst(session);
  }

  /** The connection is lost. Gives what nobody knows of. */
  connectionLost(): UnsettledMessages {
    const { dropped } = this.#session?.counters ?? { dropped: NONE };
    this.#droppedBySessions = add(this.#droppedBySessions, dropped);
    this.#session = undefined;
    const firstId = this.#unsettled.firstId;
    const unsettled = this.#unsettled.take();
    this.#lost = add(this.#lost, { messages: unsettled.count, bytes: unsettled.bytes });
    this.#unknownFrom = firstId;
    return unsettled;
  }

  /**
   * What of a loss is to be sent again, before all that waits.
   *
   * @throws TypeError when one of it is no message; nothing is sent again then.
   */
  sendAgain({ error }: Pick<Loss, 'error'>, sendables: Iterable<Sendable> = []): void {
    let outgoing: Outgoing[] = [];
    try {
      if (!isIterable(sendables)) throw new TypeError('Cannot send again: what onLost gave is no iterable of messages');
      outgoing = [...sendables].map((sendable) => toOutgoing(sendable, NO_OPTIONS));
      this.#queue.putFirst(outgoing);
    } finally {
      if (outgoing.length === 0) this.#refuseWaiters(error);
      this.#unknownFrom = Number.POSITIVE_INFINITY;
      this.#settleWaiters();
    }
  }

  async #drain(session: SendingSession): Promise<void> {
    while (this.#session === session && session.job.state === 'running' && !this.#queue.isEmpty) {
      await this.#handFirst(session);
    }
    this.#settleWaiters();
  }

  /** Hands the first message over. Fulfils when there is room for more. */
  #handFirst(session: SendingSession): Promise<void> | undefined {
    const queued = this.#queue.shift();
    if (queued === undefined) return undefined;
    // It was taken here: it is not for the session's policy to drop it.
    const { isTaken, sent } = this.#hand(session, queued.id, queued, { ...queued.options, slowConsumer: 'wait' });
    if (!isTaken) this.#unsettled.add(queued.id, queued);
    return sent.then(
      () => queued.done?.resolve(),
      (error: unknown) => {
        queued.done?.reject(error);
        // An extension has failed on it, or its stream has been locked since.
        if (!isTaken) this.#failed(error);
      },
    );
  }

  // --- Arrival -------------------------------------------------------------------------------------------------------

  /** Fulfils when all that was sent before is known to have reached the peer's endpoint. */
  settled(): Promise<void> {
    if (this.#error !== undefined) return markHandled(Promise.reject(this.#error));
    const waiter = { id: this.#queue.lastId, deferred: new Deferred<void>() };
    this.#waiters.push(waiter);
    this.#settleWaiters();
    return waiter.deferred.promise;
  }

  #settleWaiters(): void {
    const firstId = Math.min(this.#queue.firstId, this.#unsettled.firstId, this.#unknownFrom);
    for (const { id, deferred } of this.#waiters) if (id < firstId) deferred.resolve();
    this.#waiters = this.#waiters.filter(({ id }) => id >= firstId);
    if (this.#waiters.length > 0) this.#unsettled.ask();
  }

  #refuseWaiters(cause: unknown): void {
    const text = 'The connection was lost before all that was sent was known to have arrived';
    const hit = this.#waiters.filter(({ id }) => id >= this.#unknownFrom);
    this.#waiters = this.#waiters.filter(({ id }) => id < this.#unknownFrom);
    for (const { deferred } of hit) deferred.reject(new ConnectionError('ERR_WS_CONNECTION_LOST', text, { cause }));
  }

  // --- The end -------------------------------------------------------------------------------------------------------

  /** Takes nothing more. */
  refuse(error: LocalProtocolError): void {
    this.#error ??= error;
  }

  /** Nothing is sent any more. Gives what was never sent. */
  end(error: LocalProtocolError): UnsettledMessages {
    this.refuse(error);
    const left = this.#queue.stop(error);
    for (const { deferred } of this.#waiters.splice(0)) deferred.reject(error);
    for (const queued of left) letGo(queued, error);
    return {
      messages: left.flatMap(({ message }) => (message === undefined ? [] : [message])),
      count: left.length,
      bytes: left.reduce((sum, { weight }) => sum + weight - ITEM_OVERHEAD, 0),
    };
  }
}

/** Bytes are copied: they may have to wait, and to be sent again. */
function toOutgoing(sendable: Sendable, options: SendOptions): Outgoing {
  const body = typeof sendable === 'string' ? undefined : toBodySource(sendable);
  if (body !== undefined) return { sendable, message: undefined, weight: ITEM_OVERHEAD, options };
  const source = toMessage(sendable as MessageSource);
  const message = typeof source === 'string' ? source : new Uint8Array(source);
  return { sendable: message, message, weight: messageWeight(message), options };
}

// A text is one of its characters.
function isIterable(value: unknown): value is Iterable<Sendable> {
  return typeof value === 'object' && value !== null && Symbol.iterator in value;
}

/** A stream that nobody will read. */
function letGo({ sendable, message }: Queued, error: Error): void {
  if (message !== undefined) return;
  const { body } = toBodySource(sendable) as BodySource;
  if (isReadableStream(body) && !body.locked) void markHandled(body.cancel(error));
}

/** Messages that the session has ever taken, those that it has dropped later too. */
function countTaken({ counters }: SendingSession): number {
  return counters.messagesSent + counters.dropped.messages;
}

function add(one: Dropped, other: Dropped): Dropped {
  return { messages: one.messages + other.messages, bytes: one.bytes + other.bytes };
}
