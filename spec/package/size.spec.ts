// How large each entry is for who bundles it: with all that it depends on, minified, gzip. And that who uses a part does not get the whole.

import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { root, targets } from '../support/entries.ts';

const test = suite('package · size');

/**
 * The most bytes of each entry, gzip. An entry that has outgrown its row by what it is meant to do gets a new one: its size of then and 5 % more, in the commit that made it
 * grow. One that is a tenth under its row gets a new one too.
 */
const limits: Record<string, number> = {
  'browser/core.js': 18_500,
  'browser/index.js': 78_400,
  'browser/polyfill.js': 15_800,
  'browser/testing.js': 49_000,
  'bun.js': 108_800,
  'core.js': 18_500,
  'deno.js': 108_000,
  'index.js': 97_700,
  'node.js': 97_700,
  'polyfill.js': 15_600,
  'testing.js': 49_000,
};

/** What it costs to import only this, in bytes, gzip. */
const parts: readonly (readonly [name: string, file: string, limit: number])[] = [
  ['CloseCode', 'core', 600],
  ['FrameDecoder', 'core', 3_400],
  ['Endpoint', 'core', 12_600],
  ['CloseCode', 'index', 600],
  ['FrameDecoderStream', 'index', 20_300],
  ['MessageAssemblerStream', 'index', 20_300],
  ['permessageDeflate', 'index', 18_400],
  ['upgrade', 'index', 42_900],
  ['serve', 'index', 60_300],
  ['connect', 'index', 59_100],
  ['WebSocketStream', 'index', 61_800],
];

/** What a bundler makes of the code, compressed. */
async function sizeOf(code: string): Promise<{ readonly size: number; readonly text: string }> {
  const { outputFiles } = await build({
    stdin: { contents: code, resolveDir: root },
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    // What another runtime has built in.
    external: ['bun', 'bun:*', 'node:*'],
    logLevel: 'error',
  });
  const text = outputFiles[0]?.text ?? '';
  return { size: gzipSync(text, { level: 9 }).byteLength, text };
}

for (const { file } of targets) {
  const source = file.slice('./dist/'.length);
  test(`${source} is no larger than its limit`, async () => {
    const { size } = await sizeOf(`export * from '${join(root, file)}';`);
    const limit = limits[source];
    const row = `'${source}': ${Math.ceil((size * 1.05) / 100) * 100},`;
    if (limit === undefined) return assert.unreachable(`no limit for ${source}, ${size} bytes: add ${row}`);
    assert.ok(
      size <= limit,
      `${source} has ${size} bytes, over its limit of ${limit}: what has come in? If it is meant to be there: ${row}`,
    );
    assert.ok(
      size > limit * 0.9,
      `${source} has ${size} bytes, a tenth under its limit of ${limit}: hold it with ${row}`,
    );
  });
}

for (const [name, file, limit] of parts) {
  test(`who imports ${name} of the entry "${file}" alone gets little else`, async () => {
    const { size } = await sizeOf(`export { ${name} } from '${join(root, 'dist', file)}.js';`);
    assert.ok(
      size > 0 && size <= limit,
      `${size} bytes, over ${limit}: see the seams in tsup.config.ts, and what a module does when it is loaded`,
    );
  });
}

test('importing an entry for nothing leaves nothing of it, but for the polyfill', async () => {
  for (const { file, source } of targets) {
    const { text } = await sizeOf(`import '${join(root, file)}';`);
    if (source === 'lib/polyfill.ts') assert.match(text, 'ReadableStream');
    else assert.is(text.trim(), '', source);
  }
});
test.run();
