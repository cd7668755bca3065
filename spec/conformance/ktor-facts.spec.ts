// What the tests of Ktor's WebSockets assert of sessions, derived anew for this engine (the number of the fact in parentheses is the order in which
// they were collected). Left out: what RFC 6455 forbids and Ktor lets pass (frames that are not masked, RSV bits without an extension, invalid close codes that
// are echoed), and what belongs to a client, to extensions or to raw frames. Those of the codec stand in spec/frame, of real sockets in spec/adapter.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Session } from '../../lib/job/session.ts';
import { rejects } from '../support/check.ts';
import { turns } from '../support/clock.ts';
import { join } from '../support/hex.ts';
import { ByHand, closePayload, createPair, masked, watchEscapes } from '../support/pair.ts';

const { seen } = watchEscapes();
const TEXT = 0x81;
const BINARY = 0x82;
const CLOSE = 0x88;
const PING = 0x89;

async function echo(session: Session): Promise<void> {
  for await (const message of session) await session.send(message);
}

const test = suite('facts of Ktor’s tests');

test('a binary message of 65,535 bytes, then the close frame with 1000 is the last on the wire (8)', async () => {
  const peer = new ByHand();
  void peer.job.session.send(new Uint8Array(65_535));
  void peer.job.session.close(1000);
  await turns();
  const bytes = join(...peer.chunks);
  assert.equal([...bytes.slice(-4)], [0x88, 0x02, 0x03, 0xe8]);
  await rejects(peer.job.session.send('x'), Error, 'ERR_WS_CLOSED');
});

test('a message behind the close frame is dropped, and a flush afterwards returns (9, 62)', async () => {
  const peer = new ByHand();
  void peer.job.session.close(1000);
  await rejects(peer.job.session.send('late'), Error, 'ERR_WS_CLOSED');
  await turns();
  await peer.job.session.flush();
  assert.equal(peer.wire, ['close 1000 ""']);
});

test('the peer sends a message and closes: the message, then the end; the reply is a close frame; all completes (37, 79)', async () => {
  const got: unknown[] = [];
  const peer = new ByHand({
    handler: async (session) => {
      for await (const message of session) got.push(message);
      got.push('end');
    },
  });
  await peer.send(join(masked(TEXT, 'Hello'), masked(CLOSE, closePayload(1000))));
  await peer.end();
  await peer.job.closed;
  assert.equal([got, peer.wire], [['Hello', 'end'], ['close 1000 ""']]);
});

test('a close with no messages before it completes both sides (39)', async () => {
  const { server, client } = createPair({ handler: echo });
  void client.session.close();
  assert.ok((await client.closed).wasClean && (await server.closed).wasClean);
});

test('a cancelled parent completes both sides (40); a cancelled side ends the other’s messages (41, 45)', async () => {
  const parent = new AbortController();
  const engineContext = { signal: parent.signal };
  const first = createPair({ handler: echo, engineContext }, { engineContext });
  parent.abort();
  await Promise.all([first.server.closed, first.client.closed]);
  const second = createPair();
  second.server.cancel();
  assert.is(await second.client.session.receive(), undefined);
  assert.is((await second.client.closed).closeCode, 1001);
  await second.server.closed;
});

test('the close reason of the peer is known on both sides, and no control frame is a message (42)', async () => {
  const peer = new ByHand();
  await peer.send(join(masked(PING), masked(0x8a), masked(CLOSE, closePayload(1000, 'test1'))));
  assert.is(await peer.job.session.receive(), undefined);
  await peer.end();
  assert.equal((await peer.job.closed).received, { closeCode: 1000, reason: 'test1' });
});

test('a thousand sends that nobody reads do not wait when the queue is large enough, and all arrive in order (46)', async () => {
  const { server, client } = createPair({}, { limits: { queueSize: 1024 * 1024 } });
  for (let count = 0; count < 1000; count++) await client.session.send(`${count}`);
  for (let count = 0; count < 1000; count++) assert.is(await server.session.receive(), `${count}`);
});

test('one message is echoed (47); lengths of 16 bits pass both ways (52); 20 MiB is echoed (55, 84)', async () => {
  const limits = { maxMessageSize: 32 * 1024 * 1024 };
  const { client } = createPair({ handler: echo, limits }, { limits });
  await client.session.send('Hello');
  assert.is(await client.session.receive(), 'Hello');
  for (const size of [0xc123, 0xcdef, 20 * 1024 * 1024]) {
    const sent = new Uint8Array(size).fill(size & 0xff);
    void client.session.send(sent);
    assert.is(Buffer.compare((await client.session.receive()) as Uint8Array, sent), 0);
  }
  assert.ok((await client.session.close()).wasClean);
});

test('a handler that returns at once: the peer’s empty close frame finds a close frame (53)', async () => {
  const peer = new ByHand({ handler: () => {} });
  await turns();
  await peer.send(masked(CLOSE));
  await peer.end();
  assert.equal([peer.wire, (await peer.job.closed).wasClean], [['close 1000 ""'], true]);
});

