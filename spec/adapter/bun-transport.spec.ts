// A socket of Bun as a transport, with a socket that is the test: what is written when, what is told when, and that nothing is told from inside a call. Over Bun's own sockets:
// spec/runtimes/bun/transport.ts.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { BunTransport } from '../../lib/adapter/bun-transport.ts';
import { BunSocketByHand } from '../support/bun-socket.ts';
import { CallRecorder } from '../support/call-recorder.ts';
import { join } from '../support/hex.ts';
import { Random } from '../support/random.ts';
import { assertNothingEscaped } from '../support/server.ts';
import { turns } from '../support/until.ts';

const test = suite('bun transport');

const bytes = (size: number, from = 0): Uint8Array =>
  new Uint8Array(size).map((_, index) => ((from + index) * 31) >>> 2);

function open(): [BunSocketByHand, CallRecorder] {
  const socket = new BunSocketByHand();
  return [socket, new CallRecorder(new BunTransport(socket))];
}

// --- Output ----------------------------------------------------------------------------------------------------------

test('small pieces go out in one write, and are taken in a microtask', async () => {
  const [socket, recorder] = open();
  recorder.start();
  recorder.call((transport) => transport.write([bytes(4), bytes(100, 4), bytes(0), bytes(7, 104)]));
  assert.equal(socket.asked, ['write 111 of 111']);
  assert.equal(socket.written, bytes(111));
  assert.equal(recorder.calls, []);
  await turns(1);
  assert.equal(recorder.calls, ['writeTaken']);
});

test('one piece goes out as it is; a large one behind a small one is gathered for a part, and the rest goes out as it is', async () => {
  const [socket, recorder] = open();
  recorder.start();
  recorder.call((transport) => transport.write([bytes(300_000)]));
  await turns(1);
  recorder.call((transport) => transport.write([bytes(4), bytes(300_000, 4), bytes(6, 300_004)]));
  await turns(1);
  assert.equal(socket.asked, [
    'write 300000 of 300000',
    'write 66560 of 66560',
    'write 233444 of 233444',
    'write 6 of 6',
  ]);
  assert.equal(join(...socket.accepted.slice(1)), bytes(300_010));
  assert.equal(recorder.calls, ['writeTaken', 'writeTaken']);
});

test('messages of 64 KiB together go out in one write, their headers with them', async () => {
  const [socket, recorder] = open();
  recorder.start();
  recorder.call((transport) => transport.write([0, 1, 2, 3].flatMap((at) => [bytes(4, at), bytes(16_384, at)])));
  await turns(1);
  assert.equal(socket.asked, ['write 65552 of 65552']);
});

test('what is left of a write goes out when there is room, and only then is it taken', async () => {
  const [socket, recorder] = open();
  socket.room = 5;
  recorder.start();
  recorder.call((transport) => transport.write([bytes(4), bytes(100, 4), bytes(70_000, 104)]));
  await turns(2);
  assert.equal(recorder.calls, []);
  for (const room of [0, 1, 98, 0, 1, 60_000]) {
    socket.giveRoom(room);
    await turns(1);
    assert.equal(recorder.calls, []);
  }
  socket.giveRoom(100_000);
  await turns(1);
  assert.equal(recorder.calls, ['writeTaken']);
  assert.equal(socket.written, bytes(70_104));
});

test('a drain for no reason writes nothing twice, before a write, behind it and in the microtask between', async () => {
  const [socket, recorder] = open();
  recorder.start();
  socket.giveDrain();
  recorder.call((transport) => transport.write([bytes(10)]));
  socket.giveDrain();
  socket.giveDrain();
  await turns(1);
  socket.giveDrain();
  assert.equal(socket.asked, ['write 10 of 10']);
  assert.equal(recorder.calls, ['writeTaken']);
});

test('a write of nothing is taken, and asks the socket nothing', async () => {
  const [socket, recorder] = open();
  socket.room = 0;
  recorder.start();
  for (const pieces of [[], [bytes(0)], [bytes(0), bytes(0)]]) {
    recorder.call((transport) => transport.write(pieces));
    await turns(1);
  }
  assert.equal(recorder.calls, ['writeTaken', 'writeTaken', 'writeTaken']);
  assert.equal(socket.asked, []);
});

