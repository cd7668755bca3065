// The opening handshake as the client sees it: what it asks for, and every rule for the answer.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Extension } from '../../lib/extension/extension.ts';
import type {
  AcceptedByServer,
  ClientHandshakeOptions,
  ClientHandshakeOutcome,
} from '../../lib/handshake/client-handshake.ts';
import { HeaderFields, type RequestHead } from '../../lib/handshake/http-head.ts';
import {
  type ServerHandshake,
  type ServerHandshakeOptions,
  ServerHandshakeRules,
  serializeHandshake,
} from '../../lib/handshake/server-handshake.ts';
import { throws } from '../support/check.ts';
import { answer, extension, handshakeOf, outcomeOf, sampleKey } from '../support/client-handshake.ts';
import { fromLatin1, latin1 } from '../support/deliver-response.ts';
import { Random, runs, seed } from '../support/random.ts';

type Pair = [name: string, value: string];

function requestOf(options: Partial<ClientHandshakeOptions> = {}): string {
  return fromLatin1(handshakeOf(options).request());
}

/** The lines of a request behind the fields that every request has. */
function linesBehind(options: Partial<ClientHandshakeOptions>): string[] {
  const [, rest = ''] = requestOf(options).split('Sec-WebSocket-Version: 13\r\n');
  return rest.split('\r\n').slice(0, -2);
}

function accepted(outcome: ClientHandshakeOutcome | undefined): AcceptedByServer {
  if (outcome?.accepted) return outcome;
  return assert.unreachable(`not accepted: ${outcome?.error}`) as never;
}

const requesting = suite('client-handshake · RFC 6455 §4.1 the request');

requesting('is that of RFC 6455 §1.3, in this order', () => {
  const options = {
    subprotocols: ['chat', 'superchat'],
    origin: 'http://example.com',
    headers: [['X-A', '1']] as Pair[],
  };
  assert.is(
    requestOf({ ...options, extensions: [extension('x-a', [{}, { b: 2 }])] }),
    'GET /chat HTTP/1.1\r\n' +
      'Host: server.example.com\r\n' +
      'Upgrade: websocket\r\n' +
      'Connection: Upgrade\r\n' +
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n' +
      'Sec-WebSocket-Version: 13\r\n' +
      'Sec-WebSocket-Protocol: chat, superchat\r\n' +
      'Sec-WebSocket-Extensions: x-a, x-a; b=2\r\n' +
      'Origin: http://example.com\r\n' +
      'X-A: 1\r\n\r\n',
  );
});

requesting('says nothing of subprotocols, extensions and origin where there are none', () => {
  assert.equal(linesBehind({}), []);
  assert.equal(linesBehind({ subprotocols: [], extensions: [], headers: [] }), []);
  assert.equal(linesBehind({ extensions: [extension('x-a', [])] }), []);
});

requesting('has a key of 16 bytes in base64 (4.1 (7))', () => {
  const key = Uint8Array.from({ length: 16 }, (_, index) => 0xff - index * 17);
  assert.match(requestOf({ key }), `\r\nSec-WebSocket-Key: ${Buffer.from(key).toString('base64')}\r\n`);
});

requesting('takes several header fields of one name, in their order, any bytes in their values', () => {
  const headers: Pair[] = [
    ['Cookie', 'a=1'],
    ['X', '\x80\xe9\xff'],
    ['Cookie', 'b=2'],
  ];
  assert.equal(linesBehind({ headers }), ['Cookie: a=1', 'X: \x80\xe9\xff', 'Cookie: b=2']);
  assert.equal(linesBehind({ headers: new Map([['A', '1']]) }), ['A: 1']);
  assert.equal(linesBehind({ headers: headers.values() }).length, 3, 'an iterable is read once');
});

requesting('a Host of the headers takes the place of the host', () => {
  const request = requestOf({ headers: [['hOST', 'other.example:8080']] });
  assert.match(request, '\r\nHost: other.example:8080\r\nUpgrade');
  assert.is(request.match(/host:/gi)?.length, 1);
});

requesting('an Origin may be one of the headers', () => {
  assert.equal(linesBehind({ headers: [['Origin', 'null']] }), ['Origin: null']);
});

