// Processes of their own, so that what is measured is not what measures.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const programs = fileURLToPath(new URL('../programs/', import.meta.url));

// Nothing outlives the one who has started it.
/** @type {Set<import('node:child_process').ChildProcess>} */
const children = new Set();
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

// A signal that nobody listens to ends a process without its 'exit'.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(1));

/** Ends a process with this one. @param {import('node:child_process').ChildProcess} child */
export function endWithThis(child) {
  children.add(child);
  child.once('exit', () => children.delete(child));
}

/** Ends a process, and waits until it is gone. @param {import('node:child_process').ChildProcess} child */
export async function end(child) {
  child.kill('SIGKILL');
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}

/** A program of the folder `programs`, asked by messages: each question has one answer. */
export class Program {
  /** @param {import('node:child_process').ChildProcess} child */
  constructor(child) {
    this.child = child;
    this.#failed = once(child, 'exit').then(([code]) => {
      throw new Error(`A program has ended with ${code}`);
    });
    this.#failed.catch(() => {});
    endWithThis(child);
  }

  /** @type {Promise<never>} */
  #failed;

  /**
   * Starts a program, and waits until it is ready.
   *
   * @param {string} name
   * @param {object} options
   * @param {readonly string[]} [prefix] A command that runs the program: one that pins it to a core.
   */
  static async start(name, options, prefix = []) {
    const [command = '', ...rest] = [...prefix, process.execPath, '--expose-gc', `${programs}${name}.js`];
    const child = spawn(command, rest, { stdio: ['inherit', 'inherit', 'inherit', 'ipc'] });
    const program = new Program(child);
    const ready = await program.ask('start', options);
    return { program, ready };
  }

  /**
   * @param {string} question
   * @param {object} [options]
   * @returns {Promise<any>}
   */
  async ask(question, options = {}) {
    const answered = new Promise((resolve) => this.child.once('message', resolve));
    this.child.send({ question, ...options });
    const reply = await Promise.race([answered, this.#failed]);
    if (reply.error !== undefined) throw new Error(reply.error);
    return reply;
  }

  async stop() {
    await end(this.child);
  }
}

/**
 * Answers the questions that the one who has started this process asks.
 *
 * @param {Record<string, (options: any) => unknown>} answers
 */
export function answer(answers) {
  process.on('message', async (/** @type {{ question: string }} */ { question, ...options }) => {
    try {
      process.send?.((await answers[question]?.(options)) ?? {});
    } catch (error) {
      process.send?.({ error: String(error) });
    }
  });
  process.on('disconnect', () => process.exit());
}

/** @param {number} milliseconds */
export function pause(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/**
 * Fulfils when a number has stood still for a second.
 *
 * @param {() => number} read
 */
export async function standstill(read) {
  let last = -1;
  for (let same = 0; same < 10; same++) {
    await pause(100);
    if (read() !== last) same = 0;
    last = read();
  }
}
