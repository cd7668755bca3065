// A server of Bun's own that publishes a message to all of its connections for each that comes. Argument: the size of what is sent.

import { payloadOf } from '../../support/echo-fixture.js';

const payload = payloadOf(Number(process.argv[2] ?? 64));
const server = Bun.serve({
  port: 0,
  hostname: '127.0.0.1',
  fetch: (request, self) => (self.upgrade(request) ? undefined : new Response('', { status: 426 })),
  websocket: {
    idleTimeout: 900,
    open: (socket) => socket.subscribe('all'),
    // Of the server, not of the socket: that one leaves itself out.
    message: () => void server.publish('all', payload),
  },
});
console.log(`ready ${server.port}`);
