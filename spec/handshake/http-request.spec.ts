// Heads of requests from bytes, in every split: what is one, what is none, and how the end of a body is told.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { findRequestFraming, HttpRequest, type HttpRequestHead } from '../../lib/handshake/http-request.ts';
import { defaultLimits, type HandshakeLimits } from '../../lib/limits.ts';
import { fromLatin1, latin1 } from '../support/deliver-response.ts';
import { Random } from '../support/random.ts';

type Limits = Pick<HandshakeLimits, 'maxHeadSize' | 'maxHeaders'>;

interface Seen {
  readonly head: { method: string; url: string; httpVersion: string; headers: [string, string][] } | undefined;
  readonly fault: [status: number, message: string] | undefined;
  readonly isDone: boolean;
  /** What came behind the head. */
  readonly rest: string;
}

function see(request: HttpRequest, rest: string): Seen {
  const { head, fault, isDone } = request;
  return {
    head: head && {
      method: head.method,
      url: head.url,
      httpVersion: head.httpVersion,
      headers: [...head.headers] as [string, string][],
    },
    fault: fault && [fault.status, fault.message],
    isDone,
    rest: isDone ? rest : '',
  };
}

function readOnce(chunks: readonly Uint8Array[], limits: Limits): Seen {
  const request = new HttpRequest(limits);
  let rest = '';
  for (const chunk of chunks) {
    const own = chunk.slice();
    const end = request.isDone ? 0 : request.push(own);
    rest += fromLatin1(own.subarray(end));
    // What is kept of it must be a copy.
    own.fill(0x58);
  }
  return see(request, rest);
}

/** Reads a request in every way that it may be cut; gives what came of it, and of the bytes behind it. */
function read(text: string, limits: Limits = defaultLimits): Seen {
  const bytes = latin1(text);
  const random = new Random();
  const first = readOnce([bytes], limits);
  const cuts = [1, 1, 2, 7, 60, 3000].map((longest) => random.split(bytes, longest));
  if (bytes.byteLength < 200) {
    for (let at = 1; at < bytes.byteLength; at++) cuts.push([bytes.subarray(0, at), bytes.subarray(at)]);
  }
  for (const chunks of cuts) {
    const seen = readOnce(chunks, limits);
    const way = chunks.slice(0, 50).map((chunk) => chunk.byteLength);
    // A fault is there with the byte that makes it, so what counts as behind it depends on the cut; nobody reads it.
    if (first.fault === undefined) assert.equal(seen, first, way.join(' '));
    else assert.equal([seen.fault, seen.head], [first.fault, undefined], way.join(' '));
  }
  return first;
}

function statusOf(text: string, limits?: Limits): number | undefined {
  const { fault, head, isDone } = read(text, limits);
  assert.ok(isDone, `it is judged: ${JSON.stringify(text.slice(0, 60))}`);
  assert.is(fault === undefined, head !== undefined);
  return fault?.[0];
}

// --- Heads -----------------------------------------------------------------------------------------------------------

const test = suite('http request · RFC 9112 §3, §5');

test('a head is read, and what comes behind it is not touched', () => {
  const seen = read('GET /a?b=c HTTP/1.1\r\nHost: x\r\nX-Empty:\r\nA: \t1 2\t \r\nA:\xe9\r\n\r\n\x81\x00rest\r\n');
  assert.equal(seen.head, {
    method: 'GET',
    url: '/a?b=c',
    httpVersion: '1.1',
    headers: [
      ['Host', 'x'],
      ['X-Empty', ''],
      ['A', '1 2'],
      ['A', '\xe9'],
    ],
  });
  assert.is(seen.rest, '\x81\x00rest\r\n');
});

test('a head without an end is waited for', () => {
  for (const text of [
    '',
    '\r\n',
    'G',
    'GET / HTTP/1.1\r\n',
    'GET / HTTP/1.1\r\nHost: x\r\n',
    'GET / HTTP/1.1\r\nA: b\r',
  ]) {
    const { isDone, head, fault } = read(text);
    assert.equal([isDone, head, fault], [false, undefined, undefined], JSON.stringify(text));
  }
});

