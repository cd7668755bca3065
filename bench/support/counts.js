// The counts that must not have grown, beside those of now.

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { commandOf } from './runtimes.js';

/** @typedef {Record<string, Record<string, Record<string, number>>>} Counted By form, case and what is counted. */

/** Of one version of Node, that of this package: another one may make other promises. @returns {Promise<Counted>} */
export async function countNow() {
  const program = fileURLToPath(new URL('../programs/count.js', import.meta.url));
  const [command = '', ...rest] = commandOf('node24', [program]);
  const { stdout } = await promisify(execFile)(command, rest, { timeout: 60_000 });
  return JSON.parse(stdout);
}

/**
 * What has changed, a line each: what has grown, and what is less than it was, which is good and wants to be kept.
 *
 * @param {Counted} expected
 * @param {Counted} counted
 */
export function compareCounts(expected, counted) {
  /** @type {{ grown: string[], fallen: string[], same: number }} */
  const changes = { grown: [], fallen: [], same: 0 };
  for (const [form, cases] of Object.entries({ ...expected, ...counted })) {
    for (const [name, counts] of Object.entries({ ...expected[form], ...cases })) {
      for (const what of Object.keys({ ...expected[form]?.[name], ...counts })) {
        const [before, now] = [expected[form]?.[name]?.[what], counted[form]?.[name]?.[what]];
        const line = `${form}, ${name}: ${what}`;
        if (before === now) changes.same++;
        // What only one of the two knows of is not the same either.
        else if (before === undefined || now === undefined)
          changes.grown.push(`${line} ${before ?? 'unknown'}, now ${now ?? 'unknown'}`);
        else if (now > before) changes.grown.push(`${line} grew from ${before} to ${now}`);
        else changes.fallen.push(`${line} fell from ${before} to ${now}`);
      }
    }
  }
  return changes;
}
