// Bodies of requests: read only while somebody reads them, thrown away where nobody does, and never taken for the next request.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Fetch } from '../../lib/adapter/fetch-request.ts';
import { rejects } from '../support/check.ts';
import { HttpTown, parseAnswers } from '../support/http-peer.ts';
import { assertNothingEscaped } from '../support/server.ts';

const KiB = 1024;
const get = 'GET /next HTTP/1.1\r\nHost: x\r\n\r\n';
const head = (more: string): string => `POST / HTTP/1.1\r\nHost: x\r\n${more}\r\n`;
const sized = (length: number): string => head(`Content-Length: ${length}\r\n`);
const chunked = head('Transfer-Encoding: chunked\r\n');

const bodies = (text: string): string[] => parseAnswers(text).map(({ body }) => body);

const test = suite('http connection · bodies of requests');

test('a body is a stream: what has come can be read before the rest', async () => {
  const read: string[] = [];
  const town = await HttpTown.open(async (request) => {
    for await (const chunk of request.body as ReadableStream<Uint8Array>) read.push(Buffer.from(chunk).toString());
    return new Response('done');
  });
  const peer = town.connect();
  await peer.ask(`${sized(9)}abc`);
  assert.equal(read, ['abc']);
  await peer.ask('def');
  assert.equal(read, ['abc', 'def']);
  assert.equal(bodies(await peer.ask('ghi')), ['done']);
  assert.equal(read, ['abc', 'def', 'ghi']);
});

test('tiny chunks that come together are one chunk of the stream', async () => {
  let count = 0;
  const town = await HttpTown.open(async (request) => {
    for await (const _ of request.body as ReadableStream<Uint8Array>) count++;
    return new Response();
  });
  await town.connect().ask(`${chunked}${'1\r\nx\r\n'.repeat(2000)}0\r\n\r\n`);
  assert.ok(count > 0 && count < 10, `${count} chunks`);
});

test('chunks of the stream are the user’s own: nothing else is in their buffers', async () => {
  let buffer = '';
  const town = await HttpTown.open(async (request) => {
    const { value } = await (request.body as ReadableStream<Uint8Array>).getReader().read();
    buffer = Buffer.from((value as Uint8Array).buffer).toString('latin1');
    return new Response();
  });
  await town.connect().ask(`${sized(3)}abc${get.replace('/next', '/secret')}`);
  assert.ok(buffer.startsWith('abc'));
  assert.not(buffer.includes('secret'));
});

test('a body that nobody reads makes the peer wait, and is read on when somebody does', async () => {
  let go: () => void = () => {};
  const town = await HttpTown.open(async (request) => {
    await new Promise<void>((resolve) => (go = resolve));
    return new Response(String((await request.arrayBuffer()).byteLength));
  });
  const peer = town.connect({ link: { bufferSize: 8 * KiB } });
  peer.send(sized(1024 * KiB));
  for (let count = 0; count < 64; count++) peer.send(new Uint8Array(16 * KiB));
  await town.clock.settled();
  assert.ok(peer.unsent > 960 * KiB, `${peer.unsent} bytes wait`);
  go();
  assert.equal(bodies(await peer.answer()), [String(1024 * KiB)]);
});

test('a body can be sent back while it comes', async () => {
  const town = await HttpTown.open((request) => new Response(request.body));
  const peer = town.connect();
  assert.match(await peer.ask(`${chunked}3\r\nabc\r\n`), /\r\n\r\n3\r\nabc\r\n$/);
  assert.is(await peer.ask('2\r\nde\r\n'), '2\r\nde\r\n');
  assert.is(await peer.ask('0\r\n\r\n'), '0\r\n\r\n');
  assert.equal(bodies(await peer.ask(`${sized(2)}hi`)), ['hi']);
});

// --- Unread ----------------------------------------------------------------------------------------------------------

const hello: Fetch = () => new Response('hello');

