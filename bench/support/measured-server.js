// A server in a process of its own, on a core of its own, whatever runtime it is written for. What it costs is read from the system, so that it need not help.

import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { end, endWithThis } from './process.js';
import { commandOf } from './runtimes.js';

const programs = fileURLToPath(new URL('../programs/', import.meta.url));

/** The core of the servers, and that of the load: with one core alone they share it. */
export const SERVER_CORE = 0;
export const LOAD_CORE = availableParallelism() > 1 ? 1 : 0;

/** A command that stays on a core. @param {number} core @param {readonly string[]} command */
export function pinned(core, command) {
  return process.platform === 'linux' ? ['taskset', '-c', String(core), ...command] : [...command];
}

/**
 * @typedef {object} ServerKind
 * @property {string} name As the tables have it.
 * @property {'node20' | 'node24' | 'bun' | 'deno'} runtime
 * @property {string} program A file of `programs`, without its ending.
 * @property {readonly string[]} [args]
 * @property {Readonly<Record<string, string>>} [env]
 */

export class MeasuredServer {
  #child;

  /** @param {import('node:child_process').ChildProcess} child @param {number} port */
  constructor(child, port) {
    this.#child = child;
    this.port = port;
    endWithThis(child);
  }

  /** Starts it, and waits until it listens: it prints `ready` and its port. @param {ServerKind} kind */
  static async start({ runtime, program, args = [], env = {} }) {
    const [command = '', ...rest] = pinned(SERVER_CORE, commandOf(runtime, [`${programs}${program}.js`, ...args]));
    const child = spawn(command, rest, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    for await (const chunk of child.stdout) {
      output += chunk;
      const port = /^ready (\d+)$/m.exec(output)?.[1];
      if (port !== undefined) {
        return new MeasuredServer(child, Number(port));
      }
    }
    throw new Error(`${program} has ended before it was ready: ${output}`);
  }

  get pid() {
    return this.#child.pid;
  }

  /** The processor's time that all its threads have had, user and system, in microseconds. */
  cpu() {
    const tasks = `/proc/${this.pid}/task`;
    const spent = readdirSync(tasks).map((task) =>
      Number(readFileSync(`${tasks}/${task}/schedstat`, 'utf8').split(' ')[0]),
    );
    return spent.reduce((sum, nanoseconds) => sum + nanoseconds, 0) / 1000;
  }

  /** Its resident memory, in bytes. */
  resident() {
    const [, pages = ''] = readFileSync(`/proc/${this.pid}/statm`, 'utf8').split(' ');
    return Number(pages) * 4096;
  }

  async stop() {
    await end(this.#child);
  }
}
