// What was sent while there is no connection, in its order, and what is done when it is too much: the policies of slow consumers, for a peer that reads nothing at all.

import type { Clock } from '../connection/context.ts';
import type { Dropped } from '../connection/counters.ts';
import { Deferred } from '../connection/deferred.ts';
import type { Sendable } from '../connection/sendable.ts';
import type { ResolvedSlowConsumer, SendOptions } from '../connection/slow-consumer.ts';
import { LocalProtocolError } from '../error.ts';
import { ITEM_OVERHEAD } from '../limits.ts';
import type { Message } from '../message/message.ts';

const DONE: Promise<void> = Promise.resolve();

/** What messages without a key have for one. */
const NO_KEY = Symbol('no key');

/** One message that was sent. */
export interface Outgoing {
  readonly sendable: Sendable;
  /** The same, where it is a whole one. */
  readonly message: Message | undefined;
  /** Bytes, and 64 more. */
  readonly weight: number;
  readonly options: SendOptions;
}

/** A message that waits. They are numbered in the order in which they were sent. */
export interface Queued extends Outgoing {
  readonly id: number;
  /** Settled for a streamed message alone: when its source has been read, or has failed. */
  readonly done: Deferred<void> | undefined;
}

interface Entry extends Queued {
  readonly at: number;
  readonly maxAge: number;
  readonly key: unknown;
}