test('the next write may follow from inside writeTaken, a hundred times, with no deeper stack', async () => {
  const [socket, recorder] = open();
  recorder.start();
  let count = 1;
  recorder.onTaken = () => {
    if (count++ < 100) recorder.call((transport) => transport.write([bytes(1)]));
  };
  recorder.call((transport) => transport.write([bytes(1)]));
  await turns(1);
  assert.is(recorder.count('writeTaken'), 100);
  assert.is(socket.writes, 100);
});

test('two connections that are full do not mix what they gather', async () => {
  const [[first, one], [second, two]] = [open(), open()];
  first.room = 3;
  second.room = 3;
  one.start();
  two.start();
  one.call((transport) => transport.write([bytes(5), bytes(5, 5)]));
  two.call((transport) => transport.write([bytes(5, 1000), bytes(5, 1005)]));
  first.giveRoom(100);
  second.giveRoom(100);
  assert.equal(first.written, bytes(10));
  assert.equal(second.written, bytes(10, 1000));
});

test('any pieces and any room: every byte once, in order', async () => {
  const random = new Random();
  const upTo = (most: number): number => random.below(most + 1);
  for (let run = 0; run < 200; run++) {
    const [socket, recorder] = open();
    recorder.start();
    const pieces: Uint8Array[] = [];
    let size = 0;
    for (let count = upTo(12); count > 0; count--) {
      const length = upTo([0, 3, 200, 70_000, 140_000][upTo(4)] as number);
      pieces.push(bytes(length, size));
      size += length;
    }
    socket.room = upTo(1) * upTo(size);
    recorder.call((transport) => transport.write(pieces));
    for (let steps = 0; socket.written.byteLength < size; steps++) {
      assert.ok(steps < 10_000);
      socket.giveRoom(steps > 20 ? size : upTo([1, 100, 65_536, size][upTo(3)] as number));
    }
    await turns(1);
    assert.is(Buffer.compare(socket.written, bytes(size)), 0);
    assert.equal(recorder.calls, ['writeTaken']);
  }
});

// --- The end of the output ---------------------------------------------------------------------------------------------

test('the end shuts the socket down, never by its own end, and is told in a microtask, once', async () => {
  const [socket, recorder] = open();
  recorder.start();
  recorder.call((transport) => transport.end());
  recorder.call((transport) => transport.end());
  assert.equal(recorder.calls, []);
  await turns(1);
  assert.equal(recorder.calls, ['endSent']);
  assert.equal(socket.asked, ['shutdown']);
});

test('an end behind a write that waits comes when it is out', async () => {
  const [socket, recorder] = open();
  socket.room = 1;
  recorder.start();
  recorder.call((transport) => transport.write([bytes(10)]));
  recorder.call((transport) => transport.end());
  await turns(1);
  assert.equal(socket.asked, ['write 1 of 10']);
  socket.giveRoom(9);
  await turns(1);
  assert.equal(socket.asked, ['write 1 of 10', 'write 9 of 9', 'shutdown']);
  assert.equal(recorder.calls, ['writeTaken', 'endSent']);
});

// --- Input -----------------------------------------------------------------------------------------------------------

test('what comes before the start is held, with the socket paused, and told from inside the start', async () => {
  const [socket, recorder] = open();
  socket.give(bytes(3));
  assert.ok(socket.isPaused);
  socket.give(bytes(4));
  recorder.start();
  assert.equal(recorder.calls, ['chunkReceived', 'chunkReceived']);
  await turns(1);
  assert.not.ok(socket.isPaused);
});

test('a pause from inside the start holds the rest back, and the socket', async () => {
  const [socket, recorder] = open();
  socket.give(bytes(3));
  socket.give(bytes(4));
  recorder.onChunk = () => recorder.transport.pause();
  recorder.start();
  await turns(2);
  assert.equal(recorder.calls, ['chunkReceived']);
  assert.ok(socket.isPaused);
  recorder.call((transport) => transport.resume());
  await turns(1);
  assert.is(recorder.received, 7);
  recorder.onChunk = () => {};
  recorder.call((transport) => transport.resume());
  await turns(1);
  assert.not.ok(socket.isPaused);
});

test('what comes although it is paused is held, with the end behind it, and told in order', async () => {
  const [socket, recorder] = open();
  recorder.start();
  recorder.call((transport) => transport.pause());
  socket.give(bytes(3));
  socket.give(bytes(4));
  socket.giveEnd();
  await turns(1);
  assert.equal(recorder.calls, []);
  recorder.call((transport) => transport.resume());
  assert.equal(recorder.calls, []);
  await turns(1);
  assert.equal(recorder.calls, ['chunkReceived', 'chunkReceived', 'endReceived']);
});

