// What was sent, in its order, on its way to the outbox: here it is decided what waits, what is dropped and what is refused when the peer reads too slowly, and
// messages that are sent as their source gives them have their turn.

import type { Endpoint } from '../endpoint/endpoint.ts';
import { ExtensionError, LocalProtocolError } from '../error.ts';
import type { SendHints } from '../extension/extension.ts';
import { ITEM_OVERHEAD } from '../limits.ts';
import { type Message, type MessageType, messageWeight } from '../message/message.ts';
import { Backlog, type BacklogEntry } from './backlog.ts';
import type { Clock, Scheduler } from './context.ts';
import type { Dropped } from './counters.ts';
import { Deferred, DONE } from './deferred.ts';
import { MessagePump, type PumpOwner } from './message-pump.ts';
import { isLong, MessageSteps, STEP_FROM } from './message-steps.ts';
import type { Outbox, OutboxSource } from './outbox.ts';
import type { BodySource } from './sendable.ts';
import type { ResolvedSlowConsumer, SendOptions } from './slow-consumer.ts';

const NO_OPTIONS: SendOptions = {};
/** What messages without a key have for one. */
const NO_KEY = Symbol('no key');

/** Whom the sender tells. */
export interface SenderOwner {
  /** What waits has grown. */
  outputWaits(): void;
  /** A streamed message cannot be finished. */
  messageAborted(error: unknown): void;
  /** An extension has failed on what is sent: the endpoint has failed the connection. */
  encodingFailed(error: ExtensionError): void;
  /** The peer reads too slowly for the policy: the connection is to be closed. Gives what the send fails with. */
  peerTooSlow(closeCode: number): Error;
}

export interface SenderParts {
  readonly endpoint: Endpoint;
  readonly outbox: Outbox;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly queueSize: number;
}

/** Something that is done when all up to an entry has left the backlog. */
interface Waiting {
  readonly id: number;
  readonly encoded: () => void;
  readonly abandoned: (error: Error) => void;
}

export class Sender implements OutboxSource, PumpOwner {
  readonly #owner: SenderOwner;
  readonly #endpoint: Endpoint;
  readonly #outbox: Outbox;
  readonly #clock: Clock;
  readonly #scheduler: Scheduler;
  readonly #queueSize: number;
  readonly #backlog = new Backlog();
  #isClosing = false;
  #fragmentRoom: Deferred<void> | undefined;
  // Bytes of streamed messages that extensions have worked on in this turn.
  #extended = 0;
  #waiting: Waiting[] | undefined;
  // Why something that was sent will never be taken by the transport.
  #lost: Error | undefined;
  #closePolicy: ResolvedSlowConsumer | undefined;
  // When the first of the messages in the write under way was sent, where that is known.
  #fedAt: number | undefined;
  #droppedMessages = 0;
  #droppedBytes = 0;
  #abandoned = 0;
  #unbegun = 0;

