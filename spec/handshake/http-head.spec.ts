// Header fields, lists of tokens, and the bytes of a response.

import process from 'node:process';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  checkHeader,
  copyHeaders,
  HeaderFields,
  isFieldValue,
  isToken,
  parseTokenList,
  serializeRequest,
  serializeResponse,
} from '../../lib/handshake/http-head.ts';
import { anyCharacter } from '../support/any-character.ts';
import { throws } from '../support/check.ts';

const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
console.log(`seed ${seed}`);

const MEBI = 1024 * 1024;

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}

const fields = suite('http-head · RFC 9110 §5 header fields');

fields('a name is found in any case', () => {
  const headers = new HeaderFields([['Sec-WebSocket-KEY', 'x']]);
  assert.is(headers.get('sec-websocket-key'), 'x');
  assert.is(headers.get('Sec-WebSocket-Key'), 'x');
  assert.ok(headers.has('SEC-WEBSOCKET-KEY'));
});

fields('the values of repeated names are kept apart, and joined when they are asked for as one', () => {
  const headers = new HeaderFields([
    ['A', '1'],
    ['B', '2'],
    ['a', '3'],
  ]);
  assert.equal(headers.getAll('a'), ['1', '3']);
  assert.is(headers.get('a'), '1, 3');
  assert.is(headers.size, 3);
});

fields('a name that is not there has no value', () => {
  const headers = new HeaderFields([]);
  assert.is(headers.get('a'), undefined);
  assert.equal(headers.getAll('a'), []);
  assert.not(headers.has('a'));
  assert.is(headers.size, 0);
});

fields('an empty value is there', () => {
  const headers = new HeaderFields([['A', '']]);
  assert.is(headers.get('a'), '');
  assert.ok(headers.has('a'));
});

fields('iterating gives the pairs in their order and case, any number of times', () => {
  const pairs: [string, string][] = [
    ['B', '1'],
    ['a', '2'],
    ['b', '3'],
  ];
  const headers = new HeaderFields(pairs);
  assert.equal([...headers], pairs);
  assert.equal([...headers], pairs);
});

fields('pairs may come from any iterable, such as a Map or Headers', () => {
  assert.is(new HeaderFields(new Map([['A', '1']])).get('a'), '1');
  assert.is(new HeaderFields(new Headers({ A: '1' })).get('a'), '1');
});

fields('what happens to the pairs afterwards changes nothing', () => {
  const pair: [string, string] = ['a', '1'];
  const pairs = [pair];
  const headers = new HeaderFields(pairs);
  pair[1] = '2';
  pairs.push(['b', '3']);
  assert.equal([...headers], [['a', '1']]);
});

fields('spaces and tabs around a value are dropped, other characters are not', () => {
  const headers = new HeaderFields([
    ['a', ' \t b c\t '],
    ['d', '\xa0e\xa0'],
    ['f', ' \t '],
  ]);
  assert.is(headers.get('a'), 'b c');
  assert.is(headers.get('d'), '\xa0e\xa0');
  assert.is(headers.get('f'), '');
});

fields('the names of members of Object.prototype are names like any other', () => {
  const empty = new HeaderFields([['a', '1']]);
  for (const name of ['constructor', '__proto__', 'hasOwnProperty', 'toString']) {
    assert.is(empty.get(name), undefined);
    assert.not(empty.has(name));
    assert.is(new HeaderFields([[name, '1']]).get(name), '1');
  }
});

fields('bytes over 0x7F pass unharmed', () => {
  assert.is(new HeaderFields([['a', 'caf\xe9\xff']]).get('a'), 'caf\xe9\xff');
});

fields('a hundred thousand fields of one name, or of as many names, are found at once', () => {
  const same = new HeaderFields(Array.from({ length: 100_000 }, () => ['a', '1'] as const));
  assert.is(same.getAll('A').length, 100_000);
  const different = new HeaderFields(Array.from({ length: 100_000 }, (_, index) => [`a${index}`, '1'] as const));
  assert.is(different.get('A99999'), '1');
});

fields('a mebibyte of white space around a value is dropped at once', () => {
  const space = ' \t'.repeat(MEBI / 2);
  assert.is(new HeaderFields([['a', `${space}b${space}c${space}`]]).get('a'), `b${space}c`);
  assert.is(new HeaderFields([['a', space]]).get('a'), '');
});

fields.run();

const characters = suite('http-head · RFC 9110 §5.5 and §5.6.2 characters');