requesting('is the same each time, and the caller may do with it what he wants', () => {
  const handshake = handshakeOf();
  const first = handshake.request();
  const text = fromLatin1(first);
  first.fill(0);
  assert.is(fromLatin1(handshake.request()), text);
});

requesting('is not changed by what happens to the options afterwards', () => {
  const key = sampleKey.slice();
  const subprotocols = ['chat'];
  const headers: Pair[] = [['A', '1']];
  const handshake = handshakeOf({ key, subprotocols, headers });
  const before = fromLatin1(handshake.request());
  key.fill(0);
  subprotocols.push('other');
  headers[0] = ['A', '2'];
  assert.is(fromLatin1(handshake.request()), before);
  handshake.push(latin1(answer({ 'Sec-WebSocket-Protocol': ['other'] })));
  assert.is(handshake.outcome?.accepted, false);
});

for (const host of ['example.com', 'example.com:8080', '127.0.0.1', '[::1]:80', 'localhost', 'a_b.example']) {
  requesting(`takes the host ${host}`, () => {
    assert.match(requestOf({ host }), `\r\nHost: ${host}\r\n`);
  });
}

for (const path of ['/', '/chat?a=b&c="d"', '/%20%C3%A9', '//x', '/?', `/${'x'.repeat(10_000)}`]) {
  requesting(`takes the path ${path.slice(0, 20)}`, () => {
    assert.ok(requestOf({ path }).startsWith(`GET ${path} HTTP/1.1\r\n`));
  });
}

const wrong: [what: string, options: Record<string, unknown>, error: 'TypeError' | 'RangeError'][] = [
  ['a key that is no Uint8Array', { key: 'dGhlIHNhbXBsZSBub25jZQ==' }, 'TypeError'],
  ['no key', { key: undefined }, 'TypeError'],
  ['a key of 15 bytes', { key: new Uint8Array(15) }, 'RangeError'],
  ['a key of 17 bytes', { key: new Uint8Array(17) }, 'RangeError'],
  ['no host', { host: undefined }, 'TypeError'],
  ['an empty host', { host: '' }, 'TypeError'],
  ['a host with CRLF', { host: 'a.example\r\nX: y' }, 'TypeError'],
  ['a host with a space', { host: 'a example' }, 'TypeError'],
  ['a host with a user', { host: 'user:secret@a.example' }, 'TypeError'],
  ['a host with a path', { host: 'a.example/b' }, 'TypeError'],
  ['a host with a port over 65535', { host: 'a.example:65536' }, 'TypeError'],
  ['a host that is not ASCII', { host: 'ä.example' }, 'TypeError'],
  ['no path', { path: undefined }, 'TypeError'],
  ['an empty path', { path: '' }, 'TypeError'],
  ['a path without a slash', { path: 'chat' }, 'TypeError'],
  ['a whole URL as path', { path: 'http://a.example/' }, 'TypeError'],
  ['a path with a fragment (RFC 6455 §3)', { path: '/a#b' }, 'TypeError'],
  ['a path with a space', { path: '/a HTTP/1.1' }, 'TypeError'],
  ['a path with CRLF', { path: '/a\r\nX: y' }, 'TypeError'],
  ['a path with LF', { path: '/a\n' }, 'TypeError'],
  ['a path with NUL', { path: '/a\0' }, 'TypeError'],
  ['a path with DEL', { path: '/a\x7f' }, 'TypeError'],
  ['a path with a byte over 0x7F', { path: '/\xe9' }, 'TypeError'],
  ['a path with what becomes LF as a byte', { path: '/\u010a' }, 'TypeError'],
  ['subprotocols that are a string', { subprotocols: 'chat' }, 'TypeError'],
  ['an empty subprotocol (4.1 (10))', { subprotocols: [''] }, 'TypeError'],
  ['a subprotocol with a space', { subprotocols: ['a b'] }, 'TypeError'],
  ['a subprotocol with a comma', { subprotocols: ['a,b'] }, 'TypeError'],
  ['a subprotocol with CRLF', { subprotocols: ['a\r\nX: y'] }, 'TypeError'],
  ['a subprotocol over ASCII', { subprotocols: ['\xe9'] }, 'TypeError'],
  ['a subprotocol that is no string', { subprotocols: [1] }, 'TypeError'],
  ['a subprotocol twice (4.1 (10))', { subprotocols: ['a', 'b', 'a'] }, 'TypeError'],
  ['an extension that is none', { extensions: [{ name: 'a' }] }, 'TypeError'],
  ['an extension twice', { extensions: [extension('a'), extension('a')] }, 'TypeError'],
  ['an extension that offers what is no token', { extensions: [extension('a', [{ b: 'c\r\nd' }])] }, 'TypeError'],
  ['a header whose name is no token', { headers: [['a b', 'c']] }, 'TypeError'],
  ['a header whose name has CRLF', { headers: [['a\r\nb', 'c']] }, 'TypeError'],
  ['a header with CR', { headers: [['a', 'b\rc']] }, 'TypeError'],
  ['a header with LF', { headers: [['a', 'b\nc']] }, 'TypeError'],
  ['a header with NUL', { headers: [['a', 'b\0c']] }, 'TypeError'],
  ['a header with what becomes LF as a byte', { headers: [['a', 'b\u010ac']] }, 'TypeError'],
  ['a header that is no string', { headers: [['a', 1]] }, 'TypeError'],
  [
    'Host twice',
    {
      headers: [
        ['Host', 'a'],
        ['host', 'b'],
      ],
    },
    'TypeError',
  ],
  ['a Host that is none', { headers: [['Host', 'a b']] }, 'TypeError'],
  ['Origin twice', { origin: 'null', headers: [['origin', 'null']] }, 'TypeError'],
  ['an origin with CRLF', { origin: 'null\r\nX: y' }, 'TypeError'],
  ['an origin that is no string', { origin: 1 }, 'TypeError'],
  ['a limit that does not exist', { limits: { maxHead: 1 } }, 'TypeError'],
  ['a limit of 0', { limits: { maxHeaders: 0 } }, 'RangeError'],
  ['a limit that is endless', { limits: { maxHeadSize: Number.POSITIVE_INFINITY } }, 'RangeError'],
];

