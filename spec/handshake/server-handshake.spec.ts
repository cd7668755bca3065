// The opening handshake as the server sees it: every rule, its status and its code, and what peers break servers with.

import process from 'node:process';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type ErrorCode, HandshakeError } from '../../lib/error.ts';
import { HeaderFields, type RequestHead } from '../../lib/handshake/http-head.ts';
import {
  type RefusedHandshake,
  refuse,
  type ServerHandshake,
  type ServerHandshakeOptions,
  ServerHandshakeRules,
  serializeHandshake,
} from '../../lib/handshake/server-handshake.ts';
import { anyCharacter } from '../support/any-character.ts';
import { throws } from '../support/check.ts';

const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
console.log(`seed ${seed}`);

const KIBI = 1024;

type Pair = [name: string, value: string];

/** The request of RFC 6455 §1.3, without what it need not have. */
const sample: readonly Pair[] = [
  ['Host', 'server.example.com'],
  ['Upgrade', 'websocket'],
  ['Connection', 'Upgrade'],
  ['Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZQ=='],
  ['Sec-WebSocket-Version', '13'],
];

/** The sample with the fields of each given name put in the place of its own; without values the name is left out. */
function headers(changes: Record<string, readonly string[]> = {}): Pair[] {
  const changed = new Set(Object.keys(changes).map((name) => name.toLowerCase()));
  const kept = sample.filter(([name]) => !changed.has(name.toLowerCase()));
  const added = Object.entries(changes).flatMap(([name, values]) => values.map((value): Pair => [name, value]));
  return [...kept, ...added];
}

function head(changes?: Record<string, readonly string[]>, line?: Partial<RequestHead>): RequestHead {
  return { method: 'GET', url: '/chat', headers: headers(changes), ...line };
}

function apply(request: unknown, options?: ServerHandshakeOptions, localAddress?: string): ServerHandshake {
  return new ServerHandshakeRules(options).apply(request as RequestHead, localAddress);
}

function values(handshake: ServerHandshake, name: string): readonly string[] {
  return new HeaderFields(handshake.headers).getAll(name);
}

function text(handshake: ServerHandshake): string {
  return Buffer.from(serializeHandshake(handshake)).toString('latin1');
}

/** Asserts a refusal, and what every refusal has. */
function refused(handshake: ServerHandshake, status: number, code: ErrorCode): RefusedHandshake {
  assert.is(handshake.status, status, `${handshake.status}: ${handshake.body}`);
  if (handshake.error === undefined) return assert.unreachable('expected an error') as never;
  assert.instance(handshake.error, HandshakeError);
  assert.is(handshake.error.code, code);
  assert.is(handshake.error.status, status);
  assert.is(handshake.subprotocol, '');
  assert.is(handshake.offers.size, 0);
  assert.equal(values(handshake, 'Connection'), [status === 426 ? 'Upgrade, close' : 'close']);
  assert.equal(values(handshake, 'Content-Type'), ['text/plain; charset=utf-8']);
  assert.equal(values(handshake, 'Content-Length'), [String(handshake.body.length)]);
  assert.match(handshake.body, /^[A-Z][\w ,.-]+\n$/);
  return handshake;
}

function accepted(handshake: ServerHandshake): ServerHandshake {
  assert.is(handshake.status, 101, `${handshake.status}: ${handshake.body}`);
  assert.is(handshake.error, undefined);
  return handshake;
}

const accepting = suite('server-handshake · RFC 6455 §4.2.2');

accepting('answers the sample request of the RFC with the sample answer of the RFC', () => {
  const handshake = accepted(apply(head()));
  assert.is(
    text(handshake),
    'HTTP/1.1 101 Switching Protocols\r\n' +
      'Upgrade: websocket\r\n' +
      'Connection: Upgrade\r\n' +
      'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n',
  );
  assert.is(handshake.body, '');
  assert.is(handshake.subprotocol, '');
  assert.is(handshake.offers.size, 0);
  assert.is(handshake.request.get('host'), 'server.example.com');
});

accepting('takes names of fields in any case', () => {
  for (const change of [(name: string) => name.toLowerCase(), (name: string) => name.toUpperCase()]) {
    accepted(apply({ ...head(), headers: sample.map(([name, value]) => [change(name), value]) }));
  }
});

accepting('takes headers from any iterable of pairs', () => {
  accepted(apply({ ...head(), headers: new Map(sample) }));
  accepted(apply({ ...head(), headers: sample.values() }));
});

for (const upgrade of [
  ['WebSocket'],
  ['WEBSOCKET'],
  [' websocket\t'],
  ['h2c, websocket'],
  ['h2c', 'foo/1, websocket,'],
]) {
  accepting(`takes Upgrade: ${upgrade.join(' and ')}`, () => {
    accepted(apply(head({ Upgrade: upgrade })));
  });
}

