// Whether and where a redirect leads: every status, every kind of Location, and what may go along.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { nextTarget, type Redirect } from '../../lib/client/redirect.ts';
import { parseTarget } from '../../lib/client/target.ts';
import { type ErrorCode, HandshakeError } from '../../lib/error.ts';
import { throws } from '../support/check.ts';

const test = suite('redirect');

type Fields = readonly (readonly [string, string])[];

const SECRETS: Fields = [
  ['Authorization', 'Basic eDp5'],
  ['cookie', 'a=b'],
  ['COOKIE2', 'c=d'],
  ['Proxy-Authorization', 'x'],
  ['Host', 'inner.example'],
];
const HARMLESS: Fields = [
  ['Origin', 'https://example.com'],
  ['X-One', '1'],
  ['x-one', '2'],
  ['User-Agent', 'me'],
];
const ALL: Fields = [...SECRETS, ...HARMLESS];

function refusal(status: number, headers: Fields, code: ErrorCode = 'ERR_WS_NOT_UPGRADED'): HandshakeError {
  return new HandshakeError(code, 'Refused', status, { headers, body: new Uint8Array([1]) });
}

function next(from: string, location: string, headers: Fields = ALL, status = 302): Redirect | undefined {
  return nextTarget(refusal(status, [['Location', location]]), parseTarget(from), headers);
}

function leads(from: string, location: string, to: string): void {
  assert.is(next(from, location)?.target.href, to, `${from} and ${location}`);
}

function isRefused(from: string, location: string, why: RegExp): void {
  throws(() => next(from, location), HandshakeError, why);
  throws(() => next(from, location), HandshakeError, 'ERR_WS_REDIRECT');
}

test('301, 302, 303, 307 and 308 redirect, no other status does', () => {
  for (let status = 100; status < 600; status++) {
    const redirect = next('ws://a/', 'ws://a/x', [], status);
    assert.is(redirect !== undefined, [301, 302, 303, 307, 308].includes(status), `${status}`);
  }
});

test('only the answer of a server redirects: neither one that was malformed, too large, incomplete or late, nor what is none', () => {
  const codes: ErrorCode[] = [
    'ERR_WS_RESPONSE_MALFORMED',
    'ERR_WS_HEAD_TOO_LARGE',
    'ERR_WS_RESPONSE_INCOMPLETE',
    'ERR_WS_HANDSHAKE_TIMEOUT',
    'ERR_WS_UNREACHABLE',
    'ERR_WS_RESPONSE_INVALID',
    'ERR_WS_REDIRECT',
  ];
  for (const code of codes) {
    assert.is(nextTarget(refusal(302, [['Location', '/x']], code), parseTarget('ws://a/'), []), undefined, code);
  }
});

test('without a Location nobody is led anywhere: the refusal stays what it is', () => {
  assert.is(nextTarget(refusal(302, []), parseTarget('ws://a/'), []), undefined);
  assert.is(nextTarget(refusal(302, [['Locations', '/x']]), parseTarget('ws://a/'), []), undefined);
});

test('Location is found in any case, and may be relative', () => {
  const from = parseTarget('wss://a:1/b/c?d');
  assert.is(nextTarget(refusal(308, [['lOCATION', '/x']]), from, [])?.target.href, 'wss://a:1/x');
  leads('ws://a/b/c', 'd?e', 'ws://a/b/d?e');
  leads('ws://a/b/c', '../d', 'ws://a/d');
  leads('ws://a/b/c?d', '?e', 'ws://a/b/c?e');
  leads('ws://a/b/c', '//b.example/x', 'ws://b.example/x');
  leads('wss://a/b', '', 'wss://a/b');
  leads('ws://a/', 'http://b:81/', 'ws://b:81/');
  leads('ws://a/', 'https://b/', 'wss://b/');
  leads('ws://a/', 'wss://a/', 'wss://a/');
});

test('Location twice is refused, twice the same too: two recipients could follow two ways', () => {
  for (const other of ['/y', '/x']) {
    const error = refusal(302, [
      ['Location', '/x'],
      ['Set-Cookie', 'a'],
      ['location', other],
    ]);
    throws(() => nextTarget(error, parseTarget('ws://a/'), []), HandshakeError, 'ERR_WS_REDIRECT');
  }
});

