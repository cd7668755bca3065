// The handle of a socket, used without the stream around it: that it is taken where it can be and nowhere else, that what was read into the buffer of all connections stays with its own,
// and that what is written arrives whole, in order, and with its end told, however the system takes it.

import { Socket } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { NodeTransport } from '../../lib/adapter/node-duplex.ts';
import { NodeHandle, type NodeHandleOwner } from '../../lib/adapter/node-handle.ts';
import type { Frame } from '../../lib/frame/frame.ts';
import { Opcode } from '../../lib/frame/opcode.ts';
import type { Session } from '../../lib/job/session.ts';
import { destroyAllDuplexes, duplexPair, socketPair } from '../support/duplexes.ts';
import { Random } from '../support/random.ts';
import { binary, close, continuation, ping, RawClient, text } from '../support/raw-client.ts';
import { Recorder } from '../support/recorder.ts';
import { assertEnd, assertNothingEscaped, echo, endOf, startServer } from '../support/server.ts';
import { standstill, turns, until } from '../support/until.ts';

const MiB = 1024 * 1024;
const random = new Random();
const nobody: NodeHandleOwner = { chunkHeld: () => {}, chunkRead: () => {}, writeDone: () => {} };

/** Bytes that tell whose they are. */
function of(owner: number, size: number): Uint8Array {
  return new Uint8Array(size).fill(owner);
}

const taking = suite('node-handle · taking');

// Nobody has looked at the handles of later ones: their sockets are used as everybody uses them.
const release = Number.parseInt(process.versions.node, 10);
const isKnown = release >= 20 && release <= 24 && process.versions['bun'] === undefined && !('Deno' in globalThis);

taking('the handle of a TCP socket is had, once, in the releases of Node that are known, and in no other', async () => {
  const [ours, peer] = await socketPair();
  assert.is(NodeHandle.take(ours, nobody) instanceof NodeHandle, isKnown);
  assert.is(NodeHandle.take(ours, nobody), undefined, 'it has an owner');
  ours.destroy();
  peer.destroy();
});

taking('what is no such socket is left as it is', async () => {
  const [duplex] = duplexPair();
  assert.is(NodeHandle.take(duplex, nobody), undefined, 'a Duplex');
  assert.is(NodeHandle.take(new Socket(), nobody), undefined, 'a socket that is not connected');
  const [ours, peer] = await socketPair();
  const [derived] = await socketPair();
  Object.setPrototypeOf(derived, class extends Socket {}.prototype);
  assert.is(NodeHandle.take(derived, nobody), undefined, 'a socket of another class');
  ours.destroy();
  assert.is(NodeHandle.take(ours, nobody), undefined, 'a socket that was destroyed');
  derived.destroy();
  peer.destroy();
});

taking('a handle that has not all that is used of it is left as it is', async () => {
  const missing = ['readStart', 'readStop', 'useUserBuffer', 'writeBuffer', 'writev', 'bytesRead', 'writeQueueSize'];
  for (const name of missing) {
    const [ours, peer] = await socketPair();
    const { _handle: handle } = ours as unknown as { _handle: object };
    Object.defineProperty(handle, name, { value: undefined, configurable: true });
    assert.is(NodeHandle.take(ours, nobody), undefined, name);
    Reflect.deleteProperty(handle, name);
    ours.destroy();
    peer.destroy();
  }
});

taking('bytes that the stream has read before come first', async () => {
  const [ours, peer] = await socketPair();
  peer.write('early');
  await until(() => ours.readableLength === 5, 'the stream has read');
  const recorder = new Recorder(ours).start();
  await until(() => recorder.received === 'early', 'what was read before');
  peer.write(' and late');
  await until(() => recorder.received === 'early and late', 'the rest');
  assert.is(ours.listenerCount('data'), isKnown ? 0 : 1, 'it is not the stream that reads');
  ours.destroy();
  peer.destroy();
});

taking('an end that the stream has read before is told behind the bytes before it', async () => {
  const [ours, peer] = await socketPair();
  peer.end('last words');
  await turns(20);
  const recorder = new Recorder(ours).start();
  await recorder.told('endReceived');
  assert.is(recorder.received, 'last words');
  assert.is(recorder.count('endReceived'), 1);
  ours.destroy();
  peer.destroy();
});