for (const connection of [
  ['upgrade'],
  ['UPGRADE'],
  ['keep-alive, Upgrade'],
  ['keep-alive', 'upgrade'],
  [',upgrade ,'],
]) {
  accepting(`takes Connection: ${connection.join(' and ')}`, () => {
    accepted(apply(head({ Connection: connection })));
  });
}

accepting('drops the white space around Host, the key, the version and Origin', () => {
  const changes = {
    Host: [' a.example\t'],
    'Sec-WebSocket-Key': ['\tdGhlIHNhbXBsZSBub25jZQ== '],
    'Sec-WebSocket-Version': [' 13 '],
    Origin: [' http://a.example '],
  };
  const handshake = accepted(apply(head(changes)));
  assert.equal(values(handshake, 'Sec-WebSocket-Accept'), ['s3pPLMBiTxaQ9kYGzzhZRbK+xOo=']);
});

accepting('takes HTTP/1.1, which is the default, and a higher 1.x', () => {
  for (const httpVersion of ['1.1', '1.2', '1.9']) accepted(apply(head({}, { httpVersion })));
});

accepting('takes a Content-Type, and a Content-Length of 0', () => {
  accepted(apply(head({ 'Content-Type': ['application/json'], 'Content-Length': ['0'] })));
});

accepting('takes bytes over 0x7F in the target and in fields that it does not read', () => {
  const handshake = accepted(apply(head({ 'User-Agent': ['caf\xe9 \xff'] }, { url: '/caf\xc3\xa9' })));
  assert.is(handshake.request.get('user-agent'), 'caf\xe9 \xff');
});

accepting('takes fields that are named like members of Object.prototype', () => {
  const names: Pair[] = ['constructor', '__proto__', 'hasOwnProperty', 'toString'].map((name) => [name, 'x']);
  const handshake = accepted(apply({ ...head(), headers: [...names, ...sample] }));
  assert.is(handshake.request.get('__proto__'), 'x');
});

accepting('writes the headers of the options behind its own, repeated ones too', () => {
  const more: Pair[] = [
    ['Set-Cookie', 'a=1'],
    ['Set-Cookie', 'b=caf\xe9'],
  ];
  const handshake = accepted(apply(head(), { headers: more }));
  assert.equal(handshake.headers.slice(3), more);
  assert.match(text(handshake), /\r\nSet-Cookie: a=1\r\nSet-Cookie: b=caf\xe9\r\n\r\n$/);
});

accepting('reads its options once', () => {
  const subprotocols = ['a'];
  const more: Pair[] = [['X', '1']];
  const rules = new ServerHandshakeRules({ subprotocols, headers: more });
  subprotocols[0] = 'b';
  more.push(['Y', '2']);
  const request = head({ 'Sec-WebSocket-Protocol': ['a, b'] });
  for (let time = 0; time < 2; time++) {
    const handshake = rules.apply(request);
    assert.is(handshake.subprotocol, 'a');
    assert.not(new HeaderFields(handshake.headers).has('Y'));
  }
});

accepting.run();

const line = suite('server-handshake · RFC 6455 §4.2.1 request line');

for (const httpVersion of ['1.0', '0.9', '2.0', '2', '3.0', '1', '', '1.1 ', '1.10', 'HTTP/1.1', '1.x', '-1.1']) {
  line(`answers 400 to HTTP version ${JSON.stringify(httpVersion)}`, () => {
    refused(apply(head({}, { httpVersion })), 400, 'ERR_WS_HANDSHAKE');
  });
}

for (const method of ['POST', 'HEAD', 'CONNECT', 'OPTIONS', 'get', 'GETS', '__proto__']) {
  line(`answers 405 with Allow: GET to the method ${method}`, () => {
    const handshake = refused(apply(head({}, { method })), 405, 'ERR_WS_HANDSHAKE');
    assert.equal(values(handshake, 'Allow'), ['GET']);
  });
}

for (const method of ['', 'G ET', 'GET\r\n', 'GET\0', 'G\xc9T', 'GET/', 'G:ET']) {
  line(`answers 400 to ${JSON.stringify(method)}, which is no method`, () => {
    refused(apply(head({}, { method })), 400, 'ERR_WS_HANDSHAKE');
  });
}

for (const url of ['', ' ', '/a b', '/a\tb', '/a\r\nX: y', '/a\n', '/\0', '/\x1b[2J', '/\x7f']) {
  line(`answers 400 to ${JSON.stringify(url)}, which is no request target`, () => {
    refused(apply(head({}, { url })), 400, 'ERR_WS_HANDSHAKE');
  });
}

line.run();

const fields = suite('server-handshake · RFC 6455 §4.2.1 fields');

for (const host of [
  [],
  [''],
  ['a b'],
  ['a.example', 'a.example'],
  ['a.example, a.example'],
  ['a/b'],
  ['a:x'],
  ['caf\xe9'],
]) {
  fields(`answers 400 to Host ${JSON.stringify(host)}`, () => {
    refused(apply(head({ Host: host }), { hosts: ['*'] }), 400, 'ERR_WS_HANDSHAKE');
  });
}

