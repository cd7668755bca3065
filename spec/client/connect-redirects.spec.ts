// Redirects over a network in memory: followed where that is asked for, bounded, and nothing goes along that must not.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openSession } from '../../lib/client/connect.ts';
import { HandshakeError } from '../../lib/error.ts';
import { rejects } from '../support/check.ts';
import { FakeNetwork, type Responder, response } from '../support/fake-network.ts';
import { watchEscapes } from '../support/pair.ts';
import { turns } from '../support/until.ts';

const test = suite('connect · redirects');

const escapes = watchEscapes();

/** A network where each path of a table redirects to a URL; any other accepts. */
function redirecting(table: Readonly<Record<string, string>>, status = 302): FakeNetwork {
  return new FakeNetwork(({ path }) => {
    const location = table[path];
    return location === undefined ? { accept: {} } : response(status, { Location: location }, 'elsewhere');
  });
}

async function quiet(network: FakeNetwork): Promise<void> {
  await network.clock.turn(0);
  assert.ok(network.isQuiet, 'no connection is left');
  assert.is(network.clock.pending, 0, 'no timer is left');
}

test('none is followed unless that is asked for', async () => {
  const network = redirecting({ '/': '/x' });
  const opening = openSession('ws://h', { engineContext: network }, network.dial);
  const error = (await rejects(opening, HandshakeError, 'ERR_WS_NOT_UPGRADED')) as HandshakeError;
  assert.is(error.status, 302);
  assert.is(network.targets.length, 1);
  await quiet(network);
});

test('301, 302, 303, 307 and 308 are followed, each time over a connection of its own with a key of its own', async () => {
  for (const status of [301, 302, 303, 307, 308]) {
    const network = redirecting({ '/': '/1', '/1': '2?x', '/2?x': 'ws://other:81/3' }, status);
    const session = await openSession('ws://h', { maxRedirects: 3, engineContext: network }, network.dial);
    assert.equal(
      network.targets.map(({ href }) => href),
      ['ws://h/', 'ws://h/1', 'ws://h/2?x', 'ws://other:81/3'],
    );
    assert.is(session.response?.url, 'ws://other:81/3');
    assert.is(session.remoteAddress, 'address of other');
    const keys = network.requests.map((request) => request.all('sec-websocket-key')[0]);
    assert.is(new Set(keys).size, 4);
    assert.equal(network.requests.at(-1)?.all('host'), ['other:81']);
    assert.equal(
      network.lines.map((line) => line.isClosed),
      [true, true, true, false],
      'the connections before are closed',
    );
    await network.clock.turnUntil(session.close());
    await quiet(network);
  }
});

test('a loop ends with the refusal once as many were followed as may be', async () => {
  const network = redirecting({ '/a': '/b', '/b': '/a' });
  for (const maxRedirects of [1, 2, 5]) {
    network.targets.length = 0;
    const opening = openSession('ws://h/a', { maxRedirects, engineContext: network }, network.dial);
    const error = (await rejects(opening, HandshakeError, 'ERR_WS_NOT_UPGRADED')) as HandshakeError;
    assert.is(error.status, 302);
    assert.is(network.targets.length, maxRedirects + 1);
  }
  await quiet(network);
});

test('wss never leads to ws, on no hop', async () => {
  const network = redirecting({ '/': '/x', '/x': 'ws://h/y' });
  const opening = openSession('wss://h', { maxRedirects: 9, engineContext: network }, network.dial);
  await rejects(opening, HandshakeError, 'ERR_WS_REDIRECT');
  assert.is(network.targets.length, 2);
  const upThenDown = redirecting({ '/': 'wss://h/x', '/x': 'ws://h/' });
  const engineContext = upThenDown;
  await rejects(
    openSession('ws://h', { maxRedirects: 9, engineContext }, upThenDown.dial),
    HandshakeError,
    'ERR_WS_REDIRECT',
  );
  await quiet(network);
  await quiet(upThenDown);
});

test('a Location that is missing leaves the refusal; one that is twice there, garbage or no WebSocket is refused', async () => {
  const cases: [answer: string, code: string][] = [
    [response(302), 'ERR_WS_NOT_UPGRADED'],
    [response(304, { Location: '/x' }), 'ERR_WS_NOT_UPGRADED'],
    [response(300, { Location: '/x' }), 'ERR_WS_NOT_UPGRADED'],
    [response(302, { Location: '/x', location: '/y' }), 'ERR_WS_REDIRECT'],
    [response(302, { Location: 'ftp://h/x' }), 'ERR_WS_REDIRECT'],
    [response(302, { Location: 'http://[' }), 'ERR_WS_REDIRECT'],
    [response(302, { Location: 'ws+unix:/run/docker.sock:/x' }), 'ERR_WS_REDIRECT'],
    ['HTTP/1.1 302 X\r\nLocation: /x\r\nA\r\n\r\n', 'ERR_WS_RESPONSE_MALFORMED'],
    ['HTTP/1.1 302 X\r\nLocation: /x\r\n y\r\n\r\n', 'ERR_WS_RESPONSE_MALFORMED'],
    [`HTTP/1.1 302 X\r\nLocation: /x\r\nA: ${'a'.repeat(20_000)}\r\n\r\n`, 'ERR_WS_HEAD_TOO_LARGE'],
    ['HTTP/1.0 302 X\r\nLocation: /x\r\n\r\n', 'ERR_WS_RESPONSE_MALFORMED'],
  ];
  for (const [answer, code] of cases) {
    const network = new FakeNetwork(({ path }) => (path === '/' ? answer : { accept: {} }));
    const opening = openSession('ws://h', { maxRedirects: 5, engineContext: network }, network.dial);
    await rejects(opening, HandshakeError, code);
    assert.is(network.targets.length, 1, answer.slice(0, 60));
    await quiet(network);
  }
});

