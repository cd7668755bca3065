// Messages that are compressed beforehand, as a client with permessage-deflate sends them (RFC 7692 §7.2.1), so that whoever sends them has nothing to do for it.

import { constants, createDeflateRaw, inflateRawSync } from 'node:zlib';
import { frame, OPCODE } from './frames.js';

export const COMPRESSED = 0x40;
export const TAIL = Buffer.of(0x00, 0x00, 0xff, 0xff);

/**
 * The payloads of messages that refer to those before them. The first refers to none, so they can be sent in a cycle.
 *
 * @param {readonly Buffer[]} messages
 */
export async function deflateAll(messages) {
  const deflater = createDeflateRaw({ level: 6, memLevel: 8, windowBits: 15 });
  const parts = [];
  let chunks = [];
  deflater.on('data', (/** @type {Buffer} */ chunk) => chunks.push(chunk));
  for (const message of messages) {
    deflater.write(message);
    await new Promise((resolve) => deflater.flush(constants.Z_SYNC_FLUSH, () => resolve(undefined)));
    parts.push(Buffer.concat(chunks).subarray(0, -TAIL.byteLength));
    chunks = [];
  }
  deflater.close();
  return parts;
}

/** The frames of text messages. @param {readonly Buffer[]} messages */
export async function deflatedFrames(messages) {
  return (await deflateAll(messages)).map((payload) => frame(OPCODE.TEXT, payload, true, COMPRESSED));
}

/** What compressed messages say, all of them together. @param {readonly Buffer[]} parts */
export function inflateAll(parts) {
  return inflateRawSync(Buffer.concat(parts), { finishFlush: constants.Z_SYNC_FLUSH });
}
