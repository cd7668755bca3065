// The transport over sockets of Bun, inside Bun: `bun spec/runtimes/bun/transport.ts`, or by spec/runtimes/run.ts. The peers are sockets of node:net, which Bun has too.

import { connect as connectNet, type Socket } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { BunListener } from '../../../lib/adapter/bun-api.ts';
import { getBun, passOn } from '../../../lib/adapter/bun-api.ts';
import { BunTransport } from '../../../lib/adapter/bun-transport.ts';
import { toByteStreams } from '../../../lib/stream/byte-streams.ts';
import { CallRecorder } from '../../support/call-recorder.ts';
import { standstill, until, within } from '../../support/until.ts';

const MiB = 1024 * 1024;
const pattern = new Uint8Array(8 * MiB).map((_, index) => (index * 7919) >>> 8);

let listener: BunListener;
const accepted: BunTransport[] = [];
const peers = new Set<Socket>();

const test = suite('bun · transport');

test.before(() => {
  const socket = passOn((it) => void accepted.push(new BunTransport(it)));
  listener = getBun().listen({ hostname: '127.0.0.1', port: 0, allowHalfOpen: true, socket });
});

test.after(() => {
  listener.stop(true);
});

test.after.each(() => {
  for (const peer of peers) peer.destroy();
  peers.clear();
});

/** Our side of a connection, and the peer's. */
async function pair(): Promise<[CallRecorder, Socket]> {
  const peer = connectNet({ host: '127.0.0.1', port: listener.port, allowHalfOpen: true });
  peer.on('error', () => {});
  peer.setNoDelay(true);
  peers.add(peer);
  await until(() => accepted.length > 0, 'it is accepted');
  return [new CallRecorder(accepted.shift() as BunTransport), peer];
}

/** What comes at the peer. */
function collect(peer: Socket): { bytes: () => Buffer; size: () => number; hasEnded: () => boolean } {
  const chunks: Buffer[] = [];
  let size = 0;
  let hasEnded = false;
  peer.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    size += chunk.byteLength;
  });
  peer.on('end', () => {
    hasEnded = true;
  });
  return { bytes: () => Buffer.concat(chunks), size: () => size, hasEnded: () => hasEnded };
}

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

test('chunks are ours: none is changed by those behind it, and changing one changes no other', async () => {
  const [recorder, peer] = await pair();
  recorder.start();
  const copies: Uint8Array[] = [];
  recorder.onChunk = (chunk) => copies.push(chunk.slice());
  for (let round = 0; round < 20; round++) {
    peer.write(Buffer.alloc(100 + round, round));
    await until(() => recorder.received >= 100, 'some have come');
    await pause(1);
  }
  peer.write(pattern.subarray(0, 2 * MiB));
  const all = Array.from({ length: 20 }, (_, round) => 100 + round).reduce((sum, size) => sum + size) + 2 * MiB;
  await until(() => recorder.received === all, 'all has come');
  assert.ok(recorder.chunks.length > 5);
  for (const [index, chunk] of recorder.chunks.entries())
    assert.ok(Buffer.compare(chunk, copies[index] as Uint8Array) === 0);
  const buffers = new Set(recorder.chunks.map(({ buffer }) => buffer));
  assert.is(buffers.size, recorder.chunks.length);
  assert.equal([...recorder.owned], [true]);
});

test('what came before the start comes first, in order, and no more than the socket had given is held', async () => {
  const [recorder, peer] = await pair();
  for (let index = 0; index < 64; index++) peer.write(pattern.subarray(0, MiB));
  const left = await standstill(() => peer.writableLength, 'the peer');
  assert.ok(left > 32 * MiB, `only ${left} bytes are left at the peer`);
  let good = true;
  recorder.keeps = false;
  recorder.onChunk = (chunk) => {
    const at = (recorder.received - chunk.byteLength) % MiB;
    for (let index = 0; index < chunk.byteLength; index += 101) good &&= chunk[index] === pattern[(at + index) % MiB];
  };
  recorder.start();
  await until(() => recorder.received === 64 * MiB, 'all has come');
  assert.ok(good);
});

