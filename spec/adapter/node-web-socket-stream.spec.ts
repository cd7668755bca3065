// WebSocketStream over TCP and TLS: how it looks, how it connects, and what becomes of connections that do not end as they should.

import { generate } from 'selfsigned';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  HandshakeError,
  permessageDeflate,
  serve,
  WebSocketError,
  WebSocketStream,
  type WebSocketStreamOptions,
} from '../../lib/node.ts';
import { domRejects, domThrows, rejects, throws } from '../support/check.ts';
import { listenersOn } from '../support/left-behind.ts';
import { assertNothingEscaped, echo, startServer } from '../support/server.ts';
import { RawHost } from '../support/stream-hosts.ts';
import { standstill, turns, within } from '../support/until.ts';

/** The error that both promises reject with, of an attempt that fails. */
async function failure(stream: WebSocketStream): Promise<WebSocketError> {
  const opened = (await rejects(within(stream.opened, 'opened'), WebSocketError)) as WebSocketError;
  const closed = (await rejects(within(stream.closed, 'closed'), WebSocketError)) as WebSocketError;
  assert.is.not(opened, closed);
  assert.equal([opened.closeCode, opened.reason, closed.closeCode, closed.reason], [null, '', 1006, '']);
  assert.is(opened.cause, closed.cause);
  return closed;
}

// --- The interface ---------------------------------------------------------------------------------------------------

const face = suite('WebSocketStream · the interface, as Web IDL has it');

face('it has one parameter that must be given, and is no function', () => {
  assert.is(WebSocketStream.length, 1);
  assert.is(WebSocketStream.name, 'WebSocketStream');
  throws(() => Reflect.construct(WebSocketStream, []), TypeError);
  throws(() => Reflect.apply(WebSocketStream as never, undefined, ['ws://127.0.0.1:9']), TypeError);
  assert.is(Object.getPrototypeOf(WebSocketStream), Function.prototype);
  assert.is(Object.getPrototypeOf(WebSocketStream.prototype), Object.prototype);
});

face('its attributes are accessors of its prototype that nobody sets, its method stands beside them', () => {
  const members = Object.getOwnPropertyDescriptors(WebSocketStream.prototype);
  for (const name of ['url', 'opened', 'closed'] as const) {
    const { get, set, enumerable, configurable } = members[name];
    assert.equal([typeof get, set, enumerable, configurable], ['function', undefined, true, true], name);
  }
  const { value, writable, enumerable, configurable } = members.close;
  assert.equal([value?.length, writable, enumerable, configurable], [0, true, true, true]);
  assert.equal(Object.keys(WebSocketStream.prototype).sort(), ['close', 'closed', 'opened', 'url']);
  assert.is(String(WebSocketStream.prototype), '[object WebSocketStream]');
});

face('of what is none, url and close throw a TypeError, and the promises reject with one', async () => {
  const get = (name: string): unknown => Reflect.get(WebSocketStream.prototype, name, {});
  throws(() => get('url'), TypeError);
  throws(() => WebSocketStream.prototype.close.call({} as WebSocketStream), TypeError);
  for (const name of ['opened', 'closed']) await rejects(get(name) as Promise<unknown>, TypeError);
});

face('opened and closed are always the same promises', async () => {
  const stream = new WebSocketStream('ws://127.0.0.1:9');
  const { opened, closed } = stream;
  stream.close();
  await failure(stream);
  assert.is(stream.opened, opened);
  assert.is(stream.closed, closed);
});

face('wrong arguments throw', () => {
  domThrows(() => new WebSocketStream('invalid:'), 'SyntaxError');
  domThrows(() => new WebSocketStream(undefined as never), 'SyntaxError');
  throws(() => new WebSocketStream('ws://127.0.0.1:9', true as never), TypeError);
  throws(() => new WebSocketStream('ws://127.0.0.1:9', { protocols: 'hi' as never, headers: 5 as never }), TypeError);
});

face('a class of its own may extend it', async () => {
  class Chat extends WebSocketStream {
    constructor(room: string) {
      super(`ws://127.0.0.1:9/${room}`);
    }
  }
  const chat = new Chat('one');
  assert.is(chat.url, 'ws://127.0.0.1:9/one');
  await failure(chat);
});