for (const line of [
  'OPTIONS * HTTP/1.1',
  'GET http://example.com/a HTTP/1.1',
  'GET HTTPS://example.com HTTP/1.1',
  'CONNECT example.com:443 HTTP/1.1',
  "M!#$%&'*+-.^_`|~09 / HTTP/1.1",
  'GET /~!$&()*+,;=:@%41[]{}|\\^"<> HTTP/1.1',
  'GET // HTTP/1.1',
  'POST / HTTP/1.0',
  'GET / HTTP/1.9',
]) {
  test(`a request line is ${line}`, () => {
    const { head } = read(`${line}\r\n\r\n`);
    assert.is(`${head?.method} ${head?.url} HTTP/${head?.httpVersion}`, line);
  });
}

test('RFC 9112 §2.2: one empty line before the request line is passed over, two are not', () => {
  assert.is(read('\r\nGET / HTTP/1.1\r\n\r\n').head?.method, 'GET');
  assert.is(statusOf('\r\n\r\nGET / HTTP/1.1\r\n\r\n'), 400);
});

for (const [what, line] of [
  ['is empty behind an empty line', '\r\n'],
  ['has no version: HTTP/0.9', 'GET /'],
  ['has no target', 'GET  HTTP/1.1'],
  ['has only a method', 'GET'],
  ['has two spaces', 'GET  / HTTP/1.1'],
  ['has a tab for a space', 'GET\t/ HTTP/1.1'],
  ['has a space at its end', 'GET / HTTP/1.1 '],
  ['begins with a space', ' GET / HTTP/1.1'],
  ['has a target with a space', 'GET /a b HTTP/1.1'],
  ['has a target with a tab', 'GET /a\tb HTTP/1.1'],
  ['has a target with DEL', 'GET /a\x7f HTTP/1.1'],
  ['has a target with a byte over 0x7F', 'GET /caf\xe9 HTTP/1.1'],
  ['has a target of no form', 'GET a HTTP/1.1'],
  ['has a target of another scheme', 'GET ftp://a/ HTTP/1.1'],
  ['has * for another method than OPTIONS', 'GET * HTTP/1.1'],
  ['has CONNECT with a path', 'CONNECT /a HTTP/1.1'],
  ['has a target without a host', 'GET http:// HTTP/1.1'],
  ['has a method that is no token', 'G@T / HTTP/1.1'],
  ['has a version in lower case', 'GET / http/1.1'],
  ['has a version of one number', 'GET / HTTP/1'],
  ['has a version of three digits', 'GET / HTTP/1.10'],
  ['has a version with a comma', 'GET / HTTP/1,1'],
  ['has a version of letters', 'GET / HTTP/1.x'],
  ['is a status line', 'HTTP/1.1 200 OK'],
  ['is the beginning of TLS', '\x16\x03\x01\x02'],
] as const) {
  test(`400 for a request line that ${what}`, () => {
    assert.is(statusOf(`${line}\r\n\r\n`), 400);
  });
}

for (const version of ['HTTP/2.0', 'HTTP/0.9', 'HTTP/3.0', 'HTTP/9.9']) {
  test(`505 for ${version}`, () => assert.is(statusOf(`PRI * ${version}\r\n\r\nSM\r\n\r\n`), 505));
}

for (const [what, field] of [
  ['has no colon', 'Host'],
  ['has no name', ': x'],
  ['has a space before its colon', 'Host : x'],
  ['has a tab before its colon', 'Host\t: x'],
  ['goes on with the line before it (obs-fold)', ' folded'],
  ['goes on with a tab', '\tfolded: x'],
  ['has a name that is no token', 'Ho(st: x'],
  ['has a name with a byte over 0x7F', 'H\xf6st: x'],
  ['has NUL', 'Host: a\0b'],
  ['has a bare CR', 'Host: a\rb: c'],
  ['ends in two CR', 'Host: a\r'],
  ['has a bare LF', 'Host: a\nb: c'],
] as const) {
  test(`400 for a field line that ${what}`, () => {
    assert.is(statusOf(`GET / HTTP/1.1\r\nA: b\r\n${field}\r\n\r\n`), 400);
  });
}

