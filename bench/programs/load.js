// The load of an echo server, in a process of its own: bytes that were made beforehand go out, what comes back is counted, and in the first round compared byte for byte. Any number of connections, each with so many
// messages in flight.

import { EchoConnection } from '../support/echo-connection.js';
import { EchoFixture } from '../support/echo-fixture.js';
import { answer } from '../support/process.js';
import { openMany, upgraded } from '../support/upgraded.js';

/** @type {EchoConnection[]} */
let connections = [];

answer({
  start: async ({ port, connections: count, ...options }) => {
    const fixture = new EchoFixture(options);
    connections = await openMany(count, async () => new EchoConnection(await upgraded(port), fixture));
  },
  check: async () => {
    await Promise.all(connections.map((each) => each.run(3, true)));
  },
  /** So many messages on each connection. Gives the seconds that it took. */
  run: async ({ count }) => {
    const begun = process.hrtime.bigint();
    await Promise.all(connections.map((each) => each.run(count, false)));
    return { seconds: Number(process.hrtime.bigint() - begun) / 1e9 };
  },
});
