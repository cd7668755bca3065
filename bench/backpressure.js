// What a server holds in memory while a peer offers it 1 GiB: nothing is read, or it is read slowly. BYTES is what is offered.

import { Client } from './support/client.js';
import { closeFrame, frame, OPCODE } from './support/frames.js';
import { Program, standstill } from './support/process.js';
import { GiB, inBytes, inMiB, KiB, MiB, printProgress, printTable, setting } from './support/units.js';

const BYTES = setting('BYTES', GiB);
const WARM_UP = 16 * MiB;

/** Frames of that size, gathered to 64 KiB where they are smaller. */
function batchOf(size) {
  const count = Math.max(1, Math.floor((64 * KiB) / size));
  return { bytes: Buffer.concat(Array(count).fill(frame(OPCODE.BINARY, new Uint8Array(size)))), payload: count * size };
}

// What is compiled and grown with the first connection is not counted: each case has a server of its own.
async function warmUp(port, handler, batch) {
  const client = await Client.open(port);
  if (handler === 'never') {
    client.write(batch.bytes, Math.ceil(MiB / batch.payload));
    await standstill(() => client.taken);
    client.socket.resetAndDestroy();
    return;
  }
  await client.write(batch.bytes, Math.ceil(WARM_UP / batch.payload));
  client.socket.write(closeFrame());
  await client.ended;
  client.socket.destroy();
}

async function measure({ name, handler, reading, isHeldUp }, size) {
  printProgress(`${name}, ${inBytes(size)}`);
  const { program, ready } = await Program.start('server', { handler });
  const batch = batchOf(size);
  await warmUp(ready.port, handler, batch);
  await program.ask('baseline');
  const client = await Client.open(ready.port);
  if (reading === 'never') client.socket.pause();
  if (reading === 'slowly') client.readSlowly();
  const began = performance.now();
  // Tiny messages cost more time than bytes.
  const bytes = isHeldUp || size >= KiB ? BYTES : BYTES / 16;
  const writing = client.write(batch.bytes, Math.floor(bytes / batch.payload));
  if (isHeldUp) {
    await standstill(() => client.taken);
  } else {
    await writing;
    client.socket.write(closeFrame());
    await client.ended;
    if (client.received.closeCode !== 1000) throw new Error(`${name} has ended with ${client.received.closeCode}`);
  }
  const seconds = (performance.now() - began) / 1000;
  const { retained, resident } = await program.ask('measure');
  client.socket.destroy();
  await program.stop();
  const taken = isHeldUp ? `held up at ${inMiB(client.taken)}` : `${inMiB(bytes)} in ${seconds.toFixed(1)} s`;
  return [name, inBytes(size), taken, inMiB(retained), inMiB(resident)];
}

const cases = [
  { name: 'echo (loop), peer never reads', handler: 'loop', reading: 'never', isHeldUp: true },
  { name: 'echo (pipe), peer never reads', handler: 'pipe', reading: 'never', isHeldUp: true },
  { name: 'handler never reads', handler: 'never', reading: 'freely', isHeldUp: true },
  { name: 'echo (loop), peer reads slowly', handler: 'loop', reading: 'slowly', isHeldUp: false },
  { name: 'echo (pipe), peer reads slowly', handler: 'pipe', reading: 'slowly', isHeldUp: false },
  { name: 'handler reads slowly', handler: 'slow', reading: 'freely', isHeldUp: false },
];

const rows = [];
for (const each of cases) for (const size of [64, 16 * KiB, MiB]) rows.push(await measure(each, size));
printTable(['case', 'messages of', `of ${inBytes(BYTES)}`, 'retained, growth', 'resident, growth at its peak'], rows);