taking('a peer that goes away is noticed while nothing is taken, and what it has sent waits', async () => {
  const [ours, peer] = await socketPair();
  const recorder = new Recorder(ours).start();
  recorder.call((transport) => transport.pause());
  peer.write('waits');
  await turns(10);
  assert.equal(recorder.calls, []);
  recorder.call((transport) => transport.resume());
  await until(() => recorder.received === 'waits', 'it has come');
  recorder.call((transport) => transport.pause());
  peer.resetAndDestroy();
  await recorder.told('transportClosed');
  assert.equal(recorder.calls, ['chunkReceived', 'transportClosed']);
});

taking('one chunk is held while nothing is taken; then the peer is held up', async () => {
  const [ours, peer] = await socketPair();
  const recorder = new Recorder(ours).start();
  recorder.call((transport) => transport.pause());
  for (let count = 0; count < 32; count++) peer.write(of(count, MiB));
  await standstill(() => peer.writableLength, 'the peer');
  assert.ok(peer.writableLength > 8 * MiB);
  assert.ok(ours.bytesRead <= 128 * 1024, `${ours.bytesRead} bytes were read`);
  assert.equal(recorder.calls, []);
  ours.destroy();
  peer.destroy();
});

taking('a receiver that pauses while it is given what was held is given no more', async () => {
  const [ours, peer] = await socketPair();
  peer.write('early');
  await until(() => ours.readableLength === 5, 'the stream has read');
  const recorder = new Recorder(ours);
  recorder.onChunk = () => recorder.call((transport) => transport.pause());
  recorder.start();
  peer.write(' and late');
  await turns(20);
  assert.is(recorder.received, 'early');
  recorder.call((transport) => transport.resume());
  await until(() => recorder.received === 'early and late', 'the rest');
  ours.destroy();
  peer.destroy();
});

taking('what was held while the socket was paused comes with the first resume, and never from inside it', async () => {
  const [ours, peer] = await socketPair();
  peer.write('early');
  await until(() => ours.readableLength === 5, 'the stream has read');
  const recorder = new Recorder(ours, Buffer.from('head, '));
  recorder.onChunk = () => recorder.call((transport) => transport.pause());
  recorder.start();
  await turns(10);
  assert.is(recorder.received, 'head, ');
  recorder.call((transport) => transport.resume());
  await until(() => recorder.received === 'head, early', 'what was held');
  assert.equal([...new Set(recorder.calls)], ['chunkReceived']);
  peer.write(', late');
  await turns(10);
  assert.is(recorder.received, 'head, early', 'it was paused again');
  recorder.call((transport) => transport.resume());
  await until(() => recorder.received === 'head, early, late', 'the rest');
  ours.destroy();
  peer.destroy();
});

taking('an end behind bytes that the stream has read before waits with them while nothing is taken', async () => {
  for (const halfOpen of [true, false]) {
    const [ours, peer] = await socketPair();
    ours.allowHalfOpen = halfOpen;
    peer.end('last words');
    await until(() => ours.readableLength === 10, 'the stream has read');
    await turns(5);
    const recorder = new Recorder(ours, Buffer.from('head, '));
    recorder.onChunk = () => {
      if (recorder.received === 'head, ') recorder.call((transport) => transport.pause());
    };
    recorder.start();
    await turns(20);
    assert.equal([recorder.received, recorder.calls], ['head, ', ['chunkReceived']]);
    recorder.call((transport) => transport.resume());
    await recorder.told('endReceived');
    assert.is(recorder.received, 'head, last words');
    ours.destroy();
    peer.destroy();
  }
});

taking('the end does not come before what is given in a microtask', async () => {
  const [ours, peer] = await socketPair();
  peer.end('last words');
  await until(() => ours.readableLength === 10, 'the stream has read');
  await turns(5);
  const recorder = new Recorder(ours, Buffer.from('head, '));
  recorder.onChunk = () => recorder.call((transport) => transport.pause());
  // From a task of the event loop: what is put off comes before the microtasks.
  await new Promise<void>((resolve) => {
    setTimeout(() => {
      recorder.start();
      recorder.onChunk = () => {};
      recorder.call((transport) => transport.resume());
      resolve();
    });
  });
  await recorder.told('endReceived');
  assert.is(recorder.received, 'head, last words');
  assert.equal(recorder.calls, ['chunkReceived', 'chunkReceived', 'endReceived']);
  ours.destroy();
  peer.destroy();
});

