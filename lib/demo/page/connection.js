// The two WebSockets of the page: the one that the person talks over, and the one over which the server tells what it sees of the first and takes
// commands.

/**
 * @typedef {{ name: 'connecting' } | { name: 'open' } | { name: 'closing' } | { name: 'closed', code: number, reason: string, wasClean: boolean }} State
 *
 * @typedef {object} Row A frame, or a number of frames that went by too fast to be told.
 * @property {number} [frames]
 * @property {number} [bytes]
 * @property {number} at Milliseconds since 1970.
 * @property {'to-server' | 'to-client'} direction
 * @property {number} opcode
 * @property {string} name
 * @property {boolean} fin
 * @property {boolean} isMasked
 * @property {number} length
 * @property {string} preview
 *
 * @typedef {object} Gauges
 * @property {number} unread
 * @property {number} queued
 * @property {number} payloadReceived
 * @property {number} payloadSent
 *
 * @typedef {{ state: string, wasClean: boolean, closeCode: number, initiator: 'local' | 'remote' }} End
 *
 * @typedef {object} Listener
 * @property {(state: State) => void} state
 * @property {(data: string | ArrayBuffer) => void} message
 * @property {(told: any) => void} told What the server says over the second connection, by its `type`.
 */

/** How often the server is asked for again when it does not answer at all. */
const OPEN_TIMEOUT = 10_000;

export class Connection {
  /** @type {WebSocket | undefined} */
  #watch;
  /** @type {WebSocket | undefined} */
  #talk;
  #id = '';
  #listener;
  /** Bytes of payload that were handed to the browser, and that came back. */
  sent = 0;
  received = 0;

  /** @param {Listener} listener */
  constructor(listener) {
    this.#listener = listener;
  }

  get isOpen() {
    return this.#talk?.readyState === WebSocket.OPEN;
  }

  /** What the browser holds, because the network has not taken it. */
  get buffered() {
    return this.#talk?.bufferedAmount ?? 0;
  }

  /** Opens what is not open. */
  async open() {
    this.#listener.state({ name: 'connecting' });
    try {
      if (this.#watch?.readyState !== WebSocket.OPEN) await this.#openWatch();
    } catch {
      this.#listener.state({ name: 'closed', code: 1006, reason: '', wasClean: false });
      return;
    }
    this.#openTalk();
  }

  /** @param {string | Uint8Array<ArrayBuffer>} data */
  send(data) {
    if (!this.isOpen) return;
    this.#talk?.send(data);
    this.sent += sizeOf(data);
  }

  /** @param {number} code @param {string} reason */
  close(code, reason) {
    if (!this.isOpen) return;
    this.#talk?.close(code, reason);
    this.#listener.state({ name: 'closing' });
  }

  /** Asks the server for something. @param {object} message */
  command(message) {
    if (this.#watch?.readyState === WebSocket.OPEN) this.#watch.send(JSON.stringify(message));
  }

  /** @returns {Promise<void>} */
  #openWatch() {
    this.#id = createId();
    const socket = new WebSocket(addressOf(`/watch?id=${this.#id}`));
    this.#watch = socket;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => socket.close(), OPEN_TIMEOUT);
      socket.addEventListener('message', ({ data }) => {
        const told = JSON.parse(data);
        this.#listener.told(told);
        if (told.type !== 'hello') return;
        clearTimeout(timer);
        resolve();
      });
      socket.addEventListener('close', () => reject(new Error('The server is not there')));
    });
  }

  #openTalk() {
    this.sent = 0;
    this.received = 0;
    const socket = new WebSocket(addressOf(`/echo?id=${this.#id}`));
    socket.binaryType = 'arraybuffer';
    this.#talk = socket;
    socket.addEventListener('open', () => this.#listener.state({ name: 'open' }));
    socket.addEventListener('message', ({ data }) => {
      this.received += sizeOf(data);
      this.#listener.message(data);
    });
    socket.addEventListener('close', ({ code, reason, wasClean }) => {
      this.#listener.state({ name: 'closed', code, reason, wasClean });
    });
  }
}

/** @param {string} target */
function addressOf(target) {
  return `${location.protocol === 'https:' ? 'wss:' : 'ws:'}//${location.host}${target}`;
}

function createId() {
  const random = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(random, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

const encoder = new TextEncoder();

/** @param {string | ArrayBuffer | Uint8Array} data */
function sizeOf(data) {
  return typeof data === 'string' ? encoder.encode(data).byteLength : data.byteLength;
}
