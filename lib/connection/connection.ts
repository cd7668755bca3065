// The engine of one connection: joins an endpoint (protocol) to a transport (bytes) and an inbox (messages), with a clock. What comes in flows through
// the intake, what goes out through the sender and the outbox; here is how the connection ends. It knows no user code.

import { Endpoint } from '../endpoint/endpoint.ts';
import type { EndpointEvent } from '../endpoint/event.ts';
import { ConnectionError, ExtensionError, LimitError, LocalProtocolError } from '../error.ts';
import { CloseCode } from '../frame/close-code.ts';
import type { Frame } from '../frame/frame.ts';
import { Opcode } from '../frame/opcode.ts';
import type { ConnectionLimits } from '../limits.ts';
import { type Message, type MessageSource, toMessage } from '../message/message.ts';
import type { Transport, TransportReceiver } from '../stream/transport.ts';
import { CloseRecord } from './close-record.ts';
import type { ConnectionOptions, ConnectionOwner } from './connection-options.ts';
import type { Engine } from './context.ts';
import type { Counters } from './counters.ts';
import { Ending, type EndingOwner } from './ending.ts';
import { Inbox, type MessageInbox, weighItem } from './inbox.ts';
import { Intake, type IntakeOwner } from './intake.ts';
import { Outbox, type OutboxOwner } from './outbox.ts';
import { Pings } from './pings.ts';
import { createRate, type Rate } from './rate.ts';
import type { Holder } from './retained-budget.ts';
import { type Sendable, toBodySource } from './sendable.ts';
import { Sender, type SenderOwner } from './sender.ts';
import { type ResolvedSlowConsumer, resolveSlowConsumer, type SendOptions } from './slow-consumer.ts';
import { StreamedInbox, type StreamedInboxOwner } from './streamed-inbox.ts';
import { Watchdog, type WatchdogOwner } from './watchdog.ts';

