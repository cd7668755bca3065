// The byte streams of a Node Duplex in the hands of a user: real WHATWG streams, with the backpressure, the half-closes and the errors of the
// connection.

import type { Duplex } from 'node:stream';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { toByteStreams } from '../../lib/adapter/node-byte-streams.ts';
import { rejects } from '../support/check.ts';
import { destroyAllDuplexes, duplexPair, socketPair } from '../support/duplexes.ts';
import { assertNothingEscaped } from '../support/server.ts';
import { standstill, turns, until, within } from '../support/until.ts';

const KiB = 1024;
const MiB = 1024 * KiB;

const kinds = [
  ['socket', socketPair],
  ['Duplex', async () => duplexPair()],
] as const;

function collect(peer: Duplex): { readonly bytes: () => Buffer; readonly isEnded: () => boolean } {
  const chunks: Buffer[] = [];
  let isEnded = false;
  peer.on('data', (chunk: Buffer) => chunks.push(chunk));
  peer.on('end', () => {
    isEnded = true;
  });
  return { bytes: () => Buffer.concat(chunks), isEnded: () => isEnded };
}

async function readAll(readable: ReadableStream<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of readable) chunks.push(chunk);
  return Buffer.concat(chunks);
}

for (const [kind, makePair] of kinds) {
  // --- Reading -------------------------------------------------------------------------------------------------------

  const readSuite = suite(`node-byte-streams · ${kind} · readable`);

  readSuite('both are streams of the platform', async () => {
    const [ours, peer] = await makePair();
    const { readable, writable } = toByteStreams(ours);
    assert.instance(readable, ReadableStream);
    assert.instance(writable, WritableStream);
    assert.not(readable.locked);
    assert.not(writable.locked);
    ours.destroy();
    peer.destroy();
  });

  readSuite('nothing is read before the first read', async () => {
    const [ours, peer] = await makePair();
    const { readable } = toByteStreams(ours);
    peer.write('waiting');
    await turns(20);
    assert.is(ours.readableFlowing, null);
    assert.is(ours.listenerCount('data'), 0);
    const reader = readable.getReader();
    await turns(5);
    assert.is(ours.listenerCount('data'), 0, 'a reader alone is no read');
    assert.is(Buffer.from((await reader.read()).value ?? []).toString(), 'waiting');
    ours.destroy();
    peer.destroy();
  });

  readSuite('each read takes a chunk, and nothing is read ahead of the next one', async () => {
    const [ours, peer] = await makePair();
    const { readable } = toByteStreams(ours);
    for (let index = 0; index < 32; index++) peer.write(new Uint8Array(MiB).fill(index));
    const reader = readable.getReader();
    let size = (await reader.read()).value?.byteLength ?? 0;
    await standstill(() => peer.writableLength, 'the peer');
    assert.ok(peer.writableLength > 8 * MiB, 'the peer is held up');
    while (size < 32 * MiB) {
      const { value } = await reader.read();
      assert.is(value?.[0], Math.floor(size / MiB), 'in order');
      size += value?.byteLength ?? 0;
    }
    assert.is(size, 32 * MiB);
    ours.destroy();
    peer.destroy();
  });

  readSuite('head is read first', async () => {
    const [ours, peer] = await makePair();
    const { readable } = toByteStreams(ours, Buffer.from('head '));
    peer.end('and tail');
    assert.is((await readAll(readable)).toString(), 'head and tail');
    ours.destroy();
  });

  readSuite('readable closes when the peer ends its half, and the writable goes on', async () => {
    const [ours, peer] = await makePair();
    const { bytes } = collect(peer);
    const { readable, writable } = toByteStreams(ours);
    peer.end('bye');
    assert.is((await readAll(readable)).toString(), 'bye');
    const writer = writable.getWriter();
    await writer.write(Buffer.from('still here'));
    await until(() => bytes().toString() === 'still here', 'it has come at the peer');
    await writer.close();
    await until(() => ours.destroyed, 'the connection is over');
  });

  readSuite('read that waits when the peer ends is done', async () => {
    const [ours, peer] = await makePair();
    const reader = toByteStreams(ours).readable.getReader();
    const reading = reader.read();
    await turns(5);
    peer.end();
    assert.equal(await within(reading, 'a read'), { done: true, value: undefined });
    await reader.closed;
    ours.destroy();
  });

  readSuite('no byte is lost when a reader lets go while it waits and another takes over', async () => {
    const [ours, peer] = await makePair();
    const { readable } = toByteStreams(ours);
    const first = readable.getReader();
    const abandoned = first.read().catch(() => 'abandoned');
    await turns(2);
    first.releaseLock();
    assert.is(await abandoned, 'abandoned');
    peer.write('one');
    await turns(20);
    const second = readable.getReader();
    assert.is(Buffer.from((await second.read()).value ?? []).toString(), 'one');
    peer.write('two');
    assert.is(Buffer.from((await second.read()).value ?? []).toString(), 'two');
    ours.destroy();
    peer.destroy();
  });

  readSuite('readable that is cancelled lets the peer go on sending, and the writable goes on', async () => {
    const [ours, peer] = await makePair();
    const { bytes } = collect(peer);
    const { readable, writable } = toByteStreams(ours);
    await readable.cancel();
    peer.write(new Uint8Array(16 * MiB));
    await until(() => peer.writableLength === 0, 'all has been taken');
    const writer = writable.getWriter();
    await writer.write(Buffer.from('thanks'));
    await until(() => bytes().toString() === 'thanks', 'it has come at the peer');
    await writer.close();
    peer.end();
    await until(() => ours.destroyed, 'the connection is over');
  });

  readSuite('cancelling the readable of a connection whose writable is closed cuts it', async () => {
    const [ours, peer] = await makePair();
    peer.resume();
    const { readable, writable } = toByteStreams(ours);
    await writable.close();
    await readable.cancel();
    await until(() => ours.destroyed, 'the connection is cut');
    peer.destroy();
  });

  readSuite('tee gives both branches all bytes', async () => {
    const [ours, peer] = await makePair();
    const [one, other] = toByteStreams(ours).readable.tee();
    peer.end('to both');
    const [first, second] = await Promise.all([readAll(one), readAll(other)]);
    assert.is(first.toString(), 'to both');
    assert.is(second.toString(), 'to both');
    ours.destroy();
  });

  readSuite.run();

  // --- Writing -------------------------------------------------------------------------------------------------------

  const writeSuite = suite(`node-byte-streams · ${kind} · writable`);

  writeSuite('what is written comes at the peer in order', async () => {
    const [ours, peer] = await makePair();
    const { bytes } = collect(peer);
    const writer = toByteStreams(ours).writable.getWriter();
    for (let index = 0; index < 500; index++) void writer.write(Buffer.from(`${index},`));
    await writer.ready;
    await writer.close();
    const all = Array.from({ length: 500 }, (_, index) => `${index},`).join('');
    await until(() => bytes().toString() === all, 'all has come at the peer');
    ours.destroy();
    peer.destroy();
  });

  writeSuite('writes are held up by a peer that does not read, and go on when it reads', async () => {
    const [ours, peer] = await makePair();
    const writer = toByteStreams(ours).writable.getWriter();
    let written = 0;
    const writing = (async () => {
      for (let count = 0; count < 64; count++) {
        await writer.ready;
        await writer.write(new Uint8Array(MiB));
        written++;
      }
    })();
    await standstill(() => written, 'the writer');
    assert.ok(written < 32, `${written} MiB were written`);
    assert.ok(ours.writableLength <= MiB, 'at most one chunk is under way');
    assert.is(writer.desiredSize, 0);
    let size = 0;
    peer.on('data', (chunk: Buffer) => {
      size += chunk.byteLength;
    });
    await within(writing, 'all writes');
    await until(() => size === 64 * MiB, 'all has come at the peer');
    ours.destroy();
    peer.destroy();
  });

  writeSuite('close ends our half at once, and the readable goes on', async () => {
    const [ours, peer] = await makePair();
    const { bytes, isEnded } = collect(peer);
    const { readable, writable } = toByteStreams(ours);
    const writer = writable.getWriter();
    void writer.write(Buffer.from('last'));
    await within(writer.close(), 'the writable is closed');
    await writer.closed;
    await until(isEnded, 'the peer sees the end');
    assert.is(bytes().toString(), 'last');
    peer.end('answer');
    assert.is((await readAll(readable)).toString(), 'answer');
    await until(() => ours.destroyed, 'the connection is over');
  });

  writeSuite('abort cuts the connection, and the readable errors', async () => {
    const [ours, peer] = await makePair();
    const { readable, writable } = toByteStreams(ours);
    const reader = readable.getReader();
    const reading = reader.read();
    await within(writable.abort(new Error('enough')), 'the abort');
    await rejects(reading, Error);
    await rejects(reader.closed, Error);
    assert.ok(ours.destroyed);
    await until(() => peer.destroyed || peer.readableEnded || peer.readable, 'the peer sees it');
    peer.destroy();
  });

  writeSuite('abort while a write is held up cuts the connection', async () => {
    const [ours, peer] = await makePair();
    const { writable } = toByteStreams(ours);
    const writer = writable.getWriter();
    const writing = writer.write(new Uint8Array(32 * MiB));
    await standstill(() => ours.writableLength, 'the output');
    const aborting = writer.abort(new Error('enough'));
    aborting.catch(() => {});
    writing.catch(() => {});
    await until(() => ours.destroyed, 'the connection is cut', 2000);
    await rejects(within(writing, 'the write'), Error);
    await within(
      aborting.catch(() => {}),
      'the abort',
    );
    peer.destroy();
  });

  writeSuite('write of what is no Uint8Array rejects with a TypeError, and cuts the connection', async () => {
    for (const chunk of ['text', new ArrayBuffer(1), [1, 2], null, new DataView(new ArrayBuffer(1))]) {
      const [ours, peer] = await makePair();
      const { readable, writable } = toByteStreams(ours);
      const writer = writable.getWriter();
      writer.closed.catch(() => {});
      const reading = readable.getReader().read();
      const error = await rejects(writer.write(chunk as unknown as Uint8Array), TypeError);
      assert.is(await rejects(writer.write(Uint8Array.of(1)), TypeError), error);
      await until(() => ours.destroyed, 'the connection is cut', 2000);
      await rejects(within(reading, 'the read'), Error);
      peer.destroy();
    }
  });

  writeSuite('bytes come back through pipeTo, to a clean end of both halves', async () => {
    const [ours, peer] = await makePair();
    const { bytes, isEnded } = collect(peer);
    const { readable, writable } = toByteStreams(ours);
    const piping = readable.pipeTo(writable);
    const message = Uint8Array.from({ length: 3 * MiB }, (_, index) => index * 7);
    peer.end(message);
    await within(piping, 'the pipe');
    await until(isEnded, 'the peer sees the end');
    assert.is(Buffer.compare(bytes(), message), 0);
    await until(() => ours.destroyed, 'the connection is over');
  });

  writeSuite.run();

  // --- Errors --------------------------------------------------------------------------------------------------------

  const errorSuite = suite(`node-byte-streams · ${kind} · errors`);

  errorSuite('error of the Duplex errors both streams with it', async () => {
    const [ours, peer] = await makePair();
    const { readable, writable } = toByteStreams(ours);
    const reader = readable.getReader();
    const writer = writable.getWriter();
    const reading = reader.read();
    const failure = new Error('the cable was cut');
    ours.destroy(failure);
    assert.is(await rejects(reading, Error), failure);
    assert.is(await rejects(writer.closed, Error), failure);
    assert.is(await rejects(writer.write(Buffer.from('x')), Error), failure);
    peer.destroy();
  });

  errorSuite('error before the streams are used is seen when they are', async () => {
    const [ours, peer] = await makePair();
    const { readable, writable } = toByteStreams(ours);
    const failure = new Error('too early');
    ours.destroy(failure);
    await turns(5);
    assert.is(await rejects(within(readable.getReader().read(), 'a read'), Error), failure);
    assert.is(await rejects(within(writable.getWriter().closed, 'the writer'), Error), failure);
    peer.destroy();
  });

  errorSuite('write to a connection that was cut before it was used rejects', async () => {
    const [ours, peer] = await makePair();
    const { writable } = toByteStreams(ours);
    ours.destroy();
    await turns(5);
    const writer = writable.getWriter();
    writer.closed.catch(() => {});
    await rejects(within(writer.write(Buffer.from('x')), 'a write'), Error);
    peer.destroy();
  });

  errorSuite('close of a connection that was cut before it was used settles', async () => {
    const [ours, peer] = await makePair();
    const { writable } = toByteStreams(ours);
    ours.destroy();
    await turns(5);
    await rejects(within(writable.close(), 'the close'), Error);
    peer.destroy();
  });

  errorSuite('bytes that came before the error can be read, those that wait in the stream too', async () => {
    const [ours, peer] = await makePair();
    const { readable } = toByteStreams(ours, Buffer.from('head'));
    const reader = readable.getReader();
    assert.is(Buffer.from((await reader.read()).value ?? []).toString(), 'head');
    peer.write('more');
    assert.is(Buffer.from((await reader.read()).value ?? []).toString(), 'more');
    ours.destroy(new Error('now'));
    await rejects(reader.read(), Error, /now/);
    peer.destroy();
  });

  errorSuite.run();
}

const socketSuite = suite('node-byte-streams · socket · resets');

socketSuite('reset by the peer errors both streams', async () => {
  const [ours, peer] = await socketPair();
  const { readable, writable } = toByteStreams(ours);
  const reading = readable.getReader().read();
  peer.resetAndDestroy();
  const error = await rejects(within(reading, 'a read'), Error);
  assert.is((error as NodeJS.ErrnoException).code, 'ECONNRESET');
  await rejects(writable.getWriter().closed, Error);
});

socketSuite('reset by the peer rejects a write that is held up', async () => {
  const [ours, peer] = await socketPair();
  const writer = toByteStreams(ours).writable.getWriter();
  writer.closed.catch(() => {});
  const writing = writer.write(new Uint8Array(32 * MiB));
  await standstill(() => ours.writableLength, 'the output');
  peer.resetAndDestroy();
  await rejects(within(writing, 'the write'), Error);
});

socketSuite.run();

const escapeSuite = suite('node-byte-streams · escapes');

escapeSuite('nothing has escaped from any of these streams', async () => {
  destroyAllDuplexes();
  await assertNothingEscaped();
});

escapeSuite.run();
