// The example of Hono: spec/examples/hono.ts.

import { suite } from 'uvu';
import { byToken, roomsOf } from '../support/rooms.ts';
import { assertNothingEscaped } from '../support/server.ts';

const test = suite('examples · Hono');

roomsOf(test, 'hono', { credentials: byToken, notFound: /404 Not Found/ });

test('nothing has escaped in all of this', async () => {
  await assertNothingEscaped();
});
test.run();