test('400 for lines that end in LF alone: two recipients could see different lines', () => {
  assert.is(statusOf('GET / HTTP/1.1\nHost: x\n\n'), 400);
  assert.is(statusOf('GET / HTTP/1.1\r\nHost: x\n\r\n'), 400);
  assert.is(statusOf('GET / HTTP/1.1\r\nHost: x\r\n\n'), 400);
  assert.is(statusOf('\nGET / HTTP/1.1\r\n\r\n'), 400);
});

test('names of fields are no keys of an object', () => {
  const { head } = read('GET / HTTP/1.1\r\n__proto__: a\r\nconstructor: b\r\nhasOwnProperty: c\r\n\r\n');
  assert.is(head?.headers.length, 3);
});

// --- Limits ----------------------------------------------------------------------------------------------------------

test('431 with the first byte over maxHeadSize, line ends counted; a head of exactly that size is read', () => {
  const text = 'GET /abc HTTP/1.1\r\nHost: x\r\n\r\n';
  assert.is(statusOf(text, { maxHeadSize: text.length, maxHeaders: 1 }), undefined);
  for (let size = 1; size < text.length; size++) {
    assert.is(statusOf(text, { maxHeadSize: size, maxHeaders: 1 }), 431, String(size));
  }
});

test('431 for the first field over maxHeaders', () => {
  const fields = (count: number): string => 'A: b\r\n'.repeat(count);
  assert.is(statusOf(`GET / HTTP/1.1\r\n${fields(3)}\r\n`, { maxHeadSize: 1000, maxHeaders: 3 }), undefined);
  assert.is(statusOf(`GET / HTTP/1.1\r\n${fields(4)}\r\n`, { maxHeadSize: 1000, maxHeaders: 3 }), 431);
});

test('a line without an end is judged when it is too long, not when it ends', () => {
  const request = new HttpRequest({ maxHeadSize: 1000, maxHeaders: 10 });
  const chunk = new Uint8Array(100).fill(0x41);
  for (let count = 0; count < 10; count++) assert.is(request.push(chunk), 100);
  assert.is(request.fault, undefined);
  request.push(chunk);
  assert.is(request.fault?.status, 431);
});

test('a head that comes byte by byte costs no more than in proportion to its length', () => {
  const limits = { maxHeadSize: 64 * 1024 * 1024, maxHeaders: 10_000_000 };
  const cost = (bytes: number): number => {
    const text = latin1(`GET / HTTP/1.1\r\n${'A: b\r\n'.repeat(bytes / 6)}B: ${'x'.repeat(bytes)}\r\n\r\n`);
    const start = performance.now();
    const request = new HttpRequest(limits);
    for (let index = 0; index < text.byteLength; index++) request.push(text.subarray(index, index + 1));
    assert.ok(request.head !== undefined);
    return performance.now() - start;
  };
  cost(60_000);
  // The least of several: others have the machine for a while too.
  const small = Math.min(cost(60_000), cost(60_000), cost(60_000));
  const large = Math.min(...Array.from({ length: 5 }, () => cost(600_000)));
  // Quadratic would be a hundred times.
  assert.ok(large < Math.max(small, 1) * 50, `${small} ms, then ${large} ms`);
});

test('whether anything has come is known, for who waits for the next request', () => {
  const request = new HttpRequest(defaultLimits);
  request.push(new Uint8Array(0));
  assert.is(request.hasBegun, false);
  request.push(latin1('\r'));
  assert.is(request.hasBegun, true);
});

// --- Bodies ----------------------------------------------------------------------------------------------------------