for (const upgrade of [[], [''], ['h2c'], ['websocket/13'], ['websockets'], ['web-socket, TLS/1.0'], [', ,']]) {
  fields(`answers 426 with Upgrade: websocket to Upgrade ${JSON.stringify(upgrade)}`, () => {
    const handshake = refused(apply(head({ Upgrade: upgrade })), 426, 'ERR_WS_HANDSHAKE');
    assert.equal(values(handshake, 'Upgrade'), ['websocket']);
    assert.equal(values(handshake, 'Sec-WebSocket-Version'), []);
  });
}

fields('answers 426 to a plain GET', () => {
  const handshake = refused(apply({ method: 'GET', url: '/', headers: [['Host', 'a']] }), 426, 'ERR_WS_HANDSHAKE');
  assert.is(
    text(handshake),
    'HTTP/1.1 426 Upgrade Required\r\n' +
      'Upgrade: websocket\r\n' +
      'Connection: Upgrade, close\r\n' +
      'Content-Type: text/plain; charset=utf-8\r\n' +
      'Content-Length: 36\r\n\r\n' +
      'An upgrade to websocket is required\n',
  );
});

for (const upgrade of [
  ['websocket, a b'],
  ['"websocket"'],
  ['websocket;q=1'],
  ['websocket', 'caf\xe9'],
  ['web\u017focket'],
]) {
  fields(`answers 400 to Upgrade ${JSON.stringify(upgrade)}, which is malformed`, () => {
    refused(apply(head({ Upgrade: upgrade })), 400, 'ERR_WS_HANDSHAKE');
  });
}

for (const connection of [
  [],
  [''],
  ['keep-alive'],
  ['close'],
  ['upgrades'],
  ['upgrade keep-alive'],
  ['"upgrade"'],
  ['x=y, upgrade'],
]) {
  fields(`answers 400 to Connection ${JSON.stringify(connection)}`, () => {
    refused(apply(head({ Connection: connection })), 400, 'ERR_WS_HANDSHAKE');
  });
}

for (const version of [
  '8',
  '0',
  '7',
  '12',
  '14',
  '013',
  '13.0',
  '+13',
  '0x0d',
  'abc',
  '',
  '1 3',
  'caf\xe9',
  '__proto__',
]) {
  fields(`answers 426 with Sec-WebSocket-Version: 13 when the version is ${JSON.stringify(version)}`, () => {
    const handshake = refused(apply(head({ 'Sec-WebSocket-Version': [version] })), 426, 'ERR_WS_VERSION');
    assert.equal(values(handshake, 'Sec-WebSocket-Version'), ['13']);
    assert.equal(values(handshake, 'Upgrade'), ['websocket']);
  });
}

for (const version of [[], ['13', '13'], ['8', '13'], ['13, 13'], ['13,8']]) {
  fields(`answers 400 when the version is ${JSON.stringify(version)}, missing or repeated`, () => {
    const handshake = refused(apply(head({ 'Sec-WebSocket-Version': version })), 400, 'ERR_WS_HANDSHAKE');
    assert.equal(values(handshake, 'Sec-WebSocket-Version'), ['13']);
  });
}

const key = 'dGhlIHNhbXBsZSBub25jZQ==';
for (const keys of [
  [],
  [''],
  [key, key],
  [`${key}, ${key}`],
  ['AAAA'],
  [key.slice(0, -1)],
  [`${key}=`],
  ['caf\xe9'],
  ['constructor'],
]) {
  fields(`answers 400 when the key is ${JSON.stringify(keys)}`, () => {
    refused(apply(head({ 'Sec-WebSocket-Key': keys })), 400, 'ERR_WS_HANDSHAKE');
  });
}

const contents: Record<string, readonly string[]>[] = [
  { 'Content-Length': ['1'] },
  { 'Content-Length': ['+0'] },
  { 'Content-Length': ['-1'] },
  { 'Content-Length': [''] },
  { 'Content-Length': ['0, 5'] },
  { 'Content-Length': ['0', '5'] },
  { 'Content-Length': ['0x0'] },
  { 'Transfer-Encoding': ['chunked'] },
  { 'Transfer-Encoding': [''] },
  { 'Transfer-Encoding': ['identity'], 'Content-Length': ['0'] },
];

for (const content of contents) {
  fields(`answers 400 to a request that may have content: ${JSON.stringify(content)}`, () => {
    refused(apply(head(content)), 400, 'ERR_WS_HANDSHAKE');
  });
}

