// Dripping: bytes that come one by one, and what is kept of them.

import process from 'node:process';
import * as assert from 'uvu/assert';

export const KiB = 1024;
export const MiB = 1024 * 1024;

/** Bytes in use, of the heap and outside it, after garbage has been collected. */
export function usedBytes(): number {
  assert.type(globalThis.gc, 'function', 'run with --expose-gc');
  // The second run frees the buffers that the first has found to be garbage.
  globalThis.gc?.();
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/**
 * How many bytes more are in use after `fill`, while what it gives is held. It runs twice: at first code is compiled and counted too.
 * Even so some hundred KiB come and go: ask about megabytes.
 */
export function retainedBy(fill: () => unknown): number {
  fill();
  const before = usedBytes();
  const held = fill();
  const after = usedBytes();
  assert.is.not(held, undefined, 'something is held');
  return after - before;
}
