// The load of a broadcast, in a process of its own: connections that listen, one of which sends a message; then each of them gets one. The first that comes is compared byte for byte, the others are counted.

import { payloadOf, unmaskedFrame } from '../support/echo-fixture.js';
import { frame, OPCODE } from '../support/frames.js';
import { answer } from '../support/process.js';
import { openMany, upgraded } from '../support/upgraded.js';

/** What asks for a broadcast. */
const ASK = frame(OPCODE.TEXT, Buffer.from('all'));

/** @type {Buffer} */
let expected;
/** @type {import('node:net').Socket[]} */
let sockets = [];
/** Bytes that have not come yet, of all connections. */
let left = 0;
let isChecked = true;
let done = () => {};
/** @type {(error: Error) => void} */
let fail = () => {};

/** @param {import('node:net').Socket} socket */
function listen(socket) {
  let received = 0;
  socket.on('data', (chunk) => {
    if (isChecked && chunk.compare(expected, received, received + chunk.byteLength) !== 0) {
      fail(new Error('Something else came than should be sent'));
    }
    received += chunk.byteLength;
    if (received >= expected.byteLength) received -= expected.byteLength;
    left -= chunk.byteLength;
    if (left === 0) done();
  });
  socket.on('error', (error) => fail(error));
  socket.on('close', () => fail(new Error('The server has closed a connection')));
}

/** One message to all: gives the milliseconds until the last has it. */
async function broadcast() {
  const begun = performance.now();
  await new Promise((resolve, reject) => {
    done = () => resolve(undefined);
    fail = reject;
    left = sockets.length * expected.byteLength;
    sockets[0].write(ASK);
  });
  return performance.now() - begun;
}

answer({
  start: async ({ port, connections, size }) => {
    expected = unmaskedFrame(payloadOf(size), OPCODE.BINARY);
    sockets = await openMany(connections, () => upgraded(port));
    for (const socket of sockets) listen(socket);
  },
  check: async () => {
    await broadcast();
    isChecked = false;
  },
  run: async ({ count }) => {
    let milliseconds = 0;
    for (let at = 0; at < count; at++) milliseconds += await broadcast();
    return { seconds: milliseconds / 1000, beside: { 'ms until the last has it': milliseconds / count } };
  },
});
