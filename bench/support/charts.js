// Which charts there are, and which results are in each.

import { colorOf } from './colors.js';

/** @typedef {import('./result.js').Result} Result */

/** A panel for each result. @param {readonly Result[]} results @param {(result: Result) => string} [headingOf] */
function panelsOf(results, headingOf = ({ title }) => title) {
  return results.map((result) => ({
    heading: results.length > 1 ? headingOf(result) : undefined,
    bars: result.entries.map((entry) => ({ ...entry, color: colorOf(entry.name) })),
  }));
}

/** A panel for each name, with a bar for each result: how the cost of one grows. @param {readonly Result[]} results */
function panelsByName(results) {
  const names = [...new Set(results.flatMap(({ entries }) => entries.map(({ name }) => name)))];
  return names.map((name) => ({
    heading: name,
    bars: results.flatMap(({ title, entries }) => {
      const entry = entries.find((each) => each.name === name);
      return entry === undefined ? [] : [{ ...entry, name: connectionsIn(title), color: colorOf(name) }];
    }),
  }));
}

/** What of a title tells how many connections there are. @param {string} title */
export function connectionsIn(title) {
  return /[\d,]+ connections?/.exec(title)?.[0] ?? title;
}

const runtimes = { node20: 'Node 20', node24: 'Node 24', bun: 'Bun', deno: 'Deno' };

/** @param {string} group */
export function runtimeOf(group) {
  return runtimes[/** @type {keyof typeof runtimes} */ (group)] ?? group;
}

/** @param {string} group @param {readonly string[]} titles */
const echoOf = (group, titles) => (/** @type {Result} */ result) =>
  result.section === 'echo' && result.group === group && titles.includes(result.title);

/**
 * @typedef {object} ChartKind
 * @property {string} name Of its file.
 * @property {string} section Of README.md, where it stands.
 * @property {string} title
 * @property {(result: Result) => boolean} has
 * @property {(results: readonly Result[]) => import('./chart.js').Panel[]} panels
 * @property {boolean} [isOneScale]
 */

/** @type {readonly ChartKind[]} */
export const chartKinds = [
  {
    name: 'echo-64-16',
    section: 'echo',
    title: 'Echo of 64 B, 16 in flight on each of 64 connections (Node 24)',
    has: echoOf('node24', ['64 B, 16 in flight, 64 connections']),
    panels: panelsOf,
  },
  {
    name: 'echo-64-1',
    section: 'echo',
    title: 'Echo of 64 B, 1 in flight on each connection (Node 24)',
    has: echoOf('node24', ['64 B, 1 in flight, 64 connections', '64 B, 1 in flight, 1,000 connections']),
    panels: (results) => panelsOf(results, ({ title }) => connectionsIn(title)),
  },
  {
    name: 'echo-16k',
    section: 'echo',
    title: 'Echo of 16 KiB over 64 connections (Node 24)',
    has: echoOf('node24', ['16 KiB, 1 in flight, 64 connections', '16 KiB, 16 in flight, 64 connections']),
    panels: (results) => panelsOf(results, ({ title }) => /\d+ in flight/.exec(title)?.[0] ?? title),
  },
  {
    name: 'echo-1m',
    section: 'echo',
    title: 'Echo of 1 MiB, 1 in flight on each connection (Node 24)',
    has: echoOf('node24', ['1 MiB, 1 in flight, 1 connection', '1 MiB, 1 in flight, 8 connections']),
    panels: (results) => panelsOf(results, ({ title }) => connectionsIn(title)),
  },
  {
    name: 'echo-bun-deno',
    section: 'echo',
    title: 'Echo in Bun and in Deno, beside their own servers',
    has: ({ section, group, title }) =>
      section === 'echo' && ['bun', 'deno'].includes(group) && /^(64 B|16 KiB), \d+ in flight, 64 c/.test(title),
    panels: (results) => {
      const byRuntime = results.toSorted((one, other) => one.group.localeCompare(other.group));
      return panelsOf(byRuntime, ({ group, title }) => `${runtimeOf(group)}: ${title}`);
    },
  },
  {
    name: 'idle-memory',
    section: 'idle-memory',
    title: 'Memory of an idle connection (Node 24)',
    has: ({ section, group }) => section === 'idle-memory' && group === 'node24',
    panels: panelsOf,
  },
  {
    name: 'growth',
    section: 'growth',
    title: 'What a message costs with ever more connections (Node 24)',
    has: ({ section, group }) => section === 'growth' && group === 'node24',
    panels: panelsByName,
    isOneScale: true,
  },
  {
    name: 'client',
    section: 'client',
    title: 'Client against client (Node 24)',
    has: ({ section, group }) => section === 'client' && group === 'node24',
    panels: panelsOf,
  },
];

/**
 * The charts that there are results for.
 *
 * @param {readonly Result[]} results
 * @param {readonly string[]} notes
 */
export function chartsOf(results, notes) {
  return chartKinds.flatMap(({ has, panels, ...kind }) => {
    const shown = results.filter((result) => has(result) && result.entries.length > 0);
    const unit = shown[0]?.unit ?? '';
    return shown.length === 0 ? [] : [{ ...kind, unit, notes, panels: panels(shown) }];
  });
}
