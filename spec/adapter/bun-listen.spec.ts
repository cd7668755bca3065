// Listening by Bun, with a Bun that is the test: which connections are handed on, and when one is cut. Over Bun's own: spec/runtimes/bun/serve.ts.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type BunListenOptions, listenBun } from '../../lib/adapter/bun-listen.ts';
import { BunTransport } from '../../lib/adapter/bun-transport.ts';
import type { Accepted, Listener } from '../../lib/adapter/listener.ts';
import { BunByHand } from '../support/bun-by-hand.ts';
import { TestClock } from '../support/clock.ts';

const test = suite('bun listen');
const certificate = { key: 'KEY', cert: 'CERT' };

interface Listening {
  readonly bun: BunByHand;
  readonly clock: TestClock;
  readonly accepted: Accepted[];
  readonly listener: Listener;
}

async function listen(bun: BunByHand, options: Partial<BunListenOptions> = {}): Promise<Listening> {
  const clock = new TestClock();
  const accepted: Accepted[] = [];
  const common = { host: '127.0.0.1', port: 0, clock, handshakeTimeout: 1000, maxHandshakes: 3 };
  const listener = await listenBun({ ...common, ...options })(
    (one) => accepted.push(one),
    () => {},
  );
  return { bun, clock, accepted, listener };
}

test('a connection is handed on as it opens, without Nagle’s delay, half-open allowed, with its addresses', async () => {
  using bun = new BunByHand();
  const { accepted, listener } = await listen(bun);
  assert.equal([listener.host, listener.port, bun.listening?.allowHalfOpen], ['127.0.0.1', 4321, true]);
  assert.is(bun.listening?.tls, undefined);
  const socket = bun.accept();
  assert.equal(socket.asked, ['setNoDelay']);
  const [{ transport, localAddress, remoteAddress, tls } = {} as Accepted] = accepted;
  assert.instance(transport, BunTransport);
  assert.equal([localAddress, remoteAddress, tls], ['127.0.0.1', '127.0.0.2', undefined]);
});

test('TLS: a connection is handed on when its handshake is done, with its facts; a certificate that was not asked for does not matter', async () => {
  using bun = new BunByHand();
  const { accepted, clock } = await listen(bun, { tls: certificate });
  const socket = bun.accept();
  assert.is(accepted.length, 0);
  socket.data.handshook(true, new Error('unable to get issuer certificate'));
  assert.is(accepted[0]?.tls?.protocol, 'TLSv1.3');
  assert.is(accepted[0]?.tls?.isAuthorized, false);
  await clock.turn(5000);
  assert.not.ok(socket.isClosed);
});

test('TLS: a certificate that is asked for and not trusted keeps out, although Bun calls the handshake done', async () => {
  for (const [rejectUnauthorized, authorized, isLetIn] of [
    [true, false, false],
    [true, true, true],
    [false, false, true],
  ] as const) {
    using bun = new BunByHand();
    const { accepted } = await listen(bun, { tls: { ...certificate, requestCert: true, rejectUnauthorized } });
    const socket = bun.accept();
    socket.authorized = authorized;
    socket.data.handshook(true, authorized ? null : new Error('self signed certificate'));
    assert.equal([accepted.length === 1, !socket.isClosed], [isLetIn, isLetIn]);
  }
});

test('TLS: a handshake that fails, ends or takes too long is cut, and nobody is told', async () => {
  using bun = new BunByHand();
  const { accepted, clock } = await listen(bun, { tls: certificate });
  const [failing, ending, slow] = [bun.accept(), bun.accept(), bun.accept()];
  failing.data.handshook(false, new Error('no'));
  ending.data.ended();
  assert.equal([failing.isClosed, ending.isClosed, slow.isClosed], [true, true, false]);
  await clock.turn(999);
  assert.not.ok(slow.isClosed);
  await clock.turn(1);
  assert.ok(slow.isClosed);
  slow.data.handshook(true, null);
  assert.is(accepted.length, 0);
});

test('TLS: beyond the most that may be in the handshake the oldest is cut; who is done does not count', async () => {
  using bun = new BunByHand();
  await listen(bun, { tls: certificate });
  const done = bun.accept();
  done.data.handshook(true, null);
  const sockets = Array.from({ length: 5 }, () => bun.accept());
  assert.equal(
    sockets.map(({ isClosed }) => isClosed),
    [true, true, false, false, false],
  );
  assert.not.ok(done.isClosed);
});

test('a close stops listening, leaves what was accepted, and cuts what is in the handshake', async () => {
  using bun = new BunByHand();
  const { listener } = await listen(bun, { tls: certificate });
  const [done, waiting] = [bun.accept(), bun.accept()];
  done.data.handshook(true, null);
  await listener.close();
  assert.equal([bun.stops, done.isClosed, waiting.isClosed], [[false], false, true]);
});

test.run();
