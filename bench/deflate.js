// What an echo of compressed JSON costs a server, in CPU, beside `ws` with the same settings: rounds of both in turns. MESSAGES is how many a round has of the small ones, ROUNDS how many
// there are.

import { Program } from './support/process.js';
import { inBytes, KiB, printProgress, printTable, setting } from './support/units.js';

// Few: millrace gives contexts up that were not used for 10 s (`contextTimeout`), and a round of `ws` must not take so long.
const MESSAGES = setting('MESSAGES', 32_000);
const ROUNDS = setting('ROUNDS', 15);

const cases = [
  { size: 262, connections: 64, inFlight: 1, messages: MESSAGES },
  { size: 262, connections: 64, inFlight: 16, messages: MESSAGES },
  // Nearly nothing is left to zlib: what the libraries themselves cost.
  { size: 262, connections: 64, inFlight: 1, messages: MESSAGES, isSame: true },
  { size: 262, connections: 64, inFlight: 16, messages: MESSAGES, isSame: true },
  { size: 16 * KiB, connections: 16, inFlight: 4, messages: MESSAGES / 8 },
];
/** Messages that differ, of each connection: more than a window holds. */
const CYCLE = 128 * KiB;

async function start(library, { messages, ...load }) {
  const server = await Program.start('echo', { library, deflate: true });
  const cycle = Math.ceil(CYCLE / load.size);
  const { program } = await Program.start('deflate-load', { ...load, cycle, port: server.ready.port });
  const count = Math.ceil(messages / load.connections);
  const round = async () => {
    const before = await server.program.ask('cpu');
    const { bytes } = await program.ask('run', { count });
    const after = await server.program.ask('cpu');
    const total = count * load.connections;
    return { cost: (after.cpu - before.cpu) / total, share: bytes / total / load.size };
  };
  const stop = async () => {
    await program.stop();
    await server.program.stop();
  };
  return { round, stop };
}

async function measure(options) {
  const size = `${inBytes(options.size)}${options.isSame ? ', the same again and again' : ''}`;
  const name = `${size}, ${options.connections} connections, ${options.inFlight} in flight`;
  const ours = await start('millrace', options);
  const theirs = await start('ws', options);
  /** @type {{ ours: number; theirs: number; share: number }[]} */
  const rounds = [];
  // The first is a warm-up.
  for (let round = 0; round <= ROUNDS; round++) {
    const { cost, share } = await ours.round();
    const { cost: theirCost, share: theirShare } = await theirs.round();
    printProgress(`${name}: ${cost.toFixed(2)} us, ws ${theirCost.toFixed(2)} us`);
    if (round === 0) continue;
    if (Math.abs(share - theirShare) > 0.01) throw new Error(`Compressed to ${share}, by ws to ${theirShare}`);
    rounds.push({ ours: cost, theirs: theirCost, share });
  }
  await ours.stop();
  await theirs.stop();
  const [one, other] = [rounds.map((each) => each.ours), rounds.map((each) => each.theirs)];
  const times = `${(median(other) / median(one)).toFixed(2)} times`;
  return [name, `${(rounds[0].share * 100).toFixed(0)} %`, inMicroseconds(one), inMicroseconds(other), times];
}

function median(values) {
  return [...values].sort((one, other) => one - other)[values.length >> 1];
}

function inMicroseconds(values) {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  return `${median(values).toFixed(2)} us (${least.toFixed(2)} to ${most.toFixed(2)})`;
}

const rows = [];
for (const each of cases) rows.push(await measure(each));
printTable(['JSON', 'compressed to', 'millrace', '`ws`', '`ws` costs'], rows);
