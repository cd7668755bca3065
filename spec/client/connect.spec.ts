// openSession over a network in memory: what is asked of it is told before anything is dialled, and what it gives is a session like any other.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type ConnectOptions, type Dial, openSession } from '../../lib/client/connect.ts';
import { HandshakeError, LimitError } from '../../lib/error.ts';
import type { Frame } from '../../lib/frame/frame.ts';
import { acceptKey } from '../../lib/handshake/accept-key.ts';
import { permessageDeflate } from '../../lib/node.ts';
import { rejects } from '../support/check.ts';
import { installable } from '../support/extensions.ts';
import { FakeNetwork, response, toLatin1 } from '../support/fake-network.ts';
import { unwire, wire } from '../support/frames.ts';
import { join } from '../support/hex.ts';
import { watchEscapes } from '../support/pair.ts';
import { turns, within } from '../support/until.ts';

const test = suite('connect');

const escapes = watchEscapes();
const never: Dial = () => assert.unreachable('nothing may be dialled') as never;

/** Options as a caller without types may give them. */
function loosely(options: Record<string, unknown>): ConnectOptions {
  return options as ConnectOptions;
}

test('whatever is wrong with an option is told before anything is dialled', async () => {
  const cases: [options: Record<string, unknown>, error: typeof TypeError | typeof RangeError][] = [
    [{ subprotocols: 'chat' }, TypeError],
    [{ subprotocols: ['a b'] }, TypeError],
    [{ subprotocols: ['a', 'a'] }, TypeError],
    [{ subprotocols: [''] }, TypeError],
    [{ subprotocols: ['a\r\nX: y'] }, TypeError],
    [{ extensions: {} }, TypeError],
    [{ extensions: [{}] }, TypeError],
    [{ extensions: [permessageDeflate(), permessageDeflate()] }, TypeError],
    [{ extensions: [installable('x', () => ({}), 1)] }, RangeError],
    [{ headers: { 'A B': 'c' } }, TypeError],
    [{ headers: { A: 'b\r\nC: d' } }, TypeError],
    [{ headers: { A: 'b\0' } }, TypeError],
    [{ headers: { A: '\u010d\u010a' } }, TypeError],
    [{ headers: { A: 5 } }, TypeError],
    [{ headers: { Upgrade: 'h2c' } }, TypeError],
    [{ headers: { connection: 'close' } }, TypeError],
    [{ headers: { 'Sec-WebSocket-Key': 'x' } }, TypeError],
    [{ headers: { 'sec-websocket-protocol': 'x' } }, TypeError],
    [{ headers: { 'Content-Length': '5' } }, TypeError],
    [{ headers: { 'Transfer-Encoding': 'chunked' } }, TypeError],
    [{ headers: { Host: 'a b' } }, TypeError],
    [{ headers: { Host: ['a', 'b'] } }, TypeError],
    [{ headers: 'A: b' }, TypeError],
    [{ headers: 5 }, TypeError],
    [{ headers: [['A']] }, TypeError],
    [{ headers: [5] }, TypeError],
    [{ limits: { handshakeTimeout: -1 } }, RangeError],
    [{ limits: { handshakeTimeout: Number.POSITIVE_INFINITY } }, RangeError],
    [{ limits: { maxHeadSize: 0 } }, RangeError],
    [{ limits: { maxMessageSize: '5' } }, RangeError],
    [{ limits: { nothing: 1 } }, TypeError],
    [{ maxRedirects: -1 }, RangeError],
    [{ maxRedirects: 1.5 }, RangeError],
    [{ maxRedirects: Number.POSITIVE_INFINITY }, RangeError],
    [{ maxRedirects: '5' }, RangeError],
    [{ fragmentSize: 0 }, RangeError],
    [{ slowConsumer: 'sometimes' }, TypeError],
    [{ messages: 'some' }, TypeError],
    [{ raw: true, messages: 'streamed' }, TypeError],
    [{ rsvBits: 0x40 }, RangeError],
    [{ raw: true, rsvBits: 0x41 }, RangeError],
    [{ raw: true, rsvBits: 0x40, extensions: [permessageDeflate()] }, TypeError],
  ];
  for (const [options, error] of cases) {
    await rejects(openSession('ws://h/', loosely(options), never), error);
  }
  for (const url of ['', 'ftp://h', 'ws://h/#x', 'ws+unix:/s:x', 'ws://%zz@h']) {
    await rejects(openSession(url, {}, never), TypeError);
  }
  await rejects(openSession(undefined as unknown as string, {}, never), TypeError);
});

