// One side of a WebSocket connection, RFC 6455, without any I/O: no socket, stream, promise, timer, clock or random source. Bad bytes never throw: they queue a
// close frame and give a 'fault' event. Misuse throws and changes nothing.

import type { Slab } from '../bytes/output-queue.ts';
import { type ExtensionError, type Fault, LocalProtocolError } from '../error.ts';
import type { SendHints } from '../extension/extension.ts';
import { ExtensionChain } from '../extension/extension-chain.ts';
import type { AgreedExtension } from '../extension/extension-negotiation.ts';
import {
  CloseCode,
  type CloseStatus,
  encodeClosePayload,
  parseClosePayload,
  truncateCloseReason,
} from '../frame/close-code.ts';
import type { Frame, Role } from '../frame/frame.ts';
import type { FramePiece } from '../frame/frame-decoder.ts';
import { isControlOpcode, Opcode } from '../frame/opcode.ts';
import { type ProtocolLimits, resolveLimits } from '../limits.ts';
import type { MessageSource, MessageType } from '../message/message.ts';
import { EndpointInput } from './endpoint-input.ts';
import { EndpointOutput } from './endpoint-output.ts';
import { type EndpointEvent, endsMessage } from './event.ts';
import { type EndpointState, endsTransport, permissions, type Transition, transitions } from './state.ts';

/** Options of an {@link Endpoint}. */
export interface EndpointOptions {
  /** The role of this side: a client masks what it sends, and takes only what is not masked (RFC 6455 §5.1). */
  readonly role: Role;
  /** Default: {@link defaultLimits}. */
  readonly limits?: Partial<ProtocolLimits>;
  /** Gives each frame's masking key; needed in the client's role (see FrameEncoderOptions). */
  readonly maskingKey?: () => number;
  /** The most bytes of payload of a frame that is sent; longer messages go out in fragments. Default: no limit. */
  readonly fragmentSize?: number;
  /**
   * Tells messages piece by piece as they come, of any length: `maxMessageSize` and `maxFragments` do not apply, `maxFrameSize` only when it is set. Default: false.
   */
  readonly streamed?: boolean;
  /** Gives every frame as it comes, and sends the caller's as they are: who runs it answers pings and the peer's close frame, and checks texts. Default: false. */
  readonly raw?: boolean;
  /** The RSV bits that the caller gives a meaning, as they stand in the first byte of a frame; for raw endpoints. Default: 0. */
  readonly rsvBits?: number;
  /** What the opening handshake has agreed on; what is sent goes through the first of them first. Default: none. */
  readonly extensions?: readonly AgreedExtension[];
  /** Where small frames are written; endpoints may share one. Default: one of its own. */
  readonly slab?: Slab;
}

const EMPTY = new Uint8Array(0);

/**
 * One side of a connection: bytes in, events out; commands in, bytes out. `receive` gives what to deliver; what it and `send` make is taken to be written.
 *
 * @example
 * const endpoint = new Endpoint({ role: 'server' });
 * for (const event of endpoint.receive(chunk)) if (event.type === 'message') endpoint.send(event.message);
 * const pieces: Uint8Array[] = [];
 * endpoint.takeOutput(pieces);
 */
export class Endpoint {
  /** The role of this side. */
  readonly role: Role;
  readonly #isRaw: boolean;
  readonly #chain: ExtensionChain | undefined;
  readonly #input: EndpointInput;
  readonly #output: EndpointOutput;
  #state: EndpointState = 'open';
  #permission = permissions.open;
  #received: CloseStatus | undefined;
  #sent: CloseStatus | undefined;

  /**
   * @throws TypeError when a client has no source of masking keys.
   * @throws RangeError when a limit or `fragmentSize` is no positive integer. What an extension throws when it is opened.
   */
  constructor(options: EndpointOptions) {
    const limits = resolveLimits(options.limits);
    this.role = options.role;
    const { role, raw = false, streamed = false, rsvBits = 0, extensions = [] } = options;
    this.#isRaw = raw;
    this.#chain = extensions.length > 0 ? new ExtensionChain(extensions) : undefined;
    const chain = this.#chain;
    const maxFrameSize = options.limits?.maxFrameSize ?? (streamed ? Number.POSITIVE_INFINITY : limits.maxFrameSize);
    this.#input = new EndpointInput({ role, limits, maxFrameSize, streamed, raw, rsvBits, chain });
    const extensionFailed = chain && ((error: ExtensionError): void => this.fail(error.closeCode, error.message));
    this.#output = new EndpointOutput(options, limits.maxUnsentPongs, chain, extensionFailed);
  }

