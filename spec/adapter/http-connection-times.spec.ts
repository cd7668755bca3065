// How long a connection may take for what, how many there may be, and how they end when the server stops: by a clock that the test turns.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Fetch } from '../../lib/adapter/fetch-request.ts';
import { HttpTown, parseAnswers } from '../support/http-peer.ts';
import { requestHead } from '../support/raw-client.ts';
import { assertNothingEscaped } from '../support/server.ts';

const get = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';
const upgrade = requestHead(1, { headers: { Host: 'x' } });
const hello: Fetch = () => new Response('hello');
const never: Fetch = () => new Promise(() => {});

const test = suite('http connection · times');

for (const [what, begin] of [
  ['nothing', ''],
  ['half a head', get.slice(0, 20)],
  ['a head byte by byte', undefined],
] as const) {
  test(`408 after handshakeTimeout for a client that sends ${what}, and it is not waited for`, async () => {
    const town = await HttpTown.open(hello);
    const peer = town.connect();
    for (let at = 0; at < 9; at++) {
      if (begin === undefined) peer.send(get[at] as string);
      else if (at === 0) peer.send(begin);
      await town.clock.turn(1100);
      assert.is(peer.received, '');
    }
    await town.clock.turn(200);
    const [answer] = parseAnswers(await peer.answer());
    assert.equal([answer?.status, answer?.headers.get('connection')], [408, 'close']);
    assert.equal([town.server.counters.connections, town.server.counters.refused, town.clock.pending], [0, 1, 0]);
  });
}

test('a connection on which no further request comes ends in silence after handshakeTimeout', async () => {
  const town = await HttpTown.open(hello);
  const peer = town.connect();
  for (let count = 0; count < 3; count++) {
    await town.clock.turn(9000);
    assert.is(parseAnswers(await peer.ask(get))[0]?.body, 'hello');
  }
  await town.clock.turn(10_000);
  assert.equal([peer.received, peer.hasEnded, town.server.counters.refused], ['', true, 0]);
  peer.end();
  await town.clock.settled();
  assert.equal([town.server.counters.connections, town.clock.pending], [0, 0]);
});

test('a further request that begins and does not come to its end gets 408', async () => {
  const town = await HttpTown.open(hello);
  const peer = town.connect();
  await peer.ask(get + get.slice(0, 10));
  peer.take();
  await town.clock.turn(10_000);
  assert.is(parseAnswers(peer.received)[0]?.status, 408);
});

test('a callback may take as long as it wants', async () => {
  let answer: (response: Response) => void = () => {};
  const town = await HttpTown.open(() => new Promise((resolve) => (answer = resolve)));
  const peer = town.connect();
  await peer.ask(get);
  await town.clock.turn(1_000_000);
  answer(new Response('late'));
  assert.is(parseAnswers(await peer.answer())[0]?.body, 'late');
});

test('a peer that does not take its response is cut after stallTimeout, and the body is cancelled', async () => {
  let cancelled = 0;
  const body = (): ReadableStream =>
    new ReadableStream({ pull: (it) => it.enqueue(new Uint8Array(65_536)), cancel: () => void cancelled++ });
  const town = await HttpTown.open(() => new Response(body()));
  const peer = town.connect();
  peer.pause();
  await peer.ask(get);
  await town.clock.turn(59_000);
  assert.is(town.server.counters.connections, 1);
  await town.clock.turn(2000);
  assert.equal([town.server.counters.connections, cancelled, town.reported, town.clock.pending], [0, 1, [], 0]);
});

