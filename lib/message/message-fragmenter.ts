// A whole message in, its frames out: RFC 6455 §5.4.

import type { Frame } from '../frame/frame.ts';
import { Opcode } from '../frame/opcode.ts';
import type { Message } from './message.ts';

const encoder: TextEncoder = new TextEncoder();

/**
 * Gives the frames of a message, none with more than `fragmentSize` bytes of payload. A text is cut between bytes, where it
 * falls: RFC 6455 §5.6 lets a fragment end inside a character.
 *
 * RFC 6455 §5.4: "A fragmented message consists of a single frame with the FIN bit clear and an opcode other than 0, followed by
 * zero or more frames with the FIN bit clear and the opcode set to 0, and terminated by a single frame with the FIN bit set and
 * an opcode of 0."
 *
 * @throws RangeError when `fragmentSize` is no positive integer.
 *
 * @example
 * for (const frame of fragmentMessage('Hello', 3)) encoder.encode(frame); // TEXT 'Hel', then CONTINUATION 'lo' with FIN
 */
export function* fragmentMessage(message: Message, fragmentSize: number): Generator<Frame, void, undefined> {
  assertFragmentSize(fragmentSize);
  const payload = typeof message === 'string' ? encoder.encode(message) : message;
  let opcode: Opcode = typeof message === 'string' ? Opcode.TEXT : Opcode.BINARY;
  let start = 0;
  do {
    const end = Math.min(payload.byteLength, start + fragmentSize);
    const fin = end === payload.byteLength;
    yield { fin, rsv1: false, rsv2: false, rsv3: false, opcode, payload: payload.subarray(start, end) };
    opcode = Opcode.CONTINUATION;
    start = end;
  } while (start < payload.byteLength);
}

/** @throws RangeError when `fragmentSize` is neither a positive integer nor Infinity. */
export function assertFragmentSize(fragmentSize: number): void {
  if ((Number.isSafeInteger(fragmentSize) && fragmentSize > 0) || fragmentSize === Number.POSITIVE_INFINITY) return;
  throw new RangeError(`Cannot fragment a message: ${fragmentSize} is no positive number of bytes`);
}