test('it never leads from wss to ws', () => {
  for (const location of ['ws://a/', 'http://a/', 'ws://a:443/', 'HTTP://b', 'ws:b'])
    isRefused('wss://a/', location, /wss: to ws:/);
});

test('where no WebSocket can be it does not lead', () => {
  const wrong = [
    'ftp://a/',
    'javascript:alert(1)',
    'file:///etc/passwd',
    'data:,x',
    'mailto:a@b',
    'ws://',
    'ws://a:99999/',
  ];
  for (const location of [...wrong, 'http://[', 'about:blank', '/x#y', 'ws://me:%zz@a/'])
    isRefused('ws://a/', location, /no WebSocket/);
});

test('bytes that are no ASCII are percent-encoded, and never a line end', () => {
  leads('ws://a/', '/\u00fc', 'ws://a/%C3%BC');
  leads('ws://a/', '/a b\t"', 'ws://a/a%20b%22');
});

test('no socket of the file system is reached by a redirect from the network, nor the network from there, nor another socket', () => {
  for (const location of ['ws+unix:/run/docker.sock:/x', 'wss+unix:/run/docker.sock']) {
    isRefused('ws://a/', location, /another kind of connection/);
  }
  isRefused('ws://localhost/', 'ws+unix:/run/docker.sock:/', /another kind of connection/);
  for (const location of ['ws://localhost/x', 'http://a/', 'ws+unix:/run/other.sock:/x']) {
    isRefused('ws+unix:/run/a.sock:/x', location, /another kind of connection/);
  }
});

test('on a socket of the file system a redirect leads to another path of it, absolute or relative', () => {
  for (const location of ['ws+unix:/run/a.sock:/y?z', '/y?z', 'y?z', './y?z']) {
    const redirect = next('ws+unix:/run/a.sock:/x', location);
    assert.is(redirect?.target.socketPath, '/run/a.sock', location);
    assert.is(redirect?.target.path, '/y?z', location);
    assert.equal(redirect?.headers, ALL);
  }
  const odd = next('wss+unix:./a%3Ab c%23.sock:/x?y', '?z');
  assert.equal([odd?.target.socketPath, odd?.target.path, odd?.target.isSecure], ['./a:b c#.sock', '/x?z', true]);
  for (const location of ['//evil.example/x', '\\\\evil.example/x']) {
    isRefused('ws+unix:/run/a.sock:/x', location, /another kind of connection/);
  }
});

test('everything goes along to the same host, port and scheme', () => {
  for (const [from, location] of [
    ['ws://a/', '/x'],
    ['ws://a/', 'ws://A:80/x'],
    ['wss://a:8443/', 'https://a:8443/x'],
  ] as const) {
    assert.equal(next(from, location)?.headers, ALL, location);
  }
});

test('RFC 9110 §15.4: credentials, cookies and Host go to no other host, port or scheme, whatever their case', () => {
  for (const [from, location] of [
    ['ws://a/', 'ws://b/'],
    ['ws://a/', 'ws://a:81/'],
    ['ws://a/', 'wss://a/'],
    ['ws://a:1/', 'ws://a:2/'],
    ['ws://a/', 'ws://a.evil.example/'],
    ['ws://a/', 'ws://sub.a/'],
    ['ws://a/', 'ws://a./'],
    ['ws://a/', '//a@b/'],
  ] as const) {
    assert.equal(next(from, location)?.headers, HARMLESS, location);
  }
});

test('the credentials of the URL that was redirected, and those that the answer makes up, are nowhere in the target', () => {
  for (const location of ['/x', 'ws://evil:creds@a/', 'ws://me:secret@b/']) {
    const target = next('ws://me:secret@a/', location)?.target;
    assert.is(target?.credentials, undefined);
    assert.not.match(target?.href ?? '', /secret|creds/);
  }
});

test('the error of a redirect that is refused has the answer', () => {
  try {
    next('wss://a/', 'ws://a/');
    assert.unreachable();
  } catch (error) {
    const { status, headers, body } = error as HandshakeError;
    assert.equal([status, headers, [...body]], [302, [['Location', 'ws://a/']], [1]]);
  }
});

test.run();
