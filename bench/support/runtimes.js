// The programs that run a server: the Node that runs the benchmark, and those that are packages of this one. Their files are inside packages of each platform, so that nothing has to be downloaded by a script.

import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const require = createRequire(import.meta.url);
const { platform, arch } = process;

/** The folder of a package that has no entry to be resolved by. @param {string} name */
function folderOf(name) {
  for (const folder of require.resolve.paths(name) ?? []) {
    if (existsSync(join(folder, name, 'package.json'))) return join(folder, name);
  }
  return undefined;
}

/** @param {string} name @param {string} file */
function inPackage(name, file) {
  const folder = folderOf(name);
  const path = folder && join(folder, file);
  return path && existsSync(path) ? path : undefined;
}

/** @type {Record<string, () => string | undefined>} */
const finders = {
  node20: () => (process.version.startsWith('v20.') ? process.execPath : inPackage('node20', 'bin/node')),
  node24: () => (process.version.startsWith('v24.') ? process.execPath : inPackage('node24', 'bin/node')),
  // Bun's script of installation moves it from one package to the other.
  bun: () =>
    inPackage(`@oven/bun-${platform}-${arch === 'arm64' ? 'aarch64' : arch}`, 'bin/bun') ??
    inPackage('bun', 'bin/bun.exe'),
  deno: () => inPackage(`@deno/${platform}-${arch}${platform === 'linux' ? '-glibc' : ''}`, 'deno'),
};

/** How each of them is told to run a file. */
const before = { node20: [], node24: [], bun: [], deno: ['run', '-A', '--no-lock', '--node-modules-dir=manual'] };

/** How each of them is told that the file may ask for collections. */
const collecting = {
  node20: ['--expose-gc'],
  node24: ['--expose-gc'],
  bun: ['--expose-gc'],
  deno: ['--v8-flags=--expose-gc'],
};

/**
 * The command that runs a file.
 *
 * @param {keyof typeof before} runtime
 * @param {readonly string[]} rest The file and its arguments.
 * @param {boolean} [collects] Whether it asks for collections.
 * @throws Error when the runtime is not installed.
 */
export function commandOf(runtime, rest, collects = false) {
  const program = finders[runtime]?.();
  if (program === undefined) {
    const how = runtime === 'node20' ? 'it has to be the Node that runs this' : 'npm ci in bench/ brings it';
    throw new Error(`${runtime} is not here: ${how}`);
  }
  return [program, ...before[runtime], ...(collects ? collecting[runtime] : []), ...rest];
}
