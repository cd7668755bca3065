// The receiving side of permessage-deflate, RFC 7692 §6.2 and §7.2.2: pieces of compressed frames in, pieces of plain ones out, never more at a time than is asked for.

import { type ErrorCode, type Fault, RemoteProtocolError } from '../error.ts';
import { type FramePiece, UNKNOWN_LENGTH } from '../frame/frame-decoder.ts';
import { Opcode } from '../frame/opcode.ts';
import type { CodecLease } from './codec-pool.ts';
import type { CodecStream } from './deflate-codec.ts';
import type { IncomingTransform } from './extension.ts';
import { SlidingWindow } from './sliding-window.ts';

/** RSV1 of a message's first frame: RFC 7692 §6: the "Per-Message Compressed" bit. */
export const COMPRESSED_BIT = 0x40;

/** What is inflated at once, at most: DEFLATE makes up to 1,032 bytes of one. */
const OUTPUT_SIZE = 64 * 1024;
// What is given out is lent: all inflaters take turns with the same bytes.
const output = new Uint8Array(OUTPUT_SIZE);

// Behind its own tail a message is followed by empty blocks (RFC 1951 §3.2.4), which change nothing where it is whole. Where it was cut inside a block they are taken for the rest of that
// block, and come to something: data, an error, the end of the stream. So many that the longest header of a block (§3.2.7: 17 + 19 · 3 + 316 · 7 bits) and a code do not take them all.
const PROBES = 60;
/** RFC 7692 §7.2.2: "Append 4 octets of 0x00 0x00 0xff 0xff to the tail end of the payload of the message." Those, and the probes. */
const TAIL: Uint8Array = Uint8Array.from({ length: 4 + PROBES * 5 }, (_, index) => ((index + 1) % 5 < 3 ? 0x00 : 0xff));
/** What a reset costs, as the copy of so many bytes. */
const RESET_EFFORT = 4096;
const EMPTY = new Uint8Array(0);

export interface MessageInflaterOptions {
  readonly lease: CodecLease;
  /** Whether the peer's messages may refer to those before (RFC 7692 §7.1.1). */
  readonly hasContextTakeover: boolean;
  /** The base-2 logarithm of the peer's window. */
  readonly windowBits: number;
  /** What a stream holds in memory. */
  readonly streamSize: number;
}

export class MessageInflater implements IncomingTransform {
  readonly #lease: CodecLease;
  readonly #windowBits: number;
  readonly #hasContextTakeover: boolean;
  readonly #streamSize: number;
  /** Of a peer whose messages never refer back, nothing is kept between them. */
  #window: SlidingWindow | undefined;
  #fault: Fault | undefined;
  // Of the message under way.
  #isCompressed = false;
  // The piece under way, and what is left of it; `undefined` when the next one is wanted.
  #piece: FramePiece | undefined;
  #bytes: Uint8Array = EMPTY;
  #start = 0;
  #end = 0;
  #isFirst = false;
  #isInTail = false;
  // The stream was begun anew, and nothing has moved since.
  #hasRestarted = false;
  #effort = 0;

  constructor({ lease, windowBits, hasContextTakeover, streamSize }: MessageInflaterOptions) {
    this.#lease = lease;
    this.#windowBits = windowBits;
    this.#hasContextTakeover = hasContextTakeover;
    this.#streamSize = streamSize;
  }

  get fault(): Fault | undefined {
    return this.#fault;
  }

  get unread(): number {
    // Of what is read whole, there may still be more to give.
    return this.#piece === undefined ? 0 : Math.max(1, this.#end - this.#start);
  }

  /** To begin the stream anew costs a copy of the window, however little it brings. */
  get effort(): number {
    return this.#effort;
  }

  /** What is held in the middle of a message: then the stream cannot be used for others. */
  get retained(): number {
    return this.#lease.isBusy ? this.#streamSize + (this.#window?.size ?? 0) : 0;
  }