taking('a socket that somebody listens to is left to its stream, and both are told', async () => {
  const [ours, peer] = await socketPair();
  let counted = 0;
  ours.on('data', ({ byteLength }: Buffer) => {
    counted += byteLength;
  });
  assert.is(NodeHandle.take(ours, nobody), undefined);
  const recorder = new Recorder(ours).start();
  peer.write('heard');
  await until(() => recorder.received === 'heard', 'the transport is told');
  assert.is(counted, 5);
  ours.destroy();
  peer.destroy();
});

taking('a socket that nobody has paused is read, whatever was read of it before', async () => {
  const [ours, peer] = await socketPair();
  // As a server of HTTP leaves it that had waited for its own output.
  ours.pause();
  (ours as { readableFlowing: boolean | null }).readableFlowing = null;
  const recorder = new Recorder(ours).start();
  peer.write('comes');
  await until(() => recorder.received === 'comes', 'it is read');
  ours.destroy();
  peer.destroy();
});

taking.run();

const reading = suite('node-handle · reading');

function assertOf(owner: number, bytes: Uint8Array, what: string): void {
  assert.ok(
    bytes.every((byte) => byte === owner),
    what,
  );
}

function keepFrame({ opcode, payload }: Frame, kept: Uint8Array[]): void {
  if (opcode === Opcode.BINARY || opcode === Opcode.CONTINUATION) kept.push(payload);
}

const shapes: readonly (readonly [string, (bytes: Uint8Array) => Uint8Array[]])[] = [
  ['whole', (bytes) => [binary(bytes)]],
  ['in two fragments', (bytes) => [binary(bytes.subarray(0, 3), false), continuation(bytes.subarray(3))]],
  ['in two fragments with a ping between', (bytes) => [binary(bytes, false), ping('x'), continuation(bytes)]],
  ['behind another in the same packet', (bytes) => [Buffer.concat([binary(bytes), binary(bytes)])]],
];

for (const messages of ['whole', 'streamed', 'raw'] as const) {
  for (const [shape, framesOf] of shapes) {
    reading(
      `what one connection has received (${messages}, ${shape}) is not touched by what others receive`,
      async () => {
        const kept: Uint8Array[] = [];
        const keep = async (session: Session): Promise<void> => {
          for await (const item of session as AsyncIterable<unknown>) {
            if (messages === 'whole') kept.push(item as Uint8Array);
            else if (messages === 'raw') keepFrame(item as Frame, kept);
            else for await (const piece of (item as { body: AsyncIterable<Uint8Array> }).body) kept.push(piece);
          }
        };
        const options = { raw: messages === 'raw', ...(messages === 'streamed' ? { messages } : undefined) };
        await using server = await startServer(keep as never, options as never);
        await using other = await startServer(async () => {});
        const sizes = [1, 60, 64, 65, 126, 2047, 2048, 4096, 16_384, 65_600, 200_000];
        for (const [index, size] of sizes.entries()) {
          const owner = index + 1;
          using client = await RawClient.open(server.port);
          for (const frame of framesOf(of(owner, Math.max(size, 4)))) client.send(frame);
          client.send(close(1000));
          // Both servers read into one buffer.
          using noise = await RawClient.open(other.port);
          noise.send(binary(of(0xee, 65_536)), binary(of(0xee, 65_536)));
          await client.untilClose();
          await turns(3);
        }
        assert.ok(kept.length >= sizes.length);
        for (const bytes of kept) if (bytes.byteLength > 1) assertOf(bytes[0] ?? 0, bytes, 'its own bytes');
        assert.not.ok(kept.some((bytes) => bytes[0] === 0xee));
      },
    );
  }
}

reading('messages do not share their memory with another connection', async () => {
  const kept: Uint8Array[] = [];
  await using server = await startServer(async (session) => {
    for await (const message of session) kept.push(message as Uint8Array);
  });
  for (let owner = 1; owner <= 4; owner++) {
    using client = await RawClient.open(server.port);
    for (const size of [1, 64, 65, 1000, 5000, 70_000]) client.send(binary(of(owner, size)));
    client.send(close(1000));
    await client.untilClose();
  }
  assert.is(kept.length, 24);
  for (const one of kept) {
    for (const other of kept) if (one[0] !== other[0]) assert.is.not(one.buffer, other.buffer);
    assert.ok(one.buffer.byteLength <= Math.max(4096, 4 * one.byteLength), 'nor keep much more of it alive');
  }
});

