// The sending side of permessage-deflate, RFC 7692 §6.1 and §7.2.1: data frames in, compressed ones out where that pays.

import type { Frame } from '../frame/frame.ts';
import { Opcode } from '../frame/opcode.ts';
import type { MessageType } from '../message/message.ts';
import type { CodecLease } from './codec-pool.ts';
import type { SendHints } from './extension.ts';

/** What is deflated at once, at most. */
const STEP = 64 * 1024;
// What is not compressible grows: by 5 bytes for each 16 KiB at worst, more with little memory.
const output = new Uint8Array(STEP + STEP / 4);
// Of a message whose length is not known the first fragment tells whether compressing pays, if it is at least as long.
const TELLING_SIZE = 1024;

const TAIL_SIZE = 4;
const EMPTY = new Uint8Array(0);
/** RFC 7692 §7.2.3.6: an empty block whose tail is left out. */
const EMPTY_BLOCK = Uint8Array.of(0x00);

/** A message that is about to be sent, for who decides whether it is compressed. */
export interface OutgoingMessage {
  /** Whether it is a text or a binary message. */
  readonly type: MessageType;
  /** The payload, of a message that is sent as it is made its first fragment. To be looked at only during the call. */
  readonly bytes: Uint8Array;
  /** Whether `bytes` is all of it. */
  readonly isWhole: boolean;
}

export interface MessageDeflaterOptions {
  readonly lease: CodecLease;
  readonly hasContextTakeover: boolean;
  /** Shorter messages are not compressed. */
  readonly threshold: number;
  readonly onlyIfSmaller: boolean;
  readonly compressIf: ((message: OutgoingMessage) => boolean) | undefined;
  /** What a stream holds in memory. */
  readonly streamSize: number;
}

export class MessageDeflater {
  readonly #lease: CodecLease;
  readonly #options: MessageDeflaterOptions;
  // Of the message under way.
  #isCompressed = false;

  constructor(options: MessageDeflaterOptions) {
    this.#lease = options.lease;
    this.#options = options;
  }

  /** What is held in the middle of a message: then the stream cannot be used for others. */
  get retained(): number {
    return this.#lease.isBusy ? this.#options.streamSize : 0;
  }

  /** Gives what is sent in place of a data frame: the same, or one with RSV1 (of a message's first) and a compressed payload. */
  send(frame: Frame, hints: SendHints): Frame {
    const isFirst = frame.opcode !== Opcode.CONTINUATION;
    if (isFirst) this.#isCompressed = this.#decides(frame, hints);
    if (!this.#isCompressed) return frame;
    const payload = this.#deflate(frame.payload, frame.fin);
    if (isFirst && !this.#pays(frame, payload)) {
      // RFC 7692 §7.2.1 lets a compressor forget. It must here: the peer will never see what this message has brought into the window.
      this.#isCompressed = false;
      this.#lease.give();
      return frame;
    }
    if (!frame.fin) this.#lease.isBusy = true;
    else if (this.#options.hasContextTakeover) this.#lease.endMessage();
    else this.#lease.give();
    return { ...frame, rsv1: isFirst, payload };
  }

  /** Gives up the context: the next message is compressed without it. */
  rest(): void {
    if (!this.#lease.isBusy) this.#lease.give();
  }

  close(): void {
    this.#lease.close();
  }

  #decides({ opcode, fin, payload }: Frame, { compress }: SendHints): boolean {
    if (compress !== undefined) return compress;
    const { threshold, compressIf } = this.#options;
    if (fin && payload.byteLength < threshold) return false;
    if (compressIf === undefined) return true;
    return compressIf({ type: opcode === Opcode.TEXT ? 'text' : 'binary', bytes: payload, isWhole: fin });
  }

  #pays({ fin, payload }: Frame, deflated: Uint8Array): boolean {
    if (!this.#options.onlyIfSmaller || (!fin && payload.byteLength < TELLING_SIZE)) return true;
    return deflated.byteLength < payload.byteLength;
  }

  /**
   * RFC 7692 §7.2.1: "Compress all the octets of the payload of the message using DEFLATE", end with an empty block without compression, and at the end of the message "Remove 4 octets
   * (that are 0x00 0x00 0xff 0xff) from the tail end". Each fragment ends in this way, so that the peer can inflate it when it comes.
   */
  #deflate(payload: Uint8Array, isLast: boolean): Uint8Array {
    if (payload.byteLength === 0) return isLast ? EMPTY_BLOCK : EMPTY;
    const stream = this.#lease.take();
    this.#lease.isBusy = true;
    const parts: Uint8Array[] = [];
    let size = 0;
    for (let start = 0, isFull = false; start < payload.byteLength || isFull; ) {
      const end = Math.min(payload.byteLength, start + STEP);
      // zlib takes its memory when it is first used, and there may be none left.
      if (!stream.run(payload, start, end, output, 0, output.byteLength)) throw new Error('Cannot deflate a message');
      start += stream.read;
      size += stream.written;
      isFull = stream.written === output.byteLength;
      if (start === payload.byteLength && parts.length === 0 && !isFull) {
        return output.slice(0, isLast ? size - TAIL_SIZE : size);
      }
      parts.push(output.slice(0, stream.written));
    }
    return join(parts, size).subarray(0, isLast ? size - TAIL_SIZE : size);
  }
}

function join(parts: readonly Uint8Array[], size: number): Uint8Array {
  const whole = new Uint8Array(size);
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.byteLength;
  }
  return whole;
}
