// HTTP/1.1 on a connection in memory: requests and responses, one after the other; what a peer may do wrong, and when.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Fetch } from '../../lib/adapter/fetch-request.ts';
import { HttpTown, parseAnswers } from '../support/http-peer.ts';
import { text as frame, requestHead } from '../support/raw-client.ts';
import { assertNothingEscaped } from '../support/server.ts';

const hello: Fetch = () => new Response('hello');
const get = (path = '/', more = ''): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n${more}\r\n`;
const post = (body: string, more = `Content-Length: ${body.length}\r\n`): string =>
  `POST / HTTP/1.1\r\nHost: x\r\n${more}\r\n${body}`;

/** A fetch that answers with the body of the request. */
const mirror: Fetch = async (request) => new Response(await request.text());

const test = suite('http connection · requests');

test('a GET is answered, and the next one on the same connection', async () => {
  const seen: string[] = [];
  const town = await HttpTown.open((request) => {
    seen.push(`${request.method} ${request.url} ${request.headers.get('a')}`);
    return new Response(new URL(request.url).pathname);
  });
  const peer = town.connect();
  for (const path of ['/one', '/two']) {
    const [answer] = parseAnswers(await peer.ask(get(path, 'A: 1\r\na: 2\r\n')));
    assert.equal([answer?.status, answer?.body, answer?.headers.get('content-length')], [200, path, '4']);
    assert.is(answer?.headers.get('connection'), undefined);
    assert.match(answer?.headers.get('date') ?? '', /^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/);
  }
  assert.equal(seen, ['GET http://x/one 1, 2', 'GET http://x/two 1, 2']);
  assert.is(town.server.counters.refused, 0);
});

test('requests that are cut anywhere, byte by byte too, are answered alike', async () => {
  for (const chunkSize of [1, 2, 3, 7, 64]) {
    const town = await HttpTown.open(mirror);
    const peer = town.connect({ link: { chunkSize } });
    const chunked = 'Transfer-Encoding: chunked\r\n';
    const all = `${post('abc')}\r\n${post('2\r\nde\r\n1;x=y\r\nf\r\n0\r\nT: v\r\n\r\n', chunked)}${get()}${post('')}`;
    const answers = parseAnswers(await peer.ask(all));
    assert.equal(
      answers.map(({ status, body }) => [status, body]),
      [
        [200, 'abc'],
        [200, 'def'],
        [200, ''],
        [200, ''],
      ],
      `chunks of ${chunkSize}`,
    );
  }
});

test('pipelined requests are answered one at a time, in their order', async () => {
  const waiting: (() => void)[] = [];
  let most = 0;
  const town = await HttpTown.open(async (request) => {
    most = Math.max(most, waiting.length + 1);
    await new Promise<void>((resolve) => waiting.push(resolve));
    return new Response(new URL(request.url).pathname);
  });
  const peer = town.connect();
  assert.is(await peer.ask(get('/1') + get('/2') + get('/3')), '');
  for (const path of ['/1', '/2', '/3']) {
    assert.is(waiting.length, 1);
    waiting.shift()?.();
    assert.equal(
      parseAnswers(await peer.answer()).map(({ body }) => body),
      [path],
    );
  }
  assert.is(most, 1);
});

test('while a request is answered only so many further bytes are taken', async () => {
  const town = await HttpTown.open(() => new Promise(() => {}), { limits: { lookAhead: 4096 } });
  const peer = town.connect({ link: { bufferSize: 4096 } });
  peer.send(get());
  for (let count = 0; count < 100; count++) peer.send(get('/more').padEnd(4096, 'x'));
  await town.clock.settled();
  assert.ok(peer.unsent > 90 * 4096, `${peer.unsent} bytes wait at the peer`);
});

test('Connection: close, in any case and among others, ends the connection behind the response; 1.0 always does', async () => {
  for (const [request, status] of [
    [get('/', 'Connection: close\r\n'), 200],
    [get('/', 'Connection: Foo, CLOSE\r\n'), 200],
    [get('/', 'Connection: f@o\r\n'), 200],
    ['GET / HTTP/1.0\r\n\r\n', 200],
    ['GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n', 200],
  ] as const) {
    const town = await HttpTown.open(hello);
    const peer = town.connect();
    const [answer] = parseAnswers(await peer.ask(request + get('/not-answered')));
    assert.equal([answer?.status, answer?.headers.get('connection'), peer.hasEnded], [status, 'close', true]);
  }
});

test('the URL of a request is of the connection, Host and the target', async () => {
  const urls: string[] = [];
  const town = await HttpTown.open((request) => {
    urls.push(request.url);
    return new Response();
  });
  const secure = { protocol: 'TLSv1.3', cipher: '', alpnProtocol: '', serverName: '', isAuthorized: false };
  for (const [request, facts] of [
    ['GET /a?b=c HTTP/1.1\r\nHost: Example.com:81\r\n\r\n', {}],
    ['GET /a HTTP/1.1\r\nHost: [::1]:81\r\n\r\n', { tls: secure }],
    ['GET //evil.example/x HTTP/1.1\r\nHost: x\r\n\r\n', {}],
    ['OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n', {}],
    ['GET https://other/p HTTP/1.1\r\nHost: x\r\n\r\n', {}],
    ['GET /old HTTP/1.0\r\n\r\n', {}],
  ] as const) {
    await town.connect({}, facts).ask(request);
  }
  assert.equal(urls, [
    'http://example.com:81/a?b=c',
    'https://[::1]:81/a',
    'http://x//evil.example/x',
    'http://x/',
    'https://other/p',
    'http://localhost/old',
  ]);
});

test('the callback is told of the connection', async () => {
  const infos: unknown[] = [];
  const town = await HttpTown.open((_, info) => {
    infos.push(info);
    return new Response();
  });
  await town.connect({}, { remoteAddress: '192.0.2.1', localAddress: '192.0.2.2' }).ask(get());
  await town.connect().ask(get());
  assert.equal(infos, [{ remoteAddress: '192.0.2.1', localAddress: '192.0.2.2' }, {}]);
});

test('the callback runs where the user context says', async () => {
  const order: string[] = [];
  const run = <T>(callback: () => T): T => {
    order.push('run');
    return callback();
  };
  const town = await HttpTown.open(() => new Response(order.join()), { userContext: { run } });
  const [answer] = parseAnswers(await town.connect().ask(get()));
  assert.is(answer?.body, 'run');
});

for (const [what, status, request] of [
  ['is no HTTP', 400, 'hello\r\n\r\n'],
  ['has no Host', 400, 'GET / HTTP/1.1\r\n\r\n'],
  ['has two Hosts', 400, 'GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n'],
  ['has a Host with a path', 400, 'GET / HTTP/1.1\r\nHost: x/y\r\n\r\n'],
  ['has a Host with userinfo', 400, 'GET / HTTP/1.1\r\nHost: a@b\r\n\r\n'],
  ['has an empty Host', 400, 'GET / HTTP/1.1\r\nHost:\r\n\r\n'],
  ['has userinfo in its target', 400, 'GET http://a:b@c/ HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['has a target whose host is none', 400, 'GET http://[/ HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['has both lengths', 400, post('0\r\n\r\n', 'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n')],
  ['has two lengths', 400, post('hello', 'Content-Length: 5\r\nContent-Length: 6\r\n')],
  ['has a length no number has', 413, post('', 'Content-Length: 99999999999999999999\r\n')],
  ['has an unknown coding', 501, post('', 'Transfer-Encoding: gzip, chunked\r\n')],
  ['is a CONNECT', 501, 'CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['is a TRACE', 501, 'TRACE / HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['is a get in lower case', 501, 'get / HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['expects what nobody knows', 417, get('/', 'Expect: more\r\n')],
  ['is of HTTP/2', 505, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['is too large', 431, get('/', `A: ${'x'.repeat(17_000)}\r\n`)],
  ['has too many fields', 431, get('/', 'A: b\r\n'.repeat(101))],
] as const) {
  test(`${status} for a request that ${what}, the end of the connection, and nothing behind it is answered`, async () => {
    let calls = 0;
    const town = await HttpTown.open(() => {
      calls++;
      return new Response();
    });
    const peer = town.connect();
    const answers = parseAnswers(await peer.ask(request + get('/smuggled')));
    assert.equal([answers.length, answers[0]?.status, answers[0]?.headers.get('connection')], [1, status, 'close']);
    assert.equal([calls, peer.hasEnded, town.server.counters.refused], [0, true, 1]);
    assert.equal(town.reported, []);
    peer.end();
    await town.clock.settled();
    assert.is(town.server.counters.connections, 0);
    assert.is(town.clock.pending, 0, 'no timer is left');
  });
}

test('without a callback what is no upgrade is refused by the rules', async () => {
  const town = await HttpTown.open();
  for (const [request, status] of [
    [get(), 426],
    ['POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello', 405],
  ] as const) {
    const peer = town.connect();
    assert.is(parseAnswers(await peer.ask(request))[0]?.status, status);
    assert.ok(peer.hasEnded);
  }
});

test.run();

// --- Upgrades --------------------------------------------------------------------------------------------------------

const upgrades = suite('http connection · upgrades');

const ask = (target = '/', headers = {}): Uint8Array => requestHead(1, { target, headers: { Host: 'x', ...headers } });

upgrades('an upgrade is taken by the site; frames behind the head are not lost, however they are cut', async () => {
  for (const chunkSize of [1, 5, 1000]) {
    const town = await HttpTown.open(hello);
    const peer = town.connect({ toServer: { chunkSize } });
    peer.send(Buffer.concat([ask(), frame('early')]));
    const received = await peer.answer();
    assert.match(received, /^HTTP\/1\.1 101 /);
    assert.is(received.split('\r\n\r\n')[1], '\x81\x05early');
    assert.is(await peer.ask(frame('later')), '\x81\x05later');
    assert.equal([town.server.counters.upgraded, town.server.counters.refused], [1, 0]);
    peer.reset();
    await town.clock.settled();
  }
});

upgrades('a connection is upgraded behind requests that were answered, pipelined ones too', async () => {
  const town = await HttpTown.open(mirror);
  const peer = town.connect();
  const received = await peer.ask(Buffer.concat([Buffer.from(post('one') + post('two')), ask(), frame('three')]));
  assert.match(received, /one.*two.*HTTP\/1\.1 101 /s);
  assert.ok(received.endsWith('\r\n\r\n\x81\x05three'));
  peer.reset();
});

upgrades('while a hook decides what comes is held, and is delivered then', async () => {
  let admit: (context: undefined) => void = () => {};
  const town = await HttpTown.open(hello, {
    admit: () => new Promise<undefined>((resolve) => (admit = resolve)),
    limits: { lookAhead: 100 },
  });
  const peer = town.connect({ link: { bufferSize: 100 } });
  assert.is(await peer.ask(Buffer.concat([ask(), frame('early')])), '');
  for (let count = 0; count < 10; count++) peer.send(frame(`${count}`.repeat(90)));
  await town.clock.settled();
  assert.ok(peer.unsent > 500, 'the peer waits');
  admit(undefined);
  const received = await peer.answer();
  assert.ok(received.includes('\x81\x05early\x81\x5a000'));
  assert.ok(received.endsWith('9'.repeat(90)));
  peer.reset();
});

upgrades(
  '404 where nothing is served; other upgrades are the callback’s, and so is one that Connection does not list',
  async () => {
    const town = await HttpTown.open(hello, { path: '/chat' });
    assert.is(parseAnswers(await town.connect().ask(ask('/other')))[0]?.status, 404);
    for (const headers of [{ Upgrade: 'h2c' }, { Connection: 'keep-alive' }, { Upgrade: undefined }]) {
      assert.is(parseAnswers(await town.connect().ask(ask('/chat', headers)))[0]?.body, 'hello');
    }
    assert.is(parseAnswers(await town.connect().ask(ask('/chat', { Upgrade: 'web socket' })))[0]?.status, 400);
  },
);

upgrades('an upgrade with content is refused, and its content is no request', async () => {
  const town = await HttpTown.open(hello);
  const body = get('/smuggled');
  const peer = town.connect();
  peer.send(ask('/', { 'Content-Length': String(body.length) }));
  const answers = parseAnswers(await peer.ask(body));
  assert.equal(
    answers.map(({ status }) => status),
    [400],
  );
});

upgrades(
  'the head of the 101 goes before what the handler sends at once, though the peer takes nothing yet',
  async () => {
    const town = await HttpTown.open(hello, {}, async (session) => {
      await session.send('first');
    });
    const peer = town.connect({ link: { bufferSize: 10, chunkSize: 3 } });
    peer.pause();
    peer.send(ask());
    await town.clock.settled();
    peer.resume();
    const received = await peer.answer();
    assert.match(received, /^HTTP\/1\.1 101 /);
    assert.ok(received.endsWith('\r\n\r\n\x81\x05first\x88\x02\x03\xe8'));
    peer.reset();
  },
);

upgrades('nothing has escaped from any of these connections', assertNothingEscaped);

upgrades.run();