test('fragments with a ping between them are one message, ABC123 (56)', async () => {
  const peer = new ByHand();
  await peer.send(join(masked(0x01, 'ABC'), masked(PING), masked(0x00, '12'), masked(0x80, '3')));
  assert.is(await peer.job.session.receive(), 'ABC123');
});

test('a frame, and a message of fragments, over the limit: 1009, and the reader is told why (57, 58, 59)', async () => {
  for (const frames of [
    [masked(BINARY, new Uint8Array(1024))],
    [masked(0x02, new Uint8Array(600)), masked(0x00, new Uint8Array(600))],
    [masked(0x02, new Uint8Array(300)), masked(0x00, new Uint8Array(300)), masked(0x80, new Uint8Array(424))],
  ]) {
    const peer = new ByHand({ limits: { maxMessageSize: 1023 } });
    for (const frame of frames) await peer.send(frame);
    assert.ok(peer.wire[0]?.startsWith('close 1009'));
    await rejects(peer.job.session.receive(), Error, /over the limit/);
  }
});

test('with queues of one message a hundred are echoed in order (66)', async () => {
  const limits = { queueSize: 1, lookAhead: 0 };
  const { client } = createPair({ handler: echo, limits }, { limits });
  void (async () => {
    for (let count = 0; count < 100; count++) await client.session.send(`${count}`);
  })();
  for (let count = 0; count < 100; count++) assert.is(await client.session.receive(), `${count}`);
});

test('the peer aborts while the handler reads, sends, or waits: the session ends in each (73, 74, 75)', async () => {
  const handlers: ((session: Session) => Promise<unknown>)[] = [
    echo,
    async (session) => {
      for (;;) {
        await session.send('tick');
        await turns(1);
      }
    },
    (session) => new Promise((resolve) => session.signal.addEventListener('abort', resolve)),
  ];
  for (const handler of handlers) {
    const errors: unknown[] = [];
    const peer = new ByHand({ handler, userContext: { onError: (error) => errors.push(error) } });
    await turns();
    await peer.fail(new Error('reset'));
    assert.is((await peer.job.closed).closeCode, 1006);
    assert.equal(errors, []);
  }
});

test('125 texts of the lengths 1 to 125 arrive in order, and nothing more, both ways (81, 83, 92)', async () => {
  const { client } = createPair({ handler: echo });
  const texts = Array.from({ length: 125 }, (_, index) => 'x'.repeat(index + 1));
  for (const text of texts) await client.session.send(text);
  for (const text of texts) assert.is(await client.session.receive(), text);
  void client.session.close();
  assert.is(await client.session.receive(), undefined);
});

test('a hundred thousand small texts arrive in order, then the close (85)', async () => {
  const { server, client } = createPair();
  void (async () => {
    for (let count = 0; count < 100_000; count++) await client.session.send(`${count}`);
    await client.session.close();
  })();
  let count = 0;
  for await (const message of server.session)
    if (message !== `${count++}`) assert.unreachable(`${message} at ${count}`);
  assert.is(count, 100_000);
  assert.ok((await server.closed).wasClean);
});

test('this side closes first with 1013: the peer sees it at once, and may still answer (86)', async () => {
  const peer = new ByHand();
  void peer.job.session.close(1013, 'test');
  await turns();
  assert.equal(peer.wire, ['close 1013 "test"']);
  await peer.send(masked(CLOSE, closePayload(1013)));
  await peer.end();
  assert.ok((await peer.job.closed).wasClean);
});

test('the peer closes with 1001: the messages end, and a later send is refused (87)', async () => {
  const peer = new ByHand();
  await peer.send(masked(CLOSE, closePayload(1001)));
  assert.is(await peer.job.session.receive(), undefined);
  await rejects(peer.job.session.send('late'), Error, 'ERR_WS_CLOSED');
});

test('a server that stops lets the handler’s finally run (90)', async () => {
  let ran = false;
  const peer = new ByHand({
    handler: async (session) => {
      try {
        await session.receive();
      } finally {
        ran = true;
      }
    },
  });
  await turns();
  peer.job.cancel();
  await peer.clock.turn(10_000);
  await peer.job.closed;
  assert.ok(ran);
});

test('a reserved opcode is answered with 1002 (91); an empty text is echoed (122); 24,000 characters are one frame (123)', async () => {
  const reserved = new ByHand();
  await reserved.send('83 80 00 00 00 00');
  assert.ok(reserved.wire[0]?.startsWith('close 1002'));
  const peer = new ByHand({ handler: echo });
  await peer.send(masked(TEXT, ''));
  await peer.send(masked(TEXT, 'x'.repeat(24_000)));
  assert.equal(
    peer.frames.map(({ fin, payload }) => [fin, payload.byteLength]),
    [
      [true, 0],
      [true, 24_000],
    ],
  );
});

test('after an explicit close what was received is still readable, then the messages end (136)', async () => {
  const peer = new ByHand();
  await peer.send(masked(TEXT, 'before'));
  void peer.job.session.close();
  await peer.send(masked(CLOSE, closePayload(1000)));
  assert.is(await peer.job.session.receive(), 'before');
  assert.is(await peer.job.session.receive(), undefined);
});

test('nothing has escaped in all of this', async () => {
  await turns();
  assert.equal(seen, []);
});
test.run();