reading('what waits unread, behind a rate or behind a reader that does not read, is kept', async () => {
  let go: () => void = () => {};
  const gone = new Promise<void>((resolve) => {
    go = resolve;
  });
  const got: Uint8Array[] = [];
  const handler = async (session: Session): Promise<void> => {
    await gone;
    for await (const message of session) got.push(message as Uint8Array);
  };
  const limits = { queueSize: 4096, lookAhead: 4096 };
  await using server = await startServer(handler, { limits });
  const clients = [1, 2, 3].map(async (owner) => {
    const client = await RawClient.open(server.port);
    for (let count = 0; count < 40; count++) client.send(binary(of(owner, 1 + random.below(9000))));
    client.send(close(1000));
    return client;
  });
  const opened = await Promise.all(clients);
  await turns(50);
  go();
  for (const client of opened) await client.untilClose();
  assert.is(got.length, 120);
  for (const message of got) assertOf(message[0] ?? 0, message, 'its own bytes');
  for (const client of opened) client.socket.destroy();
});

reading('messages that come in any cut are what was sent', async () => {
  await using server = await startServer(echo, { limits: { maxMessageSize: MiB } });
  using client = await RawClient.open(server.port);
  const sent = Array.from({ length: 60 }, () =>
    random.bytes(random.below(2) === 0 ? random.below(300) : random.below(90_000)),
  );
  const wire = Buffer.concat(sent.map((payload) => binary(payload)));
  for (let at = 0; at < wire.byteLength; ) {
    const to = at + 1 + random.below(random.below(3) === 0 ? 50 : 70_000);
    client.send(wire.subarray(at, to));
    at = to;
    await turns(1);
  }
  for (const payload of sent) assert.is(Buffer.compare((await client.frame()).payload, payload), 0);
});

reading.run();

const writing = suite('node-handle · writing');

writing('what the system does not take at once arrives, in order, and is told once', async () => {
  const [ours, peer] = await socketPair();
  const recorder = new Recorder(ours).start();
  // The first write shows the class of the requests.
  recorder.call((transport) => transport.write([Uint8Array.of(0)]));
  await recorder.told('writeTaken');
  const chunks: Buffer[] = [];
  peer.on('data', (chunk: Buffer) => chunks.push(chunk));
  peer.pause();
  let size = 1;
  for (let round = 1; round < 40; round++) {
    const pieces = Array.from({ length: 1 + random.below(4) }, () => of(round, 1 + random.below(MiB)));
    size += pieces.reduce((sum, piece) => sum + piece.byteLength, 0);
    const before = recorder.count('writeTaken');
    let isTaken = false;
    recorder.call((transport) => {
      isTaken = transport.tryWrite(pieces);
    });
    if (isTaken) continue;
    if (round === 10) await standstill(() => recorder.count('writeTaken'), 'held up');
    peer.resume();
    await until(() => recorder.count('writeTaken') === before + 1, 'it is told');
    peer.pause();
  }
  peer.resume();
  await until(() => chunks.reduce((sum, { byteLength }) => sum + byteLength, 0) === size, 'all has come');
  const all = Buffer.concat(chunks);
  for (let at = 1; at < all.byteLength; at++)
    if ((all[at] ?? 0) < (all[at - 1] ?? 0)) assert.unreachable('out of order');
  ours.destroy();
  peer.destroy();
});

writing('the socket counts what is written and read beside it', async () => {
  const [ours, peer] = await socketPair();
  const recorder = new Recorder(ours).start();
  recorder.call((transport) => transport.write([of(1, 10)]));
  await recorder.told('writeTaken');
  recorder.call((transport) => transport.tryWrite([of(2, 20)]));
  await turns(3);
  recorder.call((transport) => transport.tryWrite([of(3, 30), of(4, 40)]));
  await turns(3);
  assert.is(ours.bytesWritten, 100);
  peer.write(of(5, 50));
  await until(() => recorder.received.length === 50, 'it has come');
  assert.is(ours.bytesRead, 50);
  ours.destroy();
  peer.destroy();
});

