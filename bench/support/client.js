// The other end of a connection, over a bare socket.

import { once } from 'node:events';
import { connect } from 'node:net';
import { FrameCounter, request } from './frames.js';

const END_OF_HEAD = Buffer.from('\r\n\r\n');

/** A client that has been upgraded. */
export class Client {
  /** What has come. */
  received = new FrameCounter();
  /** The extensions that were agreed on. */
  extensions = '';

  /** @param {import('node:net').Socket} socket */
  constructor(socket) {
    this.socket = socket;
    this.ended = new Promise((resolve) => {
      socket.once('end', resolve);
      socket.once('close', resolve);
    });
    socket.on('error', () => {});
    socket.on('data', (/** @type {Buffer} */ chunk) => this.received.push(chunk));
  }

  /**
   * @param {number} port
   * @param {string} [path]
   * @param {string} [extensions] What is offered. The answer is in `extensions`.
   */
  static async open(port, path, extensions) {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    socket.write(request(path, extensions));
    let head = Buffer.alloc(0);
    while (!head.includes(END_OF_HEAD)) {
      const [chunk] = await once(socket, 'data');
      head = Buffer.concat([head, chunk]);
    }
    if (!head.toString('latin1').startsWith('HTTP/1.1 101')) throw new Error(`Not upgraded: ${head}`);
    const client = new Client(socket);
    client.extensions = /^sec-websocket-extensions: *(.*?)\r$/im.exec(head.toString('latin1'))?.[1] ?? '';
    const end = head.indexOf(END_OF_HEAD) + END_OF_HEAD.byteLength;
    if (end < head.byteLength) client.received.push(head.subarray(end));
    return client;
  }

  /** Bytes that the system has taken. */
  get taken() {
    return this.socket.bytesWritten - this.socket.writableLength;
  }

  /**
   * Writes the bytes so many times, as fast as they are taken. Fulfils when the system has taken all of them, or the connection has ended.
   *
   * @param {Uint8Array} bytes
   * @param {number} times
   */
  async write(bytes, times = 1) {
    for (let count = 0; count < times && !this.socket.destroyed; count++) {
      if (!this.socket.write(bytes)) await this.#drained();
    }
  }

  async #drained() {
    const { socket } = this;
    await new Promise((resolve) => {
      const go = () => {
        socket.off('drain', go);
        socket.off('close', go);
        resolve(undefined);
      };
      socket.on('drain', go);
      socket.on('close', go);
    });
  }

  /** Reads on only after a pause behind each chunk: 64 KiB a millisecond at most. */
  readSlowly() {
    this.socket.on('data', () => {
      this.socket.pause();
      setTimeout(() => this.socket.resume(), 1);
    });
  }
}
