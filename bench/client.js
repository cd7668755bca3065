// What a client costs that sends a message for each that comes, beside others in the same run. About 2 minutes: 8 cases with Node 24, 4 with each of the others.

import { isWanted, runAlone } from './support/alone.js';
import { hold } from './support/contest.js';
import { LOAD_CORE, MeasuredProcess, pinned } from './support/measured-process.js';
import { Program } from './support/process.js';
import { inBytes, KiB, MiB } from './support/units.js';

export const title = 'Client against client';
export const about = `The server is the same for all: it answers with bytes made beforehand and parses nothing, but compares the first messages of each connection.
A figure is the CPU time of the client's process, all threads, for a message that it sends (and masks) and the one that comes back.`;

/** How many messages of each connection are compared, on both sides. */
const CHECKED = 3;

const client = (name, runtime, library) => ({ name, runtime, program: 'client', args: [library] });

/** @type {Record<string, import('./support/measured-process.js').Kind[]>} */
const groups = {
  node24: [
    client('millrace', 'node24', 'millrace'),
    client('ws with add-ons', 'node24', 'ws'),
    client('undici', 'node24', 'undici'),
    client("Node's WebSocket", 'node24', 'own'),
  ],
  node20: [
    client('millrace', 'node20', 'millrace'),
    client('ws with add-ons', 'node20', 'ws'),
    client('undici', 'node20', 'undici'),
  ],
  bun: [client('millrace', 'bun', 'millrace'), client("Bun's WebSocket", 'bun', 'own')],
  deno: [client('millrace', 'deno', 'millrace'), client("Deno's WebSocket", 'deno', 'own')],
};

const cases = [
  ...[1, 64].map((connections) => ({ size: 64, inFlight: 1, connections })),
  ...[1, 64].map((connections) => ({ size: 64, inFlight: 16, connections })),
  ...[1, 64].map((connections) => ({ size: 16 * KiB, inFlight: 16, connections })),
  ...[1, 8].map((connections) => ({ size: MiB, inFlight: 1, connections })),
];

const nameOf = ({ size, inFlight, connections }) =>
  `${inBytes(size)}, ${inFlight} in flight, ${connections} connection${connections > 1 ? 's' : ''}`;

/** @param {import('./support/measured-process.js').Kind} kind @param {{ size: number; inFlight: number; connections: number }} load */
async function start(kind, load) {
  const client = await MeasuredProcess.start(kind);
  const answering = { size: load.size, checked: CHECKED };
  const { program: server, ready } = await Program.start('answers', answering, pinned(LOAD_CORE, []));
  return {
    perCount: load.connections,
    cpu: () => client.cpu(),
    check: async () => {
      await client.ask('start', { ...load, port: ready.port });
      await client.ask('check', { count: CHECKED });
      await server.ask('fault');
    },
    run: (count) => client.ask('run', { count }),
    stop: async () => {
      await client.stop();
      await server.stop();
    },
  };
}

/** @type {import('./support/alone.js').Measure} */
export async function* measure(wanted) {
  for (const group of wanted.groups) {
    const all = group === 'node24' && !wanted.isShort;
    for (const load of cases.filter(({ connections }) => all || connections > 1)) {
      if (!isWanted(nameOf(load), wanted.cases)) continue;
      const kinds = groups[group] ?? [];
      const contest = { section: 'client', group, title: nameOf(load), what: 'message', kinds };
      yield await hold({ ...contest, start: (kind) => start(kind, load) }, wanted);
    }
  }
}

await runAlone(import.meta.url, measure);