test('a session is opened: what is sent and received, the facts of the connection, the close', async () => {
  const network = new FakeNetwork();
  const session = await openSession('http://me@Example.com:81/chat?x', { engineContext: network }, network.dial);
  assert.is(session.remoteAddress, 'address of example.com');
  assert.equal([session.subprotocol, session.extensions, session.request, session.tls], ['', '', undefined, undefined]);
  assert.is(session.response?.url, 'ws://example.com:81/chat?x');
  assert.is(session.response?.headers.get('upgrade'), 'websocket');
  await session.send('text');
  assert.is(await session.receive(), 'text');
  await session.send(Uint8Array.of(1, 2));
  assert.equal(await session.receive(), Uint8Array.of(1, 2));
  const { closeCode, wasClean } = await network.clock.turnUntil(session.close(3001, 'bye'));
  assert.equal([closeCode, wasClean], [3001, true]);
  assert.ok(network.isQuiet);
  assert.is(network.clock.pending, 0);
});

test('RFC 6455 §4.1: the request is what it must be, with the headers of the caller in their order', async () => {
  const network = new FakeNetwork(({ head, fields, path }) => {
    assert.match(head, /^GET \/a%20b\?c HTTP\/1\.1\r\nHost: h:8080\r\n/);
    assert.is(path, '/a%20b?c');
    assert.equal(fields.slice(-4), [
      ['X-A', '1'],
      ['x-a', '2'],
      ['Origin', 'https://o.example'],
      ['X-B', 'ü'],
    ]);
    return { accept: { origins: ['*'] } };
  });
  const headers: [string, string][] = [
    ['X-A', '1'],
    ['x-a', '2'],
    ['Origin', 'https://o.example'],
    ['X-B', 'ü'],
  ];
  const session = await openSession('ws://h:8080/a b?c', { headers, engineContext: network }, network.dial);
  const [request] = network.requests;
  assert.equal(request?.all('sec-websocket-version'), ['13']);
  assert.equal(request?.all('upgrade'), ['websocket']);
  assert.equal(request?.all('connection'), ['Upgrade']);
  assert.match(request?.all('sec-websocket-key')[0] ?? '', /^[+/0-9A-Za-z]{22}==$/);
  await network.clock.turnUntil(session.close());
});

test('headers come as pairs, as a Map, as Headers, as an object with several values of a name, from a generator', async () => {
  const forms: [headers: unknown, names: string[]][] = [
    [{ 'X-A': ['1', '2'], 'X-B': '3' }, ['X-A: 1', 'X-A: 2', 'X-B: 3']],
    [new Map([['X-A', '1']]), ['X-A: 1']],
    [
      new Headers([
        ['X-A', '1'],
        ['X-A', '2'],
      ]),
      ['x-a: 1, 2'],
    ],
    [
      (function* () {
        yield ['X-A', '1'];
        yield ['X-A', '2'];
      })(),
      ['X-A: 1', 'X-A: 2'],
    ],
    [{ 'X-A': [] }, []],
    [{}, []],
  ];
  for (const [headers, lines] of forms) {
    const network = new FakeNetwork(() => response(404));
    const opening = openSession('ws://h', loosely({ headers, engineContext: network }), network.dial);
    await rejects(opening, HandshakeError, 'ERR_WS_NOT_UPGRADED');
    const { head } = network.requests[0] as { head: string };
    assert.equal(
      head.split('\r\n').filter((line) => line.toLowerCase().startsWith('x-')),
      lines,
    );
  }
});

