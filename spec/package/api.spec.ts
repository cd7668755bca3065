// The public API is what its reports say: whoever changes it updates them, and whoever reviews that sees what has changed for users.

import { readdirSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { makeReports, readReport, reportFolder } from '../support/api-reports.ts';
import { changedLines } from '../support/changed-lines.ts';

const test = suite('package · public API');

/**
 * What is found in signatures and not exported: what the engine's own classes are made with (a user gets those from the engine, and makes none), and the base of the transforms.
 * The types of a build would show a class that is exported as a type alone as a value.
 */
const inner: ReadonlySet<string> = new Set([
  'asyncDispose',
  'asyncDispose_2',
  'BodySettings',
  'Connection',
  'DenoConn',
  'Decision',
  'Engine',
  'Inbox',
  'JobOptions',
  'Listen',
  'SessionWritable',
  'SiteServer',
  'TransformPair',
  'Transport',
  'WebSocketError_2',
  'WebSocketOpenInfo_2',
]);

const reports = makeReports();

for (const { name, text } of reports) {
  test(`the API is as ${name} says`, () => {
    const changes = changedLines(readReport(name), text);
    if (changes.length > 0) {
      assert.unreachable(
        `The API has changed. If it was meant to: npm run api, and say it in CHANGELOG.\n\n${changes.join('\n')}`,
      );
    }
  });
}

test('there is no report of what is no entry any more', () => {
  assert.equal(readdirSync(reportFolder).sort(), reports.map(({ name }) => name).sort());
});

test('what a signature names can be imported: from its entry, or from the entry for the runtime', () => {
  const main = reports.find(({ name }) => name === 'node.api.md')?.text ?? '';
  const wrong: string[] = [];
  for (const { name, faults } of reports) {
    for (const fault of faults) {
      const [, symbol = ''] = /^The symbol "([\w$]+)" needs to be exported/.exec(fault) ?? [];
      const isExported = name !== 'node.api.md' && new RegExp(`^export .*\\b${symbol}\\b`, 'm').test(main);
      if (symbol === '' || !(inner.has(symbol) || isExported)) wrong.push(`${name}: ${fault}`);
    }
  }
  assert.equal(wrong, []);
});

test('no report names a chunk or a folder of a build', () => {
  for (const { name, text } of reports)
    assert.not.match(text, /[-/](chunk-|dist\/)|\/tmp|\w-[\w-]{8}\.(js|d\.ts)/, name);
});

test('a change is told by the lines that went and those that came', () => {
  assert.equal(changedLines('a\nb\nc\n', 'a\nb\nc\n'), []);
  assert.equal(changedLines('a\nb\nc\n', 'a\nx\nc\n'), ['- b', '+ x']);
  assert.equal(changedLines('a\nc\n', 'a\nb\nc\n'), ['+ b']);
  assert.equal(changedLines('', 'a\n'), ['+ a']);
  assert.equal(changedLines('a\na\nb\n', 'a\nb\n'), ['- a']);
  assert.equal(changedLines('b\na\n', 'a\nb\n').length, 2);
});
test.run();
