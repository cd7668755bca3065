// The messages of the echo measurements, as their client sends them and as the server sends them back: made before anything is measured.

import { frame, OPCODE } from './frames.js';

/** Text of that length, in which no place looks like the one before it. @param {number} size */
export function payloadOf(size) {
  return Buffer.from(Array.from({ length: size }, (_, at) => 0x21 + ((at * 7 + (at >> 6)) % 0x5e)));
}

/** The frame that a server sends: not masked. @param {Buffer} payload @param {number} opcode */
export function unmaskedFrame(payload, opcode) {
  const { byteLength } = payload;
  const head = Buffer.alloc(byteLength < 126 ? 2 : byteLength < 65_536 ? 4 : 10);
  head[0] = 0x80 | opcode;
  head[1] = byteLength < 126 ? byteLength : byteLength < 65_536 ? 126 : 127;
  if (head.byteLength === 4) head.writeUInt16BE(byteLength, 2);
  if (head.byteLength === 10) head.writeBigUInt64BE(BigInt(byteLength), 2);
  return Buffer.concat([head, payload]);
}

/** At least so many bytes of echoes, one behind the other. @param {Buffer} echo @param {number} bytes */
export function repeated(echo, bytes) {
  return Buffer.concat(Array(Math.ceil(bytes / echo.byteLength) + 1).fill(echo));
}

/** What all connections of a load have in common. */
export class EchoFixture {
  /** @param {{ size: number; inFlight: number; isText?: boolean }} options */
  constructor({ size, inFlight, isText = false }) {
    const payload = payloadOf(size);
    const opcode = isText ? OPCODE.TEXT : OPCODE.BINARY;
    const one = frame(opcode, payload);
    this.inFlight = inFlight;
    this.frameSize = one.byteLength;
    /** As many as are in flight, one behind the other. */
    this.frames = Buffer.concat(Array(inFlight).fill(one));
    const echo = unmaskedFrame(payload, opcode);
    this.echoSize = echo.byteLength;
    // Longer than what comes at once: a chunk is compared with a piece of it.
    this.echoes = repeated(echo, 1024 * 1024);
  }
}