test('Host may be given, and the credentials of the URL are sent as Basic in UTF-8, unless a header says who it is', async () => {
  const cases: [url: string, headers: Record<string, string>, expected: string[]][] = [
    ['ws://me:secret@h/', {}, [`Basic ${btoa('me:secret')}`]],
    ['ws://j%C3%BCrgen:p%40ss@h/', {}, [`Basic ${Buffer.from('jürgen:p@ss').toString('base64')}`]],
    ['ws://me@h/', {}, [`Basic ${btoa('me:')}`]],
    ['ws://me:secret@h/', { aUTHORIZATION: 'Bearer x' }, ['Bearer x']],
    ['ws://h/', {}, []],
  ];
  for (const [url, headers, expected] of cases) {
    const network = new FakeNetwork(() => response(403));
    const all = { ...headers, Host: 'inner.example:5' };
    await rejects(openSession(url, { headers: all, engineContext: network }, network.dial), HandshakeError);
    assert.equal(network.requests[0]?.all('authorization'), expected);
    assert.equal(network.requests[0]?.all('host'), ['inner.example:5']);
    assert.not.match(network.requests[0]?.head.split('\r\n')[0] ?? '', /secret|me/);
  }
});

test('a subprotocol is chosen of those offered; one that was not is refused; none is fine unless one is required', async () => {
  const network = new FakeNetwork(() => ({ accept: { subprotocols: ['b', 'a'] } }));
  const engineContext = network;
  const session = await openSession('ws://h', { subprotocols: ['a', 'b'], engineContext }, network.dial);
  assert.is(session.subprotocol, 'b');
  assert.equal(network.requests[0]?.all('sec-websocket-protocol'), ['a, b']);
  const none = await openSession('ws://h', { subprotocols: ['c'], engineContext }, network.dial);
  assert.is(none.subprotocol, '');
  const required = { subprotocols: ['c'], requiresSubprotocol: true, engineContext };
  await rejects(openSession('ws://h', required, network.dial), HandshakeError, 'ERR_WS_RESPONSE_INVALID');
  const free = await openSession('ws://h', { requiresSubprotocol: true, engineContext }, network.dial);
  for (const one of [session, none, free]) await network.clock.turnUntil(one.close());
  assert.ok(network.isQuiet);
});

test('an extension is agreed on and at work; a server without it is fine', async () => {
  const deflate = permessageDeflate({ threshold: 0 });
  const network = new FakeNetwork(({ path }) => ({ accept: path === '/with' ? { extensions: [deflate] } : {} }));
  const options = { extensions: [deflate], engineContext: network };
  const session = await openSession('ws://h/with', options, network.dial);
  assert.match(session.extensions, /^permessage-deflate/);
  await session.send('a'.repeat(50_000));
  assert.is(await session.receive(), 'a'.repeat(50_000));
  assert.ok(session.counters.bytesSent < 1000);
  const without = await openSession('ws://h/', options, network.dial);
  assert.is(without.extensions, '');
  await without.send('x');
  assert.is(await without.receive(), 'x');
  for (const one of [session, without]) await network.clock.turnUntil(one.close());
});

test('an extension that cannot be opened fails the connection, and nothing is left of it', async () => {
  const failure = new Error('no memory');
  const broken = installable('broken', () => {
    throw failure;
  });
  const fine = installable('broken', () => ({}));
  const network = new FakeNetwork(() => ({ accept: { extensions: [fine] } }));
  for (const streams of [undefined, 'streams']) {
    const target = { host: 'h' } as Parameters<typeof network.join>[0];
    const own = streams === undefined ? {} : { streams: network.join(target) };
    const opening = openSession('ws://h', { extensions: [broken], engineContext: network, ...own }, network.dial);
    assert.is(await rejects(within(opening, 'the opening', 2000), Error), failure);
    await network.clock.turn(60_000);
    assert.ok(network.isQuiet);
    assert.is(network.clock.pending, 0);
  }
});

