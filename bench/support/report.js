// The page of results: tables, charts and goals between the marks of README.md.

import { chartsOf, runtimeOf } from './charts.js';
import { judgeGoals } from './goals.js';
import { inDigits, ratio, resultTable } from './result-table.js';
import { median } from './statistics.js';
import { toTable } from './units.js';

/**
 * @typedef {import('./result.js').Result} Result
 *
 * @typedef {object} Report What is kept of measurements.
 * @property {string} date When they began, ISO 8601.
 * @property {number} rounds
 * @property {{ cpu: string, cores: number, kernel: string, memory: string, load: number }} machine
 * @property {Record<string, string>} versions
 * @property {Record<string, number>} spent Seconds of each step, by measurement and group.
 * @property {{ section: string, group: string, reason: string }[]} failures
 * @property {(Result & { date?: string, rounds?: number })[]} results Those that were taken later or in fewer rounds say so.
 */

const labels = { node20: 'Node 20', node24: 'Node 24', bun: 'Bun', deno: 'Deno', 'utf-8-validate': '`utf-8-validate`' };

/** @param {Report} report */
export function machineLines({ machine, versions, date, rounds, results }) {
  const names = Object.entries(versions).map(
    ([name, version]) => `${labels[/** @type {keyof typeof labels} */ (name)] ?? name} ${version}`,
  );
  const later = [...new Set(results.flatMap((result) => result.date?.slice(0, 10) ?? []))].sort();
  return [
    `${machine.cpu}, ${machine.cores} cores, ${machine.memory}, ${machine.kernel}; load ${machine.load} before.`,
    `${names.join(', ')}.`,
    `Taken ${date.slice(0, 10)}, ${rounds} rounds${later.length > 0 ? `, parts of it again ${later.join(', ')}` : ''}.`,
  ];
}

/** The small lines beneath a chart. @param {Report} report */
export function chartNotes({ machine, versions, date, rounds }) {
  const some = ['node24', 'ws', 'uwebsockets', 'undici', 'bun', 'deno']
    .filter((name) => name in versions)
    .map((name) => `${labels[/** @type {keyof typeof labels} */ (name)] ?? name} ${versions[name]}`);
  return [
    `Medians of ${rounds} rounds; whiskers: the least and the most.`,
    some.join(', '),
    `${machine.cpu}, ${machine.cores} cores, ${machine.kernel}, ${date.slice(0, 10)}`,
  ];
}

/** @param {readonly Result[]} results */
export function goalsTable(results) {
  const rows = judgeGoals(results).map(({ name, asks, measured, verdict }) => [name, asks, measured, verdict]);
  return toTable(['case', 'goal', 'measured (the worst of them first)', ''], rows);
}

/** Cases beneath each other, with the median of each entry, and in brackets how many times the first one's it is. @param {readonly Result[]} results */
export function overviewTable(results) {
  const names = [...new Set(results.flatMap(({ entries }) => entries.map(({ name }) => name)))];
  const rows = results.map(({ title, entries }) => [
    title,
    ...names.map((name) => {
      const entry = entries.find((each) => each.name === name);
      if (entry === undefined || entry.values.length === 0) return '';
      const value = inDigits(median(entry.values));
      const times = entry === entries[0] ? undefined : ratio(entries[0], entry);
      return times === undefined ? value : `${value} (${times.toFixed(2)})`;
    }),
  ]);
  return toTable([results[0]?.unit ?? '', ...names], rows);
}

/** The results that fit into one table, in their order: those of one unit with the same entries. @param {readonly Result[]} results */
export function tablesOf(results) {
  const kindOf = (/** @type {Result} */ { unit, entries }) => JSON.stringify([unit, entries.map(({ name }) => name)]);
  const kinds = [...new Set(results.map(kindOf))];
  return kinds.map((kind) => results.filter((result) => kindOf(result) === kind));
}

/** Why entries have no figures. @param {readonly Result[]} results */
function missingLines(results) {
  const lines = results.flatMap(({ entries }) =>
    entries
      .filter(({ values }) => values.length === 0)
      .map(({ name, missing }) => `${name}: ${missing ?? 'no figure'}`),
  );
  return [...new Set(lines)];
}

/** @param {readonly Result[]} results All of one group. @param {string} group */
function groupText(results, group) {
  const parts = [`**${runtimeOf(group)}**`, ...tablesOf(results).map(overviewTable), ...missingLines(results)];
  const every = results.map((result) => resultTable(result)).join('\n\n');
  parts.push(
    `<details><summary>with the spread of the rounds (${runtimeOf(group)})</summary>\n\n${every}\n\n</details>`,
  );
  return parts.join('\n\n');
}

/**
 * What stands between the marks of a measurement.
 *
 * @param {string} section
 * @param {string} about How it is measured.
 * @param {Report} report
 */
export function sectionText(section, about, { results, failures }) {
  const own = results.filter((result) => result.section === section);
  const charts = chartsOf(results, []).filter((chart) => chart.section === section);
  const groups = [...new Set(own.map(({ group }) => group))];
  const parts = [about, ...charts.map(({ name, title }) => `![${title}](charts/${name}.svg)`)];
  for (const group of groups) {
    parts.push(
      groupText(
        own.filter((result) => result.group === group),
        group,
      ),
    );
  }
  for (const failure of failures) {
    if (failure.section === section) parts.push(`${runtimeOf(failure.group)} has failed: ${failure.reason}`);
  }
  if (own.length === 0) parts.push('Not measured yet.');
  return parts.join('\n\n');
}

/**
 * Puts a text between the marks that have a name.
 *
 * @param {string} page
 * @param {string} name
 * @param {string} text
 */
export function between(page, name, text) {
  const marks = new RegExp(`(<!-- ${name} -->).*(<!-- /${name} -->)`, 's');
  if (!marks.test(page)) throw new Error(`README.md has no marks for ${name}`);
  // A function: a replacement string would read the dollars in it.
  return page.replace(marks, (_, start, end) => `${start}\n${text}\n${end}`);
}

/**
 * The page with what a report says.
 *
 * @param {string} page
 * @param {Report} report
 * @param {Readonly<Record<string, string>>} abouts How each of the measurements is made.
 */
export function pageOf(page, report, abouts) {
  let written = between(page, 'machine', machineLines(report).join('\n'));
  written = between(written, 'goals', goalsTable(report.results));
  for (const [section, about] of Object.entries(abouts)) {
    written = between(written, section, sectionText(section, about, report));
  }
  return written;
}

/**
 * A report in which some results have taken the places of those before.
 *
 * @param {Report} before
 * @param {Report} now
 * @returns {Report}
 */
export function merged(before, now) {
  const key = (/** @type {Result} */ { section, group, title }) => JSON.stringify([section, group, title]);
  const fresh = new Map(now.results.map((result) => [key(result), { ...result, date: now.date, rounds: now.rounds }]));
  const results = before.results.map((result) => {
    const taken = fresh.get(key(result));
    fresh.delete(key(result));
    return taken ?? result;
  });
  const again = new Set(Object.keys(now.spent));
  const failures = before.failures.filter(({ section, group }) => !again.has(`${section} ${group}`));
  return { ...before, results: [...results, ...fresh.values()], failures: [...failures, ...now.failures] };
}
