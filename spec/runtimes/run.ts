// Installs Deno and Bun (a package of its own: they are large, and nobody else needs them), and runs our client against their servers. Ends with one plain line:
// `N passed, N failed`.

import { spawn, spawnSync } from 'node:child_process';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { count } from '../support/tally.ts';

const here = fileURLToPath(new URL('.', import.meta.url));
const root = fileURLToPath(new URL('../..', import.meta.url));

/** After so many milliseconds it is cut, and has failed. */
const LONGEST = 300_000;

// Their programs are inside packages of each platform: no script has to run.
const { status } = spawnSync('npm', ['ci', '--ignore-scripts', '--no-fund', '--no-audit'], {
  cwd: here,
  stdio: ['ignore', 'ignore', 'inherit'],
});
if (status !== 0) {
  console.log('\n0 passed, 1 failed');
  process.exit(1);
}

const child = spawn(process.execPath, ['--import', 'tsx', 'spec/runtimes/servers.runtimes.ts'], {
  cwd: root,
  env: { ...process.env, FORCE_COLOR: '0' },
  stdio: ['ignore', 'pipe', 'inherit'],
});
const timer = setTimeout(() => child.kill(), LONGEST);
let output = '';
child.stdout.on('data', (chunk: Buffer) => {
  output += chunk.toString();
  process.stdout.write(chunk);
});
child.on('close', (code) => {
  clearTimeout(timer);
  const total = count(output, 'Total');
  const passed = count(output, 'Passed');
  // What has told nothing, was cut, or fell after its last test has failed as a whole.
  const failed = total - passed + (total === 0 || (code !== 0 && passed === total) ? 1 : 0);
  console.log(`\n${passed} passed, ${failed} failed`);
  process.exitCode = failed > 0 ? 1 : 0;
});
