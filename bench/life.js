// What connections leave behind: 10,000 of them, opened and closed in every way, and handles and memory of the server before and after. CONNECTIONS is how many.

import { Client } from './support/client.js';
import { closeFrame, frame, OPCODE } from './support/frames.js';
import { Program, pause } from './support/process.js';
import { inMiB, printProgress, printTable, setting } from './support/units.js';

const CONNECTIONS = setting('CONNECTIONS', 10_000);
const AT_A_TIME = 64;
const TEXT = frame(OPCODE.TEXT, new Uint8Array(5).fill(0x61));

/** What clients do. @type {Record<string, (client: Client) => unknown>} */
const ways = {
  close: (client) => client.socket.write(closeFrame()),
  'talk and close': (client) => client.socket.write(Buffer.concat([TEXT, TEXT, closeFrame(1001)])),
  'close and end': (client) => client.socket.end(closeFrame()),
  end: (client) => client.socket.end(),
  reset: (client) => client.socket.resetAndDestroy(),
  'reset in a message': (client) => {
    client.socket.write(TEXT.subarray(0, 8));
    setImmediate(() => client.socket.resetAndDestroy());
  },
  fault: (client) => client.socket.write(frame(3, new Uint8Array(0))),
  'too long': (client) => client.socket.write(Buffer.from([0x82, 0xff, 0, 0, 0, 1, 0, 0, 0, 0])),
};
const behaviours = ['loop', 'pipe', 'return', 'throw', 'cancel', 'close', 'idle', 'stuck'];

async function live(port, index) {
  const way = Object.keys(ways)[index % 8];
  const behaviour = behaviours[Math.floor(index / 8) % 8];
  const client = await Client.open(port, `/life/${behaviour}`);
  ways[way](client);
  await client.ended;
  client.socket.destroy();
}

async function liveAll(port, from, to) {
  let next = from;
  const work = async () => {
    while (next < to) await live(port, next++);
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, work));
}

async function quiet(program) {
  for (;;) {
    const measured = await program.ask('measure');
    if (measured.counters.open === 0 && measured.counters.connections === 0) return measured;
    await pause(50);
  }
}

const limits = { closeTimeout: 50, handlerTimeout: 10 };
const { program, ready } = await Program.start('server', { handler: 'life', limits });
const rows = [];
const half = Math.ceil(CONNECTIONS / 2);
const before = await program.ask('baseline');
for (const [name, from, to] of [
  [`the first ${half}`, 0, half],
  [`the other ${CONNECTIONS - half}`, half, CONNECTIONS],
]) {
  printProgress(name);
  const began = performance.now();
  await liveAll(ready.port, from, to);
  const seconds = (performance.now() - began) / 1000;
  const { retained, resident, handles } = await quiet(program);
  const kinds = (/** @type {Record<string, number>} */ counts) =>
    Object.entries(counts)
      .map(([kind, count]) => `${kind} ${count}`)
      .join(', ');
  rows.push([name, `${seconds.toFixed(1)} s`, kinds(before.handles), kinds(handles), inMiB(retained), inMiB(resident)]);
  // The next row counts from here.
  await program.ask('baseline');
}
await program.stop();
printTable(['connections', 'time', 'handles before', 'handles after', 'retained, growth', 'resident, growth'], rows);