face.run();

// --- Connecting ------------------------------------------------------------------------------------------------------

const connecting = suite('WebSocketStream · connecting');

connecting('a refusal of the server rejects both; the cause has its status, its fields and its body', async () => {
  await using host = await RawHost.start(false);
  const stream = new WebSocketStream(`${host.url}/404`);
  const peer = await host.next();
  await peer.request();
  peer.respond('404 Not Found', 'Content-Length: 4', 'X-Why: none');
  peer.client.send(Buffer.from('gone'));
  const { cause } = await failure(stream);
  assert.instance(cause, HandshakeError);
  const { status, headers, body } = cause as HandshakeError;
  assert.is(status, 404);
  assert.equal(headers[1], ['X-Why', 'none']);
  assert.is(new TextDecoder().decode(body), 'gone');
});

connecting('a port where nobody listens, and a name that there is not, reject both', async () => {
  const { url } = await (async () => {
    await using host = await RawHost.start();
    return { url: host.url };
  })();
  assert.is(((await failure(new WebSocketStream(url))).cause as HandshakeError).code, 'ERR_WS_UNREACHABLE');
  await failure(new WebSocketStream('ws://nobody.invalid/'));
});

connecting('a server that chooses none of the protocols that were offered, or another, is refused', async () => {
  await using host = await RawHost.start(false);
  for (const protocol of [undefined, 'gamma']) {
    const stream = new WebSocketStream(host.url, { protocols: ['alpha', 'beta'] });
    const peer = await host.next();
    assert.match(await peer.request(), /^sec-websocket-protocol: alpha, beta\r$/im);
    await peer.accept(protocol);
    assert.is(((await failure(stream)).cause as HandshakeError).code, 'ERR_WS_RESPONSE_INVALID');
  }
});

connecting('a redirect is not followed', async () => {
  await using host = await RawHost.start(false);
  const stream = new WebSocketStream(host.url);
  const peer = await host.next();
  await peer.request();
  peer.respond('301 Moved Permanently', `Location: ${host.url}/elsewhere`, 'Content-Length: 0');
  assert.is(((await failure(stream)).cause as HandshakeError).status, 301);
  assert.is(host.connections, 1);
});

connecting('frames in one packet with the response are not lost', async () => {
  await using host = await RawHost.start(false);
  const stream = new WebSocketStream(host.url);
  const peer = await host.next();
  await peer.request();
  peer.client.socket.cork();
  await peer.accept();
  peer.send('early');
  peer.close(4000);
  peer.client.socket.uncork();
  const { readable } = await within(stream.opened, 'opened');
  const reader = readable.getReader();
  assert.is((await reader.read()).value, 'early');
  assert.is((await peer.closeFrame()).code, 4000);
  peer.client.end();
  assert.equal(await within(stream.closed, 'closed'), { closeCode: 4000, reason: '' });
});

connecting('one handshake goes on for each host and port, the others wait for it (RFC 6455 §4.1 (2))', async () => {
  await using host = await RawHost.start(false);
  await using other = await RawHost.start(false);
  const streams = ['/1', '/2', '/3'].map((path) => new WebSocketStream(host.url + path));
  const elsewhere = new WebSocketStream(other.url);
  await (await other.next()).accept();
  await within(elsewhere.opened, 'opened');
  const first = await host.next();
  assert.match(await first.request(), /^GET \/1 /);
  await standstill(() => host.connections, 'the connections');
  assert.is(host.connections, 1);
  await first.accept();
  const second = await host.next();
  assert.match(await second.request(), /^GET \/2 /);
  assert.is(host.connections, 2);
  second.respond('503 Busy', 'Content-Length: 0');
  await failure(streams[1] as WebSocketStream);
  const third = await host.next();
  assert.match(await third.request(), /^GET \/3 /);
  await third.accept();
  await within(streams[2]?.opened as Promise<unknown>, 'opened');
  for (const peer of [first, third]) peer.client.reset();
  for (const stream of [streams[0], streams[2]]) await rejects(stream?.closed as Promise<unknown>, WebSocketError);
});

