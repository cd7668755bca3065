// An echo server of uWebSockets.js: C++ beneath Node.

import { createRequire } from 'node:module';

const uws = createRequire(import.meta.url)('uwebsockets');

uws
  .App()
  .ws('/*', {
    maxPayloadLength: 16 * 1024 * 1024,
    maxBackpressure: 64 * 1024 * 1024,
    compression: 0,
    idleTimeout: 900,
    message: (socket, message, isBinary) => socket.send(message, isBinary),
  })
  .listen('127.0.0.1', 0, (token) => {
    if (!token) throw new Error('uWebSockets.js does not listen');
    console.log(`ready ${uws.us_socket_local_port(token)}`);
  });
