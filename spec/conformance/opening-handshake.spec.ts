// RFC 6455 §4.2 and §11.3, row by row of the checklist of requirements (H14 to H23), over a real socket. Each request is sent as one write and byte by
// byte.
//
// Left out: H1 to H13 bind a client. H3 of a server is its TLS, which is the platform's.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { ServeOptions } from '../../lib/node.ts';
import {
  close,
  headerOf,
  type PeerResponse,
  RawClient,
  type RequestOptions,
  requestHead,
} from '../support/raw-client.ts';
import { assertNothingEscaped, echo, startServer } from '../support/server.ts';

/** Sends the request in both ways, and gives the response, which must be the same. */
async function ask(request: RequestOptions, options: ServeOptions = {}): Promise<PeerResponse> {
  await using host = await startServer(echo, options);
  const responses: PeerResponse[] = [];
  for (const isWhole of [true, false]) {
    using client = await RawClient.connect(host.port);
    const head = requestHead(host.port, request);
    if (isWhole) client.send(head);
    else await client.drip(head);
    const response = await client.response(request.method);
    responses.push(response);
    if (response.status === 101) client.send(close(1000));
    await client.rest();
    client.end();
  }
  const [whole, bytewise] = responses;
  assert.equal(withoutDate(bytewise), withoutDate(whole));
  return whole as PeerResponse;
}

function withoutDate(response: PeerResponse | undefined): unknown {
  return response && { ...response, headers: response.headers.filter(([name]) => name !== 'date') };
}

type Row = readonly [row: string, status: number, request: RequestOptions];

const only = (headers: RequestOptions['headers']): RequestOptions => ({ headers: headers ?? {} });