connecting('a signal that is aborted before prevents the connection', async () => {
  await using host = await RawHost.start(false);
  const stream = new WebSocketStream(host.url, { signal: AbortSignal.abort() });
  await domRejects(stream.opened, 'AbortError');
  await domRejects(stream.closed, 'AbortError');
  await standstill(() => host.connections, 'the connections', 10);
  assert.is(host.connections, 0);
});

connecting('aborting while the server thinks, and close(), cut the connection', async () => {
  await using host = await RawHost.start(false);
  const controller = new AbortController();
  const aborted = new WebSocketStream(host.url, { signal: controller.signal });
  const first = await host.next();
  await first.request();
  controller.abort();
  await domRejects(aborted.opened, 'AbortError');
  await domRejects(aborted.closed, 'AbortError');
  await within(first.client.ending, 'the end of the connection');
  assert.is(listenersOn(controller.signal), 0);
  const closed = new WebSocketStream(host.url);
  const second = await host.next();
  await second.request();
  closed.close({ closeCode: 3000, reason: 'never mind' });
  await failure(closed);
  await within(second.client.ending, 'the end of the connection');
});

connecting('aborting behind the opening does nothing', async () => {
  await using host = await startServer();
  const controller = new AbortController();
  const stream = new WebSocketStream(host.url, { signal: controller.signal });
  const { readable, writable } = await within(stream.opened, 'opened');
  controller.abort();
  void writable.getWriter().write('connected');
  assert.is((await readable.getReader().read()).value, 'connected');
  stream.close();
  await within(stream.closed, 'closed');
});

connecting.run();

// --- More than the draft ---------------------------------------------------------------------------------------------

const more = suite('WebSocketStream · more than the draft');

async function echoed(url: string, options: WebSocketStreamOptions, message: string): Promise<string> {
  const stream = new WebSocketStream(url, options);
  const { readable, writable, extensions } = await within(stream.opened, 'opened');
  await writable.getWriter().write(message);
  assert.is((await within(readable.getReader().read(), 'the echo')).value, message);
  stream.close({ closeCode: 3000 });
  assert.is((await within(stream.closed, 'closed')).closeCode, 3000);
  return extensions;
}

more('header fields, credentials of the URL, permessage-deflate', async () => {
  await using host = await startServer(echo, { extensions: [permessageDeflate()] });
  const url = host.url.replace('ws://', 'http://name:secret@');
  const options = { headers: [['Cookie', 'a=b']] as const, extensions: [permessageDeflate()] };
  assert.match(await echoed(url, options, 'x'.repeat(5000)), /^permessage-deflate/);
  const { request } = await host.session();
  assert.is(request?.headers.get('cookie'), 'a=b');
  assert.is(request?.headers.get('authorization'), `Basic ${btoa('name:secret')}`);
});

more('wss: the certificate is verified, unless tls says which is trusted', async () => {
  const names = [{ type: 7, ip: '127.0.0.1' }] as const;
  const made = await generate([{ name: 'commonName', value: 'localhost' }], {
    keySize: 2048,
    algorithm: 'sha256',
    extensions: [{ name: 'subjectAltName', altNames: [...names] }],
  });
  await using server = await serve({ tls: { key: made.private, cert: made.cert } }, echo);
  const { cause } = await failure(new WebSocketStream(server.url));
  assert.is((cause as HandshakeError).code, 'ERR_WS_UNREACHABLE');
  await echoed(server.url.replace('wss:', 'https:'), { tls: { ca: made.cert } }, 'secret');
});

more('limits: a message that is too long ends the connection, and the server is told 1009', async () => {
  await using host = await RawHost.start();
  const stream = new WebSocketStream(host.url, { limits: { maxMessageSize: 10 } });
  const peer = await host.next();
  await within(stream.opened, 'opened');
  peer.send('x'.repeat(11));
  assert.is((await peer.closeFrame()).code, 1009);
  peer.client.end();
  const error = (await rejects(within(stream.closed, 'closed'), WebSocketError)) as WebSocketError;
  assert.is(error.closeCode, 1006);
  assert.is((error.cause as { code?: string }).code, 'ERR_WS_FRAME_TOO_LONG');
});

more('an option that is wrong rejects both, with its TypeError for the cause', async () => {
  const { cause } = await failure(new WebSocketStream('ws://127.0.0.1:9', { headers: [['Bad name', 'x']] }));
  assert.instance(cause, TypeError);
});

