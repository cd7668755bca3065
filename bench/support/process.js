// Processes of their own, so that what is measured is not what measures.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const programs = fileURLToPath(new URL('../programs/', import.meta.url));

/** A program of the folder `programs`, asked by messages: each question has one answer. */
export class Program {
  /** @param {import('node:child_process').ChildProcess} child */
  constructor(child) {
    this.child = child;
    this.#failed = once(child, 'exit').then(([code]) => {
      throw new Error(`A program has ended with ${code}`);
    });
    this.#failed.catch(() => {});
    this.#dieWith = () => child.kill('SIGKILL');
    process.on('exit', this.#dieWith);
  }

  #dieWith;
  /** @type {Promise<never>} */
  #failed;

  /**
   * Starts a program, and waits until it is ready.
   *
   * @param {string} name
   * @param {object} options
   */
  static async start(name, options) {
    const child = fork(`${programs}${name}.js`, { execArgv: ['--expose-gc'] });
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
    return await Promise.race([answered, this.#failed]);
  }

  async stop() {
    process.off('exit', this.#dieWith);
    this.child.kill('SIGKILL');
    if (this.child.exitCode === null && this.child.signalCode === null) await once(this.child, 'exit');
  }
}

/**
 * Answers the questions that the one who has started this process asks.
 *
 * @param {Record<string, (options: any) => unknown>} answers
 */
export function answer(answers) {
  process.on('message', async (/** @type {{ question: string }} */ { question, ...options }) => {
    process.send?.((await answers[question]?.(options)) ?? {});
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