test('a chunk never overtakes one that is held', async () => {
  const [socket, recorder] = open();
  recorder.start();
  recorder.call((transport) => transport.pause());
  socket.give(new TextEncoder().encode('a'));
  recorder.call((transport) => transport.resume());
  socket.give(new TextEncoder().encode('b'));
  await turns(1);
  socket.give(new TextEncoder().encode('c'));
  assert.is(recorder.chunks.map((chunk) => Buffer.from(chunk).toString()).join(''), 'abc');
});

test('the socket is paused and resumed no more often than it changes', async () => {
  const [socket, recorder] = open();
  recorder.start();
  recorder.call((transport) => transport.resume());
  recorder.call((transport) => transport.pause());
  recorder.call((transport) => transport.pause());
  recorder.call((transport) => transport.resume());
  recorder.call((transport) => transport.resume());
  await turns(1);
  assert.equal(socket.asked, ['pause', 'resume']);
});

// --- The close -------------------------------------------------------------------------------------------------------

test('a close behind our end is the end of the peer, and then the close', async () => {
  const [socket, recorder] = open();
  recorder.start();
  recorder.call((transport) => transport.end());
  await turns(1);
  socket.giveClose();
  await turns(1);
  assert.equal(recorder.calls, ['endSent', 'endReceived', 'transportClosed']);
});

test('a close behind both ends waits for who has paused, and a destroy does not', async () => {
  for (const isDestroyed of [false, true]) {
    const [socket, recorder] = open();
    recorder.start();
    recorder.call((transport) => transport.end());
    await turns(1);
    recorder.call((transport) => transport.pause());
    socket.give(bytes(5));
    socket.giveClose();
    await turns(2);
    assert.equal(recorder.calls, ['endSent']);
    recorder.call((transport) => (isDestroyed ? transport.destroy() : transport.resume()));
    await turns(1);
    const rest = isDestroyed ? ['transportClosed'] : ['chunkReceived', 'endReceived', 'transportClosed'];
    assert.equal(recorder.calls, ['endSent', ...rest]);
  }
});

test('a close without our end, or with an error, is told at once, also to who has paused; what is held is gone', async () => {
  for (const error of [undefined, new Error('reset')]) {
    const [socket, recorder] = open();
    recorder.start();
    if (error !== undefined) recorder.call((transport) => transport.end());
    await turns(1);
    recorder.call((transport) => transport.pause());
    socket.give(bytes(5));
    socket.giveClose(error);
    await turns(1);
    assert.is(recorder.calls.at(-1), 'transportClosed');
    assert.is(recorder.received, 0);
    assert.is(recorder.error, error);
  }
});

test('a close before the start is told behind it, what has come first', async () => {
  const [socket, recorder] = open();
  socket.give(bytes(5));
  socket.giveClose(new Error('reset'));
  recorder.start();
  assert.equal(recorder.calls, ['chunkReceived']);
  await turns(1);
  assert.equal(recorder.calls, ['chunkReceived', 'transportClosed']);
});

test('a destroy of what has nothing to write shuts down and closes: over TLS a close alone may never end', async () => {
  const [socket, recorder] = open();
  recorder.start();
  recorder.call((transport) => transport.write([bytes(10)]));
  await turns(1);
  recorder.call((transport) => transport.destroy());
  recorder.call((transport) => transport.destroy());
  assert.equal(recorder.calls, ['writeTaken']);
  await turns(1);
  assert.equal(recorder.calls, ['writeTaken', 'transportClosed']);
  assert.equal(socket.asked, ['write 10 of 10', 'shutdown', 'close']);
});

test('a destroy in the middle of a write resets the connection, and the write is never taken', async () => {
  const [socket, recorder] = open();
  socket.room = 4;
  recorder.start();
  recorder.call((transport) => transport.write([bytes(10)]));
  recorder.call((transport) => transport.destroy());
  socket.giveDrain();
  await turns(1);
  assert.equal(recorder.calls, ['transportClosed']);
  assert.equal(socket.asked, ['write 4 of 10', 'terminate']);
});