characters('CR, LF and NUL are in no value, at any place', () => {
  for (const bad of ['\r', '\n', '\0', '\r\n']) {
    for (const text of [bad, `${bad}a`, `a${bad}`, `a${bad}b`]) assert.not(isFieldValue(text), JSON.stringify(text));
  }
});

characters('every other byte may be in a value', () => {
  for (let code = 0; code <= 0xff; code++) {
    if (code !== 0 && code !== 10 && code !== 13) assert.ok(isFieldValue(`a${String.fromCharCode(code)}b`), `${code}`);
  }
  assert.ok(isFieldValue(''));
});

characters('a token is what the extension header takes for one', () => {
  assert.ok(isToken('Sec-WebSocket-Key'));
  for (const text of ['', ' ', 'a b', 'a:', 'a\r', 'é', '(a)', 'a,b']) assert.not(isToken(text), text);
});

characters.run();

const lists = suite('http-head · RFC 9110 §5.6.1 lists of tokens');

lists('elements are listed in their order and case', () => {
  assert.equal(parseTokenList(['keep-alive, Upgrade']), ['keep-alive', 'Upgrade']);
});

lists('several fields are one list', () => {
  assert.equal(parseTokenList(['a', 'b, c', 'd']), ['a', 'b', 'c', 'd']);
});

lists('white space around an element and empty elements are skipped', () => {
  assert.equal(parseTokenList(['\t a \t,, ,b,', '', ' ']), ['a', 'b']);
  assert.equal(parseTokenList([]), []);
});

lists('an element may have a version', () => {
  assert.equal(parseTokenList(['HTTP/2.0, websocket, IRC/6.9, RTA/x11']), [
    'HTTP/2.0',
    'websocket',
    'IRC/6.9',
    'RTA/x11',
  ]);
});

for (const text of [
  'a b',
  'a;b',
  '"a"',
  'a/',
  '/a',
  '/',
  'a//b',
  'a/b/c',
  'a\0',
  'a\r\nb',
  'caf\xe9',
  'a=b',
  'websoc\u212aet',
]) {
  lists(`${JSON.stringify(text)} is malformed, wherever it stands`, () => {
    assert.is(parseTokenList([text]), undefined);
    assert.is(parseTokenList(['good', `good, ${text}`]), undefined);
    assert.is(parseTokenList([`${text}, good`]), undefined);
  });
}

lists('a mebibyte of spaces, or of commas, is answered at once', () => {
  assert.equal(parseTokenList([' '.repeat(MEBI)]), []);
  assert.equal(parseTokenList([','.repeat(MEBI)]), []);
  assert.equal(parseTokenList([`${', '.repeat(MEBI / 2)}upgrade`]), ['upgrade']);
  assert.is(parseTokenList([`a${' '.repeat(MEBI)}b`]), undefined);
  assert.equal(parseTokenList([`a${' '.repeat(MEBI)},b`]), ['a', 'b']);
  assert.is(parseTokenList(['/'.repeat(MEBI)]), undefined);
});

lists('any texts are either malformed or give elements that are not empty', () => {
  const noise = fc.string({ unit: fc.constantFrom('a', '/', ',', ' ', '\t', '"', 'é', '\0') });
  fc.assert(
    fc.property(fc.array(fc.oneof(noise, fc.string({ unit: anyCharacter }))), (texts) => {
      const elements = parseTokenList(texts);
      if (elements !== undefined) assert.equal(parseTokenList([elements.join(' , ')]), elements);
    }),
    { seed, numRuns: 1000 },
  );
});

lists.run();

const response = suite('http-head · RFC 9112 §4 response');