for (const [what, options, error] of wrong) {
  requesting(`refuses ${what} with a ${error}`, () => {
    throws(
      () => handshakeOf(options as Partial<ClientHandshakeOptions>),
      error === 'TypeError' ? TypeError : RangeError,
    );
  });
}

const ownNames = ['Upgrade', 'Connection', 'Content-Length', 'Transfer-Encoding'];
const secNames = ['Key', 'Version', 'Protocol', 'Extensions', 'Accept', 'Anything'].map(
  (name) => `Sec-WebSocket-${name}`,
);

for (const name of [...ownNames, ...secNames]) {
  requesting(`refuses ${name} as a header, which the engine writes itself`, () => {
    for (const written of [name, name.toLowerCase(), name.toUpperCase()]) {
      throws(() => handshakeOf({ headers: [[written, 'x']] }), TypeError, /engine/);
    }
  });
}

requesting.run();

const accepting = suite('client-handshake · RFC 6455 §4.1 an answer that is accepted');

accepting('the sample answer of the RFC to its sample request', () => {
  const text = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n';
  const more = 'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\n\r\n';
  const outcome = accepted(outcomeOf(text + more, { subprotocols: ['chat', 'superchat'] }));
  assert.equal([outcome.subprotocol, outcome.extensions, outcome.rest.byteLength], ['chat', [], 0]);
  assert.is(outcome.headers.get('upgrade'), 'websocket');
});

accepting('there is no outcome before the last byte of the head', () => {
  const text = answer();
  for (let length = 0; length < text.length; length++) assert.is(outcomeOf(text.slice(0, length)), undefined);
  accepted(outcomeOf(text));
});

accepting('frames in the same packet as the head are not lost', () => {
  assert.is(fromLatin1(accepted(outcomeOf(`${answer()}\x81\x02hi\x88\x00`)).rest), '\x81\x02hi\x88\x00');
});

