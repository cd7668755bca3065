// The long forms of the specs: minutes, not seconds. Each file runs in a process of its own, one after the other, and prints how far it is and its seed; the end is one
// plain line: `N passed, N failed`. Arguments choose files by a part of their path. What the environment says (SEED, RUNS, …) is said to all of them.

import { spawn } from 'node:child_process';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { count } from '../support/tally.ts';

interface Soak {
  readonly file: string;
  /** What makes a spec of the quick suite a long one. */
  readonly env?: Readonly<Record<string, string>>;
  /** After so many minutes it is cut, and has failed. */
  readonly minutes: number;
}

const soaks: readonly Soak[] = [
  { file: 'spec/soak/flow.soak.ts', minutes: 10 },
  { file: 'spec/soak/life.soak.ts', minutes: 10 },
  { file: 'spec/soak/traffic.soak.ts', minutes: 10 },
  // RUNS=1000000 for a million: about an hour and a half.
  { file: 'spec/fuzz/model.spec.ts', env: { RUNS: '50000' }, minutes: 180 },
  { file: 'spec/fuzz/endpoint.spec.ts', env: { RUNS: '20000' }, minutes: 10 },
  { file: 'spec/fuzz/frame-decoder.spec.ts', env: { RUNS: '20000' }, minutes: 10 },
  { file: 'spec/fuzz/message-assembler.spec.ts', env: { RUNS: '200000' }, minutes: 10 },
];

interface Outcome {
  readonly passed: number;
  readonly failed: number;
}

const root = fileURLToPath(new URL('../..', import.meta.url));

function judge(output: string, code: number | null): Outcome {
  const total = count(output, 'Total');
  const passed = count(output, 'Passed');
  // A file that has told nothing, was cut, or fell after its last test has failed as a whole.
  const asWhole = total === 0 || (code !== 0 && passed === total) ? 1 : 0;
  return { passed, failed: total - passed + asWhole };
}

function run({ file, env, minutes }: Soak): Promise<Outcome> {
  console.log(`\n--- ${file} (at most ${minutes} minutes)`);
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['--expose-gc', '--import', 'tsx', file], {
      cwd: root,
      env: { FORCE_COLOR: '0', ...env, ...process.env },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const timer = setTimeout(() => {
      console.log(`${file} has not ended in ${minutes} minutes`);
      child.kill('SIGKILL');
    }, minutes * 60_000);
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      process.stdout.write(chunk);
      output = (output + chunk.toString()).slice(-20_000);
    });
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve(judge(output, code));
    });
  });
}

const wanted = process.argv.slice(2);
let passed = 0;
let failed = 0;
for (const soak of soaks) {
  if (wanted.length > 0 && !wanted.some((part) => soak.file.includes(part))) continue;
  const outcome = await run(soak);
  if (outcome.passed === 0) console.log(`${soak.file} has passed nothing`);
  passed += outcome.passed;
  failed += outcome.failed;
}
console.log(`\n${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
