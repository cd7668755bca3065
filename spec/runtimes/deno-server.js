// A WebSocket server of Deno's own. It echoes; a text that begins with ! is a command. Prints its port.

let last;

Deno.serve({ hostname: '127.0.0.1', port: 0, onListen: ({ port }) => console.log(`port ${port}`) }, (request) => {
  const url = new URL(request.url);
  if (url.pathname === '/refused')
    return new Response('Who are you?', { status: 401, headers: { 'X-Why': 'because' } });
  const [offered] = (request.headers.get('sec-websocket-protocol') ?? '').split(', ');
  const { socket, response } = Deno.upgradeWebSocket(request, offered ? { protocol: offered } : {});
  socket.binaryType = 'arraybuffer';
  socket.onopen = () => {
    if (url.pathname === '/greeting') socket.send('welcome');
  };
  socket.onmessage = ({ data }) => {
    const [command, code, reason] = typeof data === 'string' ? data.split('|') : [];
    if (command === '!close') socket.close(code ? Number(code) : undefined, reason);
    else if (command === '!last') socket.send(JSON.stringify(last ?? null));
    else socket.send(data);
  };
  socket.onclose = ({ code, reason, wasClean }) => {
    last = { code, reason, wasClean };
  };
  return response;
});
