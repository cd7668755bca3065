// A server of uWebSockets.js that publishes a message to all of its connections for each that comes. Argument: the size of what is sent.

import { createRequire } from 'node:module';
import { payloadOf } from '../../support/echo-fixture.js';

const uws = createRequire(import.meta.url)('uwebsockets');
const payload = payloadOf(Number(process.argv[2] ?? 64));

const app = uws.App();
app
  .ws('/*', {
    maxBackpressure: 64 * 1024 * 1024,
    compression: 0,
    idleTimeout: 900,
    open: (socket) => socket.subscribe('all'),
    // Of the app, not of the socket: that one leaves itself out.
    message: () => app.publish('all', payload, true),
  })
  .listen('127.0.0.1', 0, (token) => {
    if (!token) throw new Error('uWebSockets.js does not listen');
    console.log(`ready ${uws.us_socket_local_port(token)}`);
  });
