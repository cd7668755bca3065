// A server of Deno's own that sends a message to all of its connections for each that comes. Argument: the size of what is sent.

import { payloadOf } from '../../support/echo-fixture.js';

const payload = payloadOf(Number(Deno.args[0] ?? 64));
const sockets = new Set();

Deno.serve({ port: 0, hostname: '127.0.0.1', onListen: ({ port }) => console.log(`ready ${port}`) }, (request) => {
  const { socket, response } = Deno.upgradeWebSocket(request, { idleTimeout: 900 });
  socket.onopen = () => sockets.add(socket);
  socket.onclose = () => sockets.delete(socket);
  socket.onerror = () => {};
  socket.onmessage = () => {
    for (const each of sockets) each.send(payload);
  };
  return response;
});
