// Imports go one way. A layer may import what stands before it, and nothing beside it or behind it.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('package · layering');

// The rooms of lib, those that everything is built on first. Files that lie in lib itself and are not named are entries.
const layers: readonly (readonly string[])[] = [
  ['bytes', 'error.ts', 'limits.ts'],
  ['frame'],
  ['message'],
  ['extension'],
  ['handshake', 'endpoint'],
  ['stream'],
  ['connection'],
  ['job'],
  ['client'],
  ['reconnect'],
  ['adapter', 'testing'],
  ['cli'],
  ['entries'],
  ['demo'],
];
const core = ['bytes', 'error.ts', 'limits.ts', 'frame', 'message', 'extension', 'handshake', 'endpoint'];

interface Import {
  readonly specifier: string;
  /** Whether nothing of it is left when types are gone. */
  readonly isType: boolean;
}

type Sources = ReadonlyMap<string, string>;

const known = new Map<string, Import[]>();

function importsOf(text: string): Import[] {
  const imports = known.get(text) ?? readImports(text);
  known.set(text, imports);
  return imports;
}

function readImports(text: string): Import[] {
  const file = ts.createSourceFile('file.ts', text, ts.ScriptTarget.Latest);
  const found: Import[] = [];
  const add = (node: ts.Node | undefined, isType: boolean): void => {
    if (node !== undefined && ts.isStringLiteralLike(node)) found.push({ specifier: node.text, isType });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) add(node.moduleSpecifier, isTypeImport(node.importClause));
    else if (ts.isExportDeclaration(node)) add(node.moduleSpecifier, node.isTypeOnly);
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) add(node.argument.literal, true);
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
      add(node.arguments[0], false);
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

function isTypeImport(clause: ts.ImportClause | undefined): boolean {
  if (clause === undefined) return false;
  if (clause.isTypeOnly) return true;
  const names = clause.namedBindings;
  return (
    clause.name === undefined &&
    names !== undefined &&
    ts.isNamedImports(names) &&
    names.elements.every((it) => it.isTypeOnly)
  );
}

/** The room of a file, a path within lib such as "frame/header.ts". */
function roomOf(path: string): string {
  const [first = '', ...rest] = path.split('/');
  if (rest.length > 0) return first;
  return core.includes(first) ? first : 'entries';
}

function layerOf(room: string): number {
  return layers.findIndex((rooms) => rooms.includes(room));
}

/** What is wrong with the imports of these files, one sentence each; `all` are the files that there are. */
function check(sources: Sources, all: Sources = sources): string[] {
  const faults: string[] = [];
  for (const [path, text] of sources) {
    const room = roomOf(path);
    if (layerOf(room) < 0) faults.push(`${path} is in a room that no layer has`);
    for (const { specifier } of importsOf(text)) {
      if (!specifier.startsWith('.')) {
        if (core.includes(room)) faults.push(`${path} imports ${specifier}, but the core imports nothing outside it`);
        continue;
      }
      const target = posix.join(posix.dirname(path), specifier);
      if (!specifier.endsWith('.ts')) faults.push(`${path} imports ${specifier} without .ts`);
      else if (!all.has(target)) faults.push(`${path} imports ${specifier}, which is no file of lib`);
      const other = roomOf(target);
      if (other !== room && layerOf(other) >= layerOf(room))
        faults.push(`${path} imports ${specifier}: ${room} must not import ${other}`);
    }
  }
  return faults;
}

/** The first cycle among the imports that are left when types are gone. */
function findCycle(sources: Sources): string[] | undefined {
  const done = new Set<string>();
  const follow = (path: string, trail: readonly string[]): string[] | undefined => {
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path];
    if (done.has(path)) return undefined;
    for (const { specifier, isType } of importsOf(sources.get(path) ?? '')) {
      if (isType || !specifier.startsWith('.')) continue;
      const cycle = follow(posix.join(posix.dirname(path), specifier), [...trail, path]);
      if (cycle !== undefined) return cycle;
    }
    done.add(path);
    return undefined;
  };
  for (const path of sources.keys()) {
    const cycle = follow(path, []);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}

const root = join(dirname(fileURLToPath(import.meta.url)), '../../lib');

function readSources(): Sources {
  const files = readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts') && !entry.name.endsWith('.d.ts'))
    .map((entry) => join(entry.parentPath, entry.name));
  return new Map(files.map((file) => [relative(root, file).split(sep).join('/'), readFileSync(file, 'utf8')]));
}

const sources = readSources();

// --- lib -----------------------------------------------------------------------------------------------------------

test('every import in lib goes one way, carries .ts and stays inside the core where it starts there', () => {
  assert.ok(sources.size > 20);
  assert.equal(check(sources), []);
});

test('no files of lib import one another in a cycle', () => {
  assert.is(findCycle(sources)?.join(' > '), undefined);
});

test('the core entry re-exports the core and nothing else', () => {
  const text = sources.get('core.ts') ?? '';
  for (const { specifier } of importsOf(text)) assert.ok(core.includes(roomOf(posix.join(specifier))), specifier);
  const file = ts.createSourceFile('core.ts', text, ts.ScriptTarget.Latest);
  for (const statement of file.statements) assert.ok(ts.isExportDeclaration(statement), statement.getText(file));
});

test('the entry for tests runs anywhere: nothing that it reaches imports a module of Node or of a package, but for streams where there are none', () => {
  const reached = new Set(['testing.ts']);
  for (const path of reached) {
    for (const { specifier } of importsOf(sources.get(path) ?? '')) {
      if (path === 'stream/streams.ts' && specifier === 'web-streams-polyfill') continue;
      assert.ok(specifier.startsWith('.'), `${path} imports ${specifier}`);
      reached.add(posix.join(posix.dirname(path), specifier));
    }
  }
  assert.ok(reached.size > 20);
});

