// What one endpoint has to send, in its two lanes: control frames, which pass before messages (RFC 6455 §5.5: they "can be injected in the middle of a
// fragmented message"), and messages with the close frame behind them. Knows how frames are written, not when they may be.

import { OutputQueue, Slab } from '../bytes/output-queue.ts';
import { ExtensionError, LocalProtocolError } from '../error.ts';
import type { SendHints } from '../extension/extension.ts';
import type { ExtensionChain } from '../extension/extension-chain.ts';
import { type Frame, MAX_CONTROL_PAYLOAD, type Role } from '../frame/frame.ts';
import { FrameEncoder, type FrameEncoderOptions } from '../frame/frame-encoder.ts';
import { FIN_BIT } from '../frame/header.ts';
import { isControlOpcode, Opcode } from '../frame/opcode.ts';
import { type Message, type MessageSource, type MessageType, toMessage } from '../message/message.ts';
import { assertFragmentSize, fragmentMessage } from '../message/message-fragmenter.ts';

const NO_HINTS: SendHints = {};
const encoder: TextEncoder = new TextEncoder();

export interface EndpointOutputOptions {
  readonly role: Role;
  readonly maskingKey?: () => number;
  readonly fragmentSize?: number;
  readonly rsvBits?: number;
  readonly slab?: Slab;
}

interface Lane {
  readonly queue: OutputQueue;
  readonly encoder: FrameEncoder;
}

// As many connections may send in one turn without that a lane is made for each.
const MOST_SPARE = 256;

/** The lanes of the endpoints that share a slab. An empty one holds nothing of a connection: only who has something to send has one. */
class Lanes {
  readonly #slab: Slab;
  readonly #options: FrameEncoderOptions;
  readonly #spare: Lane[] = [];

  constructor(slab: Slab, { role, maskingKey }: EndpointOutputOptions) {
    this.#slab = slab;
    this.#options = maskingKey === undefined ? { role } : { role, maskingKey };
    this.give(this.take());
  }

  serves({ role, maskingKey }: EndpointOutputOptions): boolean {
    return this.#options.role === role && this.#options.maskingKey === maskingKey;
  }

