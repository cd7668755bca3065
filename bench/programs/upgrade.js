// What no library over node:http can be faster than: the handshake by hand in its 'upgrade' listener, and the answer to a close frame, of which nothing is parsed.

import { createServer } from 'node:http';
import { answerTo } from '../support/handshake.js';

/** A close frame with 1000, not masked. */
const CLOSE = Buffer.of(0x88, 0x02, 0x03, 0xe8);

const server = createServer();
server.on('upgrade', (request, socket) => {
  socket.on('error', () => {});
  socket.once('data', () => socket.end(CLOSE));
  socket.write(answerTo(request.headers['sec-websocket-key'] ?? ''));
});
server.listen(0, '127.0.0.1', () => console.log(`ready ${/** @type {any} */ (server.address()).port}`));
