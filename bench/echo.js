// What the echo of a message costs a server, beside others in the same run. Arguments choose the cases and the groups of servers by a part of their name; ROUNDS is how many rounds each has.

import { contest } from './support/contest.js';
import { median, withSpread } from './support/statistics.js';
import { inBytes, KiB, MiB, printTable, setting } from './support/units.js';

const ROUNDS = setting('ROUNDS', 5);

const ours = (runtime, how = 'loop', adapter = 'node') => ({ runtime, program: 'echo/millrace', args: [how, adapter] });
const withoutAddOns = { WS_NO_BUFFER_UTIL: '1', WS_NO_UTF_8_VALIDATE: '1' };

/** Which servers stand beside each other; the first is what the others are compared with. */
const groups = {
  node24: (size) => [
    { name: 'millrace', ...ours('node24') },
    { name: 'millrace, readable and writer', ...ours('node24', 'streams') },
    { name: 'millrace, pipeTo', ...ours('node24', 'pipe') },
    { name: 'millrace, pipeThrough', ...ours('node24', 'through') },
    { name: 'millrace, raw', ...ours('node24', 'raw') },
    { name: 'ws with add-ons', runtime: 'node24', program: 'echo/ws' },
    { name: 'ws', runtime: 'node24', program: 'echo/ws', env: withoutAddOns },
    { name: 'uWebSockets.js (Node 20)', runtime: 'node20', program: 'echo/uws' },
    { name: 'bare TCP', runtime: 'node24', program: 'echo/tcp', args: [String(size)] },
  ],
  node20: (size) => [
    { name: 'millrace', ...ours('node20') },
    { name: 'millrace, pipeTo', ...ours('node20', 'pipe') },
    { name: 'ws with add-ons', runtime: 'node20', program: 'echo/ws' },
    { name: 'uWebSockets.js', runtime: 'node20', program: 'echo/uws' },
    { name: 'bare TCP', runtime: 'node20', program: 'echo/tcp', args: [String(size)] },
  ],
  bun: () => [
    { name: 'millrace', ...ours('bun', 'loop', 'default') },
    { name: 'millrace over node:http', ...ours('bun', 'loop', 'node') },
    { name: 'Bun.serve', runtime: 'bun', program: 'echo/bun' },
  ],
  deno: () => [
    { name: 'millrace', ...ours('deno', 'loop', 'default') },
    { name: 'millrace/deno', ...ours('deno', 'loop', 'deno') },
    { name: 'Deno.upgradeWebSocket', runtime: 'deno', program: 'echo/deno' },
  ],
};

const cases = [
  ...[64, KiB, 16 * KiB].flatMap((size) =>
    [1, 16].flatMap((inFlight) => [1, 64].map((connections) => ({ size, inFlight, connections }))),
  ),
  { size: 64, inFlight: 1, connections: 1000 },
  { size: 64, inFlight: 16, connections: 64, isText: true },
  { size: MiB, inFlight: 1, connections: 1 },
  { size: MiB, inFlight: 1, connections: 8 },
];

const nameOf = ({ size, inFlight, connections, isText }) =>
  `${inBytes(size)}${isText ? ' text' : ''}, ${inFlight} in flight, ${connections} connection${connections > 1 ? 's' : ''}`;

const wanted = process.argv.slice(2);
const isWanted = (name) => {
  const about = wanted.filter((part) => !(part in groups));
  return about.length === 0 || about.some((part) => name.includes(part));
};

for (const [group, servers] of Object.entries(groups)) {
  if (wanted.some((part) => part in groups) && !wanted.includes(group)) continue;
  for (const load of cases) {
    const title = `${group}: ${nameOf(load)}`;
    if (!isWanted(nameOf(load))) continue;
    const figures = await contest(title, servers(load.size), load, ROUNDS);
    const own = median(figures[0]?.cost ?? []);
    const rows = figures.map(({ name, cost, rate }) => [
      name,
      withSpread(cost),
      (median(cost) / own).toFixed(2),
      Math.round(median(rate)).toLocaleString('en'),
    ]);
    printTable([title, 'CPU a message, us', 'beside millrace', 'messages a second'], rows);
  }
}
