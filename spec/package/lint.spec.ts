// The package as others judge it: publint and arethetypeswrong, on the tarball that would be published. Neither asks a registry.

import { type CheckResult, checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { entries } from '../support/entries.ts';
import { makeFolder, pack, readTarball } from '../support/packed.ts';

const test = suite('package · lint');

/** What is known to be so, by its kind and where it holds, each with the reason. */
const accepted: Record<string, string> = {
  'NoResolution node10':
    'knows no `exports`; TypeScript 6 has given it up, and who is on it names "bundler" or "nodenext"',
  'CJSResolvesToESM node16-cjs':
    'it is of ES modules: `require` loads them from Node 20.19 and 22.12 on (spec/package/pack)',
};

const packed = pack(makeFolder());

test('publint finds nothing, be it a suggestion', async () => {
  const { messages, pkg } = await publint({ pack: { tarball: readTarball(packed) }, strict: true });
  assert.equal(
    messages.map((message) => formatMessage(message, pkg, { color: false })),
    [],
  );
});

test('the types are right for every entry, as each kind of resolution finds them', async () => {
  const result: CheckResult = await checkPackage(createPackageFromTarballData(new Uint8Array(readTarball(packed))));
  if (result.types === false) return assert.unreachable('the package has no types');
  const seen = new Set<string>();
  const wrong: string[] = [];
  for (const problem of result.problems) {
    const where = 'resolutionKind' in problem ? problem.resolutionKind : JSON.stringify(problem);
    seen.add(`${problem.kind} ${where}`);
    if (!(`${problem.kind} ${where}` in accepted)) wrong.push(JSON.stringify(problem));
  }
  assert.equal(wrong, []);
  assert.equal(
    Object.keys(accepted).filter((kind) => !seen.has(kind)),
    [],
    'accepted, and not so any more',
  );
  assert.equal(Object.keys(result.entrypoints).sort(), [...entries.map(({ name }) => name), './package.json'].sort());
});

test('what is packed is what was built, its licence and its papers: no sources, no specs, no demo', () => {
  const paths = packed.files.map(({ path }) => path);
  const papers = ['CHANGELOG.md', 'LICENSE', 'README.md', 'THIRD-PARTY-NOTICES.md', 'package.json'];
  assert.equal(
    paths.filter((path) => !papers.includes(path) && !/^dist\/([^/]+\.(js|d\.ts)|browser\/[^/]+\.js)$/.test(path)),
    [],
  );
  for (const path of papers) assert.ok(paths.includes(path), path);
});
test.run();
