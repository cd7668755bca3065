// Programs of ours that a spec runs in a process of their own, each as one file of plain JavaScript: that starts in a small part of the time that it takes to
// compile the sources.

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { ownUrls } from './bundle.ts';

const root: string = fileURLToPath(new URL('../..', import.meta.url));
// Packages are found from here as they are from the sources.
const cache: string = join(root, 'node_modules/.cache');
const programs = new Map<string, Promise<string>>();

/** Gives the file that a source, named from the root, is bundled to. It goes with this process. */
export function programOf(source: string): Promise<string> {
  const program = programs.get(source) ?? bundle(source);
  programs.set(source, program);
  return program;
}

async function bundle(source: string): Promise<string> {
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, 'program-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const outfile = join(folder, basename(source).replace(/\.ts$/, '.mjs'));
  await build({
    entryPoints: [join(root, source)],
    outfile,
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node20',
    keepNames: true,
    logLevel: 'warning',
    plugins: [ownUrls],
  });
  return outfile;
}
