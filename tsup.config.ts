import { defineConfig } from 'tsup';

const entries = ['index', 'browser', 'bun', 'core', 'deno', 'node', 'polyfill', 'testing'].map(
  (name) => `lib/${name}.ts`,
);

// The library and its command. The demo is built by `npm run build:demo` beside it, and each build leaves the other's files alone.
export default defineConfig({
  entry: [
    ...entries,
    'lib/cli.ts',
    // A file of its own: what has effects when it is loaded (tables) is dropped by bundlers only as a file.
    'lib/adapter/portable-codec.ts',
  ],
  format: 'esm',
  target: 'node20',
  dts: { entry: entries },
  // A page without a bundler finds no packages: what the entry for browsers needs of them is in the files.
  noExternal: ['pako'],
  clean: ['!demo/**'],
  silent: true,
});
