// The short form of the benchmarks: every echo of every server is right, counts that are the same in every run have not grown, every measurement works, charts show what they are given.
// Ratios are printed, and nothing is judged by them: the machine may be busy. Ends with one plain line: `N passed, N failed`.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { GROUPS } from './support/alone.js';
import { SECTIONS } from './support/arguments.js';
import { compareCounts, countNow } from './support/counts.js';
import { checkEchoes } from './support/echo-check.js';
import { prepare } from './support/installed.js';
import { overviewTable, tablesOf } from './support/report.js';
import { inMinutes } from './support/run-all.js';
import { commandOf } from './support/runtimes.js';

const counts = fileURLToPath(new URL('counts.json', import.meta.url));
/** Echoes have been checked before; of these the ratios are printed, with warm code. The others see to it that they work, with code that is cold. */
const WARM = { section: 'echo', groups: ['node24'], cases: ['64 B, 16 in flight, 64 connections'] };
/** Where a part of the cases shows that it works. @type {Record<string, string[]>} */
const PART = { client: ['64 B, 16 in flight, 64 connections', '1 MiB, 1 in flight, 8 connections'] };

await prepare(console.error);
const present = GROUPS.filter((group) => {
  try {
    return commandOf(/** @type {any} */ (group), []).length > 0;
  } catch (error) {
    console.log(`     ${error instanceof Error ? error.message : error}`);
    return false;
  }
});

let passed = 0;
let failed = 0;

/** @param {string} name @param {string} [fault] */
function tell(name, fault) {
  if (fault === undefined) {
    passed++;
    return;
  }
  failed++;
  console.log(`FAIL ${name}: ${fault}`);
}

async function echoes() {
  for (const group of present) {
    const before = passed;
    for await (const { name, fault, missing } of checkEchoes(group)) {
      if (missing === undefined) tell(name, fault);
      else console.log(`     ${name} is not here: ${missing}`);
    }
    console.log(`ok   ${group}: ${passed - before} echoes are right`);
  }
}

async function messages() {
  const { grown, fallen, same } = compareCounts(JSON.parse(readFileSync(counts, 'utf8')), await countNow());
  for (const line of grown) tell('counts', line);
  for (const line of fallen) console.log(`     ${line}: npm run counts in bench/ keeps it`);
  passed += same + fallen.length;
  console.log(`ok   ${same + fallen.length} counts have not grown`);
}

/** @param {string} section */
async function measurement(section) {
  const { measure } = await import(`./${section}.js`);
  const isWarm = section === WARM.section;
  const { groups, cases } = isWarm ? WARM : { groups: present, cases: PART[section] ?? [] };
  /** @type {import('./support/result.js').Result[]} */
  const results = [];
  for await (const result of measure({ groups, cases, rounds: 1, isShort: !isWarm, progress: () => {} })) {
    results.push(result);
    const own = result.entries.find(({ name }) => name.startsWith('millrace'));
    tell(`${section}, ${result.group}: ${result.title}`, own?.values.length ? undefined : 'millrace has no figure');
  }
  const how = isWarm ? '' : ', with cold code';
  for (const group of groups) {
    const some = results.filter((result) => result.group === group);
    for (const table of tablesOf(some).map(overviewTable)) {
      console.log(`\n${section}, ${group}${how}\n\n${table}`);
    }
  }
}

/** @param {string} name @param {() => Promise<void>} part */
async function run(name, part) {
  const begun = performance.now();
  await part().catch((error) => tell(name, error instanceof Error ? error.stack : String(error)));
  console.log(`     ${name}: ${inMinutes((performance.now() - begun) / 1000)}`);
}

await run('charts', async () => {
  // It is installed with the rivals.
  const { checkCharts } = await import('./support/chart-check.js');
  for (const { name, fault } of checkCharts()) tell(name, fault);
});
await run('counts', messages);
await run('echoes', echoes);
console.log('\nRatios of a moment, on whatever machine this is: nothing is judged by them.');
for (const section of SECTIONS) await run(section, () => measurement(section));
console.log(`\n${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
