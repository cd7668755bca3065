// One file of plain JavaScript for each column and implementation of streams: with all packages inside, since the runtimes find packages in ways of their own, and
// Bun has a `ws` and an `undici` of its own where it finds those names.

import { rm } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';
import { settingsOf } from '../support/bundle.ts';
import type { Column } from './columns.ts';
import type { Row } from './rows.ts';

const root: string = fileURLToPath(new URL('../..', import.meta.url));
const folder: string = join(root, 'node_modules/.cache/millrace-runtimes');

/** A bundle of a cell, and the files that are in it. */
interface Bundle {
  readonly outfile: string;
  readonly files: readonly string[];
  readonly isPolyfilled: boolean;
}

/** What a cell runs, one after the other: runtimes that run the same files share it. */
export function bundlesOf({ runtime, isPolyfilled }: Row, { name, filesIn, isApart = () => false }: Column): Bundle[] {
  const files = filesIn(runtime.kind);
  const own = join(folder, isPolyfilled ? 'polyfill' : 'platform');
  const apart = files.filter(isApart).map((file) => ({ outfile: join(own, `${file}.mjs`), files: [file] }));
  const together = files.filter((file) => !isApart(file));
  const kind = files.join() === filesIn('node').join() ? '' : `.${runtime.kind}`;
  const shared = together.length === 0 ? [] : [{ outfile: join(own, `${name}${kind}.mjs`), files: together }];
  return [...shared, ...apart].map((made) => ({ ...made, isPolyfilled }));
}

// Packages that are not made of modules ask for those of Node, and where they are.
const banner = {
  js: "import { createRequire as toRequire } from 'node:module'; const require = toRequire(import.meta.url);",
};

/** Bundles what cells run: in one go for each implementation of streams, so that every source is read once. */
export async function bundle(cells: readonly (readonly [Row, Column])[]): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  const bundles = [
    ...new Map(cells.flatMap((cell) => bundlesOf(...cell)).map((made) => [made.outfile, made])).values(),
  ];
  for (const isPolyfilled of [false, true]) {
    const wanted = new Map(
      bundles.filter((made) => made.isPolyfilled === isPolyfilled).map(({ outfile, files }) => [outfile, files]),
    );
    if (wanted.size === 0) continue;
    const settings = settingsOf(isPolyfilled);
    await build({
      ...settings,
      entryPoints: Array.from(wanted.keys(), (outfile) => ({
        in: `entry:${outfile}`,
        out: relative(folder, outfile).slice(0, -'.mjs'.length),
      })),
      outdir: folder,
      outExtension: { '.js': '.mjs' },
      plugins: [...(settings.plugins ?? []), entriesOf(wanted)],
      banner,
      define: { __dirname: JSON.stringify(root) },
      external: ['millrace', 'esbuild', 'typescript', 'playwright-core'],
      ignoreAnnotations: true,
    });
  }
}

/** An entry is no file: what it imports is there for what it does. */
function entriesOf(wanted: ReadonlyMap<string, readonly string[]>): Plugin {
  return {
    name: 'entries',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^entry:/ }, ({ path }) => ({ path: path.slice('entry:'.length), namespace: 'entry' }));
      onLoad({ filter: /.*/, namespace: 'entry' }, ({ path }) => ({
        contents: (wanted.get(path) ?? []).map((file) => `import './spec/${file}.ts';`).join('\n'),
        resolveDir: root,
        loader: 'ts',
      }));
    },
  };
}