fields('the first rule that is broken gives the answer', () => {
  const nothing = { method: 'POST', url: '/', httpVersion: '1.0', headers: [] as Pair[] };
  refused(apply(nothing), 400, 'ERR_WS_HANDSHAKE');
  refused(apply({ ...nothing, httpVersion: '1.1' }), 405, 'ERR_WS_HANDSHAKE');
  const foreign = { Host: ['evil.example'], Origin: ['http://other.example', 'null'], 'Sec-WebSocket-Version': ['8'] };
  refused(apply(head({ ...foreign, Upgrade: [] }), {}, '127.0.0.1'), 426, 'ERR_WS_HANDSHAKE');
  refused(apply(head(foreign), {}, '127.0.0.1'), 426, 'ERR_WS_VERSION');
  const { 'Sec-WebSocket-Version': _, ...hosts } = foreign;
  refused(apply(head(hosts), {}, '127.0.0.1'), 403, 'ERR_WS_HOST');
  refused(apply(head(hosts)), 400, 'ERR_WS_HANDSHAKE');
});

fields.run();

const malformed = suite('server-handshake · malformed heads');

const badPairs: [what: string, pair: unknown][] = [
  ['an empty name', ['', 'x']],
  ['a name with a space', ['X Y', 'x']],
  ['a name with a colon', ['X:', 'x']],
  ['a name with a space behind it', ['Sec-WebSocket-Key ', 'x']],
  ['a name with CR LF', ['X\r\nY', 'x']],
  ['a name with NUL', ['X\0', 'x']],
  ['a name with a byte over 0x7F', ['X\xe9', 'x']],
  ['a value with CR LF', ['X', 'x\r\nY: z']],
  ['a value with LF', ['X', 'x\ny']],
  ['a value with CR', ['X', '\rx']],
  ['a value with NUL', ['X', 'x\0']],
  ['a value that is an array', ['X', ['x', 'y']]],
  ['a value that is a number', ['X', 1]],
  ['a value that is missing', ['X']],
  ['a value that is null', ['X', null]],
  ['a name that is a symbol', [Symbol('x'), 'x']],
  ['an empty pair', []],
  ['a pair that is null', null],
  ['a pair that is undefined', undefined],
  ['a pair that is a string', 'Xy'],
  ['a pair that is an object', { name: 'X', value: 'y' }],
];

for (const [what, pair] of badPairs) {
  malformed(`answers 400 to ${what}, wherever it stands`, () => {
    for (const list of [
      [pair, ...sample],
      [...sample, pair],
    ]) {
      const handshake = refused(apply({ ...head(), headers: list }), 400, 'ERR_WS_HANDSHAKE');
      assert.is(handshake.request.size, 0);
    }
  });
}

function* failing(): Generator<Pair> {
  yield ['Host', 'a'];
  throw new Error('no more');
}

const badHeads: [what: string, head: unknown][] = [
  ['nothing', undefined],
  ['null', null],
  ['an empty object', {}],
  ['a head without headers', { method: 'GET', url: '/' }],
  ['headers that are null', { ...head(), headers: null }],
  ['headers that are an object', { ...head(), headers: { Host: 'a' } }],
  ['headers that are a string', { ...head(), headers: 'Host: a' }],
  ['headers that throw', { ...head(), headers: failing() }],
  ['a method that is missing', { url: '/', headers: sample }],
  ['a url that is an object', { ...head(), url: new URL('http://a.example') }],
  ['a version that is a number', { ...head(), httpVersion: 1.1 }],
  ['a version that is null', { ...head(), httpVersion: null }],
];

for (const [what, bad] of badHeads) {
  malformed(`answers 400 to ${what}`, () => {
    refused(apply(bad), 400, 'ERR_WS_HANDSHAKE');
  });
}

malformed('names of headers that only look like the right ones do not count', () => {
  refused(apply(head({ 'Sec-WebSocket-Key': [], Sec_WebSocket_Key: [key] })), 400, 'ERR_WS_HANDSHAKE');
  refused(apply(head({ 'Sec-WebSocket-Key': [], 'Sec-WebSocket-\u212aey': [key] })), 400, 'ERR_WS_HANDSHAKE');
});

malformed.run();

const limits = suite('server-handshake · limits');

/** `count` header fields, the sample's among them. */
function many(count: number): Pair[] {
  return [...Array.from({ length: count - sample.length }, (_, index): Pair => [`X-${index}`, '']), ...sample];
}

/** A head of exactly `size` bytes of names, values and target. */
function sized(size: number): RequestHead {
  const fixed = sample.reduce((sum, [name, value]) => sum + name.length + value.length, 1 + 1);
  return head({ X: ['a'.repeat(size - fixed)] }, { url: '/' });
}

limits('takes a hundred header fields by default and answers 431 to one more', () => {
  accepted(apply({ ...head(), headers: many(100) }));
  refused(apply({ ...head(), headers: many(101) }), 431, 'ERR_WS_HEAD_TOO_LARGE');
});

for (const count of [1000, 2000, 1_000_000]) {
  limits(`answers 431 to ${count} header fields`, () => {
    refused(apply({ ...head(), headers: many(count) }), 431, 'ERR_WS_HEAD_TOO_LARGE');
  });
}