for (const [what, request] of [
  ['with a length', `${sized(5)}GET /`],
  ['of chunks', `${chunked}5\r\nGET /\r\n0\r\nA: b\r\n\r\n`],
  ['of a GET', 'GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nGET /'],
] as const) {
  test(`a body ${what} that nobody reads is thrown away, and the next request is answered`, async () => {
    const town = await HttpTown.open(hello);
    const peer = town.connect();
    assert.equal(bodies(await peer.ask(request + get)), ['hello', 'hello']);
    for (const byte of request) peer.send(byte);
    assert.equal(bodies(await peer.answer()), ['hello']);
  });
}

test('a body that its reader cancels is thrown away', async () => {
  const town = await HttpTown.open(async (request) => {
    await request.body?.cancel();
    return new Response('cancelled');
  });
  const peer = town.connect();
  assert.equal(bodies(await peer.ask(`${sized(5)}hello${get}`)), ['cancelled', 'cancelled']);
});

test('of an unread body only so much is thrown away: then the connection ends, and the response has arrived', async () => {
  const town = await HttpTown.open(hello);
  const peer = town.connect({ link: { bufferSize: 16 * KiB } });
  peer.send(sized(10_000 * KiB));
  for (let count = 0; count < 100; count++) peer.send(new Uint8Array(100 * KiB));
  assert.equal(bodies(await peer.answer()), ['hello']);
  assert.ok(peer.hasEnded);
  assert.is(town.server.counters.connections, 1);
  await town.clock.turn(5000);
  assert.is(town.server.counters.connections, 0, 'it is cut after closeTimeout');
});

test('an unread body that does not come is not waited for longer than handshakeTimeout', async () => {
  const town = await HttpTown.open(hello);
  const peer = town.connect();
  assert.equal(bodies(await peer.ask(`${sized(100)}some`)), ['hello']);
  for (let count = 0; count < 3; count++) {
    await town.clock.turn(4000);
    peer.send('x');
  }
  await town.clock.settled();
  assert.ok(peer.hasEnded);
});

test('who reads on behind his response gets an error', async () => {
  let late: Promise<string> | undefined;
  const town = await HttpTown.open((request) => {
    late = request.text();
    late.catch(() => {});
    return new Response('early');
  });
  const peer = town.connect();
  assert.equal(bodies(await peer.ask(`${sized(5)}he`)), ['early']);
  await rejects(late as Promise<string>, Error, /answered before its body was read/);
  assert.equal(bodies(await peer.ask(`llo${get}`)), ['early']);
});

// --- Malformed ---------------------------------------------------------------------------------------------------------

for (const [what, body] of [
  ['a size that is none', 'x\r\n'],
  ['a size with a sign', '+1\r\na\r\n0\r\n\r\n'],
  ['a size with 0x', '0x1\r\na\r\n0\r\n\r\n'],
  ['a size of too many digits', `${'0'.repeat(14)}\r\n\r\n`],
  ['a size with a space', '1 \r\na\r\n0\r\n\r\n'],
  ['a chunk that is longer than its size', '1\r\nab\r\n0\r\n\r\n'],
  ['a chunk that is shorter than its size', '3\r\nab\r\n0\r\n\r\n'],
  ['lines that end in LF', '1\na\n0\n\n'],
  ['an extension with a bare LF', '1;a\nb\r\na\r\n0\r\n\r\n'],
  ['a trailer that is no field', '0\r\nGET / HTTP/1.1\r\n\r\n'],
  ['extensions without end', `1;${'x'.repeat(20_000)}\r\na\r\n0\r\n\r\n`],
  ['an extension for every byte', `${'1;xxxxxxxxxxxxxxx\r\na\r\n'.repeat(1100)}0\r\n\r\n`],
  ['trailers without end', `0\r\n${'A: b\r\n'.repeat(4000)}\r\n`],
] as const) {
  test(`chunks with ${what}: the reader gets an error, and nothing behind them is a request`, async () => {
    let calls = 0;
    const town = await HttpTown.open(async (request) => {
      calls++;
      const error = await request.text().then(
        () => undefined,
        (reason: unknown) => reason,
      );
      return new Response(error === undefined ? 'read' : 'failed');
    });
    const peer = town.connect();
    const answers = bodies(await peer.ask(chunked + body + get));
    assert.equal([calls, answers, peer.hasEnded], [1, ['failed'], true]);
  });
}