const rows: readonly Row[] = [
  ['H14 server refuses a method other than GET', 405, { method: 'PUT' }],
  ['H14 server refuses HTTP/1.0', 400, { version: '1.0' }],
  ['H14 server refuses a request without Host', 400, only({ Host: undefined })],
  ['H14 server refuses a request with two Hosts', 400, only({ Host: ['localhost', '127.0.0.1'] })],
  ['H14 server refuses a Host that is none', 400, only({ Host: 'a b' })],
  ['H14 server refuses a request without Upgrade', 426, only({ Upgrade: undefined, Connection: 'keep-alive' })],
  ['H14 server refuses an Upgrade without websocket', 426, only({ Upgrade: 'websockets' })],
  ['H14 server refuses a Connection without Upgrade', 400, only({ Connection: 'close' })],
  ['H14 server refuses a Connection in which Upgrade is a part of a word', 400, only({ Connection: 'Upgrades' })],
  ['H14 server refuses a request without a key', 400, only({ 'Sec-WebSocket-Key': undefined })],
  [
    'H14 server refuses two keys',
    400,
    only({ 'Sec-WebSocket-Key': ['AQIDBAUGBwgJCgsMDQ4PEA==', 'AQIDBAUGBwgJCgsMDQ4PEA=='] }),
  ],
  ['H14 server refuses a key of 15 bytes', 400, only({ 'Sec-WebSocket-Key': 'AQIDBAUGBwgJCgsMDQ4P' })],
  ['H14 server refuses a key of 17 bytes', 400, only({ 'Sec-WebSocket-Key': 'AQIDBAUGBwgJCgsMDQ4PEBE=' })],
  ['H14 server refuses a key that is no base64', 400, only({ 'Sec-WebSocket-Key': '!QIDBAUGBwgJCgsMDQ4PEA==' })],
  ['H14 server refuses a key without its padding', 400, only({ 'Sec-WebSocket-Key': 'AQIDBAUGBwgJCgsMDQ4PEA' })],
  ['H14 server refuses a request without a version', 400, only({ 'Sec-WebSocket-Version': undefined })],
  ['H14 server refuses two versions', 400, only({ 'Sec-WebSocket-Version': ['13', '13'] })],
  ['H14 server takes a request as it is specified', 101, {}],
  ['H14 server takes the key of each 16 bytes', 101, only({ 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==' })],
  ['H15 server refuses version 0', 426, only({ 'Sec-WebSocket-Version': '0' })],
  ['H15 server refuses version 8', 426, only({ 'Sec-WebSocket-Version': '8' })],
  ['H15 server refuses version 14', 426, only({ 'Sec-WebSocket-Version': '14' })],
  ['H15 server refuses version 013', 426, only({ 'Sec-WebSocket-Version': '013' })],
  ['H17 server takes a request without Origin', 101, {}],
  ['H17 server takes an Origin of its own host', 101, only({ Host: 'localhost:81', Origin: 'http://localhost:81' })],
  ['H17 server refuses a foreign Origin', 403, only({ Origin: 'https://other.example' })],
  [
    'H17 server refuses a foreign Origin that begins as its host',
    403,
    only({ Host: 'localhost', Origin: 'http://localhost.evil.example' }),
  ],
  ['H17 server refuses an Origin of another port', 403, only({ Host: 'localhost:81', Origin: 'http://localhost:82' })],
  [
    'H17 server refuses two Origins',
    400,
    only({ Host: 'localhost', Origin: ['http://localhost', 'http://localhost'] }),
  ],
  ['H17 server refuses the Origin null', 403, only({ Origin: 'null' })],
  [
    'H21 server takes names of fields and tokens in any case',
    101,
    only({
      Upgrade: undefined,
      Connection: undefined,
      'Sec-WebSocket-Version': undefined,
      uPGRADE: 'WEBSOCKET',
      cONNECTION: 'uPGRADE',
      'SEC-WEBSOCKET-VERSION': '13',
    }),
  ],
  ['H21 server takes a Connection over many fields', 101, only({ Connection: ['keep-alive', 'x', 'Upgrade'] })],
  ['H22 server takes an extension with parameters', 101, only({ 'Sec-WebSocket-Extensions': 'x; a; b=1; c="2"' })],
  [
    'H22 server takes many extensions over two fields',
    101,
    only({ 'Sec-WebSocket-Extensions': ['x, y; a=1', 'x; b'] }),
  ],
  ['H22 server refuses an empty extension list', 400, only({ 'Sec-WebSocket-Extensions': '' })],
  ['H22 server refuses an extension without a name', 400, only({ 'Sec-WebSocket-Extensions': '; a' })],
  ['H22 server refuses a parameter without a name', 400, only({ 'Sec-WebSocket-Extensions': 'x; =1' })],
  ['H22 server refuses a parameter with an empty value', 400, only({ 'Sec-WebSocket-Extensions': 'x; a=' })],
  ['H22 server refuses a quoted value that is no token', 400, only({ 'Sec-WebSocket-Extensions': 'x; a="b c"' })],
  ['H22 server refuses a quoted value that is open', 400, only({ 'Sec-WebSocket-Extensions': 'x; a="b' })],
  ['H22 server refuses a name that is no token', 400, only({ 'Sec-WebSocket-Extensions': 'x y' })],
  ['H23 server refuses more header fields than its limit', 431, only({ 'X-A': Array(120).fill('1') })],
];

const rowSuite = suite('conformance · RFC 6455 §4.2 · the opening handshake');

for (const [row, status, request] of rows) {
  rowSuite(`${row}: ${status}`, async () => {
    assert.is((await ask(request)).status, status);
  });
}

rowSuite('H15 server lists the version that it speaks in its refusal', async () => {
  const response = await ask(only({ 'Sec-WebSocket-Version': '25' }));
  assert.is(response.status, 426);
  assert.is(headerOf(response, 'sec-websocket-version'), '13');
});

rowSuite('H16 server refuses a resource that it does not have with 404', async () => {
  assert.is((await ask({ target: '/other' }, { path: '/chat' })).status, 404);
  assert.is((await ask({ target: '/chat' }, { path: '/chat' })).status, 101);
});

for (const [what, offered, supported, chosen] of [
  ['the one that is offered', 'chat', ['chat'], 'chat'],
  ['that which it prefers', 'a, b, c', ['c', 'a'], 'c'],
  ['one of a list over two fields', ['a', 'b'], ['b'], 'b'],
  ['none when it speaks none of them', 'a, b', ['c'], undefined],
  ['none when it speaks none at all', 'a, b', [], undefined],
  ['none when none is offered', undefined, ['a'], undefined],
  ['none when it differs in case', 'Chat', ['chat'], undefined],
] as const) {
  rowSuite(`H18 server answers a subprotocol: ${what}`, async () => {
    const response = await ask(only({ 'Sec-WebSocket-Protocol': offered }), { subprotocols: supported });
    assert.is(response.status, 101);
    assert.is(headerOf(response, 'sec-websocket-protocol'), chosen);
  });
}

for (const [what, offered] of [
  ['an empty list', ''],
  ['the same name twice', 'a, a'],
  ['a name that is no token', 'a b'],
  ['a name with a separator', 'a/b'],
] as const) {
  rowSuite(`H18 server refuses ${what} of subprotocols: 400`, async () => {
    const response = await ask(only({ 'Sec-WebSocket-Protocol': offered }), { subprotocols: ['a'] });
    assert.is(response.status, 400);
  });
}

rowSuite('H19 server answers no extension that it does not have', async () => {
  const response = await ask(only({ 'Sec-WebSocket-Extensions': 'permessage-foo; x=1, bbf-usp-protocol' }));
  assert.is(response.status, 101);
  assert.is(headerOf(response, 'sec-websocket-extensions'), undefined);
});

rowSuite(
  'H20 server answers 101 with Upgrade, Connection and the key of RFC 6455 §1.3 accepted, each once',
  async () => {
    const response = await ask({});
    assert.is(response.status, 101);
    assert.is(headerOf(response, 'upgrade'), 'websocket');
    assert.is(headerOf(response, 'connection'), 'Upgrade');
    assert.is(headerOf(response, 'sec-websocket-accept'), 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
  },
);

rowSuite('H23 server drops a client whose handshake takes longer than its limit', async () => {
  await using host = await startServer(echo, { limits: { handshakeTimeout: 100 } });
  using client = await RawClient.connect(host.port);
  client.send(requestHead(host.port).subarray(0, -1));
  await client.rest();
  await host.quiet();
});

rowSuite('H23 server refuses a head over its limit with 431', async () => {
  const response = await ask(only({ 'X-Long': 'x'.repeat(900) }), { limits: { maxHeadSize: 1000 } });
  assert.is(response.status, 431);
});

rowSuite.run();

const escapeSuite = suite('conformance · opening handshake · escapes');

escapeSuite('nothing has escaped from any of these connections', () => assertNothingEscaped());

escapeSuite.run();