limits('reads no more header fields than the limit allows', () => {
  let read = 0;
  let closed = false;
  function* endless(): Generator<Pair> {
    try {
      for (;;) {
        read += 1;
        yield ['X', ''];
      }
    } finally {
      closed = true;
    }
  }
  refused(apply({ ...head(), headers: endless() }), 431, 'ERR_WS_HEAD_TOO_LARGE');
  assert.is(read, 101);
  assert.ok(closed);
});

limits('takes 16 KiB of names, values and target by default and answers 431 to one byte more', () => {
  accepted(apply(sized(16 * KIBI)));
  refused(apply(sized(16 * KIBI + 1)), 431, 'ERR_WS_HEAD_TOO_LARGE');
});

limits('answers 431 to a long target and to a long name', () => {
  refused(apply(head({}, { url: `/${'a'.repeat(16 * KIBI)}` })), 431, 'ERR_WS_HEAD_TOO_LARGE');
  refused(apply(head({ ['X'.repeat(16 * KIBI)]: [''] })), 431, 'ERR_WS_HEAD_TOO_LARGE');
});

limits('the limits can be set', () => {
  refused(apply(head(), { limits: { maxHeaders: 4 } }), 431, 'ERR_WS_HEAD_TOO_LARGE');
  accepted(apply(head(), { limits: { maxHeaders: 5 } }));
  refused(apply(sized(1001), { limits: { maxHeadSize: 1000 } }), 431, 'ERR_WS_HEAD_TOO_LARGE');
  accepted(apply({ ...head(), headers: many(2000) }, { limits: { maxHeaders: 2000, maxHeadSize: 64 * KIBI } }));
});

// Linear here; each of these has hung a server.
const wide = { limits: { maxHeadSize: 4 * KIBI * KIBI } };
const listFields = ['Upgrade', 'Connection', 'Sec-WebSocket-Protocol', 'Sec-WebSocket-Extensions'];
const floods: [what: string, text: string][] = [
  ['spaces', ' '.repeat(64 * KIBI)],
  ['a mebibyte of spaces', ' '.repeat(KIBI * KIBI)],
  ['tabs', '\t'.repeat(64 * KIBI)],
  ['commas', ','.repeat(64 * KIBI)],
  ['commas and spaces', ', '.repeat(32 * KIBI)],
  ['semicolons', ';'.repeat(64 * KIBI)],
  ['escaped quotes', `a; b="${'\\"'.repeat(32 * KIBI)}`],
  ['escaped letters', `a; b="${'\\c'.repeat(32 * KIBI)}`],
  ['ten thousand spaces inside', `a${' '.repeat(10_000)}b`],
];

for (const [what, flood] of floods) {
  limits(`answers ${what} in any field at once, under a limit that lets them in`, () => {
    for (const name of [...listFields, 'Host', 'Origin', 'Sec-WebSocket-Key', 'Sec-WebSocket-Version']) {
      const handshake = apply(head({ [name]: [flood] }), wide);
      // Semicolons may make a host (RFC 3986 §3.2.2).
      const expected = name === 'Host' && what === 'semicolons' ? [101] : [400, 403, 426];
      assert.ok(expected.includes(handshake.status), `${name}: ${handshake.status}`);
      if (flood.length > 16 * KIBI) refused(apply(head({ [name]: [flood] })), 431, 'ERR_WS_HEAD_TOO_LARGE');
    }
  });
}

limits('takes the right elements among ten thousand spaces and commas', () => {
  const around = (value: string): string[] => [
    `${' '.repeat(10_000)}${','.repeat(10_000)}${value}${' '.repeat(10_000)}`,
  ];
  const changes = Object.fromEntries(
    listFields.map((name) => [name, around(name === 'Upgrade' ? 'websocket' : 'upgrade')]),
  );
  const handshake = accepted(apply(head(changes), { ...wide, subprotocols: ['upgrade'] }));
  assert.is(handshake.subprotocol, 'upgrade');
  assert.ok(handshake.offers.has('upgrade'));
});

limits.run();

const negotiation = suite('server-handshake · RFC 6455 §4.2.2 subprotocol and extensions');

negotiation('the server prefers, and the answer names one subprotocol', () => {
  const handshake = accepted(
    apply(head({ 'Sec-WebSocket-Protocol': ['a, b', 'c'] }), { subprotocols: ['x', 'c', 'a'] }),
  );
  assert.is(handshake.subprotocol, 'c');
  assert.equal(values(handshake, 'Sec-WebSocket-Protocol'), ['c']);
});

negotiation('the answer has no Sec-WebSocket-Protocol at all when none is in common, offered or supported', () => {
  for (const [offered, subprotocols] of [
    [['a'], ['b']],
    [['a'], []],
    [[], ['b']],
    [['constructor', '__proto__'], ['b']],
  ].map((lists) => lists as [string[], string[]])) {
    const changes = offered.length === 0 ? {} : { 'Sec-WebSocket-Protocol': offered };
    const handshake = accepted(apply(head(changes), { subprotocols }));
    assert.is(handshake.subprotocol, '');
    assert.equal(values(handshake, 'Sec-WebSocket-Protocol'), []);
  }
});

