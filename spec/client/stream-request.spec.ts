import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { toStreamRequest } from '../../lib/client/stream-request.ts';
import { domThrows, throws } from '../support/check.ts';

const test = suite('request of a WebSocketStream');

test('the URL is serialised: http and https stand for ws and wss, default ports are dropped, a user stays', () => {
  const urls: readonly [string | URL, string, string][] = [
    ['ws://example.com', 'ws://example.com/', 'example.com:80'],
    ['WSS://EXAMPLE.com:443/Chat?a=b c', 'wss://example.com/Chat?a=b%20c', 'example.com:443'],
    ['http://example.com:80/', 'ws://example.com/', 'example.com:80'],
    ['https://example.com:8443/', 'wss://example.com:8443/', 'example.com:8443'],
    ['http://example.com:443/', 'ws://example.com:443/', 'example.com:443'],
    ['ws://user:pass@[::1]:81/', 'ws://user:pass@[::1]:81/', '[::1]:81'],
    [' ws://127.1/%23 ', 'ws://127.0.0.1/%23', '127.0.0.1:80'],
    ['wss://bücher.example/ü', 'wss://xn--bcher-kva.example/%C3%BC', 'xn--bcher-kva.example:443'],
    [new URL('http://example.com/a'), 'ws://example.com/a', 'example.com:80'],
  ];
  for (const [given, url, host] of urls) {
    const request = toStreamRequest(given, undefined);
    assert.is(request.url, url);
    assert.is(request.host, host);
  }
});

test('a URL that is none, has another scheme or a fragment, though it be empty, is a SyntaxError', () => {
  const wrong = ['', '/chat', 'invalid:', 'example.com', 'ftp://example.com/', 'mailto:a@b', 'ws://', 'ws:// /'];
  for (const url of [...wrong, 'ws://example.com/#', 'ws://example.com/#a', 'ws+unix:/run/a.sock:/'])
    domThrows(() => toStreamRequest(url, undefined), 'SyntaxError');
  throws(() => toStreamRequest(Symbol('x'), undefined), TypeError);
});

test('options that are no dictionary, protocols that are no sequence and a signal that is none are a TypeError', () => {
  for (const options of [true, 5, 'x']) throws(() => toStreamRequest('ws://a', options), TypeError);
  for (const protocols of ['hi', null, 5, {}, { 0: 'a', length: 1 }])
    throws(() => toStreamRequest('ws://a', { protocols }), TypeError);
  for (const signal of [null, {}, 5, new EventTarget()]) throws(() => toStreamRequest('ws://a', { signal }), TypeError);
  for (const options of [undefined, null, {}, { protocols: undefined, signal: undefined }])
    assert.equal(toStreamRequest('ws://a', options).protocols, []);
});

test('a wrong type is told before a wrong URL, and a wrong URL before a wrong protocol', () => {
  throws(() => toStreamRequest('invalid:', { protocols: 'hi' }), TypeError);
  throws(() => toStreamRequest('invalid:', { signal: 5 }), TypeError);
  domThrows(() => toStreamRequest('invalid:', { protocols: [''] }), 'SyntaxError');
});

test('protocols are tokens, each of them once, in whatever case (RFC 6455 §4.1)', () => {
  assert.equal(toStreamRequest('ws://a', { protocols: new Set(['alpha', 'beta']) }).protocols, ['alpha', 'beta']);
  assert.equal(toStreamRequest('ws://a', { protocols: [1, 'Chat.v2'] }).protocols, ['1', 'Chat.v2']);
  for (const protocols of [[''], ['a b'], ['a,b'], ['é'], ['a', ''], ['a/b'], ['\u007f'], ['a', 'b', 'a'], ['a', 'A']])
    domThrows(() => toStreamRequest('ws://a', { protocols }), 'SyntaxError');
});

test('the members that the draft does not know are left over, and those that it knows are not', () => {
  const { signal } = new AbortController();
  const { rest, ...request } = toStreamRequest('ws://a', { protocols: ['a'], signal, headers: { a: 'b' }, tls: {} });
  assert.equal(rest, { headers: { a: 'b' }, tls: {} });
  assert.is(request.signal, signal);
});

test('protocols and signal are looked for in what the options inherit from too', () => {
  const { signal } = new AbortController();
  const request = toStreamRequest('ws://a', Object.create({ protocols: ['a'], signal }));
  assert.equal(request.protocols, ['a']);
  assert.is(request.signal, signal);
});

test('a URL may be relative to a base, if there is one', () => {
  assert.is(toStreamRequest('c?d', undefined, 'https://example.com/a/b').url, 'wss://example.com/a/c?d');
  assert.is(toStreamRequest('ws://other/', undefined, 'https://example.com/a/b').url, 'ws://other/');
  assert.is(toStreamRequest('//other/x', undefined, 'http://example.com:8080/').host, 'other:80');
  domThrows(() => toStreamRequest('c', undefined), 'SyntaxError');
  domThrows(() => toStreamRequest('c', undefined, 'blob:https://example.com/1'), 'SyntaxError');
  assert.is(
    toStreamRequest('', undefined, 'https://example.com/#x').url,
    'wss://example.com/',
    'the fragment of the base is none of it',
  );
});

test.run();
