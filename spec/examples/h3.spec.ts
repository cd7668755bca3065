// The example of h3: spec/examples/h3.ts.

import { suite } from 'uvu';
import { byCookie, roomsOf } from '../support/rooms.ts';
import { assertNothingEscaped } from '../support/server.ts';

const test = suite('examples · h3');

roomsOf(test, 'h3', { credentials: byCookie, notFound: /"status":\s*404/ });

test('nothing has escaped in all of this', async () => {
  await assertNothingEscaped();
});
test.run();
