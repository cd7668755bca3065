// The example of Hono (spec/examples/hono.ts), as it stands, in Deno and in Bun: over their node:http, by @hono/node-server. Run as servers.runtimes.ts is, behind `npm ci` here:
// node --import tsx spec/runtimes/hono.runtimes.ts
// DENO and BUN name other programs than those that are installed here.

import { chmodSync, existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import { byToken, roomsOf } from '../support/rooms.ts';
import { assertNothingEscaped } from '../support/server.ts';

const here = fileURLToPath(new URL('.', import.meta.url));

/** The program, inside the package of this platform. */
function findProgram(scope: string, file: string): string {
  const folder = join(here, 'node_modules', scope);
  for (const platform of existsSync(folder) ? readdirSync(folder) : []) {
    const program = join(folder, platform, file);
    if (!existsSync(program)) continue;
    chmodSync(program, 0o755);
    return program;
  }
  throw new Error(`No program of ${scope} is installed for this platform: npm ci in spec/runtimes`);
}

const runners = {
  Deno: [process.env['DENO'] ?? findProgram('@deno', 'deno'), 'run', '--quiet', '--no-lock', '-A'],
  Bun: [process.env['BUN'] ?? findProgram('@oven', 'bin/bun')],
} as const;

for (const [name, runner] of Object.entries(runners)) {
  const test = suite(`examples · Hono in ${name}`);
  roomsOf(test, 'hono', { credentials: byToken, notFound: /404 Not Found/, runner });
  test.run();
}

const end = suite('the end');
end('nothing has escaped in all of this', async () => {
  await assertNothingEscaped();
});
end.run();
