// A file one can read in a sitting.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('package · size of files');

const LONGEST = 400;
const root = join(dirname(fileURLToPath(import.meta.url)), '../..');

function countLines(text: string): number {
  return text.split('\n').length - (text.endsWith('\n') ? 1 : 0);
}

test(`no file of lib has more than ${LONGEST} lines`, () => {
  const files = readdirSync(join(root, 'lib'), { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  assert.ok(files.length > 20);
  const tooLong = files
    .map((entry) => join(entry.parentPath, entry.name))
    .map((file) => [relative(root, file), countLines(readFileSync(file, 'utf8'))] as const)
    .filter(([, lines]) => lines > LONGEST);
  assert.equal(tooLong, []);
});

test('lines are counted as an editor counts them', () => {
  assert.equal(['', 'a', 'a\n', 'a\nb', 'a\nb\n', '\n\n'].map(countLines), [1, 1, 1, 2, 2, 2]);
});

test.run();
