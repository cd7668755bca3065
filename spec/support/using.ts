// Programs that use the package from outside, run by the runtime that runs the spec.

import { spawn } from 'node:child_process';
import process from 'node:process';
import { BOUND, within } from './until.ts';

/** What runs a program: the words before its file. */
export interface Runner {
  readonly kind: 'node' | 'deno' | 'bun';
  readonly program: string;
  readonly words: readonly string[];
}

/** How a program ended. */
export interface Used {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The runtime that the matrix runs this in (spec/runtimes), or else this Node. */
export function currentRunner(): Runner {
  const told = process.env['RUNTIME'];
  if (told === undefined) return { kind: 'node', program: process.execPath, words: [] };
  const { kind, program } = JSON.parse(told) as Runner;
  // The packages of a project are found as that runtime finds them by itself.
  return { kind, program, words: kind === 'deno' ? ['run', '-A', '--no-lock', '--no-prompt'] : [] };
}

/** Runs a program in a folder, and waits for its end. */
export async function use(
  folder: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  bound: number = BOUND,
): Promise<Used> {
  const { program, words } = currentRunner();
  const child = spawn(program, [...words, ...args], {
    cwd: folder,
    env: { ...process.env, NODE_OPTIONS: '', RUNTIME: undefined, NO_COLOR: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const closed = new Promise<number | null>((resolve, reject) => {
    child.on('close', resolve);
    child.on('error', reject);
  });
  try {
    return { code: await within(closed, `the end of ${args.join(' ')}`, bound), stdout, stderr };
  } catch (error) {
    child.kill('SIGKILL');
    throw new Error(`${error}\n${stdout}\n${stderr}`);
  }
}

/** Runs a program that prints a line of JSON at its end, and ends well: gives that. */
export async function ask(folder: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<unknown> {
  const { code, stdout, stderr } = await use(folder, args, env);
  if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}:\n${stdout}\n${stderr}`);
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
}

/** What `spec/package/use/everything.js` tells when all of it works. */
export const everything: Readonly<Record<string, unknown>> = {
  missing: [],
  deflated: ['permessage-deflate', true],
  binary: [1, 2, 3],
  closed: true,
  webSocketStream: 'hello',
  closeCode: 1000,
  kind: 'platform',
  reconnected: 'again',
  streamed: 'stream',
  pipeThrough: 'LOUD',
  attached: 'in green',
  refused: [true, 404],
  stopped: 0,
  upgraded: 'in memory',
  state: 'completed',
  transformed: ['Hello, transforms'],
  core: 6,
  pair: 'pair',
  same: true,
};
