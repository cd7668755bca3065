// What was sent, in its order, on its way to the outbox: here it is decided what waits, what is dropped and what is refused when the peer reads too slowly, and
// messages that are sent as their source gives them have their turn.

import type { Endpoint } from '../endpoint/endpoint.ts';
import { LocalProtocolError } from '../error.ts';
import { ITEM_OVERHEAD } from '../limits.ts';
import { type Message, type MessageType, messageWeight } from '../message/message.ts';
import { Backlog, type BacklogEntry } from './backlog.ts';
import type { Clock } from './context.ts';
import { Deferred } from './deferred.ts';
import { MessagePump, type PumpOwner } from './message-pump.ts';
import type { Outbox, OutboxSource } from './outbox.ts';
import type { BodySource } from './sendable.ts';
import type { ResolvedSlowConsumer } from './slow-consumer.ts';

const DONE: Promise<void> = Promise.resolve();

/** What messages without a key have for one. */
const NO_KEY = Symbol('no key');

/** Whom the sender tells. */
export interface SenderOwner {
  /** What waits has grown. */
  outputWaits(): void;
  /** A streamed message cannot be finished. */
  messageAborted(error: unknown): void;
  /** The peer reads too slowly for the policy: the connection is to be closed. Gives what the send fails with. */
  peerTooSlow(closeCode: number): Error;
}

export interface SenderParts {
  readonly endpoint: Endpoint;
  readonly outbox: Outbox;
  readonly clock: Clock;
  readonly queueSize: number;
}

/** What a slow-consumer policy has dropped. */
export interface Dropped {
  readonly messages: number;
  /** Bytes of payload; a string counts its UTF-16 code units. */
  readonly bytes: number;
}

export class Sender implements OutboxSource, PumpOwner {
  readonly #owner: SenderOwner;
  readonly #endpoint: Endpoint;
  readonly #outbox: Outbox;
  readonly #clock: Clock;
  readonly #queueSize: number;
  readonly #backlog = new Backlog();
  #isClosing = false;
  #fragmentRoom: Deferred<void> | undefined;
  // Each is called when all up to its entry has left the backlog.
  #waiting: { readonly id: number; readonly callback: () => void }[] = [];
  #closePolicy: ResolvedSlowConsumer | undefined;
  #droppedMessages = 0;
  #droppedBytes = 0;
  #abandoned = 0;

  constructor(owner: SenderOwner, { endpoint, outbox, clock, queueSize }: SenderParts) {
    this.#owner = owner;
    this.#endpoint = endpoint;
    this.#outbox = outbox;
    this.#clock = clock;
    this.#queueSize = queueSize;
    outbox.feedFrom(this);
  }

  /** What waits to be encoded. */
  get weight(): number {
    return this.#backlog.weight + (this.#pump?.gathered ?? 0);
  }

  get isEmpty(): boolean {
    return this.#backlog.isEmpty;
  }

