// As tcp.js, over Bun's own sockets: what JavaScript can do there.

import { Answers, Arrivals } from '../../support/answers.js';
import { answerOf } from '../../support/handshake.js';

const [size = '64', type] = process.argv.slice(2);
const answers = new Answers(Number(size), type === 'text');

class Peer {
  #socket;
  /** @type {Buffer[]} What the socket has not taken yet. */
  #waiting = [];
  #arrivals = new Arrivals(answers);
  #isUpgraded = false;

  constructor(socket) {
    this.#socket = socket;
  }

  /** @param {Buffer} chunk */
  take(chunk) {
    if (this.#isUpgraded) return answers.write(this, this.#arrivals.take(chunk.byteLength));
    this.#isUpgraded = true;
    this.write(Buffer.from(answerOf(chunk.toString('latin1'))));
  }

  /** @param {Buffer} bytes */
  write(bytes) {
    this.#waiting.push(bytes);
    if (this.#waiting.length === 1) this.drain();
  }

  drain() {
    while (this.#waiting.length > 0) {
      const bytes = this.#waiting[0];
      const taken = Math.max(0, this.#socket.write(bytes));
      if (taken < bytes.byteLength) {
        this.#waiting[0] = bytes.subarray(taken);
        return;
      }
      this.#waiting.shift();
    }
  }
}

const server = Bun.listen({
  hostname: '127.0.0.1',
  port: 0,
  socket: {
    open(socket) {
      socket.data = new Peer(socket);
    },
    data: (socket, chunk) => socket.data.take(chunk),
    drain: (socket) => socket.data.drain(),
    error() {},
  },
});
console.log(`ready ${server.port}`);