export class Connection<I = Message>
  implements TransportReceiver, IntakeOwner, StreamedInboxOwner, SenderOwner, OutboxOwner, WatchdogOwner, Holder
{
  reported: number | undefined;
  readonly endpoint: Endpoint;
  readonly inbox: MessageInbox<I>;
  // Made when first needed: a session that waits for its first message has none of them, nor the pings of one whose peer is heard, nor an ending.
  #outbox: Outbox | undefined;
  #sender: Sender | undefined;
  #record: CloseRecord | undefined;
  #intake: Intake | undefined;
  #ending: Ending | undefined;
  #pings: Pings | undefined;
  readonly #whole: Inbox<I> | undefined;
  readonly #streamed: StreamedInbox | undefined;
  readonly #watchdog: Watchdog;
  readonly #controlRate: Rate | undefined;
  readonly #owner: ConnectionOwner;
  readonly #transport: Transport;
  readonly #engine: Engine;
  readonly #limits: ConnectionLimits;
  readonly #isRaw: boolean;
  readonly #slowConsumer: ResolvedSlowConsumer;
  #messagesReceived = 0;
  #messagesSent = 0;

  constructor(owner: ConnectionOwner, transport: Transport, engine: Engine, options: ConnectionOptions) {
    const { role, limits, fragmentSize, raw, rsvBits, extensions, streamed } = options;
    const { clock, maskingKey, slab } = engine;
    this.#owner = owner;
    this.#transport = transport;
    this.#engine = engine;
    this.#limits = limits;
    this.#isRaw = raw;
    this.#slowConsumer = options.slowConsumer;
    const all = { role, limits, raw, rsvBits, extensions, streamed, maskingKey, slab };
    this.endpoint = new Endpoint(fragmentSize === undefined ? all : { ...all, fragmentSize });
    if (streamed) this.#streamed = new StreamedInbox(this, limits);
    else this.#whole = new Inbox<I>(this, limits.queueSize, weighItem);
    this.inbox = (this.#streamed ?? this.#whole) as MessageInbox<I>;
    this.#controlRate = createRate(limits.maxControlFrameRate, clock.now());
    // Who runs a raw session answers pings, and sends them.
    const watched = raw ? { ...limits, pingInterval: Number.POSITIVE_INFINITY } : limits;
    this.#watchdog = new Watchdog(this, engine, watched, this.endpoint.restAfter);
  }

  get outbox(): Outbox {
    return this.#outbox ?? this.#openOutput().outbox;
  }

  get sender(): Sender {
    return this.#sender ?? this.#openOutput().sender;
  }

  #openOutput(): { readonly outbox: Outbox; readonly sender: Sender } {
    const { clock, scheduler } = this.#engine;
    const parts = { endpoint: this.endpoint, clock, scheduler, queueSize: this.#limits.queueSize };
    const outbox = new Outbox({ ...parts, transport: this.#transport, owner: this });
    const sender = new Sender(this, { ...parts, outbox });
    this.#outbox = outbox;
    this.#sender = sender;
    return { outbox, sender };
  }

  get #input(): Intake {
    if (this.#intake !== undefined) return this.#intake;
    const { clock, scheduler } = this.#engine;
    const [endpoint, inbox, transport, limits] = [this.endpoint, this.inbox, this.#transport, this.#limits];
    this.#intake = new Intake(this, { endpoint, inbox, transport, scheduler, clock, limits });
    return this.#intake;
  }

  get record(): CloseRecord {
    this.#record ??= new CloseRecord();
    return this.#record;
  }

  /** How it ends. */
  get ending(): Ending {
    this.#ending ??= this.#createEnding();
    return this.#ending;
  }

  #createEnding(): Ending {
    const owner = this.#owner;
    const { endpoint, inbox, outbox, sender, record } = this;
    const { clock, scheduler, budget } = this.#engine;
    const [transport, intake, isRaw, { closeTimeout }] = [this.#transport, this.#input, this.#isRaw, this.#limits];
    const endingOwner: EndingOwner = {
      isWritableInUse: () => owner.isWritableInUse(),
      hasHandler: () => owner.hasHandler(),
      closingBegun: () => this.#watchdog.stop(),
      connectionEnded: () => {
        budget?.remove(this);
        this.#pings?.stop(record.closedError);
        this.#tellErrors(endpoint.release());
        owner.connectionEnded();
      },
    };
    const parts = { endpoint, inbox, outbox, sender, record, clock, scheduler, transport, intake, isRaw, closeTimeout };
    return new Ending(endingOwner, parts);
  }

  start(): void {
    this.#transport.start(this);
  }

  /** Whether neither side has begun to close. */
  get isOpen(): boolean {
    return this.endpoint.state === 'open' && this.#canSend;
  }

  get #canSend(): boolean {
    return this.#sender?.canSend ?? this.endpoint.canSend;
  }

  get counters(): Counters {
    const { dropped = { messages: 0, bytes: 0 }, unbegun = 0 } = this.#sender ?? {};
    return {
      messagesReceived: this.#messagesReceived,
      messagesSent: this.#messagesSent - dropped.messages - unbegun,
      bytesReceived: this.#intake?.bytesReceived ?? 0,
      bytesSent: this.#outbox?.bytesWritten ?? 0,
      unread: this.inbox.unread,
      queued: this.#outbox?.queued ?? 0,
      dropped,
      roundTrip: this.#pings?.roundTrip,
    };
  }

  // --- Commands ------------------------------------------------------------------------------------------------------

  /** Sends a message; fulfils when there is room for more, or what else the policy says. */
  send(message: Sendable | Frame, options?: SendOptions): Promise<void> {
    const sent = this.#isRaw ? this.#sendFrame(message as Frame) : this.#sendMessage(message as Sendable, options);
    this.#messagesSent++;
    this.#watchdog.dataMoved();
    this.#engine.budget?.report(this);
    return sent;
  }

  #sendMessage(message: Sendable, options: SendOptions | undefined): Promise<void> {
    const given = options?.slowConsumer;
    const policy = given === undefined ? this.#slowConsumer : resolveSlowConsumer(given, this.#limits.queueSize);
    const body = toBodySource(message);
    if (body !== undefined) return this.sender.sendBody(body, options);
    return this.sender.send(toMessage(message as MessageSource), policy, options);
  }

  #sendFrame(frame: Frame): Promise<void> {
    const { state } = this.endpoint;
    try {
      this.endpoint.sendFrame(frame);
    } catch (error) {
      if (error instanceof ExtensionError) this.encodingFailed(error);
      throw error;
    }
    if (this.endpoint.state !== state) this.ending.begin();
    return this.outbox.push();
  }

  /** Sends a ping; gives the milliseconds until its pong. */
  ping(): Promise<number> {
    if (!this.#canSend) throw new LocalProtocolError('ERR_WS_CLOSED', 'Cannot ping: the session is closing');
    this.#pings ??= new Pings(this.#engine.clock);
    const { last, isFull } = this.#pings;
    // While enough of them wait for their pong, or the last one is not on its way yet, the last one serves for the next too.
    if (last !== undefined && (isFull || this.endpoint.hasControlOutput)) return last;
    const { payload, roundTrip } = this.#pings.begin();
    this.endpoint.ping(payload);
    this.outbox.schedule();
    return roundTrip;
  }

  // --- The transport tells -------------------------------------------------------------------------------------------

  chunkReceived(chunk: Uint8Array, isOwned: boolean): void {
    this.#watchdog.heard();
    this.#input.receive(chunk, isOwned);
  }

  chunkLent(chunk: Uint8Array): void {
    this.#watchdog.heard();
    this.#input.receiveLent(chunk);
  }

  endReceived(): void {
    this.#input.receiveEnd();
  }

  writeTaken(): void {
    const since = this.outbox.writingSince ?? 0;
    const isPingTaken = !this.endpoint.hasControlOutput;
    this.outbox.written();
    this.#watchdog.writeTaken(since, isPingTaken);
    this.#ending?.outputTaken();
  }

  endSent(): void {}
  transportClosed(error?: unknown): void {
    this.ending.transportClosed(error);
  }

  // --- The inbox tells -----------------------------------------------------------------------------------------------

  inboxHasRoom(): void {
    this.#intake?.inboxHasRoom();
  }

  inboxEndSeen(): void {
    this.ending.answerLater();
  }

  inboxDiscards(): void {
    this.#intake?.inboxHasRoom();
  }

  own<E extends Error>(error: E): E {
    return this.record.own(error);
  }

  messageTooLong(error: LimitError): void {
    this.ending.fail(error.closeCode, this.record.own(error), error.message);
  }

  // --- The intake tells ----------------------------------------------------------------------------------------------

  eventReceived(event: EndpointEvent): void {
    switch (event.type) {
      case 'message':
        this.#countMessage();
        return this.#whole?.deliver(event.message as I);
      case 'piece':
        if (event.piece.isFirst) this.#countMessage();
        this.#watchdog.dataMoved();
        return this.#streamed?.deliver(event.piece);
      case 'frame':
        this.#countMessage();
        // A pong to a ping of the session's is a frame like others, and settles it.
        if (event.frame.opcode === Opcode.PONG) this.#pings?.settle(event.frame.payload);
        return this.#whole?.deliver(event.frame as I);
      case 'ping':
        this.outbox.schedule();
        return this.#countControl();
      case 'pong':
        this.#pings?.settle(event.payload);
        return this.#countControl();
      case 'close':
        return this.ending.closeReceived();
      case 'fault':
        if (event.fault instanceof ExtensionError) this.#owner.extensionFailed(event.fault);
        return this.ending.failed(event.fault);
      default:
        event satisfies never;
    }
  }

  inputEnded(): void {
    this.ending.inputEnded();
  }

  readingResumed(): void {
    this.#watchdog.heard();
  }

  moreDecoded(): void {
    this.#engine.budget?.report(this);
  }

  #countMessage(): void {
    this.#messagesReceived++;
    this.#watchdog.dataMoved();
  }

  #countControl(): void {
    // Of those that came in one chunk, the ones behind the limit are nobody's business any more.
    if (this.#controlRate === undefined || !this.endpoint.canReceive) return;
    if (this.#controlRate.take(1, this.#engine.clock.now()) >= 0) return;
    const text = 'Pings or pongs come too fast';
    this.ending.failWithLimit('ERR_WS_CONTROL_FRAME_RATE', text, CloseCode.POLICY_VIOLATION);
  }

  // --- The sender tells ----------------------------------------------------------------------------------------------

  outputWaits(): void {
    this.#watchdog.outputMoved();
  }

  messageAborted(cause: unknown): void {
    const text = 'A streamed message could not be finished';
    this.ending.fail(CloseCode.INTERNAL_ERROR, new ConnectionError('ERR_WS_MESSAGE_ABORTED', text, { cause }));
  }

  encodingFailed(error: ExtensionError): void {
    this.#owner.extensionFailed(error);
    this.#input.readOn();
    this.ending.failed(error);
  }

  peerTooSlow(closeCode: number): Error {
    this.ending.failWithLimit('ERR_WS_SLOW_CONSUMER', 'The peer reads too slowly', closeCode);
    return this.record.closedError;
  }

  // --- The watchdog and the budget ask and tell ----------------------------------------------------------------------

  get isReadingHeldUp(): boolean {
    return this.#intake?.isHeldUp === true;
  }

  get isBusy(): boolean {
    return this.inbox.unread > 0 || (this.#intake?.undecoded ?? 0) > 0 || this.#outbox?.isEmpty === false;
  }

  get writingSince(): number | undefined {
    return this.#outbox?.writingSince;
  }

  get tooOldAt(): number {
    return this.#sender?.tooOldAt ?? Number.POSITIVE_INFINITY;
  }

  sendPing(): void {
    if (!this.#canSend) return;
    // The caller's own pings may be so many that one more would not be sent: then it is not the last of them that is waited for.
    if (!this.#pings?.isFull) void this.ping();
    else this.sendProbe();
  }

  sendProbe(): void {
    if (this.endpoint.hasControlOutput) return;
    this.endpoint.ping();
    this.outbox.schedule();
  }

  pingTimedOut(): void {
    const error = new ConnectionError('ERR_WS_PING_TIMEOUT', 'The peer has not answered a ping in time');
    this.ending.fail(CloseCode.INTERNAL_ERROR, error, 'No answer to a ping');
  }

  writeStalled(): void {
    this.ending.cut(new ConnectionError('ERR_WS_STALLED', 'The peer has not read for too long'));
  }

  queueTooOld(): void {
    this.peerTooSlow(this.sender.closeCode);
  }

  rest(): void {
    this.#tellErrors(this.endpoint.rest());
  }

  sessionIdle(): void {
    const error = new LimitError('ERR_WS_IDLE', 'No message has come or gone for too long', CloseCode.GOING_AWAY);
    this.ending.close(error.closeCode, 'Idle', this.record.own(error));
  }

  #tellErrors(errors: readonly unknown[]): void {
    for (const error of errors) this.#owner.extensionFailed(error);
  }

  get retained(): number {
    const received = this.inbox.unread + (this.#streamed?.collected ?? 0) + this.endpoint.retained;
    return received + (this.#intake?.undecoded ?? 0) + (this.#outbox?.queued ?? 0);
  }

  shed(): void {
    this.ending.failWithLimit('ERR_WS_RETAINED', 'The connections retain too much together', CloseCode.TRY_AGAIN_LATER);
    this.ending.discardMessages();
  }
}
