// The arguments of a benchmark, and the run of all measurements: their order, what is left, and what fails.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { isWanted, type Measure } from '../../bench/support/alone.js';
import { SECTIONS, toArguments, USAGE } from '../../bench/support/arguments.js';
import { inMinutes, runAll } from '../../bench/support/run-all.js';
import { throws } from '../support/check.ts';
import { entry, result } from './made-up.ts';

const test = suite('bench · run');

test('without arguments all is measured, in five rounds', () => {
  const { sections, groups, cases, rounds, isWhole, keep, from, help } = toArguments([]);
  assert.equal([sections, groups], [SECTIONS, ['node24', 'node20', 'bun', 'deno']]);
  assert.equal([cases, rounds, isWhole, keep, from, help], [[], 5, true, false, undefined, false]);
});

test('arguments choose measurements, groups, cases and rounds', () => {
  const args = ['client', 'echo', '--groups', 'deno,node24', '--groups', 'bun', '--cases', '64 B', '--rounds', '3'];
  const { sections, groups, cases, rounds, isWhole } = toArguments(args);
  assert.equal(
    [sections, groups],
    [
      ['echo', 'client'],
      ['node24', 'bun', 'deno'],
    ],
  );
  assert.equal([cases, rounds, isWhole], [['64 B'], 3, false]);
});

test('what leaves something out, or has few rounds, is not the whole', () => {
  for (const args of [['echo'], ['--groups', 'bun'], ['--cases', 'x'], ['--rounds', '4']]) {
    assert.is(toArguments(args).isWhole, false, args.join(' '));
  }
  assert.ok(toArguments(['--rounds', '9']).isWhole);
});

test('arguments that are wrong are said to be', () => {
  throws(() => toArguments(['ecco']), RangeError, /there is no measurement "ecco": echo, /);
  throws(() => toArguments(['--groups', 'node19']), RangeError, /there is no group "node19": node24, /);
  for (const rounds of ['0', '-1', '1.5', 'many', '']) {
    throws(() => toArguments([`--rounds=${rounds}`]), RangeError, /is no number of rounds/);
  }
  throws(() => toArguments(['--unknown']), TypeError);
  throws(() => toArguments(['--from']), TypeError);
  throws(() => toArguments(['--from', 'results', 'echo']), RangeError, /--from measures nothing/);
});

test('the help names every measurement and every flag', () => {
  for (const name of [...SECTIONS, '--groups', '--cases', '--rounds', '--keep', '--from']) assert.match(USAGE, name);
});

test('cases are wanted by a part of their title', () => {
  assert.ok(isWanted('64 B, 1 in flight', []));
  assert.ok(isWanted('64 B, 1 in flight', ['x', '1 in']));
  assert.not(isWanted('64 B, 1 in flight', ['16 in']));
});

test('seconds are shown as minutes', () => {
  assert.equal([0, 59.6, 61, 3600, -3].map(inMinutes), ['0:00', '1:00', '1:01', '60:00', '0:00']);
});

/** Runs measurements that take ten seconds each, of a clock that they turn themselves. */
async function run(measures: Record<string, Measure>, groups = ['node24', 'bun']) {
  let time = 0;
  const told: string[] = [];
  const results: string[] = [];
  const outcome = await runAll(
    { sections: Object.keys(measures), groups, cases: ['a'], rounds: 3 },
    {
      load: async (section: string) => ({
        measure: async function* (wanted) {
          time += 10;
          yield* (measures[section] as Measure)(wanted);
        },
      }),
      expected: () => 20,
      progress: (text: string) => told.push(text),
      onResult: ({ title, group }) => results.push(`${group}: ${title}`),
      now: () => time,
    },
  );
  return { ...outcome, told, results };
}

test('measurements run one after the other, each with a group after the other, and are told what is wanted', async () => {
  const seen: unknown[] = [];
  const measure = (name: string): Measure =>
    async function* ({ groups, cases, rounds, progress }) {
      seen.push([name, groups, cases, rounds]);
      progress('half');
      yield result('echo', name, [entry('millrace', 1)], groups[0]);
    };
  const { results, spent, failures, seconds, told } = await run({ one: measure('one'), two: measure('two') });
  assert.equal(results, ['node24: one', 'bun: one', 'node24: two', 'bun: two']);
  assert.equal(seen[1], ['one', ['bun'], ['a'], 3]);
  assert.equal(spent, { 'one node24': 10, 'one bun': 10, 'two node24': 10, 'two bun': 10 });
  assert.equal([failures, seconds], [[], 40]);
  assert.is(told[0], '0:00, about 1:20 left: one: node24: begins');
  assert.is(told[3], '0:20, about 0:50 left: one: half');
});

test('what fails is said, and the others still have their turn', async () => {
  const failing: Measure = async function* ({ groups }) {
    yield result('echo', 'before', [entry('millrace', 1)], groups[0]);
    if (groups[0] === 'node24') throw new Error('it fell over');
  };
  const { results, failures } = await run({ one: failing });
  assert.equal(results, ['node24: before', 'bun: before']);
  assert.equal(failures, [{ section: 'one', group: 'node24', reason: 'it fell over' }]);
});

test.run();
