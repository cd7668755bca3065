// How a connection ends: by a close frame of either side, by a fault, by a limit, or by the loss of the transport. Every way leads to the end of the transport, each
// thing that is waited for has its bound, and the record tells what happened.

import type { Endpoint } from '../endpoint/endpoint.ts';
import { ConnectionError, type ErrorCode, LimitError } from '../error.ts';
import { CloseCode, encodeClosePayload } from '../frame/close-code.ts';
import type { Transport } from '../stream/transport.ts';
import type { CloseRecord } from './close-record.ts';
import type { Clock, Scheduler } from './context.ts';
import type { Inbox } from './inbox.ts';
import type { Intake } from './intake.ts';
import type { Outbox } from './outbox.ts';
import type { Sender } from './sender.ts';

export interface EndingParts {
  readonly endpoint: Endpoint;
  readonly transport: Transport;
  readonly inbox: Pick<Inbox<unknown>, 'unread' | 'discarded' | 'isInHand' | 'end' | 'discard'>;
  readonly intake: Intake;
  readonly outbox: Outbox;
  readonly sender: Sender;
  readonly record: CloseRecord;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly closeTimeout: number;
  /** Whether the session is one of frames: who runs it answers the peer's close frame. */
  readonly isRaw: boolean;
}

/** What the ending asks and tells. */
export interface EndingOwner {
  /** Whether somebody may still reply to received messages through the session's writable. */
  isWritableInUse(): boolean;
  /** Whether a handler runs, whose end will end the session. */
  hasHandler(): boolean;
  /** The connection is closing from now on. */
  closingBegun(): void;
  /** The connection has ended. */
  connectionEnded(): void;
}

const NOTHING_WAITS = /* @__PURE__ */ new Error('The session is closed');

export class Ending {
  readonly #owner: EndingOwner;
  readonly #parts: EndingParts;
  #timer: unknown;
  #isCancelled = false;

  constructor(owner: EndingOwner, parts: EndingParts) {
    this.#owner = owner;
    this.#parts = parts;
  }

  // --- Our own doing -------------------------------------------------------------------------------------------------

  /**
   * Starts the closing handshake, or answers the peer's, behind all that was sent.
   *
   * @throws RangeError, TypeError as `Endpoint.close` does; nothing has been done then.
   */
  close(closeCode?: number, reason?: string, error?: Error): void {
    encodeClosePayload(closeCode, reason);
    const { sender, endpoint, outbox, record } = this.#parts;
    if (!sender.canSend) return;
    record.blame(error);
    this.begin();
    sender.closeBehind(() => {
      endpoint.close(closeCode, reason);
      outbox.schedule();
      this.endOutputIfDone();
    });
  }

  /** Our close frame has been sent, or is on its way behind what was sent. */
  begin(): void {
    this.#parts.record.begunBy('local');
    this.#armTimer();
    this.#parts.outbox.schedule();
  }

  /** Closes with 1001 as soon as that can be: a streamed message is not finished, and all that closing takes is bounded. */
  cancel(error: Error): void {
    this.#isCancelled = true;
    this.#parts.record.blame(error);
    this.#parts.sender.cut(error);
    this.close(CloseCode.GOING_AWAY);
    this.discardMessages();
  }

  /** Lets go of all messages that nobody will read, so that what stands behind them (a close frame) is found. */
  discardMessages(): void {
    this.#parts.inbox.discard();
    this.#parts.intake.discard();
  }

