// The rows of the matrix: each runtime, with the platform's streams and with web-streams-polyfill.

import { chmodSync, existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

export interface Runtime {
  readonly name: string;
  readonly kind: 'node' | 'deno' | 'bun';
  /** The program; undefined where it is not installed. */
  readonly program: string | undefined;
  /** What stands before the file that it runs: with the collector in the hands of the specs. */
  readonly words: readonly string[];
}

/** What users write before the file. */
const plainWords: Readonly<Record<Runtime['kind'], readonly string[]>> = { node: [], deno: ['run', '-A'], bun: [] };

export interface Row {
  readonly name: string;
  readonly runtime: Runtime;
  readonly isPolyfilled: boolean;
}

const packages: string = fileURLToPath(new URL('node_modules', import.meta.url));

/** A program inside a package, or inside the one of a scope that fits this platform. */
function find(scope: string, file: string): string | undefined {
  const folder = join(packages, scope);
  const candidates = [join(folder, file)];
  if (existsSync(folder)) candidates.push(...readdirSync(folder).map((name) => join(folder, name, file)));
  const program = candidates.find((path) => existsSync(path));
  if (program !== undefined) chmodSync(program, 0o755);
  return program;
}

const NODE = ['--expose-gc', '--enable-source-maps'];
const DENO = ['run', '-A', '--no-config', '--no-lock', '--no-prompt', '--v8-flags=--expose-gc'];

function findRuntimes(): Runtime[] {
  // The one that runs this is one of the rows.
  const own = process.versions.node.split('.')[0] as string;
  const runtimes: Runtime[] = [{ name: `Node ${own}`, kind: 'node', program: process.execPath, words: NODE }];
  for (const major of ['22', '24', '26'].filter((version) => version !== own)) {
    runtimes.push({ name: `Node ${major}`, kind: 'node', program: find(`node${major}`, 'bin/node'), words: NODE });
  }
  runtimes.push({ name: 'Deno', kind: 'deno', program: find('@deno', 'deno'), words: DENO });
  runtimes.push({ name: 'Bun', kind: 'bun', program: find('@oven', 'bin/bun'), words: ['--expose-gc'] });
  return runtimes;
}

/** All rows: after the packages are installed. */
export function findRows(): Row[] {
  const runtimes = findRuntimes();
  return [
    ...runtimes.map((runtime) => ({ name: runtime.name, runtime, isPolyfilled: false })),
    ...runtimes.map((runtime) => ({ name: `${runtime.name} polyfill`, runtime, isPolyfilled: true })),
  ];
}

/** What every process of a runtime finds in its environment. */
export function environmentOf({ program, kind }: Runtime): NodeJS.ProcessEnv {
  return {
    ...process.env,
    NODE_OPTIONS: '',
    FORCE_COLOR: '0',
    NO_COLOR: '1',
    DENO_NO_UPDATE_CHECK: '1',
    RUNTIME: JSON.stringify({ kind, program, words: plainWords[kind] }),
    NODE: process.execPath,
  };
}
