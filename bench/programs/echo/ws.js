// An echo server of `ws`. WS_NO_BUFFER_UTIL and WS_NO_UTF_8_VALIDATE leave its native add-ons out.

import { createRequire } from 'node:module';

const withAddOns = process.env.WS_NO_BUFFER_UTIL === undefined;
// A bench that asks for add-ons that are not there would measure something else.
if (withAddOns) createRequire(import.meta.url)('bufferutil');
const { WebSocketServer } = await import('ws');

const server = new WebSocketServer({ port: 0, host: '127.0.0.1', maxPayload: 16 * 1024 * 1024 });
server.on('connection', (socket) => {
  socket.on('error', () => {});
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
});
server.once('listening', () => console.log(`ready ${/** @type {any} */ (server.address()).port}`));