test('a client that was answered for the last time and stays is cut after closeTimeout', async () => {
  const town = await HttpTown.open(hello);
  const peer = town.connect();
  await peer.ask(get.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'));
  await town.clock.turn(4900);
  assert.is(town.server.counters.connections, 1);
  await town.clock.turn(200);
  assert.is(town.server.counters.connections, 0);
});

test('a client that leaves before it has asked, or in the middle of a head, is no refusal', async () => {
  for (const begin of ['', get.slice(0, 10), get]) {
    const town = await HttpTown.open(hello);
    const peer = town.connect();
    peer.send(begin);
    peer.end();
    await peer.answer();
    assert.equal([peer.hasEnded, town.server.counters.refused], [true, 0]);
    await town.clock.settled();
    assert.equal([town.server.counters.connections, town.clock.pending], [0, 0]);
  }
});

test('a connection that is kept alive leaves nothing behind for each request', async () => {
  const town = await HttpTown.open(hello, { limits: { maxConnections: 4 } });
  const peer = town.connect();
  for (let count = 0; count < 50; count++) await peer.ask(get.repeat(20));
  assert.is(town.clock.pending, 1, 'the timer of the next head');
});

// --- Many ------------------------------------------------------------------------------------------------------------

test('those that wait for a request are cut beyond the bound, the oldest first; those that are answered are not', async () => {
  const town = await HttpTown.open(
    (request) => (request.url.endsWith('slow') ? never(request, {}) : hello(request, {})),
    {
      limits: { maxConnections: 2 },
    },
  );
  const busy = [town.connect(), town.connect()];
  for (const peer of busy) await peer.ask(get.replace('/', '/slow'));
  const idle = Array.from({ length: 20 }, () => town.connect());
  await town.clock.settled();
  assert.is(town.server.counters.connections, 2 + 16);
  assert.equal(
    idle.map(({ hasEnded, isClosed }) => hasEnded || isClosed),
    Array.from({ length: 20 }, (_, index) => index < 4),
  );
  assert.ok(busy.every(({ hasEnded }) => !hasEnded));
  const late = town.connect();
  const [answer] = parseAnswers(await late.ask(get));
  assert.equal([answer?.status, answer?.headers.get('retry-after')], [503, '5'], 'as many are answered as may be');
  assert.match(await town.connect().ask(upgrade), /^HTTP\/1\.1 101 /, 'a session has a place of its own');
});

// --- The stop ----------------------------------------------------------------------------------------------------------

test('a stop waits for what is being answered, which is the last; further requests get 503; idle ones are cut', async () => {
  let answer: (response: Response) => void = () => {};
  const town = await HttpTown.open(() => new Promise((resolve) => (answer = resolve)));
  const [busy, other, idle] = [town.connect(), town.connect(), town.connect()];
  await busy.ask(get + get);
  await idle.ask(get.slice(0, 5));
  let report: unknown;
  void town.server.stop().then((it) => (report = it));
  await town.clock.settled();
  assert.is(parseAnswers(await other.ask(get))[0]?.status, 503);
  assert.is(parseAnswers(await town.connect().ask(upgrade))[0]?.status, 503);
  assert.equal([report, town.isClosed], [undefined, false]);
  answer(new Response('the last'));
  const answers = parseAnswers(await busy.answer());
  assert.equal(
    answers.map(({ body, headers }) => [body, headers.get('connection')]),
    [['the last', 'close']],
  );
  assert.equal([report, town.isClosed], [{ closed: 0, cut: 4 }, true]);
  assert.equal([town.server.counters.connections, town.clock.pending], [0, 0]);
});

test('a stop cuts what is not answered in time; the callback hears of it', async () => {
  let signal: AbortSignal | undefined;
  const town = await HttpTown.open((request) => {
    signal = request.signal;
    return new Promise(() => {});
  });
  const peer = town.connect();
  await peer.ask(get);
  const report = await town.clock.turnUntil(town.server.stop({ timeout: 700 }));
  assert.equal([report, town.clock.now(), signal?.aborted], [{ closed: 0, cut: 1 }, 700, true]);
  assert.ok(peer.hasEnded || peer.isClosed);
});

test('a stop closes sessions with 1001 and gives its report again', async () => {
  const town = await HttpTown.open(hello, {}, () => new Promise(() => {}));
  const peer = town.connect();
  await peer.ask(upgrade);
  const stopping = town.server.stop();
  assert.ok((await peer.answer()).startsWith('\x88'));
  const report = await town.clock.turnUntil(stopping);
  assert.equal(await town.server.stop(), report);
  assert.is(town.server.counters.connections, 0);
});

test('what goes wrong with the listening is reported, but not once it has stopped; a late connection is cut', async () => {
  const town = await HttpTown.open(hello);
  town.onError(new Error('listening'));
  await town.server.stop();
  town.onError(new Error('late'));
  const peer = town.connect();
  await town.clock.settled();
  assert.equal([town.reported.map(String), town.server.counters.connections], [['Error: listening'], 0]);
  assert.ok(peer.hasEnded || peer.isClosed);
});

test('nothing has escaped from any of these connections', assertNothingEscaped);

test.run();
