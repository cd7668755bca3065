// What an idle connection holds of a server's memory behind one compressed message, beside `ws`: at once, and when its contexts have been given up. Each case has a server of its own, RUNS
// of them. CONNECTIONS is how many connections there are.

import { Client } from './support/client.js';
import { deflatedFrames, inflateAll, TAIL } from './support/deflated.js';
import { frame, OPCODE } from './support/frames.js';
import { jsonOf } from './support/json.js';
import { Program, pause } from './support/process.js';
import { inBytes, KiB, printProgress, printTable, setting } from './support/units.js';

const CONNECTIONS = setting('CONNECTIONS', 1_000);
const RUNS = setting('RUNS', 3);
const AT_A_TIME = 16;
const WARM_UP = 100;
// `contextTimeout` is 10 s.
const REST = 12_000;

/** Opens a connection, and makes sure that its one message comes back. */
async function open(port, { deflate }, message) {
  const client = await Client.open(port, '/', deflate ? 'permessage-deflate' : undefined);
  const [sent] = deflate ? await deflatedFrames([message]) : [frame(OPCODE.TEXT, message)];
  const parts = [];
  await new Promise((resolve, reject) => {
    client.received.onBytes = (bytes) => parts.push(Buffer.from(bytes));
    client.received.onMessage = () => resolve(undefined);
    client.ended.then(() => reject(new Error('A connection has ended')));
    client.socket.write(sent);
  });
  const payload = deflate ? inflateAll([...parts, TAIL]) : Buffer.concat(parts);
  if (!payload.equals(message)) throw new Error('Something else came back');
  if (client.received.compressed !== (deflate ? 1 : 0)) throw new Error('It is not compressed as it should be');
  return client;
}

async function openAll(port, options, next) {
  const clients = [];
  const work = async () => {
    while (clients.length < CONNECTIONS) {
      const at = clients.length++;
      clients[at] = await open(port, options, next());
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, work));
  return clients;
}

async function measure(size, options) {
  const { program, ready } = await Program.start('echo', options);
  const next = jsonOf(1, size);
  // One after the other: what is compiled and made once does not count, and little is left over.
  for (let count = 0; count < WARM_UP; count++) {
    const client = await open(ready.port, options, next());
    client.socket.resetAndDestroy();
  }
  await pause(100);
  const before = await program.ask('memory');
  const clients = await openAll(ready.port, options, next);
  const take = async () => {
    const { resident, retained } = await program.ask('memory');
    return [(resident - before.resident) / CONNECTIONS, (retained - before.retained) / CONNECTIONS];
  };
  const atOnce = await take();
  if (options.deflate) await pause(REST);
  const later = options.deflate ? await take() : [];
  for (const client of clients) client.socket.destroy();
  await program.stop();
  return [...atOnce, ...later];
}

const kinds = [
  { name: 'millrace', library: 'millrace', deflate: true },
  { name: 'millrace, `maxContexts: Infinity`', library: 'millrace', deflate: true, maxContexts: 'all' },
  { name: '`ws`', library: 'ws', deflate: true },
  { name: 'millrace, no deflate', library: 'millrace', deflate: false },
  { name: '`ws`, no deflate', library: 'ws', deflate: false },
];

function median(values) {
  return values.sort((one, other) => one - other)[values.length >> 1];
}

/** @param {number | undefined} value @param {number} [theirs] */
function inKiB(value, theirs) {
  if (value === undefined) return '';
  const share = theirs === undefined ? '' : ` (${(value / theirs).toFixed(2)})`;
  return `${(value / KiB).toFixed(1)} KiB${share}`;
}

const rows = [];
for (const size of [262, 32 * KiB]) {
  const measured = [];
  for (const { name, ...options } of kinds) {
    printProgress(`${name}, ${inBytes(size)}`);
    /** @type {number[][]} */
    const runs = [];
    while (runs.length < RUNS) runs.push(await measure(size, options));
    measured.push({ name, ...options, figures: runs[0].map((_, at) => median(runs.map((run) => run[at]))) });
  }
  for (const { name, library, deflate, figures } of measured) {
    const theirs = measured.find((each) => each.library === 'ws' && each.deflate === deflate)?.figures;
    // Of what is resident, the share of what `ws` has there.
    const cells = [0, 1, 2, 3].map((at) => inKiB(figures[at], library === 'ws' || at % 2 ? undefined : theirs?.[at]));
    rows.push([name, inBytes(size), ...cells]);
  }
}
const headings = ['a connection of', 'one message of', 'resident at once', 'retained at once'];
printTable([...headings, 'resident after 12 s', 'retained after 12 s'], rows);
