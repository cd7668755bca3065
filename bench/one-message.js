// One message of 10 GiB, streamed: received, sent, and both at once. Resident memory over time, and bytes a second. BYTES is the length of the message.

import { Client } from './support/client.js';
import { frame, OPCODE } from './support/frames.js';
import { Program, pause } from './support/process.js';
import { GiB, inBytes, inMiB, MiB, printProgress, printTable, setting } from './support/units.js';

const BYTES = setting('BYTES', 10 * GiB);
const FRAGMENT = MiB / 4;
const WARM_UP = Math.min(GiB / 2, BYTES / 4);

/** Sends one message of so many bytes, in fragments. */
async function sendMessage(client, bytes) {
  const payload = new Uint8Array(FRAGMENT);
  const count = Math.max(3, Math.ceil(bytes / FRAGMENT));
  await client.write(frame(OPCODE.BINARY, payload, false));
  await client.write(frame(OPCODE.CONTINUATION, payload, false), count - 2);
  await client.write(frame(OPCODE.CONTINUATION, payload, true));
}

/** Fulfils when so many messages have come back whole. */
async function received(client, count) {
  while (client.received.messages < count && !client.socket.destroyed) await pause(2);
  if (client.received.messages < count) throw new Error(`The connection has ended: ${client.received.closeCode}`);
}

/** Takes the resident memory of the server at tenths of the way, until the promise is settled. */
async function watch(name, program, read, bytes, promise) {
  const samples = [(await program.ask('progress')).resident];
  let isSettled = false;
  const settle = () => {
    isSettled = true;
  };
  promise.then(settle, settle);
  while (!isSettled) {
    await pause(50);
    const { moved, resident } = await program.ask('progress');
    const share = Math.min(1, read(moved) / bytes);
    printProgress(`${name}: ${(share * 100).toFixed(0)} %, ${inMiB(resident)} resident`);
    samples[Math.floor(share * 10)] = resident;
  }
  await promise;
  samples[10] = (await program.ask('progress')).resident;
  return samples;
}

const cases = [
  { name: 'received, for await', handler: 'receive', isSent: true, comesBack: false },
  { name: 'received, body as a stream', handler: 'receive-stream', isSent: true, comesBack: false },
  { name: 'sent, an async iterable', handler: 'send', isSent: false, comesBack: true },
  { name: 'sent, a ReadableStream', handler: 'send-stream', isSent: false, comesBack: true },
  { name: 'received and sent back', handler: 'echo', isSent: true, comesBack: true },
];

async function measure({ name, handler, isSent, comesBack }) {
  const { program, ready } = await Program.start('server', { handler, messages: 'streamed', bytes: BYTES });
  // A shorter message first: what is compiled and grown with the first ones is not counted. A server that only sends has no shorter one.
  if (isSent) {
    const first = await Client.open(ready.port);
    await sendMessage(first, WARM_UP);
    await received(first, 1);
    first.socket.destroy();
  }
  await program.ask('baseline');
  const client = await Client.open(ready.port);
  const began = performance.now();
  const doing = (async () => {
    if (isSent) await sendMessage(client, BYTES);
    else await client.write(frame(OPCODE.TEXT, new Uint8Array(1).fill(0x61)));
    await received(client, 1);
  })();
  const read = (moved) => (comesBack ? client.received.bytes : moved);
  const samples = await watch(name, program, read, BYTES, doing);
  const seconds = (performance.now() - began) / 1000;
  const { retained } = await program.ask('measure');
  client.socket.destroy();
  await program.stop();
  const at = (tenth) => (samples[tenth] === undefined ? '' : inMiB(samples[tenth]));
  return [name, `${(BYTES / seconds / 1e9).toFixed(2)} GB/s`, at(0), at(1), at(5), at(9), at(10), inMiB(retained)];
}

const rows = [];
for (const each of cases) rows.push(await measure(each));
const heading = `one message of ${inBytes(BYTES)}`;
printTable([heading, 'rate', 'resident at 0 %', '10 %', '50 %', '90 %', '100 %', 'retained, growth'], rows);
