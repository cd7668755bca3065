// The server that clients are measured with, in a process of its own: it answers with bytes made beforehand. The first messages of each connection are unmasked and compared; of the others it looks at the first
// byte, so that nothing else is taken for a message.

import { createServer } from 'node:net';
import { Answers, Arrivals } from '../support/answers.js';
import { answerOf } from '../support/handshake.js';
import { answer } from '../support/process.js';

const END_OF_HEAD = '\r\n\r\n';
/** FIN, and the opcode of a binary message. */
const FIRST_BYTE = 0x82;

/** @type {Error | undefined} What a client did wrong. */
let fault;

class Connection {
  #socket;
  #answers;
  /** @type {Buffer[]} Of messages that are compared. */
  #kept = [];
  #keptBytes = 0;
  #toCompare;
  #arrivals;

  /** @param {import('node:net').Socket} socket @param {Answers} answers @param {number} checked */
  constructor(socket, answers, checked) {
    this.#socket = socket;
    this.#answers = answers;
    this.#arrivals = new Arrivals(answers);
    this.#toCompare = checked;
  }

  /** @param {Buffer} chunk */
  take(chunk) {
    if (this.#toCompare > 0) return this.#compare(chunk);
    const size = this.#answers.incomingSize;
    for (let at = (size - this.#arrivals.left) % size; at < chunk.byteLength; at += size) {
      if (chunk[at] !== FIRST_BYTE) this.#fail(`A client sends a frame that begins with ${chunk[at]}`);
    }
    this.#answers.write(this.#socket, this.#arrivals.take(chunk.byteLength));
  }

  /** @param {Buffer} chunk */
  #compare(chunk) {
    const size = this.#answers.incomingSize;
    this.#kept.push(chunk);
    this.#keptBytes += chunk.byteLength;
    if (this.#keptBytes < size) return;
    const bytes = Buffer.concat(this.#kept);
    if (bytes[0] !== FIRST_BYTE || !unmasked(bytes.subarray(0, size), this.#answers.payload)) {
      this.#fail('A client sends something else than it should');
    }
    this.#kept = [];
    this.#keptBytes = 0;
    this.#toCompare--;
    this.#answers.write(this.#socket, 1);
    if (bytes.byteLength > size) this.take(bytes.subarray(size));
  }

  /** @param {string} what */
  #fail(what) {
    fault ??= new Error(what);
    this.#socket.destroy();
  }
}

/** Whether a frame is that payload, masked. @param {Buffer} frame @param {Buffer} payload */
function unmasked(frame, payload) {
  const start = frame.byteLength - payload.byteLength;
  const key = frame.subarray(start - 4, start);
  return payload.every((byte, at) => (frame[start + at] ^ key[at & 3]) === byte);
}

answer({
  start: async ({ size, checked }) => {
    const answers = new Answers(size);
    const server = createServer({ noDelay: true }, (socket) => {
      let head = '';
      const connection = new Connection(socket, answers, checked);
      socket.on('error', () => {});
      socket.on('data', function begin(chunk) {
        head += chunk.toString('latin1');
        if (!head.endsWith(END_OF_HEAD)) return;
        socket.off('data', begin);
        socket.on('data', (next) => connection.take(next));
        socket.write(answerOf(head));
      });
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
    return { port: /** @type {import('node:net').AddressInfo} */ (server.address()).port };
  },
  fault: () => {
    if (fault !== undefined) throw fault;
  },
});
