// Dialling by Bun, with a Bun that is the test: what an abort and a failure at each moment leave. Over Bun's own: spec/runtimes/bun/dial.ts.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { dialBun } from '../../lib/adapter/bun-dial.ts';
import { BunTransport } from '../../lib/adapter/bun-transport.ts';
import { parseTarget } from '../../lib/client/target.ts';
import { BunByHand } from '../support/bun-by-hand.ts';
import { listenersOn } from '../support/left-behind.ts';
import { assertNothingEscaped } from '../support/server.ts';
import { turns, within } from '../support/until.ts';

const test = suite('bun dial');
const plain = parseTarget('ws://a.example/');
const secure = parseTarget('wss://a.example/');
const reason = new Error('away');

const failure = (promise: Promise<unknown>): Promise<unknown> =>
  within(
    promise.then(
      () => assert.unreachable('it was to be rejected'),
      (error) => error,
    ),
    'the end of a dial',
  );

test('TCP: the transport is there when the socket is open, and the signal is let go', async () => {
  using bun = new BunByHand();
  const { signal } = new AbortController();
  const dialling = dialBun(plain, {}, signal);
  assert.equal([bun.connecting?.hostname, bun.connecting?.port, bun.connecting?.tls], ['a.example', 80, undefined]);
  const socket = bun.open();
  const { transport, remoteAddress } = await dialling;
  assert.instance(transport, BunTransport);
  assert.is(remoteAddress, '127.0.0.2');
  assert.equal(socket.asked, ['setNoDelay']);
  assert.is(listenersOn(signal), 0);
});

test('an abort while it connects rejects at once, and the socket that comes later is cut', async () => {
  for (const target of [plain, secure]) {
    using bun = new BunByHand();
    const controller = new AbortController();
    const dialling = dialBun(target, {}, controller.signal);
    controller.abort(reason);
    assert.is(await failure(dialling), reason);
    assert.ok(bun.open().asked.includes('terminate'));
    assert.is(listenersOn(controller.signal), 0);
  }
});

test('an abort while it connects, and then it cannot: nothing is told twice', async () => {
  using bun = new BunByHand();
  const controller = new AbortController();
  const dialling = dialBun(plain, {}, controller.signal);
  controller.abort(reason);
  assert.is(await failure(dialling), reason);
  bun.refuse(new Error('refused'));
  await turns(2);
});

test('what Bun rejects, or throws, is the reason', async () => {
  using bun = new BunByHand();
  const { signal } = new AbortController();
  const dialling = dialBun(plain, {}, signal);
  bun.refuse(reason);
  assert.is(await failure(dialling), reason);
  bun.connect = () => {
    throw reason;
  };
  assert.is(await failure(dialBun(plain, {}, signal)), reason);
  assert.is(listenersOn(signal), 0);
});

test('TLS: it is dialled with verification, and is no connection before the handshake is done and trusted', async () => {
  for (const [isDone, error, authorized, isTrusted] of [
    [true, null, true, true],
    [true, null, false, false],
    [true, new Error('expired'), true, false],
    [false, null, true, false],
    [false, new Error('wrong name'), false, false],
  ] as const) {
    using bun = new BunByHand();
    const dialling = dialBun(secure, {}, new AbortController().signal);
    assert.equal([bun.connecting?.tls?.rejectUnauthorized, bun.connecting?.tls?.serverName], [true, 'a.example']);
    const socket = bun.open();
    socket.authorized = authorized;
    await turns(1);
    socket.data.handshook(isDone, error);
    if (isTrusted) assert.ok((await dialling).tls?.isAuthorized);
    else assert.instance(await failure(dialling), Error);
    assert.is(socket.isClosed, !isTrusted);
  }
});

test('TLS without verification: a wrong name is let pass, a handshake that failed is not', async () => {
  for (const [isDone, code, isLetPass] of [
    [true, 'CERT_HAS_EXPIRED', true],
    [false, 'ERR_TLS_CERT_ALTNAME_INVALID', true],
    [false, 'ERR_SSL_WRONG_VERSION_NUMBER', false],
    [false, undefined, false],
  ] as const) {
    using bun = new BunByHand();
    const options = { tls: { rejectUnauthorized: false } };
    const dialling = dialBun(secure, options, new AbortController().signal);
    const socket = bun.open();
    socket.data.handshook(isDone, code === undefined ? null : Object.assign(new Error(code), { code }));
    if (isLetPass) assert.is((await dialling).tls?.isAuthorized, false);
    else assert.instance(await failure(dialling), Error);
  }
});

test('TLS: an abort, an end, a close or a failure in the handshake rejects, and the socket is cut', async () => {
  const acts: readonly ((socket: ReturnType<BunByHand['open']>, abort: () => void) => void)[] = [
    (_, abort) => abort(),
    (socket) => socket.data.ended(),
    (socket) => socket.giveClose(),
    (socket) => socket.giveClose(reason),
    (socket) => socket.data.failed(reason),
  ];
  for (const act of acts) {
    using bun = new BunByHand();
    const controller = new AbortController();
    const dialling = dialBun(secure, {}, controller.signal);
    const socket = bun.open();
    act(socket, () => controller.abort(reason));
    assert.instance(await failure(dialling), Error);
    assert.ok(socket.isClosed);
    socket.data.handshook(true, null);
    await turns(1);
  }
});

test('TLS: a look at the certificate that throws refuses, with its reason', async () => {
  using bun = new BunByHand();
  const seen: unknown[] = [];
  const checkCertificate = (certificate: unknown): void => {
    seen.push(certificate);
    throw reason;
  };
  const dialling = dialBun(secure, { tls: { checkCertificate } }, new AbortController().signal);
  const socket = bun.open();
  socket.authorized = true;
  socket.data.handshook(true, null);
  assert.is(await failure(dialling), reason);
  assert.equal([seen, socket.isClosed], [[{}], true]);
});

test('nothing has escaped in all of this', async () => {
  await assertNothingEscaped();
});

test.run();
