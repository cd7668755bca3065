// The session alone: what WebSocketStream never asks of it. The rest is shown by ./browser-web-socket-stream.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MOST_UNSENT, SocketSession } from '../../lib/adapter/browser-socket-session.ts';
import { ConnectionError } from '../../lib/error.ts';
import { TestClock } from '../../lib/testing/test-clock.ts';
import { rejects } from '../support/check.ts';
import { FakeWebSocket } from '../support/fake-web-socket.ts';

const test = suite('browser · a WebSocket as a session');

async function open(maxQueued = 1024) {
  const clock = new TestClock();
  const socket = new FakeWebSocket('ws://a/');
  await socket.open();
  return { clock, socket, session: new SocketSession(socket as unknown as WebSocket, clock, maxQueued) };
}

test('closeReceived fulfils before closed, with what the close frame said; with undefined when there was none', async () => {
  const order: unknown[] = [];
  const { session, socket } = await open();
  void session.closeReceived.then((status) => order.push(status));
  void session.closed.then(({ wasClean }) => order.push(wasClean));
  await socket.end(3000, 'r');
  assert.equal(order, [{ closeCode: 3000, reason: 'r' }, true]);
  const lost = await open();
  await lost.socket.end(1006);
  assert.is(await lost.session.closeReceived, undefined);
  assert.is((await lost.session.closed).wasClean, false);
});

test('a send behind the end rejects, and so does one that waits when the end comes', async () => {
  const { session, socket, clock } = await open();
  socket.isBlocked = true;
  const waits = session.send(new Uint8Array(MOST_UNSENT + 1));
  waits.catch(() => {});
  await socket.end(1006);
  await rejects(waits, ConnectionError, 'ERR_WS_CONNECTION_LOST');
  await rejects(session.send('x'), ConnectionError, 'ERR_WS_CONNECTION_LOST');
  assert.is(clock.pending, 0);
});

test('its readable closes when the connection has ended, also behind our close, and gives what came before that', async () => {
  const { session, socket } = await open();
  const reader = session.readable.getReader();
  socket.say('a');
  session.close(1000);
  socket.say('b');
  await socket.end(1000);
  assert.equal(await reader.read(), { done: false, value: 'a' });
  assert.is((await reader.read()).done, true);
  session.close(3000);
  assert.equal(socket.closings, [{ code: 1000, reason: '' }]);
});

test('close with null, or without anything, says no code', async () => {
  for (const code of [null, undefined]) {
    const { session, socket } = await open();
    session.close(code, 'never said');
    assert.equal(socket.closings, [{ code: undefined, reason: undefined }]);
  }
});

test('what somebody waits for does not count as waiting, whatever its length', async () => {
  const { session, socket } = await open(100);
  const reader = session.readable.getReader();
  for (let index = 0; index < 3; index++) {
    const next = reader.read();
    socket.say('x'.repeat(1000));
    assert.is((await next).value?.length, 1000);
  }
  assert.is(socket.closings.length, 0);
});

test.run();
