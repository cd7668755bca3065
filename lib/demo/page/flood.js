// The flood: more than anybody can swallow at once, in slices, so that the page stays alive meanwhile.

import { bytes, element, isOff, setOff } from './format.js';

/** @typedef {import('./connection.js').Connection} Connection */

/** Each message counts 64 bytes more than its payload in the server's queue: so it counts 16 KiB there. */
const MESSAGE_SIZE = 16 * 1024 - 64;
/** Some 20 MiB. */
const FLOOD_SIZE = 1285 * MESSAGE_SIZE;
/** So much is handed over in one go. */
const SLICE = 32 * MESSAGE_SIZE;
const PAUSE = 15;
/** A polite page waits while its browser holds more than this. */
const POLITE = 1024 * 1024;

export class Flood {
  #connection;
  #button = element('flood');
  #stop = element('stop');
  #polite = /** @type {HTMLInputElement} */ (element('polite'));
  #progress = element('progress');
  #message = new Uint8Array(MESSAGE_SIZE).map((_, index) => index & 0xff);
  #isRunning = false;
  #sent = 0;

  /** @param {Connection} connection */
  constructor(connection) {
    this.#connection = connection;
    this.#button.addEventListener('click', () => {
      if (!isOff(this.#button)) this.#start();
    });
    this.#stop.addEventListener('click', () => {
      if (!isOff(this.#stop)) this.#end('Stopped');
    });
  }

  get isRunning() {
    return this.#isRunning;
  }

  /** The connection has opened or closed. */
  refresh() {
    if (this.#isRunning && !this.#connection.isOpen) this.#end('Cut off');
    setOff(this.#button, this.#isRunning || !this.#connection.isOpen);
    setOff(this.#stop, !this.#isRunning);
  }

  #start() {
    this.#isRunning = true;
    this.#sent = 0;
    this.refresh();
    this.#next();
  }

  #next() {
    if (!this.#isRunning) return;
    const isWaiting = this.#polite.checked && this.#connection.buffered > POLITE;
    const end = isWaiting ? this.#sent : Math.min(this.#sent + SLICE, FLOOD_SIZE);
    for (; this.#sent < end; this.#sent += MESSAGE_SIZE) this.#connection.send(this.#message);
    if (this.#sent >= FLOOD_SIZE) return this.#end('Done');
    this.#tell(isWaiting ? 'Waiting' : 'Sending');
    setTimeout(() => this.#next(), PAUSE);
  }

  /** @param {string} word */
  #end(word) {
    this.#isRunning = false;
    this.#tell(word);
    this.refresh();
  }

  /** @param {string} word */
  #tell(word) {
    this.#progress.textContent = `${word}: ${bytes(this.#sent)} of ${bytes(FLOOD_SIZE)} handed to the browser.`;
  }
}
