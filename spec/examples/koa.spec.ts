// The example of Koa: spec/examples/koa.ts.

import { suite } from 'uvu';
import { byCookie, roomsOf } from '../support/rooms.ts';
import { assertNothingEscaped } from '../support/server.ts';

const test = suite('examples · Koa');

roomsOf(test, 'koa', { credentials: byCookie, notFound: /^Not Found$/ });

test('nothing has escaped in all of this', async () => {
  await assertNothingEscaped();
});
test.run();
