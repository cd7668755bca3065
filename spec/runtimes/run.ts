// One engine, the same behaviour: the specs in every runtime, with both implementations of streams. Installs the runtimes (a package of its own: they are large, and
// nobody else needs them), bundles the specs once, runs two cells at a time, and prints a matrix. Ends with one plain line: `N passed, N failed`.
//
// Arguments choose rows and columns by a part of their names, after an = the whole of it: `npm run test:runtimes -- deno =client`. An argument that no row and
// no column has is a mistake. VERBOSE=1 prints what
// passing cells print; CELL_LIMIT is for a machine that has other things to do.

import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { judge, type Outcome, type Run, runProcess } from '../support/outcome.ts';
import { bundle, bundlesOf } from './bundle.ts';
import { type Column, columns } from './columns.ts';
import { environmentOf, findRows, type Row } from './rows.ts';
import { toTable } from './table.ts';

const here = fileURLToPath(new URL('.', import.meta.url));
const root = fileURLToPath(new URL('../..', import.meta.url));

/** A cell is cut after so many milliseconds, and has failed. */
const LONGEST = Number(process.env['CELL_LIMIT'] ?? 40_000);
/** How many inputs a property tries: the long forms are for `npm test` and `npm run soak`. */
const RUNS = process.env['RUNS'] ?? '100';

interface Cell {
  readonly row: Row;
  readonly column: Column;
}

interface Ended extends Cell, Outcome, Run {}

// The programs are inside packages of each platform: no script has to run. What was installed from this lock file is not installed again.
function install(): boolean {
  const times = ['package-lock.json', 'node_modules/.package-lock.json'].map(
    (file) => statSync(join(here, file), { throwIfNoEntry: false })?.mtimeMs ?? 0,
  );
  if ((times[0] as number) < (times[1] as number)) return true;
  const words = ['ci', '--ignore-scripts', '--no-fund', '--no-audit'];
  return spawnSync('npm', words, { cwd: here, stdio: ['ignore', 'ignore', 'inherit'] }).status === 0;
}

// What users have: the command.
function build(): boolean {
  return (
    spawnSync('npm', ['run', '--silent', 'build'], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] }).status === 0
  );
}

function isNamed(name: string, part: string): boolean {
  const lower = name.toLowerCase();
  return part.startsWith('=') ? lower === part.slice(1).toLowerCase() : lower.includes(part.toLowerCase());
}

/** Those of the names that the arguments choose; all, where no argument is about them. */
function choose<T extends { readonly name: string }>(all: readonly T[], parts: readonly string[]): T[] {
  const about = parts.filter((part) => all.some(({ name }) => isNamed(name, part)));
  return all.filter(({ name }) => about.length === 0 || about.some((part) => isNamed(name, part)));
}

function plan(parts: readonly string[]): Cell[] {
  const rows = findRows();
  const unknown = parts.filter((part) => ![...rows, ...columns].some(({ name }) => isNamed(name, part)));
  if (unknown.length > 0) throw new Error(`No row and no column is named ${unknown.join(', ')}`);
  return choose(rows, parts).flatMap((row) =>
    choose(columns, parts)
      .filter(({ fits }) => fits?.(row) ?? true)
      .map((column) => ({ row, column })),
  );
}

async function runCell({ row, column }: Cell): Promise<Ended> {
  const { runtime, isPolyfilled } = row;
  if (runtime.program === undefined) {
    const nothing = { output: '', code: null, wasCut: false, milliseconds: 0 };
    return { row, column, ...nothing, passed: 0, failed: 1, problem: 'is not installed' };
  }
  const env = { ...environmentOf(runtime), SPEC: column.name, RUNS };
  const whole = { output: '', code: 0, wasCut: false, milliseconds: 0, passed: 0, failed: 0 };
  let problem: string | undefined;
  for (const { outfile } of bundlesOf(row, column)) {
    const timeout = LONGEST - whole.milliseconds;
    const [program, words] = column.isOutside ? [process.execPath, []] : [runtime.program, runtime.words];
    const run = await runProcess(program, [...words, outfile], { cwd: root, env, timeout });
    const outcome = judge(run, isPolyfilled);
    whole.output += run.output;
    whole.milliseconds += run.milliseconds;
    whole.passed += outcome.passed;
    whole.failed += outcome.failed;
    if (outcome.problem !== undefined) problem = `${outcome.problem} (${basename(outfile)})`;
    if (run.wasCut) break;
  }
  return { row, column, ...whole, problem };
}

function report({ row, column, passed, failed, problem, milliseconds, output }: Ended): void {
  const name = `${row.name} · ${column.name}`;
  console.log(`${failed === 0 ? 'ok  ' : 'FAIL'} ${name} (${passed} passed, ${milliseconds} ms)`);
  if (failed > 0 || process.env['VERBOSE'] === '1') console.log(output);
  else for (const line of output.match(/^seed .*$/gm) ?? []) console.log(`     ${line}`);
  if (problem !== undefined) console.log(`${name} ${problem}`);
}

async function runAll(cells: readonly Cell[]): Promise<Ended[]> {
  const queue = [...cells];
  const ended: Ended[] = [];
  const worker = async (): Promise<void> => {
    for (let cell = queue.shift(); cell !== undefined; cell = queue.shift()) {
      const outcome = await runCell(cell);
      report(outcome);
      ended.push(outcome);
    }
  };
  await Promise.all(Array.from({ length: Math.min(2, availableParallelism()) }, worker));
  return ended;
}

async function main(): Promise<void> {
  if (!install()) return finish(0, 1);
  const cells = plan(process.argv.slice(2));
  if (cells.some(({ column }) => column.isOutside) && !build()) return finish(0, 1);
  await bundle(cells.map(({ row, column }) => [row, column] as const));
  const ended = await runAll(cells);
  const rowNames = [...new Set(cells.map(({ row }) => row.name))];
  const cellOf = (row: string, column: string): Ended | undefined =>
    ended.find((cell) => cell.row.name === row && cell.column.name === column);
  for (const isUnit of [true, false]) {
    const shown = columns.filter((column) => (column.isUnit ?? false) === isUnit).map(({ name }) => name);
    const columnNames = shown.filter((name) => cells.some(({ column }) => column.name === name));
    if (columnNames.length > 0) console.log(`\n${toTable(rowNames, columnNames, cellOf)}`);
  }
  finish(
    ended.reduce((sum, { passed }) => sum + passed, 0),
    ended.reduce((sum, { failed }) => sum + failed, 0),
  );
}

function finish(passed: number, failed: number): void {
  console.log(`\n${passed} passed, ${failed} failed`);
  process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
}

await main();