test('a raw session has frames, a streamed one bodies', async () => {
  const network = new FakeNetwork();
  const raw = await openSession('ws://h', { raw: true, engineContext: network }, network.dial);
  const frame: Frame = { fin: true, rsv1: false, rsv2: false, rsv3: false, opcode: 1, payload: toLatin1('x') };
  await raw.send(frame);
  const echoed = await raw.receive();
  assert.equal([echoed?.opcode, echoed?.payload], [1, toLatin1('x')]);
  await network.clock.turnUntil(raw.close());
  const streamed = await openSession('ws://h', { messages: 'streamed', engineContext: network }, network.dial);
  await streamed.send('hello');
  assert.is(await (await streamed.receive())?.text(), 'hello');
  await network.clock.turnUntil(streamed.close());
});

test('the limits of the connection hold: the size of a message, and of the head', async () => {
  const network = new FakeNetwork();
  const limits = { maxMessageSize: 5 };
  const session = await openSession('ws://h', { limits, engineContext: network }, network.dial);
  await session.send('123456');
  await rejects(session.receive(), LimitError, 'ERR_WS_FRAME_TOO_LONG');
  await network.clock.turnUntil(session.closed);
  for (const small of [{ maxHeadSize: 50 }, { maxHeaders: 2 }]) {
    const opening = openSession('ws://h', { limits: small, engineContext: network }, network.dial);
    await rejects(opening, HandshakeError, 'ERR_WS_HEAD_TOO_LARGE');
  }
  await network.clock.turn(60_000);
  assert.ok(network.isQuiet);
});

test('keepalive pings from the client too, and a server that is silent behind it is given up', async () => {
  const network = new FakeNetwork();
  const limits = { pingInterval: 100, pingTimeout: 50, closeTimeout: 10 };
  const session = await openSession('ws://h', { limits, engineContext: network }, network.dial);
  await network.clock.turn(350);
  assert.is(session.job.state, 'running');
  assert.ok((session.counters.roundTrip ?? -1) >= 0);
  network.lines[0]?.silence();
  const { error } = await network.clock.turnUntil(session.closed);
  assert.is((error as { code?: string }).code, 'ERR_WS_PING_TIMEOUT');
});

test('what stands behind the head in the same packets is the first of the session: messages, pings, the close frame', async () => {
  const frames = join(
    wire({ opcode: 1, payload: 'one' }),
    wire({ opcode: 9, payload: 'p' }),
    wire({ opcode: 2, payload: 'two' }),
    wire({ opcode: 8, payload: Uint8Array.of(0x0f, 0xa0) }),
  );
  for (const chunkSize of [1, 7, 64 * 1024]) {
    const network = new FakeNetwork(
      (request) =>
        toLatin1(
          'HTTP/1.1 100 Continue\r\n\r\n',
          `HTTP/1.1 101 X\r\nUpgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Accept: ${acceptKey(request.all('sec-websocket-key')[0] ?? '')}\r\n\r\n`,
          frames,
        ),
      { toClient: { chunkSize } },
    );
    const limits = { closeTimeout: 10 };
    const session = await openSession('ws://h', { engineContext: network, limits }, network.dial);
    assert.is(await session.receive(), 'one');
    assert.equal(await session.receive(), toLatin1('two'));
    assert.is(await session.receive(), undefined);
    const { closeCode } = await network.clock.turnUntil(session.closed);
    assert.is(closeCode, 4000);
  }
});

