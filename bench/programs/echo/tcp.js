// What nobody can be faster than: a TCP server that answers each read with bytes made beforehand, as many messages as there were, and parses nothing. Its argument is
// the size of a message.

import { createServer } from 'node:net';
import { Answers } from '../../support/answers.js';
import { answerOf } from '../../support/handshake.js';

const answers = new Answers(Number(process.argv[2] ?? 64));
const size = answers.incomingSize;

const server = createServer({ noDelay: true }, (socket) => {
  let received = 0;
  socket.on('error', () => {});
  socket.once('data', (head) => {
    socket.write(answerOf(head.toString('latin1')));
    socket.on('data', (chunk) => {
      received += chunk.byteLength;
      const whole = Math.floor(received / size);
      received -= whole * size;
      answers.write(socket, whole);
    });
  });
});
server.listen(0, '127.0.0.1', () => console.log(`ready ${/** @type {any} */ (server.address()).port}`));
