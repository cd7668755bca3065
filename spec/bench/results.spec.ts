// Medians, spread, and the tables and the page that results are shown in.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  between,
  chartNotes,
  goalsTable,
  machineLines,
  merged,
  overviewTable,
  pageOf,
  type Report,
  sectionText,
  tablesOf,
} from '../../bench/support/report.js';
import type { Result } from '../../bench/support/result.js';
import { inDigits, ratio, resultTable } from '../../bench/support/result-table.js';
import { median, withSpread } from '../../bench/support/statistics.js';
import { inBytes, toTable } from '../../bench/support/units.js';
import { throws } from '../support/check.ts';
import { entry, report, result } from './made-up.ts';

const test = suite('bench · results');

test('a median is the value in the middle, or between the two in the middle', () => {
  assert.is(median([3]), 3);
  assert.is(median([9, 1, 5]), 5);
  assert.is(median([4, 1, 3, 2]), 2.5);
  const values = [3, 1, 2];
  median(values);
  assert.equal(values, [3, 1, 2], 'what it is given stays as it was');
});

test('a median is not led astray by one round', () => {
  assert.is(median([1, 1, 1, 1, 1000]), 1);
});

test('the spread is from the least to the most', () => {
  assert.is(withSpread([2, 1, 4]), '2.00 (1.00 to 4.00)');
  assert.is(withSpread([20, 10, 40], 0), '20 (10 to 40)');
});

test('figures have as many digits as say something', () => {
  assert.equal([0.5, 9.994, 10, 99.94, 100, 12_345.6].map(inDigits), ['0.50', '9.99', '10.0', '99.9', '100', '12,346']);
  assert.equal([64, 1024, 65_536, 1_048_576, 2 ** 30].map(inBytes), ['64 B', '1 KiB', '64 KiB', '1 MiB', '1 GiB']);
});

test('a ratio is of medians, and of nothing where there are no values', () => {
  assert.is(ratio(entry('a', 1, 2, 9), entry('b', 4, 4, 4)), 2);
  assert.is(ratio(entry('a', 1), entry('b')), undefined);
  assert.is(ratio(undefined, entry('b', 1)), undefined);
});

test('a table has its columns beneath each other', () => {
  assert.is(toTable(['a', 'long'], [['longer', 'b']]), '| a      | long |\n|--------|------|\n| longer | b    |');
});

test('a result is a table: each entry with its spread, beside the first, and with its other figures', () => {
  const beside = { 'messages a second': [1_000_000, 3_000_000, 2_000_000] };
  const some: Result = { ...result('echo', 'a case', []), entries: [{ ...entry('millrace', 1, 2, 3), beside }] };
  some.entries.push(entry('ws', 4, 5, 6), { name: 'uWebSockets.js', values: [], missing: 'no binary' });
  const lines = resultTable(some).split('\n');
  const cells = lines.map((line) => line.split('|').map((cell) => cell.trim()));
  assert.equal(cells[0], ['', 'node24: a case', 'us of CPU a message', 'beside millrace', 'messages a second', '']);
  assert.equal(cells[2], ['', 'millrace', '2.00 (1.00 to 3.00)', '1.00', '2,000,000', '']);
  assert.equal(cells[3], ['', 'ws', '5.00 (4.00 to 6.00)', '2.50', '', '']);
  assert.equal(cells[4], ['', 'uWebSockets.js', 'no binary', '', '', '']);
});

test('cases stand beneath each other, whoever is in each of them', () => {
  const table = overviewTable([
    result('echo', 'small', [entry('millrace', 1), entry('ws', 3)]),
    result('echo', 'large', [entry('millrace', 100), entry('bare TCP', 50)]),
  ]);
  const cells = table.split('\n').map((line) => line.split('|').map((cell) => cell.trim()));
  assert.equal(cells[0], ['', 'us of CPU a message', 'millrace', 'ws', 'bare TCP', '']);
  assert.equal(cells[2], ['', 'small', '1.00', '3.00 (3.00)', '', '']);
  assert.equal(cells[3], ['', 'large', '100', '', '50.0 (0.50)', '']);
});

