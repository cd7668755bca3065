import { defineConfig } from 'tsup';

// The library and its command. The demo is built by `npm run build:demo` beside it, and each build leaves the other's files alone.
export default defineConfig({
  entry: [
    'lib/index.ts',
    'lib/core.ts',
    'lib/deno.ts',
    'lib/node.ts',
    'lib/polyfill.ts',
    'lib/testing.ts',
    'lib/cli.ts',
  ],
  format: 'esm',
  target: 'node20',
  dts: { entry: ['lib/index.ts', 'lib/core.ts', 'lib/deno.ts', 'lib/node.ts', 'lib/polyfill.ts', 'lib/testing.ts'] },
  clean: ['!demo/**'],
  silent: true,
});
