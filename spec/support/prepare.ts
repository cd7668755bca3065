// What stands before the specs in `npm test`: the build, and the checks, which look at what was built too (the type tests import the package by its name). Each check
// computes on one core for the most part: so they run side by side. What one prints is shown when it has ended; when one has failed, so has this.

import { spawn } from 'node:child_process';
import process from 'node:process';

/** Runs a script of package.json; gives whether it went well. */
function run(script: string): Promise<boolean> {
  return new Promise((resolve) => {
    // By a shell, for npm is no program everywhere.
    const child = spawn(`npm run --silent ${script}`, { shell: true, stdio: ['ignore', 'pipe', 'pipe'] });
    const output: Buffer[] = [];
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => output.push(chunk));
    child.on('error', (error) => output.push(Buffer.from(`${error.message}\n`)));
    child.on('close', (code) => {
      process.stdout.write(Buffer.concat(output));
      if (code !== 0) console.log(`npm run ${script} has failed`);
      resolve(code === 0);
    });
  });
}

const outcomes = (await run('build')) ? await Promise.all(['typecheck', 'lint'].map(run)) : [false];
process.exitCode = outcomes.every((isGood) => isGood) ? 0 : 1;
