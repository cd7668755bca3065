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
import { sized } from './sized.ts';

// From this many files on it pays to bundle them.
const MANY = 8;
/** Those that compile TypeScript themselves. */
const FROM_SOURCE = /^spec[\\/]examples[\\/]readme\.spec/;
const FILE_TIMEOUT = 240_000;

/** The specs that run with both implementations of streams: those that use streams, or with BATTERY=whole all that have to do with connections. */
const WITH_POLYFILL =
  process.env['BATTERY'] === 'whole'
    ? /^spec[\\/](stream|connection|job|client|reconnect|testing)[\\/]|conformance[\\/](?!deflate)|fuzz[\\/]model|adapter[\\/](http-|browser-|node-(attach|byte-streams|connect|reconnect|server|web-socket-stream)(?!-(abuse|life|retained|load)))/
    : /^spec[\\/](stream|testing)[\\/]|(connection|job)[\\/](job|session|session-writable|streamed-(receiving|passing)|upgrade)\.spec|node-byte-streams\.spec|message-streams|web-socket-stream(?!-hosts)/;

/** The specs that only BATTERY=whole runs, unless arguments choose files: they take long, and what they check seldom changes. */
const WHOLE_ONLY: readonly RegExp[] = [
  // The compiler, the linter and package managers over all of the package.
  /^spec[\\/]package[\\/](api|docs|lint|pack|typedoc)\.spec/,
  /^spec[\\/]types[\\/]/,
  // The same rooms in each framework: http.spec runs them without one.
  /^spec[\\/]examples[\\/](express|fastify|h3|hono|koa)\.spec/,
  // The rest of the battery of `serve`, which runs over node:http each time.
  /^spec[\\/]adapter[\\/]listening-server-battery-(abuse|life)\.spec/,
];

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

/** The files that this run runs, and how many it leaves to the whole battery. */
function chooseFiles(wanted: readonly string[]): { readonly files: readonly string[]; readonly left: number } {
  const all = findSpecs(join(root, 'spec'));
  if (wanted.length > 0) return { files: all.filter((file) => wanted.some((part) => file.includes(part))), left: 0 };
  const files = sized(
    all.filter((file) => !WHOLE_ONLY.some((pattern) => pattern.test(file))),
    all,
  );
  return { files, left: all.length - files.length };
}

async function main(): Promise<void> {
  const { files, left } = chooseFiles(process.argv.slice(2));
  if (left > 0) console.log(`${left} files are left to BATTERY=whole`);
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
