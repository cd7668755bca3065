// The entries of the package, as package.json has them: whoever adds one there has it checked everywhere.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What stands under one condition of an entry. */
export interface Target {
  /** Where the condition applies: "default", or "browser", "deno" and so on. */
  readonly condition: string;
  /** The JavaScript and its declarations, from the root of the package: "./dist/node.js", "./dist/node.d.ts". */
  readonly file: string;
  readonly types: string;
  /** What it is built of, from the root of the repository: "lib/node.ts". */
  readonly source: string;
}

/** An entry: `name` is what follows the package's name in an import ("." for nothing). */
export interface Entry {
  readonly name: string;
  /** How it is imported: "millrace/core". */
  readonly specifier: string;
  readonly targets: readonly Target[];
}

type Conditions = { readonly [condition: string]: string | Conditions };

/** What the specs read of package.json. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly exports: { readonly [entry: string]: string | Conditions };
  readonly scripts: Record<string, string>;
  readonly dependencies: Record<string, string>;
  readonly [key: string]: unknown;
}

/** The repository's folder. */
export const root: string = fileURLToPath(new URL('../..', import.meta.url));
export const manifest: Manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** All entries with code; "./package.json" is none. */
export const entries: readonly Entry[] = Object.entries(manifest.exports)
  .filter((pair): pair is [string, Conditions] => typeof pair[1] === 'object')
  .map(([name, conditions]) => ({
    name,
    specifier: name === '.' ? manifest.name : `${manifest.name}${name.slice(1)}`,
    targets: [...targetsOf(conditions, 'default')],
  }));

/** Each file that some entry has, once. */
export const targets: readonly Target[] = [
  ...new Map(entries.flatMap((entry) => entry.targets).map((target) => [target.file, target])).values(),
];

/** The same, those that have the same types once: a browser gets other files than Node of one source. */
export const described: readonly Target[] = [
  ...new Map(targets.toReversed().map((target) => [target.types, target])).values(),
].toReversed();

function* targetsOf(conditions: Conditions, condition: string): Generator<Target> {
  const { types, default: file, ...rest } = conditions;
  for (const [name, value] of Object.entries(rest)) {
    if (typeof value !== 'object') throw new Error(`The condition "${name}" of an entry has no types of its own`);
    yield* targetsOf(value, name);
  }
  if (typeof types !== 'string' || typeof file !== 'string') throw new Error(`No types or no default: ${condition}`);
  const source = types.replace(/^\.\/dist\/(.*)\.d\.ts$/, 'lib/$1.ts');
  if (!existsSync(join(root, source))) throw new Error(`${types} is built of nothing: there is no ${source}`);
  yield { condition, file, types, source };
}