more.run();

// --- The end ---------------------------------------------------------------------------------------------------------

const ends = suite('WebSocketStream · the end on the wire');

ends('closing the writable fulfils only when the server has answered and ended', async () => {
  await using host = await RawHost.start();
  const stream = new WebSocketStream(host.url);
  const peer = await host.next();
  const { writable } = await within(stream.opened, 'opened');
  let isClosed = false;
  const closing = writable.close().then(() => {
    isClosed = true;
  });
  assert.equal(await peer.closeFrame(), { code: 1005, reason: '' });
  await turns(5);
  assert.not(isClosed);
  peer.close();
  await turns(5);
  assert.not(isClosed, 'TCP is still there (RFC 6455 §7.1.1: a client waits for the server to end it)');
  peer.client.end();
  await within(closing, 'the closing');
  assert.equal(await stream.closed, { closeCode: 1005, reason: '' });
});

ends('the server cuts TCP behind our close frame: unclean, 1006', async () => {
  for (const cut of ['end', 'reset'] as const) {
    await using host = await RawHost.start();
    const stream = new WebSocketStream(host.url);
    const peer = await host.next();
    await within(stream.opened, 'opened');
    stream.close({ closeCode: 4000, reason: 'because' });
    assert.equal(await peer.closeFrame(), { code: 4000, reason: 'because' });
    peer.client[cut]();
    const error = (await rejects(within(stream.closed, 'closed'), WebSocketError)) as WebSocketError;
    assert.is(error.closeCode, 1006);
  }
});

ends('the server cuts TCP: one WebSocketError with 1006 everywhere', async () => {
  for (const cut of ['end', 'reset'] as const) {
    await using host = await RawHost.start();
    const stream = new WebSocketStream(host.url);
    const peer = await host.next();
    const { readable, writable } = await within(stream.opened, 'opened');
    peer.client[cut]();
    const error = (await rejects(within(stream.closed, 'closed'), WebSocketError)) as WebSocketError;
    assert.equal([error.name, error.closeCode, error.reason], ['WebSocketError', 1006, '']);
    assert.is(await rejects(readable.getReader().read(), WebSocketError), error);
    assert.is(await rejects(writable.getWriter().ready, WebSocketError), error);
  }
});

ends('a write that waits when the server cuts TCP has that error too', async () => {
  await using host = await RawHost.start();
  const stream = new WebSocketStream(host.url);
  const peer = await host.next();
  const { writable } = await within(stream.opened, 'opened');
  const written = writable.getWriter().write(new Uint8Array(16 * 1024 * 1024));
  written.catch(() => {});
  await standstill(() => peer.client.buffered, 'what has come');
  peer.client.reset();
  const error = await rejects(within(stream.closed, 'closed'), WebSocketError);
  assert.is(await rejects(written, WebSocketError), error);
});

ends('a server that closes cleanly and leaves TCP open is left behind when the time is up', async () => {
  await using host = await RawHost.start();
  const stream = new WebSocketStream(host.url, { limits: { closeTimeout: 20 } });
  const peer = await host.next();
  await within(stream.opened, 'opened');
  peer.close(4001, 'bye');
  assert.is((await peer.closeFrame()).code, 4001);
  assert.equal(await within(stream.closed, 'closed'), { closeCode: 4001, reason: 'bye' });
  await within(peer.client.ending, 'the end of the connection');
});

ends('nobody looks at a promise or a stream: nothing escapes, whatever happens', async () => {
  await using host = await RawHost.start();
  new WebSocketStream('ws://127.0.0.1:9');
  new WebSocketStream('ws://127.0.0.1:9', { signal: AbortSignal.abort() });
  for (const end of ['end', 'reset', 'close', 'garbage'] as const) {
    new WebSocketStream(host.url);
    const { client } = await host.next();
    client.resume();
    if (end === 'garbage') client.send(Uint8Array.of(0xff, 0xff));
    else if (end === 'close') client.send(Uint8Array.of(0x88, 0));
    else client[end]();
    await turns(5);
    if (end !== 'reset') client.end();
    await within(client.ending, 'the end of the connection');
  }
  await turns(10);
  await assertNothingEscaped();
});

ends.run();
