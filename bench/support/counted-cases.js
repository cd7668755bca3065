// Which echoes are counted: ways to write a handler, and messages.

import { EchoFixture, payloadOf, unmaskedFrame } from './echo-fixture.js';
import { frame, OPCODE } from './frames.js';
import { KiB, MiB } from './units.js';

/** @param {number} size @param {number} messages */
function whole(size, messages) {
  const { frames, frameSize, echoes, echoSize } = new EchoFixture({ size, inFlight: messages });
  const echo = Buffer.concat(Array(messages).fill(echoes.subarray(0, echoSize)));
  return { bytes: frames.subarray(0, messages * frameSize), echo, messages };
}

/** A message in fragments, which comes back as a message (RFC 6455 §5.4); raw sessions send each of its frames. @param {number} size @param {number} count @param {boolean} isRaw */
function fragmented(size, count, isRaw) {
  const payload = payloadOf(size);
  const parts = Array.from({ length: count }, (_, at) => {
    const part = payload.subarray((at * size) / count, ((at + 1) * size) / count);
    return { part, opcode: at === 0 ? OPCODE.BINARY : OPCODE.CONTINUATION, fin: at === count - 1 };
  });
  const bytes = Buffer.concat(parts.map(({ part, opcode, fin }) => frame(opcode, part, fin)));
  if (!isRaw) return { bytes, echo: unmaskedFrame(payload, OPCODE.BINARY), messages: 1 };
  const frames = parts.map(({ part, opcode, fin }) => {
    const one = unmaskedFrame(part, opcode);
    one[0] = (fin ? 0x80 : 0) | opcode;
    return one;
  });
  return { bytes, echo: Buffer.concat(frames), messages: 1 };
}

/** @type {readonly { name: string, times: number, exchangeOf: (isRaw: boolean) => import('./counted-echo.js').Exchange }[]} */
export const countedCases = [
  { name: '64 B, 1 in flight', times: 64, exchangeOf: () => whole(64, 1) },
  { name: '64 B, 16 in flight', times: 32, exchangeOf: () => whole(64, 16) },
  { name: '16 KiB, 1 in flight', times: 32, exchangeOf: () => whole(16 * KiB, 1) },
  { name: '1 MiB, 1 in flight', times: 8, exchangeOf: () => whole(MiB, 1) },
  { name: '16 KiB in 16 fragments', times: 32, exchangeOf: (isRaw) => fragmented(16 * KiB, 16, isRaw) },
];

/** As programs/echo/millrace.js has them. */
export const countedForms = ['loop', 'streams', 'pipe', 'through', 'raw'];