for (const offered of [[''], ['a b'], ['a, a'], ['a', 'a'], ['a/b'], ['caf\xe9'], ['"a"'], ['a;b'], [',']]) {
  negotiation(`answers 400 to Sec-WebSocket-Protocol ${JSON.stringify(offered)}`, () => {
    refused(apply(head({ 'Sec-WebSocket-Protocol': offered }), { subprotocols: ['a'] }), 400, 'ERR_WS_HANDSHAKE');
    refused(apply(head({ 'Sec-WebSocket-Protocol': offered })), 400, 'ERR_WS_HANDSHAKE');
  });
}

negotiation('what the client offers of extensions is parsed, and none of it answered', () => {
  const changes = {
    'Sec-WebSocket-Extensions': ['permessage-deflate; client_max_window_bits', 'x, permessage-deflate'],
  };
  const handshake = accepted(apply(head(changes)));
  assert.equal([...handshake.offers.keys()], ['permessage-deflate', 'x']);
  assert.is(handshake.offers.get('permessage-deflate')?.length, 2);
  assert.equal(values(handshake, 'Sec-WebSocket-Extensions'), []);
});

negotiation('extensions that are named like members of Object.prototype are offers like any other', () => {
  const handshake = accepted(apply(head({ 'Sec-WebSocket-Extensions': ['constructor, __proto__; toString'] })));
  assert.equal([...handshake.offers.keys()], ['constructor', '__proto__']);
});

for (const offered of [[''], ['a;'], ['a b'], ['a; b="c d"'], ['a; b="'], ['caf\xe9'], ['a', 'b;;'], ['a; b=\x80']]) {
  negotiation(`answers 400 to Sec-WebSocket-Extensions ${JSON.stringify(offered)}`, () => {
    refused(apply(head({ 'Sec-WebSocket-Extensions': offered })), 400, 'ERR_WS_HANDSHAKE');
  });
}

negotiation.run();

const admission = suite('server-handshake · RFC 6455 §10.2 Origin and Host');

admission('a request without Origin is admitted', () => {
  accepted(apply(head()));
});

admission('an Origin that equals Host is admitted', () => {
  accepted(apply(head({ Origin: ['https://server.example.com'] })));
});

for (const origin of ['https://evil.example', 'null', '', 'server.example.com', 'http://server.example.com:8080']) {
  admission(`answers 403 to Origin ${JSON.stringify(origin)}`, () => {
    refused(apply(head({ Origin: [origin] })), 403, 'ERR_WS_ORIGIN');
    refused(apply(head({ Origin: [origin] }), { origins: ['https://*.example.com'] }), 403, 'ERR_WS_ORIGIN');
    accepted(apply(head({ Origin: [origin] }), { origins: ['*'] }));
  });
}

admission('a foreign Origin that a pattern names is admitted', () => {
  const options = { origins: ['https://*.example.com', 'http://localhost:*'] };
  accepted(apply(head({ Origin: ['https://app.example.com'] }), options));
  accepted(apply(head({ Origin: ['http://localhost:5173'] }), options));
});

admission('answers 400 to more than one Origin, even where every origin is admitted', () => {
  const origin = 'https://server.example.com';
  refused(apply(head({ Origin: [origin, origin] }), { origins: ['*'] }), 400, 'ERR_WS_HANDSHAKE');
});

admission('answers 403 to a name that was pointed at a loopback address (DNS rebinding)', () => {
  const rebound = head({ Host: ['evil.example:8080'], Origin: ['http://evil.example:8080'] });
  for (const address of ['127.0.0.1', '127.0.0.9', '::1', '::ffff:127.0.0.1']) {
    refused(apply(rebound, {}, address), 403, 'ERR_WS_HOST');
    refused(apply(rebound, { origins: ['*'] }, address), 403, 'ERR_WS_HOST');
    accepted(apply(rebound, { hosts: ['evil.example'] }, address));
  }
  accepted(apply(rebound, {}, '10.0.0.1'));
  accepted(apply(rebound));
});

admission('loopback names are admitted on a loopback address', () => {
  for (const host of ['localhost:8080', 'app.localhost', '127.0.0.1:8080', '[::1]:8080']) {
    accepted(apply(head({ Host: [host], Origin: [`http://${host}`] }), {}, '127.0.0.1'));
  }
});

admission('answers 403 on every address to a host that the list does not name', () => {
  for (const address of ['127.0.0.1', '10.0.0.1', undefined]) {
    refused(apply(head(), { hosts: ['a.example'] }, address), 403, 'ERR_WS_HOST');
    accepted(apply(head(), { hosts: ['a.example', '*.example.com'] }, address));
  }
});

admission('a refusal of the origin keeps the fields of the request for whoever logs it', () => {
  const handshake = refused(apply(head({ Origin: ['https://evil.example'] })), 403, 'ERR_WS_ORIGIN');
  assert.is(handshake.request.get('origin'), 'https://evil.example');
  assert.not.match(text(handshake), 'evil');
});

