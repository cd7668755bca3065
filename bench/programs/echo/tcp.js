// What nobody can be faster than: a TCP server that answers each read with bytes made beforehand, as many messages as there were, and parses nothing. Its arguments are
// the size of a message, and whether it is text.

import { createServer } from 'node:net';
import { Answers, Arrivals } from '../../support/answers.js';
import { answerOf } from '../../support/handshake.js';

const [size = '64', type] = process.argv.slice(2);
const answers = new Answers(Number(size), type === 'text');

const server = createServer({ noDelay: true }, (socket) => {
  const arrivals = new Arrivals(answers);
  socket.on('error', () => {});
  socket.once('data', (head) => {
    socket.write(answerOf(head.toString('latin1')));
    socket.on('data', (chunk) => answers.write(socket, arrivals.take(chunk.byteLength)));
  });
});
server.listen(0, '127.0.0.1', () => console.log(`ready ${/** @type {any} */ (server.address()).port}`));
