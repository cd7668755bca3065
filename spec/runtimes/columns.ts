// The columns of the matrix: specs that run together in one process of a runtime, from one bundle.

import { readdirSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { runsIn } from './left-out.ts';
import type { Row, Runtime } from './rows.ts';

export interface Column {
  readonly name: string;
  /** The files, below spec/ and without their ending, that run in such a runtime: one after the other, in one process. */
  readonly filesIn: (kind: Runtime['kind']) => readonly string[];
  /** Which files have a process of their own, one after the other. Default: none, they share one, which starts once. */
  readonly isApart?: (file: string) => boolean;
  /** Whether Node runs it, the one that runs this: the runtime of the row is what RUNTIME tells of. Default: the runtime itself runs it. */
  readonly isOutside?: boolean;
  /** Whether it stands in the table of units: all others are of behaviour, as it is seen from outside. */
  readonly isUnit?: boolean;
  /** The rows that have it. Default: all. */
  readonly fits?: (row: Row) => boolean;
}

const root: string = fileURLToPath(new URL('../', import.meta.url));

const specs: readonly string[] = readdirSync(root, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith('.spec.ts'))
  .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join('/').slice(0, -'.spec.ts'.length))
  .sort();

/** The rooms of spec that run in all runtimes. The command line has a column of its own; the rest looks at the repository itself. */
const rooms: Readonly<Record<string, readonly string[]>> = {
  core: ['bytes', 'frame', 'message', 'endpoint', 'fuzz', 'core', 'error', 'limits'],
  extension: ['extension'],
  handshake: ['handshake'],
  conformance: ['conformance'],
  streams: ['stream', 'testing'],
  connection: ['connection', 'job'],
  client: ['client', 'reconnect'],
  adapter: ['adapter'],
};

/** The specs of sockets in parts: each cell has its time. */
function adapterPart(name: string, part: RegExp): Column {
  return {
    name,
    filesIn: (kind) => filesOf('adapter', kind).filter((file) => part.test(file)),
    // They look at what is left in the process.
    isUnit: true,
    isApart: () => true,
    // They hold the sockets to what Node does, handle by handle; what Deno and Bun do is what the battery asserts.
    fits: (row) => isNewest(row) && !row.isPolyfilled,
  };
}

function filesOf(column: string, kind: Runtime['kind']): string[] {
  const wanted = rooms[column] ?? [];
  const found = specs.filter((spec) => wanted.includes(spec.split('/')[0] as string) && runsIn(spec, kind));
  return found.map((spec) => `${spec}.spec`);
}

const platformOnly = ({ isPolyfilled }: Row): boolean => !isPolyfilled;

/** Whether it is the Node that runs this: `npm test` has run all of these specs on it, with BATTERY=whole on both implementations of streams. */
const isTested = ({ runtime }: Row): boolean => runtime.program === process.execPath;

/** The newest Node: between the one of `npm test` and this one the language has not lost anything. */
const isNewest = ({ runtime }: Row): boolean => runtime.name === 'Node 26';

/** Which rows have a column of units. What knows no socket, timer or stream runs on each kind of runtime; what does on each version of Node too. */
function fitsUnit(name: string): (row: Row) => boolean {
  const isOfKind = (row: Row): boolean => isNewest(row) || row.runtime.kind !== 'node';
  if (['core', 'extension', 'handshake', 'conformance'].includes(name))
    return (row) => !row.isPolyfilled && isOfKind(row);
  return (row) => !row.isPolyfilled || isOfKind(row);
}

const units: readonly Column[] = Object.keys(rooms)
  .filter((name) => name !== 'adapter')
  .map((name) => ({
    name,
    isUnit: true,
    filesIn: (kind) => filesOf(name, kind),
    ...(name === 'conformance' ? { isApart: () => true } : undefined),
    // They take WebAssembly away.
    ...(name === 'core' ? { isApart: (file: string) => file.endsWith('-simd-none.spec') } : undefined),
    fits: fitsUnit(name),
  }));

/** The specs of the adapter of a runtime's own, which run inside it: in parts, for each cell has its time. */
function ofSockets(name: string, specsOf: Readonly<Record<string, readonly string[]>>): Column {
  return {
    name,
    filesIn: (kind) => (specsOf[kind] ?? []).map((spec) => `runtimes/${kind}/${spec}`),
    isApart: () => true,
    fits: (row) => hasOwn(row) && platformOnly(row),
  };
}

const hasOwn = ({ runtime }: Row): boolean => runtime.kind !== 'node';

/** The columns, in their order. */
export const columns: readonly Column[] = [
  ...units,
  // Those of crowds and floods take longer than a cell has; `npm test` runs them.
  adapterPart('server', /\/node-server(?!-(flow|load|half-open|lost|peers|pipe|refusal|stop|tls))/),
  adapterPart('server, ends', /\/node-server-(half-open|lost|peers|refusal|stop|tls)/),
  adapterPart('deflate', /\/permessage-deflate/),
  ...['http', 'tls', 'attach', 'memory'].map((name) => ({ name, filesIn: () => [`runtimes/battery/${name}`] })),
  // The adapter of that runtime alone: the battery, and what is not in it.
  { name: 'own', filesIn: (kind) => [`runtimes/battery/${kind}`], fits: hasOwn },
  ofSockets('sockets', { deno: ['transport'], bun: ['transport', 'dial'] }),
  ofSockets('connect', { deno: ['connect'], bun: ['connect'] }),
  ofSockets('serve', { deno: ['serve'], bun: ['serve'] }),
  { name: 'cli', filesIn: () => ['runtimes/cli.runtimes'], isOutside: true, fits: platformOnly },
  {
    name: 'pack',
    filesIn: () => ['package/pack.spec', 'package/no-streams.spec'],
    isOutside: true,
    isApart: () => true,
    fits: (row) => platformOnly(row) && !isTested(row),
  },
  {
    name: 'hono',
    filesIn: () => ['runtimes/hono.runtimes'],
    isOutside: true,
    // On Node it is an example as the others (spec/examples).
    fits: (row) => hasOwn(row) && platformOnly(row),
  },
  { name: 'servers', filesIn: () => ['runtimes/servers.runtimes'], fits: platformOnly },
];
