// What package.json says of the package, and whether what was built is that. `npm test` builds it first.

import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { join } from 'node:path';
import process from 'node:process';
import ts from 'typescript';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { newerThan } from '../support/built-target.ts';
import { entries, manifest, root, targets } from '../support/entries.ts';

const test = suite('package · entries');

const built = readdirSync(join(root, 'dist')).filter((file) => file.endsWith('.js'));

function parse(file: string): ts.SourceFile {
  return ts.createSourceFile(file, readFileSync(join(root, 'dist', file), 'utf8'), ts.ScriptTarget.Latest, true);
}

/** Entries for one runtime that is not Node: they may use what that has. */
const elsewhere: ReadonlySet<string> = new Set(['lib/browser.ts', 'lib/bun.ts', 'lib/deno.ts']);

/** The built files that these import, one through the other; themselves included. */
function reachable(files: readonly string[]): Set<string> {
  const reached = new Set(files);
  for (const file of reached) {
    for (const { fileName } of ts.preProcessFile(readFileSync(join(root, 'dist', file), 'utf8'), true, true)
      .importedFiles) {
      if (fileName.startsWith('./')) reached.add(fileName.slice(2));
    }
  }
  return reached;
}

test('it is of ES modules, and nothing of it runs or is compiled when it is installed', () => {
  assert.is(manifest['type'], 'module');
  const onInstall = ['preinstall', 'install', 'postinstall', 'prepare', 'prepublish', 'preprepare', 'postprepare'];
  assert.equal(
    Object.keys(manifest.scripts).filter((name) => onInstall.includes(name)),
    [],
  );
  for (const file of ['binding.gyp', 'wscript']) assert.not.ok(existsSync(join(root, file)), file);
  assert.equal(
    [manifest['gypfile'], manifest['bundleDependencies'], manifest['optionalDependencies']],
    [undefined, undefined, undefined],
  );
});

test('what it depends on has no install script and no native code either', () => {
  for (const name of Object.keys(manifest.dependencies)) {
    const folder = join(root, 'node_modules', name);
    const { scripts = {}, dependencies = {} } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    for (const script of ['preinstall', 'install', 'postinstall'])
      assert.not.ok(script in scripts, `${name}: ${script}`);
    assert.equal(dependencies, {}, `${name} depends on nothing`);
    const files = readdirSync(folder, { recursive: true }) as string[];
    assert.equal(
      files.filter((file) => /\.(node|gyp|c|cc|cpp|wasm)$/.test(file)),
      [],
      name,
    );
  }
});

test('the polyfill is there for its side effect, and nothing else is: `false` would let a bundler drop that import', () => {
  assert.equal(manifest['sideEffects'], ['./dist/polyfill.js', './dist/browser/polyfill.js']);
});

test('each entry has its types before its code, and both were built', () => {
  assert.ok(entries.length >= 5);
  for (const { file, types } of targets) {
    assert.ok(file.startsWith('./dist/') && types.startsWith('./dist/'));
    for (const path of [file, types]) assert.ok(existsSync(join(root, path)), path);
  }
  const visit = (conditions: unknown, path: string): void => {
    if (typeof conditions !== 'object' || conditions === null) return;
    const names = Object.keys(conditions);
    if (names.includes('default'))
      assert.is(names.at(-1), 'default', `${path}: what stands behind "default" is never reached`);
    if (names.includes('types'))
      assert.is(names.at(names.length - 2), 'types', `${path}: types stand just before the code`);
    for (const [name, value] of Object.entries(conditions)) visit(value, `${path} ${name}`);
  };
  for (const [name, conditions] of Object.entries(manifest.exports)) visit(conditions, name);
});

test('built files name modules of Node by `node:`: Deno and bundlers know them by that', () => {
  const imported = built.flatMap(
    (file) => ts.preProcessFile(readFileSync(join(root, 'dist', file), 'utf8'), true, true).importedFiles,
  );
  const names = imported.map(({ fileName }) => fileName);
  assert.ok(names.includes('node:https'));
  assert.equal(
    names.filter((name) => builtinModules.includes(name)),
    [],
  );
});

test('no built file awaits at its top level: `require` would not load it', () => {
  assert.ok(built.length > 5);
  for (const file of built.filter((name) => name !== 'cli.js')) assert.not.ok(awaitsAtTop(parse(file)), file);
});

test('no built file that Node loads uses what Node 20 lacks', () => {
  const files = [
    ...reachable(
      targets
        .filter(({ source, condition }) => !elsewhere.has(source) && condition !== 'browser')
        .map(({ file }) => file.slice('./dist/'.length)),
    ),
  ];
  assert.ok(files.length > 5);
  assert.equal(
    files.flatMap((file) => newerThan(parse(file)).map((name) => `${file}: ${name}`)),
    [],
  );
});

for (const entry of ['index', 'node']) {
  test(`who imports ${entry}.js loads node:http without undici, which is for Node's own WebSocket`, () => {
    const code = `await import('./dist/${entry}.js');
      const has = (part) => process.moduleLoadList.some((name) => name.includes(part));
      console.log(has('_http_server'), has('undici'));`;
    const words = ['--input-type=module', '-e', code];
    assert.is(execFileSync(process.execPath, words, { cwd: root, encoding: 'utf8' }).trim(), 'true false');
  });
}

// --- The checks themselves -----------------------------------------------------------------------------------------

function awaitsAtTop(file: ts.SourceFile): boolean {
  const visit = (node: ts.Node): boolean => {
    if (ts.isFunctionLike(node)) return false;
    if (ts.isAwaitExpression(node) || (ts.isForOfStatement(node) && node.awaitModifier !== undefined)) return true;
    return ts.forEachChild(node, visit) ?? false;
  };
  return visit(file);
}

test('an await at the top level is told from one in a function', () => {
  const of = (text: string): boolean => awaitsAtTop(ts.createSourceFile('x.js', text, ts.ScriptTarget.Latest, true));
  for (const text of ['await 1;', 'const a = await b();', 'for await (const a of b) c();', 'if (a) { await b; }'])
    assert.ok(of(text), text);
  for (const text of [
    'async function a() { await 1; }',
    'const a = async () => await b;',
    'class A { async b() { await 1; } }',
  ])
    assert.not.ok(of(text), text);
});

test('what Node 20 lacks is found, whatever it is called on', () => {
  const of = (text: string): string[] => newerThan(ts.createSourceFile('x.js', text, ts.ScriptTarget.Latest, true));
  for (const text of [
    'Promise.withResolvers()',
    'const { promise } = Promise.try(f)',
    'await Array.fromAsync(a)',
    'Object.groupBy(a, b)',
    'new Set().union(b)',
    'a.values().drop(1).toArray()',
    'new WebSocket(url)',
    'navigator.userAgent',
    'globalThis.WebSocket',
    'process.getBuiltinModule("fs")',
    'Uint8Array.fromBase64(a)',
    'using a = b();',
    'await using a = b();',
  ])
    assert.ok(of(text).length > 0, text);
  assert.equal(
    of(
      '// Promise.withResolvers\nconst a = "WebSocket"; a.toSorted(); Promise.all([]); queue.take(5, b); b.drop(error);',
    ),
    [],
  );
  assert.equal(of('class WebSocketX {} const a = { WebSocket: 1 }; a.WebSocket;'), []);
  assert.equal(of('class WebSocketStream {} new WebSocketStream(url);'), []);
});
test.run();
