// What a server sends that parses nothing: bytes made beforehand, as many messages as have come.

import { payloadOf, repeated, unmaskedFrame } from './echo-fixture.js';
import { OPCODE } from './frames.js';

export class Answers {
  #size;
  #prebuilt;
  #most;

  /** @param {number} size Of a message. */
  constructor(size, isText = false) {
    this.payload = payloadOf(size);
    const frame = unmaskedFrame(this.payload, isText ? OPCODE.TEXT : OPCODE.BINARY);
    this.#size = frame.byteLength;
    this.#prebuilt = repeated(frame, 256 * 1024);
    this.#most = this.#prebuilt.byteLength / frame.byteLength;
  }

  /** The bytes of a message as a client sends it: it has a masking key more. */
  get incomingSize() {
    return this.#size + 4;
  }

  /** @param {{ write(bytes: Buffer): unknown }} socket @param {number} count */
  write(socket, count) {
    let left = count;
    for (; left > this.#most; left -= this.#most) socket.write(this.#prebuilt);
    if (left > 0) socket.write(this.#prebuilt.subarray(0, left * this.#size));
  }
}

/** How many messages have come on a connection, by their bytes alone. */
export class Arrivals {
  #size;
  #left = 0;

  /** @param {Answers} answers */
  constructor(answers) {
    this.#size = answers.incomingSize;
  }

  /** Bytes of a message that is not whole yet. */
  get left() {
    return this.#left;
  }

  /** Gives how many have become whole with so many bytes more. @param {number} bytes */
  take(bytes) {
    this.#left += bytes;
    const whole = Math.floor(this.#left / this.#size);
    this.#left -= whole * this.#size;
    return whole;
  }
}
