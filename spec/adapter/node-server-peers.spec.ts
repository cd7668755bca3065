// The server against the clients that are out there: what they send comes back, of every size, in order, from many at once.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { clients, openWs, type Peer } from '../support/peers.ts';
import { binary, close, RawClient, text } from '../support/raw-client.ts';
import { assertNothingEscaped, endOf, startServer } from '../support/server.ts';
import { sized } from '../support/sized.ts';
import { within } from '../support/until.ts';

const MiB = 1024 * 1024;

/** The length of a large message in MiB: over the default limit, and over what any buffer on the way holds. */
const large = sized(8, 16);

/** How many clients come at once. */
const crowd = sized(40, 100);

/** Bytes that differ at each place. */
function pattern(size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let index = 0; index < size; index++) bytes[index] = index * 31 + (index >>> 8);
  return bytes;
}

/** A text of so many bytes of UTF-8 with characters of all lengths. */
function multibyte(size: number): string {
  const unit = 'aя日😀';
  const count = Math.floor(size / 10);
  return unit.repeat(count) + 'x'.repeat(size - count * 10);
}

async function assertEcho(peer: Peer, message: string | Uint8Array): Promise<void> {
  peer.send(message);
  const reply = await peer.receive();
  assert.is(typeof reply === 'string', typeof message === 'string', 'text comes back as text, bytes as bytes');
  const isSame = typeof reply === 'string' ? reply === message : Buffer.compare(reply, message as Uint8Array) === 0;
  assert.ok(isSame, `the reply of ${reply.length} is the message of ${message.length}`);
}

async function assertClosed(peer: Peer): Promise<void> {
  peer.close(1000);
  assert.equal(await peer.ended(), { code: 1000, reason: '' });
}

