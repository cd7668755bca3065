// The client that is measured, of one library, on any runtime: it sends a message for each that comes, with so many in flight. Its argument is the library.

import process from 'node:process';
import { payloadOf } from '../support/echo-fixture.js';
import { answer } from '../support/process.js';

/**
 * What is done with a message: gives the one that is sent for it, undefined for none.
 * @typedef {(message: any) => Uint8Array | undefined} Take
 *
 * @typedef {(payload: Uint8Array) => void} Send
 */

/** @param {any} WebSocket As the WHATWG has it. @returns {(url: string, take: Take) => Promise<Send>} */
const standard = (WebSocket) => (url, take) =>
  new Promise((resolve, reject) => {
    const socket = new WebSocket(url);
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => resolve((payload) => socket.send(payload));
    socket.onerror = () => reject(new Error('A connection has failed'));
    socket.onmessage = ({ data }) => {
      const next = take(data);
      if (next !== undefined) socket.send(next);
    };
  });

/** @type {Record<string, () => Promise<(url: string, take: Take) => Promise<Send>>>} */
const libraries = {
  millrace: async () => {
    const { connect } = (await import('../support/own-entry.js')).own;
    const limits = { maxMessageSize: 16 * 1024 * 1024, pingInterval: 900_000 };
    return async (url, take) => {
      const session = await connect(url, { limits });
      const loop = async () => {
        for await (const message of session) {
          const next = take(message);
          if (next !== undefined) await session.send(next);
        }
      };
      void loop();
      return (payload) => void session.send(payload);
    };
  },
  ws: async () => {
    const { createRequire } = await import('node:module');
    // A bench that asks for add-ons that are not there would measure something else.
    createRequire(import.meta.url)('bufferutil');
    const { WebSocket } = await import('ws');
    return (url, take) =>
      new Promise((resolve, reject) => {
        const socket = new WebSocket(url, { maxPayload: 16 * 1024 * 1024 });
        socket.on('open', () => resolve((payload) => socket.send(payload)));
        socket.on('error', reject);
        socket.on('message', (data) => {
          const next = take(data);
          if (next !== undefined) socket.send(next);
        });
      });
  },
  undici: async () => standard((await import('undici')).WebSocket),
  own: async () => standard(globalThis.WebSocket),
};

class Connection {
  #payload;
  #inFlight;
  #send = (/** @type {Uint8Array} */ _payload) => {};
  #left = 0;
  #toSend = 0;
  #isChecked = false;
  #done = () => {};
  /** @type {(error: Error) => void} */
  #fail = () => {};

  /** @param {Buffer} payload @param {number} inFlight */
  constructor(payload, inFlight) {
    this.#payload = payload;
    this.#inFlight = inFlight;
  }

  async open(connect, url) {
    this.#send = await connect(url, (message) => this.#take(message));
  }

  /** @param {number} count @param {boolean} isChecked */
  run(count, isChecked) {
    this.#isChecked = isChecked;
    return new Promise((resolve, reject) => {
      this.#done = () => resolve(undefined);
      this.#fail = reject;
      this.#left = count;
      const first = Math.min(count, this.#inFlight);
      this.#toSend = count - first;
      for (let sent = 0; sent < first; sent++) this.#send(this.#payload);
    });
  }

  /** @param {Uint8Array | ArrayBuffer} message */
  #take(message) {
    if (message.byteLength !== this.#payload.byteLength) this.#fail(new Error('A message of another length came'));
    if (this.#isChecked && !this.#payload.equals(new Uint8Array(message))) {
      this.#fail(new Error('Something else came than was sent'));
    }
    this.#left--;
    if (this.#left === 0) this.#done();
    if (this.#toSend === 0) return undefined;
    this.#toSend--;
    return this.#payload;
  }
}

/** @type {Connection[]} */
let connections = [];

answer({
  start: async ({ port, connections: count, size, inFlight }) => {
    const connect = await libraries[process.argv[2] ?? '']?.();
    const payload = payloadOf(size);
    connections = Array.from({ length: count }, () => new Connection(payload, inFlight));
    for (const connection of connections) await connection.open(connect, `ws://127.0.0.1:${port}/`);
  },
  check: async ({ count }) => {
    await Promise.all(connections.map((each) => each.run(count, true)));
  },
  run: async ({ count }) => {
    const begun = process.hrtime.bigint();
    await Promise.all(connections.map((each) => each.run(count, false)));
    return { seconds: Number(process.hrtime.bigint() - begun) / 1e9 };
  },
});
console.log('ready 0');
