// What a benchmark needs before it begins: the rivals, and the library as its build has made it. Imports nothing that has to be installed.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const bench = fileURLToPath(new URL('..', import.meta.url));
const repository = fileURLToPath(new URL('../..', import.meta.url));

/** When a file was changed; never, where there is none. @param {string} path */
function changed(path) {
  return existsSync(path) ? statSync(path).mtimeMs : 0;
}

/** When the youngest file of a folder was changed. @param {string} folder */
function youngest(folder) {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Math.max(0, ...files.map((entry) => changed(join(entry.parentPath, entry.name))));
}

/** Whether the packages of a folder are those of its lock: npm leaves a lock of what it has installed. @param {string} folder */
export function isInstalled(folder) {
  return changed(join(folder, 'node_modules/.package-lock.json')) >= changed(join(folder, 'package-lock.json'));
}

export function isBuilt() {
  const sources = Math.max(youngest(join(repository, 'lib')), changed(join(repository, 'tsup.config.ts')));
  return changed(join(repository, 'dist/index.js')) >= sources;
}

/** @param {string} folder @param {readonly string[]} rest */
async function npm(folder, rest) {
  // What it prints is not among the tables.
  const child = spawn('npm', rest, { cwd: folder, stdio: ['ignore', 2, 2], shell: process.platform === 'win32' });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`npm ${rest.join(' ')} has ended with ${code}`);
}

/** Installs and builds what is missing or older than what it is made of. @param {(text: string) => void} progress */
export async function prepare(progress) {
  if (!isInstalled(bench)) {
    progress('installing the rivals');
    await npm(bench, ['ci', '--ignore-scripts', '--no-fund', '--no-audit']);
  }
  if (isBuilt()) return;
  if (!isInstalled(repository)) {
    progress('installing what builds the library');
    await npm(repository, ['ci', '--no-fund', '--no-audit']);
  }
  progress('building the library');
  await npm(repository, ['run', '--silent', 'build']);
}
