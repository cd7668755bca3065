// What the smallest measurements work on: bytes as a server gets them, and texts.

import { payloadOf } from './echo-fixture.js';
import { frame, OPCODE } from './frames.js';

const CHUNK = 64 * 1024;

/** One message in so many frames, as a client sends it. @param {Buffer} payload @param {number} fragments */
export function fragmented(payload, fragments) {
  const size = Math.ceil(payload.byteLength / fragments);
  const frames = Array.from({ length: fragments }, (_, at) => {
    const opcode = at === 0 ? OPCODE.BINARY : OPCODE.CONTINUATION;
    return frame(opcode, payload.subarray(at * size, (at + 1) * size), at === fragments - 1);
  });
  return Buffer.concat(frames);
}

/**
 * Messages in chunks as a socket gives them: some of them end in another chunk than they began in.
 *
 * @param {number} size Of a message.
 * @param {number} fragments Of each message.
 */
export function messageChunks(size, fragments) {
  const payload = payloadOf(size);
  const one = fragmented(payload, fragments);
  const messages = Math.ceil((4 * CHUNK) / one.byteLength);
  const bytes = Buffer.concat(Array(messages).fill(one));
  /** @type {Buffer[]} Each with memory of its own, as those of a socket. */
  const chunks = [];
  for (let at = 0; at < bytes.byteLength; at += CHUNK) chunks.push(Buffer.from(bytes.subarray(at, at + CHUNK)));
  return { payload, messages, chunks };
}

/** UTF-8 of an exact length. @param {number} size @param {string} kind "ASCII", or "mixed": one to four bytes a character. */
export function textOf(size, kind) {
  if (kind === 'ASCII') return payloadOf(size);
  const bytes = Buffer.from('Grüße, мир, 世界 und 🙂! '.repeat(Math.ceil(size / 32)));
  let end = Math.min(size, bytes.byteLength);
  // No character is cut: what is left is filled up.
  while ((bytes[end] & 0xc0) === 0x80) end--;
  return Buffer.concat([bytes.subarray(0, end), Buffer.alloc(size - end, '.')]);
}