accepting('what comes afterwards is no longer of the handshake: to push it is a mistake of the caller', () => {
  const handshake = handshakeOf();
  handshake.push(latin1(answer()));
  const { outcome } = handshake;
  throws(() => handshake.push(latin1('\x81\x02hi')), Error, /no HTTP/);
  handshake.end();
  assert.is(handshake.outcome, outcome);
});

accepting('1xx before the 101 is passed over', () => {
  accepted(outcomeOf(`HTTP/1.1 100 Continue\r\nUpgrade: x\r\n\r\nHTTP/1.1 103 X\r\nA: b\r\n\r\n${answer()}`));
});

const fine: [what: string, changes: Record<string, readonly string[]>][] = [
  ['Upgrade in any case', { Upgrade: ['WebSocket'] }],
  ['Upgrade in upper case', { UPGRADE: ['WEBSOCKET'] }],
  ['white space around Upgrade', { Upgrade: ['\t websocket '] }],
  ['upgrade among other options of Connection', { Connection: ['keep-alive, UPGRADE'] }],
  ['upgrade in a second Connection', { Connection: ['keep-alive', 'upgrade'] }],
  ['white space around Sec-WebSocket-Accept', { 'sec-websocket-accept': ['\t s3pPLMBiTxaQ9kYGzzhZRbK+xOo=  '] }],
  ['a Content-Length of 0', { 'Content-Length': ['0'] }],
  ['other headers, repeated too', { 'Set-Cookie': ['a=1', 'b=2'], Server: ['\xe9\x80'] }],
];

for (const [what, changes] of fine) {
  accepting(`with ${what}`, () => {
    accepted(outcomeOf(answer(changes)));
  });
}

accepting('a subprotocol that was offered, in exactly that case, is that of the connection', () => {
  const subprotocols = ['chat.v1', 'Chat', 'chat'];
  for (const chosen of subprotocols) {
    const text = answer({ 'Sec-WebSocket-Protocol': [` ${chosen} `] });
    assert.is(accepted(outcomeOf(text, { subprotocols })).subprotocol, chosen);
  }
});

accepting('none where some were offered is the choice of the server (RFC 6455 §4.2.2), unless one is required', () => {
  assert.is(accepted(outcomeOf(answer(), { subprotocols: ['chat'] })).subprotocol, '');
  assert.is(outcomeOf(answer(), { subprotocols: ['chat'], requiresSubprotocol: true })?.accepted, false);
  accepted(outcomeOf(answer(), { subprotocols: [], requiresSubprotocol: true }));
  const chosen = answer({ 'Sec-WebSocket-Protocol': ['chat'] });
  accepted(outcomeOf(chosen, { subprotocols: ['chat'], requiresSubprotocol: true }));
});

accepting('extensions that were offered are agreed on, in the order of the answer, with their parameters', () => {
  const seen: unknown[] = [];
  const confirming = (name: string): Extension => ({
    ...extension(name, [{}]),
    confirm: (parameters) => {
      seen.push([name, [...parameters]]);
      return () => ({});
    },
  });
  const extensions = [confirming('x-a'), confirming('x-b'), confirming('x-c')];
  const handshake = handshakeOf({ extensions });
  handshake.push(latin1(answer({ 'Sec-WebSocket-Extensions': ['x-c; n=1; n="2"; flag, x-a'] })));
  assert.equal(
    accepted(handshake.outcome).extensions.map(({ name, text }) => [name, text]),
    [
      ['x-c', 'x-c; n=1; n=2; flag'],
      ['x-a', 'x-a'],
    ],
  );
  assert.equal(seen, [
    [
      'x-c',
      [
        ['n', ['1', '2']],
        ['flag', [true]],
      ],
    ],
    ['x-a', []],
  ]);
});

accepting('the server may decline all extensions', () => {
  assert.equal(accepted(outcomeOf(answer(), { extensions: [extension('x-a')] })).extensions, []);
});

accepting.run();

const agreeing = suite('client-handshake · with the server of our own');