admission.run();

const options = suite('server-handshake · options');

for (const name of ['', 'a b', 'a/b', 'a,b', 'é', 'a\r\nX: y', 'a\0']) {
  options(`refuses the subprotocol ${JSON.stringify(name)}`, () => {
    throws(() => new ServerHandshakeRules({ subprotocols: ['ok', name] }), TypeError, /^Cannot support subprotocol/);
  });
}

const own = [
  'Upgrade',
  'Connection',
  'Content-Length',
  'Transfer-Encoding',
  'Sec-WebSocket-Accept',
  'Sec-WebSocket-Protocol',
  'Sec-WebSocket-Extensions',
  'Sec-WebSocket-Key',
];

for (const name of [...own, 'Sec-WebSocket-Version']) {
  options(`refuses the header ${name} in any case`, () => {
    for (const written of [name, name.toLowerCase(), name.toUpperCase()]) {
      throws(() => new ServerHandshakeRules({ headers: [[written, 'x']] }), TypeError, /the engine writes it itself$/);
    }
  });
}

const injections: Pair[] = [
  ['X', 'a\r\nY: b'],
  ['X', 'a\n'],
  ['X', '\ra'],
  ['X', 'a\0'],
  ['X', '\u010d\u010a'],
  ['X: a\r\nY', 'b'],
  ['X Y', 'a'],
  ['', 'a'],
  ['é', 'a'],
];

for (const pair of injections) {
  options(`refuses the header ${JSON.stringify(pair)}`, () => {
    throws(() => new ServerHandshakeRules({ headers: [pair] }), TypeError, /^Cannot write header/);
    throws(() => refuse(503, 'ERR_WS_HANDSHAKE', 'Busy', [pair]), TypeError, /^Cannot write header/);
  });
}

options('refuses a pattern that is malformed', () => {
  throws(() => new ServerHandshakeRules({ origins: ['example.com'] }), TypeError, /"origins": "example.com"/);
  throws(() => new ServerHandshakeRules({ hosts: ['http://a'] }), TypeError, /"hosts": "http:\/\/a"/);
});

options('refuses a limit that is out of its range or does not exist', () => {
  throws(() => new ServerHandshakeRules({ limits: { maxHeaders: 0 } }), RangeError, /maxHeaders/);
  throws(() => new ServerHandshakeRules({ limits: { maxHead: 1 } as object }), TypeError, /maxHead/);
});

options.run();

const refusing = suite('server-handshake · refusals of a hook or an adapter');

refusing('a refusal looks like one of the engine', () => {
  const handshake = refused(
    refuse(503, 'ERR_WS_HANDSHAKE', 'Too many connections', [['Retry-After', '5']]),
    503,
    'ERR_WS_HANDSHAKE',
  );
  assert.is(handshake.error.message, 'Too many connections');
  assert.is(
    text(handshake),
    'HTTP/1.1 503 Service Unavailable\r\n' +
      'Connection: close\r\n' +
      'Content-Type: text/plain; charset=utf-8\r\n' +
      'Content-Length: 21\r\n' +
      'Retry-After: 5\r\n\r\n' +
      'Too many connections\n',
  );
});

refusing('Content-Length counts bytes of UTF-8', () => {
  const handshake = refuse(401, 'ERR_WS_HANDSHAKE', 'Kein Zutritt für €', [['WWW-Authenticate', 'Basic']]);
  const bytes = Buffer.from(serializeHandshake(handshake));
  const body = bytes.subarray(bytes.indexOf('\r\n\r\n') + 4);
  assert.is(body.toString('utf8'), 'Kein Zutritt für €\n');
  assert.equal(values(handshake, 'Content-Length'), [String(body.byteLength)]);
});

refusing('a Content-Type that is given takes the place of the one for plain text', () => {
  for (const name of ['content-type', 'Content-Type']) {
    const handshake = refuse(403, 'ERR_WS_HANDSHAKE', '{}', [[name, 'application/json']]);
    assert.equal(values(handshake, 'Content-Type'), ['application/json']);
  }
});

refusing('a redirect is a refusal too', () => {
  assert.is(refuse(302, 'ERR_WS_HANDSHAKE', 'Elsewhere', [['Location', 'https://a.example/']]).status, 302);
});

refusing('a 426 says which protocol is required', () => {
  const handshake = refused(
    refuse(426, 'ERR_WS_VERSION', 'Old', [['Sec-WebSocket-Version', '13']]),
    426,
    'ERR_WS_VERSION',
  );
  assert.equal(values(handshake, 'Upgrade'), ['websocket']);
  assert.equal(values(handshake, 'Sec-WebSocket-Version'), ['13']);
});

for (const name of own) {
  refusing(`the header ${name} is the engine's own`, () => {
    throws(() => refuse(503, 'ERR_WS_HANDSHAKE', 'Busy', [[name, 'x']]), TypeError, /the engine writes it itself$/);
  });
}