  /** Where the closing handshake is. */
  get state(): EndpointState {
    return this.#state;
  }

  /** What the peer's close frame said, once it has come. */
  get received(): CloseStatus | undefined {
    return this.#received;
  }

  /** What our close frame says, once it has been queued. */
  get sent(): CloseStatus | undefined {
    return this.#sent;
  }

  /** Whether messages may be sent. */
  get canSend(): boolean {
    return this.#permission.send;
  }

  /** Whether bytes that come are still looked at; afterwards they are thrown away. */
  get canReceive(): boolean {
    return this.#permission.receive;
  }

  /** Whether this half of the transport is to be ended once {@link hasOutput} is false. */
  get endsTransport(): boolean {
    return endsTransport(this.#state, this.role);
  }

  /** Whether {@link unread} is over 0: call {@link resume}. */
  get hasUnread(): boolean {
    return this.#input.unread > 0;
  }

  /** Bytes of the last chunk that wait to be decoded. */
  get unread(): number {
    return this.#input.unread;
  }

  /** Bytes kept of a received message that is not whole yet. */
  get unfinished(): number {
    return this.#input.unfinished;
  }

  /** Bytes kept of messages that are not whole yet, by the endpoint or by an extension. */
  get retained(): number {
    return this.#input.retained;
  }

  /** Whether extensions work on what is sent and received. */
  get hasExtensions(): boolean {
    return this.#chain !== undefined;
  }

  /** After so many milliseconds without a message {@link rest} may be called; Infinity for never. */
  get restAfter(): number {
    return this.#chain?.restAfter ?? Number.POSITIVE_INFINITY;
  }

  // --- Receiving ---------------------------------------------------------------------------------------------------

  /**
   * Takes a chunk of input and gives what it means, in order.
   *
   * @param isOwned Whether the chunk's bytes may be changed (unmasked in place).
   * @param budget About how many bytes of output to make at most, each frame counting 64 more than its payload. Where it ends,
   * the rest is kept: {@link hasUnread} is true, and {@link resume} goes on.
   * @param messages How many messages (frames, of a raw endpoint) to give at most.
   * @param isLent Whether the chunk is somebody else's again when this returns: what is kept of it is copied. Not with extensions.
   * @throws Error when the rest of the chunk before has not been taken yet.
   */
  receive(
    chunk: Uint8Array,
    isOwned = false,
    budget: number = Number.MAX_SAFE_INTEGER,
    messages: number = Number.MAX_SAFE_INTEGER,
    isLent = false,
  ): EndpointEvent[] {
    if (!this.canReceive) return [];
    this.#input.push(chunk, isOwned, isLent);
    const events = this.resume(budget, messages);
    if (isLent) this.#input.keepUnread();
    return events;
  }

  /** Goes on with what {@link receive} has left. */
  resume(budget: number = Number.MAX_SAFE_INTEGER, messages: number = Number.MAX_SAFE_INTEGER): EndpointEvent[] {
    const events: EndpointEvent[] = [];
    let left = budget;
    let messagesLeft = messages;
    while (left > 0 && messagesLeft > 0 && this.canReceive) {
      const { length } = events;
      const piece = this.#input.next(left);
      if (piece === undefined) {
        this.#checkInput(events);
        break;
      }
      left -= this.#input.cost(piece);
      if (isControlOpcode(piece.opcode) && !this.#isRaw) this.#receiveControl(piece, events);
      else this.#receiveData(piece, events);
      if (events.length > length && endsMessage(events[length] as EndpointEvent)) messagesLeft--;
    }
    return events;
  }

  /** Takes the end of the input. Without a close frame before it the connection is lost (RFC 6455 §7.1.5: 1006). */
  receiveEnd(): void {
    this.#move('end');
    this.#input.stop();
  }

  #receiveData(piece: FramePiece, events: EndpointEvent[]): void {
    const event = this.#input.join(piece);
    if (event === undefined) return this.#checkInput(events);
    events.push(event);
    if (event.type !== 'frame' || event.frame.opcode !== Opcode.CLOSE) return;
    this.#receiveClose(event.frame.payload, events);
  }

  #checkInput(events: EndpointEvent[]): void {
    if (this.#input.fault !== undefined) this.#failWith(this.#input.fault, events);
  }

  #receiveControl(piece: FramePiece, events: EndpointEvent[]): void {
    const payload = piece.bytes;
    if (piece.opcode === Opcode.PING) {
      // RFC 6455 §5.5.2: "Upon receipt of a Ping frame, an endpoint MUST send a Pong frame in response, unless it already received a Close frame."
      if (this.canSend) this.#output.pong(payload);
      events.push({ type: 'ping', payload });
    } else if (piece.opcode === Opcode.PONG) {
      // RFC 6455 §5.5.3: "A Pong frame MAY be sent unsolicited ... A response to an unsolicited Pong frame is not expected."
      events.push({ type: 'pong', payload });
    } else {
      this.#receiveClose(payload, events);
    }
  }

