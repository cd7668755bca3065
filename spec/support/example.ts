// A program under spec/examples, run as a user runs it: a process of its own on a free port, which ends by itself when it is told to.

import { Agent, request } from 'node:http';
import { text } from 'node:stream/consumers';
import * as assert from 'uvu/assert';
import { Child } from '../cli/child.ts';
import { programOf } from './program.ts';
import { within } from './until.ts';

/** An HTTP response, its body read. */
export interface Page {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
  /** The port on this side: the same one, the same connection. */
  readonly localPort: number;
}

export interface PageOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** What runs an example: a program, and its arguments before the file. */
export type Runner = readonly [program: string, ...options: readonly string[]];

/** An example that is listening. */
export class Example implements AsyncDisposable {
  readonly port: number;
  readonly #child: Child;
  // One connection, which is kept.
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });

  constructor(child: Child, port: number) {
    this.#child = child;
    this.port = port;
  }

  /** Starts it: its source by the runner, or by Node what it was bundled to. Its port is in the first line that it prints. */
  static async start(name: string, env: NodeJS.ProcessEnv = {}, runner?: Runner): Promise<Example> {
    const source = `spec/examples/${name}.ts`;
    const [program, ...args] = runner === undefined ? [process.execPath, await programOf(source)] : [...runner, source];
    const child = new Child(args, { PORT: '0', ...env }, { program });
    try {
      const [, port] = /^listening on \w+:\/\/127\.0\.0\.1:(\d+)$/.exec(await child.firstLine()) ?? [];
      assert.ok(port, `the first line has the port:\n${child.stdout}`);
      return new Example(child, Number(port));
    } catch (error) {
      await child[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The URL of a socket. */
  url(path = ''): string {
    return `ws://127.0.0.1:${this.port}${path}`;
  }

  /** What it has printed. */
  get output(): string {
    return this.#child.stdout;
  }

  /** Fulfils when what it has printed matches. */
  printed(pattern: RegExp): Promise<RegExpMatchArray> {
    return this.#child.printed(pattern);
  }

  /** Asks for a page, on a connection that is kept for the next. */
  page(path: string, { method = 'GET', headers = {}, body = '' }: PageOptions = {}): Promise<Page> {
    const page = new Promise<Page>((resolve, reject) => {
      const options = { host: '127.0.0.1', port: this.port, path, method, headers, agent: this.#agent };
      const asked = request(options, (response) => {
        const localPort = response.socket.localPort ?? 0;
        const pairs = Object.entries(response.headersDistinct).flatMap(([name, values = []]) =>
          values.map((value): [string, string] => [name, value]),
        );
        text(response).then(
          (body) => resolve({ status: response.statusCode ?? 0, headers: new Headers(pairs), body, localPort }),
          reject,
        );
      });
      asked.on('error', reject);
      asked.end(body);
    });
    return within(page, `the page ${path}`);
  }

  /** Tells it to end, and asserts that it does so without a complaint. */
  async stop(): Promise<void> {
    this.#child.signal('SIGTERM');
    const { code, signal, stderr } = await this.#child.exit();
    assert.equal({ code, signal, stderr }, { code: 0, signal: null, stderr: '' });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#agent.destroy();
    await this.#child[Symbol.asyncDispose]();
  }
}
