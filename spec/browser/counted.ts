// The count that a run in the browser ends with: one plain line, whatever happens.

import process from 'node:process';
import type { Test } from 'uvu';

/** Makes tests that are counted; prints `N passed, M failed` when the process ends. */
export function counted(test: Test): (name: string, body: () => Promise<void>) => void {
  let total = 0;
  let passed = 0;
  process.on('exit', () => {
    if (passed < total || total === 0) process.exitCode = 1;
    console.log(`\n${passed} passed, ${total === 0 ? 1 : total - passed} failed`);
  });
  return (name, body) => {
    total++;
    test(name, async () => {
      await body();
      passed++;
    });
  };
}