  /** Fails the connection for a reason that is not in what the peer has sent (RFC 6455 §7.1.7). */
  fail(closeCode: number, error: Error, reason = ''): void {
    if (!this.#parts.endpoint.canSend) return;
    this.#parts.endpoint.fail(closeCode, reason);
    this.#parts.intake.readOn();
    this.failed(error);
  }

  /** Fails the connection for what waits on it. The close frame would come behind all that: it is dropped. */
  failWithLimit(code: ErrorCode, text: string, closeCode: number): void {
    const { sender, outbox, endpoint } = this.#parts;
    const error = new LimitError(code, text, closeCode);
    // Our close frame is on its way already.
    if (!endpoint.canSend) return this.cut(error);
    sender.abandon(error);
    sender.dropEncoded(error);
    // Nothing can be said in the middle of a frame.
    if (outbox.isInFrame) return this.cut(error);
    this.fail(closeCode, error, text);
  }

  /** Cuts the transport. */
  cut(error: Error): void {
    const { record, transport } = this.#parts;
    record.begunBy('local');
    record.blame(record.own(error));
    this.#owner.closingBegun();
    transport.destroy(error);
  }

  // --- The peer's doing ----------------------------------------------------------------------------------------------

  /** The peer's close frame has come. */
  closeReceived(): void {
    const { record, endpoint } = this.#parts;
    record.begunBy('remote');
    record.peerCloses(endpoint.received);
    // What came before the close frame stays readable, then the messages end.
    this.#parts.inbox.end();
    this.#armTimer();
    this.endOutputIfDone();
    this.answerLater();
  }

  // RFC 6455 §5.5.1: "An endpoint MAY delay sending a Close frame until its current message is sent". Replies to what was received precede it: those that are made
  // in this turn, those to messages that wait unread or that a handler is at work on, and those on their way through the writable.
  answerLater(): void {
    const { endpoint, inbox, scheduler, isRaw } = this.#parts;
    if (isRaw || endpoint.state !== 'close-received') return;
    scheduler.schedule(() => {
      const isAtWork = this.#owner.hasHandler() && inbox.isInHand;
      if (inbox.unread === 0 && !isAtWork && !this.#owner.isWritableInUse()) this.answer();
    });
  }

  /** Answers the peer's close frame, if that is still to be done, behind all that was sent. */
  answer(): void {
    if (this.#parts.endpoint.state === 'close-received') this.close();
  }

  /** The endpoint has failed the connection: its close frame is queued. */
  failed(error: Error): void {
    const { record, sender, inbox, outbox } = this.#parts;
    record.begunBy('local');
    record.blame(record.own(error));
    sender.abandon(error);
    inbox.end(error);
    this.#armTimer();
    outbox.schedule();
    this.endOutputIfDone();
  }

  // --- The transport -------------------------------------------------------------------------------------------------

  /** The peer's half of the transport has ended. */
  inputEnded(cause?: unknown): void {
    const { endpoint, record, inbox, sender } = this.#parts;
    if (endpoint.canReceive) {
      // RFC 6455 §7.1.5: without a close frame "The WebSocket Connection Close Code is considered to be 1006".
      record.begunBy('remote');
      record.blame(this.#createLostError(cause));
      // The peer may still read what was sent.
      sender.cut(record.closedError);
      inbox.end(record.error);
    }
    endpoint.receiveEnd();
    this.#armTimer();
    this.endOutputIfDone();
  }

  /** A write was taken. */
  outputTaken(): void {
    // What was sent before the close frame still goes out, however slowly, unless that was cut short.
    if (this.#timer !== undefined && !this.#isCancelled && this.#isFlushing) this.#armTimer();
    this.endOutputIfDone();
  }

  /** Nothing comes or goes any more. */
  transportClosed(error?: unknown): void {
    const { record, outbox, intake } = this.#parts;
    if (record.info !== undefined) return;
    outbox.detach();
    // What had come before the transport broke is still the peer's word.
    intake.drain();
    this.inputEnded(error);
    // The peer's close frame had come, but ours never went out.
    if (!this.#isClean) record.blame(this.#createLostError(error));
    this.#finish();
  }

  // RFC 6455 §7.1.1: the server closes TCP first; a client waits for that, one that failed the connection does not.
  endOutputIfDone(): void {
    const { intake, endpoint, outbox } = this.#parts;
    const isPeerGone = intake.hasEnded && endpoint.state === 'closed';
    if (endpoint.endsTransport || isPeerGone) outbox.endWhenWritten();
  }

  // RFC 6455 §7.1.4: closed cleanly "if the TCP connection is closed after the WebSocket closing handshake was completed". A close frame that was never
  // taken by the transport has not been sent.
  get #isClean(): boolean {
    return this.#parts.endpoint.state === 'closed' && this.#parts.outbox.isEmpty;
  }

  // Whether a close frame of ours is on its way behind other output.
  get #isFlushing(): boolean {
    const { endpoint, outbox } = this.#parts;
    return endpoint.state !== 'failed' && endpoint.state !== 'close-received' && !outbox.isEmpty;
  }

  #createLostError(cause: unknown): ConnectionError {
    const text = 'The connection was lost before the closing handshake was completed';
    return this.#parts.record.own(new ConnectionError('ERR_WS_CONNECTION_LOST', text, { cause }));
  }

  // --- Time ----------------------------------------------------------------------------------------------------------

  // One bound for each thing that closing waits for: a peer that does not answer, does not read, or does not close its half.
  #armTimer(): void {
    const { record, clock, closeTimeout, outbox } = this.#parts;
    if (record.info !== undefined) return;
    this.#owner.closingBegun();
    outbox.slowDown();
    clock.clearTimeout(this.#timer);
    this.#timer = clock.setTimeout(() => this.#timedOut(), closeTimeout);
  }

  #timedOut(): void {
    this.#timer = undefined;
    const { endpoint, sender, record, transport } = this.#parts;
    // The replies have had their time.
    if (endpoint.state === 'close-received' && sender.canSend) return this.answer();
    const error = record.own(new ConnectionError('ERR_WS_CLOSE_TIMEOUT', 'The closing handshake did not end in time'));
    // A streamed message whose source gives nothing: it cannot be finished, and the close frame need not wait for it.
    if (endpoint.canSend) return this.fail(CloseCode.INTERNAL_ERROR, error);
    if (endpoint.state !== 'closed') record.blame(error);
    transport.destroy(record.error);
  }

  #finish(): void {
    const { clock, record, sender, outbox, inbox, endpoint } = this.#parts;
    clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    const wasClean = this.#isClean;
    const { received } = endpoint;
    const sent = outbox.isTaken ? endpoint.sent : undefined;
    // Where nothing waits there is nobody to see an error, and it would cost its stack.
    const closed = outbox.isEmpty ? NOTHING_WAITS : record.closedError;
    sender.abandon(closed);
    const bytes = outbox.queued + sender.abandoned;
    record.finish({ received, sent }, wasClean, { messages: inbox.discarded, bytes, handler: false });
    outbox.stop(closed);
    inbox.end(record.error);
    record.tell();
    this.#owner.connectionEnded();
  }
}
