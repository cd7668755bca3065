// Responses of the user's callback on the wire: how their length is told, what is not the user's to say, and what happens when one fails.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Fetch } from '../../lib/adapter/fetch-request.ts';
import { type HttpAnswer, HttpTown, parseAnswers } from '../support/http-peer.ts';
import { assertNothingEscaped } from '../support/server.ts';
import { turns } from '../support/until.ts';

const KiB = 1024;
const get = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';
const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

const test = suite('http connection · responses');

async function answerOf(fetch: Fetch, request = get): Promise<HttpAnswer & { hasEnded: boolean; reported: unknown[] }> {
  const town = await HttpTown.open(fetch);
  const peer = town.connect();
  const received = await peer.ask(request);
  const answers = parseAnswers(received, [request.split(' ')[0] as string]);
  assert.is(answers.length, 1, received);
  return { ...(answers[0] as HttpAnswer), hasEnded: peer.hasEnded, reported: town.reported };
}

function streamOf(...chunks: unknown[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk as Uint8Array);
      controller.close();
    },
  });
}

/** Each chunk comes some turns after it is asked for; an error fails the stream. */
function slowly(...chunks: (string | Error)[]): ReadableStream<Uint8Array> {
  return new ReadableStream(
    {
      async pull(controller) {
        await turns(3);
        const chunk = chunks.shift();
        if (chunk === undefined) controller.close();
        else if (typeof chunk === 'string') controller.enqueue(encode(chunk));
        else controller.error(chunk);
      },
    },
    { highWaterMark: 0 },
  );
}

for (const [what, body, length] of [
  ['no body', null, '0'],
  ['an empty text', '', '0'],
  ['a text', 'caf\u00e9', '5'],
  ['bytes', new Uint8Array(3), '3'],
  ['a megabyte of bytes', new Uint8Array(1024 * KiB), String(1024 * KiB)],
  ['a stream that is whole already', streamOf(encode('a'), encode(''), encode('bc')), '3'],
] as const) {
  test(`a response with ${what} tells its length`, async () => {
    const { headers, status, body: text } = await answerOf(() => new Response(body as BodyInit));
    assert.equal([status, headers.get('transfer-encoding')], [200, undefined]);
    assert.equal([headers.get('content-length'), text.length], [length, Number(length)]);
  });
}

test('a response with a blob comes whole: it tells its length where the runtime has the bytes at once, which not every Node does', async () => {
  const { headers, status, body } = await answerOf(() => new Response(new Blob(['abc', 'de'])));
  assert.equal([status, body], [200, 'abcde']);
  const isChunked = headers.get('transfer-encoding') === 'chunked';
  assert.is(headers.get('content-length'), isChunked ? undefined : '5');
});

test('a response whose body is not whole when the turn ends goes out in chunks, its head at once', async () => {
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  const body = new ReadableStream<Uint8Array>({
    start: (it) => {
      controller = it;
    },
  });
  const town = await HttpTown.open(() => new Response(body));
  const peer = town.connect();
  const head = await peer.ask(get);
  assert.match(head, /transfer-encoding: chunked\r\n/);
  assert.ok(head.endsWith('\r\n\r\n'));
  controller?.enqueue(encode('x'.repeat(16)));
  assert.is(await peer.answer(), `10\r\n${'x'.repeat(16)}\r\n`);
  controller?.enqueue(new Uint8Array(0));
  assert.is(await peer.answer(), '', 'an empty chunk would be the last');
  controller?.close();
  assert.is(await peer.answer(), '0\r\n\r\n');
  assert.not(peer.hasEnded);
});

test('to HTTP/1.0, which knows no chunks, the end of the connection ends such a body', async () => {
  const answer = await answerOf(() => new Response(slowly('late')), 'GET / HTTP/1.0\r\n\r\n');
  assert.equal([answer.body, answer.headers.get('transfer-encoding'), answer.hasEnded], ['late', undefined, true]);
});

