// A WebSocket server of Bun's own, with permessage-deflate. It echoes; a text that begins with ! is a command. Prints its port.

let last;

const server = Bun.serve({
  hostname: '127.0.0.1',
  port: 0,
  fetch(request, self) {
    const { pathname } = new URL(request.url);
    if (pathname === '/refused') return new Response('Who are you?', { status: 401, headers: { 'X-Why': 'because' } });
    const [offered] = (request.headers.get('sec-websocket-protocol') ?? '').split(', ');
    const headers = offered ? { 'Sec-WebSocket-Protocol': offered } : undefined;
    if (self.upgrade(request, { headers, data: { pathname } })) return undefined;
    return new Response('No WebSocket', { status: 400 });
  },
  websocket: {
    perMessageDeflate: true,
    maxPayloadLength: 4 * 1024 * 1024,
    backpressureLimit: 16 * 1024 * 1024,
    open(socket) {
      if (socket.data.pathname === '/greeting') socket.send('welcome');
    },
    message(socket, data) {
      const [command, code, reason] = typeof data === 'string' ? data.split('|') : [];
      if (command === '!close') socket.close(code ? Number(code) : undefined, reason);
      else if (command === '!last') socket.send(JSON.stringify(last ?? null));
      else if (command === '!ping') socket.ping(code);
      else if (command === '!cut') socket.terminate();
      else socket.send(data, true);
    },
    pong(socket, data) {
      if (data.length > 0) socket.send(`pong ${data}`);
    },
    close(_, code, reason) {
      last = { code, reason };
    },
  },
});
console.log(`port ${server.port}`);