writing('a socket that is read or written is not idle: its own time-out is put off', async () => {
  for (const busy of ['reading', 'writing']) {
    const [ours, peer] = await socketPair();
    const recorder = new Recorder(ours).start();
    recorder.call((transport) => transport.write([of(1, 10)]));
    await recorder.told('writeTaken');
    let timeouts = 0;
    ours.on('timeout', () => timeouts++);
    ours.setTimeout(400);
    const end = Date.now() + 900;
    while (Date.now() < end) {
      if (busy === 'reading') peer.write('x');
      else recorder.call((transport) => transport.tryWrite([of(2, 1)]));
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    assert.is(timeouts, 0, busy);
    await until(() => timeouts > 0, 'it is idle');
    ours.destroy();
    peer.destroy();
  }
});

writing('bytes that wait in the stream go first', async () => {
  const [ours, peer] = await socketPair();
  const chunks: Buffer[] = [];
  const recorder = new Recorder(ours).start();
  for (let count = 0; count < 32; count++) ours.write(of(1, MiB));
  assert.ok(ours.writableLength > 0);
  recorder.call((transport) => assert.not.ok(transport.tryWrite([of(2, 10)])));
  peer.on('data', (chunk: Buffer) => chunks.push(chunk));
  await recorder.told('writeTaken');
  await until(() => chunks.reduce((sum, { byteLength }) => sum + byteLength, 0) === 32 * MiB + 10, 'all has come');
  assert.equal([...Buffer.concat(chunks).subarray(-11)], [1, ...of(2, 10)]);
  ours.destroy();
  peer.destroy();
});

writing('the end comes behind what the system has not taken', async () => {
  const [ours, peer] = await socketPair();
  const recorder = new Recorder(ours).start();
  recorder.call((transport) => transport.write([Uint8Array.of(0)]));
  await recorder.told('writeTaken');
  recorder.call((transport) => assert.not.ok(transport.tryWrite([of(7, 16 * MiB)])));
  recorder.call((transport) => transport.end());
  let size = 0;
  peer.on('data', ({ byteLength }: Buffer) => {
    size += byteLength;
  });
  await recorder.told('endSent');
  await until(() => size === 16 * MiB + 1, 'all has come');
  assert.equal(
    recorder.calls.filter((call) => call !== 'chunkReceived'),
    ['writeTaken', 'writeTaken', 'endSent'],
  );
  ours.destroy();
  peer.destroy();
});

writing('a peer that was reset is told as an error of the transport, with its code', async () => {
  const [ours, peer] = await socketPair();
  const recorder = new Recorder(ours).start();
  recorder.call((transport) => transport.write([Uint8Array.of(0)]));
  await recorder.told('writeTaken');
  recorder.call((transport) => transport.pause());
  peer.resetAndDestroy();
  // While nobody reads, it is a write that finds it.
  for (let count = 0; count < 1000 && !recorder.calls.includes('transportClosed'); count++) {
    recorder.call((transport) => transport.tryWrite([Uint8Array.of(1)]));
    await turns(1);
  }
  await recorder.told('transportClosed');
  const { code, syscall } = recorder.error as { code?: string; syscall?: string };
  assert.ok(code === 'EPIPE' || code === 'ECONNRESET', `${code}`);
  assert.is(syscall, 'write');
});

writing('a connection that is destroyed in the middle of a write tells its end, and no write', async () => {
  const [ours, peer] = await socketPair();
  const recorder = new Recorder(ours).start();
  recorder.call((transport) => transport.write([Uint8Array.of(0)]));
  await recorder.told('writeTaken');
  recorder.call((transport) => assert.not.ok(transport.tryWrite([of(7, 16 * MiB)])));
  recorder.call((transport) => transport.destroy());
  await recorder.told('transportClosed');
  await turns(10);
  assert.equal(recorder.calls, ['writeTaken', 'transportClosed']);
  recorder.call((transport) => assert.not.ok(transport.tryWrite([of(7, 10)])));
  peer.destroy();
});

writing('a session over a socket that is reset ends with 1006, and its reader is told', async () => {
  await using server = await startServer();
  const client = await RawClient.open(server.port);
  const session = await server.session();
  client.send(text('hello'));
  assert.is(Buffer.from((await client.frame()).payload).toString(), 'hello');
  client.reset();
  assertEnd(await endOf(session), { closeCode: 1006, wasClean: false });
});

writing('a Duplex that is no socket is written as everybody does', async () => {
  const [ours, peer] = duplexPair();
  const transport = new NodeTransport(ours);
  const chunks: Buffer[] = [];
  peer.on('data', (chunk: Buffer) => chunks.push(chunk));
  assert.not.ok(transport.tryWrite([of(1, 3)]));
  await until(() => Buffer.concat(chunks).byteLength === 3, 'it has come');
  ours.destroy();
  peer.destroy();
});

writing('nothing escapes, and nothing is left', async () => {
  destroyAllDuplexes();
  RawClient.destroyAll();
  await assertNothingEscaped();
});

writing.run();
