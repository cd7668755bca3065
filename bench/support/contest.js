// Servers beside each other under the same load: all of them are started, and each has its round in turn, so that what the machine does meanwhile befalls all of them.

import { LOAD_CORE, MeasuredServer, pinned } from './measured-server.js';
import { Program } from './process.js';
import { printProgress } from './units.js';

/** How long a round is to take, in seconds of the server's processor. */
const ROUND = 0.4;

/**
 * @typedef {object} Load
 * @property {number} size Bytes of a message.
 * @property {number} inFlight
 * @property {number} connections
 * @property {boolean} [isText]
 *
 * @typedef {object} Figures
 * @property {string} name
 * @property {number[]} cost Of each round: microseconds of the server's processor, a message.
 * @property {number[]} rate Of each round: messages a second.
 */

class Contestant {
  /** @type {Figures} */
  figures;
  #server;
  #load;
  #connections;
  #count = 1;

  /** @param {string} name @param {MeasuredServer} server @param {Program} load @param {number} connections */
  constructor(name, server, load, connections) {
    this.figures = { name, cost: [], rate: [] };
    this.#server = server;
    this.#load = load;
    this.#connections = connections;
  }

  /** @param {import('./measured-server.js').ServerKind} kind @param {Load} load */
  static async start(kind, load) {
    const server = await MeasuredServer.start(kind);
    const options = { ...load, port: server.port };
    const { program } = await Program.start('load', options, pinned(LOAD_CORE, []));
    return new Contestant(kind.name, server, program, load.connections);
  }

  /** Checks every byte that comes back, warms up, and finds out how many messages make a round. */
  async warmUp() {
    await this.#load.ask('run', { count: 3, isChecked: true });
    const begun = Date.now();
    let spent = 0;
    do {
      const { cost } = await this.#run();
      spent = cost * this.#count * this.#connections;
      const wanted = (ROUND * 1e6) / cost / this.#connections;
      this.#count = Math.max(1, Math.round(Math.min(wanted, this.#count * 8)));
    } while (spent < ROUND * 0.5e6 && Date.now() - begun < 6000);
  }

  async round() {
    const { cost, rate } = await this.#run();
    this.figures.cost.push(cost);
    this.figures.rate.push(rate);
  }

  async #run() {
    const before = this.#server.cpu();
    const { seconds } = await this.#load.ask('run', { count: this.#count });
    const messages = this.#count * this.#connections;
    return { cost: (this.#server.cpu() - before) / messages, rate: messages / seconds };
  }

  async stop() {
    await this.#load.stop();
    await this.#server.stop();
  }
}

/**
 * @param {string} title
 * @param {readonly import('./measured-server.js').ServerKind[]} kinds
 * @param {Load} load
 * @param {number} rounds
 */
export async function contest(title, kinds, load, rounds) {
  /** @type {Contestant[]} */
  const contestants = [];
  try {
    for (const kind of kinds) {
      const contestant = await Contestant.start(kind, load);
      contestants.push(contestant);
      await contestant.warmUp();
    }
    for (let round = 0; round < rounds; round++) {
      printProgress(`${title}: round ${round + 1} of ${rounds}`);
      for (const contestant of contestants) await contestant.round();
    }
    return contestants.map(({ figures }) => figures);
  } finally {
    for (const contestant of contestants) await contestant.stop();
  }
}
