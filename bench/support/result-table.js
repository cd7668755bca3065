// The table of a result: who stood beside each other, what each has cost, and how that is beside the first.

import { median, withSpread } from './statistics.js';
import { toTable } from './units.js';

/** As many digits as say something. @param {number} value */
export function digitsFor(value) {
  return value >= 100 ? 0 : value >= 10 ? 1 : 2;
}

/** @param {number} value */
export function inDigits(value) {
  return value.toLocaleString('en', {
    minimumFractionDigits: digitsFor(value),
    maximumFractionDigits: digitsFor(value),
  });
}

/**
 * How many times the first of the entries the other one costs. Undefined when one of them has no values.
 *
 * @param {import('./result.js').Entry | undefined} own
 * @param {import('./result.js').Entry | undefined} other
 */
export function ratio(own, other) {
  if (!own?.values.length || !other?.values.length) return undefined;
  return median(other.values) / median(own.values);
}

/** @param {import('./result.js').Result} result */
export function headingsOf({ group, title, unit, entries }) {
  const [own] = entries;
  const beside = [...new Set(entries.flatMap((entry) => Object.keys(entry.beside ?? {})))];
  return { first: `${group}: ${title}`, unit, besideOwn: `beside ${own?.name ?? ''}`, beside };
}

/** A table in Markdown. @param {import('./result.js').Result} result */
export function resultTable(result) {
  const { entries } = result;
  const { first, unit, besideOwn, beside } = headingsOf(result);
  const rows = entries.map((entry) => {
    if (entry.values.length === 0) return [entry.name, entry.missing ?? 'no figure', '', ...beside.map(() => '')];
    const others = beside.map((heading) => {
      const values = entry.beside?.[heading] ?? [];
      return values.length === 0 ? '' : inDigits(median(values));
    });
    const spread = withSpread(entry.values, digitsFor(median(entry.values)));
    return [entry.name, spread, (ratio(entries[0], entry) ?? Number.NaN).toFixed(2), ...others];
  });
  return toTable([first, unit, besideOwn, ...beside], rows);
}
