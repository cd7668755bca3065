// Connections that send compressed messages and wait for their echo, in a process of its own. All that is sent was compressed beforehand, in a cycle for each connection; what comes back
// is counted by its frames. The first cycle is inflated and compared.

import { Client } from '../support/client.js';
import { deflatedFrames, inflateAll, TAIL } from '../support/deflated.js';
import { jsonOf } from '../support/json.js';
import { answer } from '../support/process.js';

class Echoed {
  #client;
  #messages;
  #frames;
  #inFlight;
  #sent = 0;
  #end = 0;
  #done = () => {};

  constructor(client, messages, frames, inFlight) {
    this.#client = client;
    this.#messages = messages;
    this.#frames = frames;
    this.#inFlight = inFlight;
    client.socket.on('data', () => this.#refill());
    client.ended.then(() => this.#done());
  }

  static async open({ port, inFlight, size, cycle, isSame, seed }) {
    const next = jsonOf(seed, size);
    const messages = isSame ? Array(cycle).fill(next()) : Array.from({ length: cycle }, next);
    const client = await Client.open(port, '/', 'permessage-deflate');
    if (client.extensions !== 'permessage-deflate') throw new Error(`Agreed on "${client.extensions}"`);
    return new Echoed(client, messages, await deflatedFrames(messages), inFlight);
  }

  get received() {
    return this.#client.received;
  }

  /** Fulfils when so many messages have come back. */
  async run(count) {
    this.#end += count;
    const done = new Promise((resolve) => {
      this.#done = resolve;
    });
    this.#refill();
    await done;
    if (this.received.messages !== this.#end || this.received.compressed !== this.#end) {
      throw new Error(
        `Of ${this.#end} messages ${this.received.messages} came, ${this.received.compressed} compressed`,
      );
    }
  }

  /** The first cycle, which makes sure that the server does what is to be measured. */
  async check() {
    const parts = [];
    this.received.onBytes = (bytes) => parts.push(Buffer.from(bytes));
    this.received.onMessage = () => parts.push(TAIL);
    await this.run(this.#messages.length);
    this.received.onBytes = undefined;
    this.received.onMessage = () => {};
    if (!inflateAll(parts).equals(Buffer.concat(this.#messages))) throw new Error('Something else came back');
  }

  #refill() {
    const { messages } = this.received;
    const count = Math.min(this.#end, messages + this.#inFlight) - this.#sent;
    if (count === 1) this.#client.socket.write(this.#next());
    else if (count > 1) this.#client.socket.write(Buffer.concat(Array.from({ length: count }, () => this.#next())));
    if (messages === this.#end) this.#done();
  }

  #next() {
    return this.#frames[this.#sent++ % this.#frames.length];
  }
}

/** @type {Echoed[]} */
let connections = [];

answer({
  start: async ({ connections: count, ...options }) => {
    const opening = Array.from({ length: count }, (_, index) => Echoed.open({ ...options, seed: index + 1 }));
    connections = await Promise.all(opening);
    await Promise.all(connections.map((each) => each.check()));
  },
  run: async ({ count }) => {
    const bytes = () => connections.reduce((sum, { received }) => sum + received.bytes, 0);
    const before = bytes();
    await Promise.all(connections.map((each) => each.run(count)));
    return { bytes: bytes() - before };
  },
});