  constructor(owner: SenderOwner, { endpoint, outbox, clock, scheduler, queueSize }: SenderParts) {
    this.#owner = owner;
    this.#endpoint = endpoint;
    this.#outbox = outbox;
    this.#clock = clock;
    this.#scheduler = scheduler;
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

  /** Streamed messages whose source has failed before anything of them was sent. */
  get unbegun(): number {
    return this.#unbegun;
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
  send(message: Message, policy: ResolvedSlowConsumer, options: SendOptions = NO_OPTIONS): Promise<void> {
    if (policy.policy === 'wait') {
      this.#accept(message, policy, options);
      return this.#outbox.push(policy.maxQueued);
    }
    this.#assertCanSend();
    if (policy.policy === 'latest') this.#drop(this.#backlog.removeKey(options.key ?? NO_KEY));
    if (this.#isFull(policy) && !this.#makeRoom(policy, message)) return DONE;
    this.#accept(message, policy, options);
    if (policy.policy === 'close' && policy.maxAge !== Number.POSITIVE_INFINITY) this.#closePolicy = policy;
    this.#outbox.schedule();
    this.#owner.outputWaits();
    return DONE;
  }

  /** Sends a message as its source gives it, behind what was sent before. Fulfils when all of it is on its way. */
  sendBody(source: BodySource, hints?: SendHints): Promise<void> {
    this.#assertCanSend();
    const pump = new MessagePump(this, source);
    const at = this.#clock.now();
    const maxAge = Number.POSITIVE_INFINITY;
    this.#backlog.push({ message: pump, hints, weight: ITEM_OVERHEAD, at, maxAge, isDroppable: false, key: undefined });
    this.feed(0);
    return pump.done;
  }

  /** Fulfils when the transport has taken all that was sent before. */
  async flush(): Promise<void> {
    if (this.#lost !== undefined) throw this.#lost;
    if (!this.#backlog.isEmpty) {
      const encoded = new Deferred<void>();
      this.#whenEncoded(encoded.resolve, encoded.reject);
      await encoded.promise;
    }
    await this.#outbox.flush();
  }

  /** Takes nothing more, and calls back behind all that was sent: at once, or when the streamed messages before have been sent. Not when those are abandoned. */
  closeBehind(close: () => void): void {
    this.#isClosing = true;
    this.feed(Number.POSITIVE_INFINITY);
    this.#whenEncoded(close, () => {});
  }

  /** Gives up what cannot be sent any more, streamed messages first of all. Takes nothing more. */
  abandon(error: Error): void {
    this.#isClosing = true;
    for (let entry = this.#backlog.shift(); entry !== undefined; entry = this.#backlog.shift()) {
      this.#lost ??= error;
      this.#abandoned += entry.weight;
      if (!(entry.message instanceof MessagePump)) continue;
      this.#abandoned += entry.message.gathered;
      entry.message.stop(error);
    }
    this.#fragmentRoom?.reject(error);
    this.#fragmentRoom = undefined;
    for (const { abandoned } of this.#waiting?.splice(0) ?? []) abandoned(error);
  }

  /**
   * Lets no message that its source has not finished stand in the way, nor what was to be closed behind it: what was sent before it still goes out, and a close frame
   * may follow.
   */
  cut(error: Error): void {
    this.feed(Number.POSITIVE_INFINITY);
    if (this.#backlog.isEmpty) return;
    this.abandon(error);
    this.#isClosing = false;
  }

  /** Drops what is encoded and not taken, whole frames of it. */
  dropEncoded(error: Error): void {
    const { queued } = this.#endpoint;
    if (queued > 0) this.#lost ??= error;
    this.#abandoned += queued;
    this.#outbox.drop(error);
  }

  #accept(message: Message, { policy, maxAge }: ResolvedSlowConsumer, options: SendOptions): void {
    const isDroppable = policy === 'drop-oldest' || policy === 'latest';
    // What can be dropped later is not encoded before its turn, nor what is not to wait for long: it is known then for how long it has.
    const isInSteps = this.#endpoint.hasExtensions && isLong(message);
    const isKept = isInSteps || isDroppable || maxAge !== Number.POSITIVE_INFINITY || this.#isClosing;
    if (this.#backlog.isEmpty && !isKept) return this.#encode(message, options);
    this.#assertCanSend();
    this.#backlog.push({
      message: isInSteps ? new MessageSteps(message) : message,
      hints: options,
      weight: messageWeight(message),
      at: this.#clock.now(),
      maxAge,
      isDroppable,
      key: policy === 'latest' ? (options.key ?? NO_KEY) : undefined,
    });
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
    return this.#fedAt ?? this.#outbox.writingSince ?? this.#backlog.first?.at ?? now;
  }

  // --- Streamed messages ---------------------------------------------------------------------------------------------

  get #pump(): MessagePump | undefined {
    const message = this.#backlog.first?.message;
    return message instanceof MessagePump ? message : undefined;
  }

  roomForFragment(): Promise<void> | undefined {
    // Much may become little: then it is not the transport that gives others their turn.
    if (this.#extended >= STEP_FROM) {
      this.#extended = 0;
      return this.nextTurn().then(() => this.roomForFragment());
    }
    if (this.#hasFragmentRoom) return undefined;
    this.#fragmentRoom ??= new Deferred();
    return this.#fragmentRoom.promise;
  }

  // Not counting what waits behind the message: that has its turn when the message is sent.
  get #hasFragmentRoom(): boolean {
    return this.#outbox.encoded + (this.#pump?.gathered ?? 0) < this.#queueSize;
  }

  nextTurn(): Promise<void> {
    return new Promise((resolve) => this.#scheduler.schedule(resolve));
  }

  sendFragment(type: MessageType, bytes: Uint8Array, isLast: boolean): void {
    if (this.#endpoint.hasExtensions) this.#extended += bytes.byteLength;
    try {
      this.#endpoint.sendFragment(type, bytes, isLast, this.#backlog.first?.hints);
    } catch (error) {
      if (error instanceof ExtensionError) this.#owner.encodingFailed(error);
      throw error;
    }
    this.schedule();
  }

  schedule(): void {
    this.#outbox.schedule();
    this.#owner.outputWaits();
  }

  pumpEnded(pump: MessagePump, failure?: { readonly error: unknown }): void {
    this.#backlog.shift();
    if (failure !== undefined && pump.hasBegun) return this.#owner.messageAborted(failure.error);
    if (failure !== undefined) this.#unbegun++;
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
      const hasBegun = message instanceof MessageSteps && message.hasBegun;
      if (!hasBegun && first.isDroppable && this.#clock.now() - first.at >= first.maxAge) {
        this.#drop(this.#backlog.shift());
        continue;
      }
      if (this.#endpoint.queued >= size || !this.#endpoint.canSend) break;
      this.#fedAt ??= first.at;
      // The rest of a message that is sent in steps has its turn later.
      if (!this.#encodeFirst(first)) break;
    }
    this.#settleWaiting();
  }

  /** Hands over the first entry or the next step of it. False when there is more of it, or an extension has failed. */
  #encodeFirst({ message, hints }: BacklogEntry): boolean {
    try {
      if (message instanceof MessageSteps) return this.#encodeStep(message, hints);
      this.#backlog.shift();
      this.#endpoint.send(message as Message, hints);
      return true;
    } catch (error) {
      if (!(error instanceof ExtensionError)) throw error;
      // Nobody waits for it here: its send has fulfilled, or will be told of the end.
      this.#owner.encodingFailed(error);
      return false;
    }
  }

  #encodeStep(steps: MessageSteps, hints: SendHints | undefined): boolean {
    const { bytes, isLast } = steps.next();
    if (isLast) this.#backlog.shift();
    else this.#backlog.keepFirst();
    this.#endpoint.sendFragment(steps.type, bytes, isLast, hints);
    return isLast;
  }

  #encode(message: Message, hints: SendHints | undefined): void {
    try {
      this.#endpoint.send(message, hints);
    } catch (error) {
      if (error instanceof ExtensionError) this.#owner.encodingFailed(error);
      throw error;
    }
  }

  outputTaken(): void {
    if (!this.#outbox.isInFrame) this.#fedAt = undefined;
    if (this.#outbox.queued === 0) this.#closePolicy = undefined;
    if (this.#fragmentRoom === undefined || !this.#hasFragmentRoom) return;
    this.#fragmentRoom.resolve();
    this.#fragmentRoom = undefined;
  }

  #whenEncoded(encoded: () => void, abandoned: (error: Error) => void): void {
    if (this.#backlog.isEmpty) return encoded();
    this.#waiting ??= [];
    this.#waiting.push({ id: this.#backlog.lastId, encoded, abandoned });
  }

  #settleWaiting(): void {
    for (let first = this.#waiting?.[0]; first !== undefined; first = this.#waiting?.[0]) {
      if (!this.#backlog.isEmpty && this.#backlog.firstId <= first.id) return;
      this.#waiting?.shift();
      first.encoded();
    }
  }
}