  get dropped(): Dropped {
    return { messages: this.#droppedMessages, bytes: this.#droppedBytes };
  }

  /** What will never be sent: bytes, each message counting 64 more. */
  get abandoned(): number {
    return this.#abandoned;
  }

  /** Whether messages may be sent. */
  get canSend(): boolean {
    return this.#endpoint.canSend && !this.#isClosing;
  }

  /** When what waits will have waited for too long for the policy `close`; Infinity for never. */
  get tooOldAt(): number {
    if (this.#closePolicy === undefined || this.#outbox.queued === 0) return Number.POSITIVE_INFINITY;
    return this.#oldestAt(this.#clock.now()) + this.#closePolicy.maxAge;
  }

  /** What the policy `close` that was used last says. */
  get closeCode(): number {
    return this.#closePolicy?.closeCode ?? 1013;
  }

  // --- Sending -------------------------------------------------------------------------------------------------------

  /**
   * Sends a message. Fulfils when there is room for more, or what else the policy says.
   *
   * @throws LocalProtocolError when nothing may be sent, or (policy `fail`) when there is no room.
   */
  send(message: Message, policy: ResolvedSlowConsumer, key?: unknown): Promise<void> {
    if (policy.policy === 'wait') {
      this.#accept(message, policy, key);
      return this.#outbox.push();
    }
    this.#assertCanSend();
    if (policy.policy === 'latest') this.#drop(this.#backlog.removeKey(key ?? NO_KEY));
    if (this.#isFull(policy) && !this.#makeRoom(policy, message)) return DONE;
    this.#accept(message, policy, key);
    if (policy.policy === 'close' && policy.maxAge !== Number.POSITIVE_INFINITY) this.#closePolicy = policy;
    this.#outbox.schedule();
    this.#owner.outputWaits();
    return DONE;
  }

  /** Sends a message as its source gives it, behind what was sent before. Fulfils when all of it is on its way. */
  sendBody(source: BodySource): Promise<void> {
    this.#assertCanSend();
    const pump = new MessagePump(this, source);
    const at = this.#clock.now();
    const maxAge = Number.POSITIVE_INFINITY;
    this.#backlog.push({ message: pump, weight: ITEM_OVERHEAD, at, maxAge, isDroppable: false, key: undefined });
    this.feed(0);
    return pump.done;
  }

  /** Fulfils when the transport has taken all that was sent before. */
  async flush(): Promise<void> {
    if (!this.#backlog.isEmpty) {
      const encoded = new Deferred<void>();
      this.#whenEncoded(encoded.resolve);
      await encoded.promise;
    }
    await this.#outbox.flush();
  }

  /** Takes nothing more, and calls back behind all that was sent: at once, or when the streamed messages before have been sent. */
  closeBehind(close: () => void): void {
    this.#isClosing = true;
    this.feed(Number.POSITIVE_INFINITY);
    this.#whenEncoded(close);
  }

  /** Gives up what cannot be sent any more, streamed messages first of all. */
  abandon(error: Error): void {
    this.#isClosing = true;
    for (let entry = this.#backlog.shift(); entry !== undefined; entry = this.#backlog.shift()) {
      this.#abandoned += entry.weight;
      if (entry.message instanceof MessagePump) entry.message.stop(error);
    }
    this.#fragmentRoom?.reject(error);
    this.#fragmentRoom = undefined;
    this.#settleWaiting();
  }

  /** Lets no message that its source has not finished stand in the way: what was sent before it still goes out. */
  cut(error: Error): void {
    this.feed(Number.POSITIVE_INFINITY);
    if (!this.#backlog.isEmpty) this.abandon(error);
  }

  /** Drops what is encoded and not taken, whole frames of it. */
  dropEncoded(): void {
    this.#abandoned += this.#endpoint.queued;
    this.#endpoint.dropOutput();
  }

  #accept(message: Message, { policy, maxAge }: ResolvedSlowConsumer, key: unknown): void {
    const isDroppable = policy === 'drop-oldest' || policy === 'latest';
    // What can be dropped later is not encoded before its turn.
    if (this.#backlog.isEmpty && !isDroppable && !this.#isClosing) return this.#endpoint.send(message);
    this.#assertCanSend();
    const entryKey = policy === 'latest' ? (key ?? NO_KEY) : undefined;
    const at = this.#clock.now();
    this.#backlog.push({ message, weight: messageWeight(message), at, maxAge, isDroppable, key: entryKey });
  }

  #assertCanSend(): void {
    if (this.canSend) return;
    throw new LocalProtocolError('ERR_WS_CLOSED', 'Cannot send a message: the session is closing');
  }

  // --- Slow consumers ------------------------------------------------------------------------------------------------

  #isFull({ policy, maxQueued, maxAge }: ResolvedSlowConsumer): boolean {
    const { queued } = this.#outbox;
    if (queued >= maxQueued) return true;
    // A message that may be dropped has an age of its own.
    if (maxAge === Number.POSITIVE_INFINITY || policy === 'drop-oldest' || policy === 'latest') return false;
    const now = this.#clock.now();
    return queued > 0 && now - this.#oldestAt(now) >= maxAge;
  }

  /** Does what the policy says when there is no room. Gives whether the message is to be sent all the same. */
  #makeRoom(policy: ResolvedSlowConsumer, message: Message): boolean {
    switch (policy.policy) {
      case 'fail':
        throw new LocalProtocolError('ERR_WS_QUEUE_FULL', 'Cannot send a message: the peer reads too slowly');
      case 'close':
        throw this.#owner.peerTooSlow(policy.closeCode);
      case 'drop-newest':
        this.#countDropped(messageWeight(message));
        return false;
      default:
        while (this.#isFull(policy) && this.#drop(this.#backlog.removeOldest()));
        return true;
    }
  }

  #drop(entry: BacklogEntry | undefined): boolean {
    if (entry === undefined) return false;
    this.#countDropped(entry.weight);
    return true;
  }

  #countDropped(weight: number): void {
    this.#droppedMessages++;
    this.#droppedBytes += weight - ITEM_OVERHEAD;
  }

