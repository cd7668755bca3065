// One file of plain JavaScript for each column and implementation of streams: with all packages inside, since the runtimes find packages in ways of their own, and
// Bun has a `ws` and an `undici` of its own where it finds those names.

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { settingsOf } from '../support/bundle.ts';
import type { Column } from './columns.ts';
import type { Row } from './rows.ts';

const root: string = fileURLToPath(new URL('../..', import.meta.url));
const folder: string = join(root, 'node_modules/.cache/millrace-runtimes');

/** Where the bundle of a cell is: runtimes that run the same files share it. */
export function bundleOf({ runtime, isPolyfilled }: Row, { name, filesIn, bundle = name }: Column): string {
  const files = filesIn(runtime.kind).join();
  const kind = files === filesIn('node').join() ? '' : `.${runtime.kind}`;
  return join(folder, isPolyfilled ? 'polyfill' : 'platform', `${bundle}${kind}.mjs`);
}

// Packages that are not made of modules ask for those of Node.
const banner = {
  js: "import { createRequire as toRequire } from 'node:module'; const require = toRequire(import.meta.url);",
};

/** Bundles what cells run. */
export async function bundle(cells: readonly (readonly [Row, Column])[]): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  const bundles = new Map(cells.map(([row, column]) => [bundleOf(row, column), [row, column]] as const));
  for (const [outfile, [{ runtime, isPolyfilled }, { name, filesIn }]] of bundles) {
    await build({
      ...settingsOf(isPolyfilled),
      // The entry is no file: what it imports is there for what it does.
      stdin: {
        contents: filesIn(runtime.kind)
          .map((file) => `import './spec/${file}.ts';`)
          .join('\n'),
        resolveDir: root,
        sourcefile: `${name}.ts`,
        loader: 'ts',
      },
      outfile,
      banner,
      external: ['millrace', 'esbuild', 'typescript', 'playwright-core'],
      ignoreAnnotations: true,
    });
  }
}
