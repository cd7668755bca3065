// All measurements beside their rivals: installs what is missing, measures, prints tables, keeps the results, and draws README.md's tables and charts from them. `npm run bench -- --help` tells the rest.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { SECTIONS, toArguments, USAGE } from './support/arguments.js';
import { prepare } from './support/installed.js';
import { BUSY, machine, versions } from './support/machine.js';
import { goalsTable, merged } from './support/report.js';
import { resultTable } from './support/result-table.js';
import { inMinutes, runAll } from './support/run-all.js';
import { printProgress } from './support/units.js';

const kept = fileURLToPath(new URL('results.json', import.meta.url));
/** Where nothing is known of a step: seconds of five rounds. @type {Record<string, number>} */
const GUESSES = { 'echo node24': 600, 'echo node20': 150, 'echo bun': 75, 'echo deno': 75, 'client node24': 90 };
const GUESS = 20;

// With its children, which end when this process exits.
process.once('SIGINT', () => process.exit(130));

/** @param {string} file @returns {import('./support/report.js').Report} */
function readReport(file) {
  const report = JSON.parse(readFileSync(file, 'utf8'));
  if (!Array.isArray(report?.results)) throw new TypeError(`${file} holds no results`);
  return report;
}

function readArguments() {
  try {
    return toArguments(process.argv.slice(2));
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n\n${USAGE}`);
    process.exit(2);
  }
}

/** @param {import('./support/report.js').Report} report */
async function draw(report) {
  // It is installed with the rivals.
  const { writePage } = await import('./support/page.js');
  /** @type {Record<string, string>} */
  const abouts = {};
  for (const section of SECTIONS) abouts[section] = (await import(`./${section}.js`)).about;
  for (const file of writePage(report, abouts)) console.error(`written: ${file}`);
}

/** @param {import('./support/arguments.js').Arguments} wanted */
async function measureAll(wanted) {
  const known = existsSync(kept) ? readReport(kept) : undefined;
  const report = { date: new Date().toISOString(), rounds: wanted.rounds, machine: machine(), versions: versions() };
  /** @type {import('./support/result.js').Result[]} */
  const results = [];
  const { spent, failures, seconds } = await runAll(wanted, {
    load: (section) => import(`./${section}.js`),
    expected: ({ section, group }) => {
      const step = `${section} ${group}`;
      return ((known?.spent[step] ?? GUESSES[step] ?? GUESS) * wanted.rounds) / 5;
    },
    progress: printProgress,
    onResult: (result) => {
      results.push(result);
      console.log(`\n${result.section}\n\n${resultTable(result)}`);
    },
    now: () => performance.now() / 1000,
  });
  console.error(`\nmeasured in ${inMinutes(seconds)}`);
  return { ...report, spent, failures, results };
}

async function main() {
  const wanted = readArguments();
  if (wanted.help) {
    console.log(USAGE);
    return;
  }
  await prepare(printProgress);
  if (wanted.from !== undefined) {
    await draw(readReport(wanted.from === 'results' ? kept : wanted.from));
    return;
  }
  const [load = 0] = loadavg();
  if (load > BUSY) console.error(`The machine is busy (load ${load.toFixed(1)}): read the ratios alone.`);
  const measured = await measureAll(wanted);
  console.log(`\n${goalsTable(measured.results)}`);
  for (const { section, group, reason } of measured.failures)
    console.error(`${section}, ${group} has failed: ${reason}`);
  if (measured.failures.length > 0) process.exitCode = 1;
  if (!wanted.isWhole && !wanted.keep) return;
  const report = wanted.isWhole || !existsSync(kept) ? measured : merged(readReport(kept), measured);
  writeFileSync(kept, `${JSON.stringify(report, undefined, 1)}\n`);
  await draw(report);
}

await main();
