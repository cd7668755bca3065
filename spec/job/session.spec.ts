import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ConnectionError, LocalProtocolError } from '../../lib/error.ts';
import type { Message } from '../../lib/message/message.ts';
import { rejects, throws } from '../support/check.ts';
import { turns } from '../support/clock.ts';
import { ByHand, closePayload, createPair, masked, watchEscapes } from '../support/pair.ts';

const { seen } = watchEscapes();
const TEXT = 0x81;
const BINARY = 0x82;
const CLOSE = 0x88;
const PING = 0x89;
const PONG = 0x8a;

const receiving = suite('session · receiving (RFC 6455 §6.2)');

receiving('receive() gives text as strings and binary as plain Uint8Arrays, in order', async () => {
  const { job, ...peer } = byHand();
  await peer.send(masked(TEXT, 'hé'));
  await peer.send(masked(BINARY, Uint8Array.of(1, 2)));
  await peer.send(masked(TEXT, ''));
  assert.is(await job.session.receive(), 'hé');
  const bytes = (await job.session.receive()) as Uint8Array;
  assert.is(bytes.constructor, Uint8Array);
  assert.equal([...bytes], [1, 2]);
  assert.is(await job.session.receive(), '');
});

receiving('receive() gives undefined once the peer has closed, and again when asked again', async () => {
  const { job, ...peer } = byHand();
  const pending = job.session.receive();
  await peer.send(masked(CLOSE, closePayload(1000)));
  assert.is(await pending, undefined);
  assert.is(await job.session.receive(), undefined);
});

receiving('several pending receives are served in their order', async () => {
  const { job, ...peer } = byHand();
  const all = Promise.all([job.session.receive(), job.session.receive(), job.session.receive()]);
  await peer.send(masked(TEXT, 'a'));
  await peer.send(masked(TEXT, 'b'));
  await peer.send(masked(TEXT, 'c'));
  assert.equal(await all, ['a', 'b', 'c']);
});

receiving('for await gives every message and ends when the peer closes', async () => {
  const { client, server } = createPair();
  const got: Message[] = [];
  const loop = (async () => {
    for await (const message of server.session) got.push(message);
  })();
  for (const text of ['a', 'b', 'c']) await client.session.send(text);
  await client.session.close();
  await loop;
  assert.equal(got, ['a', 'b', 'c']);
});

receiving('leaving a for await loop does not close the connection, and the rest can be read', async () => {
  const { job, ...peer } = byHand();
  await peer.send(masked(TEXT, 'a'));
  await peer.send(masked(TEXT, 'b'));
  for await (const message of job.session) {
    assert.is(message, 'a');
    break;
  }
  assert.is(job.state, 'running');
  assert.is(await job.session.receive(), 'b');
});

receiving('a fragmented message with a ping inside arrives whole (Ktor fact 56)', async () => {
  const peer = new ByHand();
  await peer.send(masked(0x01, 'ABC'));
  await peer.send(masked(PING, 'p'));
  await peer.send(masked(0x00, '12'));
  await peer.send(masked(0x80, '3'));
  assert.is(await peer.job.session.receive(), 'ABC123');
  assert.equal(peer.wire, ['pong 70']);
});

receiving('messages that came before the connection was lost are given before the error', async () => {
  const { job, ...peer } = byHand();
  await peer.send(masked(TEXT, 'a'));
  await peer.end();
  assert.is(await job.session.receive(), 'a');
  await rejects(job.session.receive(), ConnectionError, 'ERR_WS_CONNECTION_LOST');
});

receiving('session.signal and session.job are the job’s own', () => {
  const { job } = byHand();
  assert.is(job.session.job, job);
  assert.is(job.session.signal, job.signal);
});
receiving.run();

const readable = suite('session · readable (WHATWG Streams)');

readable('gives the messages as a stream that closes after the peer’s close frame', async () => {
  const { job, ...peer } = byHand();
  await peer.send(masked(TEXT, 'a'));
  const reader = job.session.readable.getReader();
  await peer.send(masked(TEXT, 'b'));
  await peer.send(masked(CLOSE, closePayload(1000)));
  assert.equal(await reader.read(), { value: 'a', done: false });
  assert.equal(await reader.read(), { value: 'b', done: false });
  assert.equal(await reader.read(), { value: undefined, done: true });
});

readable('errors when the connection is lost, but only after the messages that came before', async () => {
  const { job, ...peer } = byHand();
  const reader = job.session.readable.getReader();
  for (const text of ['a', 'b', 'c']) await peer.send(masked(TEXT, text));
  await peer.end();
  await job.session.closed;
  await turns();
  for (const text of ['a', 'b', 'c']) assert.is((await reader.read()).value, text);
  await rejects(reader.read(), ConnectionError, 'ERR_WS_CONNECTION_LOST');
});

