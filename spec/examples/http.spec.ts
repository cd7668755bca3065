// The example of plain node:http: spec/examples/http.ts.

import { suite } from 'uvu';
import { byCookie, roomsOf } from '../support/rooms.ts';
import { assertNothingEscaped } from '../support/server.ts';

const test = suite('examples · plain node:http');

roomsOf(test, 'http', { credentials: byCookie, notFound: /^Nothing here$/m });

test('nothing has escaped in all of this', async () => {
  await assertNothingEscaped();
});
test.run();
