// HTML documentation of every entry that package.json has: `npm run docs`, into docs/.

import { readFileSync } from 'node:fs';

const { exports } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'));

/** The sources of the entries, whatever condition they stand under. */
function* sourcesOf(conditions) {
  if (typeof conditions !== 'object') return;
  const { types, default: file, ...rest } = conditions;
  if (file !== undefined) yield types.replace(/^\.\/dist\/(.*)\.d\.ts$/, 'lib/$1.ts');
  for (const value of Object.values(rest)) yield* sourcesOf(value);
}

const sources = new Set(Object.values(exports).flatMap((conditions) => [...sourcesOf(conditions)]));
// On Node the main entry is the entry for Node, name by name.
sources.delete('lib/index.ts');

/** @type {Partial<import('typedoc').TypeDocOptions>} */
export default {
  entryPoints: [...sources],
  tsconfig: 'tsconfig.json',
  out: 'docs',
  name: 'millrace',
  includeVersion: true,
  excludePrivate: true,
  excludeInternal: true,
  disableSources: true,
  githubPages: false,
  // tsc has checked them.
  skipErrorChecking: true,
  treatWarningsAsErrors: true,
  // What the engine's own classes are made with: nobody else makes them.
  intentionallyNotExported: [
    'BodySettings',
    'Connection',
    'DenoConn',
    'Decision',
    'Engine',
    'Inbox',
    'JobOptions',
    'Listen',
    'Transport',
  ],
};
