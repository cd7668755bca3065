// Openings as WebSocketStream does not have them: ./browser-web-socket-stream has the others.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openSocket } from '../../lib/adapter/browser-open.ts';
import { HandshakeError } from '../../lib/error.ts';
import { rejects } from '../support/check.ts';
import { FakeWebSocket } from '../support/fake-web-socket.ts';
import { turns } from '../support/until.ts';

const test = suite('browser · opening a WebSocket');

Object.defineProperty(globalThis, 'WebSocket', { value: FakeWebSocket, configurable: true, writable: true });

test('gives a session with what was agreed on, and two listeners on the WebSocket', async () => {
  const opening = openSocket('ws://a/', { subprotocols: ['x'] });
  const socket = FakeWebSocket.last;
  await socket.open('x', 'permessage-deflate');
  const session = await opening;
  assert.equal([session.subprotocol, session.extensions], ['x', 'permessage-deflate']);
  assert.is(socket.listening, 2);
});

test('rejects with a HandshakeError of status 0 when it closes before it is open', async () => {
  const refused = rejects(openSocket('ws://a/', {}), HandshakeError, 'ERR_WS_UNREACHABLE');
  await FakeWebSocket.last.end(1006);
  assert.is(((await refused) as HandshakeError).status, 0);
});

test('rejects with the reason of the signal: no WebSocket is made when it was aborted before', async () => {
  const { length } = FakeWebSocket.made;
  const reason = new Error('mine');
  assert.is(await rejects(openSocket('ws://a/', { signal: AbortSignal.abort(reason) }), Error), reason);
  assert.is(FakeWebSocket.made.length, length);
  const controller = new AbortController();
  const opening = openSocket('ws://a/', { signal: controller.signal });
  controller.abort(reason);
  assert.is(await rejects(opening, Error), reason);
  assert.is(FakeWebSocket.last.closings.length, 1);
  await FakeWebSocket.last.end(1006);
  await turns(2);
  assert.is(FakeWebSocket.last.listening, 0);
});

test('a wrong maxQueued is a RangeError', async () => {
  for (const maxQueued of [0, -1, 0.5, Number.NaN, Number.NEGATIVE_INFINITY])
    await rejects(openSocket('ws://a/', { maxQueued }), RangeError, /maxQueued/);
});

test.run();
