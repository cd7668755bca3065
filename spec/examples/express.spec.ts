// The example of Express: spec/examples/express.ts.

import { suite, type Test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Example } from '../support/example.ts';
import { openWs } from '../support/peers.ts';
import { byCookie, roomsOf } from '../support/rooms.ts';
import { assertNothingEscaped } from '../support/server.ts';

const test = suite('examples · Express');

function more(test: Test, example: () => Example): void {
  test('express: the sockets of ws, on their own path, stay as they were', async () => {
    const peer = await openWs(example().url('/old'));
    peer.send('hello');
    assert.is(await peer.receive(), 'old: hello');
    peer.close(1000);
    assert.is((await peer.ended()).code, 1000);
  });
}

roomsOf(test, 'express', { credentials: byCookie, notFound: /Cannot GET \/none/, more });

test('nothing has escaped in all of this', async () => {
  await assertNothingEscaped();
});
test.run();
