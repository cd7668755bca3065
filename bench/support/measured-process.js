// A process that is measured, on a core of its own, whatever runtime it is written for. What it costs is read from the system, so that it need not help.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { end, endWithThis } from './process.js';
import { commandOf } from './runtimes.js';

const programs = fileURLToPath(new URL('../programs/', import.meta.url));

/** The core of what is measured, and that of what keeps it busy: with one core alone they share it. */
export const MEASURED_CORE = 0;
export const LOAD_CORE = availableParallelism() > 1 ? 1 : 0;

/** A command that stays on a core. @param {number} core @param {readonly string[]} command */
export function pinned(core, command) {
  return process.platform === 'linux' ? ['taskset', '-c', String(core), ...command] : [...command];
}

/**
 * @typedef {object} Kind
 * @property {string} name As the tables have it.
 * @property {'node20' | 'node24' | 'bun' | 'deno'} runtime
 * @property {string} program A file of `programs`, without its ending.
 * @property {readonly string[]} [args]
 * @property {Readonly<Record<string, string>>} [env]
 * @property {boolean} [collects] Whether it asks for collections.
 */

export class MeasuredProcess {
  #child;
  /** @type {Promise<never>} */
  #ended;
  /** Nanoseconds of each thread: what one had that has ended meanwhile is not lost. @type {Map<string, number>} */
  #spent = new Map();

  /** @param {import('node:child_process').ChildProcess} child @param {number} port */
  constructor(child, port) {
    this.#child = child;
    this.#ended = once(child, 'exit').then(([code, signal]) => {
      throw new Error(`What is measured has ended with ${code ?? signal}`);
    });
    this.#ended.catch(() => {});
    /** Where it listens; 0 when it does not. */
    this.port = port;
  }

  /** Starts it, and waits until it is: it prints `ready` and its port. @param {Kind} kind */
  static async start({ runtime, program, args = [], env = {}, collects }) {
    const command = commandOf(runtime, [`${programs}${program}.js`, ...args], collects);
    const [first = '', ...rest] = pinned(MEASURED_CORE, command);
    const child = spawn(first, rest, {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    });
    endWithThis(child);
    let output = '';
    for await (const chunk of child.stdout ?? []) {
      output += chunk;
      const port = /^ready (\d+)$/m.exec(output)?.[1];
      if (port !== undefined) return new MeasuredProcess(child, Number(port));
    }
    throw new Error(`${program} has ended before it was ready: ${output}`);
  }

  get pid() {
    return this.#child.pid;
  }

  /** The processor's time that all its threads have had, user and system, in microseconds. */
  cpu() {
    const tasks = `/proc/${this.pid}/task`;
    for (const task of readdirSync(tasks)) {
      try {
        this.#spent.set(task, Number(readFileSync(`${tasks}/${task}/schedstat`, 'utf8').split(' ')[0]));
      } catch {
        // It has ended between the two.
      }
    }
    return [...this.#spent.values()].reduce((sum, nanoseconds) => sum + nanoseconds, 0) / 1000;
  }

  /** Its resident memory, in bytes. */
  resident() {
    const [, pages = ''] = readFileSync(`/proc/${this.pid}/statm`, 'utf8').split(' ');
    return Number(pages) * 4096;
  }

  /**
   * Asks a program that answers (`answer` of process.js).
   *
   * @param {string} question
   * @param {object} [options]
   * @returns {Promise<any>}
   */
  async ask(question, options = {}) {
    const answered = new Promise((resolve) => this.#child.once('message', resolve));
    this.#child.send({ question, ...options });
    const reply = await Promise.race([answered, this.#ended]);
    if (reply.error !== undefined) throw new Error(reply.error);
    return reply;
  }

  async stop() {
    await end(this.#child);
  }
}
