// The specs of these rooms that do not run in the matrix, or not in every runtime, each with the reason. `npm test` runs all of them on Node.

import type { Runtime } from './rows.ts';

interface LeftOut {
  readonly reason: string;
  /** Where it does not run. Default: nowhere in the matrix. */
  readonly of?: readonly Runtime['kind'][];
}

const heap = { reason: 'measures what is alive on the heap of V8 after a collection, or the memory of the process' };

export const leftOut: Readonly<Record<string, LeftOut>> = {
  'adapter/node-server-abuse': heap,
  'adapter/node-server-backpressure': heap,
  'adapter/node-server-life': heap,
  'adapter/node-server-retained': heap,
  'bytes/byte-queue-memory': heap,
  'conformance/deflate-threats-bombs': heap,
  'conformance/deflate-threats-ends': heap,
  'conformance/deflate-threats-held': heap,
  'connection/slow-consumers-bounds': heap,
  'connection/streamed-inbox-flow': heap,
  'connection/streamed-passing': heap,
  'endpoint/endpoint-memory': heap,
  'job/job-life': {
    reason: 'asks that sessions are collected; the collector of Bun is a conservative one',
    of: ['bun'],
  },
  'job/session-idle-memory': heap,
  'job/session-memory': heap,
  'message/message-assembler-memory': heap,
};

/** Whether a spec runs in a runtime. */
export function runsIn(spec: string, kind: Runtime['kind']): boolean {
  const found = leftOut[spec];
  return found === undefined || found.of?.includes(kind) === false;
}
