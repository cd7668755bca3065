// Both implementations of WHATWG Streams side by side: a foreign stream of the other kind is crossed by reader and writer, whichever is chosen.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import * as ponyfill from 'web-streams-polyfill';
import { upgrade } from '../lib/job/upgrade.ts';
import { type StreamsImplementation, streams, useStreams } from '../lib/stream/streams.ts';
import { turns } from './support/clock.ts';
import { watchEscapes } from './support/pair.ts';

const { seen } = watchEscapes();
const polyfill = ponyfill as unknown as StreamsImplementation;
const native: StreamsImplementation = { ReadableStream, WritableStream, TransformStream };
const test = suite('streams of both kinds');

for (const [chosen, carried] of [
  ['native', 'polyfill'],
  ['polyfill', 'native'],
  ['polyfill', 'polyfill'],
  ['native', 'native'],
] as const) {
  test(`${chosen} streams are chosen, the bytes are carried by ${carried} ones: a pipe echoes and closes cleanly`, async () => {
    useStreams(chosen === 'native' ? native : polyfill);
    const { TransformStream: Carrier } = carried === 'native' ? native : polyfill;
    const { TransformStream: Upper } = streams();
    try {
      const up = new Carrier<Uint8Array, Uint8Array>();
      const down = new Carrier<Uint8Array, Uint8Array>();
      const server = upgrade(up.readable, down.writable, undefined, undefined, {
        handler: (session) => {
          const upper = new Upper<unknown, string>({
            transform: (text, out) => out.enqueue(String(text).toUpperCase()),
          });
          return session.readable.pipeThrough(upper).pipeTo(session.writable);
        },
      });
      assert.instance(server.session.readable, streams().ReadableStream);
      const client = upgrade(down.readable, up.writable, undefined, undefined, { role: 'client' });
      for (const text of ['a', 'b', 'x'.repeat(100_000)]) void client.session.send(text);
      for (const text of ['A', 'B', 'X'.repeat(100_000)]) assert.is(await client.session.receive(), text);
      assert.ok((await client.session.close()).wasClean);
      assert.equal([(await server.closed).wasClean, server.state], [true, 'completed']);
    } finally {
      useStreams(globalThis);
    }
  });
}

test('importing millrace/polyfill chooses web-streams-polyfill', async () => {
  assert.is(streams().ReadableStream, globalThis.ReadableStream);
  await import('../lib/polyfill.ts');
  assert.is(streams().ReadableStream as unknown, ponyfill.ReadableStream);
  useStreams(globalThis);
});

test('nothing has escaped in all of this', async () => {
  await turns();
  assert.equal(seen, []);
});
test.run();
