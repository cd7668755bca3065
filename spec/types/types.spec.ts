// The type tests are seen by the compiler, and what they expect to fail does; and the types of the package hold for each kind of user.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { entries, root } from '../support/entries.ts';
import { copyModule, install, makeFolder, pack } from '../support/packed.ts';
import { readOptions } from '../support/public-api.ts';

const test = suite('types');

const folder = join(root, 'spec/types');
const files = readdirSync(folder).filter((file) => file.endsWith('.types.ts'));
const directive = /^\s*\/\/ @ts-expect-error: \S.*$/;

function tell(diagnostics: readonly ts.Diagnostic[]): string[] {
  return diagnostics.map(({ file, start = 0, messageText }) => {
    const where =
      file === undefined
        ? ''
        : `${file.fileName.split('/').slice(-2).join('/')}:${file.getLineAndCharacterOfPosition(start).line + 1} `;
    return `${where}${ts.flattenDiagnosticMessageText(messageText, ' ')}`;
  });
}

// --- The type tests ------------------------------------------------------------------------------------------------

test('tsc -p tsconfig.json sees every type test', () => {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile);
  const { fileNames } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  assert.ok(files.length >= 3);
  for (const file of files) assert.ok(fileNames.includes(join(folder, file)), file);
});

test('each thing that they expect to fail fails, and nothing else', () => {
  const options = readOptions();
  const host = ts.createCompilerHost(options);
  const { getSourceFile } = host;
  // Without the directives the compiler tells the errors.
  host.getSourceFile = (name, ...rest) => {
    if (!name.endsWith('.types.ts')) return getSourceFile.call(host, name, ...rest);
    const lines = readFileSync(name, 'utf8')
      .split('\n')
      .map((line) => (directive.test(line) ? '' : line));
    return ts.createSourceFile(name, lines.join('\n'), ts.ScriptTarget.Latest);
  };
  const program = ts.createProgram(
    files.map((file) => join(folder, file)),
    options,
    host,
  );
  for (const file of files) {
    const source = program.getSourceFile(join(folder, file)) as ts.SourceFile;
    const lines = readFileSync(join(folder, file), 'utf8').split('\n');
    const expected = lines.flatMap((line, index) => (directive.test(line) ? [index + 1] : []));
    const found = program
      .getSemanticDiagnostics(source)
      .map(({ start = 0 }) => source.getLineAndCharacterOfPosition(start).line);
    assert.equal(
      [...new Set(found)].sort((a, b) => a - b),
      expected,
      file,
    );
    assert.ok(expected.length >= 5, file);
    assert.equal(
      lines.filter(
        (line) => line.includes('@ts-ignore') || (line.includes('@ts-expect-error') && !directive.test(line)),
      ),
      [],
    );
  }
});

// --- Users of each kind --------------------------------------------------------------------------------------------

const project = join(makeFolder(), 'project');
install(project, pack(makeFolder()));
for (const name of ['@types/node', 'undici-types']) copyModule(project, name);

const strict: ts.CompilerOptions = {
  strict: true,
  skipLibCheck: false,
  skipDefaultLibCheck: true,
  noEmit: true,
  target: ts.ScriptTarget.ES2022,
};
const ecmascript = ['lib.es2023.d.ts'];
const dom = [...ecmascript, 'lib.dom.d.ts', 'lib.dom.iterable.d.ts', 'lib.dom.asynciterable.d.ts'];
const onNode = { types: ['node'], lib: ecmascript };

const sources = new Map<string, ts.SourceFile>();

/** What the compiler says of a program of the user's, declarations of all packages included. */
function compile(code: string, options: ts.CompilerOptions, name = 'user.ts'): string[] {
  const file = join(project, name);
  writeFileSync(file, code);
  const typeRoots = [join(project, 'node_modules/@types')];
  const all = { ...strict, typeRoots, ...options };
  const host = ts.createCompilerHost(all);
  const { getSourceFile } = host;
  host.getSourceFile = (path, target, ...rest) => {
    // What lies still is parsed once for each kind of resolution: a file remembers how its imports were resolved.
    if (path === file) return getSourceFile.call(host, path, target, ...rest);
    const key = `${options.moduleResolution} ${name} ${path}`;
    const parsed = sources.get(key) ?? getSourceFile.call(host, path, target, ...rest);
    if (parsed !== undefined) sources.set(key, parsed);
    return parsed;
  };
  return tell(ts.getPreEmitDiagnostics(ts.createProgram([file], all, host)));
}

const resolutions: Record<string, ts.CompilerOptions> = {
  bundler: { module: ts.ModuleKind.Preserve, moduleResolution: ts.ModuleResolutionKind.Bundler },
  node16: { module: ts.ModuleKind.Node16, moduleResolution: ts.ModuleResolutionKind.Node16 },
  nodenext: { module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext },
};

const everything = entries
  .map(({ specifier }, index) => `import * as entry${index} from '${specifier}';\nvoid entry${index};`)
  .join('\n');
const server = `
import { connect, serve, type Message } from 'millrace';
const server = await serve({ port: 0, messages: 'whole' }, async (session) => {
  for await (const message of session) await session.send(message);
});
const session = await connect(server.url);
const message: Message | undefined = await session.receive();
await session.readable.pipeTo(session.writable);
export { message };
`;

for (const [name, options] of Object.entries(resolutions)) {
  test(`moduleResolution ${name}, @types/node and no DOM: every entry compiles, its declarations checked`, () => {
    assert.equal(compile(everything + server, { ...options, ...onNode }), []);
  });
}

test('with @types/node and the DOM', () => {
  assert.equal(compile(everything + server, { ...resolutions['bundler'], types: ['node'], lib: dom }), []);
});

test('exactOptionalPropertyTypes and the strictest of settings', () => {
  const strictest = {
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    isolatedModules: true,
    verbatimModuleSyntax: true,
  };
  assert.equal(compile(everything + server, { ...resolutions['nodenext'], ...onNode, ...strictest }), []);
  const loose = { strict: false, exactOptionalPropertyTypes: false };
  assert.equal(compile(server, { ...resolutions['nodenext'], ...onNode, ...loose }), []);
});

test('the core needs nothing but the language: neither Node nor the DOM', () => {
  const code = "import { Endpoint } from 'millrace/core';\nexport const endpoint = new Endpoint({ role: 'server' });\n";
  assert.equal(compile(code, { ...resolutions['bundler'], types: [], lib: ecmascript }), []);
});

test('the entry for tests needs no Node: the DOM will do', () => {
  const code =
    "import { createPair } from 'millrace/testing';\nexport const { closeCode } = await createPair().client.closed;\n";
  const disposable = [...dom, 'lib.esnext.disposable.d.ts'];
  assert.equal(compile(code, { ...resolutions['bundler'], types: [], lib: disposable }), []);
});

test('a user of CommonJS requires it with nodenext', () => {
  const code = "import millrace = require('millrace');\nexport const server = millrace.serve({}, () => {});\n";
  assert.equal(compile(code, { ...resolutions['nodenext'], ...onNode }, 'user.cts'), []);
});

test('the check sees what is wrong: an entry that is none, an option that is none', () => {
  assert.match(
    compile("import 'millrace/nowhere';\nimport { a } from 'millrace/nowhere';", {
      ...resolutions['nodenext'],
      ...onNode,
    })[0] ?? '',
    /Cannot find module/,
  );
  assert.match(
    compile("import { serve } from 'millrace';\nvoid serve({ prot: 1 }, () => {});", {
      ...resolutions['nodenext'],
      ...onNode,
    })[0] ?? '',
    /prot/,
  );
});
test.run();