response('a 101 has a status line, its fields and an empty line', () => {
  const bytes = serializeResponse(101, [['Upgrade', 'websocket']], '');
  assert.is(latin1(bytes), 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n');
});

response('each status that is used has its reason phrase', () => {
  const phrases: [number, string][] = [
    [400, 'Bad Request'],
    [401, 'Unauthorized'],
    [403, 'Forbidden'],
    [404, 'Not Found'],
    [405, 'Method Not Allowed'],
    [426, 'Upgrade Required'],
    [429, 'Too Many Requests'],
    [431, 'Request Header Fields Too Large'],
    [500, 'Internal Server Error'],
    [503, 'Service Unavailable'],
    [418, 'Unknown'],
  ];
  for (const [status, phrase] of phrases) {
    assert.is(latin1(serializeResponse(status, [], '')), `HTTP/1.1 ${status} ${phrase}\r\n\r\n`);
  }
});

response('the fields are written in their order, repeated ones too', () => {
  const bytes = serializeResponse(
    400,
    new HeaderFields([
      ['Set-Cookie', 'a=1'],
      ['Set-Cookie', 'b=2'],
    ]),
    '',
  );
  assert.match(latin1(bytes), '\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\r\n');
});

response('a value is written as latin1 and the body as UTF-8', () => {
  const bytes = serializeResponse(400, [['X', 'caf\xe9']], 'café €');
  const whole = latin1(bytes);
  assert.ok(whole.startsWith('HTTP/1.1 400 Bad Request\r\nX: caf\xe9\r\n\r\n'));
  assert.is(Buffer.from(bytes).toString('utf8').endsWith('\r\n\r\ncafé €'), true);
});

const injections: [what: string, name: string, value: string][] = [
  ['CR LF in a value', 'X', 'a\r\nSet-Cookie: x'],
  ['LF in a value', 'X', 'a\nb'],
  ['CR in a value', 'X', 'a\rb'],
  ['NUL in a value', 'X', 'a\0'],
  // Cut to a byte these would be CR and LF.
  ['a character over 0xFF in a value', 'X', 'a\u010d\u010ab'],
  ['CR LF in a name', 'X: y\r\nZ', 'a'],
  ['a colon in a name', 'X:', 'a'],
  ['an empty name', '', 'a'],
  ['a name that is no token', 'X Y', 'a'],
];

for (const [what, name, value] of injections) {
  response(`${what} is refused`, () => {
    throws(() => serializeResponse(400, [[name, value]], ''), TypeError, /^Cannot write header/);
    throws(() => checkHeader(name, value), TypeError, /^Cannot write header/);
  });
}

response('a name or a value that is not a string is refused', () => {
  throws(() => checkHeader(1 as unknown as string, 'a'), TypeError, /the name is not a token/);
  throws(() => checkHeader('a', undefined as unknown as string), TypeError, /the value is not a string/);
});

response('fields that can be written are read back by any reader of lines', () => {
  const name = fc.string({ unit: fc.constantFrom('a', 'B', '-', '1'), minLength: 1 });
  const value = fc.string({ unit: fc.integer({ min: 1, max: 255 }).map((code) => String.fromCharCode(code)) });
  fc.assert(
    fc.property(
      fc.array(fc.tuple(name, value.filter(isFieldValue))),
      fc.string({ unit: anyCharacter }),
      (pairs, body) => {
        const text = latin1(serializeResponse(400, pairs, body));
        const end = text.indexOf('\r\n\r\n');
        const lines = text.slice(0, end).split('\r\n').slice(1);
        assert.equal(
          lines,
          pairs.map(([key, content]) => `${key}: ${content}`),
        );
        assert.is(Buffer.from(text.slice(end + 4), 'latin1').toString('utf8'), body);
      },
    ),
    { seed },
  );
});

response.run();

const request = suite('http-head · RFC 9112 §3 request');

request('a request has a request line, its fields as latin1 and an empty line', () => {
  const bytes = serializeRequest('/a?b', [
    ['Host', 'a.example'],
    ['X', 'caf\xe9'],
  ]);
  assert.is(latin1(bytes), 'GET /a?b HTTP/1.1\r\nHost: a.example\r\nX: caf\xe9\r\n\r\n');
});

request('it may be a CONNECT', () => {
  const bytes = serializeRequest('a.example:80', [['Host', 'a.example:80']], 'CONNECT');
  assert.is(latin1(bytes), 'CONNECT a.example:80 HTTP/1.1\r\nHost: a.example:80\r\n\r\n');
});

for (const [what, name, value] of injections) {
  request(`${what} is refused`, () => {
    throws(() => serializeRequest('/', [[name, value]]), TypeError);
  });
}

request('headers of the caller are copied, and those of the engine refused but for the exception', () => {
  const pair: [string, string] = ['X', '1'];
  const copy = copyHeaders(new Set([pair]));
  pair[1] = '2';
  assert.equal(copy, [['X', '1']]);
  for (const name of ['Upgrade', 'connection', 'Content-Length', 'TRANSFER-ENCODING', 'Sec-WebSocket-Version']) {
    throws(() => copyHeaders([[name, 'x']]), TypeError, /engine/);
  }
  assert.is(copyHeaders([['Sec-WebSocket-Version', '13']], 'sec-websocket-version').length, 1);
  throws(() => copyHeaders([['X', 'a\r\nb']]), TypeError);
});

request.run();
