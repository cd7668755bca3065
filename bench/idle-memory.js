// What an idle connection holds of a server's memory, at 10,000 connections. About 2 minutes; two servers have their turn at a time, for they need not be fast.

import { isWanted, runAlone } from './support/alone.js';
import { failed, patiently } from './support/contest.js';
import { LOAD_CORE, MeasuredProcess, pinned } from './support/measured-process.js';
import { assertFiles } from './support/open-files.js';
import { Program, pause } from './support/process.js';
import { bareTcp, bunServe, denoUpgrade, millrace, uws, ws } from './support/servers.js';
import { KiB } from './support/units.js';

export const title = 'Idle memory';
export const about = `What the server's process has grown by for each of 10,000 connections that had three messages of 64 B echoed and wait for more. The figure is resident memory behind
collections: all of it, that of native code too, so that rivals which are not JavaScript can stand beside it; *retained* is the share of the heap and its buffers. Before it is counted, 100 connections came and went.
A server of its own for each round.`;

const CONNECTIONS = 10_000;
/** Connections that come and go before: what is made once does not count. */
const BEFORE = 100;
/** How long it is left alone, in milliseconds. */
const REST = 300;
const AT_A_TIME = 2;

/** @type {Record<string, import('./support/measured-process.js').Kind[]>} */
const groups = {
  node24: [
    { name: 'millrace, loop waiting', ...millrace('node24') },
    { name: 'millrace, both streams open', ...millrace('node24', 'streams') },
    ws('node24'),
    uws('node24'),
    bareTcp('node24', 64),
  ],
  node20: [
    { name: 'millrace, loop waiting', ...millrace('node20') },
    { name: 'millrace, both streams open', ...millrace('node20', 'streams') },
    ws('node20'),
  ],
  bun: [{ name: 'millrace, loop waiting', ...millrace('bun') }, bunServe],
  deno: [{ name: 'millrace, loop waiting', ...millrace('deno') }, denoUpgrade],
};

/** Opens connections, and makes sure that they are echoed. @param {number} port @param {number} connections */
async function connect(port, connections) {
  const { program } = await Program.start('load', { port, size: 64, inFlight: 1, connections }, pinned(LOAD_CORE, []));
  await program.ask('check');
  await pause(REST);
  return program;
}

/** In bytes a connection. @param {import('./support/measured-process.js').Kind} kind @param {number} connections */
async function grown(kind, connections) {
  const args = [kind.program, ...(kind.args ?? [])];
  const server = await MeasuredProcess.start({ ...kind, program: 'tell-memory', args, collects: true });
  try {
    const early = await connect(server.port, BEFORE);
    await early.stop();
    await pause(REST);
    const before = await server.ask('memory');
    const load = await connect(server.port, connections);
    const after = await server.ask('memory');
    await load.stop();
    return {
      resident: (after.resident - before.resident) / connections,
      retained: (after.retained - before.retained) / connections,
    };
  } finally {
    await server.stop();
  }
}

/**
 * Adds a round to an entry.
 *
 * @param {import('./support/measured-process.js').Kind} kind
 * @param {number} connections
 * @param {import('./support/result.js').Entry} entry
 */
async function addRound(kind, connections, entry) {
  if (entry.missing !== undefined) return;
  try {
    const { resident, retained } = await patiently(grown(kind, connections));
    entry.values.push(resident / KiB);
    if (Number.isNaN(retained)) return;
    entry.beside = { 'KiB retained': [...(entry.beside?.['KiB retained'] ?? []), retained / KiB] };
  } catch (error) {
    Object.assign(entry, failed(kind.name, error).entry);
  }
}

/** @type {import('./support/alone.js').Measure} */
export async function* measure({ groups: wanted, cases, rounds, isShort, progress }) {
  const connections = isShort ? 500 : CONNECTIONS;
  const name = `${connections.toLocaleString('en')} connections`;
  if (!isWanted(name, cases)) return;
  assertFiles(connections);
  for (const group of wanted) {
    const kinds = groups[group] ?? [];
    /** @type {import('./support/result.js').Entry[]} */
    const entries = kinds.map((kind) => ({ name: kind.name, values: [] }));
    const turns = Array.from({ length: rounds }, (_, round) => kinds.map((kind, at) => ({ kind, at, round }))).flat();
    const work = async () => {
      for (let turn = turns.shift(); turn !== undefined; turn = turns.shift()) {
        progress(`${group}: ${name}: ${turn.kind.name}, round ${turn.round + 1} of ${rounds}`);
        await addRound(turn.kind, connections, entries[turn.at]);
      }
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, work));
    yield { section: 'idle-memory', group, title: name, unit: 'KiB resident a connection', entries };
  }
}

await runAlone(import.meta.url, measure);
