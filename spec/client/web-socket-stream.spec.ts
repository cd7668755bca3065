// A WebSocketStream from its arguments to the session, over attempts to connect that the test ends by hand.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { ConnectOptions } from '../../lib/client/connect.ts';
import { ConnectingQueue } from '../../lib/client/connecting-queue.ts';
import { WebSocketError } from '../../lib/client/web-socket-error.ts';
import { StreamConnection } from '../../lib/client/web-socket-stream.ts';
import { Deferred } from '../../lib/connection/deferred.ts';
import type { Session } from '../../lib/job/session.ts';
import { domThrows, rejects, throws } from '../support/check.ts';
import { listenersOn } from '../support/left-behind.ts';
import { ByHand, closePayload, unmasked, watchEscapes } from '../support/pair.ts';
import { turns } from '../support/until.ts';

const { seen } = watchEscapes();

/** An attempt to connect. */
class Attempt {
  readonly url: string;
  readonly options: ConnectOptions;
  readonly session = new Deferred<Session>();

  constructor(url: string, options: ConnectOptions) {
    this.url = url;
    this.options = options;
    options.signal?.addEventListener('abort', () => this.session.reject(options.signal?.reason));
  }

  /** The server has accepted it. */
  async accept(subprotocol = ''): Promise<ByHand> {
    const peer = new ByHand({ role: 'client', subprotocol });
    this.session.resolve(peer.job.session);
    await turns(1);
    return peer;
  }
}

/** Makes WebSocketStreams, and notes their attempts. */
class Network {
  readonly attempts: Attempt[] = [];
  readonly #queue = new ConnectingQueue();

