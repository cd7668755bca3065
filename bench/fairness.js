// How long a quiet connection waits for its echo beside connections that flood the same server: its round trips alone, and beside 1 and 8 of them. The server, the
// flooding connections and the quiet one each have a process. ROUND_TRIPS is how many are measured.

import { Client } from './support/client.js';
import { frame, OPCODE } from './support/frames.js';
import { Program, pause } from './support/process.js';
import { inBytes, inMilliseconds, KiB, MiB, printProgress, printTable, setting } from './support/units.js';

const ROUND_TRIPS = setting('ROUND_TRIPS', 2_000);
const WARM_UP = 200;
const EVERY = 4;

const message = frame(OPCODE.BINARY, new Uint8Array(64));

/** One round trip, in milliseconds. */
function roundTrip(client) {
  return new Promise((resolve, reject) => {
    const began = performance.now();
    client.received.onMessage = () => resolve(performance.now() - began);
    client.ended.then(() => reject(new Error('The quiet connection has ended')));
    client.socket.write(message);
  });
}

async function roundTrips(client, count) {
  const times = [];
  while (times.length < count) {
    times.push(await roundTrip(client));
    await pause(Math.random() * 2 * EVERY);
  }
  return times.sort((one, other) => one - other);
}

async function measure({ handler, connections, size }) {
  const name = connections === 0 ? 'alone' : `beside ${connections}, messages of ${inBytes(size)}`;
  printProgress(`${handler}: ${name}`);
  const { program: server, ready } = await Program.start('server', { handler });
  const quiet = await Client.open(ready.port);
  await roundTrips(quiet, WARM_UP);
  const flood = connections > 0 ? await Program.start('flood', { port: ready.port, connections, size }) : undefined;
  // The flood is at its height when it begins to be measured.
  await pause(500);
  const before = await flood?.program.ask('progress');
  const began = performance.now();
  const times = await roundTrips(quiet, ROUND_TRIPS);
  const seconds = (performance.now() - began) / 1000;
  const after = await flood?.program.ask('progress');
  quiet.socket.destroy();
  await flood?.program.stop();
  await server.stop();
  const at = (share) => inMilliseconds(times[Math.min(times.length - 1, Math.floor(times.length * share))]);
  const rate = flood === undefined ? '' : `${((after.bytes - before.bytes) / seconds / 1e6).toFixed(0)} MB/s`;
  return [`echo (${handler})`, name, at(0.5), at(0.99), at(1), rate];
}

const rows = [];
for (const handler of ['loop', 'pipe']) {
  rows.push(await measure({ handler, connections: 0, size: 0 }));
  for (const connections of [1, 8]) {
    for (const size of [64, 16 * KiB, MiB]) rows.push(await measure({ handler, connections, size }));
  }
}
printTable(['server', 'quiet connection', 'p50', 'p99', 'max', 'echoed beside it'], rows);