  #receiveClose(payload: Uint8Array, events: EndpointEvent[]): void {
    const status = parseClosePayload(payload);
    if (status instanceof Error) return this.#failWith(status, events);
    this.#received = status;
    this.#move('receive-close');
    this.#input.stop();
    events.push({ type: 'close', closeCode: status.closeCode, reason: status.reason });
  }

  #failWith(fault: Fault, events: EndpointEvent[]): void {
    this.fail(fault.closeCode, fault.message);
    events.push({ type: 'fault', fault });
  }

  // --- Sending -----------------------------------------------------------------------------------------------------

  /**
   * Queues a message. Large bytes are queued as they are: they must not change until they are written.
   *
   * @throws LocalProtocolError when a close frame has been sent or the connection has ended, or when a message has been begun by fragments.
   * @throws TypeError when it is neither a string nor bytes.
   * @throws ExtensionError when an extension fails. Then the connection is failed: what the extension has done is not known.
   */
  send(source: MessageSource, hints?: SendHints): void {
    this.#assertCanSend('send a message');
    this.#output.message(source, hints);
  }

  /**
   * Queues the next fragment of a message that is sent as it is made; the last one ends the message. Of a text, what all fragments hold together must be UTF-8:
   * that is the caller's business.
   *
   * @throws LocalProtocolError when a close frame has been sent or the connection has ended; ExtensionError as {@link send}.
   */
  sendFragment(messageType: MessageType, payload: Uint8Array, isLast: boolean, hints?: SendHints): void {
    this.#assertCanSend('send a fragment');
    this.#output.fragment(messageType, payload, isLast, hints);
  }

  /**
   * Queues a frame as it is, behind what is queued: for raw endpoints. A close frame starts the closing handshake, or answers the peer's.
   *
   * @throws TypeError when it has no bytes; RangeError when its opcode or an RSV bit is nobody's, when a control frame is fragmented or over 125 bytes, or when
   * a close frame's payload must not be sent; LocalProtocolError as {@link send}.
   */
  sendFrame(frame: Frame): void {
    this.#assertCanSend('send a frame');
    if (!(frame?.payload instanceof Uint8Array))
      throw new TypeError('Cannot send a frame: its payload is no Uint8Array');
    const status = frame.opcode === Opcode.CLOSE ? parseClosePayload(frame.payload) : undefined;
    if (status instanceof Error) throw new RangeError(`Cannot send a close frame: ${status.message}`);
    this.#output.frame(frame);
    if (status === undefined) return;
    this.#sent = status;
    this.#move('send-close');
  }

  /**
   * Queues a ping before all messages that are not taken yet.
   *
   * @throws RangeError when the payload is over 125 bytes, TypeError when it is no Uint8Array, LocalProtocolError as {@link send}.
   */
  ping(payload: Uint8Array = EMPTY): void {
    this.#queueControl(Opcode.PING, payload);
  }

  /** Queues an unsolicited pong (RFC 6455 §5.5.3). Throws as {@link ping} does. */
  pong(payload: Uint8Array = EMPTY): void {
    this.#queueControl(Opcode.PONG, payload);
  }

  /**
   * Queues a close frame behind all that has been sent: starts the closing handshake or answers the peer's. Does nothing when one has been sent or the connection has ended.
   *
   * @param closeCode Default: what the peer's close frame said, when it is answered; otherwise none.
   * @throws RangeError when the code may not be sent or the reason is over 123 bytes of UTF-8; TypeError when they are no number and no string.
   */
  close(closeCode?: number, reason?: string): void {
    // RFC 6455 §5.5.1: "When sending a Close frame in response, the endpoint typically echos the status code it received."
    const isEcho = closeCode === undefined && reason === undefined && this.#received !== undefined;
    const code = isEcho ? this.#echoCode() : closeCode;
    const payload = encodeClosePayload(code, reason);
    if (!this.canSend) return;
    this.#sendClose(payload, {
      closeCode: code ?? (reason ? 1000 : CloseCode.NO_STATUS_RECEIVED),
      reason: reason ?? '',
    });
    this.#move('send-close');
  }

  /** Fails the connection (RFC 6455 §7.1.7): queues a close frame with that code and throws away what still comes. */
  fail(closeCode: number, reason: string): void {
    if (this.canSend) {
      const text = truncateCloseReason(reason);
      this.#sendClose(encodeClosePayload(closeCode, text), { closeCode, reason: text });
    }
    this.#move('fail');
    this.#input.stop();
  }

  #echoCode(): number | undefined {
    const code = this.#received?.closeCode;
    return code === CloseCode.NO_STATUS_RECEIVED ? undefined : code;
  }

  #assertCanSend(action: string): void {
    if (this.canSend) return;
    throw new LocalProtocolError('ERR_WS_CLOSED', `Cannot ${action}: the connection is ${this.#state}`);
  }

  #queueControl(opcode: Opcode, payload: Uint8Array): void {
    if (!(payload instanceof Uint8Array))
      throw new TypeError('Cannot send a control frame: its payload is no Uint8Array');
    this.#assertCanSend('send a control frame');
    this.#output.control(opcode, payload);
  }

  #sendClose(payload: Uint8Array, status: CloseStatus): void {
    this.#output.close(payload);
    this.#sent = status;
  }

  #move(transition: Transition): void {
    this.#state = transitions[this.#state][transition] ?? this.#state;
    this.#permission = permissions[this.#state];
  }

  // --- Output ------------------------------------------------------------------------------------------------------

  /** Whether there is something to take, pongs included. */
  get hasOutput(): boolean {
    return !this.#output.isEmpty;
  }

  /** What waits to be taken, pongs excepted: bytes, each frame counting 64 more. */
  get queued(): number {
    return this.#output.weight;
  }

  /** As {@link queued}, of the pings alone: they pass before messages. */
  get queuedControl(): number {
    return this.#output.controlWeight;
  }

  /** Whether a ping or a pong waits to be taken. */
  get hasControlOutput(): boolean {
    return this.#output.hasControl;
  }

  /**
   * Takes output into `pieces`, to be written in order: control frames first, then messages; all, or whole frames that reach
   * `size` bytes. A close frame is always the last. Returns what the pieces counted in {@link queued}.
   */
  takeOutput(pieces: Uint8Array[], size: number = Number.MAX_SAFE_INTEGER): number {
    return this.#output.take(size, pieces);
  }

  /** No message has come or gone for a while: extensions let go of what they can make anew. Gives the errors they throw. */
  rest(): unknown[] {
    return this.#chain?.rest() ?? [];
  }

  /** The connection has ended: extensions free what they hold. Gives the errors they throw. */
  release(): unknown[] {
    return this.#chain?.close() ?? [];
  }

  /** Drops what has not been taken: the transport will not take it any more. */
  dropOutput(): void {
    this.#output.clear();
  }
}
