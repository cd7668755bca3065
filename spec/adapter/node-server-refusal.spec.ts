// Opening handshakes that are refused, over real sockets: with which status, that the whole answer arrives, and that the server serves on.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  headerOf,
  type PeerResponse,
  RawClient,
  type RequestOptions,
  requestHead,
  SAMPLE_KEY,
  text,
} from '../support/raw-client.ts';
import { assertNothingEscaped, startServer, type TestServer } from '../support/server.ts';

/** Sends one request and reads the answer; the connection is closed by the server then. */
async function refused(host: TestServer, options: RequestOptions): Promise<PeerResponse> {
  const before = host.server.counters;
  using client = await RawClient.connect(host.port);
  client.send(requestHead(host.port, options));
  const response = await client.response(options.method);
  await client.finished();
  client.end();
  await host.quiet();
  assert.is(host.server.counters.upgraded, before.upgraded, 'nothing is upgraded');
  assert.is(host.server.counters.refused, before.refused + 1, 'the refusal is counted');
  return response;
}

// --- Refused ---------------------------------------------------------------------------------------------------------

const refusedSuite = suite('node-server · RFC 6455 §4.2.2 · a request that is refused');

const refusals: readonly (readonly [string, number, RequestOptions])[] = [
  ['is a plain GET', 426, { headers: { Upgrade: undefined, Connection: undefined } }],
  ['is a HEAD', 405, { method: 'HEAD', headers: { Upgrade: undefined, Connection: undefined } }],
  ['is a POST', 405, { method: 'POST', headers: { Upgrade: undefined, 'Content-Length': '0' } }],
  ['is a POST that asks for the upgrade', 405, { method: 'POST' }],
  ['asks for another protocol', 426, { headers: { Upgrade: 'h2c' } }],
  ['has an Upgrade that Connection does not list', 400, { headers: { Connection: 'keep-alive' } }],
  ['is HTTP/1.0', 400, { version: '1.0' }],
  ['has no key', 400, { headers: { 'Sec-WebSocket-Key': undefined } }],
  ['has an empty key', 400, { headers: { 'Sec-WebSocket-Key': '' } }],
  ['has a key of 15 bytes', 400, { headers: { 'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAA' } }],
  ['has two keys', 400, { headers: { 'Sec-WebSocket-Key': [SAMPLE_KEY, SAMPLE_KEY] } }],
  ['has no version', 400, { headers: { 'Sec-WebSocket-Version': undefined } }],
  ['has version 8', 426, { headers: { 'Sec-WebSocket-Version': '8' } }],
  ['has no Host', 400, { headers: { Host: undefined } }],
  ['has two Hosts', 400, { headers: { Host: ['localhost', 'localhost'] } }],
  ['has a foreign origin', 403, { headers: { Origin: 'https://evil.example' } }],
  ['has the opaque origin', 403, { headers: { Origin: 'null' } }],
  ['has the origin of another port', 403, { headers: { Origin: 'http://127.0.0.1:1' } }],
  ['names a foreign host on a loopback address', 403, { headers: { Host: 'evil.example' } }],
  ['has 2000 headers', 431, { headers: { A: Array.from({ length: 2000 }, () => '1') } }],
  ['has 101 headers', 431, { headers: { 'X-Some': Array.from({ length: 96 }, () => '1') } }],
  ['announces content', 400, { headers: { 'Content-Length': '5' } }],
  ['offers a subprotocol with bytes over 0x7F', 400, { headers: { 'Sec-WebSocket-Protocol': 'caf\xe9' } }],
  ['offers an extension with bytes over 0x7F', 400, { headers: { 'Sec-WebSocket-Extensions': 'x; y="\xff"' } }],
  ['leaves a quoted parameter open', 400, { headers: { 'Sec-WebSocket-Extensions': `a; b="${'\\c'.repeat(4000)}` } }],
];

for (const [what, status, options] of refusals) {
  refusedSuite(`server answers ${status} to a request that ${what}, closes, and serves the next one`, async () => {
    await using host = await startServer();
    const response = await refused(host, options);
    assert.is(response.status, status);
    if (options.method !== 'HEAD') assert.ok(response.body.length > 0, 'the body says why');
    assert.match(headerOf(response, 'connection') ?? '', /close/);
    assert.is(host.sessions.length, 0, 'no handler is called');
    await host.serves();
    await host.quiet();
  });
}

refusedSuite('server names the version that it speaks to a client of version 8', async () => {
  await using host = await startServer();
  const response = await refused(host, { headers: { 'Sec-WebSocket-Version': '8' } });
  assert.is(headerOf(response, 'sec-websocket-version'), '13');
});

refusedSuite('server tells a plain GET to upgrade to websocket', async () => {
  await using host = await startServer();
  const response = await refused(host, { headers: { Upgrade: undefined, Connection: undefined } });
  assert.is(headerOf(response, 'upgrade'), 'websocket');
});

refusedSuite('server names the method that it allows to a POST', async () => {
  await using host = await startServer();
  const response = await refused(host, { method: 'POST', headers: { Upgrade: undefined, 'Content-Length': '0' } });
  assert.is(headerOf(response, 'allow'), 'GET');
});

