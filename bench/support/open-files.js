// How many connections a process may have open.

import { readFileSync } from 'node:fs';

/** What a process has open beside its connections. */
const OTHERS = 200;

/** The limit that processes started by this one have. */
function limit() {
  const limits = readFileSync('/proc/self/limits', 'utf8');
  const [, soft = ''] = /^Max open files +(\S+)/m.exec(limits) ?? [];
  return soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft);
}

/**
 * Node raises its limit to what is allowed when it starts, so this is the hard one.
 *
 * @param {number} connections
 * @throws Error when a process may not have so many.
 */
export function assertFiles(connections) {
  const wanted = connections + OTHERS;
  if (process.platform === 'linux' && limit() < wanted) {
    throw new Error(
      `${connections} connections need ${wanted} open files, ${limit()} are allowed: ulimit -Hn ${wanted}`,
    );
  }
}
