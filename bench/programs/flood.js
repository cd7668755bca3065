// Connections that keep their pipes full, in a process of their own: they send as fast as they are taken, and read all that comes back.

import { Client } from '../support/client.js';
import { frame, OPCODE } from '../support/frames.js';
import { answer } from '../support/process.js';
import { KiB } from '../support/units.js';

/** @type {Client[]} */
let clients = [];

answer({
  start: async ({ port, connections, size }) => {
    clients = await Promise.all(Array.from({ length: connections }, () => Client.open(port)));
    const count = Math.max(1, Math.floor((64 * KiB) / size));
    const bytes = Buffer.concat(Array(count).fill(frame(OPCODE.BINARY, new Uint8Array(size))));
    for (const client of clients) void client.write(bytes, Number.MAX_SAFE_INTEGER);
  },
  progress: () => ({ bytes: clients.reduce((sum, client) => sum + client.received.bytes, 0) }),
});
