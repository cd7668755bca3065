// Pieces of data frames in, pieces of messages out, for who takes a message as it comes: RFC 6455 §5.4 and §5.6. Nothing is kept, so a message
// may be of any length; text is checked as its bytes come (§8.1).

import { Utf8Validator } from '../bytes/utf8.ts';
import { type Fault, RemoteProtocolError } from '../error.ts';
import { takeBytes } from '../frame/frame-assembler.ts';
import type { FramePiece } from '../frame/frame-decoder.ts';
import { Opcode } from '../frame/opcode.ts';
import type { MessageType } from './message.ts';

/** A part of a message. RFC 6455 §5.4: how it was cut into frames has no meaning. */
export interface MessagePiece {
  /** Whether its message is a text or a binary one. */
  readonly messageType: MessageType;
  /** Whether the message begins with this piece: told as soon as its first frame's header has come. */
  readonly isFirst: boolean;
  /** Whether the message ends with this piece. */
  readonly isLast: boolean;
  /** May be empty. Of a text: UTF-8, valid so far, which may end inside a character. */
  readonly bytes: Uint8Array;
}

/**
 * Tells the pieces of messages. Feed it the data frames of one direction, piece by piece.
 *
 * @example
 * const messages = new MessagePieces();
 * for (let piece = decoder.next(); piece !== undefined; piece = decoder.next()) {
 *   const part = messages.push(piece);
 *   if (part !== undefined) console.log(part.messageType, part.bytes.byteLength, part.isLast);
 * }
 */
export class MessagePieces {
  readonly #utf8: Utf8Validator = new Utf8Validator();
  #messageType: MessageType = 'binary';
  #isFirst = false;
  #fault: Fault | undefined;

  /** What was wrong with the message. Once set, nothing more is told. */
  get fault(): Fault | undefined {
    return this.#fault;
  }

  /** Takes the next piece of a data frame. Gives undefined when it tells nothing: an empty one inside a message, or a fault. */
  push(piece: FramePiece): MessagePiece | undefined {
    if (this.#fault !== undefined) return undefined;
    if (piece.isFirst && piece.opcode !== Opcode.CONTINUATION) {
      this.#isFirst = true;
      this.#messageType = piece.opcode === Opcode.TEXT ? 'text' : 'binary';
    }
    const isFirst = this.#isFirst;
    const isLast = piece.isLast && piece.fin;
    if (this.#messageType === 'text' && !this.#check(piece, isLast)) return undefined;
    if (piece.end === piece.start && !isFirst && !isLast) return undefined;
    this.#isFirst = false;
    return { messageType: this.#messageType, isFirst, isLast, bytes: takeBytes(piece) };
  }

  #check({ bytes, start, end }: FramePiece, isLast: boolean): boolean {
    const isValid = this.#utf8.push(bytes, start, end) && (!isLast || this.#utf8.isComplete);
    if (!isValid) this.#fault = new RemoteProtocolError('ERR_WS_INVALID_UTF8', 'Text message is not valid UTF-8', 1007);
    return isValid;
  }
}