test('one module decides which streams are used: beside it only the entry that chooses the polyfill knows that', () => {
  const users = [...sources].filter(([, text]) =>
    importsOf(text).some(({ specifier }) => specifier === 'web-streams-polyfill'),
  );
  assert.equal(users.map(([path]) => path).sort(), ['polyfill.ts', 'stream/streams.ts']);
});

test('the core has the rooms that its own compiler settings cover', () => {
  const { files, include } = JSON.parse(readFileSync(join(root, 'tsconfig.core.json'), 'utf8'));
  assert.equal([...include].sort(), core.filter((room) => !room.endsWith('.ts')).sort());
  assert.ok(files.includes('core.ts'));
});

// --- The check itself ----------------------------------------------------------------------------------------------

function faultsWith(path: string, text: string): string[] {
  return check(new Map([[path, text]]), sources);
}

test('the check sees each kind of import', () => {
  const kinds = [
    "import { A } from './x.ts';",
    "import type { A } from './x.ts';",
    "import './x.ts';",
    "export { A } from './x.ts';",
    "export type { A } from './x.ts';",
    "export * from './x.ts';",
    "const a = await import('./x.ts');",
    "type A = import('./x.ts').A;",
  ];
  for (const text of kinds)
    assert.equal(
      importsOf(text).map(({ specifier }) => specifier),
      ['./x.ts'],
      text,
    );
  assert.equal(importsOf("// import './x.ts'\nconst text = \"import './x.ts'\";"), []);
  assert.equal(
    kinds.map((text) => importsOf(text)[0]?.isType),
    [false, true, false, false, true, false, false, true],
  );
  assert.is(importsOf("import { type A, type B } from './x.ts';")[0]?.isType, true);
  assert.is(importsOf("import { type A, b } from './x.ts';")[0]?.isType, false);
});

test('the check refuses an import of a layer behind, a type too', () => {
  const bad: readonly [string, string][] = [
    ['bytes/bad.ts', '../error.ts'],
    ['bytes/bad.ts', '../frame/header.ts'],
    ['frame/bad.ts', '../message/message.ts'],
    ['message/bad.ts', '../endpoint/endpoint.ts'],
    ['handshake/bad.ts', '../endpoint/endpoint.ts'],
    ['endpoint/bad.ts', '../handshake/sha1.ts'],
    ['endpoint/bad.ts', '../core.ts'],
    ['stream/bad.ts', '../index.ts'],
  ];
  for (const [path, specifier] of bad) {
    for (const text of [`import { a } from '${specifier}';`, `import type { a } from '${specifier}';`]) {
      const faults = faultsWith(path, text);
      assert.is(faults.length, 1, `${path} ${specifier}`);
      assert.match(faults[0] as string, `${path} imports ${specifier}`);
    }
  }
});

test('the check takes an import of a layer before, and of the same room', () => {
  for (const [path, specifier] of [
    ['frame/good.ts', '../bytes/mask.ts'],
    ['frame/good.ts', './header.ts'],
    ['endpoint/good.ts', '../limits.ts'],
    ['new-entry.ts', './endpoint/endpoint.ts'],
    ['new-entry.ts', './core.ts'],
    ['demo/good.ts', '../core.ts'],
  ] as const) {
    assert.equal(faultsWith(path, `import { a } from '${specifier}';`), []);
  }
});

test('the check refuses a module of Node or of a package in the core, and takes it behind the core', () => {
  for (const specifier of ['node:fs', 'fs', 'ws', 'web-streams-polyfill']) {
    for (const room of ['bytes', 'frame', 'message', 'extension', 'handshake', 'endpoint']) {
      assert.is(faultsWith(`${room}/bad.ts`, `import a from '${specifier}';`).length, 1);
    }
    assert.equal(faultsWith('adapter/good.ts', `import a from '${specifier}';`), []);
  }
});

test('the check refuses an import without .ts, one of no file, and a room that it does not know', () => {
  assert.ok(faultsWith('frame/bad.ts', "import { a } from './header';").length > 0);
  assert.ok(faultsWith('frame/bad.ts', "import { a } from './header.js';").length > 0);
  assert.ok(faultsWith('frame/bad.ts', "import { a } from './no-such-file.ts';").length > 0);
  assert.ok(faultsWith('frame/bad.ts', "import { a } from '../../spec/support/hex.ts';").length > 0);
  assert.equal(faultsWith('attic/bad.ts', ''), ['attic/bad.ts is in a room that no layer has']);
});

test('the search finds a cycle of two files and of three, and none in types alone', () => {
  const files = (list: readonly (readonly [string, string])[]): Sources =>
    new Map(list.map(([path, specifier]) => [path, `import { a } from '${specifier}';`]));
  assert.equal(
    findCycle(
      files([
        ['a.ts', './b.ts'],
        ['b.ts', './a.ts'],
      ]),
    ),
    ['a.ts', 'b.ts', 'a.ts'],
  );
  assert.equal(
    findCycle(
      files([
        ['x.ts', './a.ts'],
        ['a.ts', './b.ts'],
        ['b.ts', './c.ts'],
        ['c.ts', './a.ts'],
      ]),
    ),
    ['a.ts', 'b.ts', 'c.ts', 'a.ts'],
  );
  assert.is(
    findCycle(
      files([
        ['a.ts', './c.ts'],
        ['b.ts', './c.ts'],
        ['c.ts', './d.ts'],
        ['d.ts', 'node:fs'],
      ]),
    ),
    undefined,
  );
  assert.is(
    findCycle(
      new Map([
        ['a.ts', "import './b.ts';"],
        ['b.ts', "import type { A } from './a.ts';"],
      ]),
    ),
    undefined,
  );
});

test.run();