function framing(fields: string, version = '1.1'): unknown {
  const request = new HttpRequest(defaultLimits);
  request.push(latin1(`POST / HTTP/${version}\r\n${fields}\r\n`));
  const found = findRequestFraming(request.head as HttpRequestHead);
  return typeof found === 'object' ? `refused with ${found.status}` : found;
}

for (const [what, fields, expected] of [
  ['no field', '', 0],
  ['a length', 'Content-Length: 42\r\n', 42],
  ['a length of zeros', 'Content-Length: 000\r\n', 0],
  ['the same length twice', 'Content-Length: 42\r\nContent-Length: 42\r\n', 42],
  ['the same length twice in a list', 'Content-Length: 42 ,\t42\r\n', 42],
  ['chunked', 'Transfer-Encoding: chunked\r\n', 'chunked'],
  ['chunked in upper case', 'Transfer-Encoding: CHUNKED\r\n', 'chunked'],
  ['chunked with an empty element', 'Transfer-Encoding: , chunked\r\n', 'chunked'],
] as const) {
  test(`RFC 9112 §6.3: ${what} is ${expected}`, () => assert.is(framing(fields), expected));
}

for (const [what, fields, status] of [
  ['two lengths', 'Content-Length: 42\r\nContent-Length: 43\r\n', 400],
  ['two ways to write a length', 'Content-Length: 42\r\nContent-Length: 042\r\n', 400],
  ['two lengths in a list', 'Content-Length: 42, 43\r\n', 400],
  ['a list with an empty element', 'Content-Length: 42,\r\n', 400],
  ['no digits', 'Content-Length:\r\n', 400],
  ['a sign', 'Content-Length: +42\r\n', 400],
  ['a minus', 'Content-Length: -1\r\n', 400],
  ['hex', 'Content-Length: 0x10\r\n', 400],
  ['an exponent', 'Content-Length: 1e3\r\n', 400],
  ['a fraction', 'Content-Length: 1.0\r\n', 400],
  ['a space inside', 'Content-Length: 4 2\r\n', 400],
  ['an underscore', 'Content-Length: 4_2\r\n', 400],
  ['a vertical tab', 'Content-Length: \v42\r\n', 400],
  ['a no-break space', 'Content-Length: 42\xa0\r\n', 400],
  ['digits of another script', 'Content-Length: \xb2\r\n', 400],
  ['a length that no number has', `Content-Length: ${'9'.repeat(30)}\r\n`, 413],
  ['a length and chunked', 'Content-Length: 42\r\nTransfer-Encoding: chunked\r\n', 400],
  ['chunked and a length', 'Transfer-Encoding: chunked\r\nContent-Length: 0\r\n', 400],
  ['chunked twice', 'Transfer-Encoding: chunked, chunked\r\n', 400],
  ['chunked twice in two fields', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n', 400],
  ['another coding behind chunked', 'Transfer-Encoding: chunked, identity\r\n', 400],
  ['identity', 'Transfer-Encoding: identity\r\n', 400],
  ['an unknown coding alone', 'Transfer-Encoding: xchunked\r\n', 400],
  ['a coding that is no token', 'Transfer-Encoding: \vchunked\r\n', 400],
  ['a quoted coding', 'Transfer-Encoding: "chunked"\r\n', 400],
  ['chunked with a parameter', 'Transfer-Encoding: chunked;a=b\r\n', 400],
  ['an empty coding', 'Transfer-Encoding:\r\n', 400],
  ['gzip below chunked', 'Transfer-Encoding: gzip, chunked\r\n', 501],
] as const) {
  test(`RFC 9112 §6.3: ${what} is refused with ${status}`, () => assert.is(framing(fields), `refused with ${status}`));
}

test('RFC 9112 §6.1: Transfer-Encoding in HTTP/1.0 is refused', () => {
  assert.is(framing('Transfer-Encoding: chunked\r\n', '1.0'), 'refused with 400');
});

test.run();