test('results stand in one table when they have the unit and the entries in common', () => {
  const one = result('micro', 'mask', [entry('millrace', 1), entry('bufferutil', 1)]);
  const other = result('micro', 'decode', [entry('millrace', 1), entry('ws', 1)]);
  const dear = { ...other, unit: 'ns of CPU a message' };
  const titles = tablesOf([one, other, { ...one, title: 'mask more' }, dear]).map((some) =>
    some.map(({ title }) => title),
  );
  assert.equal(titles, [['mask', 'mask more'], ['decode'], ['decode']]);
});

test('a section has how it was measured, its charts, a table of each unit, every figure, and what is missing', () => {
  const title = '64 B, 16 in flight, 64 connections';
  const text = sectionText('echo', 'How it is measured.', {
    ...report([
      result('echo', title, [entry('millrace', 1.5), { name: 'ws', values: [], missing: 'not here' }]),
      { ...result('echo', title, [entry('millrace', 7.25)]), unit: 'KiB a connection' },
      result('client', title, [entry('millrace', 99.5)]),
    ]),
    failures: [{ section: 'echo', group: 'bun', reason: 'it fell over' }],
  });
  assert.ok(text.startsWith('How it is measured.\n\n!['));
  for (const part of ['charts/echo-64-16.svg', '1.50', '7.25', 'ws: not here', 'Bun has failed: it fell over']) {
    assert.ok(text.includes(part), part);
  }
  assert.not.ok(text.includes('99.5'));
});

test('what was not measured is said', () => {
  assert.match(sectionText('micro', 'How.', report([])), 'Not measured yet.');
});

test('a text stands between its marks, whatever is in it, and nothing else changes', () => {
  const page = 'a\n<!-- echo -->\nold\n<!-- /echo -->\nb\n<!-- other -->\n<!-- /other -->\n';
  const written = between(page, 'echo', "$& $1 $'");
  assert.is(
    written,
    page.replace('old', () => "$& $1 $'"),
  );
  assert.is(between(written, 'echo', "$& $1 $'"), written);
  throws(() => between(page, 'micro', ''), Error, /no marks for micro/);
});

test('the page names the machine, the versions and the day, and has the goals', () => {
  const page = ['machine', 'goals', 'echo'].map((name) => `<!-- ${name} -->\n<!-- /${name} -->`).join('\n');
  const some = report([
    result('echo', '16 KiB, 1 in flight, 1 connection', [entry('millrace', 1), entry('bare TCP', 1)]),
  ]);
  const text = pageOf(page, some, { echo: 'How.' });
  for (const part of [...machineLines(some), goalsTable(some.results), 'How.']) assert.ok(text.includes(part), part);
  assert.match(machineLines(some).join('\n'), /A processor, 2 cores.*Node 24 24\.1\.0.*2026-01-02/s);
  assert.match(chartNotes(some).join('\n'), /5 rounds.*ws 8\.0\.0.*A processor.*2026-01-02/s);
});

test('a part that was measured again takes the places of what it was before, and says when', () => {
  const before: Report = {
    ...report([result('echo', 'a', [entry('millrace', 1)]), result('echo', 'b', [entry('millrace', 2)])]),
    failures: [
      { section: 'echo', group: 'node24', reason: 'then' },
      { section: 'echo', group: 'bun', reason: 'then' },
    ],
  };
  const now: Report = {
    ...report([result('echo', 'b', [entry('millrace', 3)]), result('echo', 'c', [entry('millrace', 4)])]),
    date: '2026-02-03T00:00:00.000Z',
    rounds: 7,
    spent: { 'echo node24': 1 },
  };
  const both = merged(before, now);
  const shown = both.results.map(({ title, entries, date, rounds }) => [title, entries[0]?.values[0], date, rounds]);
  assert.equal(shown, [
    ['a', 1, undefined, undefined],
    ['b', 3, now.date, 7],
    ['c', 4, now.date, 7],
  ]);
  assert.equal(both.failures, [{ section: 'echo', group: 'bun', reason: 'then' }]);
  assert.match(machineLines(both).join('\n'), 'again 2026-02-03');
});

test.run();
