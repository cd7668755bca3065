// What nobody can be faster than: a TCP server that answers each read with bytes made beforehand, as many messages as there were, and parses nothing. Its arguments are
// the size of a message, and whether it is text.

import { createServer } from 'node:net';
import { Answers } from '../../support/answers.js';
import { answerOf } from '../../support/handshake.js';

const [size = '64', type] = process.argv.slice(2);
const answers = new Answers(Number(size), type === 'text');

const server = createServer({ noDelay: true }, (socket) => {
  let received = 0;
  socket.on('error', () => {});
  socket.once('data', (head) => {
    socket.write(answerOf(head.toString('latin1')));
    socket.on('data', (chunk) => {
      received += chunk.byteLength;
      const whole = Math.floor(received / answers.incomingSize);
      received -= whole * answers.incomingSize;
      answers.write(socket, whole);
    });
  });
});
server.listen(0, '127.0.0.1', () => console.log(`ready ${/** @type {any} */ (server.address()).port}`));
