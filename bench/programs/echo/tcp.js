// What nobody can be faster than: a TCP server that answers each read with bytes made beforehand, as many messages as there were, and parses nothing. Its argument is
// the size of a message.

import { createServer } from 'node:net';
import { payloadOf, repeated, unmaskedFrame } from '../../support/echo-fixture.js';
import { OPCODE } from '../../support/frames.js';
import { answerOf } from '../../support/handshake.js';

const echo = unmaskedFrame(payloadOf(Number(process.argv[2] ?? 64)), OPCODE.BINARY);
// A client's frame has a masking key more.
const size = echo.byteLength + 4;
const prebuilt = repeated(echo, 256 * 1024);
const most = prebuilt.byteLength / echo.byteLength;

const server = createServer({ noDelay: true }, (socket) => {
  let received = 0;
  socket.on('error', () => {});
  socket.once('data', (head) => {
    socket.write(answerOf(head.toString('latin1')));
    socket.on('data', (chunk) => {
      received += chunk.byteLength;
      let whole = Math.floor(received / size);
      received -= whole * size;
      for (; whole > most; whole -= most) socket.write(prebuilt);
      if (whole > 0) socket.write(prebuilt.subarray(0, whole * echo.byteLength));
    });
  });
});
server.listen(0, '127.0.0.1', () => console.log(`ready ${/** @type {any} */ (server.address()).port}`));