test('a body is read only as fast as the peer takes it', async () => {
  let pulled = 0;
  let isCancelled = false;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      pulled++;
      controller.enqueue(new Uint8Array(16 * KiB));
    },
    cancel() {
      isCancelled = true;
    },
  });
  const town = await HttpTown.open(() => new Response(body));
  const peer = town.connect({ link: { bufferSize: 16 * KiB } });
  peer.pause();
  peer.send(get);
  await town.clock.settled();
  const before = pulled;
  assert.ok(before < 20, `${before} chunks`);
  peer.resume();
  await turns(100);
  assert.ok(pulled > before + 5, 'it is read on');
  peer.reset();
  await town.clock.settled();
  assert.ok(isCancelled, 'nobody takes it any more');
  assert.equal([town.server.counters.connections, town.reported], [0, []]);
});

test('HEAD, 204 and 304 have no body; it is cancelled', async () => {
  for (const [request, status] of [
    [get.replace('GET', 'HEAD'), 200],
    [get, 304],
    [get, 204],
  ] as const) {
    let cancelled = 0;
    const headers = { 'content-length': '42', etag: '"x"' };
    const town = await HttpTown.open(() => {
      const body = new ReadableStream({ cancel: () => void cancelled++ }, { highWaterMark: 0 });
      return new Response(status === 200 ? body : null, { status, headers });
    });
    const peer = town.connect();
    const received = await peer.ask(request);
    assert.ok(received.endsWith('\r\n\r\n'));
    assert.is(received.includes('content-length: 42'), status !== 204);
    assert.not(received.includes('transfer-encoding'));
    assert.is(cancelled, status === 200 ? 1 : 0);
    // The connection goes on, and nothing is taken for a body.
    assert.match(await peer.ask(request), new RegExp(`^HTTP/1.1 ${status} `));
  }
});

test('a Content-Length of the user’s is kept where it is true, for a body that comes later too', async () => {
  const headers = { 'content-length': '5' };
  assert.is((await answerOf(() => new Response('hello', { headers }))).body, 'hello');
  const answer = await answerOf(() => new Response(slowly('he', 'llo'), { headers }));
  assert.equal([answer.body, answer.headers.get('transfer-encoding')], ['hello', undefined]);
});

for (const [what, length] of [
  ['longer', '4'],
  ['shorter', '6'],
  ['of no number', 'five'],
  ['of two numbers', '5, 5'],
] as const) {
  test(`a body that is ${what} than its Content-Length says: 500, and the error is reported`, async () => {
    const answer = await answerOf(() => new Response('hello', { headers: { 'content-length': length } }));
    assert.equal([answer.status, answer.reported.length], [500, 1]);
  });

  if (length.length > 1) continue;
  test(`a body that turns out to be ${what} when its head is sent: the connection is cut, no byte too many is sent`, async () => {
    const town = await HttpTown.open(
      () => new Response(slowly('he', 'llo'), { headers: { 'content-length': length } }),
    );
    const peer = town.connect();
    const received = (await peer.ask(get + get)).split('\r\n\r\n');
    assert.equal([received.length, (received[1] as string).length <= Number(length)], [2, true]);
    assert.ok(peer.hasEnded || peer.isClosed);
    assert.instance(town.reported[0], RangeError);
  });
}

test('what says how the connection goes on is not the user’s, but that it ends', async () => {
  const own = {
    Connection: 'X-Mine, close',
    'Keep-Alive': 'timeout=1000',
    'Transfer-Encoding': 'gzip',
    'Proxy-Connection': 'keep-alive',
    Trailer: 'A',
    'X-Mine': 'yes',
  };
  const { headers, hasEnded } = await answerOf(() => new Response('hello', { headers: own }));
  assert.equal(
    ['keep-alive', 'transfer-encoding', 'proxy-connection', 'trailer'].map((name) => headers.get(name)),
    [undefined, undefined, undefined, undefined],
  );
  assert.equal([headers.get('connection'), headers.get('x-mine'), hasEnded], ['close', 'yes', true]);
});

