// How bytes are cut on their way, at random and yet the same each time.

/**
 * Makes a source of chunk sizes for a link: each at least 1 and at most `longest`, the same ones for the same seed.
 *
 * @example
 * const pair = createPair({ link: { chunkSize: randomChunkSizes(42, 100) } });
 */
export function randomChunkSizes(seed: number, longest = 1024): (available: number) => number {
  if (!Number.isSafeInteger(longest) || longest < 1) {
    throw new RangeError(`Cannot make chunk sizes: ${longest} is no positive number of bytes`);
  }
  let state = seed >>> 0;
  // mulberry32
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return 1 + (((mixed ^ (mixed >>> 14)) >>> 0) % longest);
  };
}