for (const client of clients) {
  const peerSuite = suite(`node-server · ${client.name} · messages`);

  peerSuite('server echoes text, binary and empty messages', async () => {
    await using host = await startServer();
    const peer = await client.open(host.url);
    await assertEcho(peer, 'hello');
    await assertEcho(peer, pattern(5));
    await assertEcho(peer, '');
    await assertEcho(peer, new Uint8Array(0));
    await assertClosed(peer);
    await host.quiet();
  });

  peerSuite('server echoes texts with characters of one to four bytes, a NUL and noncharacters', async () => {
    await using host = await startServer();
    const peer = await client.open(host.url);
    const texts = ['aя日😀', 'a\0b', '\uffff\ufffe\u{10ffff}', '\u2028\u2029', 'e\u0301 é', '👩‍👩‍👧‍👦'];
    for (const each of texts) await assertEcho(peer, each);
    await assertClosed(peer);
  });

  for (const size of [1, 125, 126, 127, 65_535, 65_536, MiB]) {
    peerSuite(`server echoes messages of ${size} bytes`, async () => {
      await using host = await startServer();
      const peer = await client.open(host.url);
      await assertEcho(peer, pattern(size));
      await assertEcho(peer, multibyte(size));
      await assertClosed(peer);
    });
  }

  peerSuite(`server echoes messages of ${large} MiB where its limits admit them`, async () => {
    await using host = await startServer(undefined, { limits: { maxMessageSize: large * MiB } });
    const peer = await client.open(host.url);
    await assertEcho(peer, pattern(large * MiB));
    await assertEcho(peer, multibyte(large * MiB));
    await assertClosed(peer);
  });

  peerSuite('server echoes messages of each length from 0 to 300, and around each border, in order', async () => {
    await using host = await startServer();
    const peer = await client.open(host.url);
    const lengths = [...Array(301).keys(), 65_534, 65_535, 65_536, 65_537, 131_071, 131_072];
    for (const length of lengths) peer.send(pattern(length));
    for (const length of lengths) {
      assert.ok(Buffer.compare((await peer.receive()) as Uint8Array, pattern(length)) === 0, `of length ${length}`);
    }
    await assertClosed(peer);
  });

  peerSuite('server echoes a thousand messages in order', async () => {
    await using host = await startServer();
    const peer = await client.open(host.url);
    for (let index = 0; index < 1000; index++) peer.send(`message ${index}`);
    for (let index = 0; index < 1000; index++) assert.is(await peer.receive(), `message ${index}`);
    await assertClosed(peer);
    const { counters } = await host.session();
    assert.is(counters.messagesReceived, 1000);
    assert.is(counters.messagesSent, 1000);
    assert.is(counters.unread, 0);
    assert.is(counters.queued, 0);
  });

  peerSuite('server sends and receives at once, each direction at its own pace', async () => {
    const received: unknown[] = [];
    await using host = await startServer(async (session) => {
      const sending = (async () => {
        for (let index = 0; index < 2000; index++) await session.send(`down ${index}`);
      })();
      for (let index = 0; index < 2000; index++) received.push(await session.receive());
      await sending;
    });
    const peer = await client.open(host.url);
    for (let index = 0; index < 2000; index++) peer.send(`up ${index}`);
    for (let index = 0; index < 2000; index++) assert.is(await peer.receive(), `down ${index}`);
    assert.is((await peer.ended()).code, 1000);
    assert.equal(
      received,
      Array.from({ length: 2000 }, (_, index) => `up ${index}`),
    );
  });

  peerSuite('server sends 125 messages before it receives any, in order', async () => {
    await using host = await startServer(async (session) => {
      for (let length = 1; length <= 125; length++) await session.send('x'.repeat(length));
    });
    const peer = await client.open(host.url);
    for (let length = 1; length <= 125; length++) assert.is(await peer.receive(), 'x'.repeat(length));
    assert.is((await peer.ended()).code, 1000);
  });

  peerSuite('server gives a first message that is sent right behind the handshake to the client', async () => {
    await using host = await startServer(async (session) => {
      void session.send('welcome');
      await session.receive();
    });
    for (let round = 0; round < 20; round++) {
      const peer = await client.open(host.url);
      assert.is(await peer.receive(), 'welcome');
      peer.send('thanks');
      assert.is((await peer.ended()).code, 1000);
    }
  });

  peerSuite('server fragments what it sends where its options say so, and the client sees whole messages', async () => {
    await using host = await startServer(undefined, { fragmentSize: 1000 });
    const peer = await client.open(host.url);
    await assertEcho(peer, multibyte(50_003));
    await assertEcho(peer, pattern(50_003));
    await assertEcho(peer, '');
    await assertClosed(peer);
  });

  peerSuite('session measures the round trip of its pings', async () => {
    const roundTrips: number[] = [];
    await using host = await startServer(async (session) => {
      for (let round = 0; round < 10; round++) roundTrips.push(await session.ping());
      roundTrips.push(...(await Promise.all([session.ping(), session.ping(), session.ping()])));
    });
    const peer = await client.open(host.url);
    assert.is((await peer.ended()).code, 1000);
    assert.is(roundTrips.length, 13);
    assert.ok(roundTrips.every((milliseconds) => milliseconds >= 0));
  });

  peerSuite('server agrees on a subprotocol with the client', async () => {
    await using host = await startServer(undefined, { subprotocols: ['chat.v2', 'chat.v1'] });
    const peer = await client.open(host.url, ['chat.v1', 'chat.v2']);
    assert.is((await host.session()).subprotocol, 'chat.v2');
    await assertClosed(peer);
  });

  peerSuite(`server serves ${crowd} connections at once`, async () => {
    await using host = await startServer();
    const peers = await Promise.all(Array.from({ length: crowd }, () => client.open(host.url)));
    assert.is(host.server.counters.open, crowd);
    assert.is([...host.server.sessions].length, crowd);
    await Promise.all(
      peers.map(async (peer, number) => {
        for (let index = 0; index < 20; index++) await assertEcho(peer, `client ${number}, message ${index}`);
        await assertEcho(peer, pattern(10_000 + number));
      }),
    );
    await Promise.all(peers.map(assertClosed));
    await host.quiet();
    assert.is(host.server.counters.upgraded, crowd);
    assert.equal(host.reported, []);
    for (const session of host.sessions) assert.is(session.job.state, 'completed');
  });

  peerSuite.run();
}

// --- What only ws can do ---------------------------------------------------------------------------------------------

const wsSuite = suite('node-server · ws · frames');

wsSuite('server joins the fragments that ws sends', async () => {
  await using host = await startServer();
  const peer = await openWs(host.url);
  peer.socket.send('ABC', { fin: false });
  peer.socket.send('', { fin: false });
  peer.socket.send('12', { fin: false });
  peer.socket.send('3', { fin: true });
  assert.is(await peer.receive(), 'ABC123');
  peer.socket.send(Buffer.from([1, 2]), { fin: false });
  peer.socket.send(Buffer.alloc(0), { fin: true });
  assert.equal(new Uint8Array((await peer.receive()) as Uint8Array), Uint8Array.of(1, 2));
  await assertClosed(peer);
});

wsSuite('server joins a message of 4096 fragments', async () => {
  await using host = await startServer();
  const peer = await openWs(host.url);
  for (let index = 0; index < 4096; index++) peer.socket.send('x', { fin: index === 4095 });
  assert.is(await peer.receive(), 'x'.repeat(4096));
  await assertClosed(peer);
});

wsSuite('server answers a ping with a pong of the same payload, also in the middle of a message', async () => {
  await using host = await startServer();
  const peer = await openWs(host.url);
  const pongs: string[] = [];
  const answered = new Promise<void>((resolve) => {
    peer.socket.on('pong', (payload) => {
      if (pongs.push(payload.toString('latin1')) === 4) resolve();
    });
  });
  peer.socket.ping('one');
  peer.socket.ping();
  peer.socket.send('to be ', { fin: false });
  peer.socket.ping('x'.repeat(125));
  peer.socket.send('continued', { fin: true });
  peer.socket.ping(Buffer.from([0, 255, 128]));
  await within(answered, 'four pongs');
  assert.equal(pongs, ['one', '', 'x'.repeat(125), '\x00\xff\x80']);
  assert.is(await peer.receive(), 'to be continued');
  await assertClosed(peer);
});

