// An echo server of Deno's own.

Deno.serve({ port: 0, hostname: '127.0.0.1', onListen: ({ port }) => console.log(`ready ${port}`) }, (request) => {
  const { socket, response } = Deno.upgradeWebSocket(request, { idleTimeout: 900 });
  socket.binaryType = 'arraybuffer';
  socket.onmessage = ({ data }) => socket.send(data);
  socket.onerror = () => {};
  return response;
});
