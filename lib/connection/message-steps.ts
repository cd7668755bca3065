// One long message that is sent where extensions work on what is sent: in steps, a turn for each, so that nobody else waits until all of it is compressed. It goes out in
// fragments (RFC 6455 §5.4), and what the peer has not taken is not even encoded.

import type { Message, MessageType } from '../message/message.ts';

/** Up to this size a message goes out at once, in one frame: deflating as much takes one to two milliseconds. */
export const STEP_FROM = 128 * 1024;
const STEP = 64 * 1024;
// A receiver may have a limit of fragments.
const MOST_STEPS = 1024;

const encoder: TextEncoder = new TextEncoder();

/** Whether a message is long enough to be sent in steps. */
export function isLong(message: Message): boolean {
  return (typeof message === 'string' ? message.length : message.byteLength) > STEP_FROM;
}

export class MessageSteps {
  readonly type: MessageType;
  #message: Message;
  #position = 0;
  #step = 0;

  constructor(message: Message) {
    this.type = typeof message === 'string' ? 'text' : 'binary';
    this.#message = message;
  }

  /** Whether a part of it is on its way. */
  get hasBegun(): boolean {
    return this.#position > 0;
  }

  /** Gives the next part. */
  next(): { readonly bytes: Uint8Array; readonly isLast: boolean } {
    // Not before its turn: as a string it may take half as much.
    const message = typeof this.#message === 'string' ? encoder.encode(this.#message) : this.#message;
    this.#message = message;
    if (this.#step === 0) this.#step = Math.max(STEP, Math.ceil(message.byteLength / MOST_STEPS));
    const start = this.#position;
    this.#position = Math.min(message.byteLength, start + this.#step);
    return { bytes: message.subarray(start, this.#position), isLast: this.#position === message.byteLength };
  }
}
