// What a message costs with 1 to 10,000 connections. About 2 minutes.

import { isWanted, runAlone } from './support/alone.js';
import { hold } from './support/contest.js';
import { loaded } from './support/loaded.js';
import { assertFiles } from './support/open-files.js';
import { bareTcp, bunServe, denoUpgrade, millrace, uws, wsWithAddOns } from './support/servers.js';

export const title = 'Growth';
export const about = `The echo of 64 B with 1 in flight, at 1, 10, 100, 1,000 and 10,000 connections. With one connection each message wakes the server up
for itself alone; with many of them a turn of its event loop has several. So a figure is to be read beside that of bare TCP, which has the same wakeups and nothing else.`;

const SIZE = 64;
const COUNTS = [1, 10, 100, 1_000, 10_000];

/** @type {Record<string, import('./support/measured-process.js').Kind[]>} */
const groups = {
  node24: [{ name: 'millrace', ...millrace('node24') }, wsWithAddOns('node24'), uws('node24'), bareTcp('node24', SIZE)],
  bun: [{ name: 'millrace', ...millrace('bun') }, bunServe],
  deno: [{ name: 'millrace', ...millrace('deno') }, denoUpgrade],
};

const nameOf = (/** @type {number} */ connections) =>
  `64 B, 1 in flight, ${connections.toLocaleString('en')} connection${connections > 1 ? 's' : ''}`;

/** @type {import('./support/alone.js').Measure} */
export async function* measure(wanted) {
  // Two groups have its two ends alone.
  for (const group of wanted.groups.filter((name) => name in groups)) {
    const counts = wanted.isShort ? [1, 100] : group === 'node24' ? COUNTS : [1, 10_000];
    for (const connections of counts.filter((count) => isWanted(nameOf(count), wanted.cases))) {
      assertFiles(connections);
      const load = { size: SIZE, inFlight: 1, connections };
      const contest = {
        section: 'growth',
        group,
        title: nameOf(connections),
        what: 'message',
        kinds: groups[group] ?? [],
        start: (kind) => loaded(kind, 'load', load, { perCount: connections }),
      };
      yield await hold(contest, wanted);
    }
  }
}

await runAlone(import.meta.url, measure);