test('a destroy is told as the close, even if the socket never says so', async () => {
  const [socket, recorder] = open();
  socket.isStuck = true;
  recorder.start();
  recorder.call((transport) => transport.destroy());
  await turns(1);
  assert.equal(recorder.calls, ['transportClosed']);
  socket.giveClose();
  await turns(1);
  assert.equal(recorder.calls, ['transportClosed']);
});

test('behind a destroy nothing is told but the close: not what was owed, nor what comes', async () => {
  const [socket, recorder] = open();
  socket.isStuck = true;
  recorder.start();
  recorder.call((transport) => transport.write([bytes(10)]));
  recorder.call((transport) => transport.end());
  recorder.call((transport) => transport.destroy());
  socket.give(bytes(1));
  socket.giveEnd();
  socket.giveDrain();
  await turns(1);
  socket.give(bytes(1));
  await turns(1);
  assert.equal(recorder.calls, ['transportClosed']);
});

test('a destroy from inside each call that is told: nothing else but the close', async () => {
  const doing: Record<string, (socket: BunSocketByHand, recorder: CallRecorder) => void> = {
    chunkReceived: (socket) => {
      socket.give(bytes(1));
      socket.give(bytes(1));
      socket.giveEnd();
    },
    writeTaken: (_, recorder) => {
      recorder.call((transport) => transport.write([bytes(1)]));
      recorder.call((transport) => transport.end());
    },
    endReceived: (socket) => socket.giveEnd(),
  };
  for (const [call, act] of Object.entries(doing)) {
    const [socket, recorder] = open();
    const destroy = (): void => recorder.call((transport) => transport.destroy());
    recorder.onChunk = destroy;
    recorder.onTaken = destroy;
    recorder.onEnd = destroy;
    recorder.start();
    act(socket, recorder);
    await turns(2);
    assert.equal(recorder.calls, [call, 'transportClosed']);
  }
});

test('a destroy before the start, and a start behind it: the close is told', async () => {
  const [socket, recorder] = open();
  recorder.call((transport) => transport.destroy());
  await turns(1);
  assert.equal(recorder.calls, []);
  assert.ok(socket.isClosed);
  recorder.start();
  await turns(1);
  assert.equal(recorder.calls, ['transportClosed']);
});

test('a failure of TLS, or of a callback, is the error of the close', async () => {
  const [socket, recorder] = open();
  const error = new Error('bad record');
  recorder.start();
  socket.data.failed(error);
  await turns(1);
  assert.equal(recorder.calls, ['transportClosed']);
  assert.is(recorder.error, error);
});

test('a reset that a write sees first is told at once while paused, since Bun tells nothing of such a socket any more', async () => {
  for (const pausesFirst of [true, false]) {
    const [socket, recorder] = open();
    recorder.start();
    socket.isGone = true;
    if (pausesFirst) recorder.call((transport) => transport.pause());
    recorder.call((transport) => transport.write([bytes(10)]));
    if (!pausesFirst) {
      await turns(1);
      assert.equal(recorder.calls, []);
      recorder.onChunk = () => recorder.call((transport) => transport.pause());
      socket.give(bytes(5));
    }
    await turns(1);
    assert.equal(recorder.calls, pausesFirst ? ['transportClosed'] : ['chunkReceived', 'transportClosed']);
    assert.is((recorder.error as { code?: string }).code, 'ECONNRESET');
    assert.ok(socket.isClosed);
  }
});

test('a reset that a write sees first: what had come before it is told, and what Bun calls the end then is the close', async () => {
  const [socket, recorder] = open();
  recorder.start();
  socket.isGone = true;
  recorder.call((transport) => transport.write([bytes(10)]));
  socket.give(bytes(5));
  socket.giveEnd();
  await turns(2);
  assert.equal(recorder.calls, ['chunkReceived', 'transportClosed']);
  assert.is((recorder.error as { code?: string }).code, 'ECONNRESET');
});

test('a closed transport asks the socket nothing any more', async () => {
  const [socket, recorder] = open();
  recorder.start();
  socket.giveClose();
  await turns(1);
  recorder.call((transport) => transport.pause());
  recorder.call((transport) => transport.resume());
  recorder.call((transport) => transport.write([bytes(1)]));
  recorder.call((transport) => transport.end());
  recorder.call((transport) => transport.destroy());
  await turns(1);
  assert.equal(socket.asked, []);
  assert.equal(recorder.calls, ['transportClosed']);
});

test('nothing has escaped in all of this', async () => {
  await assertNothingEscaped();
});

test.run();
