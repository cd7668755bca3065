// The package as a user gets it: packed, installed into an empty project without a registry, and used. It runs in every runtime (the column "pack" of the matrix);
// `npm run build` comes first.

import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { entries, manifest, root } from '../support/entries.ts';
import { install, makeFolder, pack } from '../support/packed.ts';
import { ask, currentRunner, everything, use } from '../support/using.ts';

const test = suite('package · packed, installed and used');

const programs = join(root, 'spec/package/use');
const folder = makeFolder();
const project = join(folder, 'project');
const { kind } = currentRunner();
const isNode = kind === 'node';

install(project, pack(folder));
for (const name of readdirSync(programs)) copyFileSync(join(programs, name), join(project, name));

test('what is installed is the package and what it depends on, nothing of which has run a script', () => {
  const { packages } = JSON.parse(readFileSync(join(project, 'node_modules/.package-lock.json'), 'utf8'));
  const names = [manifest.name, ...Object.keys(manifest.dependencies)].map((name) => `node_modules/${name}`);
  assert.equal(Object.keys(packages).sort(), names.sort());
  for (const [name, { hasInstallScript }] of Object.entries<{ hasInstallScript?: true }>(packages))
    assert.is(hasInstallScript, undefined, name);
});

test('every entry can be used, over sockets and in memory', async () => {
  assert.equal(await ask(project, ['everything.js']), everything);
});

test('with millrace/polyfill first, all of it works on the streams of web-streams-polyfill', async () => {
  assert.equal(await ask(project, ['everything.js'], { POLYFILL: '1' }), { ...everything, kind: 'polyfill' });
});

test('README’s first server runs as it stands', async () => {
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  const code = /## A server in ten lines\n+```ts\n([\s\S]*?)```/.exec(readme)?.[1] ?? '';
  assert.match(code, 'port: 8080');
  writeFileSync(join(project, 'server.js'), code.replace('port: 8080', 'port: 0'));
  assert.equal(await ask(project, ['quick-start.js']), { answer: 'hello', closeCode: 1001, wasClean: true, lines: 1 });
});

test('the command is there, and tells the version of the package', async () => {
  const bin = readdirSync(join(project, 'node_modules/.bin'));
  assert.ok(bin.includes('millrace') || bin.includes('millrace.cmd'));
  const { code, stdout } = await use(project, ['node_modules/millrace/dist/cli.js', '--version']);
  assert.equal([code, stdout.trim()], [0, manifest.version]);
});

test('a file of the package that is no entry cannot be imported', async () => {
  writeFileSync(join(project, 'deep.js'), "await import('millrace/dist/node.js');\n");
  const { code, stderr } = await use(project, ['deep.js']);
  assert.not.equal(code, 0);
  assert.match(stderr, /millrace/);
  assert.ok(entries.every(({ name }) => !name.includes('*')));
});

test('a program of CommonJS requires it, and gets what others import', async () => {
  const expected = { answer: 'hello', isSame: true, kinds: ['function', 'function'], version: manifest.name };
  assert.equal(await ask(project, ['required.cjs']), expected);
});

if (isNode && process.allowedNodeEnvironmentFlags.has('--no-experimental-require-module')) {
  test('a Node that cannot require ES modules says so, and what to do', async () => {
    const { code, stderr } = await use(project, ['--no-experimental-require-module', 'required.cjs']);
    assert.is(code, 1);
    assert.match(stderr, /ERR_REQUIRE_ESM/);
    assert.match(stderr, /dynamic import\(\)/);
  });
}
test.run();
