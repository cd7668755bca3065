// permessage-deflate through each door of the library: `attach`, `WebSocketUpgrade` by hand and with hooks, byte streams of the caller's own, TLS, raw sessions, rejected upgrades.

import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { connect as tlsConnect } from 'node:tls';
import { generate } from 'selfsigned';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  attach,
  permessageDeflate,
  Refusal,
  type Session,
  serve,
  toByteStreams,
  toRequestHead,
  WebSocketUpgrade,
} from '../../lib/node.ts';
import { assertSame, toWsOptions } from '../support/deflate-links.ts';
import { digits, json, multibyte, noise, smallSamples } from '../support/deflate-samples.ts';
import { openByHand } from '../support/hand-client.ts';
import { openUndici, openWs, type Peer } from '../support/peers.ts';
import { headerOf, RawClient, requestHead } from '../support/raw-client.ts';
import { assertNothingEscaped, echo, endOf } from '../support/server.ts';
import { until, within } from '../support/until.ts';

const test = suite('permessage-deflate · every door');

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

async function end(server: Server): Promise<void> {
  server.closeAllConnections();
  await within(new Promise((resolve) => server.close(resolve)), 'the server closes');
}

/** A handler that echoes, and keeps its session. */
function keeper(): { readonly sessions: Session[]; readonly handler: (session: Session) => Promise<void> } {
  const sessions: Session[] = [];
  return {
    sessions,
    handler: (session) => {
      sessions.push(session);
      return echo(session);
    },
  };
}

/** Asserts that what the peer sends comes back, small on the wire each way, and that the connection closes well. */
async function assertDeflated(peer: Peer, session: Session, inflatesOnly = false): Promise<void> {
  assert.is(session.extensions, 'permessage-deflate');
  assert.match(peer.extensions, /^permessage-deflate/);
  let size = 0;
  for (const message of [...smallSamples.map((sample) => sample.message), multibyte(300_000), json(1), json(2)]) {
    peer.send(message);
    assertSame(await peer.receive(), message);
    size += Buffer.from(message as string).byteLength;
  }
  const { bytesSent, bytesReceived } = session.counters;
  assert.ok(bytesSent < size / 10, `${bytesSent} bytes for ${size}`);
  assert.ok(inflatesOnly || bytesReceived < size / 10, `${bytesReceived} bytes for ${size}`);
  peer.close(1000);
  assert.is((await peer.ended()).code, 1000);
  const { wasClean, error } = await endOf(session);
  assert.is(error, undefined);
  assert.ok(wasClean);
}

const clients = [
  { name: 'ws', open: openWs, inflatesOnly: false },
  { name: 'undici', open: openUndici, inflatesOnly: true },
];

for (const { name, open, inflatesOnly } of clients) {
  test(`attach: each handler has the extensions that it was given, with ${name}`, async () => {
    const http = createServer();
    const port = await listen(http);
    const [deflating, plain] = [keeper(), keeper()];
    const first = attach(http, { path: '/deflate/:room', extensions: [permessageDeflate()] }, deflating.handler);
    const second = attach(http, { path: '/plain' }, plain.handler);
    const peer = await open(`ws://127.0.0.1:${port}/deflate/green`);
    await assertDeflated(peer, deflating.sessions[0] as Session, inflatesOnly);
    const other = await open(`ws://127.0.0.1:${port}/plain`);
    assert.equal([other.extensions, plain.sessions[0]?.extensions], ['', '']);
    other.send('hello');
    assert.is(await other.receive(), 'hello');
    other.close(1000);
    await other.ended();
    assert.ok(first.counters.bytesSent > 0);
    await Promise.all([first.stop(), second.stop()]);
    await end(http);
  });

  test(`WebSocketUpgrade over an HTTP server of one’s own, as README has it, with ${name}`, async () => {
    const http = createServer();
    const port = await listen(http);
    const { sessions, handler } = keeper();
    const extensions = [permessageDeflate()];
    let answered: string | undefined;
    http.on('upgrade', (request, socket, head) => {
      const { localAddress = '' } = request.socket;
      const upgrade = new WebSocketUpgrade(toRequestHead(request), { localAddress, extensions }, handler);
      answered = upgrade.headers.find(([header]) => header === 'Sec-WebSocket-Extensions')?.[1];
      assert.equal(
        upgrade.extensions.map((agreed) => [agreed.name, agreed.rsvBits, agreed.text]),
        [['permessage-deflate', 0x40, 'permessage-deflate']],
      );
      assert.is(upgrade.extensionOffers.get('permessage-deflate')?.length, 1);
      const { readable, writable } = toByteStreams(socket, head);
      socket.write(upgrade.response());
      upgrade.upgrade(readable, writable);
    });
    const peer = await open(`ws://127.0.0.1:${port}`);
    assert.is(answered, 'permessage-deflate');
    await assertDeflated(peer, sessions[0] as Session, inflatesOnly);
    await end(http);
  });

  test(`byte streams that are streams to the engine too, with ${name}`, async () => {
    const http = createServer();
    const port = await listen(http);
    const { sessions, handler } = keeper();
    const extensions = [permessageDeflate()];
    http.on('upgrade', (request, socket, head) => {
      const upgrade = new WebSocketUpgrade(toRequestHead(request), { extensions }, handler);
      const { readable, writable } = toByteStreams(socket, head);
      socket.write(upgrade.response());
      // Cut into small chunks on the way in: a compressed message may end anywhere.
      const chop = new TransformStream<Uint8Array, Uint8Array>({
        transform: (chunk, out) => {
          for (let start = 0; start < chunk.byteLength; start += 997) out.enqueue(chunk.slice(start, start + 997));
        },
      });
      upgrade.upgrade(readable.pipeThrough(chop), writable);
    });
    const peer = await open(`ws://127.0.0.1:${port}`);
    await assertDeflated(peer, sessions[0] as Session, inflatesOnly);
    await end(http);
  });
}

