// The specs of these rooms that do not run in the matrix, or not in every runtime, each with the reason. `npm test` runs all of them on Node.

import type { Runtime } from './rows.ts';

interface LeftOut {
  readonly reason: string;
  /** Where it does not run. Default: nowhere in the matrix. */
  readonly of?: readonly Runtime['kind'][];
}

const heap = { reason: 'measures what is alive on the heap of V8 after a collection, or the memory of the process' };
const zlib = { reason: "counts and breaks zlib's private handles; what it shows does not depend on the runtime" };

export const leftOut: Readonly<Record<string, LeftOut>> = {
  'adapter/choose-deflate-codec': zlib,
  'adapter/choose-deflate-codec-portable': zlib,
  'adapter/node-server-abuse': heap,
  'adapter/node-server-backpressure': heap,
  'adapter/node-server-life': heap,
  'adapter/node-server-retained': heap,
  'adapter/zlib-codec': zlib,
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
  'job/session-memory': heap,
  'message/message-assembler-memory': heap,
};

/** As {@link leftOut}, of all whose names begin so. */
const leftOutFrom: Readonly<Record<string, LeftOut>> = {
  'adapter/browser-': { reason: 'runs over a stand-in of a browser; `npm run test:browser` has real ones' },
  'adapter/bun-': { reason: 'runs over a stand-in of Bun; the columns from "own" on are in Bun itself' },
  'adapter/deno-': { reason: 'runs over a stand-in of Deno; the columns from "own" on are in Deno itself' },
  'adapter/listening-server-battery': { reason: 'is the servers of "own", here over sockets of Node' },
};

/** Whether a spec runs in a runtime. */
export function runsIn(spec: string, kind: Runtime['kind']): boolean {
  const from = Object.keys(leftOutFrom).find((start) => spec.startsWith(start));
  const found = leftOut[spec] ?? (from === undefined ? undefined : leftOutFrom[from]);
  return found === undefined || found.of?.includes(kind) === false;
}
