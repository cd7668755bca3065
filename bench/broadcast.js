// What it costs to send one message to 5,000 connections. About 50 seconds.

import { isWanted, runAlone } from './support/alone.js';
import { hold } from './support/contest.js';
import { loaded } from './support/loaded.js';
import { assertFiles } from './support/open-files.js';
import { inBytes, KiB } from './support/units.js';

export const title = 'One message to all';
export const about = `One of 5,000 connections asks for it, then each of them gets the same message. millrace, \`ws\` and Deno send it in a loop over their connections; uWebSockets.js and Bun publish it.
A figure is the CPU time of the server's process for each connection that gets it; with 16 KiB the time until the last has it is that of the load too, which reads 80 MB.`;

const CONNECTIONS = 5_000;

/** @type {(name: string, runtime: import('./support/measured-process.js').Kind['runtime'], program: string) => (size: number) => import('./support/measured-process.js').Kind} */
const kind = (name, runtime, program) => (size) => ({
  name,
  runtime,
  program: `broadcast/${program}`,
  args: [String(size)],
});

const groups = {
  node24: [
    kind('millrace', 'node24', 'millrace'),
    kind('ws', 'node24', 'ws'),
    kind('uWebSockets.js (Node 20)', 'node20', 'uws'),
  ],
  bun: [kind('millrace', 'bun', 'millrace'), kind('Bun.serve', 'bun', 'bun')],
  deno: [kind('millrace', 'deno', 'millrace'), kind('Deno.upgradeWebSocket', 'deno', 'deno')],
};

/** @type {import('./support/alone.js').Measure} */
export async function* measure(wanted) {
  const connections = wanted.isShort ? 100 : CONNECTIONS;
  assertFiles(connections);
  for (const group of wanted.groups.filter((name) => name in groups)) {
    for (const size of [64, 16 * KiB]) {
      const name = `${inBytes(size)} to ${connections.toLocaleString('en')} connections`;
      if (!isWanted(name, wanted.cases)) continue;
      const contest = {
        section: 'broadcast',
        group,
        title: name,
        what: 'delivery',
        kinds: groups[group].map((each) => each(size)),
        start: (each) => loaded(each, 'listeners', { size, connections }, { perCount: connections }),
      };
      yield await hold(contest, wanted);
    }
  }
}

await runAlone(import.meta.url, measure);
