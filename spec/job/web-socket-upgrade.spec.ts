import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { StreamedMessage } from '../../lib/connection/streamed-message.ts';
import type { Frame } from '../../lib/frame/frame.ts';
import { ServerHandshakeRules } from '../../lib/handshake/server-handshake.ts';
import type { RawSession } from '../../lib/job/session.ts';
import { WebSocketUpgrade } from '../../lib/job/web-socket-upgrade.ts';
import { throws } from '../support/check.ts';
import { turns } from '../support/clock.ts';
import { toHex } from '../support/hex.ts';
import { createPair, masked, unmasked } from '../support/pair.ts';

const head = {
  method: 'GET',
  url: '/chat?room=1',
  headers: [
    ['Host', 'example.com'],
    ['Upgrade', 'websocket'],
    ['Connection', 'keep-alive, Upgrade'],
    ['Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZQ=='],
    ['Sec-WebSocket-Version', '13'],
    ['Sec-WebSocket-Protocol', 'chat, superchat'],
    ['Sec-WebSocket-Extensions', 'permessage-deflate; client_max_window_bits'],
  ] as [string, string][],
};

const test = suite('WebSocketUpgrade · RFC 6455 §4.2');

test('answers a good request with 101 and its accept key, from the head alone', () => {
  const upgrade = new WebSocketUpgrade(head, { subprotocols: ['superchat'] });
  assert.is(upgrade.status, 101);
  const response = new TextDecoder().decode(upgrade.response());
  assert.ok(response.startsWith('HTTP/1.1 101 Switching Protocols\r\n'));
  assert.ok(response.endsWith('\r\n\r\n'));
  assert.ok(response.includes('Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n'));
  assert.equal([upgrade.subprotocol, upgrade.body, upgrade.error], ['superchat', '', undefined]);
  assert.ok(upgrade.headers.some(([name, value]) => name === 'Sec-WebSocket-Protocol' && value === 'superchat'));
  assert.is(upgrade.requestHeaders.get('HOST'), 'example.com');
});

test('parses the extension offers and negotiates none', () => {
  const upgrade = new WebSocketUpgrade(head, {});
  assert.is(upgrade.extensionOffers.get('permessage-deflate')?.[0]?.parameters.has('client_max_window_bits'), true);
  assert.not(upgrade.headers.some(([name]) => name === 'Sec-WebSocket-Extensions'));
});

test('its upgrade starts the job with the facts of the request', async () => {
  const up = new TransformStream<Uint8Array, Uint8Array>();
  const down = new TransformStream<Uint8Array, Uint8Array>();
  const upgrade = new WebSocketUpgrade(head, { subprotocols: ['chat'], remoteAddress: '192.0.2.1' }, () => {});
  const { session } = upgrade.upgrade(up.readable, down.writable);
  assert.equal([session.subprotocol, session.remoteAddress], ['chat', '192.0.2.1']);
  assert.equal(
    [session.request?.method, session.request?.url, session.request?.httpVersion],
    ['GET', '/chat?room=1', '1.1'],
  );
  assert.is(session.request?.headers.get('upgrade'), 'websocket');
  session.job.cancel();
  await turns();
});

test('its upgrade hands on every option of a connection: with raw: true the session is one of frames', async () => {
  const up = new TransformStream<Uint8Array, Uint8Array>();
  const down = new TransformStream<Uint8Array, Uint8Array>();
  const options = { raw: true, rsvBits: 0x40, limits: { closeTimeout: 1 } } as const;
  const upgrade = new WebSocketUpgrade(head, options, async (session) => {
    for await (const frame of session) await session.send({ ...frame, payload: Uint8Array.of(...frame.payload, 0x21) });
  });
  const job = upgrade.upgrade(up.readable, down.writable);
  const writer = up.writable.getWriter();
  void writer.write(masked(0xc1, 'Hi'));
  const { value } = await down.readable.getReader().read();
  assert.is(toHex(value as Uint8Array), toHex(unmasked(0xc1, 'Hi!')));
  job.cancel();
  void writer.close();
  await turns();
});

test('decide gives an upgrade of the kind that its options choose', async () => {
  const upgrade = await WebSocketUpgrade.decide(head, { raw: true, admit: () => ({ id: 7 }) }, (session) => {
    const next: Promise<Frame | undefined> = session.receive();
    return [next, session.context.id];
  });
  const up = new TransformStream<Uint8Array, Uint8Array>();
  const { session } = upgrade.upgrade(up.readable, new TransformStream<Uint8Array, Uint8Array>().writable);
  const raw: RawSession<{ id: number }> = session;
  assert.is(raw.context.id, 7);
  session.job.cancel();
  await turns();
});

test('with messages: streamed its session is one of messages that are read as they come', async () => {
  const up = new TransformStream<Uint8Array, Uint8Array>();
  const down = new TransformStream<Uint8Array, Uint8Array>();
  const upgrade = new WebSocketUpgrade(head, { messages: 'streamed' });
  const { session } = upgrade.upgrade(up.readable, down.writable);
  const writer = up.writable.getWriter();
  void writer.write(masked(0x01, 'Hel'));
  const message: StreamedMessage | undefined = await session.receive();
  assert.is(message?.type, 'text');
  void writer.write(masked(0x80, 'lo'));
  assert.is(await message?.text(), 'Hello');
  session.job.cancel();
  void writer.close();
  await turns();
});

test('a refused request cannot be upgraded: a TypeError that says the status', () => {
  const upgrade = new WebSocketUpgrade({ ...head, method: 'POST' }, {});
  assert.is(upgrade.status, 405);
  assert.is(upgrade.error?.status, 405);
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  throws(() => upgrade.upgrade(readable, writable), TypeError, /405/);
  assert.not(readable.locked);
});

test('takes the rules of a server that has made them once', () => {
  const rules = new ServerHandshakeRules({ origins: ['https://a.example'] });
  const from = (origin: string): number =>
    new WebSocketUpgrade({ ...head, headers: [...head.headers, ['Origin', origin]] }, { rules }).status;
  assert.equal([from('https://a.example'), from('https://b.example')], [101, 403]);
});

test('on a loopback address a foreign Host is refused (DNS rebinding)', () => {
  const status = (localAddress: string): number => new WebSocketUpgrade(head, { localAddress }).status;
  assert.equal([status('127.0.0.1'), status('::1'), status('192.0.2.1')], [403, 403, 101]);
});

test('wrong options throw when it is made', () => {
  throws(() => new WebSocketUpgrade(head, { subprotocols: ['a b'] }), TypeError);
  throws(() => new WebSocketUpgrade(head, { limits: { maxHeaders: 0 } }), RangeError);
});

test('a pair of jobs is unaware of any of this', async () => {
  const { server, client } = createPair({ subprotocol: 'x' });
  void client.session.close();
  assert.ok((await server.closed).wasClean);
});
test.run();
