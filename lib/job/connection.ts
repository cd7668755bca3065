// The engine of one connection: joins an endpoint (protocol) to a transport (bytes) and an inbox (messages), with a clock. What comes in flows through
// the intake, what goes out through the outbox; here is how the connection ends. It knows no user code.

import { Endpoint } from '../endpoint/endpoint.ts';
import type { EndpointEvent } from '../endpoint/event.ts';
import { ConnectionError, LocalProtocolError } from '../error.ts';
import { CloseCode } from '../frame/close-code.ts';
import type { Frame, Role } from '../frame/frame.ts';
import { Opcode } from '../frame/opcode.ts';
import { type ConnectionLimits, ITEM_OVERHEAD } from '../limits.ts';
import { type Message, type MessageSource, messageWeight } from '../message/message.ts';
import type { Transport, TransportReceiver } from '../stream/transport.ts';
import type { CloseInfo } from './close-info.ts';
import type { Engine } from './context.ts';
import { Deferred } from './deferred.ts';
import { Inbox, type InboxOwner } from './inbox.ts';
import { Intake, type IntakeOwner } from './intake.ts';
import { Outbox } from './outbox.ts';
import { Pings } from './pings.ts';

/** What the connection asks and tells the session. */
export interface ConnectionOwner {
  /** Whether somebody may still reply to received messages through the session's writable. */
  isWritableInUse(): boolean;
  /** Whether a handler runs, whose end will end the session. */
  hasHandler(): boolean;
  /** The connection has ended. */
  connectionEnded(): void;
}

export interface ConnectionOptions {
  readonly role: Role;
  readonly limits: ConnectionLimits;
  readonly fragmentSize: number | undefined;
  /** Whether the connection is one of frames, not of messages. */
  readonly raw: boolean;
  readonly rsvBits: number;
}

/** Counts of one connection. Bytes are those of the wire, headers included. */
export interface Counters {
  readonly messagesReceived: number;
  readonly messagesSent: number;
  readonly bytesReceived: number;
  readonly bytesSent: number;
  /** What waits to be read, each message counting 64 bytes more than its payload. */
  readonly unread: number;
  /** What waits to be taken by the transport, each frame counting 64 bytes more. */
  readonly queued: number;
}

export class Connection<I = Message> implements TransportReceiver, IntakeOwner, InboxOwner {
  readonly endpoint: Endpoint;
  readonly inbox: Inbox<I>;
  readonly outbox: Outbox;
  readonly #intake: Intake;
  readonly #pings: Pings;
  readonly #owner: ConnectionOwner;
  readonly #transport: Transport;
  readonly #engine: Engine;
  readonly #limits: ConnectionLimits;
  readonly #isRaw: boolean;
  readonly #ended = new Deferred<CloseInfo>();

  #initiator: 'local' | 'remote' | undefined;
  #error: Error | undefined;
  #info: CloseInfo | undefined;
  #closedError: LocalProtocolError | undefined;
  readonly #ownErrors = new WeakSet<object>();
  #closeTimer: unknown;
  #messagesReceived = 0;
  #messagesSent = 0;

  constructor(owner: ConnectionOwner, transport: Transport, engine: Engine, options: ConnectionOptions) {
    this.#owner = owner;
    this.#transport = transport;
    this.#engine = engine;
    this.#limits = options.limits;
    this.endpoint = new Endpoint({
      role: options.role,
      limits: options.limits,
      raw: options.raw,
      rsvBits: options.rsvBits,
      maskingKey: engine.maskingKey,
      slab: engine.slab,
      ...(options.fragmentSize === undefined ? undefined : { fragmentSize: options.fragmentSize }),
    });
    this.#isRaw = options.raw;
    this.inbox = new Inbox<I>(this, options.limits.queueSize, weigh);
    this.outbox = new Outbox(this.endpoint, transport, engine.scheduler, options.limits.queueSize);
    this.#pings = new Pings(engine.clock);
    const { endpoint, inbox } = this;
    const { scheduler } = engine;
    this.#intake = new Intake(this, { endpoint, inbox, transport, scheduler, limits: options.limits });
  }

  start(): void {
    this.#transport.start(this);
  }

  /** Fulfils when the connection has ended; never rejects. */
  get closed(): Promise<CloseInfo> {
    return this.#ended.promise;
  }

  /** How the connection ended, once it has. */
  get info(): CloseInfo | undefined {
    return this.#info;
  }

