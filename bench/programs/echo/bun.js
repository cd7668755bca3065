// An echo server of Bun's own.

const server = Bun.serve({
  port: 0,
  hostname: '127.0.0.1',
  fetch: (request, self) => (self.upgrade(request) ? undefined : new Response('', { status: 426 })),
  websocket: {
    maxPayloadLength: 16 * 1024 * 1024,
    idleTimeout: 900,
    message: (socket, message) => void socket.send(message),
  },
});
console.log(`ready ${server.port}`);
