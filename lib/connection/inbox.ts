// The messages that have come and wait to be read, and the ways to read them: one at a time, or as a ReadableStream that is made when
// it is first asked for. Then the stream's own queue is the queue: there is one hop, not two.

import type { Frame } from '../frame/frame.ts';
import { ITEM_OVERHEAD } from '../limits.ts';
import { type Message, messageWeight } from '../message/message.ts';
import { SharedReader } from '../stream/shared-reader.ts';
import { streams } from '../stream/streams.ts';

/** Settles the promise of somebody who waits. There is no `reject` beside it, which would be held for as long as he waits: it is resolved with a rejection. */
type Settle<M> = (given: M | undefined | IteratorResult<M, undefined> | Promise<never>) => void;

interface Waiter<M> {
  readonly settle: Settle<M>;
  /** Whether it is an iterator's, which is given results. */
  readonly wantsResult: boolean;
}

const NONE: never[] = [];
const END: IteratorReturnResult<undefined> = { value: undefined, done: true };

/** What the connection wants to be told. */
export interface InboxOwner {
  /** A message was taken: there may be room for more. */
  inboxHasRoom(): void;
  /** A reader has seen the end of the messages, or the error at their end. */
  inboxEndSeen(): void;
  /** Nobody will read any more. */
  inboxDiscards?(): void;
}

/** The messages that have come, whole or streamed. */
export type MessageInbox<I> = Pick<
  Inbox<I>,
  'unread' | 'discarded' | 'isInHand' | 'readable' | 'receive' | 'next' | 'end' | 'discard'
>;

/** The received messages of one session. */
export class Inbox<M> {
  readonly #owner: InboxOwner;
  readonly #queueSize: number;
  readonly #weigh: (message: M) => number;
  #messages: M[] = NONE;
  #head = 0;
  #weight = 0;
  // Who waits is nearly always one: he has no array, and no object.
  #settleFirst: Settle<M> | undefined;
  #firstWantsResult = false;
  #laterWaiters: Waiter<M>[] | undefined;
  #hasEnded = false;
  #error: Error | undefined;
  #isDiscarding = false;
  #discarded = 0;
  #isInHand = false;

  #readable: ReadableStream<M> | undefined;
  #controller: ReadableStreamDefaultController<M> | undefined;
  // What the messages weigh that were given to the stream, those that it still holds at least.
  #inStream: number[] = NONE;
  #inStreamWeight = 0;
  #reader: SharedReader<M> | undefined;

  /** @param weigh What a message counts in the queue, in bytes. */
  constructor(owner: InboxOwner, queueSize: number, weigh: (message: M) => number) {
    this.#weigh = weigh;
    this.#owner = owner;
    this.#queueSize = queueSize;
  }

  /** What waits unread: bytes, each message counting 64 more. */
  get unread(): number {
    return this.#weight + this.#streamed;
  }