export class ReconnectQueue {
  readonly #clock: Clock;
  // What is sent again: it stands before all else, and has 0 for a number.
  #again: Entry[] = [];
  // The others by their number, and those that may be dropped. The numbers below the first ones are not there.
  readonly #entries = new Map<number, Entry>();
  readonly #droppable = new Map<number, Entry>();
  readonly #latest = new Map<unknown, Entry>();
  readonly #rooms = new Map<number, Deferred<void>>();
  #firstId = 1;
  #firstDroppable = 1;
  #lastId = 0;
  #weight = 0;
  #droppedMessages = 0;
  #droppedBytes = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isEmpty(): boolean {
    return this.#entries.size === 0 && this.#again.length === 0;
  }

  /** Bytes, each message counting 64 more. */
  get weight(): number {
    return this.#weight;
  }

  get dropped(): Dropped {
    return { messages: this.#droppedMessages, bytes: this.#droppedBytes };
  }

  /** The number that was given last. */
  get lastId(): number {
    return this.#lastId;
  }

  /** The number of the first message that waits; Infinity when none does. */
  get firstId(): number {
    return this.#first()?.id ?? Number.POSITIVE_INFINITY;
  }

  /** Gives a number to a message that need not wait. */
  number(): number {
    return ++this.#lastId;
  }

  // --- In ------------------------------------------------------------------------------------------------------------

  /**
   * Takes a message, or does what else the policy says. Fulfils when there is room for more; for a streamed message when all of it is on its way.
   *
   * @throws LocalProtocolError when there is no room and the policy is `fail`.
   */
  push(outgoing: Outgoing, policy: ResolvedSlowConsumer): Promise<void> {
    const isStreamed = outgoing.message === undefined;
    if (isStreamed || policy.policy === 'wait') {
      const { done } = this.#add(outgoing, policy, isStreamed ? new Deferred() : undefined);
      return done?.promise ?? this.room(policy.maxQueued);
    }
    const { key = NO_KEY } = outgoing.options;
    if (policy.policy === 'latest') this.#drop(this.#latest.get(key));
    if (this.#isFull(policy) && !this.#makeRoom(policy, outgoing)) return DONE;
    this.#add(outgoing, policy, undefined);
    return DONE;
  }

  /** Takes messages that stand before all that wait. */
  putFirst(messages: readonly Outgoing[]): void {
    const fixed = { id: 0, at: this.#clock.now(), maxAge: Number.POSITIVE_INFINITY, key: undefined };
    const again = messages.map((outgoing) => ({ ...outgoing, ...fixed, done: undefined }));
    for (const { weight } of again) this.#weight += weight;
    this.#again = [...again, ...this.#again];
  }

  #add(outgoing: Outgoing, { policy, maxAge }: ResolvedSlowConsumer, done: Deferred<void> | undefined): Entry {
    const key = policy === 'latest' && done === undefined ? (outgoing.options.key ?? NO_KEY) : undefined;
    const age = isDropping(policy) && done === undefined ? maxAge : Number.POSITIVE_INFINITY;
    const entry = { ...outgoing, id: ++this.#lastId, done, at: this.#clock.now(), maxAge: age, key };
    this.#entries.set(entry.id, entry);
    this.#weight += entry.weight;
    if (isDropping(policy) && done === undefined) this.#droppable.set(entry.id, entry);
    if (key !== undefined) this.#latest.set(key, entry);
    return entry;
  }

  /** Fulfils when less than that waits. */
  room(size: number): Promise<void> {
    if (this.#weight < size) return DONE;
    let room = this.#rooms.get(size);
    if (room === undefined) {
      room = new Deferred();
      this.#rooms.set(size, room);
    }
    return room.promise;
  }

  // --- Out -----------------------------------------------------------------------------------------------------------

  /** Takes the first message that is still worth sending. */
  shift(): Queued | undefined {
    const now = this.#clock.now();
    let entry = this.#first();
    while (entry !== undefined && now - entry.at >= entry.maxAge) {
      this.#drop(entry);
      entry = this.#first();
    }
    if (entry !== undefined) this.#remove(entry);
    this.#tellRoom();
    return entry;
  }

  /** Nothing will be sent any more: gives what has waited, and tells whoever waits for room. */
  stop(error: Error): Queued[] {
    const left = [...this.#again, ...this.#entries.values()];
    this.#again = [];
    this.#entries.clear();
    this.#droppable.clear();
    this.#latest.clear();
    this.#weight = 0;
    for (const { done } of left) done?.reject(error);
    for (const room of this.#rooms.values()) room.reject(error);
    this.#rooms.clear();
    return left;
  }

  #tellRoom(): void {
    for (const [size, room] of this.#rooms) {
      if (this.#weight >= size) continue;
      this.#rooms.delete(size);
      room.resolve();
    }
  }

  // A map that is emptied from its front is slow to find its first entry; the numbers are not.
  #first(): Entry | undefined {
    if (this.#again.length > 0) return this.#again[0];
    if (this.#entries.size === 0) return undefined;
    let entry = this.#entries.get(this.#firstId);
    while (entry === undefined) entry = this.#entries.get(++this.#firstId);
    return entry;
  }

  #oldestDroppable(): Entry | undefined {
    if (this.#droppable.size === 0) return undefined;
    let entry = this.#droppable.get(this.#firstDroppable);
    while (entry === undefined) entry = this.#droppable.get(++this.#firstDroppable);
    return entry;
  }

  #remove(entry: Entry): void {
    if (this.#again[0] === entry) this.#again.shift();
    this.#entries.delete(entry.id);
    this.#droppable.delete(entry.id);
    this.#weight -= entry.weight;
    if (this.#entries.size === 0) this.#firstId = this.#lastId + 1;
    if (this.#droppable.size === 0) this.#firstDroppable = this.#lastId + 1;
    if (this.#latest.get(entry.key) === entry) this.#latest.delete(entry.key);
  }

  // --- Too much ------------------------------------------------------------------------------------------------------

  #isFull({ policy, maxQueued, maxAge }: ResolvedSlowConsumer): boolean {
    if (this.#weight >= maxQueued) return true;
    // A message that may be dropped has an age of its own.
    if (maxAge === Number.POSITIVE_INFINITY || isDropping(policy)) return false;
    const first = this.#first();
    return first !== undefined && this.#clock.now() - first.at >= maxAge;
  }

  /** Does what the policy says when there is no room. Gives whether the message is taken all the same. */
  #makeRoom(policy: ResolvedSlowConsumer, { weight }: Outgoing): boolean {
    switch (policy.policy) {
      case 'fail':
        throw new LocalProtocolError('ERR_WS_QUEUE_FULL', 'Cannot send a message: too much waits for a connection');
      case 'drop-newest':
        this.#countDropped(weight);
        return false;
      default:
        while (this.#isFull(policy) && this.#drop(this.#oldestDroppable()));
        return true;
    }
  }

  #drop(entry: Entry | undefined): boolean {
    if (entry === undefined) return false;
    this.#remove(entry);
    this.#countDropped(entry.weight);
    return true;
  }

  #countDropped(weight: number): void {
    this.#droppedMessages++;
    this.#droppedBytes += weight - ITEM_OVERHEAD;
  }
}

function isDropping(policy: ResolvedSlowConsumer['policy']): boolean {
  return policy === 'drop-oldest' || policy === 'latest';
}