wsSuite('server takes no notice of a pong that nobody asked for', async () => {
  await using host = await startServer();
  const peer = await openWs(host.url);
  peer.socket.pong('unsolicited');
  peer.socket.pong(Buffer.from([0, 0, 0, 1]));
  await assertEcho(peer, 'hello');
  await assertClosed(peer);
});

wsSuite('session pings while both directions are busy', async () => {
  let roundTrip: number | undefined;
  await using host = await startServer(async (session) => {
    const pinging = session.ping().then((milliseconds) => {
      roundTrip = milliseconds;
    });
    for await (const message of session) await session.send(message);
    await pinging;
  });
  const peer = await openWs(host.url);
  for (let index = 0; index < 64; index++) peer.send(pattern(64 * 1024));
  for (let index = 0; index < 64; index++) await peer.receive();
  await assertClosed(peer);
  await endOf(await host.session());
  assert.type(roundTrip, 'number');
});

// undici's own decoder drops it on the way in.
wsSuite('server keeps a BOM at the start of a text', async () => {
  await using host = await startServer();
  const peer = await openWs(host.url);
  await assertEcho(peer, '\ufeffhello');
  await assertEcho(peer, '\ufeff');
  await assertClosed(peer);
});

wsSuite('server takes no extension that ws offers', async () => {
  await using host = await startServer();
  const peer = await openWs(host.url);
  assert.is(peer.socket.extensions, '');
  assert.is((await host.session()).extensions, '');
  await assertClosed(peer);
});

wsSuite.run();

// --- By hand ---------------------------------------------------------------------------------------------------------

const rawSuite = suite('node-server · a client by hand · conversations');

const small = sized(25_000, 100_000);

rawSuite(`server echoes ${small} small texts in order, then closes`, async () => {
  await using host = await startServer();
  using client = await RawClient.open(host.port);
  const write = Buffer.concat(Array.from({ length: small }, (_, index) => text(`${index}`)));
  client.send(write, close(1000));
  for (let index = 0; index < small; index++) {
    const { payload } = await client.frame();
    if (payload.toString() !== `${index}`) assert.unreachable(`${payload} came in the place of ${index}`);
  }
  assert.equal(await client.untilClose(), { code: 1000, reason: '', before: [] });
  client.end();
  const { counters } = await host.session();
  assert.is(counters.messagesReceived, small);
});

rawSuite('server sends ten messages and its close frame: eleven frames, and nothing else', async () => {
  await using host = await startServer(async (session) => {
    for (let index = 0; index < 10; index++) await session.send(`message ${index}`);
  });
  using client = await RawClient.open(host.port);
  const { code, before } = await client.untilClose();
  assert.is(code, 1000);
  assert.is(before.length, 10);
  client.send(close(1000));
  await client.finished();
  client.end();
});

rawSuite('server and client talk in a hundred rounds', async () => {
  await using host = await startServer(async (session) => {
    for (let round = 0; round < 100; round++) {
      await session.send(`question ${round}`);
      assert.is(await session.receive(), `answer ${round}`);
    }
  });
  using client = await RawClient.open(host.port);
  for (let round = 0; round < 100; round++) {
    assert.is((await client.frame()).payload.toString(), `question ${round}`);
    client.send(text(`answer ${round}`));
  }
  assert.is((await client.untilClose()).code, 1000);
  assert.equal(host.reported, []);
});

rawSuite('session that has closed can be flushed', async () => {
  await using host = await startServer(async (session) => {
    void session.send('last');
    void session.close(1000);
    await session.flush();
    await session.closed;
    await session.flush();
  });
  using client = await RawClient.open(host.port);
  const { before } = await client.untilClose();
  assert.is(before.length, 1);
  client.send(close(1000));
  client.end();
  await endOf(await host.session());
  assert.equal(host.reported, []);
});

rawSuite(`message of ${large + 4} MiB comes back as it was`, async () => {
  await using host = await startServer(undefined, { limits: { maxMessageSize: (large + 4) * MiB } });
  using client = await RawClient.open(host.port);
  const message = pattern((large + 4) * MiB);
  client.send(binary(message), close(1000));
  const { before } = await client.untilClose();
  assert.is(Buffer.compare(before[0]?.payload as Buffer, message), 0);
});

rawSuite.run();

const escapeSuite = suite('node-server · peers · escapes');

escapeSuite('nothing has escaped from any of these connections', () => assertNothingEscaped());

escapeSuite.run();
