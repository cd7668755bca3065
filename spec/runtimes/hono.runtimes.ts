// The example of Hono (spec/examples/hono.ts), as it stands, in Deno and in Bun: over their node:http, by @hono/node-server. Runs on Node; RUNTIME tells of what runs
// the example.

import process from 'node:process';
import { suite } from 'uvu';
import { byToken, roomsOf } from '../support/rooms.ts';
import { assertNothingEscaped } from '../support/server.ts';

interface Told {
  readonly kind: string;
  readonly program: string;
}

const { kind, program } = JSON.parse(process.env['RUNTIME'] ?? 'null') as Told;
const words = kind === 'deno' ? ['run', '--quiet', '--no-lock', '-A'] : [];

const test = suite(`examples · Hono in ${kind}`);
roomsOf(test, 'hono', { credentials: byToken, notFound: /404 Not Found/, runner: [program, ...words] });
test.run();

const end = suite('the end');
end('nothing has escaped in all of this', async () => {
  await assertNothingEscaped();
});
end.run();
