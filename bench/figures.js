// Takes the figures of README.md: runs the measurements, all or those that are named, and puts their tables between the marks that have their names.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';

const readme = fileURLToPath(new URL('README.md', import.meta.url));
const deflate = ['deflate', 'deflate-memory', 'deflate-settings', 'deflate-hold'];
const all = ['backpressure', 'one-message', 'fairness', 'life', ...deflate];
const names = process.argv.length > 2 ? process.argv.slice(2) : all;
for (const name of names) if (!all.includes(name)) throw new RangeError(`There is no measurement "${name}"`);

/** @param {string} name */
async function run(name) {
  const script = fileURLToPath(new URL(`${name}.js`, import.meta.url));
  const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (/** @type {Buffer} */ chunk) => {
    output += chunk;
    process.stdout.write(chunk);
  });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`${name} has ended with ${code}`);
  return output.trim();
}

const [load = 0] = loadavg();
if (load > 0.5)
  console.error(
    `The machine is busy (load ${load.toFixed(1)}): figures that are taken now will be worse than they should.`,
  );
for (const name of names) {
  const output = await run(name);
  const text = readFileSync(readme, 'utf8');
  const marks = new RegExp(`(<!-- ${name} -->)[^]*(<!-- /${name} -->)`);
  if (!marks.test(text)) throw new Error(`README.md has no marks for ${name}`);
  // A function: a replacement string would read the dollars in it.
  writeFileSync(
    readme,
    text.replace(marks, (_, start, end) => `${start}\n${output}\n${end}`),
  );
}