test('an Upgrade of the user’s is named in Connection; Set-Cookie stays apart; a Date is kept', async () => {
  const headers = new Headers({ Upgrade: 'websocket', Date: 'Thu, 01 Jan 1970 00:00:00 GMT' });
  headers.append('Set-Cookie', 'a=1');
  headers.append('Set-Cookie', 'b=2');
  const answer = await answerOf(() => new Response('', { status: 426, headers }));
  assert.equal(
    ['upgrade', 'connection', 'set-cookie', 'date'].map((name) => answer.headers.get(name)),
    ['websocket', 'upgrade', 'a=1 | b=2', 'Thu, 01 Jan 1970 00:00:00 GMT'],
  );
});

const secret = new Error('the password is 1234');

for (const [what, fetch] of [
  [
    'throws',
    () => {
      throw secret;
    },
  ],
  ['rejects', () => Promise.reject(secret)],
  ['gives nothing', () => undefined as unknown as Response],
  ['gives no Response', () => ({}) as Response],
  ['gives Response.error()', () => Response.error()],
  [
    'gives a response that was read',
    async () => {
      const response = new Response('read');
      await response.text();
      return response;
    },
  ],
  [
    'gives a response that is locked',
    () => {
      const response = new Response('locked');
      response.body?.getReader();
      return response;
    },
  ],
  ['gives a body that fails at once', () => new Response(new ReadableStream({ start: (it) => it.error(secret) }))],
  ['gives a body of no bytes', () => new Response(streamOf('text'))],
  [
    'gives a header that splits the response',
    () => ({ status: 200, body: null, headers: new Map([['x', 'a\r\nSet-Cookie: b']]) }) as unknown as Response,
  ],
  [
    'gives a header name that splits the response',
    () => ({ status: 200, body: null, headers: new Map([['x: y\r\nz', 'a']]) }) as unknown as Response,
  ],
  [
    'gives a header of other characters than bytes',
    () => ({ status: 200, body: null, headers: new Map([['x', '\u010d\u010a']]) }) as unknown as Response,
  ],
  ['gives a status of a 101', () => ({ status: 101, body: null, headers: new Headers() }) as unknown as Response],
  ['gives a status that is no number', () => ({ status: '200 OK\r\nA: b', body: null }) as unknown as Response],
] as [string, Fetch][]) {
  test(`a callback that ${what}: 500 without internals, the error to the user context, and the server goes on`, async () => {
    const answer = await answerOf(fetch);
    assert.equal([answer.status, answer.body, answer.hasEnded], [500, 'The server failed\n', true]);
    assert.is(answer.reported.length, 1);
    assert.not([...answer.headers].flat().some((value) => value.includes('1234')));
  });
}

test('a body that fails midway cuts the connection, so that its end is not taken for the end of the response', async () => {
  const town = await HttpTown.open(() => new Response(slowly('some', secret)));
  const peer = town.connect();
  const received = await peer.ask(get + get);
  assert.ok(received.endsWith('4\r\nsome\r\n'), received);
  assert.equal([town.reported, town.server.counters.connections], [[secret], 0]);
});

test('a client that is gone when the callback answers gets nothing; the body is cancelled', async () => {
  let answer: (response: Response) => void = () => {};
  let cancelled = 0;
  let signal: AbortSignal | undefined;
  const town = await HttpTown.open((request) => {
    signal = request.signal;
    return new Promise((resolve) => (answer = resolve));
  });
  const peer = town.connect();
  await peer.ask(get);
  assert.is(signal?.aborted, false);
  peer.reset();
  await town.clock.settled();
  assert.is(signal?.aborted, true);
  answer(new Response(new ReadableStream({ cancel: () => void cancelled++ })));
  await town.clock.settled();
  assert.equal([cancelled, town.reported, town.clock.pending], [1, [], 0]);
});

test('a client that only ends its half still gets the response; the signal tells', async () => {
  const town = await HttpTown.open(async (request) => {
    await turns(3);
    return new Response(String(request.signal.aborted));
  });
  const peer = town.connect();
  peer.send(get);
  peer.end();
  const [answer] = parseAnswers(await peer.answer());
  assert.equal([answer?.body, peer.hasEnded, town.server.counters.connections], ['true', true, 0]);
});

test('nothing has escaped from any of these connections', assertNothingEscaped);

test.run();