test('input that is paused holds the peer up, and goes on; nothing is told meanwhile, the end neither', async () => {
  const [recorder, peer] = await pair();
  recorder.start();
  recorder.keeps = false;
  recorder.call((transport) => transport.pause());
  for (let index = 0; index < 64; index++) peer.write(pattern.subarray(0, MiB));
  peer.end();
  const left = await standstill(() => peer.writableLength, 'the peer');
  assert.ok(left > 32 * MiB, `only ${left} bytes are left at the peer`);
  assert.equal(recorder.calls, []);
  recorder.call((transport) => transport.resume());
  await recorder.told('endReceived');
  assert.is(recorder.received, 64 * MiB);
  assert.is(recorder.calls.at(-1), 'endReceived');
});

test('a pause from inside a chunk holds the next one back, each time', async () => {
  const [recorder, peer] = await pair();
  recorder.onChunk = () => recorder.call((transport) => transport.pause());
  recorder.start();
  peer.write(pattern.subarray(0, 3 * MiB));
  for (let chunks = 1; recorder.received < 3 * MiB; chunks++) {
    await until(() => recorder.calls.length === chunks, 'one more chunk');
    await pause(3);
    assert.is(recorder.calls.length, chunks);
    recorder.call((transport) => transport.resume());
  }
  assert.ok(Buffer.compare(Buffer.concat(recorder.chunks), pattern.subarray(0, 3 * MiB)) === 0);
});

test('a write is taken when the socket has accepted the whole of it, never from inside the call; a peer that reads nothing holds it up', async () => {
  const [recorder, peer] = await pair();
  recorder.start();
  peer.pause();
  recorder.call((transport) => transport.write([pattern.subarray(0, 10)]));
  await recorder.told('writeTaken');
  recorder.call((transport) => transport.write([pattern]));
  recorder.calls.length = 0;
  await pause(100);
  assert.equal(recorder.calls, []);
  const { bytes, size } = collect(peer);
  peer.resume();
  await recorder.told('writeTaken');
  await until(() => size() === 10 + pattern.byteLength, 'all has come');
  assert.ok(Buffer.compare(bytes().subarray(10), pattern) === 0);
  assert.equal(recorder.calls, ['writeTaken']);
});

test('pieces of all sizes come in order, small ones gathered, across partial writes', async () => {
  const [recorder, peer] = await pair();
  recorder.start();
  peer.pause();
  const sizes = [0, 1, 3, 0, 70_000, 2, 65_536, 65_535, 1, 400_000, 0, 9, 3 * MiB, 5, 64 * 1024 - 1, 2, MiB, 0];
  const pieces: Uint8Array[] = [];
  let from = 0;
  for (const size of sizes) {
    pieces.push(pattern.subarray(from, from + size));
    from += size;
  }
  recorder.call((transport) => transport.write(pieces));
  await pause(30);
  const { bytes, hasEnded } = collect(peer);
  recorder.call((transport) => transport.end());
  peer.resume();
  await recorder.told('endSent');
  await until(hasEnded, 'the end has come');
  assert.ok(Buffer.compare(bytes(), pattern.subarray(0, from)) === 0);
  assert.equal(recorder.calls, ['writeTaken', 'endSent']);
});

test('while a write waits, pauses and resumes neither lose nor repeat a byte of it', async () => {
  const [recorder, peer] = await pair();
  recorder.start();
  peer.pause();
  recorder.call((transport) => transport.write([pattern]));
  for (let round = 0; round < 50; round++) {
    recorder.call((transport) => transport.pause());
    if (round % 3 === 0) await pause(1);
    recorder.call((transport) => transport.resume());
    if (round % 5 === 0) await pause(1);
  }
  recorder.call((transport) => transport.pause());
  const { bytes, size } = collect(peer);
  peer.resume();
  await recorder.told('writeTaken');
  await until(() => size() >= pattern.byteLength, 'all has come');
  await pause(20);
  assert.ok(Buffer.compare(bytes(), pattern) === 0);
  assert.is(recorder.count('writeTaken'), 1);
});

test('both directions at once, with pauses: every byte comes back', async () => {
  const [recorder, peer] = await pair();
  let isWriting = false;
  const queue: Uint8Array[] = [];
  const write = (): void => {
    if (isWriting || queue.length === 0) return;
    isWriting = true;
    recorder.call((transport) => transport.write(queue.splice(0)));
  };
  recorder.keeps = false;
  recorder.onTaken = () => {
    isWriting = false;
    recorder.call((transport) => transport.resume());
    write();
  };
  recorder.onChunk = (chunk) => {
    recorder.call((transport) => transport.pause());
    queue.push(chunk);
    write();
  };
  recorder.start();
  const { bytes, size } = collect(peer);
  for (let round = 0; round < 4; round++) peer.write(pattern);
  await until(() => size() === 4 * pattern.byteLength, 'all is back');
  for (let round = 0; round < 4; round++) {
    const part = bytes().subarray(round * pattern.byteLength, (round + 1) * pattern.byteLength);
    assert.ok(Buffer.compare(part, pattern) === 0);
  }
});

