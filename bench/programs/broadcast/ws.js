// A server of `ws` that sends a message to all of its connections for each that comes, as its manual has it. Argument: the size of what is sent.

import { WebSocket, WebSocketServer } from 'ws';
import { payloadOf } from '../../support/echo-fixture.js';

const payload = payloadOf(Number(process.argv[2] ?? 64));
const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
server.on('connection', (socket) => {
  socket.on('error', () => {});
  socket.on('message', () => {
    for (const each of server.clients) if (each.readyState === WebSocket.OPEN) each.send(payload);
  });
});
server.once('listening', () => console.log(`ready ${/** @type {any} */ (server.address()).port}`));
