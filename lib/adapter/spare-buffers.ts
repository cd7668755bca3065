// Large buffers that the connections of a thread have in turn. A new one of 64 KiB is filled with zeros each time, by the platform, and counts against what V8 lets be outside of its heap.

import { createWorkBuffer } from '../bytes/work-buffer.ts';

/** The size of each, in bytes: 64 KiB of messages, and room for their headers. */
export const SPARE_SIZE: number = 65 * 1024;

/** So many are there at most: 2 MiB. Who needs one more makes an array that is its own. */
const MOST = 32;

const spare: Uint8Array[] = [];
let made = 0;

/** One that nobody has, to be given back; undefined when there are enough already. */
export function takeSpare(): Uint8Array | undefined {
  if (spare.length > 0) return spare.pop();
  if (made === MOST) return undefined;
  made++;
  return createWorkBuffer(SPARE_SIZE);
}

/** Gives one back: nobody reads it, and nobody writes into it, any more. */
export function giveSpare(buffer: Uint8Array): void {
  spare.push(buffer);
}
