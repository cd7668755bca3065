// Two sizes of one rule: the suite that runs all the time is to be quick, and BATTERY=whole, as the pipeline sets it, takes its time.

import process from 'node:process';

/** Gives the first with the quick suite and the second with the whole battery. What is asserted is the same. */
export function sized<T>(quick: T, whole: T): T {
  return process.env['BATTERY'] === 'whole' ? whole : quick;
}
