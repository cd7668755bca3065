// The entry for browsers: its names, and that nothing of Node is reached from it, in the sources and in the built files.

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import * as browser from '../lib/browser.ts';
import * as node from '../lib/node.ts';

const test = suite('browser');

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** What a file imports when types are gone. */
function importsOf(path: string): string[] {
  const { outputText } = ts.transpileModule(readFileSync(path, 'utf8'), {
    compilerOptions: { target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.ESNext, verbatimModuleSyntax: true },
  });
  return ts.preProcessFile(outputText, true, true).importedFiles.map(({ fileName }) => fileName);
}

/** The files that are reached from one, and what is no file that they ask for. */
function reach(first: string): { readonly files: string[]; readonly others: string[] } {
  const files = new Set([join(root, first)]);
  const others = new Set<string>();
  for (const path of files) {
    for (const specifier of importsOf(path)) {
      if (specifier.startsWith('.')) files.add(join(dirname(path), specifier));
      else others.add(specifier);
    }
  }
  return { files: [...files].map((path) => relative(root, path)), others: [...others].sort() };
}

test('it exports what the entry for Node does, but for what needs sockets', () => {
  const onlyOnNode = ['WebSocketServer', 'attach', 'connect', 'reconnect', 'serve', 'toByteStreams', 'toRequestHead'];
  assert.equal(
    Object.keys(browser).sort(),
    Object.keys(node)
      .filter((name) => !onlyOnNode.includes(name))
      .sort(),
  );
});

test('its sources reach no module of Node, and of packages those that its files hold', () => {
  const { files, others } = reach('lib/browser.ts');
  assert.ok(files.length > 60);
  assert.equal(others, ['pako', 'web-streams-polyfill']);
  assert.equal(
    files.filter((path) => path.includes('node-')),
    [],
  );
});

test('the sources of the core ask for nothing, those of the entry for tests for streams where there are none', () => {
  assert.equal(reach('lib/core.ts').others, []);
  assert.equal(reach('lib/testing.ts').others, ['web-streams-polyfill']);
});

test('the built files for a page ask for nothing: they run without a bundler', () => {
  assert.ok(existsSync(join(root, 'dist/browser/index.js')), 'npm run build comes before this');
  for (const entry of ['dist/browser/index.js', 'dist/browser/core.js', 'dist/browser/testing.js'])
    assert.equal(reach(entry).others, []);
});

test('the search sees what a file asks for: the entry for Node does', () => {
  const { others } = reach('lib/node.ts');
  assert.ok(others.includes('node:net') && others.includes('node:zlib') && others.includes('path-to-regexp'));
});

test.run();
