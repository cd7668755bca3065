// A program of Node at the other end, from inside Bun: node-program.js. `NODE` names the program; default: `node`.

import { type ChildProcess, spawn } from 'node:child_process';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { until } from '../../support/until.ts';

/** Something that the program has told. */
export interface Told {
  readonly event: string;
  readonly [name: string]: unknown;
}

const children = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of children) child.kill();
});

/** The program on its way. */
export class NodePeer implements AsyncDisposable {
  readonly told: Told[] = [];
  readonly #child: ChildProcess;

  constructor(part: string, options: object = {}) {
    const program = fileURLToPath(new URL('./node-program.js', import.meta.url));
    this.#child = spawn(process.env['NODE'] ?? 'node', [program, part], {
      env: { ...process.env, OPTIONS: JSON.stringify(options) },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.add(this.#child);
    createInterface({ input: this.#child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      this.told.push(JSON.parse(line));
    });
  }

  /** Starts one that listens; gives it when it does. */
  static async listen(part: string, options: object = {}): Promise<NodePeer> {
    const peer = new NodePeer(part, options);
    await peer.tells('listening');
    return peer;
  }

  get port(): number {
    return this.last('listening')?.['port'] as number;
  }

  /** What it has told last of that kind. */
  last(event: string): Told | undefined {
    return this.told.findLast((one) => one.event === event);
  }

  count(event: string): number {
    return this.told.filter((one) => one.event === event).length;
  }

  /** Waits until it has told so often of that kind; gives the last. */
  async tells(event: string, times = 1): Promise<Told> {
    await until(
      () => this.count(event) >= times,
      `Node tells ${event}, and not only ${this.told
        .map((one) => one.event)
        .slice(-9)
        .join()}`,
      20_000,
    );
    return this.last(event) as Told;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const child = this.#child;
    children.delete(child);
    child.kill('SIGKILL');
    await until(() => child.exitCode !== null || child.signalCode !== null, 'Node has ended');
  }
}