test('credentials, cookies and Host go along to the same host, port and scheme only, and do not come back later', async () => {
  const secrets = ['authorization', 'cookie', 'proxy-authorization'];
  const headers = {
    Authorization: 'Bearer x',
    Cookie: 'a=b',
    'Proxy-Authorization': 'y',
    'X-Kept': '1',
    Host: 'inner',
  };
  const network = redirecting({
    '/': '/same',
    '/same': 'ws://other/1',
    '/1': 'ws://h/back',
    '/back': 'ws://h:81/port',
  });
  const session = await openSession('ws://h', { headers, maxRedirects: 9, engineContext: network }, network.dial);
  const seen = network.requests.map((request) => secrets.filter((name) => request.all(name).length > 0).length);
  assert.equal(seen, [3, 3, 0, 0, 0]);
  assert.equal(
    network.requests.map((request) => request.all('host')[0]),
    ['inner', 'inner', 'other', 'h', 'h:81'],
  );
  for (const request of network.requests) assert.equal(request.all('x-kept'), ['1']);
  await network.clock.turnUntil(session.close());
});

test('the credentials of the URL are sent to its own server and not on; credentials that an answer makes up are not sent', async () => {
  const network = redirecting({ '/': '/same', '/same': 'ws://evil:creds@other/1', '/1': 'ws://evil:creds@other/2' });
  const session = await openSession('ws://me:secret@h', { maxRedirects: 9, engineContext: network }, network.dial);
  const expected = [`Basic ${btoa('me:secret')}`];
  assert.equal(
    network.requests.map((request) => request.all('authorization')),
    [expected, expected, [], []],
  );
  await network.clock.turnUntil(session.close());
});

test('the subprotocols and the extensions are offered on each hop', async () => {
  const network = redirecting({ '/': '/1' });
  const options = { subprotocols: ['a', 'b'], maxRedirects: 1, engineContext: network };
  const session = await openSession('ws://h', options, network.dial);
  for (const request of network.requests) assert.equal(request.all('sec-websocket-protocol'), ['a, b']);
  await network.clock.turnUntil(session.close());
});

test('what a dial tells is no answer of the server: it redirects nobody', async () => {
  const headers: [string, string][] = [['Location', 'ws://evil/']];
  const refusal = new HandshakeError('ERR_WS_NOT_UPGRADED', 'The proxy refused', 302, { headers });
  let dials = 0;
  const opening = openSession('wss://h', { maxRedirects: 9 }, () => {
    dials++;
    return Promise.reject(refusal);
  });
  assert.is(await rejects(opening, HandshakeError), refusal);
  assert.is(dials, 1);
});

test('one deadline is for all hops together', async () => {
  const network = redirecting({ '/': '/' });
  const limits = { handshakeTimeout: 1000 };
  const slow: typeof network.dial = async (target, signal) => {
    await new Promise((resolve) => network.clock.setTimeout(() => resolve(undefined), 300));
    return network.dial(target, signal);
  };
  const opening = openSession('ws://h', { limits, maxRedirects: 1000, engineContext: network }, slow);
  const failed = rejects(opening, HandshakeError, 'ERR_WS_HANDSHAKE_TIMEOUT');
  await network.clock.turn(1000);
  await network.clock.turn(300);
  await failed;
  assert.is(network.targets.length, 4);
  await quiet(network);
});

test('a redirect whose body does not end is told at the deadline, and not followed any more', async () => {
  const network = new FakeNetwork(() => 'HTTP/1.1 302 X\r\nLocation: /x\r\n\r\nforever');
  const opening = openSession('ws://h', { maxRedirects: 5, engineContext: network }, network.dial);
  const error = await rejects(network.clock.turnUntil(opening), HandshakeError, 'ERR_WS_NOT_UPGRADED');
  assert.is((error as HandshakeError).status, 302);
  assert.is(network.targets.length, 1);
  assert.is(network.clock.now(), 10_000);
  await quiet(network);
});

test('an abort between two hops ends it', async () => {
  const controller = new AbortController();
  const respond: Responder = ({ path }) => {
    if (path === '/1') controller.abort('enough');
    return response(302, { Location: `/${Number(path.slice(1)) + 1}` });
  };
  const network = new FakeNetwork(respond);
  const { signal } = controller;
  const opening = openSession('ws://h/0', { signal, maxRedirects: 9, engineContext: network }, network.dial);
  let reason: unknown;
  await opening.catch((error) => {
    reason = error;
  });
  assert.is(reason, 'enough');
  assert.is(network.targets.length, 2);
  await quiet(network);
});

test('nothing has escaped in all of this', async () => {
  await turns(5);
  assert.equal(escapes.seen, []);
});

test.run();
