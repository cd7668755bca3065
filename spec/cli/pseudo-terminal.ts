// A program on a terminal.

import { type ChildProcessByStdio, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { until, within } from '../support/until.ts';

/** A program on a terminal of its own, by `script` of util-linux. Where that is missing the tests that need it fail, and say so. */
export class PseudoTerminal implements Disposable {
  /** All that was written to it. */
  screen = '';
  readonly #process: ChildProcessByStdio<Writable, Readable, null>;
  readonly #ended: Promise<unknown>;

  constructor(command: readonly string[], env: NodeJS.ProcessEnv) {
    execFileSync('script', ['--version'], { stdio: 'ignore' });
    const words = command.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
    this.#process = spawn('script', ['-qefc', words, '/dev/null'], {
      cwd: fileURLToPath(new URL('../..', import.meta.url)),
      env: { ...process.env, NODE_OPTIONS: '', ...env },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#process.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.screen += text;
    });
    this.#ended = once(this.#process, 'close');
  }

  type(keys: string): void {
    this.#process.stdin.write(keys);
  }

  async shows(text: string): Promise<void> {
    await until(() => this.screen.includes(text), `${JSON.stringify(text)} is shown`).catch((error: Error) => {
      throw new Error(`${error.message}: ${JSON.stringify(this.screen)}`);
    });
  }

  async code(): Promise<number | null> {
    await within(this.#ended, 'the end of a program on a terminal');
    return this.#process.exitCode;
  }

  [Symbol.dispose](): void {
    this.#process.kill('SIGKILL');
  }
}
