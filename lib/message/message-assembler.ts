// Pieces of data frames in, whole messages out: RFC 6455 §5.4 and §5.6. Limits are checked on what a header declares, before a
// byte of it is kept, or (behind an extension, which may make much of little) on what comes, as it comes; text is checked as its
// bytes come (§8.1).

import { ByteQueue } from '../bytes/byte-queue.ts';
import { decodeUtf8, decodeValidUtf8, Utf8Validator } from '../bytes/utf8.ts';
import { type Fault, LimitError, RemoteProtocolError } from '../error.ts';
import { keepBytes, takeBytes } from '../frame/frame-assembler.ts';
import { type FramePiece, UNKNOWN_LENGTH } from '../frame/frame-decoder.ts';
import { Opcode } from '../frame/opcode.ts';
import type { ProtocolLimits } from '../limits.ts';
import type { Message } from './message.ts';

/** The limits of a {@link MessageAssembler}. Default: none. */
export type MessageAssemblerLimits = Partial<Pick<ProtocolLimits, 'maxMessageSize' | 'maxFragments'>>;

/**
 * Joins the fragments of messages. Feed it the data frames of one direction, piece by piece.
 *
 * @example
 * const assembler = new MessageAssembler({ maxMessageSize: 65_536 });
 * for (let piece = decoder.next(); piece !== undefined; piece = decoder.next()) {
 *   const message = assembler.push(piece); // a string or a Uint8Array when the message is whole
 *   if (message !== undefined) console.log(message);
 * }
 */
export class MessageAssembler {
  readonly #maxMessageSize: number;
  readonly #maxFragments: number;
  // There while a message is not whole: most come whole.
  #queue: ByteQueue | undefined;
  #utf8: Utf8Validator | undefined;

  #isText = false;
  #fragments = 0;
  // What the headers so far have declared, or what has come where they could not.
  #size = 0;
  #fault: Fault | undefined;

  constructor(limits: MessageAssemblerLimits = {}) {
    this.#maxMessageSize = limits.maxMessageSize ?? Number.MAX_SAFE_INTEGER;
    this.#maxFragments = limits.maxFragments ?? Number.MAX_SAFE_INTEGER;
  }

  /** What was wrong with the message. Once set, nothing more is assembled. */
  get fault(): Fault | undefined {
    return this.#fault;
  }

  /** Bytes kept of a message that is not whole yet. */
  get retained(): number {
    return this.#queue?.length ?? 0;
  }

  /** Takes the next piece of a data frame. Gives the message that it completes, undefined when it completes none. */
  push(piece: FramePiece): Message | undefined {
    if (this.#fault !== undefined) return undefined;
    if (piece.isFirst && !this.#beginFrame(piece)) return undefined;
    if (piece.payloadLength === UNKNOWN_LENGTH && !this.#checkSize(piece.end - piece.start)) return undefined;
    const isEnd = piece.isLast && piece.fin;
    // Most messages come whole in one chunk: those are never kept.
    if (isEnd && this.#fragments === 1 && piece.isFirst) {
      this.#fragments = 0;
      return this.#isText ? this.#decodeWhole(piece) : takeBytes(piece);
    }
    if (this.#isText && !this.#checkText(piece)) return this.#failText();
    this.#queue ??= new ByteQueue();
    keepBytes(this.#queue, piece);
    return isEnd ? this.#end(this.#queue.join()) : undefined;
  }

  /** Lets go of a message that is not whole. */
  clear(): void {
    this.#queue = undefined;
    this.#utf8 = undefined;
    this.#fragments = 0;
  }

  #beginFrame(piece: FramePiece): boolean {
    if (piece.opcode !== Opcode.CONTINUATION) {
      this.#isText = piece.opcode === Opcode.TEXT;
      this.#fragments = 0;
      this.#size = 0;
    }
    this.#fragments++;
    if (piece.payloadLength !== UNKNOWN_LENGTH && !this.#checkSize(piece.payloadLength)) return false;
    // Empty fragments count: they cost this side as much as others.
    if (this.#fragments > this.#maxFragments) {
      this.#fail(new LimitError('ERR_WS_TOO_MANY_FRAGMENTS', `Message has over ${this.#maxFragments} fragments`));
      return false;
    }
    return true;
  }

  // RFC 6455 §10.4: "implementations that have implementation- and/or platform-specific limitations regarding the frame size
  // or total message size after reassembly from multiple frames MUST protect themselves against exceeding those limits."
  #checkSize(size: number): boolean {
    this.#size += size;
    if (this.#size <= this.#maxMessageSize) return true;
    this.#fail(new LimitError('ERR_WS_MESSAGE_TOO_LONG', `Message is over the limit of ${this.#maxMessageSize} bytes`));
    return false;
  }

  #decodeWhole(piece: FramePiece): string | undefined {
    try {
      return decodeUtf8(piece.bytes.subarray(piece.start, piece.end)) ?? this.#failText();
    } catch {
      return this.#failTooLong();
    }
  }

  #checkText({ bytes, start, end }: FramePiece): boolean {
    this.#utf8 ??= new Utf8Validator();
    return this.#utf8.push(bytes, start, end);
  }

  #end(whole: Uint8Array): Message | undefined {
    const isValid = this.#utf8?.isComplete !== false;
    this.clear();
    if (!this.#isText) return whole;
    if (!isValid) return this.#failText();
    try {
      return decodeValidUtf8(whole);
    } catch {
      return this.#failTooLong();
    }
  }

  #failText(): undefined {
    this.#fail(new RemoteProtocolError('ERR_WS_INVALID_UTF8', 'Text message is not valid UTF-8', 1007));
  }

  // A string of this runtime has a longest length, which the limit may be above.
  #failTooLong(): undefined {
    this.#fail(new LimitError('ERR_WS_MESSAGE_TOO_LONG', 'Text message is longer than a string can be'));
  }

  #fail(fault: Fault): void {
    this.#fault = fault;
    this.clear();
  }
}
