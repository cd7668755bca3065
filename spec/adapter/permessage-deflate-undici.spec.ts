// Our server with permessage-deflate and undici's WebSocket, which inflates what comes and sends everything as it is.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Message, type PermessageDeflateOptions, permessageDeflate } from '../../lib/node.ts';
import { assertSame, conductOf } from '../support/deflate-links.ts';
import { json, largeSamples, multibyte, type Sample, smallSamples } from '../support/deflate-samples.ts';
import { openUndici } from '../support/peers.ts';
import { assertNothingEscaped, endOf, startServer } from '../support/server.ts';
import { sized } from '../support/sized.ts';
import { within } from '../support/until.ts';

const test = suite('permessage-deflate · undici');

/** Our options, and the response's Sec-WebSocket-Extensions: undici offers `client_max_window_bits` without a value. */
const cases: readonly (readonly [PermessageDeflateOptions, string])[] = [
  [{}, 'permessage-deflate'],
  [{ serverNoContextTakeover: true }, 'permessage-deflate; server_no_context_takeover'],
  [{ clientNoContextTakeover: true }, 'permessage-deflate; client_no_context_takeover'],
  ...[9, 10, 11, 12, 13, 14].map(
    (bits) => [{ serverMaxWindowBits: bits }, `permessage-deflate; server_max_window_bits=${bits}`] as const,
  ),
  [{ clientMaxWindowBits: 9 }, 'permessage-deflate; client_max_window_bits=9'],
  [
    { serverMaxWindowBits: 9, serverNoContextTakeover: true, level: 9 },
    'permessage-deflate; server_no_context_takeover; server_max_window_bits=9',
  ],
];

for (const [options, answered] of cases) {
  test(`server with ${JSON.stringify(options)}: ${answered}`, async () => {
    await using host = await startServer((session) => session.closed, { extensions: [permessageDeflate(options)] });
    const peer = await openUndici(host.url);
    const session = await host.session();
    assert.is(peer.extensions, answered);
    assert.is(session.extensions, answered);
    const down = async (message: Message): Promise<number> => {
      const before = session.counters.bytesSent;
      await session.send(message);
      assertSame(await peer.receive(), message);
      return session.counters.bytesSent - before;
    };
    const up = async (message: Message): Promise<number> => {
      const before = session.counters.bytesReceived;
      peer.send(message);
      assertSame(await within(session.receive(), 'a message'), message);
      return session.counters.bytesReceived - before;
    };
    const remembers = !answered.includes('server_no_context_takeover');
    assert.equal(await conductOf(down), { compresses: true, remembers });
    assert.equal(await conductOf(up), { compresses: false, remembers: false });
    const isWhole = Object.keys(options).length === 0;
    for (const { name, message, isCompressible } of [...smallSamples, ...(isWhole ? largeSamples : [])] as Sample[]) {
      const size = Buffer.from(message as string).byteLength;
      const cost = await down(message);
      if (isCompressible) assert.ok(cost < size / 2, `${name}: ${cost} bytes for ${size}`);
      assert.ok((await up(message)) > size);
    }
    void session.close();
    assert.is((await peer.ended()).code, 1000);
    const { wasClean, error } = await endOf(session);
    assert.is(error, undefined);
    assert.ok(wasClean);
  });
}

test('a thousand messages and their echoes over one context, the replies compressed', async () => {
  await using host = await startServer(undefined, { extensions: [permessageDeflate()] });
  const peer = await openUndici(host.url);
  const messages = Array.from({ length: 1000 }, (_, index) => json(index));
  for (const message of messages) peer.send(message);
  for (const message of messages) assert.is(await peer.receive(), message);
  peer.close(1000);
  assert.is((await peer.ended()).code, 1000);
  const { bytesSent, bytesReceived } = (await host.session()).counters;
  assert.ok(bytesSent < bytesReceived / 3, `${bytesSent} bytes down, ${bytesReceived} up`);
});

test('messages that are sent as they are made, some of them compressed, are read as they were', async () => {
  await using host = await startServer(
    async (session) => {
      for (let round = 0; round < sized(5, 50); round++) {
        await session.send(
          (async function* () {
            for (let part = 0; part < 20; part++) yield multibyte(1_000);
          })(),
          { compress: round % 2 === 0 },
        );
        await session.send(json(round), { compress: round % 3 === 0 });
      }
    },
    { extensions: [permessageDeflate()] },
  );
  const peer = await openUndici(host.url);
  for (let round = 0; round < sized(5, 50); round++) {
    assert.is(await peer.receive(), multibyte(1_000).repeat(20));
    assert.is(JSON.parse((await peer.receive()) as string).number, round);
  }
  assert.is((await peer.ended()).code, 1000);
  assert.equal(host.reported, []);
});

test('nothing has escaped in all of this', assertNothingEscaped);

test.run();
