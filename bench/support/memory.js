// Memory of this process.

import { pause } from './process.js';

/** What is alive after collections; buffers are swept beside one, and have gone when the next begins. */
export async function retained() {
  for (let round = 0; round < 3; round++) {
    await pause(1);
    globalThis.gc?.();
  }
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
