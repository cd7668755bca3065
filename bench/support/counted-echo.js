// An echo whose counts are the same in every run: server and client in one process, one message (or what is in flight together) after the other, and each piece of a large one only
// when the one before has been read.

import { channel } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { connect } from 'node:net';
import { countedSince, countPromises, ignoreHandle, readCounts } from './counting.js';
import { request } from './frames.js';

/** So much the system has in one read: less than what libuv reads at once. */
const PIECE = 32 * 1024;

/**
 * @typedef {import('./counting.js').Counts} Counts
 *
 * @typedef {object} Exchange
 * @property {Buffer} bytes What is sent together.
 * @property {Buffer} echo What has to come back.
 * @property {number} messages How many that are.
 */

/** The next connections that servers of this process accept. */
async function accepted() {
  const opened = channel('net.server.socket');
  return await new Promise((resolve) => {
    const take = (/** @type {any} */ { socket }) => {
      opened.unsubscribe(take);
      resolve(socket);
    };
    opened.subscribe(take);
  });
}

class Echoing {
  #socket;
  #handle;
  #exchange;
  #received = 0;
  #isRight = true;
  #then = () => {};

  /** @param {import('node:net').Socket} socket @param {any} handle Of the server's side. @param {Exchange} exchange */
  constructor(socket, handle, exchange) {
    this.#socket = socket;
    this.#handle = handle;
    this.#exchange = exchange;
    socket.on('data', (chunk) => this.#take(chunk));
  }

  /** @param {number} port @param {Exchange} exchange */
  static async open(port, exchange) {
    const opening = accepted();
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    ignoreHandle(/** @type {any} */ (socket)._handle);
    const handle = (await opening)._handle;
    socket.write(request());
    const [head] = await once(socket, 'data');
    if (!head.toString('latin1').startsWith('HTTP/1.1 101') || !head.toString('latin1').endsWith('\r\n\r\n')) {
      throw new Error(`Not upgraded, or not alone: ${head}`);
    }
    return new Echoing(socket, handle, exchange);
  }

  // With callbacks alone: a promise would be counted.
  /** @param {number} times @param {() => void} then */
  #repeat(times, then) {
    if (times === 0) {
      then();
      return;
    }
    this.#then = () => setImmediate(() => setImmediate(() => this.#repeat(times - 1, then)));
    this.#received = 0;
    this.#send(0, this.#handle.bytesRead);
  }

  /** @param {number} at How much was sent. @param {number} before What the server had read before. */
  #send(at, before) {
    const { bytes } = this.#exchange;
    if (this.#handle.bytesRead < before + at) {
      setImmediate(() => this.#send(at, before));
      return;
    }
    if (at === bytes.byteLength) return;
    const end = Math.min(at + PIECE, bytes.byteLength);
    this.#socket.write(bytes.subarray(at, end));
    if (end < bytes.byteLength) setImmediate(() => this.#send(end, before));
  }

  /** @param {Buffer} chunk */
  #take(chunk) {
    const { echo } = this.#exchange;
    const end = this.#received + chunk.byteLength;
    this.#isRight &&= end <= echo.byteLength && chunk.equals(echo.subarray(this.#received, end));
    this.#received = end;
    if (end >= echo.byteLength) this.#then();
  }

  /** Fulfils when all of it has come back so many times. @param {number} times */
  async run(times) {
    await new Promise((resolve) => this.#repeat(times, () => resolve(undefined)));
    if (!this.#isRight) throw new Error('Something else came back than was sent');
  }

  /** What is counted while all of it comes back so many times. @param {number} times @returns {Promise<Counts>} */
  async count(times) {
    const counted = await new Promise((resolve) => {
      // In a turn of its own: what waits for this one has its promises behind it.
      setImmediate(() => {
        const before = readCounts();
        countPromises();
        this.#repeat(times, () => {
          countPromises(false);
          resolve(countedSince(before));
        });
      });
    });
    if (!this.#isRight) throw new Error('Something else came back than was sent');
    return counted;
  }

  async end() {
    const closed = once(this.#socket, 'close');
    this.#socket.destroy();
    await closed;
  }
}

/** @param {Counts} counts @param {number} messages */
function each(counts, messages) {
  const entries = Object.entries(counts).map(([name, count]) => [name, Math.round((count / messages) * 1000) / 1000]);
  return /** @type {Counts} */ (Object.fromEntries(entries));
}

/**
 * What a message costs on a connection that is warm.
 *
 * @param {number} port
 * @param {Exchange} exchange
 * @param {number} times
 */
export async function countMessages(port, exchange, times) {
  const echoing = await Echoing.open(port, exchange);
  await echoing.run(times);
  const counts = await echoing.count(times);
  await echoing.end();
  return each(counts, times * exchange.messages);
}

/**
 * What it costs to open a connection and have one message back; the streams and writes of it, for promises of the client are among the others.
 *
 * @param {number} port
 * @param {Exchange} exchange
 */
export async function countConnection(port, exchange) {
  const first = await Echoing.open(port, exchange);
  await first.run(1);
  await first.end();
  const before = readCounts();
  const echoing = await Echoing.open(port, exchange);
  await echoing.run(1);
  const { streams, writes } = countedSince(before);
  await echoing.end();
  return { streams, writes };
}
