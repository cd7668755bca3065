// The head of an opening handshake's request against the rules that hold for every server: RFC 6455 §4.2.1. What each rule refuses in detail is in spec/handshake/server-handshake.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { RequestHead } from '../../lib/handshake/http-head.ts';
import { checkRequest, fault, invalid, isFault } from '../../lib/handshake/opening-request.ts';
import { resolveLimits } from '../../lib/limits.ts';

const test = suite('opening-request');

const limits = resolveLimits();
const good: readonly (readonly [string, string])[] = [
  ['Host', 'example.com'],
  ['Upgrade', 'websocket'],
  ['Connection', 'keep-alive, Upgrade'],
  ['Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZQ=='],
  ['Sec-WebSocket-Version', '13'],
];

function head(change: Partial<Record<string, string | undefined>> = {}, parts: Partial<RequestHead> = {}): RequestHead {
  const kept = good.filter(([name]) => !(name in change));
  const changed = Object.entries(change).filter((pair): pair is [string, string] => pair[1] !== undefined);
  return { method: 'GET', url: '/', headers: [...kept, ...changed], ...parts };
}

/** The status of what is wrong; 0 when nothing is. */
function statusOf(request: unknown, given = limits): number {
  const checked = checkRequest(request as RequestHead, given);
  return isFault(checked) ? checked.status : 0;
}

test('a request that keeps every rule is given as it was read, once', () => {
  let reads = 0;
  const request = {
    ...head(),
    get headers() {
      reads++;
      return good;
    },
  };
  const checked = checkRequest(request, limits);
  assert.not(isFault(checked));
  if (isFault(checked)) return;
  assert.equal(
    [checked.method, checked.httpVersion, checked.fields.get('host'), reads],
    ['GET', '1.1', 'example.com', 1],
  );
});

test('each rule has its status', () => {
  const table: [RequestHead, number][] = [
    [head({}, { httpVersion: '1.0' }), 400],
    [head({}, { httpVersion: '2.0' }), 400],
    [head({}, { method: 'POST' }), 405],
    [head({ Host: undefined }), 400],
    [head({ Upgrade: 'h2c' }), 426],
    [head({ Upgrade: undefined }), 426],
    [head({ Connection: 'close' }), 400],
    [head({ 'Content-Length': '1' }), 400],
    [head({ 'Content-Length': '0' }), 0],
    [head({ 'Transfer-Encoding': 'chunked' }), 400],
    [head({ 'Sec-WebSocket-Version': '8' }), 426],
    [head({ 'Sec-WebSocket-Version': undefined }), 400],
    [head({ 'Sec-WebSocket-Key': 'c2hvcnQ=' }), 400],
    [head({ 'X-Bad': 'a\u0000b' }), 400],
    [head({ 'X Bad': 'a' }), 400],
    [head({}, { url: '/a b' }), 400],
    [head({}, { url: '' }), 400],
    [head({ 'X-Long': 'x'.repeat(limits.maxHeadSize) }), 431],
  ];
  for (const [request, status] of table) assert.is(statusOf(request), status, JSON.stringify(request).slice(0, 200));
});

test('where several rules are broken the answer is that of the first: the method before the version', () => {
  assert.is(statusOf(head({ 'Sec-WebSocket-Version': '8', Upgrade: undefined }, { method: 'PUT' })), 405);
  assert.is(statusOf(head({ 'Sec-WebSocket-Version': '8', Upgrade: undefined })), 426);
});

test('a fault has the fields of the request where they could be read', () => {
  const checked = checkRequest(head({ Upgrade: undefined, Origin: 'https://a.example' }), limits);
  assert.ok(isFault(checked) && checked.fields?.get('origin') === 'https://a.example');
  const unread = checkRequest(head({ 'X Bad': '' }), limits);
  assert.ok(isFault(unread) && unread.fields === undefined);
});

test('the limits count fields and bytes; exactly as many pass', () => {
  assert.is(statusOf(head(), { ...limits, maxHeaders: 5 }), 0);
  assert.is(statusOf(head(), { ...limits, maxHeaders: 4 }), 431);
  const size = 1 + good.reduce((sum, [name, value]) => sum + name.length + value.length, 0);
  assert.is(statusOf(head(), { ...limits, maxHeadSize: size }), 0);
  assert.is(statusOf(head(), { ...limits, maxHeadSize: size - 1 }), 431);
});

test('whatever a head holds, nothing is thrown', () => {
  const throwing = {
    get method(): string {
      throw new Error('mine');
    },
  };
  const endless = (function* () {
    for (;;) yield ['a', 'b'] as const;
  })();
  const wrong: unknown[] = [
    {},
    { method: 'GET' },
    { method: 'GET', url: '/', headers: 7 },
    { method: 'GET', url: '/', headers: [undefined, ['a'], [1, 2], 'ab'] },
    { method: 'GET', url: '/', headers: { Host: 'a' } },
    { method: Symbol('GET'), url: {}, headers: [] },
    throwing,
    null,
    undefined,
  ];
  for (const request of wrong) assert.is(statusOf(request), 400);
  assert.is(statusOf({ method: 'GET', url: '/', headers: endless }), 431, 'read no further than the limit');
});

test('a fault is a record of status, code, message and headers', () => {
  assert.equal(fault(404, 'ERR_WS_HANDSHAKE', 'no', [['A', 'b']]), {
    status: 404,
    code: 'ERR_WS_HANDSHAKE',
    message: 'no',
    headers: [['A', 'b']],
  });
  assert.equal(invalid('bad'), { status: 400, code: 'ERR_WS_HANDSHAKE', message: 'bad', headers: [] });
});

test.run();