  /** What pending and later operations of an ended connection fail with. */
  get closedError(): LocalProtocolError {
    this.#closedError ??= this.own(
      new LocalProtocolError('ERR_WS_CLOSED', 'The session is closed', { cause: this.#error }),
    );
    return this.#closedError;
  }

  /** Notes that an error tells of this connection's end, and gives it back. */
  own<E extends Error>(error: E): E {
    this.#ownErrors.add(error);
    return error;
  }

  /** Whether an error only tells that this connection has ended. */
  isOwn(error: unknown): boolean {
    return typeof error === 'object' && error !== null && this.#ownErrors.has(error);
  }

  get counters(): Counters {
    return {
      messagesReceived: this.#messagesReceived,
      messagesSent: this.#messagesSent,
      bytesReceived: this.#intake.bytesReceived,
      bytesSent: this.outbox.bytesWritten,
      unread: this.inbox.unread,
      queued: this.outbox.queued,
    };
  }

  // --- Commands ------------------------------------------------------------------------------------------------------

  /** Sends a message; fulfils when there is room for more. */
  send(message: MessageSource | Frame): Promise<void> {
    if (this.#isRaw) this.#sendFrame(message as Frame);
    else this.endpoint.send(message as MessageSource);
    this.#messagesSent++;
    return this.outbox.push();
  }

  #sendFrame(frame: Frame): void {
    const { state } = this.endpoint;
    this.endpoint.sendFrame(frame);
    if (this.endpoint.state !== state) this.#closeSent();
  }

  /** Sends a ping; gives the milliseconds until its pong. */
  ping(): Promise<number> {
    if (!this.endpoint.canSend) throw new LocalProtocolError('ERR_WS_CLOSED', 'Cannot ping: the session is closing');
    const { payload, roundTrip } = this.#pings.begin();
    this.endpoint.ping(payload);
    void this.outbox.push();
    return roundTrip;
  }

  /**
   * Starts the closing handshake, or answers the peer's.
   *
   * @throws RangeError, TypeError as `Endpoint.close` does; nothing has been done then.
   */
  close(closeCode?: number, reason?: string, error?: Error): void {
    const { state } = this.endpoint;
    this.endpoint.close(closeCode, reason);
    if (this.endpoint.state === state) return;
    this.#error ??= error;
    this.#closeSent();
  }

  #closeSent(): void {
    this.#initiator ??= 'local';
    this.#armCloseTimer();
    this.outbox.schedule();
  }

  /** Lets go of all messages that nobody will read, so that what stands behind them (a close frame) is found. */
  discardMessages(): void {
    this.inbox.discard();
    this.#intake.discard();
  }

  // --- The transport tells -------------------------------------------------------------------------------------------

  chunkReceived(chunk: Uint8Array, isOwned: boolean): void {
    this.#intake.receive(chunk, isOwned);
  }

  endReceived(): void {
    this.#intake.receiveEnd();
  }

  writeTaken(): void {
    this.outbox.written();
    this.#endOutputIfDone();
  }

  endSent(): void {}

