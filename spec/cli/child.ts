// A child process whose output is waited for line by line. It never outlives the spec: dispose of it, whatever happens.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { programOf } from '../support/program.ts';
import { until, within } from '../support/until.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const running = new Set<Child>();
let program = ['--import', 'tsx', 'lib/cli.ts'];

process.on('exit', () => {
  for (const child of running) child.signal('SIGKILL');
});

/** What runs, and where it reads from and writes to. */
export interface ChildOptions {
  /** What runs it. Default: the Node that runs this. */
  readonly program?: string;
  /** A pipe, or a file that is open for reading. Default: nothing to be read. */
  readonly stdin?: 'pipe' | number;
  /** A file that is open for writing. Default: a pipe. */
  readonly stdout?: number;
}

/** How a process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class Child implements AsyncDisposable {
  readonly #process: ChildProcess;
  readonly #closed: Promise<unknown>;
  #stdout = '';
  #stderr = '';

  /** Runs Node, or another program, in the repository's folder. */
  constructor(args: readonly string[], env: NodeJS.ProcessEnv = {}, options: ChildOptions = {}) {
    const { program: runs = process.execPath, stdin, stdout } = options;
    this.#process = spawn(runs, args, {
      cwd: root,
      env: { ...process.env, NODE_OPTIONS: '', ...env },
      stdio: [stdin ?? 'ignore', stdout ?? 'pipe', 'pipe'],
    });
    running.add(this);
    this.#process.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text;
    });
    this.#process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
    // It may end before it has read everything.
    this.#process.stdin?.on('error', () => {});
    this.#closed = once(this.#process, 'close').then(() => running.delete(this));
  }

  /** Bundles `lib/cli.ts`, for a spec that runs it many times: the bundle starts in a small part of the time. It goes with this process. */
  static async bundle(): Promise<void> {
    program = [await programOf('lib/cli.ts')];
  }

  /** Runs `lib/cli.ts`, or what it was bundled to. */
  static cli(...args: string[]): Child {
    return new Child([...program, ...args]);
  }

  /** Runs it with a pipe for its input, or as the options say. */
  static piped(args: readonly string[], options: ChildOptions = {}): Child {
    return new Child([...program, ...args], {}, { stdin: 'pipe', ...options });
  }

  /** Where it is run from, for another program that runs it. */
  static get command(): readonly string[] {
    return [process.execPath, ...program];
  }

  /** What it reads. */
  get stdin(): Writable {
    return this.#process.stdin as Writable;
  }

  /** What it prints: paused, it is a slow reader. */
  get output(): Readable {
    return this.#process.stdout as Readable;
  }

  /** Fulfils when what is on standard error matches. */
  async told(pattern: RegExp): Promise<void> {
    await until(() => pattern.test(this.#stderr) || !this.isRunning, `${pattern} is told`);
    if (!pattern.test(this.#stderr)) throw new Error(`Ended without ${pattern}:\n${this.#stderr}`);
  }

  /** All that was printed so far. */
  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  get isRunning(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** The first line on standard output. */
  firstLine(): Promise<string> {
    return this.printed(/^(.*)\n/).then((match) => match[1] as string);
  }

  /** Fulfils when what is on standard output matches. */
  async printed(pattern: RegExp): Promise<RegExpMatchArray> {
    await until(() => pattern.test(this.#stdout) || !this.isRunning, `${pattern} is printed`);
    const match = this.#stdout.match(pattern);
    if (match === null) throw new Error(`Ended without ${pattern}:\n${this.#stdout}\n${this.#stderr}`);
    return match;
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  /** Fulfils when the process has ended by itself. */
  async exit(): Promise<Exit> {
    await within(this.#closed, `the end of a process that printed:\n${this.#stdout}\n${this.#stderr}`);
    const { exitCode: code, signalCode: signal } = this.#process;
    return { code, signal, stdout: this.#stdout, stderr: this.#stderr };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.isRunning) this.signal('SIGKILL');
    await this.#closed;
  }
}
