import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { NodeTransport } from '../../lib/adapter/node-duplex.ts';
import { upgrade, upgradeTransport } from '../../lib/job/upgrade.ts';
import type { Message } from '../../lib/message/message.ts';
import { throws } from '../support/check.ts';
import { turns } from '../support/clock.ts';
import { ByHand, createPair, masked, watchEscapes } from '../support/pair.ts';

const { seen } = watchEscapes();

const arguments_ = suite('upgrade · arguments');

arguments_('a locked stream is a TypeError', () => {
  const locked = new TransformStream<Uint8Array, Uint8Array>();
  const open = new TransformStream<Uint8Array, Uint8Array>();
  locked.readable.getReader();
  locked.writable.getWriter();
  throws(() => upgrade(locked.readable, open.writable), TypeError, /input.*locked/);
  throws(() => upgrade(open.readable, locked.writable), TypeError, /output.*locked/);
  assert.not(open.writable.locked);
});

arguments_('wrong options are refused before the streams are taken', () => {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const call = (options: object) => () => upgrade(readable, writable, undefined, undefined, options);
  throws(call({ role: 'proxy' }), TypeError, /role/);
  throws(call({ handler: 'echo' }), TypeError, /handler/);
  throws(call({ fragmentSize: 0 }), RangeError, /fragment size/);
  throws(call({ fragmentSize: 1.5 }), RangeError);
  throws(call({ limits: { maxMessageSize: -1 } }), RangeError, /maxMessageSize/);
  throws(call({ limits: { maxMesageSize: 5 } }), TypeError, /does not exist/);
  assert.not(readable.locked || writable.locked);
});

arguments_('locks both streams at once', () => {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  upgrade(readable, writable);
  assert.ok(readable.locked && writable.locked);
});
arguments_.run();

const over = suite('upgrade · over any byte streams, in both roles');

over('two jobs talk to each other: text and binary, both ways, from nothing to a mebibyte', async () => {
  const { server, client } = createPair({
    handler: async (session) => {
      for await (const message of session) await session.send(message);
    },
  });
  const messages: Message[] = ['', 'a', 'é'.repeat(200), 'x'.repeat(1024 * 1024), new Uint8Array(0)];
  for (const size of [1, 125, 126, 65535, 65536, 1024 * 1024]) messages.push(new Uint8Array(size).fill(size));
  const send = (async () => {
    for (const message of messages) await client.session.send(message);
  })();
  for (const message of messages) {
    const echo = await client.session.receive();
    assert.is(typeof echo, typeof message);
    assert.ok(Buffer.from(echo as string).equals(Buffer.from(message as string)));
  }
  await send;
  await client.session.close();
  assert.is((await server.closed).wasClean, true);
});

over('a hundred rounds of conversation (Ktor fact 97), and a hundred sessions at once (99)', async () => {
  const echo = async (session: ByHand['job']['session']): Promise<void> => {
    for await (const message of session) await session.send(`${message}!`);
  };
  const talk = async (rounds: number): Promise<void> => {
    const { client } = createPair({ handler: echo });
    for (let round = 0; round < rounds; round++) {
      await client.session.send(`${round}`);
      assert.is(await client.session.receive(), `${round}!`);
    }
    assert.ok((await client.session.close()).wasClean);
  };
  await talk(100);
  await Promise.all(Array.from({ length: 100 }, () => talk(3)));
});

over('the bytes of a foreign stream are not changed: they are unmasked in a copy', async () => {
  for (const size of [3, 200, 70_000]) {
    const peer = new ByHand();
    const bytes = masked(0x82, new Uint8Array(size).fill(1));
    const before = bytes.slice();
    await peer.send(bytes);
    const message = (await peer.job.session.receive()) as Uint8Array;
    assert.ok(message.every((byte) => byte === 1) && message.byteLength === size);
    assert.equal(Buffer.compare(bytes, before), 0);
  }
});

over('a foreign sink may keep, change or transfer what it is given', async () => {
  const taken: Uint8Array[] = [];
  const output = new WritableStream<Uint8Array>({
    write: (chunk) => {
      taken.push(structuredClone(chunk, { transfer: [chunk.buffer] }));
    },
  });
  const job = upgrade(new ReadableStream<Uint8Array>(), output);
  const mine = new Uint8Array(100_000).fill(5);
  void job.session.send(mine);
  void job.session.send('small');
  await job.session.flush();
  void job.session.send(mine);
  void job.session.send('small');
  await job.session.flush();
  assert.ok(mine.every((byte) => byte === 5));
  assert.is(
    taken.reduce((sum, chunk) => sum + chunk.byteLength, 0),
    2 * (100_000 + 10 + 5 + 2),
  );
});

over('a job over a transport works as one over streams', async () => {
  const { PassThrough } = await import('node:stream');
  const duplex = new PassThrough();
  const job = upgradeTransport(new NodeTransport(duplex), undefined, undefined, { role: 'client' });
  void job.session.send('to itself');
  await turns();
  // A PassThrough gives back what is written: a masked frame, which a client must refuse (RFC 6455 §5.1).
  assert.is(((await job.closed).error as Error & { code: string }).code, 'ERR_WS_UNEXPECTED_MASK');
});

over('nothing has escaped in all of this', async () => {
  await turns();
  assert.equal(seen, []);
});
over.run();