  transportClosed(error?: unknown): void {
    if (this.#info !== undefined) return;
    this.outbox.detach();
    // What had come before the transport broke is still the peer's word.
    this.#intake.drain();
    this.#endInput(error);
    // The peer's close frame had come, but ours never went out.
    if (!this.#isClean) this.#error ??= this.#createLostError(error);
    this.#finish();
  }

  // --- The inbox tells -----------------------------------------------------------------------------------------------

  inboxHasRoom(): void {
    this.#intake.inboxHasRoom();
  }

  inboxEndSeen(): void {
    // Without a handler, a reader that has seen the end has no more replies to send.
    if (!this.#isRaw && !this.#owner.hasHandler() && !this.#owner.isWritableInUse()) this.answerClose();
  }

  // --- The intake tells ----------------------------------------------------------------------------------------------

  eventReceived(event: EndpointEvent): void {
    switch (event.type) {
      case 'message':
        this.#messagesReceived++;
        return this.inbox.deliver(event.message as I);
      case 'frame':
        this.#messagesReceived++;
        // A pong to a ping of the session's is a frame like others, and settles it.
        if (event.frame.opcode === Opcode.PONG) this.#pings.settle(event.frame.payload);
        return this.inbox.deliver(event.frame as I);
      case 'ping':
        return this.outbox.schedule();
      case 'pong':
        return this.#pings.settle(event.payload);
      case 'close':
        return this.#receiveClose();
      case 'fault':
        return this.#fail(event.fault);
      default:
        event satisfies never;
    }
  }

  inputEnded(): void {
    this.#endInput();
  }

  // --- Ending --------------------------------------------------------------------------------------------------------

  #receiveClose(): void {
    this.#initiator ??= 'remote';
    // What came before the close frame stays readable, then the messages end.
    this.inbox.end();
    this.#armCloseTimer();
    this.#endOutputIfDone();
    if (this.endpoint.state !== 'close-received' || this.#isRaw) return;
    // RFC 6455 §5.5.1: "An endpoint MAY delay sending a Close frame until its current message is sent". Replies to what was received
    // precede it: those that are made in this turn, those to messages that wait unread, and those on their way through the writable.
    this.#engine.scheduler.schedule(() => {
      if (this.inbox.unread === 0 && !this.#owner.isWritableInUse()) this.answerClose();
    });
  }

  /** Answers the peer's close frame, if that is still to be done. */
  answerClose(): void {
    if (this.endpoint.state !== 'close-received') return;
    this.endpoint.close();
    this.#armCloseTimer();
    this.outbox.schedule();
  }

  #fail(error: Error): void {
    this.#initiator ??= 'local';
    this.#error ??= this.own(error);
    this.inbox.end(error);
    this.#armCloseTimer();
    this.outbox.schedule();
    this.#endOutputIfDone();
  }

  #endInput(cause?: unknown): void {
    const { canReceive } = this.endpoint;
    this.endpoint.receiveEnd();
    if (canReceive) {
      // RFC 6455 §7.1.5: without a close frame "The WebSocket Connection Close Code is considered to be 1006".
      this.#initiator ??= 'remote';
      this.#error ??= this.#createLostError(cause);
      this.inbox.end(this.#error);
    }
    this.#armCloseTimer();
    this.#endOutputIfDone();
  }

  // RFC 6455 §7.1.4: closed cleanly "if the TCP connection is closed after the WebSocket closing handshake was completed". A close frame that was never
  // taken by the transport has not been sent.
  get #isClean(): boolean {
    return this.endpoint.state === 'closed' && this.outbox.isEmpty;
  }

  #createLostError(cause: unknown): ConnectionError {
    const text = 'The connection was lost before the closing handshake was completed';
    return this.own(new ConnectionError('ERR_WS_CONNECTION_LOST', text, { cause }));
  }

  // RFC 6455 §7.1.1: the server closes TCP first; a client waits for that, one that failed the connection does not.
  #endOutputIfDone(): void {
    const isPeerGone = this.#intake.hasEnded && this.endpoint.state === 'closed';
    if (this.endpoint.endsTransport || isPeerGone) this.outbox.endWhenWritten();
  }

  // One bound for all that closing may take: a peer that does not answer, does not read, or does not close its half.
  #armCloseTimer(): void {
    if (this.#info !== undefined) return;
    const { clock } = this.#engine;
    if (this.#closeTimer !== undefined) clock.clearTimeout(this.#closeTimer);
    this.#closeTimer = clock.setTimeout(() => this.#closeTimedOut(), this.#limits.closeTimeout);
  }

  #closeTimedOut(): void {
    this.#closeTimer = undefined;
    // The replies have had their time.
    if (this.endpoint.state === 'close-received') return this.answerClose();
    if (this.endpoint.state !== 'closed') {
      const text = 'The closing handshake did not end in time';
      this.#error ??= this.own(new ConnectionError('ERR_WS_CLOSE_TIMEOUT', text));
    }
    this.#transport.destroy(this.#error);
  }

  #finish(): void {
    if (this.#closeTimer !== undefined) this.#engine.clock.clearTimeout(this.#closeTimer);
    this.#closeTimer = undefined;
    const { endpoint } = this;
    this.#info = {
      closeCode: endpoint.received?.closeCode ?? CloseCode.ABNORMAL_CLOSURE,
      reason: endpoint.received?.reason ?? '',
      wasClean: this.#isClean,
      initiator: this.#initiator ?? 'remote',
      received: endpoint.received,
      sent: endpoint.sent,
      error: this.#error,
      abandoned: { messages: this.inbox.discarded, bytes: this.outbox.queued, handler: false },
    };
    this.outbox.stop(this.closedError);
    this.#pings.stop(this.closedError);
    this.inbox.end(this.#error);
    this.#ended.resolve(this.#info);
    this.#owner.connectionEnded();
  }
}

function weigh(item: Message | Frame | unknown): number {
  if (typeof item === 'string' || item instanceof Uint8Array) return messageWeight(item);
  return ITEM_OVERHEAD + (item as Frame).payload.byteLength;
}
