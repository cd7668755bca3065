// The signals that ask a server to stop: SIGINT (Ctrl-C) and SIGTERM.

import { constants } from 'node:os';
import process from 'node:process';

// One Ctrl-C can come twice: a terminal signals every process of its foreground group, and npm and npx pass theirs on to their child. So
// what comes this soon after the first is the first. In milliseconds.
const ECHO_OF_FIRST = 500;

/**
 * Calls back at the first signal. A second one, while the process still stops, ends it at once with 128 and the signal's number.
 * Waiting for signals does not keep the process alive.
 */
export function onStopSignal(stop: (signal: 'SIGINT' | 'SIGTERM') => void): void {
  let first: number | undefined;
  const take = (signal: 'SIGINT' | 'SIGTERM'): void => {
    const now = performance.now();
    if (first !== undefined && now - first > ECHO_OF_FIRST) process.exit(128 + constants.signals[signal]);
    if (first !== undefined) return;
    first = now;
    stop(signal);
  };
  process.on('SIGINT', take);
  process.on('SIGTERM', take);
}
