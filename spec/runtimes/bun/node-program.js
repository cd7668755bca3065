// What Node does at the other end of Bun: one of the parts below, run as `node node-program.js PART`, its options as JSON in the environment. Tells what happens, a line of JSON each.

import { createServer } from 'node:net';
import process from 'node:process';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { WebSocket, WebSocketServer } from 'ws';

const options = JSON.parse(process.env.OPTIONS ?? '{}');
const tell = (event, more = {}) => process.stdout.write(`${JSON.stringify({ event, ...more })}\n`);

const watch = (socket) => {
  socket.on('error', ({ code }) => tell('error', { code }));
  socket.on('close', () => tell('close'));
  socket.on('end', () => tell('end'));
};

const behaviours = {
  echo: (socket) => socket.pipe(socket),
  stall: (socket) => socket.pause(),
  sink: (socket) => {
    let size = 0;
    socket.on('data', (chunk) => {
      size += chunk.byteLength;
    });
    socket.on('end', () => {
      tell('received', { size });
      socket.end();
    });
  },
  // Ends first, and takes what still comes.
  bye: (socket) => {
    socket.end('bye');
    socket.on('data', (chunk) => tell('data', { text: chunk.toString() }));
  },
  // Says its last words behind the end of the other.
  late: (socket) => {
    socket.resume();
    socket.on('end', () => {
      socket.write('late');
      setTimeout(() => socket.end('r'), 30);
    });
  },
  flood: (socket) => {
    const chunk = Buffer.alloc(1024 * 1024, 7);
    for (let index = 0; index < 64; index++) socket.write(chunk);
    setInterval(() => tell('left', { size: socket.writableLength }), 20).unref();
  },
  reset: (socket) => {
    socket.resume();
    setTimeout(() => socket.resetAndDestroy?.() ?? socket.destroy(), 30);
  },
};

const listen = (server) => server.listen(0, '127.0.0.1', () => tell('listening', { port: server.address().port }));

const parts = {
  tls: () => {
    const server = createTlsServer({ allowHalfOpen: true, ...options.tls }, (socket) => {
      tell('secure', { servername: socket.servername, protocol: socket.alpnProtocol, authorized: socket.authorized });
      watch(socket);
      behaviours[options.behaviour](socket);
    });
    server.on('tlsClientError', ({ code }) => tell('tlsClientError', { code }));
    listen(server);
  },
  // No TLS at all: it answers, says nothing, or goes.
  plain: () =>
    listen(
      createServer({ allowHalfOpen: true }, (socket) => {
        watch(socket);
        socket.on('end', () => socket.end());
        socket.once('data', (chunk) => {
          tell('data', { first: chunk[0] });
          if (options.answer === 'cut') socket.destroy();
          else if (options.answer !== undefined) socket.write(options.answer);
        });
      }),
    ),
  tlsClient: () => {
    const socket = connectTls({ host: '127.0.0.1', ...options.tls }, () => {
      tell('secure', {
        protocol: socket.alpnProtocol,
        version: socket.getProtocol(),
        cipher: socket.getCipher().standardName,
      });
      if (options.text !== undefined) socket.write(options.text);
    });
    watch(socket);
    socket.on('data', (chunk) => {
      tell('data', { text: chunk.toString() });
      if (options.ends) socket.end();
    });
  },
  // Echoes; a text that begins with ! is a command.
  wsServer: () => {
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0, maxPayload: 64 * 1024 * 1024, ...options });
    server.on('listening', () => tell('listening', { port: server.address().port }));
    server.on('connection', (socket, request) => {
      tell('connection', { url: request.url, extensions: socket.extensions });
      socket.on('error', ({ code }) => tell('error', { code }));
      socket.on('close', (code, reason) => tell('closed', { code, reason: reason.toString() }));
      socket.on('message', (data, isBinary) => {
        const [command, ...rest] = isBinary ? [] : data.toString().split('|');
        if (command === '!close') socket.close(Number(rest[0]), rest[1]);
        else if (command === '!cut') socket.terminate();
        else if (command === '!stall') {
          socket.pause();
          tell('stalled');
        } else if (command === '!flood') flood(socket, Number(rest[0]));
        else socket.send(data, { binary: isBinary });
      });
    });
  },
  // Sends messages, wants them back in order, and closes.
  wsClient: () => {
    const { url, count = 1, size = 0, deflates = false, tls } = options;
    const socket = new WebSocket(url, { perMessageDeflate: deflates, maxPayload: 64 * 1024 * 1024, ...tls });
    let come = 0;
    const message = (index) => `${index} ${'x'.repeat(size)}`;
    socket.on('error', ({ message: text }) => tell('error', { text }));
    socket.on('open', () => {
      tell('open', { extensions: socket.extensions });
      for (let index = 0; index < count; index++) socket.send(message(index));
    });
    socket.on('message', (data) => {
      if (data.toString() !== message(come)) tell('wrong', { come });
      if (++come === count) socket.close(1000, 'done');
    });
    socket.on('close', (code, reason) => tell('closed', { code, reason: reason.toString(), come }));
  },
};

function flood(socket, count) {
  const chunk = Buffer.alloc(1024 * 1024, 7);
  for (let index = 0; index < count; index++) socket.send(chunk);
  setInterval(() => tell('left', { size: socket.bufferedAmount }), 20).unref();
}

parts[process.argv[2]]();