test('our end is a half-close: the peer sees it, and what it still sends comes; then its end, then the close', async () => {
  const [recorder, peer] = await pair();
  const { bytes, hasEnded } = collect(peer);
  recorder.start();
  recorder.call((transport) => transport.write([Buffer.from('bye')]));
  recorder.call((transport) => transport.end());
  await until(hasEnded, 'the peer sees the end');
  assert.is(bytes().toString(), 'bye');
  peer.write('still');
  await until(() => recorder.text === 'still', 'it has come');
  peer.end('here');
  await recorder.told('transportClosed');
  assert.is(recorder.text, 'stillhere');
  assert.equal(
    recorder.calls.filter((call) => call !== 'chunkReceived'),
    ['writeTaken', 'endSent', 'endReceived', 'transportClosed'],
  );
  assert.is(recorder.error, undefined);
});

test('the end of the peer is a half-close: the output goes on, and our end closes', async () => {
  const [recorder, peer] = await pair();
  const { size } = collect(peer);
  recorder.start();
  peer.end('first');
  await recorder.told('endReceived');
  await pause(20);
  recorder.call((transport) => transport.write([pattern.subarray(0, MiB)]));
  await recorder.told('writeTaken');
  recorder.call((transport) => transport.end());
  await recorder.told('transportClosed');
  await until(() => size() === MiB, 'all has come');
  assert.equal(recorder.calls, ['chunkReceived', 'endReceived', 'writeTaken', 'endSent', 'transportClosed']);
});

test('both ends while paused: what has come is told after the resume, then the end, then the close', async () => {
  const [recorder, peer] = await pair();
  recorder.start();
  recorder.call((transport) => transport.pause());
  recorder.call((transport) => transport.end());
  peer.end(pattern.subarray(0, 2 * MiB));
  peer.resume();
  await pause(50);
  assert.equal(recorder.calls, ['endSent']);
  recorder.onChunk = () => recorder.call((transport) => transport.pause());
  for (let round = 0; !recorder.calls.includes('transportClosed'); round++) {
    assert.ok(round < 1000, recorder.calls.join());
    recorder.call((transport) => transport.resume());
    await pause(1);
  }
  assert.ok(Buffer.compare(Buffer.concat(recorder.chunks), pattern.subarray(0, 2 * MiB)) === 0);
  assert.equal(recorder.calls.slice(-2), ['endReceived', 'transportClosed']);
});

for (const isPaused of [false, true]) {
  test(`a reset of the peer is the close, with its error, ${isPaused ? 'while paused too' : 'and nothing else'}`, async () => {
    const [recorder, peer] = await pair();
    recorder.start();
    if (isPaused) recorder.call((transport) => transport.pause());
    peer.resetAndDestroy();
    await recorder.told('transportClosed');
    assert.equal(recorder.calls, ['transportClosed']);
    assert.is((recorder.error as { code?: string }).code, 'ECONNRESET');
    recorder.call((transport) => transport.write([pattern]));
    recorder.call((transport) => transport.end());
    recorder.call((transport) => transport.pause());
    recorder.call((transport) => transport.resume());
    recorder.call((transport) => transport.destroy());
    await pause(10);
    assert.equal(recorder.calls, ['transportClosed']);
  });
}

test('a reset while a write waits: the write is never taken', async () => {
  const [recorder, peer] = await pair();
  recorder.start();
  peer.pause();
  recorder.call((transport) => transport.write([pattern]));
  await pause(10);
  peer.resetAndDestroy();
  await recorder.told('transportClosed');
  assert.equal(recorder.calls, ['transportClosed']);
});

test('a peer that goes before the start is told at the start, what it sent first', async () => {
  const [recorder, peer] = await pair();
  peer.end('hello');
  await pause(30);
  recorder.start();
  await recorder.told('endReceived');
  assert.is(recorder.text, 'hello');
  const [second, other] = await pair();
  other.resetAndDestroy();
  await pause(30);
  second.start();
  await second.told('transportClosed');
  assert.equal(second.calls, ['transportClosed']);
});