test('WebSocketUpgrade.decide: what hooks let in is compressed, and a refusal says nothing of extensions', async () => {
  const http = createServer();
  const port = await listen(http);
  const { sessions, handler } = keeper();
  const extensions = [permessageDeflate({ serverNoContextTakeover: true })];
  http.on('upgrade', async (request, socket, head) => {
    const admit = async (): Promise<Refusal | undefined> => (request.url === '/no' ? new Refusal(403) : undefined);
    const upgrade = await WebSocketUpgrade.decide(toRequestHead(request), { extensions, admit }, handler);
    socket.write(upgrade.response());
    const { readable, writable } = toByteStreams(socket, head);
    if (upgrade.status === 101) upgrade.upgrade(readable, writable);
    else socket.end();
  });
  const headers = { 'Sec-WebSocket-Extensions': 'permessage-deflate' };
  using refused = await RawClient.connect(port);
  refused.send(requestHead(port, { target: '/no', headers }));
  const response = await refused.response();
  assert.equal([response.status, headerOf(response, 'sec-websocket-extensions')], [403, undefined]);
  refused.socket.destroy();
  using accepted = await RawClient.connect(port);
  accepted.send(requestHead(port, { headers }));
  assert.is(
    headerOf(await accepted.accepted(), 'sec-websocket-extensions'),
    'permessage-deflate; server_no_context_takeover',
  );
  assert.is(sessions[0]?.extensions, 'permessage-deflate; server_no_context_takeover');
  accepted.socket.destroy();
  await endOf(sessions[0] as Session);
  await end(http);
});

test('a subprotocol stands beside the extension', async () => {
  const options = { subprotocols: ['chat'], extensions: [permessageDeflate()] };
  await using server = await serve(options, echo);
  using client = await RawClient.connect(server.port);
  const headers = { 'Sec-WebSocket-Extensions': 'permessage-deflate', 'Sec-WebSocket-Protocol': 'chat' };
  client.send(requestHead(server.port, { headers }));
  const response = await client.accepted();
  assert.is(headerOf(response, 'sec-websocket-extensions'), 'permessage-deflate');
  assert.is(headerOf(response, 'sec-websocket-protocol'), 'chat');
  client.socket.destroy();
});

// --- TLS -------------------------------------------------------------------------------------------------------------

const certificate = generate([{ name: 'commonName', value: 'localhost' }], { keySize: 2048, algorithm: 'sha256' }).then(
  (made) => ({ key: made.private, cert: made.cert }),
);

test('wss: ws and our own client talk to serve over TLS', async () => {
  const { sessions, handler } = keeper();
  const tls = await certificate;
  await using server = await serve({ tls, extensions: [permessageDeflate()] }, handler);
  const peer = await openWs(server.url, [], { rejectUnauthorized: false, ...toWsOptions({ threshold: 0 }) });
  await assertDeflated(peer, sessions[0] as Session);

  const socket = tlsConnect({ port: server.port, host: '127.0.0.1', rejectUnauthorized: false });
  await within(new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject)), 'TLS');
  const { job } = await openByHand({ port: server.port, socket, extensions: [permessageDeflate()] });
  for (const message of [json(1), multibyte(200_000), noise(200_000), '']) {
    await job.session.send(message);
    assertSame(await within(job.session.receive(), 'the echo'), message);
  }
  assert.ok(job.session.counters.bytesSent < 205_000);
  void job.session.close();
  assert.ok((await endOf(job.session)).wasClean);
});

test('attach to an https.Server compresses too', async () => {
  const https = createTlsServer(await certificate);
  const port = await listen(https);
  const { sessions, handler } = keeper();
  const attachment = attach(https, { extensions: [permessageDeflate()] }, handler);
  const peer = await openWs(`wss://127.0.0.1:${port}`, [], { rejectUnauthorized: false });
  await assertDeflated(peer, sessions[0] as Session);
  await attachment.stop();
  await end(https);
});

// --- Raw sessions ----------------------------------------------------------------------------------------------------

test('a raw session has frames behind the extension: plain ones, and ws sees what it sends inflated', async () => {
  const frames: string[] = [];
  const server = await serve({ raw: true, extensions: [permessageDeflate()] }, async (session) => {
    for await (const frame of session) {
      const { opcode, fin, rsv1, payload } = frame;
      frames.push(`${opcode} ${fin} ${rsv1} ${payload.byteLength}`);
      if (opcode === 8) return;
      await session.send(frame);
    }
  });
  const peer = await openWs(server.url, [], toWsOptions({ threshold: 0 }));
  const message = digits(600);
  peer.send(message);
  assert.is(await peer.receive(), message);
  peer.socket.send(message, { fin: false });
  peer.socket.send('', { fin: true });
  assert.is(await peer.receive(), message);
  peer.close(1000);
  assert.is((await peer.ended()).code, 1000);
  assert.equal(frames, ['1 true false 600', '1 false false 600', '0 true false 0', '8 true false 2']);
  const { bytesReceived, bytesSent } = server.counters;
  assert.ok(bytesReceived < 450 && bytesSent < 450, `${bytesReceived} and ${bytesSent} bytes for 1200`);
  await until(() => server.counters.open === 0, 'the session has ended');
  await server.stop();
});

test('nothing has escaped in all of this', assertNothingEscaped);

test.run();
