// Runs every spec in a process of its own, three at a time, and ends with one plain line: `N passed, N failed`.
// A file fails as a whole when it reports no test, skips one, or does not end by itself after its last test (then it
// leaked a handle). What uses streams runs a second time with web-streams-polyfill. Arguments choose files by a part of their path: a few are run from their
// sources, many are bundled first.

import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, relative } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { bundle, bundleOf, type SpecFile } from './bundle.ts';
import { mapped } from './mapped.ts';
import { judge, type Outcome, type Run, runProcess } from './outcome.ts';

// From this many files on it pays to bundle them.
const MANY = 8;
/** Those that compile TypeScript themselves. */
const FROM_SOURCE = /^spec[\\/]examples[\\/]/;
const FILE_TIMEOUT = 240_000;

/** The specs that run with both implementations of streams: those that use streams, or with BATTERY=whole all that have to do with connections. */
const WITH_POLYFILL =
  process.env['BATTERY'] === 'whole'
    ? /^spec[\\/](stream|connection|job|client|reconnect|testing)[\\/]|conformance[\\/](?!deflate)|fuzz[\\/]model|adapter[\\/](http-|browser-|node-(attach|byte-streams|connect|reconnect|server|web-socket-stream)(?!-(abuse|life|retained|load)))/
    : /^spec[\\/](stream|testing)[\\/]|(connection|job)[\\/](job|session|session-writable|streamed-(receiving|passing)|upgrade)\.spec|node-byte-streams\.spec|message-streams|web-socket-stream(?!-hosts)/;

const root = fileURLToPath(new URL('../..', import.meta.url));

function findSpecs(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.spec.ts'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .sort();
}

function toArguments(spec: SpecFile, isBundled: boolean): string[] {
  if (isBundled) return [bundleOf(spec)];
  const polyfill = spec.isPolyfilled ? ['--import', './spec/support/polyfill.ts'] : [];
  return ['--import', 'tsx', ...polyfill, spec.file];
}

interface SpecOutcome extends Run, Outcome {
  readonly file: string;
}

async function runSpec(spec: SpecFile, isBundled: boolean): Promise<SpecOutcome> {
  const run = await runProcess(process.execPath, ['--expose-gc', ...toArguments(spec, isBundled)], {
    cwd: root,
    env: { ...process.env, FORCE_COLOR: '0', SPEC: spec.file },
    timeout: FILE_TIMEOUT,
  });
  const file = spec.isPolyfilled ? `${spec.file} (polyfill)` : spec.file;
  return { file, ...run, ...judge(run, spec.isPolyfilled) };
}

async function main(): Promise<void> {
  const wanted = process.argv.slice(2);
  const files = findSpecs(join(root, 'spec')).filter(
    (file) => wanted.length === 0 || wanted.some((part) => file.includes(part)),
  );
  const queue: SpecFile[] = files.map((file) => ({ file, isPolyfilled: false }));
  for (const file of files) if (WITH_POLYFILL.test(file)) queue.push({ file, isPolyfilled: true });
  const bundled = new Set(queue.length < MANY ? [] : queue.filter(({ file }) => !FROM_SOURCE.test(file)));
  await bundle([...bundled]);
  const outcomes: SpecOutcome[] = [];
  const worker = async (): Promise<void> => {
    for (let run = queue.shift(); run !== undefined; run = queue.shift()) {
      const outcome = await runSpec(run, bundled.has(run));
      const { file } = outcome;
      outcomes.push(outcome);
      const verdict = outcome.failed === 0 ? 'ok  ' : 'FAIL';
      console.log(`${verdict} ${file} (${outcome.passed} passed, ${outcome.milliseconds} ms)`);
      // What a passing file prints beside its summary (the seeds of its properties) stays visible.
      if (outcome.failed === 0)
        for (const line of outcome.output.match(/^seed .*$/gm) ?? []) console.log(`     ${line}`);
      else
        console.log(
          `${mapped(outcome.output, root)}\n${outcome.problem === undefined ? '' : `${file} ${outcome.problem}`}`,
        );
    }
  };
  // One more than there are cores, up to three: some files wait for a good part of their time.
  await Promise.all(Array.from({ length: Math.min(3, availableParallelism() + 1) }, worker));
  const passed = outcomes.reduce((sum, outcome) => sum + outcome.passed, 0);
  const failed = outcomes.reduce((sum, outcome) => sum + outcome.failed, 0);
  console.log(`\n${passed} passed, ${failed} failed`);
  process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
}

await main();
