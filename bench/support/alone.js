// A measurement that is run alone prints its tables: `node echo.js node24 '64 B, 16' --rounds 3`.

import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { resultTable } from './result-table.js';
import { printProgress } from './units.js';

export const GROUPS = ['node24', 'node20', 'bun', 'deno'];

/**
 * @typedef {object} Wanted
 * @property {readonly string[]} groups Of GROUPS.
 * @property {readonly string[]} [cases] Parts of titles: all cases when there is none.
 * @property {number} rounds
 * @property {(text: string) => void} progress
 *
 * @typedef {(wanted: Wanted) => AsyncIterable<import('./result.js').Result>} Measure
 */

/** Whether a case is wanted. @param {string} title @param {readonly string[]} [cases] */
export function isWanted(title, cases = []) {
  return cases.length === 0 || cases.some((part) => title.includes(part));
}

/** A number of rounds from an argument. @param {string} text */
export function toRounds(text) {
  const rounds = Number(text);
  if (!Number.isInteger(rounds) || rounds < 1) throw new RangeError(`"${text}" is no number of rounds`);
  return rounds;
}

/**
 * Runs a measurement when its file is what Node was told to run; otherwise nothing happens.
 *
 * @param {string} url The `import.meta.url` of the measurement.
 * @param {Measure} measure
 */
export async function runAlone(url, measure) {
  const [, script] = process.argv;
  if (script === undefined || realpathSync(script) !== fileURLToPath(url)) return;
  const options = /** @type {const} */ ({ rounds: { type: 'string', default: process.env.ROUNDS ?? '5' } });
  const { values, positionals } = parseArgs({ allowPositionals: true, options });
  const groups = positionals.filter((name) => GROUPS.includes(name));
  const wanted = {
    groups: groups.length > 0 ? groups : GROUPS,
    cases: positionals.filter((name) => !GROUPS.includes(name)),
    rounds: toRounds(values.rounds),
    progress: printProgress,
  };
  for await (const result of measure(wanted)) console.log(`\n${resultTable(result)}`);
}
