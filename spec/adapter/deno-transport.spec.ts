// A connection of Deno's as a transport: what it must tell, in which order, and when never. By hand, without Deno; spec/runtimes/deno has the same over sockets.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DenoTransport } from '../../lib/adapter/deno-transport.ts';
import { CallRecorder } from '../support/call-recorder.ts';
import { denoError, FakeConn } from '../support/fake-conn.ts';
import { assertNothingEscaped } from '../support/server.ts';
import { turns } from '../support/until.ts';

function make(head?: Uint8Array): { conn: FakeConn; recorder: CallRecorder } {
  const conn = new FakeConn();
  return { conn, recorder: new CallRecorder(new DenoTransport(conn, head)) };
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

// --- Input ---------------------------------------------------------------------------------------------------------

const input = suite('deno-transport · input');

input('chunks come in order, owned by the receiver, and are not written to again', async () => {
  const { conn, recorder } = make();
  recorder.start();
  let all = '';
  for (let index = 0; index < 300; index++) {
    const text = `${index},`.repeat(1 + (index % 7) * (index % 50));
    all += text;
    conn.give(text);
    if (index % 3 === 0) await turns(1);
  }
  await turns(20);
  assert.is(recorder.text, all);
  assert.equal([...recorder.owned], [true]);
});

input('nothing is read before the start, nor by one who pauses at once', async () => {
  const { conn, recorder } = make();
  conn.give('early');
  await turns(3);
  recorder.start();
  recorder.call((transport) => transport.pause());
  await turns(3);
  assert.equal(conn.asked, []);
  recorder.call((transport) => transport.resume());
  await turns(3);
  assert.is(recorder.text, 'early');
});

input('a pause stops the reading: one chunk at most is read meanwhile, and held', async () => {
  const { conn, recorder } = make();
  recorder.start();
  await turns(2);
  recorder.call((transport) => transport.pause());
  for (const text of ['one', 'two', 'three']) conn.give(text);
  await turns(5);
  assert.equal(recorder.calls, []);
  assert.equal(conn.asked, ['read 2048'], 'it reads no more');
  recorder.call((transport) => transport.resume());
  await turns(5);
  assert.is(recorder.text, 'onetwothree');
});

input('pausing and resuming many times loses nothing and tells nothing twice', async () => {
  const { conn, recorder } = make();
  recorder.start();
  recorder.onChunk = () => recorder.transport.pause();
  let all = '';
  for (let index = 0; index < 200; index++) {
    conn.give(`${index};`);
    all += `${index};`;
    recorder.call((transport) => {
      transport.resume();
      if (index % 3 === 0) transport.pause();
      if (index % 5 === 0) transport.resume();
    });
    if (index % 4 === 0) await turns(1);
  }
  for (let index = 0; index < 200; index++) {
    recorder.call((transport) => transport.resume());
    await turns(1);
  }
  assert.is(recorder.text, all);
  recorder.transport.destroy();
});

input('the end waits while it is paused, and comes once', async () => {
  const { conn, recorder } = make();
  recorder.start();
  await turns(1);
  recorder.call((transport) => transport.pause());
  conn.giveEnd();
  await turns(5);
  assert.equal(recorder.calls, []);
  recorder.call((transport) => transport.resume());
  await turns(5);
  recorder.call((transport) => transport.pause());
  recorder.call((transport) => transport.resume());
  await turns(5);
  assert.equal(recorder.calls, ['endReceived']);
  assert.is(conn.isClosed, false, 'our half stays open');
});

input('a receiver that pauses inside a chunk gets no other one', async () => {
  const { conn, recorder } = make();
  recorder.onChunk = () => recorder.transport.pause();
  recorder.start();
  conn.give('one');
  conn.give('two');
  conn.giveEnd();
  await turns(5);
  assert.equal(recorder.calls, ['chunkReceived']);
  recorder.onChunk = () => {};
  recorder.call((transport) => transport.resume());
  await turns(5);
  assert.equal(recorder.calls, ['chunkReceived', 'chunkReceived', 'endReceived']);
});

input('head comes first, as a copy of what somebody else has', async () => {
  const head = bytes('head');
  const { conn, recorder } = make(head.subarray(1));
  conn.give('behind');
  recorder.start();
  head.fill(0);
  await turns(5);
  assert.is(recorder.text, 'eadbehind');
});

input('head waits while it is paused, and an empty one is not told', async () => {
  const { recorder } = make(bytes('head'));
  recorder.start();
  recorder.call((transport) => transport.pause());
  await turns(3);
  assert.equal(recorder.calls, []);
  recorder.call((transport) => transport.resume());
  await turns(3);
  assert.is(recorder.text, 'head');
  const other = make(new Uint8Array(0));
  other.recorder.start();
  await turns(3);
  assert.equal(other.recorder.calls, []);
});

input('a read that gives nothing is no end', async () => {
  const { conn, recorder } = make();
  recorder.start();
  for (let index = 0; index < 5; index++) {
    await turns(3);
    conn.giveNothing();
  }
  await turns(3);
  conn.give('x');
  await turns(3);
  assert.equal(recorder.calls, ['chunkReceived']);
});

input('the end of TLS without its alert is an end, as node:tls has it', async () => {
  const { conn, recorder } = make();
  recorder.start();
  conn.failReading(denoError('UnexpectedEof'));
  await turns(5);
  assert.equal(recorder.calls, ['endReceived']);
});

input('a read that fails closes the connection, once, with the error; also while it is paused', async () => {
  for (const isPaused of [false, true]) {
    const { conn, recorder } = make();
    recorder.start();
    conn.give('x');
    await turns(2);
    if (isPaused) recorder.call((transport) => transport.pause());
    conn.failReading(denoError('ConnectionReset'));
    await turns(5);
    assert.equal(recorder.calls, ['chunkReceived', 'transportClosed']);
    assert.is((recorder.error as Error).name, 'ConnectionReset');
    assert.is(conn.isClosed, true);
  }
});

input('a flood leaves turns of the event loop to others', async () => {
  const { conn, recorder } = make();
  const chunk = new Uint8Array(64 * 1024);
  for (let index = 0; index < 64; index++) conn.give(chunk);
  recorder.start();
  await turns(1);
  const atFirstTurn = recorder.chunks.reduce((sum, each) => sum + each.byteLength, 0);
  assert.ok(atFirstTurn < 1024 * 1024, `${atFirstTurn} bytes in one turn`);
  await turns(50);
  assert.is(
    recorder.chunks.reduce((sum, each) => sum + each.byteLength, 0),
    64 * chunk.byteLength,
  );
});

// --- Output --------------------------------------------------------------------------------------------------------

const output = suite('deno-transport · output');

output('pieces go out in order, in one write, and are told to be taken then', async () => {
  const { conn, recorder } = make();
  recorder.start();
  recorder.call((transport) => transport.write([bytes('one'), bytes(''), bytes('two'), bytes('three')]));
  await turns(3);
  assert.is(conn.written, 'onetwothree');
  assert.is(conn.buffers.length, 1);
  assert.equal(recorder.calls, ['writeTaken']);
});

output('a write that is taken in parts goes on, and is told to be taken once all is', async () => {
  const { conn, recorder } = make();
  recorder.start();
  conn.appetite = 0;
  recorder.call((transport) => transport.write([bytes('hello '), bytes('world')]));
  for (const most of [1, 2, 3, 4]) {
    await turns(2);
    assert.equal(recorder.calls, []);
    conn.take(most);
  }
  await turns(2);
  conn.take(100);
  await turns(2);
  assert.is(conn.written, 'hello world');
  assert.equal(recorder.calls, ['writeTaken']);
});

output('a large piece is written as it is, without a copy', async () => {
  const { conn, recorder } = make();
  recorder.start();
  const large = new Uint8Array(100_000).fill(65);
  recorder.call((transport) => transport.write([bytes('head'), large, bytes('tail')]));
  await turns(5);
  assert.equal(
    conn.buffers.map((each) => each.byteLength),
    [4, 100_000, 4],
  );
  assert.is(conn.buffers[1], large);
  assert.equal(recorder.calls, ['writeTaken']);
});

output('a write of nothing is taken too, later', async () => {
  const { recorder } = make();
  recorder.start();
  recorder.call((transport) => transport.write([]));
  await turns(2);
  recorder.call((transport) => transport.write([new Uint8Array(0)]));
  await turns(2);
  assert.equal(recorder.calls, ['writeTaken', 'writeTaken']);
});

output('the end waits for what is being written', async () => {
  const { conn, recorder } = make();
  recorder.start();
  conn.appetite = 0;
  recorder.call((transport) => transport.write([bytes('last')]));
  recorder.call((transport) => transport.end());
  await turns(3);
  assert.is(conn.asked.includes('closeWrite'), false);
  conn.take(2);
  await turns(3);
  conn.take(2);
  await turns(3);
  assert.equal(recorder.calls, ['writeTaken', 'endSent']);
  assert.is(conn.isClosed, false, 'the peer may still send');
});

output('both ends close the connection, in either order', async () => {
  for (const isInputFirst of [false, true]) {
    const { conn, recorder } = make();
    recorder.start();
    if (isInputFirst) conn.giveEnd();
    await turns(3);
    recorder.call((transport) => transport.end());
    await turns(3);
    if (!isInputFirst) conn.giveEnd();
    await turns(3);
    const ends = isInputFirst ? ['endReceived', 'endSent'] : ['endSent', 'endReceived'];
    assert.equal(recorder.calls, [...ends, 'transportClosed']);
    assert.is(recorder.error, undefined);
    assert.is(conn.isClosed, true);
  }
});

output('an end of input that waits behind a pause keeps the connection open', async () => {
  const { conn, recorder } = make();
  recorder.start();
  await turns(1);
  recorder.call((transport) => transport.pause());
  conn.giveEnd();
  recorder.call((transport) => transport.end());
  await turns(5);
  assert.equal(recorder.calls, ['endSent']);
  assert.is(conn.isClosed, false);
  recorder.call((transport) => transport.resume());
  await turns(5);
  assert.equal(recorder.calls, ['endSent', 'endReceived', 'transportClosed']);
});

output(
  'a write that fails, one that takes nothing, and an end that fails close the connection with the error',
  async () => {
    const failures: readonly [(conn: FakeConn) => void, RegExp][] = [
      [(conn) => conn.failWriting(denoError('BrokenPipe')), /BrokenPipe/],
      [(conn) => conn.take(0), /takes no more/],
    ];
    for (const [fail, message] of failures) {
      const { conn, recorder } = make();
      recorder.start();
      conn.appetite = 0;
      recorder.call((transport) => transport.write([bytes('x')]));
      await turns(1);
      fail(conn);
      await turns(3);
      assert.equal(recorder.calls, ['transportClosed']);
      assert.match((recorder.error as Error).message, message);
    }
    const { conn, recorder } = make();
    recorder.start();
    conn.holdsEnd = true;
    recorder.call((transport) => transport.end());
    await turns(1);
    conn.endTaken(denoError('NotConnected'));
    await turns(3);
    assert.equal(recorder.calls, ['transportClosed']);
  },
);

// --- The end -------------------------------------------------------------------------------------------------------

const end = suite('deno-transport · destroy');

end('whatever is under way is interrupted, and one close is told, later, without an error', async () => {
  const { conn, recorder } = make();
  recorder.start();
  conn.appetite = 0;
  await turns(2);
  recorder.call((transport) => transport.write([bytes('x')]));
  recorder.call((transport) => transport.end());
  recorder.call((transport) => transport.destroy());
  recorder.call((transport) => transport.destroy());
  await turns(5);
  assert.equal(recorder.calls, ['transportClosed']);
  assert.is(recorder.error, undefined);
  assert.is(conn.asked.filter((each) => each === 'close').length, 1);
});

end('an end under way is interrupted too', async () => {
  const { conn, recorder } = make();
  recorder.start();
  conn.holdsEnd = true;
  recorder.call((transport) => transport.end());
  await turns(2);
  recorder.call((transport) => transport.destroy());
  await turns(3);
  assert.equal(recorder.calls, ['transportClosed']);
});

end('inside a chunk it is the last thing that happens', async () => {
  const { conn, recorder } = make();
  recorder.onChunk = () => recorder.transport.destroy();
  recorder.start();
  conn.give('one');
  conn.give('two');
  conn.giveEnd();
  await turns(5);
  assert.equal(recorder.calls, ['chunkReceived', 'transportClosed']);
});

end('before the start it closes the connection at once; a start behind it is told that', async () => {
  const { conn, recorder } = make(bytes('head'));
  recorder.call((transport) => transport.destroy());
  assert.is(conn.isClosed, true);
  await turns(2);
  assert.equal(recorder.calls, []);
  recorder.start();
  await turns(2);
  assert.equal(recorder.calls, ['transportClosed']);
});

end('calls behind it do nothing', async () => {
  const { conn, recorder } = make();
  recorder.start();
  recorder.call((transport) => transport.destroy());
  for (const act of ['pause', 'resume', 'end', 'destroy'] as const) recorder.call((transport) => transport[act]());
  recorder.call((transport) => transport.write([bytes('x')]));
  await turns(5);
  assert.equal(recorder.calls, ['transportClosed']);
  assert.is(conn.written, '');
});

end('a connection that somebody else has closed is a closed one', async () => {
  const { conn, recorder } = make();
  recorder.start();
  await turns(2);
  conn.close();
  await turns(3);
  assert.equal(recorder.calls, ['transportClosed']);
  const other = make();
  other.conn.close();
  other.recorder.start();
  await turns(3);
  assert.equal(other.recorder.calls, ['transportClosed']);
});

end.after(() => assertNothingEscaped());

input.run();
output.run();
end.run();