  /** Messages that were thrown away. */
  get discarded(): number {
    return this.#discarded;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Whether somebody waits for a message, or holds the stream. */
  get hasReader(): boolean {
    return this.#settleFirst !== undefined || (this.#readable?.locked ?? false);
  }

  // --- Filling -------------------------------------------------------------------------------------------------------

  /** Takes a message that has come. */
  deliver(message: M): void {
    if (this.#hasEnded) return;
    if (this.#isDiscarding) {
      this.#discarded++;
      return;
    }
    const settle = this.#settleFirst;
    if (settle !== undefined) {
      this.#isInHand = true;
      const wantsResult = this.#firstWantsResult;
      this.#settleFirst = undefined;
      if (this.#laterWaiters !== undefined) this.#advance(this.#laterWaiters);
      return settle(wantsResult ? { value: message, done: false } : message);
    }
    if (this.#controller !== undefined && this.#weight === 0) {
      const room = this.#controller.desiredSize ?? 0;
      if (room > 0) return this.#enqueue(this.#controller, message, room);
    }
    if (this.#messages === NONE) this.#messages = [message];
    else this.#messages.push(message);
    this.#weight += this.#weigh(message);
  }

  /** No more messages come. With an error the reader is told of it, after the last message. */
  end(error?: Error): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#error = error;
    const settle = this.#settleFirst;
    const waiters = this.#laterWaiters ?? [];
    this.#settleFirst = undefined;
    this.#laterWaiters = undefined;
    if (settle !== undefined) this.#settle(settle, this.#firstWantsResult);
    for (const waiter of waiters) this.#settle(waiter.settle, waiter.wantsResult);
    this.#closeStream();
  }

  #advance(waiters: Waiter<M>[]): void {
    const { settle, wantsResult } = waiters.shift() as Waiter<M>;
    this.#settleFirst = settle;
    this.#firstWantsResult = wantsResult;
    if (waiters.length === 0) this.#laterWaiters = undefined;
  }

  /** Throws away what waits and what still comes: nobody will read it. */
  discard(): void {
    if (this.#isDiscarding) return;
    this.#isDiscarding = true;
    this.#discarded += this.#messages.length - this.#head;
    this.#clear();
    this.#closeStream();
    this.#owner.inboxDiscards?.();
  }

  /** As {@link discard}. Whoever still reads is told of the error: what is cut must not look whole. */
  abort(error: Error): void {
    const isCut = !this.#hasEnded || this.unread > 0;
    if (isCut) this.#error ??= error;
    this.discard();
    if (isCut) this.end(error);
  }

  get isDiscarding(): boolean {
    return this.#isDiscarding;
  }

  /** Whether a message was given to a caller of {@link receive} who has not asked for the next one since: he may still be at work on it. */
  get isInHand(): boolean {
    return this.#isInHand;
  }

  // --- Reading -------------------------------------------------------------------------------------------------------

  /**
   * The next message; undefined at the end. Rejects with the error of an unclean end, and with a TypeError while the stream is locked
   * to a reader.
   */
  receive(): Promise<M | undefined> {
    if (this.#reader !== undefined) return this.#reader.read();
    const message = this.#shift();
    this.#isInHand = message !== undefined;
    if (message !== undefined) return Promise.resolve(message);
    return this.#wait(false) as Promise<M | undefined>;
  }

  /** As {@link receive}, as an iterator gives it: one promise a message, not two. */
  next(): Promise<IteratorResult<M, undefined>> {
    if (this.#reader !== undefined) return this.#reader.read().then(toResult);
    const message = this.#shift();
    this.#isInHand = message !== undefined;
    if (message !== undefined) return Promise.resolve({ value: message, done: false });
    return this.#wait(true) as Promise<IteratorResult<M, undefined>>;
  }

  #wait(wantsResult: boolean): Promise<M | undefined | IteratorResult<M, undefined>> {
    return new Promise((settle) => {
      if (this.#hasEnded) return this.#settle(settle, wantsResult);
      if (this.#settleFirst === undefined) {
        this.#settleFirst = settle;
        this.#firstWantsResult = wantsResult;
      } else {
        this.#laterWaiters ??= [];
        this.#laterWaiters.push({ settle, wantsResult });
      }
    });
  }

  /** @throws TypeError while a `receive` is pending. */
  get readable(): ReadableStream<M> {
    if (this.#readable !== undefined) return this.#readable;
    if (this.#settleFirst !== undefined) throw new TypeError('Cannot make the readable: a receive is pending');
    const { ReadableStream } = streams();
    const strategy = { highWaterMark: this.#queueSize, size: this.#weigh };
    this.#readable = new ReadableStream<M>(new Inbox.#Source(this as unknown as Inbox<unknown>), strategy);
    this.#reader = new SharedReader(this.#readable);
    return this.#readable;
  }

  // An object with methods: a stream would hold a closure for each.
  static readonly #Source = class implements UnderlyingDefaultSource<unknown> {
    readonly #inbox: Inbox<unknown>;

    constructor(inbox: Inbox<unknown>) {
      this.#inbox = inbox;
    }

    start(controller: ReadableStreamDefaultController<unknown>): void {
      this.#inbox.#controller = controller;
    }

    pull(): void {
      this.#inbox.#pull();
    }

    cancel(): void {
      this.#inbox.#controller = undefined;
      this.#inbox.discard();
    }
  };

  // Messages in the stream's own queue.
  get #streamed(): number {
    if (this.#controller === undefined) return 0;
    return this.#queueSize - (this.#controller.desiredSize ?? this.#queueSize);
  }

  // Called by the stream when it was made and after each read that leaves room.
  #pull(): void {
    const controller = this.#controller as ReadableStreamDefaultController<M>;
    // Asked for once for each message: the stream's own members are dear.
    for (let room = controller.desiredSize ?? 0; room > 0; room = controller.desiredSize ?? 0) {
      const message = this.#shift();
      if (message === undefined) break;
      this.#enqueue(controller, message, room);
    }
    this.#closeStream();
    this.#owner.inboxHasRoom();
  }

  #enqueue(controller: ReadableStreamDefaultController<M>, message: M, room: number): void {
    this.#forgetRead(this.#queueSize - room);
    const weight = this.#weigh(message);
    if (this.#inStream === NONE) this.#inStream = [weight];
    else this.#inStream.push(weight);
    this.#inStreamWeight += weight;
    controller.enqueue(message);
  }

  // The stream does not tell of reads: what it still holds are the last ones, as many as weigh what it says.
  #forgetRead(streamed: number): void {
    while (this.#inStreamWeight > streamed && this.#inStream.length > 0)
      this.#inStreamWeight -= this.#inStream.shift() ?? 0;
  }

  // `error` throws away what the stream has queued, so it waits until all has been read, unless that is not wanted any more; so does `close`, because the stream
  // does not tell of reads behind it.
  #closeStream(): void {
    const controller = this.#controller;
    if (controller === undefined || !this.#hasEnded || (this.unread > 0 && !this.#isDiscarding)) return;
    if (this.#error !== undefined) {
      this.#forgetRead(this.#streamed);
      this.#discarded += this.#inStream.length;
      controller.error(this.#error);
    } else {
      controller.close();
    }
    this.#controller = undefined;
    this.#owner.inboxEndSeen();
  }

  #settle(settle: Settle<M>, wantsResult: boolean): void {
    if (this.#error !== undefined) settle(Promise.reject(this.#error));
    else settle(wantsResult ? END : undefined);
    this.#owner.inboxEndSeen();
  }

  #shift(): M | undefined {
    const message = this.#messages[this.#head];
    if (message === undefined) return undefined;
    this.#messages[this.#head++] = undefined as M;
    this.#weight -= this.#weigh(message);
    if (this.#head === this.#messages.length) this.#clear();
    else if (this.#head >= 64 && this.#head * 2 >= this.#messages.length) this.#compact();
    if (this.#readable === undefined) this.#owner.inboxHasRoom();
    return message;
  }

  // What was read is let go of now and then: there may always be something unread.
  #compact(): void {
    this.#messages = this.#messages.slice(this.#head);
    this.#head = 0;
  }

  #clear(): void {
    this.#messages = NONE;
    this.#head = 0;
    this.#weight = 0;
  }
}

/** Iterates over what an inbox gives, and needs no stream for it. `leave` is called when a loop is left. */
export function iterate<M>(inbox: Pick<Inbox<M>, 'next'>, leave?: () => void): AsyncIterableIterator<M> {
  return new InboxIterator(inbox, leave);
}

// One for each session with a loop: a class, so that it has no closures of its own.
class InboxIterator<M> implements AsyncIterableIterator<M> {
  readonly #inbox: Pick<Inbox<M>, 'next'>;
  readonly #leave: (() => void) | undefined;

  constructor(inbox: Pick<Inbox<M>, 'next'>, leave: (() => void) | undefined) {
    this.#inbox = inbox;
    this.#leave = leave;
  }

  next(): Promise<IteratorResult<M, undefined>> {
    return this.#inbox.next();
  }

  return(): Promise<IteratorReturnResult<undefined>> {
    this.#leave?.();
    return Promise.resolve(END);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

/** What an iterator gives for a message; undefined stands for the end. */
export function toResult<M>(message: M | undefined): IteratorResult<M, undefined> {
  return message === undefined ? { value: undefined, done: true } : { value: message, done: false };
}

/** What a message or a frame counts in the queue. */
export function weighItem(item: Message | Frame | unknown): number {
  if (typeof item === 'string' || item instanceof Uint8Array) return messageWeight(item);
  return ITEM_OVERHEAD + (item as Frame).payload.byteLength;
}
