// Goals are judged by the results alone: met, not met, and not measured.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { goals, judgeGoals } from '../../bench/support/goals.js';
import type { Entry, Result } from '../../bench/support/result.js';
import { entry, result } from './made-up.ts';

const test = suite('bench · goals');

const SMALL16 = '64 B, 16 in flight, 64 connections';

/** What a goal says of results. */
function judged(name: string, asks: string, results: Result[]): { measured: string; verdict: string } {
  const found = judgeGoals(results).find((each) => each.name === name && each.asks.includes(asks));
  assert.ok(found !== undefined, `there is no goal "${name}" that asks for "${asks}"`);
  const { measured, verdict } = found as { measured: string; verdict: string };
  return { measured, verdict };
}

const echo = (title: string, entries: Entry[], group?: string) => result('echo', title, entries, group);

test('without results nothing was measured', () => {
  const all = judgeGoals([]);
  assert.is(all.length, goals.length);
  assert.ok(all.every(({ verdict, measured }) => verdict === 'not measured' && measured === ''));
});

test('a goal of the least that may be is met from its bound on', () => {
  const of = (ws: number) =>
    judged(SMALL16, '4 times', [echo(SMALL16, [entry('millrace', 2), entry('ws with add-ons', ws)])]);
  assert.equal(of(8), { measured: '4.00', verdict: 'met' });
  assert.equal(of(7.9), { measured: '3.95', verdict: 'not met' });
  assert.equal(of(20), { measured: '10.00', verdict: 'met' });
});

test('a goal of the most that may be is met up to its bound', () => {
  const of = (own: number) =>
    judged('16 KiB', 'bare TCP', [
      echo('16 KiB, 1 in flight, 1 connection', [entry('millrace', own), entry('bare TCP', 10)]),
    ]);
  assert.equal(of(12), { measured: '1.20', verdict: 'met' });
  assert.equal(of(12.2), { measured: '1.22', verdict: 'not met' });
});

test('better is more than level, and what is shown as level is level', () => {
  const entries = (ws: number) => [
    entry('millrace', 10),
    entry('ws with add-ons', ws),
    entry('uWebSockets.js (Node 20)', 9.96),
  ];
  assert.is(judged('1 MiB', 'better', [echo('1 MiB, 1 in flight, 1 connection', entries(10))]).verdict, 'not met');
  assert.is(judged('1 MiB', 'better', [echo('1 MiB, 1 in flight, 1 connection', entries(10.2))]).verdict, 'met');
  assert.equal(judged(SMALL16, 'level', [echo(SMALL16, entries(1))]), { measured: '1.00', verdict: 'met' });
});

test('of several cases the worst counts, and stands first', () => {
  const of = (title: string, tcp: number) => echo(title, [entry('millrace', 10), entry('bare TCP', tcp)]);
  const { measured, verdict } = judged('64 B, 1 in flight', 'bare TCP', [
    of('64 B, 1 in flight, 1 connection', 10),
    of('64 B, 1 in flight, 1,000 connections', 8),
    of(SMALL16, 1),
  ]);
  assert.is(verdict, 'not met');
  assert.is(measured, '1.25 (64 B, 1 in flight, 1,000 connections) to 1.00; 1 of 2 met');
});

test('a rival without figures is not measured, which the others do not hide', () => {
  const missing: Entry = { name: 'uWebSockets.js (Node 20)', values: [], missing: 'no binary' };
  assert.is(judged(SMALL16, 'uWebSockets', [echo(SMALL16, [entry('millrace', 1), missing])]).verdict, 'not measured');
  const clients = [entry('millrace', 1), entry('undici', 2), { ...missing, name: 'ws with add-ons' }];
  const { measured, verdict } = judged('client', 'undici', [result('client', 'a case', clients)]);
  assert.equal([measured, verdict], ['2.00; 1 not measured', 'met']);
});

test('medians are compared, not single rounds', () => {
  const results = [echo(SMALL16, [entry('millrace', 1, 1, 50), entry('ws with add-ons', 4, 4, 1)])];
  assert.is(judged(SMALL16, '4 times', results).verdict, 'met');
});

test('idle memory is asked of the loop and of both streams', () => {
  const entries = [entry('millrace, the loop waiting', 7), entry('millrace, both streams open', 14), entry('ws', 7)];
  const results = [result('idle-memory', '10,000 connections', entries)];
  assert.equal(judged('idle memory, the loop waiting', '', results), { measured: '1.00', verdict: 'met' });
  assert.equal(judged('idle memory, both streams open', '', results), { measured: '2.00', verdict: 'not met' });
});

test('growth is from one connection to 10,000', () => {
  const of = (title: string, own: number) => result('growth', title, [entry('millrace', own), entry('ws', 100)]);
  const results = [of('64 B, 1 connection', 4), of('64 B, 10 connections', 9), of('64 B, 10,000 connections', 4.8)];
  assert.equal(judged('cost a message, 1 to 10,000 connections', '', results), { measured: '1.20', verdict: 'met' });
  assert.is(judged('cost a message, 1 to 10,000 connections', '', results.slice(0, 2)).verdict, 'not measured');
});

test('each runtime is beside its own server', () => {
  const bun = [echo(SMALL16, [entry('millrace', 10), entry('Bun.serve', 8)], 'bun')];
  assert.equal(judged('Bun beside Bun.serve, 16 in flight', '', bun), { measured: '0.80', verdict: 'met' });
  const deno = [echo(SMALL16, [entry('millrace', 10), entry('Deno.upgradeWebSocket', 29)], 'deno')];
  assert.equal(judged('Deno beside its own, 16 in flight', '', deno), { measured: '2.90', verdict: 'not met' });
  assert.is(judged('Deno beside its own, 1 in flight', '', deno).verdict, 'not measured');
});

test('the streams are beside the loop', () => {
  const entries = [entry('millrace', 10), entry('millrace, readable and writer', 13), entry('millrace, pipeTo', 15)];
  const { measured, verdict } = judged('the streams', '', [echo(SMALL16, entries)]);
  assert.equal([measured, verdict], [`1.50 (millrace, pipeTo, ${SMALL16}) to 1.30; 1 of 2 met`, 'not met']);
});

test('everywhere else is where no other goal is', () => {
  const of = (section: string, title: string, ws: number) =>
    result(section, title, [entry('millrace', 10), entry('ws', ws)]);
  const results = [
    of('echo', SMALL16, 1),
    of('growth', 'a case', 1),
    of('echo', '1 KiB, 1 in flight, 1 connection', 12),
  ];
  assert.equal(judged('everywhere else', '', results), { measured: '1.20', verdict: 'met' });
  results.push(of('handshakes', 'one after the other', 9));
  assert.is(judged('everywhere else', '', results).verdict, 'not met');
});

test.run();