test('chunks in proportion to their data are of any number', async () => {
  const town = await HttpTown.open(async (request) => new Response(String((await request.text()).length)));
  assert.equal(bodies(await town.connect().ask(`${chunked}${'1\r\nx\r\n'.repeat(50_000)}0\r\n\r\n`)), ['50000']);
});

for (const how of ['end', 'reset'] as const) {
  test(`a peer that goes away (${how}) in the middle of its body: the reader gets an error, the signal is aborted, nothing is reported`, async () => {
    let error: unknown;
    let signal: AbortSignal | undefined;
    const town = await HttpTown.open(async (request) => {
      signal = request.signal;
      await request.text().catch((reason: unknown) => {
        error = reason;
        throw reason;
      });
      return new Response();
    });
    const peer = town.connect();
    await peer.ask(`${sized(10)}half`);
    peer[how]();
    await town.clock.settled();
    assert.match(String(error), /gone away/);
    assert.ok(signal?.aborted);
    assert.equal(town.reported, []);
    await town.clock.turn(5000);
    assert.equal([town.server.counters.connections, town.clock.pending], [0, 0]);
  });
}

test('a body that stops coming while somebody reads it ends the connection after stallTimeout', async () => {
  let error: unknown;
  const town = await HttpTown.open(
    async (request) => {
      await request.text().catch((reason: unknown) => (error = reason));
      return new Response();
    },
    { limits: { stallTimeout: 1000 } },
  );
  const peer = town.connect();
  peer.send(`${sized(10)}ab`);
  for (let count = 0; count < 3; count++) {
    await town.clock.turn(900);
    peer.send('c');
  }
  await town.clock.turn(900);
  assert.is(error, undefined);
  await town.clock.turn(200);
  assert.match(String(error), /did not come in time/);
  assert.is(town.server.counters.connections, 0);
});

// --- Expect ------------------------------------------------------------------------------------------------------------

const expecting = head('Content-Length: 5\r\nExpect: 100-Continue\r\n');
const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n';

test('RFC 9110 §10.1.1: a client that waits is told to go on when somebody reads its body, once', async () => {
  let go: () => void = () => {};
  const town = await HttpTown.open(async (request) => {
    await new Promise<void>((resolve) => (go = resolve));
    return new Response(await request.text());
  });
  const peer = town.connect();
  assert.is(await peer.ask(expecting), '');
  go();
  assert.is(await peer.answer(), CONTINUE);
  assert.is(await peer.ask('he'), '');
  assert.equal(bodies(await peer.ask('llo')), ['hello']);
  assert.not(peer.hasEnded);
});

test('a client that waits and is refused is not told to go on, and the connection ends: it may send the body or not', async () => {
  const town = await HttpTown.open(() => new Response('no', { status: 403 }));
  const peer = town.connect();
  const [answer] = parseAnswers(await peer.ask(expecting));
  assert.equal([answer?.status, answer?.headers.get('connection'), peer.hasEnded], [403, 'close', true]);
});

test('a client of HTTP/1.0 is told nothing', async () => {
  const town = await HttpTown.open(async (request) => new Response(await request.text()));
  const peer = town.connect();
  assert.is(await peer.ask(expecting.replace('1.1', '1.0')), '');
  assert.equal(bodies(await peer.ask('hello')), ['hello']);
});

test('nothing has escaped from any of these connections', assertNothingEscaped);

test.run();
