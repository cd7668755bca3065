// The goals that were set before anything was measured, and what the results say to each of them.

import { ratio } from './result-table.js';

/**
 * @typedef {import('./result.js').Result} Result
 *
 * @typedef {object} Compared One of the figures that a goal asks for.
 * @property {string} where The case that it is of.
 * @property {number | undefined} times Undefined: it was not measured.
 *
 * @typedef {object} Goal
 * @property {string} name The case, as the table has it.
 * @property {string} asks
 * @property {number} bound
 * @property {boolean} isMost Whether it is the most that may be; otherwise the least.
 * @property {boolean} [isMore] Whether level is not enough.
 * @property {(results: readonly Result[]) => Compared[]} compare
 *
 * @typedef {object} Judged
 * @property {string} name
 * @property {string} asks
 * @property {string} measured
 * @property {'met' | 'not met' | 'not measured'} verdict
 */

/** Titles are compared without the commas in their numbers. @param {string} title */
function plain(title) {
  return title.replaceAll(/(\d),(\d{3})/g, '$1$2');
}

/** @param {string} section @param {string} group @param {RegExp} title */
const casesOf = (section, group, title) => (/** @type {readonly Result[]} */ results) =>
  results.filter((each) => each.section === section && each.group === group && title.test(plain(each.title)));

/** @param {Result} result @param {RegExp} name */
function entryOf({ entries }, name) {
  return entries.find((entry) => name.test(entry.name));
}

/**
 * How many times the library's figure the other's is: above 1 the library is better.
 *
 * @param {(results: readonly Result[]) => Result[]} cases
 * @param {RegExp} other
 */
const besideOther = (cases, other) => (/** @type {readonly Result[]} */ results) =>
  cases(results).map((result) => ({ where: result.title, times: ratio(result.entries[0], entryOf(result, other)) }));

/**
 * How many times the other's figure the library's is: at most so many may be asked for.
 *
 * @param {(results: readonly Result[]) => Result[]} cases
 * @param {RegExp} other
 * @param {RegExp} [own]
 */
const ofOther =
  (cases, other, own = /^/) =>
  (/** @type {readonly Result[]} */ results) =>
    cases(results).map((result) => ({
      where: result.title,
      times: ratio(entryOf(result, other), entryOf(result, own)),
    }));

const ADD_ONS = /^ws with add-ons/;
const UWS = /^uWebSockets/;
const TCP = /^bare TCP/;

const small16 = casesOf('echo', 'node24', /^64 B, 16 in flight, 64 connections/);
const small1 = casesOf('echo', 'node24', /^64 B, 1 in flight/);
const middle = casesOf('echo', 'node24', /^16 KiB/);
const large = casesOf('echo', 'node24', /^1 MiB/);
const idle = casesOf('idle-memory', 'node24', /^/);

/** The streams beside the loop, in the cases that have goals. @param {readonly Result[]} results */
function streamsBesideLoop(results) {
  return [small16, small1, middle, large]
    .flatMap((cases) => cases(results))
    .flatMap((result) =>
      result.entries
        .filter(({ name }) => /^millrace, (readable|pipeTo)/.test(name))
        .map((entry) => ({ where: `${entry.name}, ${result.title}`, times: ratio(result.entries[0], entry) })),
    );
}

/** Whether another goal speaks about it. @param {Result} result */
function hasOwnGoal({ section, title }) {
  if (['client', 'growth', 'idle-memory'].includes(section)) return true;
  return section === 'echo' && /^(64 B, 1 in flight|64 B, 16 in flight, 64 c|16 KiB|1 MiB)/.test(plain(title));
}

/** @param {readonly Result[]} results */
function elsewhere(results) {
  return results
    .filter((result) => result.group === 'node24' && !hasOwnGoal(result))
    .flatMap((result) =>
      result.entries
        .filter(({ name }) => /^ws\b/.test(name))
        .map((entry) => ({ where: `${result.section}: ${result.title}`, times: ratio(result.entries[0], entry) })),
    );
}

/** @param {readonly Result[]} results */
function growth(results) {
  const cases = casesOf('growth', 'node24', /^/)(results);
  const of = (/** @type {RegExp} */ title) => cases.find((each) => title.test(plain(each.title)))?.entries[0];
  return [{ where: 'from 1 to 10,000', times: ratio(of(/\b1 connection/), of(/\b10000 connections/)) }];
}

/** @param {readonly Result[]} results */
function clients(results) {
  const cases = casesOf('client', 'node24', /^/)(results);
  return cases.flatMap((result) =>
    [/^undici/, /^ws\b/].map((other) => {
      const entry = entryOf(result, other);
      return { where: `${entry?.name ?? 'a rival'}, ${result.title}`, times: ratio(result.entries[0], entry) };
    }),
  );
}

