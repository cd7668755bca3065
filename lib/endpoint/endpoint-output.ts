// What one endpoint has to send, in its two lanes: control frames, which pass before messages (RFC 6455 §5.5: they "can be injected in the middle of a
// fragmented message"), and messages with the close frame behind them. Knows how frames are written, not when they may be.

import { OutputQueue, Slab } from '../bytes/output-queue.ts';
import { LocalProtocolError } from '../error.ts';
import { type Frame, MAX_CONTROL_PAYLOAD, type Role } from '../frame/frame.ts';
import { FrameEncoder } from '../frame/frame-encoder.ts';
import { FIN_BIT } from '../frame/header.ts';
import { Opcode } from '../frame/opcode.ts';
import { type MessageSource, type MessageType, toMessage } from '../message/message.ts';
import { assertFragmentSize, fragmentMessage } from '../message/message-fragmenter.ts';

export interface EndpointOutputOptions {
  readonly role: Role;
  readonly maskingKey?: () => number;
  readonly fragmentSize?: number;
  readonly rsvBits?: number;
  readonly slab?: Slab;
  readonly maxUnsentPongs: number;
}

/** Encodes what is sent, and keeps it until it is taken. */
export class EndpointOutput {
  readonly #data: OutputQueue;
  readonly #control: OutputQueue;
  readonly #encoder: FrameEncoder;
  readonly #controlEncoder: FrameEncoder;
  readonly #maxUnsentPongs: number;
  readonly #fragmentSize: number;
  readonly #rsvBits: number;
  #pongs: Uint8Array[] = [];
  #isInMessage = false;

  /** Throws as the constructor of `Endpoint`. */
  constructor(options: EndpointOutputOptions) {
    const slab = options.slab ?? new Slab();
    this.#data = new OutputQueue(slab);
    this.#control = new OutputQueue(slab);
    this.#encoder = new FrameEncoder(this.#data, options);
    this.#controlEncoder = new FrameEncoder(this.#control, options);
    this.#maxUnsentPongs = options.maxUnsentPongs;
    this.#rsvBits = options.rsvBits ?? 0;
    this.#fragmentSize = options.fragmentSize ?? Number.POSITIVE_INFINITY;
    assertFragmentSize(this.#fragmentSize);
  }

  // --- Filling -------------------------------------------------------------------------------------------------------

  message(source: MessageSource): void {
    // RFC 6455 §5.4: "The fragments of one message MUST NOT be interleaved between the fragments of another message".
    if (this.#isInMessage) {
      throw new LocalProtocolError('ERR_WS_MESSAGE_UNFINISHED', 'Cannot send a message: another one has been begun');
    }
    const message = toMessage(source);
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
  fragment(messageType: MessageType, payload: Uint8Array, isLast: boolean): void {
    const first = messageType === 'text' ? Opcode.TEXT : Opcode.BINARY;
    let start = 0;
    do {
      const end = Math.min(payload.byteLength, start + this.#fragmentSize);
      const fin = isLast && end === payload.byteLength ? FIN_BIT : 0;
      this.#encoder.encodeBytes(fin | (this.#isInMessage ? Opcode.CONTINUATION : first), payload.subarray(start, end));
      this.#isInMessage = fin === 0;
      start = end;
    } while (start < payload.byteLength);
  }

  /** A frame of the caller's, as it is. */
  frame(frame: Frame): void {
    const rsv = (frame.rsv1 ? 0x40 : 0) | (frame.rsv2 ? 0x20 : 0) | (frame.rsv3 ? 0x10 : 0);
    if ((rsv & ~this.#rsvBits) !== 0)
      throw new RangeError('Cannot send a frame: an RSV bit is set that no extension owns');
    this.#encoder.encode(frame);
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
    if (this.#pongs.length >= Math.max(1, this.#maxUnsentPongs)) this.#pongs.pop();
    this.#pongs.push(payload);
  }

  /** The close frame, behind all messages. */
  close(payload: Uint8Array): void {
    this.#encoder.encodeBytes(FIN_BIT | Opcode.CLOSE, payload);
  }

  // --- Taking --------------------------------------------------------------------------------------------------------

  get isEmpty(): boolean {
    return !this.hasControl && this.#data.isEmpty;
  }

  /** Whether a ping or a pong waits. */
  get hasControl(): boolean {
    return this.#pongs.length > 0 || !this.#control.isEmpty;
  }

  /** What waits: bytes, each frame counting 64 more. Pongs are not counted: there are few. */
  get weight(): number {
    return this.#data.weight + this.#control.weight;
  }

  /** As {@link weight}, of the control frames alone. */
  get controlWeight(): number {
    return this.#control.weight;
  }

  /** Takes control frames, then messages: all, or whole frames that reach `size` bytes. Returns what they counted in {@link weight}. */
  take(size: number, pieces: Uint8Array[]): number {
    // Few and short: they pass beside what is counted.
    const before = this.#control.weight;
    if (this.#pongs.length > 0) this.#encodePongs();
    if (!this.#control.isEmpty) this.#control.take(Number.MAX_SAFE_INTEGER, pieces);
    return before + this.#data.take(size, pieces);
  }

  clear(): void {
    this.#pongs = [];
    this.#control.clear();
    this.#data.clear();
  }

  #encodePongs(): void {
    for (const payload of this.#pongs) this.#controlEncoder.encodeBytes(FIN_BIT | Opcode.PONG, payload);
    this.#pongs = [];
  }
}
