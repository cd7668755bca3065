// Each spec as one file of plain JavaScript: a process that loads one file starts in a fraction of the time that it takes to compile the sources of a hundred.

import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type BuildOptions, build, type Plugin } from 'esbuild';

/** A spec, and whether it runs with web-streams-polyfill. */
export interface SpecFile {
  readonly file: string;
  readonly isPolyfilled: boolean;
}

const root: string = fileURLToPath(new URL('../..', import.meta.url));
// Packages are found from here as they are from the sources.
const folder: string = join(root, 'node_modules/.cache/millrace-spec');

/** Where the bundle of a spec is. */
export function bundleOf({ file, isPolyfilled }: SpecFile): string {
  return join(folder, isPolyfilled ? 'polyfill' : 'platform', file.replace(/\.ts$/, '.js'));
}

/** Bundles the specs. What a source finds beside itself by `import.meta.url` is still found there. */
export async function bundle(specs: readonly SpecFile[]): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  for (const isPolyfilled of [false, true]) {
    const files = specs.filter((spec) => spec.isPolyfilled === isPolyfilled).map(({ file }) => join(root, file));
    if (files.length === 0) continue;
    await build({
      entryPoints: files,
      outdir: join(folder, isPolyfilled ? 'polyfill' : 'platform', 'spec'),
      outbase: join(root, 'spec'),
      ...settingsOf(isPolyfilled),
      packages: 'external',
    });
  }
}

/** How specs are bundled, with each of the implementations of streams. */
export function settingsOf(isPolyfilled: boolean): BuildOptions {
  return {
    // package.json says of the library that its files do nothing when they are imported; specs, and what they import for that, do.
    ignoreAnnotations: true,
    ...(isPolyfilled ? { inject: [join(root, 'spec/support/polyfill.ts')] } : undefined),
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    keepNames: true,
    sourcemap: true,
    sourcesContent: false,
    logLevel: 'warning',
    plugins: [ownUrls],
  };
}

// In two parts, for this file is bundled too.
const OWN_URL = `import.meta.${'url'}`;

/** What a source finds beside itself by `import.meta.url` is still found there. */
export const ownUrls: Plugin = {
  name: 'own-urls',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/](lib|spec)[\\/].*\.ts$/ }, async ({ path }) => {
      const text = await readFile(path, 'utf8');
      const url = JSON.stringify(pathToFileURL(path).href);
      return { contents: text.replaceAll(OWN_URL, url), loader: 'ts' };
    });
  },
};