readable('is made once', () => {
  const { job } = byHand();
  assert.is(job.session.readable, job.session.readable);
});

readable('can be made after the end, and still gives what was not read', async () => {
  const { job, ...peer } = byHand();
  await peer.send(masked(TEXT, 'late'));
  await peer.send(masked(CLOSE, closePayload(1000)));
  const reader = job.session.readable.getReader();
  assert.is((await reader.read()).value, 'late');
  assert.ok((await reader.read()).done);
});

readable('while it is locked, receive() and iteration are refused with a TypeError', async () => {
  const { job } = byHand();
  const reader = job.session.readable.getReader();
  await rejects(job.session.receive(), TypeError, /in use/);
  await rejects(job.session[Symbol.asyncIterator]().next(), TypeError, /in use/);
  reader.releaseLock();
});

readable('while a receive() is pending, it cannot be made', async () => {
  const { job } = byHand();
  void job.session.receive();
  throws(() => job.session.readable, TypeError, /pending/);
});

readable('once it is released, receive() goes on where it stopped, losing nothing', async () => {
  const { job, ...peer } = byHand();
  for (const text of ['a', 'b', 'c']) await peer.send(masked(TEXT, text));
  const reader = job.session.readable.getReader();
  assert.is((await reader.read()).value, 'a');
  reader.releaseLock();
  assert.equal(await Promise.all([job.session.receive(), job.session.receive()]), ['b', 'c']);
  const again = job.session.readable.getReader();
  const pending = again.read();
  await peer.send(masked(TEXT, 'd'));
  assert.is((await pending).value, 'd');
});

readable('cancelling it throws away what comes, and neither closes the connection nor holds up pings', async () => {
  const peer = new ByHand();
  await peer.send(masked(TEXT, 'a'));
  await peer.job.session.readable.cancel();
  const large = 'x'.repeat(60_000);
  for (let count = 0; count < 10; count++) await peer.send(masked(TEXT, large));
  await peer.send(masked(PING, ''));
  assert.is(peer.job.state, 'running');
  assert.equal(peer.wire, ['pong ']);
});
readable.run();

const sending = suite('session · sending (RFC 6455 §6.1)');

sending('sends strings as text and bytes of any kind as binary', async () => {
  const peer = new ByHand();
  const { session } = peer.job;
  const bytes = Uint8Array.of(1, 2, 3, 4);
  await session.send('hé');
  await session.send(bytes);
  await session.send(bytes.buffer);
  await session.send(new DataView(bytes.buffer, 1, 2));
  await session.send(new Uint16Array(bytes.buffer));
  await session.send('');
  await turns();
  assert.equal(peer.wire, [
    'text "hé"',
    'binary 01020304',
    'binary 01020304',
    'binary 0203',
    'binary 01020304',
    'text ""',
  ]);
});

sending('refuses what is neither a string nor bytes with a TypeError, and sends nothing (CVE-2016-10518)', async () => {
  const peer = new ByHand();
  for (const wrong of [undefined, null, 5, 10n, true, {}, [], Symbol('s'), () => 1, new Date(), new Blob([])]) {
    await rejects(peer.job.session.send(wrong as never), TypeError, /Cannot send/);
  }
  await turns();
  assert.equal(peer.wire, []);
  assert.is(peer.job.state, 'running');
});

sending('what a turn sends goes out as one chunk', async () => {
  const peer = new ByHand();
  for (let count = 0; count < 100; count++) void peer.job.session.send(`message ${count}`);
  await turns();
  assert.is(peer.chunks.length, 1);
  assert.is(peer.frames.length, 100);
});

sending('the caller’s bytes are not changed, in either role, and can be sent twice', async () => {
  for (const role of ['server', 'client'] as const) {
    for (const size of [10, 5000, 100_000]) {
      const peer = new ByHand({ role });
      const bytes = new Uint8Array(size).fill(7);
      void peer.job.session.send(bytes);
      await peer.job.session.send(bytes);
      await peer.job.session.flush();
      assert.ok(bytes.every((byte) => byte === 7));
      assert.equal(
        peer.frames.map(({ payload }) => payload.every((byte) => byte === 7) && payload.byteLength),
        [size, size],
      );
    }
  }
});

sending('fragmentSize cuts long messages into fragments, with no frame longer than it', async () => {
  const peer = new ByHand({ fragmentSize: 4 });
  await peer.job.session.send('abcdefghij');
  await peer.job.session.send('abc');
  await turns();
  assert.equal(peer.wire, ['text… "abcd"', 'continuation… "efgh"', 'continuation "ij"', 'text "abc"']);
});

