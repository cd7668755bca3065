// For tests of what is built on the library: connections in memory, a clock that the test turns, and faults. Re-exports only.

export { randomChunkSizes } from './testing/chunk-sizes.ts';
export { Line, type LineOptions } from './testing/line.ts';
export type { Link, LinkOptions, LinkState } from './testing/link.ts';
export { createPair, type Pair, type PairJob, type PairOptions, type PairSide } from './testing/pair.ts';
export { TestClock } from './testing/test-clock.ts';
export { turns } from './testing/turns.ts';