  push(piece: FramePiece): void {
    if (piece.isFirst && !this.#beginFrame(piece)) return;
    this.#piece = piece;
    this.#bytes = piece.bytes;
    this.#start = piece.start;
    this.#end = piece.end;
    this.#isFirst = piece.isFirst;
  }

  next(maxSize: number): FramePiece | undefined {
    const piece = this.#piece;
    this.#effort = 0;
    if (piece === undefined || this.#fault !== undefined) return undefined;
    if (this.#isCompressed) return this.#inflate(piece, Math.min(Math.max(1, Math.ceil(maxSize)), OUTPUT_SIZE));
    this.#piece = undefined;
    return piece;
  }

  /** Gives up what can be made anew: between two messages the window is enough. */
  rest(): void {
    if (!this.#lease.isBusy) this.#lease.give();
  }

  close(): void {
    this.#piece = undefined;
    this.#bytes = EMPTY;
    this.#window = undefined;
    this.#lease.close();
  }

  // RFC 7692 §6.1: RSV1 is set on the first frame of a compressed message, "The RSV1 bits of other fragments MUST NOT be set".
  #beginFrame({ opcode, rsv }: FramePiece): boolean {
    const isCompressed = (rsv & COMPRESSED_BIT) !== 0;
    if (opcode !== Opcode.CONTINUATION) {
      this.#isCompressed = isCompressed;
      return true;
    }
    if (!isCompressed) return true;
    this.#fail('ERR_WS_UNEXPECTED_RSV', 'RSV1 is set on a frame that begins no message', 1002);
    return false;
  }

  #inflate(piece: FramePiece, maxSize: number): FramePiece | undefined {
    const stream = this.#takeStream();
    let filled = 0;
    let isDone = false;
    while (!isDone && filled < maxSize) {
      if (!stream.run(this.#bytes, this.#start, this.#end, output, filled, maxSize)) return this.#failData();
      const { read, written } = stream;
      if (this.#isInTail && isCut(stream)) return this.#failData();
      this.#start += read;
      filled += written;
      const isStill = read === 0 && written === 0;
      if (!isStill) this.#hasRestarted = false;
      if (filled === maxSize) break;
      if (this.#start === this.#end || (this.#isInTail && isStill)) {
        isDone = this.#isInTail || !this.#beginTail(piece);
      } else if (isStill) {
        return this.#restart(piece, stream, filled);
      }
    }
    const isEnd = isDone && this.#isInTail;
    if (this.#hasContextTakeover || !isEnd) this.#note(filled);
    return this.#give(piece, filled, isDone, isEnd);
  }

  #give(piece: FramePiece, filled: number, isDone: boolean, isEnd: boolean): FramePiece {
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    if (isDone) this.#endPiece();
    if (isEnd) this.#endMessage();
    return {
      opcode: piece.opcode,
      fin: piece.fin,
      rsv: piece.rsv & ~COMPRESSED_BIT,
      payloadLength: UNKNOWN_LENGTH,
      isFirst,
      isLast: isDone && piece.isLast,
      bytes: output,
      start: 0,
      end: filled,
      isLent: true,
    };
  }

  #takeStream(): CodecStream {
    const lease = this.#lease;
    const { hasContext } = lease;
    const stream = lease.take();
    lease.isBusy = true;
    if (!hasContext && this.#window !== undefined) refill(stream, this.#window);
    return stream;
  }

  #note(filled: number): void {
    if (filled === 0) return;
    this.#window ??= new SlidingWindow(this.#windowBits);
    this.#window.push(output, 0, filled);
  }

  /**
   * RFC 7692 §7.2.3.4: a block with BFINAL set may end a message, or a part of it. For the stream everything ends there; what follows begins at the next byte, with the same window.
   * It is left to the next call: beginning anew costs more than most pieces do, and a message may be of nothing but such blocks.
   */
  #restart(piece: FramePiece, stream: CodecStream, filled: number): FramePiece | undefined {
    if (this.#hasRestarted) return this.#failData();
    this.#hasRestarted = true;
    this.#note(filled);
    stream.reset();
    this.#effort = RESET_EFFORT + (this.#window?.length ?? 0);
    if (this.#window !== undefined) refill(stream, this.#window);
    return this.#give(piece, filled, false, false);
  }

  #beginTail({ isLast, fin }: FramePiece): boolean {
    if (!isLast || !fin) return false;
    this.#isInTail = true;
    this.#bytes = TAIL;
    this.#start = 0;
    this.#end = TAIL.byteLength;
    return true;
  }

  #endPiece(): void {
    this.#piece = undefined;
    this.#bytes = EMPTY;
    this.#start = 0;
    this.#end = 0;
  }

  #endMessage(): void {
    this.#isInTail = false;
    if (this.#hasContextTakeover) return this.#lease.endMessage();
    this.#lease.give();
    this.#window = undefined;
  }

  #failData(): undefined {
    return this.#fail('ERR_WS_INVALID_DEFLATE', 'The data of a compressed message is corrupt', 1007);
  }

  #fail(code: ErrorCode, message: string, closeCode: number): undefined {
    this.#fault = new RemoteProtocolError(code, message, closeCode);
    this.close();
  }
}

/**
 * Whether the tail tells that the message was cut: that its last block has not ended. Behind a whole one nothing is written, and all of the tail is read; or none of it, behind a block with BFINAL
 * that ends the message (RFC 7692 §7.2.3.4 wants an octet behind it, which some leave out).
 */
function isCut({ read, written }: CodecStream): boolean {
  return written > 0 || (read > 0 && read < TAIL.byteLength);
}

const scratch = new Uint8Array(OUTPUT_SIZE);

/**
 * Gives a new stream the window of the messages before, as blocks that are not compressed (RFC 1951 §3.2.4): LEN, its complement, the bytes. A preset dictionary would do the same, but
 * a runtime's zlib takes one only when a stream is made; this costs a copy (32 KiB: 1.5 us).
 */
function refill(stream: CodecStream, window: SlidingWindow): void {
  for (const part of window.parts()) {
    const length = part.byteLength;
    const header = Uint8Array.of(0, length & 0xff, length >> 8, ~length & 0xff, (~length >> 8) & 0xff);
    stream.run(header, 0, header.byteLength, scratch, 0, scratch.byteLength);
    stream.run(part, 0, length, scratch, 0, scratch.byteLength);
  }
}
