// Peers of Node's `ws`, for the specs in Deno. Run by Node: `ws-peer.js serve OPTIONS` echoes, and does what a text that begins with ! says; it prints its port.
// `ws-peer.js connect OPTIONS` sends messages and reads the echoes; it prints what it has seen.

import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import process from 'node:process';
import { WebSocket, WebSocketServer } from 'ws';

const [, , mode, json = '{}'] = process.argv;
const options = JSON.parse(json);

if (mode === 'serve') serve();
else connect();

// Whoever has started it is gone when its input ends.
process.stdin.on('end', () => process.exit()).resume();

function serve() {
  const http = options.tls ? createTlsServer({ ...options.tls }) : createServer();
  const sockets = new WebSocketServer({
    server: http,
    perMessageDeflate: options.deflate === true,
    maxPayload: 2 ** 28,
  });
  sockets.on('connection', (socket, request) => {
    socket.on('error', () => {});
    socket.on('message', (data, isBinary) => {
      const [command, value, reason] = isBinary ? [] : String(data).split('|');
      if (command === '!close') socket.close(Number(value), reason);
      else if (command === '!cut') socket.terminate();
      else if (command === '!reset') request.socket.resetAndDestroy();
      else if (command === '!stall') request.socket.pause();
      else if (command === '!flood') flood(socket, Number(value));
      else if (command === '!subject') socket.send(String(request.socket.getPeerCertificate?.().subject?.CN));
      else socket.send(data, { binary: isBinary, compress: options.deflate === true });
    });
  });
  http.on('tlsClientError', () => {});
  http.listen(options.path ?? { port: 0, host: options.host ?? '127.0.0.1' }, () => {
    console.log(`port ${http.address().port ?? 0}`);
  });
}

/** Sends so many messages of 1 MiB, and says all the time how much was not held back. */
function flood(socket, count) {
  let left = count;
  const data = Buffer.alloc(1024 * 1024, 'f');
  const next = () => {
    if (left-- > 0) socket.send(data, next);
  };
  setInterval(() => console.log(`left ${left}`), 50).unref();
  next();
}

function connect() {
  const { url, ca, count = 10, size = 100, deflate = false, close = [1000, 'done'] } = options;
  const socket = new WebSocket(url, { ca, perMessageDeflate: deflate ? { threshold: 0 } : false, maxPayload: 2 ** 28 });
  const hash = createHash('sha1');
  const sent = createHash('sha1');
  let received = 0;
  let isTold = false;
  const tell = (report) => {
    if (!isTold) console.log(JSON.stringify({ received, extensions: socket.extensions, ...report }));
    isTold = true;
  };
  socket.on('open', () => {
    for (let index = 0; index < count; index++) {
      const text = `${index} ${'x'.repeat((index * 31) % (size + 1))}`;
      sent.update(text);
      socket.send(index % 2 === 0 ? text : Buffer.from(text));
    }
  });
  socket.on('message', (data) => {
    hash.update(data);
    if (++received === count) socket.close(...close);
  });
  socket.on('unexpected-response', (_, response) => {
    tell({ status: response.statusCode });
    socket.terminate();
    process.exitCode = 0;
    setTimeout(() => process.exit(), 50);
  });
  socket.on('error', (error) => tell({ error: error.message }));
  socket.on('close', (code, reason) => {
    tell({ code, reason: String(reason), isEqual: hash.digest('hex') === sent.digest('hex') });
    process.exit();
  });
}
