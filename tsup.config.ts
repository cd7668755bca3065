import { defineConfig } from 'tsup';

// `npm start` builds the demo alone, without declarations, in a fraction of a second.
const demo = Boolean(process.env['DEMO'] ?? process.argv.some((argument) => argument.startsWith('--env.DEMO')));

export default defineConfig(
  demo
    ? { entry: { main: 'lib/demo/main.ts' }, outDir: 'dist/demo', format: 'esm', target: 'node20', silent: true }
    : {
        entry: ['lib/index.ts', 'lib/core.ts', 'lib/node.ts', 'lib/cli.ts'],
        format: 'esm',
        target: 'node20',
        dts: { entry: ['lib/index.ts', 'lib/core.ts', 'lib/node.ts'] },
        clean: ['dist/*.js', 'dist/*.d.ts'],
        silent: true,
      },
);
