// The example of Fastify: spec/examples/fastify.ts.

import { suite } from 'uvu';
import { byToken, roomsOf } from '../support/rooms.ts';
import { assertNothingEscaped } from '../support/server.ts';

const test = suite('examples · Fastify');

roomsOf(test, 'fastify', { credentials: byToken, notFound: /"Route GET:\/none not found"/ });

test('nothing has escaped in all of this', async () => {
  await assertNothingEscaped();
});
test.run();