const least = (/** @type {number} */ bound) => ({ bound, isMost: false });
const more = (/** @type {number} */ bound) => ({ bound, isMost: false, isMore: true });
const most = (/** @type {number} */ bound) => ({ bound, isMost: true });
const SMALL16 = '64 B, 16 in flight, 64 connections';

/** @type {readonly Goal[]} */
export const goals = [
  { name: SMALL16, asks: 'at least 4 times `ws` with add-ons', ...least(4), compare: besideOther(small16, ADD_ONS) },
  { name: SMALL16, asks: 'at least level with uWebSockets.js', ...least(1), compare: besideOther(small16, UWS) },
  { name: '64 B, 1 in flight', asks: 'at least 1.2 times `ws`', ...least(1.2), compare: besideOther(small1, /^ws$/) },
  { name: '64 B, 1 in flight', asks: 'within 10 % of bare TCP', ...most(1.1), compare: ofOther(small1, TCP) },
  { name: '16 KiB', asks: 'better than `ws` with add-ons', ...more(1), compare: besideOther(middle, ADD_ONS) },
  { name: '16 KiB', asks: 'within 1.2 of bare TCP', ...most(1.2), compare: ofOther(middle, TCP) },
  { name: '1 MiB', asks: 'better than `ws` with add-ons', ...more(1), compare: besideOther(large, ADD_ONS) },
  { name: '1 MiB', asks: 'within 1.4 of bare TCP', ...most(1.4), compare: ofOther(large, TCP) },
  { name: 'the streams', asks: 'at most 1.4 times the loop', ...most(1.4), compare: streamsBesideLoop },
  {
    name: 'idle memory, the loop waiting',
    asks: 'at most that of `ws`',
    ...most(1),
    compare: ofOther(idle, /^ws\b/, /^millrace/),
  },
  {
    name: 'idle memory, both streams open',
    asks: 'at most 1.8 times that of `ws`',
    ...most(1.8),
    compare: ofOther(idle, /^ws\b/, /^millrace.*stream/),
  },
  {
    name: 'cost a message, 1 to 10,000 connections',
    asks: 'grows by less than a quarter',
    ...most(1.25),
    compare: growth,
  },
  {
    name: 'Bun beside Bun.serve, 16 in flight',
    asks: 'at least 0.8 times',
    ...least(0.8),
    compare: besideOther(casesOf('echo', 'bun', /\b16 in flight/), /^Bun\.serve/),
  },
  {
    name: 'Bun beside Bun.serve, 1 in flight',
    asks: 'at least 0.7 times',
    ...least(0.7),
    compare: besideOther(casesOf('echo', 'bun', /\b1 in flight/), /^Bun\.serve/),
  },
  {
    name: 'Deno beside its own, 16 in flight',
    asks: 'at least 3 times',
    ...least(3),
    compare: besideOther(casesOf('echo', 'deno', /\b16 in flight/), /^Deno\./),
  },
  {
    name: 'Deno beside its own, 1 in flight',
    asks: 'level',
    ...least(1),
    compare: besideOther(casesOf('echo', 'deno', /\b1 in flight/), /^Deno\./),
  },
  { name: 'client', asks: 'at least 1.5 times undici and `ws`', ...least(1.5), compare: clients },
  { name: 'everywhere else', asks: 'at least level with `ws`', ...least(1), compare: elsewhere },
];

/** As the table shows it: what is shown as level is level. @param {number} times */
const rounded = (times) => Math.round(times * 100) / 100;

/**
 * @param {Goal} goal
 * @param {readonly Result[]} results
 * @returns {Judged}
 */
function judge({ name, asks, bound, isMost, isMore = false, compare }, results) {
  const compared = compare(results);
  const figures = compared.flatMap(({ where, times }) =>
    times === undefined ? [] : [{ where, times: rounded(times) }],
  );
  if (figures.length === 0) return { name, asks, measured: '', verdict: 'not measured' };
  const isMet = (/** @type {number} */ times) => (isMost ? times <= bound : isMore ? times > bound : times >= bound);
  // The worst first.
  figures.sort((one, other) => (isMost ? other.times - one.times : one.times - other.times));
  const met = figures.filter(({ times }) => isMet(times)).length;
  const parts = [rangeOf(figures)];
  if (met > 0 && met < figures.length) parts.push(`${met} of ${figures.length} met`);
  if (figures.length < compared.length) parts.push(`${compared.length - figures.length} not measured`);
  return { name, asks, measured: parts.join('; '), verdict: met === figures.length ? 'met' : 'not met' };
}

/** @param {readonly { where: string, times: number }[]} figures */
function rangeOf(figures) {
  const [worst, best] = [figures[0], figures.at(-1)];
  if (worst === undefined || best === undefined) return '';
  if (figures.length === 1) return worst.times.toFixed(2);
  return `${worst.times.toFixed(2)} (${worst.where}) to ${best.times.toFixed(2)}`;
}

/** What the results say to each goal. @param {readonly Result[]} results */
export function judgeGoals(results) {
  return goals.map((goal) => judge(goal, results));
}
