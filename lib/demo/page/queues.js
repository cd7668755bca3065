// The drawn queues: where the bytes are, from the page to the server and back.

import { bytes, element } from './format.js';

/**
 * @typedef {import('./connection.js').Connection} Connection
 * @typedef {import('./connection.js').Gauges} Gauges
 */

const MIB = 1024 * 1024;
/** How high the limit stands in a tank that has one: there is room to show that it is not passed. */
const LIMIT_AT = 0.8;

/** One tank. */
class Tank {
  #tank;
  #amount;
  #scale;
  #peak = 0;

  /** @param {string} id @param {number} scale As much fills it. */
  constructor(id, scale) {
    const station = element(id);
    this.#tank = /** @type {HTMLElement} */ (station.querySelector('.tank'));
    this.#amount = /** @type {HTMLElement} */ (station.querySelector('output'));
    this.#scale = scale;
  }

  /** @param {number} limit */
  setLimit(limit) {
    this.#scale = limit / LIMIT_AT;
    this.#tank.style.setProperty('--limit', String(LIMIT_AT));
  }

  reset() {
    this.#peak = 0;
    this.#tank.classList.remove('has-peak');
    this.draw(0);
  }

  /** @param {number} value */
  draw(value) {
    this.#amount.textContent = bytes(value);
    this.#amount.dataset['bytes'] = String(value);
    this.#tank.style.setProperty('--level', String(Math.min(1, value / this.#scale)));
    if (value <= this.#peak) return;
    this.#peak = value;
    this.#tank.dataset['peak'] = String(value);
    // The line is thick: at the very top it would not be seen.
    this.#tank.style.setProperty('--peak', String(Math.min(0.97, value / this.#scale)));
    // Nor at the very bottom, where it would tell nothing.
    this.#tank.classList.toggle('has-peak', value > this.#scale / 50);
  }
}

export class Queues {
  #connection;
  /** @type {Gauges} */
  #gauges = { unread: 0, queued: 0, payloadReceived: 0, payloadSent: 0 };
  #buffered = new Tank('buffered', 20 * MIB);
  #there = new Tank('there', 12 * MIB);
  #unread = new Tank('unread', 160 * 1024);
  #queued = new Tank('queued', 160 * 1024);
  #back = new Tank('back', 12 * MIB);
  #received = new Tank('received', 20 * MIB);
  #isAsked = false;

  /** @param {Connection} connection */
  constructor(connection) {
    this.#connection = connection;
  }

  /** @param {{ queueSize: number, lookAhead: number }} limits Those of the server. */
  setLimits({ queueSize, lookAhead }) {
    this.#unread.setLimit(queueSize + lookAhead);
    this.#queued.setLimit(queueSize);
    element('limit').textContent = `limit ${bytes(queueSize + lookAhead)}`;
    element('send-limit').textContent = `limit ${bytes(queueSize)}`;
  }

  /** A new connection: all tanks are empty. */
  reset() {
    this.#gauges = { unread: 0, queued: 0, payloadReceived: 0, payloadSent: 0 };
    for (const tank of [this.#buffered, this.#there, this.#unread, this.#queued, this.#back, this.#received])
      tank.reset();
  }

  /** @param {Gauges} gauges */
  update(gauges) {
    this.#gauges = gauges;
    this.refresh();
  }

  /** Draws with the next frame of the screen, and goes on while the browser holds anything. */
  refresh() {
    if (this.#isAsked) return;
    this.#isAsked = true;
    requestAnimationFrame(() => {
      this.#isAsked = false;
      this.#draw();
      if (this.#connection.isOpen && this.#connection.buffered > 0) this.refresh();
    });
  }

  #draw() {
    const { sent, received, buffered } = this.#connection;
    const { unread, queued, payloadReceived, payloadSent } = this.#gauges;
    this.#buffered.draw(buffered);
    // The two ends are not read at the same moment: below nothing is nothing.
    this.#there.draw(Math.max(0, sent - buffered - payloadReceived));
    this.#unread.draw(unread);
    this.#queued.draw(queued);
    this.#back.draw(Math.max(0, payloadSent - received));
    this.#received.draw(received);
  }
}
