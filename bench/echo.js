// What the echo of a message costs a server, beside others in the same run. About 14 minutes: 15 cases with Node 24, 6 with each of the others.

import { isWanted, runAlone } from './support/alone.js';
import { hold } from './support/contest.js';
import { loaded } from './support/loaded.js';
import { bareTcp, bunServe, denoUpgrade, millrace, uws, ws, wsWithAddOns } from './support/servers.js';
import { inBytes, KiB, MiB } from './support/units.js';

export const title = 'Echo';
export const about = `A handler that sends back what comes, beside others under the same load; each has its round in turn. A figure is the CPU time
of the server's process, all threads, read from the system: the median of the rounds, the least and the most. Server and load have a core each; the load is bytes made
beforehand, and every byte that comes back in the first round is compared.`;

/**
 * Which servers stand beside each other; the first is what the others are compared with.
 *
 * @type {Record<string, (size: number, isText: boolean) => import('./support/measured-process.js').Kind[]>}
 */
const groups = {
  node24: (size, isText) => [
    { name: 'millrace', ...millrace('node24') },
    { name: 'millrace, readable and writer', ...millrace('node24', 'streams') },
    { name: 'millrace, pipeTo', ...millrace('node24', 'pipe') },
    { name: 'millrace, pipeThrough', ...millrace('node24', 'through') },
    { name: 'millrace, raw', ...millrace('node24', 'raw') },
    wsWithAddOns('node24'),
    ws('node24'),
    uws('node24'),
    bareTcp('node24', size, isText),
  ],
  node20: (size) => [
    { name: 'millrace', ...millrace('node20') },
    { name: 'millrace, readable and writer', ...millrace('node20', 'streams') },
    { name: 'millrace, pipeTo', ...millrace('node20', 'pipe') },
    wsWithAddOns('node20'),
    uws('node20'),
    bareTcp('node20', size),
  ],
  bun: (size) => [
    { name: 'millrace', ...millrace('bun') },
    { name: 'millrace over node:http', ...millrace('bun', 'loop', 'node') },
    bunServe,
    bareTcp('bun', size),
  ],
  deno: (size) => [
    { name: 'millrace', ...millrace('deno') },
    { name: 'millrace over node:http', ...millrace('deno', 'loop', 'node') },
    denoUpgrade,
    bareTcp('deno', size),
  ],
};

const cases = [
  ...[64, KiB, 16 * KiB].flatMap((size) =>
    [1, 16].flatMap((inFlight) => [1, 64].map((connections) => ({ size, inFlight, connections, isText: false }))),
  ),
  { size: 64, inFlight: 1, connections: 1000, isText: false },
  { size: 64, inFlight: 16, connections: 64, isText: true },
  { size: MiB, inFlight: 1, connections: 1, isText: false },
  { size: MiB, inFlight: 1, connections: 8, isText: false },
];

/** The cases that every group has: the others are for Node 24 alone, so that the whole ends in time. */
const isMain = ({ size, connections, isText }) => size !== KiB && connections > 1 && !isText;

const nameOf = ({ size, inFlight, connections, isText }) =>
  `${inBytes(size)}${isText ? ' text' : ''}, ${inFlight} in flight, ${connections.toLocaleString('en')} connection${connections > 1 ? 's' : ''}`;

/** What a group measures: each case, and who stands beside each other in it. @param {string} group */
export function casesOf(group) {
  const own = cases.filter((each) => group === 'node24' || isMain(each));
  return own.map((load) => ({ title: nameOf(load), load, kinds: groups[group]?.(load.size, load.isText) ?? [] }));
}

/** @type {import('./support/alone.js').Measure} */
export async function* measure(wanted) {
  for (const group of wanted.groups) {
    for (const { title, load, kinds } of casesOf(group)) {
      if (!isWanted(title, wanted.cases)) continue;
      const start = (kind) => loaded(kind, 'load', load, { perCount: load.connections });
      yield await hold({ section: 'echo', group, title, what: 'message', kinds, start }, wanted);
    }
  }
}

await runAlone(import.meta.url, measure);