  #oldestAt(now: number): number {
    return this.#outbox.writingSince ?? this.#backlog.first?.at ?? now;
  }

  // --- Streamed messages ---------------------------------------------------------------------------------------------

  get #pump(): MessagePump | undefined {
    const message = this.#backlog.first?.message;
    return message instanceof MessagePump ? message : undefined;
  }

  roomForFragment(): Promise<void> | undefined {
    if (this.#hasFragmentRoom) return undefined;
    this.#fragmentRoom ??= new Deferred();
    return this.#fragmentRoom.promise;
  }

  // Not counting what waits behind the message: that has its turn when the message is sent.
  get #hasFragmentRoom(): boolean {
    return this.#outbox.encoded + (this.#pump?.gathered ?? 0) < this.#queueSize;
  }

  sendFragment(type: MessageType, bytes: Uint8Array, isLast: boolean): void {
    this.#endpoint.sendFragment(type, bytes, isLast);
    this.schedule();
  }

  schedule(): void {
    this.#outbox.schedule();
    this.#owner.outputWaits();
  }

  pumpEnded(pump: MessagePump, failure?: { readonly error: unknown }): void {
    this.#backlog.shift();
    if (failure !== undefined && pump.hasBegun) return this.#owner.messageAborted(failure.error);
    this.feed(this.#isClosing ? Number.POSITIVE_INFINITY : 0);
    this.#outbox.schedule();
  }

  // --- The outbox asks -----------------------------------------------------------------------------------------------

  feed(size: number): void {
    for (let first = this.#backlog.first; first !== undefined; first = this.#backlog.first) {
      const { message } = first;
      if (message instanceof MessagePump) {
        message.start();
        message.flush();
        break;
      }
      if (first.isDroppable && this.#clock.now() - first.at >= first.maxAge) {
        this.#drop(this.#backlog.shift());
      } else if (this.#endpoint.queued < size) {
        this.#backlog.shift();
        this.#endpoint.send(message);
      } else {
        break;
      }
    }
    this.#settleWaiting();
  }

  outputTaken(): void {
    if (this.#fragmentRoom === undefined || !this.#hasFragmentRoom) return;
    this.#fragmentRoom.resolve();
    this.#fragmentRoom = undefined;
  }

  #whenEncoded(callback: () => void): void {
    if (this.#backlog.isEmpty) callback();
    else this.#waiting.push({ id: this.#backlog.lastId, callback });
  }

  #settleWaiting(): void {
    while (this.#waiting.length > 0) {
      const { id, callback } = this.#waiting[0] as { id: number; callback: () => void };
      if (!this.#backlog.isEmpty && this.#backlog.firstId <= id) return;
      this.#waiting.shift();
      callback();
    }
  }
}
