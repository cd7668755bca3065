// Compiles the examples of comments: each is a module of its own, with the imports that its names ask for, and what it takes for granted put before it.

import { join } from 'node:path';
import ts from 'typescript';
import { described, root } from './entries.ts';
import { readOptions } from './public-api.ts';

/** An example, and where it stands. */
export interface Example {
  readonly name: string;
  readonly code: string;
}

/** What examples may take for granted, by name: the type of each. A name that an example declares itself is not given. */
const given: Readonly<Record<string, string>> = {
  assert: "typeof import('node:assert')",
  authenticate: "(request: import('MAIN').UpgradeRequest) => Promise<{ readonly user: string }>",
  apply: '(message: unknown) => number',
  bytes: 'ReadableStream<Uint8Array> & WritableStream<Uint8Array>',
  chunk: 'Uint8Array',
  conn: "Parameters<typeof import('DENO').toByteStreams>[0]",
  codec: "import('CORE').DeflateCodec",
  decoder: "import('CORE').FrameDecoder",
  echo: "(session: import('MAIN').Session) => Promise<void>",
  encoder: "import('CORE').FrameEncoder",
  file: '{ write(chunk: Uint8Array): void }',
  first: 'Uint8Array',
  frame: "import('MAIN').Frame",
  frames: "ReadableStream<import('MAIN').Frame>",
  freshToken: '(signal: AbortSignal) => Promise<string>',
  handler: "import('MAIN').Handler",
  head: "import('MAIN').RequestHead",
  http: "import('node:http').Server",
  input: 'ReadableStream<Uint8Array>',
  last: 'number',
  messages: "ReadableStream<import('MAIN').Message>",
  offers: "ReadonlyMap<string, readonly import('MAIN').ExtensionOffer[]>",
  output: 'WritableStream<Uint8Array>',
  pair: "import('TESTING').Pair",
  readable: 'ReadableStream<Uint8Array>',
  second: 'Uint8Array',
  server: "import('node:http').Server",
  session: "import('MAIN').Session",
  stream: "import('MAIN').WebSocketStream",
  writable: 'WritableStream<Uint8Array>',
};

const files: Readonly<Record<string, string>> = {
  MAIN: join(root, 'lib/index.ts'),
  CORE: join(root, 'lib/core.ts'),
  DENO: join(root, 'lib/deno.ts'),
  TESTING: join(root, 'lib/testing.ts'),
};

/** An example shows one thing, and leaves the rest to its reader. */
const lenient: ts.CompilerOptions = {
  noUnusedLocals: false,
  noUnusedParameters: false,
  noImplicitReturns: false,
  verbatimModuleSyntax: false,
};

/** What is wrong with the examples: one line for each error, with the name of the example before it. */
export function exampleErrors(examples: readonly Example[]): string[] {
  const modules = new Map<string, { readonly name: string; text: string }>();
  examples.forEach(({ name, code }, index) => {
    modules.set(join(root, 'spec/package', `example-${index}.virtual.ts`), { name, text: code });
  });
  exported ??= exportedNames();
  for (const module of modules.values()) module.text = toModule(module.text, exported);
  const options: ts.CompilerOptions = { ...readOptions(), ...lenient };
  const program = ts.createProgram([...modules.keys()], options, createHost(options, modules));
  return [...modules].flatMap(([file, { name }]) => {
    const source = program.getSourceFile(file) as ts.SourceFile;
    const found = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
    return found.map(({ messageText }) => `${name}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`);
  });
}

let exported: ReadonlyMap<string, string> | undefined;

/** Where each exported name is imported from: the first entry that has it. */
function exportedNames(): ReadonlyMap<string, string> {
  const sources = [...Object.values(files), ...described.map(({ source }) => join(root, source))];
  const program = ts.createProgram(sources, readOptions());
  const checker = program.getTypeChecker();
  const names = new Map<string, string>();
  for (const file of sources) {
    const module = checker.getSymbolAtLocation(program.getSourceFile(file) as ts.SourceFile);
    if (module === undefined) continue;
    for (const { name } of checker.getExportsOfModule(module)) if (!names.has(name)) names.set(name, file);
  }
  return names;
}

function toModule(code: string, exported: ReadonlyMap<string, string>): string {
  const { used, declared } = namesOf(code);
  const before: string[] = [];
  for (const name of used) {
    if (declared.has(name)) continue;
    const file = exported.get(name);
    const type = given[name];
    if (file !== undefined) before.push(`import { ${name} } from '${file}';`);
    // What is assigned to is a variable.
    else if (type !== undefined)
      before.push(`declare let ${name}: ${type.replace(/MAIN|CORE|DENO|TESTING/g, (entry) => files[entry] ?? entry)};`);
  }
  return `${before.join('\n')}\n${code}\nexport {};\n`;
}

/** The identifiers of the code that stand for something outside it, and those that it declares. */
function namesOf(code: string): { readonly used: ReadonlySet<string>; readonly declared: ReadonlySet<string> } {
  const used = new Set<string>();
  const declared = new Set<string>();
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node)) {
      const { parent } = node;
      const isName = 'name' in parent && parent.name === node;
      const isDeclared =
        ts.isVariableDeclaration(parent) || ts.isBindingElement(parent) || ts.isImportSpecifier(parent);
      if (isName && isDeclared) declared.add(node.text);
      else if (!isName || ts.isShorthandPropertyAssignment(parent)) used.add(node.text);
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile('example.ts', code, ts.ScriptTarget.Latest, true));
  // Names of parameters and of what is declared inside a function hide nothing here: examples are short.
  return { used, declared };
}

function createHost(
  options: ts.CompilerOptions,
  modules: ReadonlyMap<string, { readonly text: string }>,
): ts.CompilerHost {
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists } = host;
  host.getSourceFile = (file, ...rest) => {
    const module = modules.get(file);
    return module === undefined
      ? getSourceFile.call(host, file, ...rest)
      : ts.createSourceFile(file, module.text, ts.ScriptTarget.Latest);
  };
  host.fileExists = (file) => modules.has(file) || fileExists.call(host, file);
  return host;
}
