// The arguments of `npm run bench`.

import { parseArgs } from 'node:util';
import { GROUPS, toRounds } from './alone.js';

export const SECTIONS = ['echo', 'handshakes', 'idle-memory', 'growth', 'client', 'broadcast', 'micro'];

export const USAGE = `npm run bench -- [measurement …] [--groups node24,bun] [--cases '64 B'] [--rounds 5] [--keep] [--from FILE]

  measurement   ${SECTIONS.join(', ')}; all of them when none is named
  --groups      ${GROUPS.join(', ')}
  --cases       those whose titles have this in them; may be given several times
  --rounds      5; fewer say little
  --keep        puts what a part of the measurements gives among the results that are kept, and draws the page anew: a whole run does so by itself
  --from        measures nothing: draws the page from the results in this file ("results" for those that are kept)
`;

/**
 * @typedef {object} Arguments
 * @property {string[]} sections
 * @property {string[]} groups
 * @property {string[]} cases
 * @property {number} rounds
 * @property {boolean} isWhole Whether nothing is left out, so that its results take the place of those before.
 * @property {boolean} keep
 * @property {string | undefined} from
 * @property {boolean} help
 */

/** @param {string} kind @param {readonly string[]} names @param {readonly string[]} all */
function chosen(kind, names, all) {
  const unknown = names.find((name) => !all.includes(name));
  if (unknown !== undefined) throw new RangeError(`there is no ${kind} "${unknown}": ${all.join(', ')}`);
  return names.length === 0 ? [...all] : all.filter((name) => names.includes(name));
}

/**
 * @param {readonly string[]} args
 * @returns {Arguments}
 * @throws TypeError, RangeError for what it does not understand.
 */
export function toArguments(args) {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      groups: { type: 'string', multiple: true, default: [] },
      cases: { type: 'string', multiple: true, default: [] },
      rounds: { type: 'string', default: '5' },
      keep: { type: 'boolean', default: false },
      from: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const named = values.groups.flatMap((list) => list.split(',')).filter((name) => name !== '');
  const { cases, keep, from, help } = values;
  const rounds = toRounds(values.rounds);
  if (from !== undefined && (positionals.length > 0 || named.length > 0 || cases.length > 0)) {
    throw new RangeError('--from measures nothing: it takes no measurements, groups or cases');
  }
  const sections = chosen('measurement', positionals, SECTIONS);
  const groups = chosen('group', named, GROUPS);
  const isWhole =
    sections.length === SECTIONS.length && groups.length === GROUPS.length && cases.length === 0 && rounds >= 5;
  return { sections, groups, cases, rounds, isWhole, keep, from, help };
}