/** The head of a request, read in the simplest way. */
function readHead(request: string): RequestHead {
  const [head = '', ...rest] = request.split('\r\n\r\n');
  assert.equal(rest, [''], 'there is one head and nothing behind it');
  const [line = '', ...fields] = head.split('\r\n');
  const [method = '', url = '', version = ''] = line.split(' ');
  const headers = fields.map(
    (field): Pair => [field.slice(0, field.indexOf(':')), field.slice(field.indexOf(':') + 1)],
  );
  return { method, url, httpVersion: version.replace('HTTP/', ''), headers };
}

/** What a server makes of a request, and what the client makes of that. */
function meet(
  options: Partial<ClientHandshakeOptions>,
  rules: ServerHandshakeOptions,
  behind = '',
): [ServerHandshake, ClientHandshakeOutcome | undefined] {
  const served = new ServerHandshakeRules(rules).apply(readHead(requestOf(options)));
  return [served, outcomeOf(fromLatin1(serializeHandshake(served)) + behind, options)];
}

/** Takes an offer with an even `n`, and says so. */
const even: Extension = {
  name: 'x-even',
  offer: () => [{ n: 1, flag: true }, { n: 2 }, {}],
  accept: (offer) =>
    Number(offer.get('n')?.[0]) % 2 === 0 ? { parameters: { took: 2 }, open: () => ({}) } : undefined,
  confirm: (parameters) => (parameters.get('took')?.[0] === '2' ? () => ({}) : undefined),
};

agreeing('what the server has agreed to is what the client sees, with the frames behind it', () => {
  const extensions = [extension('x-other'), even];
  const [served, outcome] = meet(
    { extensions, subprotocols: ['b', 'a'], headers: [['Cookie', '\xe9']] },
    { extensions: [even], subprotocols: ['a', 'b'], headers: [['Set-Cookie', '\x80=\xff']] },
    '\x81\x00',
  );
  const { subprotocol, extensions: agreed, headers, rest } = accepted(outcome);
  assert.is(served.request.get('cookie'), '\xe9');
  assert.equal([subprotocol, served.subprotocol], ['a', 'a']);
  assert.equal([agreed.map(({ text }) => text), served.extensions.length], [['x-even; took=2'], 1]);
  assert.equal([headers.get('set-cookie'), fromLatin1(rest)], ['\x80=\xff', '\x81\x00']);
});

agreeing('a refusal comes with its status, its headers and its body', () => {
  const [served, outcome] = meet({ origin: 'https://evil.example' }, {});
  if (outcome === undefined || outcome.accepted) return assert.unreachable('not refused');
  assert.equal([outcome.error.code, outcome.error.status], ['ERR_WS_NOT_UPGRADED', 403]);
  assert.equal(outcome.error.headers, [...new HeaderFields(served.headers)]);
  assert.is(fromLatin1(outcome.error.body), served.body);
});

agreeing('whatever is offered and supported, both come to the same', () => {
  const random = new Random();
  const some = (names: readonly string[]): string[] => names.filter(() => random.below(2) === 0);
  const names = ['a', 'b', 'constructor', '__proto__', 'chat.v1'];
  const installable = [even, extension('x-one'), { ...extension('x-two'), accept: even.accept, confirm: even.confirm }];
  let count = 0;
  const total = runs(200);
  for (let run = 0; run < total; run++) {
    const key = random.bytes(16);
    const offered = installable.filter(() => random.below(2) === 0);
    const options = { key, subprotocols: some(names), extensions: offered, path: `/${run}?${random.next()}` };
    const behind = fromLatin1(random.bytes(random.below(30)));
    const rules = { subprotocols: some(names), extensions: installable.filter(() => random.below(2) === 0) };
    const [served, outcome] = meet(options, rules, behind);
    const { subprotocol, extensions, rest } = accepted(outcome);
    const agreed = extensions.map(({ name, text }) => [name, text]);
    const expected = served.extensions.map(({ name, text }) => [name, text]);
    assert.equal([subprotocol, agreed, fromLatin1(rest)], [served.subprotocol, expected, behind], `${seed}: ${run}`);
    count += extensions.length + (subprotocol === '' ? 0 : 1);
  }
  if (total >= 200) assert.ok(count > 20, `only ${count} were agreed on`);
});

agreeing.run();