  connect(url: unknown, options?: unknown): StreamConnection {
    const open = (target: string, given: ConnectOptions): Promise<Session> => {
      const attempt = new Attempt(target, given);
      this.attempts.push(attempt);
      return attempt.session.promise;
    };
    return new StreamConnection({ open, queue: this.#queue }, url, options);
  }

  get first(): Attempt {
    return this.attempts[0] as Attempt;
  }
}

const URL = 'ws://example.com/';

// --- Opening ---------------------------------------------------------------------------------------------------------

const opening = suite('WebSocketStream · opening');

opening('opened tells the streams, the protocol and the extensions', async () => {
  const network = new Network();
  const stream = network.connect('http://example.com:80', { protocols: ['alpha', 'beta'] });
  assert.is(stream.url, URL);
  assert.is(network.first.url, URL);
  const peer = await network.first.accept('alpha');
  const opened = await stream.opened;
  assert.equal(Object.keys(opened), ['extensions', 'protocol', 'readable', 'writable']);
  assert.is(opened.protocol, 'alpha');
  assert.is(opened.extensions, '');
  assert.instance(opened.readable, ReadableStream);
  assert.instance(opened.writable, WritableStream);
  await peer.send(unmasked(0x81, 'hello'));
  assert.is((await opened.readable.getReader().read()).value, 'hello');
});

opening('the protocols are offered, and the server must choose one of them', () => {
  const network = new Network();
  network.connect(URL, { protocols: ['alpha', 'beta'] });
  const { subprotocols, requiresSubprotocol } = network.first.options;
  assert.equal(subprotocols, ['alpha', 'beta']);
  assert.is(requiresSubprotocol, true);
});

opening(
  'members that the draft does not know are options of the connection; those of a session of another kind are not',
  () => {
    const network = new Network();
    const headers = [['Cookie', 'a=b']];
    const limits = { maxMessageSize: 5 };
    const kind = { raw: true, rsvBits: 0x40, messages: 'streamed', slowConsumer: 'fail' };
    const names = { subprotocols: ['x'], requiresSubprotocol: false, signal: new AbortController().signal };
    network.connect(URL, { headers, limits, fragmentSize: 9, ...kind, ...names });
    const { options } = network.first;
    assert.is(options.headers, headers);
    assert.is(options.fragmentSize, 9);
    assert.is(options.limits?.maxMessageSize, 5);
    assert.equal(options.subprotocols, []);
    assert.is(options.requiresSubprotocol, true);
    assert.is.not(options.signal, names.signal);
    const { raw, rsvBits, messages, slowConsumer } = options as Record<string, unknown>;
    assert.equal([raw, rsvBits, messages, slowConsumer], [false, 0, 'whole', 'wait']);
  },
);

opening('messages of up to 100 MiB are taken where limits say nothing of them', () => {
  const network = new Network();
  network.connect(URL, { limits: { closeTimeout: 1 } });
  assert.is(network.first.options.limits?.maxMessageSize, 100 * 1024 * 1024);
  assert.is(network.first.options.limits?.closeTimeout, 1);
});

opening('wrong arguments throw, and nothing is connected', () => {
  const network = new Network();
  domThrows(() => network.connect('invalid:'), 'SyntaxError');
  throws(() => network.connect(URL, true), TypeError);
  throws(() => network.connect(URL, { protocols: 'hi' }), TypeError);
  domThrows(() => network.connect(URL, { protocols: ['a', 'a'] }), 'SyntaxError');
  assert.equal(network.attempts, []);
});

opening('an attempt that fails rejects both with a WebSocketError of their own; the cause is told', async () => {
  const network = new Network();
  const stream = network.connect(URL);
  const cause = new Error('nobody there');
  network.first.session.reject(cause);
  const opened = (await rejects(stream.opened, WebSocketError, /nobody there/)) as WebSocketError;
  const closed = (await rejects(stream.closed, WebSocketError, /nobody there/)) as WebSocketError;
  assert.is.not(opened, closed);
  assert.equal([opened.closeCode, closed.closeCode], [null, 1006]);
  assert.equal([opened.cause, closed.cause], [cause, cause]);
});

opening('closed is that of the connection, once it is established', async () => {
  const network = new Network();
  const stream = network.connect(URL);
  const peer = await network.first.accept();
  await stream.opened;
  stream.close({ closeCode: 3000, reason: 'bye' });
  await turns(1);
  assert.equal(peer.wire, ['close 3000 "bye"']);
  await peer.send(unmasked(0x88, closePayload(3001, 'and you')));
  await peer.end();
  assert.equal(await stream.closed, { closeCode: 3001, reason: 'and you' });
  stream.close();
  domThrows(() => stream.close({ closeCode: 1001 }), 'InvalidAccessError');
});

opening.run();

// --- Ended before it is open -----------------------------------------------------------------------------------------

const before = suite('WebSocketStream · ended before it is open');

before('close() ends the attempt: both reject with a WebSocketError, a session that comes is nobody’s', async () => {
  const network = new Network();
  const stream = network.connect(URL);
  stream.close({ closeCode: 3000, reason: 'never mind' });
  stream.close();
  assert.is(network.first.options.signal?.aborted, true);
  const opened = (await rejects(stream.opened, WebSocketError)) as WebSocketError;
  const closed = (await rejects(stream.closed, WebSocketError)) as WebSocketError;
  assert.is.not(opened, closed);
  assert.equal([opened.closeCode, closed.closeCode, closed.reason], [null, 1006, '']);
  await network.first.accept();
  await rejects(stream.opened, WebSocketError);
});

before('close() with what must not be said throws, and the attempt goes on', async () => {
  const network = new Network();
  const stream = network.connect(URL);
  throws(() => stream.close(true), TypeError);
  domThrows(() => stream.close({ closeCode: 1001 }), 'InvalidAccessError');
  domThrows(() => stream.close({ reason: 'x'.repeat(124) }), 'SyntaxError');
  assert.is(network.first.options.signal?.aborted, false);
  await network.first.accept();
  await stream.opened;
});

before('a signal that is aborted already: both reject with its reason, nothing is connected', async () => {
  const network = new Network();
  const reason = { own: 'reason' };
  const stream = network.connect(URL, { signal: AbortSignal.abort(reason) });
  for (const promise of [stream.opened, stream.closed])
    assert.is(
      await promise.then(
        () => 'fulfilled',
        (error: unknown) => error,
      ),
      reason,
    );
  await turns(2);
  assert.equal(network.attempts, []);
  const other = network.connect(URL, { signal: AbortSignal.abort() });
  await rejects(other.opened, DOMException, /abort/i);
});

before('aborting the signal ends the attempt: both reject with its reason', async () => {
  const network = new Network();
  const controller = new AbortController();
  const stream = network.connect(URL, { signal: controller.signal });
  const reason = new Error('too late');
  controller.abort(reason);
  assert.is(network.first.options.signal?.aborted, true);
  assert.is(await rejects(stream.opened, Error), reason);
  assert.is(await rejects(stream.closed, Error), reason);
  stream.close();
  assert.is(await rejects(stream.opened, Error), reason);
});

before('aborting the signal of an open connection does nothing, and nothing hangs on it', async () => {
  const network = new Network();
  const controller = new AbortController();
  const stream = network.connect(URL, { signal: controller.signal });
  const peer = await network.first.accept();
  const { readable, writable } = await stream.opened;
  assert.is(listenersOn(controller.signal), 0);
  controller.abort();
  await writable.getWriter().write('connected');
  await peer.send(unmasked(0x81, 'still here'));
  assert.is((await readable.getReader().read()).value, 'still here');
  assert.equal(peer.wire, ['text "connected"']);
});

before('aborting in the turn in which the session has come ends that session', async () => {
  const network = new Network();
  const controller = new AbortController();
  const stream = network.connect(URL, { signal: controller.signal });
  const { first } = network;
  const accepted = first.accept();
  controller.abort(new Error('just now'));
  await rejects(stream.opened, Error, /just now/);
  await rejects(stream.closed, Error, /just now/);
  await accepted;
  assert.is(first.options.signal?.aborted, true, 'whose job hangs on this signal');
});

before.run();

// --- One at a time ---------------------------------------------------------------------------------------------------

const queued = suite('WebSocketStream · one connecting handshake for each host and port (RFC 6455 §4.1 (2))');

queued('those to one host and port connect one after the other; others do not wait', async () => {
  const network = new Network();
  const urls = ['ws://a/1', 'wss://a:80/2', 'ws://b/3', 'ws://a:81/4'];
  const streams = urls.map((url) => network.connect(url));
  await turns(2);
  assert.equal(
    network.attempts.map(({ url }) => url),
    ['ws://a/1', 'ws://b/3', 'ws://a:81/4'],
  );
  network.first.session.reject(new Error('refused'));
  await rejects(streams[0]?.opened as Promise<unknown>, WebSocketError);
  await turns(1);
  assert.is(network.attempts.at(-1)?.url, 'wss://a:80/2');
  await network.attempts.at(-1)?.accept();
  await streams[1]?.opened;
});

queued('one that waits can be closed and aborted: it never connects', async () => {
  const network = new Network();
  const controller = new AbortController();
  network.connect(URL);
  const closed = network.connect(URL);
  const aborted = network.connect(URL, { signal: controller.signal });
  closed.close();
  controller.abort();
  await rejects(closed.opened, WebSocketError);
  await rejects(aborted.opened, DOMException);
  await network.first.accept();
  await turns(1);
  assert.is(network.attempts.length, 1);
});

queued('one over streams that are there already does not wait', () => {
  const network = new Network();
  network.connect(URL);
  network.connect(URL, { streams: {} });
  assert.is(network.attempts.length, 2);
});

queued('nobody looks at opened and closed: nothing escapes', async () => {
  await turns(3);
  assert.equal(seen, []);
});

queued.run();
