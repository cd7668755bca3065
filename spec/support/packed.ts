// The package as it would be published: packed from what was built, and installed into a folder of its own, without a registry.

import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { manifest, root } from './entries.ts';

/** What npm tells of a package that it has packed. */
export interface PackedFile {
  readonly path: string;
  readonly size: number;
  readonly mode: number;
}

/** A tarball, and what is in it. */
export interface Packed {
  readonly tarball: string;
  readonly files: readonly PackedFile[];
}

// No registry is asked: what would be, fails.
const NOWHERE = 'http://127.0.0.1:9/';

/** A folder for one spec, which goes with its process. */
export function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-package-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Packs what `npm run build` has made. */
export function pack(folder: string): Packed {
  return packFolder(root, folder);
}

/**
 * Makes an empty project in the folder, and installs the tarball there as a user does: its scripts, had it any, would run. What it depends on comes from our own
 * `node_modules`.
 *
 * @param type What the project's own files are.
 */
export function install(folder: string, { tarball }: Packed, type: 'module' | 'commonjs' = 'module'): void {
  mkdirSync(folder, { recursive: true });
  const dependencies: Record<string, string> = { [manifest.name]: `file:${tarball}` };
  for (const name of Object.keys(manifest.dependencies)) {
    dependencies[name] = `file:${packFolder(join(root, 'node_modules', name), folder).tarball}`;
  }
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, type, dependencies }));
  npm(folder, ['install', '--offline', '--no-audit', '--no-fund', '--registry', NOWHERE]);
}

/** Puts files of ours beside the project's: for what only a compiler needs. */
export function copyModule(folder: string, name: string): void {
  cpSync(join(root, 'node_modules', name), join(folder, 'node_modules', name), { recursive: true });
}

function packFolder(from: string, folder: string): Packed {
  // Scripts of a package that is packed from where it was installed cannot run there.
  const told = npm(from, ['pack', '--json', '--ignore-scripts', '--pack-destination', folder]);
  const [{ filename, files }] = JSON.parse(told) as [{ readonly filename: string; readonly files: PackedFile[] }];
  return { tarball: join(folder, filename), files };
}

function npm(cwd: string, args: readonly string[]): string {
  const env = { ...process.env, npm_config_cache: join(cwd, '.npm-cache'), npm_config_loglevel: 'error' };
  if (args[0] === 'pack') env.npm_config_cache = join(tmpdir(), 'millrace-npm-cache');
  const { status, stdout, stderr } = spawnSync('npm', [...args], { cwd, env, encoding: 'utf8' });
  if (status !== 0) throw new Error(`npm ${args[0]} has failed:\n${stderr}\n${stdout}`);
  return stdout;
}

/** The bytes of a tarball. */
export function readTarball({ tarball }: Packed): ArrayBuffer {
  const bytes = readFileSync(tarball);
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
}
