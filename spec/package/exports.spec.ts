// What each entry exports at run time, and what its types say that it does, are the same names. Which names those are is in the reports (spec/package/api).

import { join } from 'node:path';
import { build } from 'esbuild';
import ts from 'typescript';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import * as node from '../../lib/node.ts';
import { entries, root, targets } from '../support/entries.ts';
import { readOptions } from '../support/public-api.ts';

const test = suite('exports');

const program = ts.createProgram(
  targets.map(({ types }) => join(root, types)),
  readOptions(),
);

/** The names of the values that a file of declarations exports. */
function declaredValues(file: string): string[] {
  const checker = program.getTypeChecker();
  const module = checker.getSymbolAtLocation(program.getSourceFile(join(root, file)) as ts.SourceFile);
  const symbols = module === undefined ? [] : checker.getExportsOfModule(module);
  const isValue = (symbol: ts.Symbol): boolean => {
    const meant = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
    return (meant.flags & ts.SymbolFlags.Value) !== 0 && !isOfTypeAlone(symbol);
  };
  return symbols
    .filter(isValue)
    .map(({ name }) => name)
    .sort();
}

// `export { type A }`, of a class too.
function isOfTypeAlone(symbol: ts.Symbol): boolean {
  return (
    symbol.declarations?.some(
      (declaration) => ts.isExportSpecifier(declaration) && ts.isTypeOnlyExportDeclaration(declaration),
    ) ?? false
  );
}

/** The names that a built file exports, without running it: it may be for another runtime. */
async function builtValues(file: string): Promise<string[]> {
  const { metafile } = await build({
    entryPoints: [join(root, file)],
    bundle: false,
    write: false,
    metafile: true,
    outdir: 'x',
    format: 'esm',
  });
  return (Object.values(metafile.outputs)[0]?.exports ?? []).sort();
}

for (const { file, types } of targets) {
  test(`${file} exports what its types say`, async () => {
    assert.equal(await builtValues(file), declaredValues(types));
  });
}

test('on Node the main entry is the entry for Node', async () => {
  const main = entries.find(({ name }) => name === '.')?.targets.find(({ condition }) => condition === 'default');
  assert.equal(declaredValues(main?.types ?? ''), Object.keys(node).sort());
});

test('a type that is exported as one is no value', () => {
  const names = declaredValues('./dist/core.d.ts');
  assert.ok(names.includes('Endpoint') && names.includes('CloseCode'));
  for (const name of ['EndpointOptions', 'Message', 'Role']) assert.not.ok(names.includes(name), name);
});
test.run();