sending('send() waits while the queue is full, and goes on when the transport takes it', async () => {
  const peer = new ByHand({ limits: { queueSize: 1000 } });
  peer.block();
  let sent = 0;
  void (async () => {
    for (let count = 0; count < 100; count++) {
      await peer.job.session.send('x'.repeat(100));
      sent++;
    }
  })();
  await turns();
  assert.ok(sent < 10, `${sent} sends fulfilled`);
  assert.ok(peer.job.session.counters.queued <= 1000 + 2 * 170);
  await peer.unblock();
  await turns(100);
  assert.is(sent, 100);
  assert.is(peer.frames.length, 100);
});

sending('flush() fulfils when the transport has taken what was sent before, not later messages', async () => {
  const peer = new ByHand();
  peer.block();
  void peer.job.session.send('a');
  let flushed = false;
  const flush = peer.job.session.flush().then(() => {
    flushed = true;
  });
  await turns();
  assert.not(flushed);
  await peer.unblock();
  await flush;
  await peer.job.session.flush();
});

sending('after close() a send rejects with ERR_WS_CLOSED and goes nowhere (RFC 6455 §5.5.1)', async () => {
  const peer = new ByHand();
  void peer.job.session.close();
  await rejects(peer.job.session.send('late'), LocalProtocolError, 'ERR_WS_CLOSED');
  await rejects(peer.job.session.ping(), LocalProtocolError, 'ERR_WS_CLOSED');
  await turns();
  assert.equal(peer.wire, ['close 1000 ""']);
});

sending('promises that nobody awaits are rejected without an unhandled rejection', async () => {
  const peer = new ByHand();
  peer.block();
  void peer.job.session.send('x'.repeat(100_000));
  void peer.job.session.flush();
  void peer.job.session.ping();
  void peer.job.session.receive();
  void peer.job.session.send(5 as never);
  void peer.job.session.close(5);
  await peer.fail(new Error('broken'));
  await peer.job.closed;
  void peer.job.session.send('x');
  void peer.job.session.receive();
  await turns();
  assert.equal(seen, []);
});
sending.run();

const writable = suite('session · writable (WHATWG Streams)');

writable('sends what is written, with the backpressure of the transport', async () => {
  const peer = new ByHand({ limits: { queueSize: 1000 } });
  peer.block();
  const writer = peer.job.session.writable.getWriter();
  let written = 0;
  for (let count = 0; count < 50; count++) void writer.write('x'.repeat(100)).then(() => written++);
  await turns();
  assert.ok(written < 10);
  await peer.unblock();
  await turns(100);
  assert.is(written, 50);
});

writable('closing it closes with 1000 and fulfils when the closing handshake has ended', async () => {
  const peer = new ByHand();
  const writer = peer.job.session.writable.getWriter();
  void writer.write('a');
  let closed = false;
  const closing = writer.close().then(() => {
    closed = true;
  });
  await turns();
  assert.equal(peer.wire, ['text "a"', 'close 1000 ""']);
  assert.not(closed);
  await peer.send(masked(CLOSE, closePayload(1000)));
  await peer.end();
  await closing;
});

writable('aborting it closes with 1011 and tells the cause in CloseInfo', async () => {
  const peer = new ByHand();
  const cause = new Error('no more');
  await peer.job.session.writable.abort(cause);
  await turns();
  assert.equal(peer.wire, ['close 1011 ""']);
  await peer.send(masked(CLOSE, closePayload(1011)));
  await peer.end();
  assert.is((await peer.job.closed).error, cause);
});

writable('a wrong message errors the stream with a TypeError', async () => {
  const peer = new ByHand();
  const writer = peer.job.session.writable.getWriter();
  writer.closed.catch(() => {});
  await rejects(writer.write(5 as never), TypeError, /Cannot send/);
});

writable('is errored when the connection has ended', async () => {
  const peer = new ByHand();
  const writer = peer.job.session.writable.getWriter();
  writer.closed.catch(() => {});
  await peer.end();
  await peer.job.closed;
  await turns();
  await rejects(writer.write('x'), LocalProtocolError, 'ERR_WS_CLOSED');
  await rejects(writer.closed, LocalProtocolError, 'ERR_WS_CLOSED');
});

writable('made after the end, it is errored', async () => {
  const peer = new ByHand();
  await peer.end();
  await peer.job.closed;
  const writer = peer.job.session.writable.getWriter();
  writer.closed.catch(() => {});
  await rejects(writer.write('x'), LocalProtocolError, 'ERR_WS_CLOSED');
});
writable.run();

const pings = suite('session · ping (RFC 6455 §5.5.2, §5.5.3)');

