// The opening handshake over real sockets: what is accepted, what is refused and how, and that nothing a client does in it
// hurts the server.

import { once } from 'node:events';
import { connect } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  close,
  headerOf,
  type PeerResponse,
  RawClient,
  type RequestOptions,
  requestHead,
  text,
} from '../support/raw-client.ts';
import { assertNothingEscaped, echo, endOf, startServer, type TestServer } from '../support/server.ts';
import { serve } from '../support/serving.ts';
import { until } from '../support/until.ts';

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

/** Sends one request that is accepted, echoes a message and closes. Gives the head of the response. */
async function accepted(host: TestServer, options: RequestOptions): Promise<PeerResponse> {
  using client = await RawClient.connect(host.port);
  client.send(requestHead(host.port, options));
  const response = await client.accepted();
  client.send(text('hello'), close(1000));
  const { code, before } = await client.untilClose();
  assert.equal(
    before.map(({ payload }) => payload.toString()),
    ['hello'],
  );
  assert.is(code, 1000);
  await client.finished();
  return response;
}

// --- Accepted --------------------------------------------------------------------------------------------------------

const acceptedSuite = suite('node-server · RFC 6455 §4.2.2 · a request that is accepted');

acceptedSuite('server answers 101 with Upgrade, Connection and the accept key, and nothing else', async () => {
  await using host = await startServer();
  const response = await accepted(host, {});
  assert.equal(response.headers, [
    ['upgrade', 'websocket'],
    ['connection', 'Upgrade'],
    ['sec-websocket-accept', 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='],
  ]);
});

const acceptable: readonly (readonly [string, NonNullable<RequestOptions['headers']>])[] = [
  ['Connection in lower case', { Connection: 'upgrade' }],
  ['Connection as a list', { Connection: 'keep-alive, Upgrade' }],
  ['Connection over two fields', { Connection: ['keep-alive', 'UPGRADE'] }],
  ['Upgrade in mixed case', { Upgrade: 'WebSocket' }],
  ['Upgrade as a list', { Upgrade: 'h2c, websocket' }],
  ['names of fields in lower case', { 'Sec-WebSocket-Version': undefined, 'sec-websocket-version': '13' }],
  ['a Content-Type', { 'Content-Type': 'application/json' }],
  ['a Content-Length of 0', { 'Content-Length': '0' }],
  ['localhost as Host', { Host: 'localhost' }],
  ['an origin that equals Host', { Host: 'localhost:80', Origin: 'http://localhost' }],
  ['bytes over 0x7F in a field', { 'X-Name': 'caf\xe9 \xff\x80' }],
  ['names of Object.prototype as fields', { constructor: 'a', __proto__x: 'b', hasOwnProperty: 'c', toString: 'd' }],
  ['names of Object.prototype as subprotocols', { 'Sec-WebSocket-Protocol': 'constructor, __proto__, toString' }],
  [
    'names of Object.prototype as extensions',
    { 'Sec-WebSocket-Extensions': 'constructor; __proto__=toString, __proto__; hasOwnProperty' },
  ],
  ['ten thousand spaces in Connection', { Connection: `keep-alive,${' '.repeat(10_000)}Upgrade` }],
  ['ten thousand spaces in a subprotocol list', { 'Sec-WebSocket-Protocol': `a${' '.repeat(10_000)},b` }],
  ['ten thousand commas in an extension list', { 'Sec-WebSocket-Extensions': `a${','.repeat(10_000)}b` }],
];

for (const [what, headers] of acceptable) {
  acceptedSuite(`server accepts a request with ${what}`, async () => {
    await using host = await startServer();
    const response = await accepted(host, { headers });
    assert.is(response.headers.length, 3, 'no subprotocol and no extension is answered');
    await host.quiet();
  });
}

acceptedSuite('server accepts a request with __proto__ as a field', async () => {
  await using host = await startServer();
  using client = await RawClient.connect(host.port);
  const head = requestHead(host.port).toString('latin1').replace('Host:', '__proto__: polluted\r\nHost:');
  client.send(Buffer.from(head, 'latin1'));
  await client.accepted();
  const session = await host.session();
  assert.is(session.request?.headers.get('__proto__'), 'polluted');
  assert.is(({} as Record<string, unknown>)['polluted'], undefined);
});

acceptedSuite('server takes 2000 headers before those that count where its limits admit them', async () => {
  await using host = await startServer(undefined, { limits: { maxHeaders: 3000, maxHeadSize: 64 * 1024 } });
  using client = await RawClient.connect(host.port);
  const filler = 'A: 1\r\n'.repeat(2000);
  client.send(Buffer.from(requestHead(host.port).toString('latin1').replace('Host:', `${filler}Host:`), 'latin1'));
  await client.accepted();
  assert.is((await host.session()).request?.headers.getAll('a').length, 2000);
});

acceptedSuite('server answers the subprotocol that it prefers and tells the session of it', async () => {
  await using host = await startServer(undefined, { subprotocols: ['v2', 'v1'] });
  const response = await accepted(host, { headers: { 'Sec-WebSocket-Protocol': ['v1', 'v2, v3'] } });
  assert.is(headerOf(response, 'sec-websocket-protocol'), 'v2');
  assert.is((await host.session()).subprotocol, 'v2');
});

acceptedSuite('server answers the header fields of its options', async () => {
  await using host = await startServer(undefined, {
    headers: [
      ['Set-Cookie', 'a=b'],
      ['X-Served-By', 'one'],
    ],
  });
  const response = await accepted(host, {});
  assert.is(headerOf(response, 'set-cookie'), 'a=b');
  assert.is(headerOf(response, 'x-served-by'), 'one');
});

acceptedSuite('server tells the session of the request and of the peer', async () => {
  await using host = await startServer();
  await accepted(host, { target: '/chat/room?name=caf%C3%A9#', headers: { 'X-Twice': ['a', 'b'], Cookie: 'id=1' } });
  const session = await host.session();
  assert.is(session.request?.method, 'GET');
  assert.is(session.request?.url, '/chat/room?name=caf%C3%A9#');
  assert.is(session.request?.httpVersion, '1.1');
  assert.equal(session.request?.headers.getAll('x-twice'), ['a', 'b']);
  assert.is(session.request?.headers.get('cookie'), 'id=1');
  assert.is(session.remoteAddress, '127.0.0.1');
});

acceptedSuite('server accepts a foreign origin that its options admit', async () => {
  await using host = await startServer(undefined, { origins: ['https://*.example.com'] });
  await accepted(host, { headers: { Origin: 'https://app.example.com' } });
  assert.is((await refused(host, { headers: { Origin: 'https://example.com' } })).status, 403);
});

for (const host of ['127.0.0.1', '0.0.0.0', '::', '::1', '127.0.0.3']) {
  acceptedSuite(
    `server that listens on ${host} admits loopback names alone to a loopback address (DNS rebinding)`,
    async () => {
      await using server = await serve({ host }, echo);
      const peer = { '0.0.0.0': '127.0.0.1', '::': '::1' }[host] ?? host;
      for (const [name, status] of [
        ['localhost', 101],
        ['evil.example', 403],
      ] as const) {
        const socket = connect({ host: peer, port: server.port });
        socket.end(requestHead(server.port, { headers: { Host: name } }));
        const [answer] = (await once(socket, 'data')) as [Buffer];
        assert.ok(answer.toString('latin1').startsWith(`HTTP/1.1 ${status} `), `${name}: ${answer}`);
        socket.destroy();
      }
    },
  );
}

acceptedSuite('server accepts a Host that its options admit', async () => {
  await using host = await startServer(undefined, { hosts: ['chat.example.com'] });
  await accepted(host, { headers: { Host: 'chat.example.com' } });
  assert.is((await refused(host, { headers: { Host: 'localhost' } })).status, 403);
});

acceptedSuite.run();

// --- Bytes and packets -----------------------------------------------------------------------------------------------

const packetSuite = suite('node-server · RFC 6455 §4.2 · how the bytes of a handshake come');

packetSuite('server delivers a first frame that came in the packet of the request', async () => {
  await using host = await startServer();
  using client = await RawClient.open(host.port, {}, text('first'));
  assert.is((await client.frame()).payload.toString(), 'first');
  client.send(text('second'));
  assert.is((await client.frame()).payload.toString(), 'second');
});

packetSuite(
  'server delivers a thousand frames that came in the packet of the request, none lost, in order',
  async () => {
    await using host = await startServer();
    const all = Array.from({ length: 1000 }, (_, index) => `message ${index}`);
    using client = await RawClient.open(host.port, {}, Buffer.concat([...all.map((each) => text(each)), close(1000)]));
    const { before } = await client.untilClose();
    assert.equal(
      before.map(({ payload }) => payload.toString()),
      all,
    );
    await client.finished();
  },
);

packetSuite('server delivers the rest of a frame whose start came in the packet of the request', async () => {
  await using host = await startServer();
  const frame = text('in two pieces');
  using client = await RawClient.open(host.port, {}, frame.subarray(0, 5));
  client.send(frame.subarray(5));
  assert.is((await client.frame()).payload.toString(), 'in two pieces');
});

packetSuite(
  'server completes the closing handshake of a close frame that came in the packet of the request',
  async () => {
    await using host = await startServer();
    using client = await RawClient.open(host.port, {}, close(4000, 'at once'));
    assert.equal(await client.untilClose(), { code: 4000, reason: '', before: [] });
    await client.finished();
    client.end();
    const { received, wasClean } = await endOf(await host.session());
    assert.equal(received, { closeCode: 4000, reason: 'at once' });
    assert.ok(wasClean);
  },
);

packetSuite('server refuses frames that are wrong in the packet of the request as any others', async () => {
  await using host = await startServer();
  using client = await RawClient.open(host.port, {}, Uint8Array.of(0x83, 0x80, 0, 0, 0, 0));
  assert.is((await client.untilClose()).code, 1002);
  await client.finished();
});

packetSuite('server accepts a request that comes byte by byte, and frames behind it that do too', async () => {
  await using host = await startServer();
  using client = await RawClient.connect(host.port);
  await client.drip(requestHead(host.port), text('slowly'), text('but surely'));
  await client.accepted();
  assert.equal(
    (await client.frames(2)).map(({ payload }) => payload.toString()),
    ['slowly', 'but surely'],
  );
});

packetSuite.run();

// --- Clients that stall or go ----------------------------------------------------------------------------------------

const stallSuite = suite('node-server · RFC 6455 §10.4 · a handshake that does not come to its end');

const stalls: readonly (readonly [string, (port: number) => Uint8Array])[] = [
  ['sends nothing', () => Buffer.alloc(0)],
  ['sends half of a head', (port) => requestHead(port).subarray(0, 60)],
  ['sends all of a head but the last byte', (port) => requestHead(port).subarray(0, -1)],
];

for (const [what, bytes] of stalls) {
  stallSuite(`server drops a client that ${what} and stalls, after handshakeTimeout`, async () => {
    await using host = await startServer(undefined, { limits: { handshakeTimeout: 100 } });
    using client = await RawClient.connect(host.port);
    client.send(bytes(host.port));
    await until(() => host.server.counters.connections === 1, 'the connection is counted');
    await client.rest();
    await host.quiet();
    await host.serves();
  });

  stallSuite(`server goes on when a client ${what} and resets`, async () => {
    await using host = await startServer();
    using client = await RawClient.connect(host.port);
    client.send(bytes(host.port));
    await until(() => host.server.counters.connections === 1, 'the connection is counted');
    client.reset();
    await host.quiet();
    await host.serves();
  });

  stallSuite(`server goes on when a client ${what} and closes its half`, async () => {
    await using host = await startServer();
    using client = await RawClient.connect(host.port);
    client.send(bytes(host.port));
    await until(() => host.server.counters.connections === 1, 'the connection is counted');
    client.end();
    await client.rest();
    await host.quiet();
    await host.serves();
  });
}

stallSuite('server drops a client that sends a head byte by byte for longer than handshakeTimeout', async () => {
  await using host = await startServer(undefined, { limits: { handshakeTimeout: 100 } });
  using client = await RawClient.connect(host.port);
  const drip = setInterval(() => client.socket.write('x'), 10);
  client.send(requestHead(host.port).subarray(0, -2), Buffer.from('X-Drip: '));
  await client.rest();
  clearInterval(drip);
  await host.quiet();
  await host.serves();
});

stallSuite('server keeps a session far longer than handshakeTimeout', async () => {
  await using host = await startServer(undefined, { limits: { handshakeTimeout: 60 } });
  using client = await RawClient.open(host.port);
  // The server judges handshakes at least each 50 ms: by the time it has dropped two other clients, this one would be gone too.
  for (let round = 0; round < 2; round++) {
    using other = await RawClient.connect(host.port);
    await other.rest();
  }
  client.send(text('still here'));
  assert.is((await client.frame()).payload.toString(), 'still here');
});

stallSuite('server ends the job of a client that resets right behind its request', async () => {
  await using host = await startServer();
  using client = await RawClient.connect(host.port);
  client.send(requestHead(host.port));
  await client.accepted();
  client.reset();
  const { closeCode, wasClean } = await endOf(await host.session());
  assert.is(closeCode, 1006);
  assert.not(wasClean);
  await host.quiet();
  await host.serves();
});

stallSuite('server goes on when two hundred clients reset at all stages of their handshakes', async () => {
  await using host = await startServer();
  const head = Buffer.concat([requestHead(host.port), text('a message')]);
  await Promise.all(
    Array.from({ length: 200 }, async (_, index) => {
      const client = await RawClient.connect(host.port);
      client.send(head.subarray(0, (head.byteLength * index) / 200));
      await new Promise<void>((resolve) => client.socket.write('', () => resolve()));
      client.reset();
    }),
  );
  await host.quiet();
  await host.serves();
});

stallSuite.run();

const escapeSuite = suite('node-server · handshakes · escapes');

escapeSuite('nothing has escaped from any of these connections', () => assertNothingEscaped());

escapeSuite.run();