const moments: Record<string, (recorder: CallRecorder, peer: Socket) => void | Promise<void>> = {
  'at once': () => {},
  'while paused': (recorder) => recorder.call((transport) => transport.pause()),
  'in the middle of a write': (recorder, peer) => {
    peer.pause();
    recorder.call((transport) => transport.write([pattern]));
  },
  'right behind a write': (recorder) => recorder.call((transport) => transport.write([pattern.subarray(0, 100)])),
  'right behind the end': (recorder) => recorder.call((transport) => transport.end()),
  'behind the end of the peer': async (recorder, peer) => {
    peer.end();
    await recorder.told('endReceived');
  },
  'with bytes unread': async (recorder, peer) => {
    recorder.call((transport) => transport.pause());
    peer.write(pattern);
    await pause(20);
  },
};

for (const [moment, prepare] of Object.entries(moments)) {
  test(`destroy ${moment}: the peer sees the end of it, and nothing but the close is told`, async () => {
    const [recorder, peer] = await pair();
    recorder.start();
    const closed = new Promise((resolve) => peer.once('close', resolve));
    await prepare(recorder, peer);
    recorder.calls.length = 0;
    recorder.call((transport) => transport.destroy(new Error('away')));
    recorder.call((transport) => transport.destroy());
    await recorder.told('transportClosed');
    peer.resume().end();
    await within(closed, 'the close at the peer');
    await pause(5);
    assert.equal(recorder.calls, ['transportClosed']);
  });
}

test('destroy from inside a chunk: no other chunk is told', async () => {
  const [recorder, peer] = await pair();
  recorder.onChunk = () => recorder.call((transport) => transport.destroy());
  recorder.start();
  peer.write(pattern);
  await recorder.told('transportClosed');
  assert.equal(recorder.calls, ['chunkReceived', 'transportClosed']);
});

test('what was written before a destroy comes, when the peer takes it', async () => {
  const [recorder, peer] = await pair();
  const { size, hasEnded } = collect(peer);
  recorder.start();
  recorder.call((transport) => transport.write([pattern.subarray(0, 100_000)]));
  await recorder.told('writeTaken');
  recorder.call((transport) => transport.destroy());
  await until(hasEnded, 'the end');
  assert.is(size(), 100_000);
});

test('as byte streams: backpressure both ways, half-close, the end', async () => {
  const [{ transport }, peer] = await pair();
  const { readable, writable } = toByteStreams(transport);
  for (let index = 0; index < 64; index++) peer.write(pattern.subarray(0, MiB));
  const left = await standstill(() => peer.writableLength, 'the peer');
  assert.ok(left > 32 * MiB);
  const reader = readable.getReader();
  let sum = 0;
  while (sum < 64 * MiB) sum += (await within(reader.read(), 'a chunk')).value?.byteLength ?? 0;
  assert.is(sum, 64 * MiB);
  const writer = writable.getWriter();
  peer.pause();
  let written = 0;
  void (async () => {
    for (let index = 0; index < 64; index++) {
      await writer.ready;
      await writer.write(pattern.subarray(0, MiB));
      written++;
    }
  })();
  assert.ok((await standstill(() => written, 'the writer')) < 32);
  const { size, hasEnded } = collect(peer);
  peer.resume();
  await until(() => written === 64, 'all is written');
  await within(writer.close(), 'the close of the writable');
  await until(hasEnded, 'the end at the peer');
  assert.is(size(), 64 * MiB);
  peer.end();
  assert.ok((await within(reader.read(), 'the end')).done);
});

test('a thousand connections that come and go leave no socket behind', async () => {
  for (let round = 0; round < 20; round++) {
    const recorders: CallRecorder[] = [];
    for (let index = 0; index < 50; index++) {
      const [recorder, peer] = await pair();
      recorders.push(recorder.start());
      if (index % 3 === 0) peer.end('x');
      else if (index % 3 === 1) recorder.transport.destroy();
      else peer.resetAndDestroy();
      if (index % 3 === 0) recorder.transport.end();
      peer.resume();
    }
    await until(() => recorders.every((recorder) => recorder.calls.includes('transportClosed')), 'all are closed');
    for (const peer of peers) peer.destroy();
    peers.clear();
  }
});

test.run();