pings('gives the round trip in milliseconds', async () => {
  const { client, server, clock } = createPair();
  void server;
  assert.is(await client.session.ping(), 0);
  void clock;
  const peer = new ByHand();
  const roundTrip = peer.job.session.ping();
  await peer.clock.turn(30);
  const [ping] = peer.frames;
  await peer.send(masked(PONG, ping?.payload));
  assert.is(await roundTrip, 30);
});

pings('a pong to a later ping settles the earlier ones; an unsolicited pong settles none', async () => {
  const peer = new ByHand();
  let settled = 0;
  for (let count = 0; count < 3; count++) {
    void peer.job.session.ping().then(() => settled++);
    await turns();
  }
  await peer.send(masked(PONG, 'none of ours'));
  await peer.send(masked(PONG, Uint8Array.of(9, 9, 9, 9)));
  assert.is(settled, 0);
  await peer.send(masked(PONG, peer.frames[1]?.payload));
  assert.is(settled, 2);
  await peer.send(masked(PONG, peer.frames[2]?.payload));
  assert.is(settled, 3);
});

pings(
  'one that is not on its way yet serves for the next too, and so does the last of sixteen that are not answered',
  async () => {
    const peer = new ByHand();
    const { session } = peer.job;
    assert.is(session.ping(), session.ping());
    await turns();
    assert.is(peer.frames.length, 1);
    for (let count = 0; count < 40; count++) {
      void session.ping();
      await turns(2);
    }
    assert.is(peer.frames.length, 16);
    const last = session.ping();
    await peer.send(masked(PONG, peer.frames[15]?.payload));
    assert.is(await last, 0);
    assert.is(session.counters.roundTrip, 0);
  },
);

pings('go ahead of messages that wait, and reject when the connection ends first', async () => {
  const peer = new ByHand();
  peer.block();
  void peer.job.session.send('first');
  await turns();
  void peer.job.session.send('second');
  const ping = peer.job.session.ping();
  await peer.unblock();
  assert.equal(
    peer.wire.map((line) => line.split(' ')[0]),
    ['text', 'ping', 'text'],
  );
  await peer.end();
  await rejects(ping, LocalProtocolError, 'ERR_WS_CLOSED');
});

pings('every ping is answered with its payload, while the session is not read (Ktor fact 43)', async () => {
  const peer = new ByHand();
  for (let count = 0; count < 5; count++) await peer.send(masked(PING, `p${count}`));
  assert.equal(peer.wire, ['pong 7030', 'pong 7031', 'pong 7032', 'pong 7033', 'pong 7034']);
});

pings('while nothing can be written, 16 pongs wait at most, and then only the latest', async () => {
  const peer = new ByHand();
  peer.block();
  void peer.job.session.send('blocks');
  await turns();
  for (let count = 0; count < 100; count++) await peer.send(masked(PING, Uint8Array.of(count)));
  await peer.unblock();
  const pongs = peer.frames.filter(({ opcode }) => opcode === 10).map(({ payload }) => payload[0]);
  assert.equal(pongs, [...Array.from({ length: 15 }, (_, index) => index), 99]);
});
pings.run();

const facts = suite('session · facts and counters');

facts('carries what the upgrade knew', () => {
  const x = { name: 'x', rsvBits: 0, text: 'x', open: () => ({}) };
  const peer = new ByHand({ subprotocol: 'chat', extensions: [x], remoteAddress: '127.0.0.1' });
  const { session } = peer.job;
  assert.equal([session.subprotocol, session.extensions, session.remoteAddress], ['chat', 'x', '127.0.0.1']);
  assert.is(session.request, undefined);
  assert.equal([new ByHand().job.session.subprotocol, new ByHand().job.session.extensions], ['', '']);
});

facts('counts messages and bytes of the wire each way, and what is queued', async () => {
  const peer = new ByHand();
  const bytes = masked(TEXT, 'abc');
  await peer.send(bytes);
  await peer.job.session.send('hello');
  assert.is(peer.job.session.counters.queued, 7 + 64);
  await turns();
  assert.equal(peer.job.session.counters, {
    messagesReceived: 1,
    messagesSent: 1,
    bytesReceived: bytes.byteLength,
    bytesSent: 7,
    unread: 3 + 64,
    queued: 0,
    dropped: { messages: 0, bytes: 0 },
    roundTrip: undefined,
  });
});

facts('nothing has escaped in all of this', async () => {
  await turns();
  assert.equal(seen, []);
});
facts.run();

function byHand(): { job: ByHand['job']; send: ByHand['send']; end: ByHand['end'] } {
  const peer = new ByHand();
  return { job: peer.job, send: (bytes) => peer.send(bytes), end: () => peer.end() };
}