for (const status of [300, 599]) {
  refusing(`${status} is a status of a refusal`, () => {
    assert.is(refuse(status, 'ERR_WS_HANDSHAKE', 'No').status, status);
  });
}

for (const status of [101, 200, 299, 600, 0, -1, 403.5, Number.NaN]) {
  refusing(`${status} is no status of a refusal`, () => {
    throws(() => refuse(status, 'ERR_WS_HANDSHAKE', 'No'), RangeError, /^Cannot refuse a handshake with status/);
  });
}

refusing.run();

const properties = suite('server-handshake · properties');

const statuses = [101, 400, 403, 405, 426, 431];
const codes: (ErrorCode | undefined)[] = [
  'ERR_WS_HANDSHAKE',
  'ERR_WS_VERSION',
  'ERR_WS_ORIGIN',
  'ERR_WS_HOST',
  'ERR_WS_HEAD_TOO_LARGE',
];
const rules = new ServerHandshakeRules({ subprotocols: ['a'], origins: ['https://*.example.com'] });

function isDocumented(handshake: ServerHandshake): void {
  assert.ok(statuses.includes(handshake.status), String(handshake.status));
  assert.is(handshake.status === 101, handshake.error === undefined);
  if (handshake.error) assert.ok(codes.includes(handshake.error.code));
  const [first = '', ...rest] = text(handshake).split('\r\n');
  assert.match(first, /^HTTP\/1\.1 \d{3} [A-Z]/);
  const end = rest.indexOf('');
  assert.is(end, handshake.headers.length);
}

const names = fc.constantFrom(
  ...sample.map(([name]) => name),
  'Origin',
  'Sec-WebSocket-Protocol',
  'Sec-WebSocket-Extensions',
  'Content-Length',
  'Transfer-Encoding',
  '__proto__',
  'X',
);
const pieces = fc.constantFrom(
  ...sample.map(([, value]) => value),
  ...['a', 'b', ',', ';', '=', '"', '\\', ' ', '\t', '\r', '\n', '\0', '\xff', '13', '0', ':', '/', 'http://', '*'],
);
const noisy = fc.oneof(fc.string({ unit: anyCharacter }), fc.string({ unit: pieces, maxLength: 6 }));

properties('any strings as a head are answered with a documented status', () => {
  fc.assert(
    fc.property(noisy, noisy, noisy, fc.array(fc.tuple(noisy, noisy)), (method, url, httpVersion, pairs) => {
      isDocumented(rules.apply({ method, url, httpVersion, headers: pairs }));
    }),
    { seed, numRuns: 1000 },
  );
});

properties('the sample with any field changed, added or left out is answered with a documented status', () => {
  const change = fc.record({ name: names, values: fc.array(noisy, { maxLength: 2 }) }, { noNullPrototype: true });
  const address = fc.constantFrom(undefined, '127.0.0.1', '::1', '10.0.0.1', 'x');
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), address, (changes, localAddress) => {
      const changed = new Set(changes.map(({ name }) => name));
      const kept = sample.filter(([name]) => !changed.has(name));
      const added = changes.flatMap((item) => item.values.map((value): Pair => [item.name, value]));
      isDocumented(rules.apply({ method: 'GET', url: '/', headers: [...kept, ...added] }, localAddress));
    }),
    { seed, numRuns: 3000 },
  );
});

properties('any values at all as a head are answered', () => {
  fc.assert(
    fc.property(fc.anything(), fc.anything(), fc.anything(), fc.array(fc.anything()), (...values) => {
      const [method, url, httpVersion, pairs] = values;
      isDocumented(rules.apply(values as unknown as RequestHead));
      isDocumented(rules.apply({ method, url, httpVersion, headers: pairs } as unknown as RequestHead));
      isDocumented(rules.apply({ ...head(), headers: pairs } as unknown as RequestHead));
    }),
    { seed, numRuns: 500 },
  );
});

properties('a request that keeps the rules is accepted in any order and case, among any other fields', () => {
  const token = fc.string({ unit: fc.constantFrom(...'abcXYZ019-_!'.split('')), minLength: 1, maxLength: 20 });
  const other = fc.tuple(
    token.map((name) => `x-${name}`),
    fc.string({ unit: fc.integer({ min: 0x20, max: 0xff }).map((code) => String.fromCharCode(code)), maxLength: 40 }),
  );
  const good = fc.tuple(
    fc.shuffledSubarray([...sample], { minLength: sample.length }),
    fc.array(other, { maxLength: 20 }),
  );
  fc.assert(
    fc.property(good, fc.boolean(), ([fixed, others], lower) => {
      const pairs = [...others, ...fixed].map(([name, value]): Pair => [lower ? name.toLowerCase() : name, value]);
      const handshake = accepted(rules.apply({ method: 'GET', url: '/', headers: pairs }));
      assert.is(handshake.request.size, pairs.length);
      isDocumented(handshake);
    }),
    { seed },
  );
});

properties.run();