test('a refusal tells its status, its headers in their order and its body', async () => {
  const network = new FakeNetwork(() =>
    response(401, { 'WWW-Authenticate': 'Basic realm="x"', 'X-Twice': '1', 'x-twice': '2' }, 'Who are you?'),
  );
  const opening = openSession('ws://h', { engineContext: network }, network.dial);
  const { status, headers, body } = (await rejects(opening, HandshakeError, 'ERR_WS_NOT_UPGRADED')) as HandshakeError;
  assert.is(status, 401);
  assert.equal(headers.slice(1), [
    ['WWW-Authenticate', 'Basic realm="x"'],
    ['X-Twice', '1'],
    ['x-twice', '2'],
  ]);
  assert.is(new TextDecoder().decode(body), 'Who are you?');
  await network.clock.turn(0);
  assert.is(network.clock.pending, 0);
});

test('a dial that fails is told as the cause, one that tells a handshake error is told as it is', async () => {
  const cause = Object.assign(new Error('no route'), { code: 'EHOSTUNREACH' });
  const error = await rejects(
    openSession('wss://me:secret@h/x', {}, () => Promise.reject(cause)),
    HandshakeError,
  );
  assert.equal([(error as HandshakeError).code, (error as HandshakeError).status], ['ERR_WS_UNREACHABLE', 0]);
  assert.is(error.cause, cause);
  assert.is(error.message, 'Cannot connect to wss://h/x');
  const own = new HandshakeError('ERR_WS_UNREACHABLE', 'The proxy refused', 407);
  assert.is(
    await rejects(
      openSession('ws://h', {}, () => Promise.reject(own)),
      HandshakeError,
    ),
    own,
  );
  const thrower: Dial = () => {
    throw cause;
  };
  assert.is((await rejects(openSession('ws://h', {}, thrower), HandshakeError)).cause, cause);
});

test('what is passed as remoteAddress or tls by the caller is no fact of the connection', async () => {
  const network = new FakeNetwork();
  const options = loosely({ tls: { key: 'secret' }, remoteAddress: 'made up', engineContext: network });
  const session = await openSession('ws://h', options, network.dial);
  assert.is(session.tls, undefined);
  assert.is(session.remoteAddress, 'address of h');
  await network.clock.turnUntil(session.close());
});

test('the key of each handshake and the masking keys come from the random source of the engine context, each used once', async () => {
  let filled = 0;
  const random = (bytes: Uint8Array): void => {
    filled += bytes.byteLength;
    crypto.getRandomValues(bytes as Uint8Array<ArrayBuffer>);
  };
  const network = new FakeNetwork();
  const engineContext = { clock: network.clock, random };
  let sent = new Uint8Array(0);
  const keys = new Set<string>();
  for (let count = 0; count < 3; count++) {
    const session = await openSession('ws://h', { engineContext }, async (target, signal) => {
      const dialled = await network.dial(target, signal);
      network.lines.at(-1)?.toServer.set({
        tap: (chunk) => {
          sent = join(sent, chunk) as Uint8Array<ArrayBuffer>;
        },
      });
      return dialled;
    });
    for (let message = 0; message < 500; message++) await session.send('same');
    await session.flush();
    await network.clock.turnUntil(session.close());
    const head = sent.indexOf(
      13,
      sent.findIndex((_, at) => String.fromCharCode(...sent.slice(at, at + 4)) === '\r\n\r\n'),
    );
    const frames = unwire(sent.slice(head + 4));
    assert.is(frames.length, 501);
    for (const { maskingKey } of frames) keys.add(maskingKey ?? 'none');
    sent = new Uint8Array(0);
  }
  assert.is(keys.size, 1503, 'one for each frame of all connections');
  assert.not(keys.has('none'));
  assert.is(new Set(network.requests.map((request) => request.all('sec-websocket-key')[0])).size, 3);
  assert.ok(filled >= 3 * 16 + 1503 * 4, `${filled} bytes of entropy`);
});

test('a random source that throws is told before anything is dialled', async () => {
  const failure = new Error('no entropy');
  const engineContext = {
    random: (): void => {
      throw failure;
    },
  };
  assert.is(await rejects(openSession('ws://h', { engineContext }, never), Error), failure);
});

test('nothing has escaped in all of this', async () => {
  await turns(5);
  assert.equal(escapes.seen, []);
});

test.run();