refusedSuite('server sends no body to a HEAD', async () => {
  await using host = await startServer();
  using client = await RawClient.connect(host.port);
  client.send(requestHead(host.port, { method: 'HEAD', headers: { Upgrade: undefined, Connection: undefined } }));
  const all = (await client.rest()).toString('latin1');
  assert.is(all.indexOf('\r\n\r\n'), all.length - 4);
});

const broken: readonly (readonly [string, number, (port: number) => Uint8Array])[] = [
  ['a header of 64 KiB', 431, (port) => requestHead(port, { headers: { 'X-Long': 'x'.repeat(64 * 1024) } })],
  ['a target of 64 KiB', 431, (port) => requestHead(port, { target: `/${'x'.repeat(64 * 1024)}` })],
  ['bytes that are no HTTP', 400, () => Buffer.from('\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 'latin1')],
  ['a NUL in a header', 400, (port) => requestHead(port, { headers: { 'X-Nul': 'a\0b' } })],
  [
    'a body that is no chunk',
    426,
    (port) =>
      Buffer.concat([
        requestHead(port, { headers: { Upgrade: undefined, 'Transfer-Encoding': 'chunked' } }),
        Buffer.from('no chunk\r\n'),
      ]),
  ],
];

for (const [what, status, bytes] of broken) {
  refusedSuite(`server answers ${status} to ${what}, once, however much comes behind it, and counts it`, async () => {
    await using host = await startServer(undefined, { limits: { closeTimeout: 1_000_000 } });
    using client = await RawClient.connect(host.port);
    client.send(bytes(host.port));
    for (let count = 0; count < 64; count++) client.send(Buffer.alloc(64 * 1024, 'x'));
    const response = await client.response();
    assert.is(response.status, status);
    assert.match(headerOf(response, 'connection') ?? '', /close/);
    assert.ok(response.body.length > 0, 'the body says why');
    await client.finished();
    client.end();
    await host.quiet();
    assert.is(host.server.counters.refused, 1);
    await host.serves();
  });
}

refusedSuite('server answers 408 to a request that does not come in time, and counts it', async () => {
  await using host = await startServer(undefined, { limits: { handshakeTimeout: 60, closeTimeout: 1_000_000 } });
  using client = await RawClient.connect(host.port);
  client.send(requestHead(host.port).subarray(0, 30));
  assert.is((await client.response()).status, 408);
  await host.quiet();
  assert.is(host.server.counters.refused, 1);
});

for (const [what, status, options] of [
  ['has no Host, and asks for no upgrade', 400, { headers: { Host: undefined, Upgrade: undefined } }],
  ['expects to be told to go on', 405, { method: 'POST', headers: { Upgrade: undefined, Expect: '100-continue' } }],
  ['expects what nobody knows', 426, { headers: { Upgrade: undefined, Expect: 'more' } }],
] as const) {
  refusedSuite(`server answers ${status} to a request that ${what}, by its own rules, not by Node’s`, async () => {
    await using host = await startServer();
    const response = await refused(host, options);
    assert.is(response.status, status);
    assert.ok(response.body.length > 0, 'the body says why');
  });
}

refusedSuite('server does not upgrade a request that is pipelined behind one that was refused', async () => {
  await using host = await startServer();
  using client = await RawClient.connect(host.port);
  const plain = requestHead(host.port, { headers: { Upgrade: undefined, Connection: undefined } });
  client.send(plain, requestHead(host.port), text('smuggled'));
  assert.is((await client.response()).status, 426);
  assert.is((await client.rest()).byteLength, 0, 'nothing comes behind the refusal');
  client.end();
  await host.quiet();
  assert.is(host.server.counters.upgraded, 0);
  assert.is(host.sessions.length, 0);
  await host.serves();
});

refusedSuite('server sends the whole refusal to a client that goes on sending', async () => {
  await using host = await startServer(undefined, { limits: { closeTimeout: 1_000_000 } });
  using client = await RawClient.connect(host.port);
  client.send(requestHead(host.port, { headers: { Origin: 'https://evil.example' } }), Buffer.alloc(4 * 1024 * 1024));
  assert.is((await client.response()).status, 403);
  await client.finished();
  client.end();
  await host.quiet();
});

refusedSuite('server cuts a client that was refused and does not close its half', async () => {
  await using host = await startServer(undefined, { limits: { closeTimeout: 100 } });
  using client = await RawClient.connect(host.port);
  client.send(requestHead(host.port, { headers: { Origin: 'https://evil.example' } }));
  assert.is((await client.response()).status, 403);
  await host.quiet();
  assert.not(client.socket.writableEnded, 'the client has not closed');
});

refusedSuite('server cuts a client that was refused and goes on sending for ever', async () => {
  await using host = await startServer(undefined, { limits: { closeTimeout: 100 } });
  using client = await RawClient.connect(host.port);
  client.send(requestHead(host.port, { headers: { Origin: 'https://evil.example' } }));
  const sendOn = (): void => {
    while (!client.socket.destroyed && client.socket.write(Buffer.alloc(64 * 1024)));
  };
  client.socket.on('drain', sendOn);
  sendOn();
  assert.is((await client.response()).status, 403);
  await host.quiet();
});

refusedSuite.run();

const escapeSuite = suite('node-server · refusals · escapes');

escapeSuite('nothing has escaped from any of these connections', () => assertNothingEscaped());

escapeSuite.run();
