import { rm } from 'node:fs/promises';
import { defineConfig } from 'tsup';

const entries = ['index', 'browser', 'bun', 'core', 'deno', 'node', 'polyfill', 'testing'].map(
  (name) => `lib/${name}.ts`,
);

/**
 * What users import apart from one another. Nobody imports these files: as entries of the build they make it cut its chunks where a bundler can leave one out (spec/package/size
 * holds it to that), and then they are removed.
 */
const seams = [
  'lib/adapter/node-attach.ts',
  'lib/adapter/node-connect.ts',
  'lib/adapter/node-reconnect.ts',
  'lib/adapter/node-server.ts',
  'lib/adapter/node-web-socket-stream.ts',
  'lib/adapter/permessage-deflate.ts',
  'lib/job/upgrade.ts',
  'lib/stream/frame-decoder-stream.ts',
];

// The library and its command. The demo is built by `npm run build:demo` beside it, and each build leaves the other's files alone.
export default defineConfig([
  {
    entry: [...entries.filter((entry) => entry !== 'lib/browser.ts'), 'lib/cli.ts', ...seams],
    format: 'esm',
    target: 'node20',
    // `npm run typecheck` checks the types of everything: here it would cost as much again as all the rest of the build.
    dts: { entry: entries, compilerOptions: { noCheck: true } },
    noExternal: ['pako'],
    clean: ['!demo/**', '!browser/**'],
    // Deno and bundlers know Node's modules by that.
    removeNodeProtocol: false,
    silent: true,
    onSuccess: async () => {
      for (const seam of seams) await rm(seam.replace(/^lib\/(\w+)\/.*$/, 'dist/$1'), { recursive: true, force: true });
    },
  },
  // What browsers get instead. A page without a bundler finds no packages: what they need of them is in the files.
  {
    entry: {
      index: 'lib/browser.ts',
      core: 'lib/core.ts',
      polyfill: 'lib/polyfill.ts',
      testing: 'lib/testing.ts',
      // Files of their own: what has effects when it is loaded (tables, classes) is dropped by bundlers only as a file.
      portable: 'lib/adapter/portable-codec.ts',
      upgrade: 'lib/job/upgrade.ts',
      decoder: 'lib/stream/frame-decoder-stream.ts',
    },
    outDir: 'dist/browser',
    format: 'esm',
    target: 'es2022',
    platform: 'browser',
    noExternal: ['pako', 'web-streams-polyfill'],
    clean: true,
    silent: true,
    onSuccess: async () => {
      for (const seam of ['portable', 'upgrade', 'decoder']) await rm(`dist/browser/${seam}.js`, { force: true });
    },
  },
]);
