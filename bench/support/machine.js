// On what a measurement was taken: the machine, and the versions of everything in it.

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem, type } from 'node:os';
import { fileURLToPath } from 'node:url';
import { commandOf } from './runtimes.js';
import { GiB } from './units.js';

/** A load above this is somebody else at work. */
export const BUSY = 0.5;

export function machine() {
  const all = cpus();
  return {
    cpu: all[0]?.model.trim() ?? 'unknown',
    cores: all.length,
    kernel: `${type()} ${release().split('-')[0]}`,
    memory: `${(totalmem() / GiB).toFixed(1)} GiB`,
    // Of the last minute, before the first measurement.
    load: Math.round((loadavg()[0] ?? 0) * 100) / 100,
  };
}

/** @type {readonly import('./measured-process.js').Kind['runtime'][]} */
const runtimes = ['node20', 'node24', 'bun', 'deno'];
const rivals = ['ws', 'bufferutil', 'utf-8-validate', 'uwebsockets', 'undici'];

/** @param {string} file */
function versionIn(file) {
  const path = fileURLToPath(new URL(file, import.meta.url));
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')).version : undefined;
}

/** @param {typeof runtimes[number]} runtime */
function versionOf(runtime) {
  try {
    // What it would be told to run a file is left out.
    const [command = ''] = commandOf(runtime, []);
    return /\d+\.\d+\.\d+/.exec(execFileSync(command, ['--version'], { encoding: 'utf8' }))?.[0];
  } catch {
    return undefined;
  }
}

/** The versions of what is here, by name. @returns {Record<string, string>} */
export function versions() {
  const all = [
    ['millrace', versionIn('../../package.json')],
    ...runtimes.map((name) => [name, versionOf(name)]),
    ...rivals.map((name) => [name, versionIn(`../node_modules/${name}/package.json`)]),
  ];
  return Object.fromEntries(all.filter(([, version]) => version !== undefined));
}
