import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { permessageDeflate } from '../../lib/adapter/browser-permessage-deflate.ts';
import { permessageDeflate as onNode } from '../../lib/adapter/permessage-deflate.ts';
import { createPair } from '../../lib/testing/pair.ts';
import { throws } from '../support/check.ts';

const test = suite('browser · permessage-deflate');

for (const [client, server] of [
  ['a page', 'Node'],
  ['Node', 'a page'],
] as const) {
  test(`${client} as the client and ${server} as the server understand each other`, async () => {
    const make = (who: string) => (who === 'Node' ? onNode : permessageDeflate)({ threshold: 0 });
    const pair = createPair({
      client: { extensions: [make(client)] },
      server: {
        extensions: [make(server)],
        handler: async (session) => {
          for await (const message of session) await session.send(message);
        },
      },
    });
    const { session } = pair.client;
    assert.is(session.extensions, 'permessage-deflate');
    for (const message of ['', 'grüße', 'x'.repeat(100_000), new Uint8Array(50_000).fill(7)]) {
      void session.send(message);
      assert.equal(await pair.clock.turnUntil(session.receive()), message);
    }
    assert.ok(session.counters.bytesSent < 5_000);
    void session.close();
    const ended = await pair.ended();
    assert.ok(ended.client.wasClean && ended.server.wasClean);
  });
}

test('wrong options throw, as they do on Node', () => {
  throws(() => permessageDeflate({ serverMaxWindowBits: 8 }), RangeError);
  throws(() => permessageDeflate({ threshold: -1 }), RangeError);
});

test.run();
