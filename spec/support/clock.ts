// The clock of `millrace/testing`, under the name that the specs know: no spec sleeps where time matters.

export { TestClock } from '../../lib/testing/test-clock.ts';
export { turns } from '../../lib/testing/turns.ts';