  take(): Lane {
    const lane = this.#spare.pop();
    if (lane !== undefined) return lane;
    const queue = new OutputQueue(this.#slab);
    return { queue, encoder: new FrameEncoder(queue, this.#options) };
  }

  /** An empty one is not used any more. */
  give(lane: Lane): void {
    if (this.#spare.length < MOST_SPARE) this.#spare.push(lane);
  }
}

const allLanes = new WeakMap<Slab, Lanes>();

function findLanes(options: EndpointOutputOptions): Lanes {
  const { slab = new Slab() } = options;
  let lanes = allLanes.get(slab);
  if (lanes === undefined || !lanes.serves(options)) {
    lanes = new Lanes(slab, options);
    allLanes.set(slab, lanes);
  }
  return lanes;
}

/** Encodes what is sent, and keeps it until it is taken. */
export class EndpointOutput {
  readonly #lanes: Lanes;
  readonly #maxUnsentPongs: number;
  readonly #fragmentSize: number;
  readonly #rsvBits: number;
  readonly #chain: ExtensionChain | undefined;
  readonly #extensionFailed: ((error: ExtensionError) => void) | undefined;
  // There while something waits in them.
  #data: Lane | undefined;
  #control: Lane | undefined;
  #pongs: Uint8Array[] | undefined;
  #isInMessage = false;

  /**
   * Throws as the constructor of `Endpoint`.
   *
   * @param extensionFailed Called before its error is thrown: what it has done before is not known, and the peer's side of it may be another.
   */
  constructor(
    options: EndpointOutputOptions,
    maxUnsentPongs: number,
    chain?: ExtensionChain,
    extensionFailed?: (error: ExtensionError) => void,
  ) {
    this.#lanes = findLanes(options);
    this.#maxUnsentPongs = maxUnsentPongs;
    this.#rsvBits = options.rsvBits ?? 0;
    this.#chain = chain;
    this.#extensionFailed = extensionFailed;
    this.#fragmentSize = options.fragmentSize ?? Number.POSITIVE_INFINITY;
    assertFragmentSize(this.#fragmentSize);
  }

  get #encoder(): FrameEncoder {
    this.#data ??= this.#lanes.take();
    return this.#data.encoder;
  }

  get #controlEncoder(): FrameEncoder {
    this.#control ??= this.#lanes.take();
    return this.#control.encoder;
  }

  // --- Filling -------------------------------------------------------------------------------------------------------

  message(source: MessageSource, hints: SendHints = NO_HINTS): void {
    // RFC 6455 §5.4: "The fragments of one message MUST NOT be interleaved between the fragments of another message".
    if (this.#isInMessage) {
      throw new LocalProtocolError('ERR_WS_MESSAGE_UNFINISHED', 'Cannot send a message: another one has been begun');
    }
    const message = toMessage(source);
    if (this.#chain !== undefined && this.#encodeExtended(message, hints)) return;
    const length = typeof message === 'string' ? message.length * 3 : message.byteLength;
    if (length > this.#fragmentSize) {
      for (const frame of fragmentMessage(message, this.#fragmentSize)) this.#encoder.encode(frame);
    } else if (typeof message === 'string') {
      this.#encoder.encodeText(message, Opcode.TEXT);
    } else {
      this.#encoder.encodeBytes(FIN_BIT | Opcode.BINARY, message);
    }
  }

  /** A fragment of a message that is sent as it is made, in one frame or in several where a frame may not be as long. */
  fragment(messageType: MessageType, payload: Uint8Array, isLast: boolean, hints: SendHints = NO_HINTS): void {
    const first = messageType === 'text' ? Opcode.TEXT : Opcode.BINARY;
    const frame = toFrame(this.#isInMessage ? Opcode.CONTINUATION : first, payload, isLast);
    this.#encodeParts(this.#extend(frame, hints));
    this.#isInMessage = !isLast;
  }

  /** A frame of the caller's, as it is but for what the extensions make of it. */
  frame(frame: Frame): void {
    if ((rsvOf(frame) & ~this.#rsvBits) !== 0)
      throw new RangeError('Cannot send a frame: an RSV bit is set that no extension owns');
    this.#encoder.encode(isControlOpcode(frame.opcode) ? frame : this.#extend(frame, NO_HINTS));
  }

  /** Sends what the extensions make of a message; false when they leave it as it is. */
  #encodeExtended(message: Message, hints: SendHints): boolean {
    const isText = typeof message === 'string';
    const frame = toFrame(isText ? Opcode.TEXT : Opcode.BINARY, isText ? encodeLent(message) : message, true);
    const sent = this.#extend(frame, hints);
    if (sent === frame) return false;
    this.#encodeParts(sent);
    return true;
  }

  #extend(frame: Frame, hints: SendHints): Frame {
    try {
      return this.#chain?.outgoing(frame, hints) ?? frame;
    } catch (error) {
      if (error instanceof ExtensionError) this.#extensionFailed?.(error);
      throw error;
    }
  }

  // RFC 7692 §6.1: of a message that an extension has changed, the bits of the first frame tell of all.
  #encodeParts(frame: Frame): void {
    const { fin, payload } = frame;
    let firstByte = rsvOf(frame) | frame.opcode;
    let start = 0;
    do {
      const end = Math.min(payload.byteLength, start + this.#fragmentSize);
      const isEnd = end === payload.byteLength;
      const part = start === 0 && isEnd ? payload : payload.subarray(start, end);
      this.#encoder.encodeBytes((fin && isEnd ? FIN_BIT : 0) | firstByte, part);
      firstByte = Opcode.CONTINUATION;
      start = end;
    } while (start < payload.byteLength);
  }

  /** A ping or a pong of the caller's. */
  control(opcode: Opcode, payload: Uint8Array): void {
    if (payload.byteLength > MAX_CONTROL_PAYLOAD) {
      throw new RangeError(`Cannot send ${payload.byteLength} bytes in a control frame: at most 125 are allowed`);
    }
    this.#controlEncoder.encodeBytes(FIN_BIT | opcode, payload);
  }

  // RFC 6455 §5.5.3: "If an endpoint receives a Ping frame and has not yet sent Pong frame(s) in response to previous Ping frame(s), the endpoint
  // MAY elect to send a Pong frame for only the most recently processed Ping frame."
  pong(payload: Uint8Array): void {
    this.#pongs ??= [];
    if (this.#pongs.length >= Math.max(1, this.#maxUnsentPongs)) this.#pongs.pop();
    this.#pongs.push(payload);
  }

  /** The close frame, behind all messages. */
  close(payload: Uint8Array): void {
    this.#encoder.encodeBytes(FIN_BIT | Opcode.CLOSE, payload);
  }

  // --- Taking --------------------------------------------------------------------------------------------------------

  get isEmpty(): boolean {
    return this.#data?.queue.isEmpty !== false && !this.hasControl;
  }

  /** Whether a ping or a pong waits. */
  get hasControl(): boolean {
    return this.#pongs !== undefined || this.#control?.queue.isEmpty === false;
  }

  /** What waits: bytes, each frame counting 64 more. Pongs are not counted: there are few. */
  get weight(): number {
    return (this.#data?.queue.weight ?? 0) + this.controlWeight;
  }

  /** As {@link weight}, of the control frames alone. */
  get controlWeight(): number {
    return this.#control?.queue.weight ?? 0;
  }

  /** Takes control frames, then messages: all, or whole frames that reach `size` bytes. Returns what they counted in {@link weight}. */
  take(size: number, pieces: Uint8Array[]): number {
    // Few and short: they pass beside what is counted.
    const before = this.controlWeight;
    if (this.#pongs !== undefined) this.#encodePongs(this.#pongs);
    if (this.#control !== undefined) this.#takeControl(this.#control, pieces);
    const lane = this.#data;
    if (lane === undefined) return before;
    const weight = lane.queue.take(size, pieces);
    if (lane.queue.isEmpty) {
      this.#data = undefined;
      this.#lanes.give(lane);
    }
    return before + weight;
  }

  #takeControl(lane: Lane, pieces: Uint8Array[]): void {
    lane.queue.take(Number.MAX_SAFE_INTEGER, pieces);
    this.#control = undefined;
    this.#lanes.give(lane);
  }

  clear(): void {
    this.#pongs = undefined;
    this.#control = undefined;
    this.#data = undefined;
  }

  #encodePongs(pongs: readonly Uint8Array[]): void {
    for (const payload of pongs) this.#controlEncoder.encodeBytes(FIN_BIT | Opcode.PONG, payload);
    this.#pongs = undefined;
  }
}

function toFrame(opcode: Opcode, payload: Uint8Array, fin: boolean): Frame {
  return { fin, rsv1: false, rsv2: false, rsv3: false, opcode, payload };
}

function rsvOf({ rsv1, rsv2, rsv3 }: Frame): number {
  return (rsv1 ? 0x40 : 0) | (rsv2 ? 0x20 : 0) | (rsv3 ? 0x10 : 0);
}

// Short texts are encoded into the same bytes again and again: extensions look at them during the call.
const lent = new Uint8Array(4096);

function encodeLent(text: string): Uint8Array {
  // A UTF-16 code unit is at most three bytes of UTF-8.
  if (text.length * 3 > lent.byteLength) return encoder.encode(text);
  return lent.subarray(0, encoder.encodeInto(text, lent).written);
}
