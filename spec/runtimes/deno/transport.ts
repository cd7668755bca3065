// Connections of Deno's as transports, over real sockets. Deno takes the sources as they are, from the root of the repository, with its packages installed:
// deno run -A --no-check --no-lock --node-modules-dir=manual spec/runtimes/deno/transport.ts

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { DenoConn } from '../../../lib/adapter/deno-api.ts';
import { toByteStreams } from '../../../lib/adapter/deno-byte-streams.ts';
import { DenoTransport } from '../../../lib/adapter/deno-transport.ts';
import { permessageDeflate } from '../../../lib/adapter/permessage-deflate.ts';
import { parseExtensions } from '../../../lib/extension/extension-header.ts';
import {
  acceptExtensions,
  confirmExtensions,
  formatExtensions,
  offerExtensions,
} from '../../../lib/extension/extension-negotiation.ts';
import type { Session } from '../../../lib/job/session.ts';
import { upgrade } from '../../../lib/job/upgrade.ts';
import { CallRecorder } from '../../support/call-recorder.ts';
import { Random } from '../../support/random.ts';
import { standstill, turns, until, within } from '../../support/until.ts';
import { closeAll, countSockets, kinds, pair, readAll, writeAll } from './sockets.ts';

const MiB = 1024 * 1024;
const chunk = new Uint8Array(MiB).map((_, index) => (index * 7919) >>> 8);
const text = (bytes: Uint8Array): string => new TextDecoder('latin1').decode(bytes);
const bytes = (value: string): Uint8Array => new TextEncoder().encode(value);

function start(conn: DenoConn): CallRecorder {
  return new CallRecorder(new DenoTransport(conn)).start();
}

function length(recorder: CallRecorder): number {
  return recorder.chunks.reduce((sum, each) => sum + each.byteLength, 0);
}

for (const kind of kinds) {
  const test = suite(`Deno · transport over ${kind}`);
  test.after.each(closeAll);

  test('bytes of all sizes go both ways unchanged', async () => {
    const [ours, peer] = await pair(kind);
    const recorder = start(ours);
    const random = new Random();
    const pieces = [1, 125, 2048, 2049, 65_536, 300_000, 5].map((size) => random.bytes(size));
    const sending = (async () => {
      for (const piece of pieces) await writeAll(peer, piece);
      await peer.closeWrite();
    })();
    recorder.call((transport) => transport.write(pieces));
    recorder.call((transport) => transport.end());
    const back = await within(readAll(peer), 'the end at the peer');
    await within(sending, 'what the peer sends');
    await recorder.told('transportClosed');
    const all = text(Buffer.concat(pieces));
    assert.ok(text(back) === all, 'what the peer has read');
    assert.ok(recorder.text === all, 'what was received');
    assert.equal([...recorder.owned], [true]);
    assert.is(recorder.count('writeTaken'), 1);
    assert.is(recorder.error, undefined);
  });

  test('a peer that does not read holds the writes back; then it gets every byte', async () => {
    const [ours, peer] = await pair(kind);
    const recorder = start(ours);
    let sent = 0;
    const goOn = (): void => {
      sent += MiB;
      if (sent <= 64 * MiB) recorder.transport.write([chunk]);
    };
    recorder.writeTaken = goOn;
    recorder.transport.write([chunk]);
    const stuck = await standstill(() => sent, 'what was sent');
    assert.ok(stuck < 32 * MiB, `${stuck} bytes were taken of a peer that reads nothing`);
    const total = stuck + 4 * MiB;
    await within(readAll(peer, total), 'the bytes at the peer');
    assert.ok(sent >= total - MiB);
    recorder.transport.destroy();
    await recorder.told('transportClosed');
  });

  test('who pauses holds the peer back; then he gets every byte', async () => {
    const [ours, peer] = await pair(kind);
    const recorder = start(ours);
    recorder.call((transport) => transport.pause());
    let sent = 0;
    const sending = (async () => {
      while (sent < 48 * MiB) {
        sent += await peer.write(chunk.subarray(sent % MiB));
      }
      await peer.closeWrite();
    })();
    const stuck = await standstill(() => sent, 'what the peer has sent');
    assert.ok(stuck < 32 * MiB, `${stuck} bytes were taken by one who reads nothing`);
    assert.equal(recorder.calls, []);
    recorder.call((transport) => transport.resume());
    await recorder.told('endReceived');
    await within(sending, 'what the peer sends');
    assert.is(length(recorder), sent);
    for (const [index, each] of recorder.chunks.entries()) {
      if (index % 50 === 0) assert.ok(each.byteLength <= 65 * 1024);
    }
  });

  test('the end of one half leaves the other open, on each side', async () => {
    const [ours, peer] = await pair(kind);
    const recorder = start(ours);
    await peer.closeWrite();
    await recorder.told('endReceived');
    recorder.call((transport) => transport.write([bytes('still here')]));
    assert.is(text(await within(readAll(peer, 10), 'bytes behind the end')), 'still here');
    recorder.call((transport) => transport.end());
    assert.is((await within(readAll(peer), 'the end')).byteLength, 0);
    await recorder.told('transportClosed');
    assert.equal(recorder.calls, ['endReceived', 'writeTaken', 'endSent', 'transportClosed']);

    const [other, otherPeer] = await pair(kind);
    const otherRecorder = start(other);
    otherRecorder.call((transport) => transport.end());
    assert.is((await within(readAll(otherPeer), 'the end')).byteLength, 0);
    await writeAll(otherPeer, bytes('still here'));
    await until(() => otherRecorder.text === 'still here', 'bytes behind our end');
    assert.is(otherRecorder.calls.includes('transportClosed'), false);
    await otherPeer.closeWrite();
    await otherRecorder.told('transportClosed');
    assert.is(otherRecorder.error, undefined);
  });

  test('a destroy settles whatever is under way, and is told once', async () => {
    for (const prepare of [
      () => {},
      (recorder: CallRecorder) => recorder.transport.write([new Uint8Array(64 * MiB)]),
      (recorder: CallRecorder) => recorder.transport.end(),
      (recorder: CallRecorder) => recorder.transport.pause(),
    ]) {
      for (const delay of [0, 1, 20]) {
        const [ours] = await pair(kind);
        const recorder = start(ours);
        recorder.call(() => prepare(recorder));
        await turns(delay);
        recorder.call((transport) => transport.destroy());
        await recorder.told('transportClosed');
        await turns(3);
        assert.is(recorder.count('transportClosed'), 1);
        assert.is(recorder.calls.at(-1), 'transportClosed');
        assert.is(recorder.error, undefined);
      }
    }
  });

  test('a peer that cuts is told of by an end or a close, and what is written then closes it', async () => {
    const [ours, peer] = await pair(kind);
    const recorder = start(ours);
    // Closed with bytes that were not read: a reset, over TCP.
    await writeAll(ours, new Uint8Array(100_000));
    peer.close();
    await until(() => recorder.calls.length > 0, 'something is told');
    for (let index = 0; index < 500 && !recorder.calls.includes('transportClosed'); index++) {
      const before = recorder.count('writeTaken');
      recorder.transport.write([bytes('x')]);
      await until(
        () => recorder.count('writeTaken') > before || recorder.calls.includes('transportClosed'),
        'the write has an end',
      );
    }
    if (kind !== 'TLS') assert.is(recorder.calls.at(-1), 'transportClosed');
    recorder.transport.destroy();
    await recorder.told('transportClosed');
  });

  test('as WHATWG streams: an echo of 8 MiB through them, closed from the other side', async () => {
    const [ours, peer] = await pair(kind);
    const { readable, writable } = toByteStreams(ours, bytes('head'));
    const piping = readable.pipeTo(writable);
    const sending = (async () => {
      for (let index = 0; index < 8; index++) await writeAll(peer, chunk);
      await peer.closeWrite();
    })();
    const back = await within(readAll(peer), 'the echo');
    await within(Promise.all([piping, sending]), 'the end of the pipe');
    assert.is(back.byteLength, 8 * MiB + 4);
    assert.is(text(back.subarray(0, 4)), 'head');
    assert.ok(Buffer.compare(back.subarray(4 + 7 * MiB), chunk) === 0);
  });

  for (const isDeflated of [false, true]) {
    test(`10,000 messages are echoed by a session over it${isDeflated ? ', deflated' : ''}`, async () => {
      const [ours, peer] = await pair(kind);
      const extension = permessageDeflate({ threshold: 0 });
      const offers = parseExtensions(isDeflated ? [offerExtensions([extension])] : []) ?? new Map();
      const accepted = acceptExtensions([extension], offers);
      const limits = { maxMessageSize: 4 * MiB };
      const server = upgrade(...streamsOf(ours), undefined, undefined, {
        role: 'server',
        limits,
        extensions: accepted,
        handler: async (session) => {
          for await (const message of session) await session.send(message);
        },
      });
      const confirmed = confirmExtensions([extension], isDeflated ? [formatExtensions(accepted)] : []) ?? [];
      assert.is(confirmed.length, isDeflated ? 1 : 0);
      const { session } = upgrade(...streamsOf(peer), undefined, undefined, {
        role: 'client',
        limits,
        extensions: confirmed,
      });
      await within(echoAll(session, 10_000), 'all echoes');
      await within(session.close(1000), 'the close');
      const info = await within(server.closed, 'the end of the job');
      assert.is(info.wasClean, true);
      assert.is((await within(session.closed, 'the end of the session')).wasClean, true);
    });
  }
  test.run();
}

function streamsOf(conn: DenoConn): [ReadableStream<Uint8Array>, WritableStream<Uint8Array>] {
  const { readable, writable } = toByteStreams(conn);
  return [readable, writable];
}

async function echoAll(session: Session, count: number): Promise<void> {
  const message = (index: number): string | Uint8Array =>
    index % 1000 === 999 ? chunk.slice(0, index * 30) : `message ${index} ${'x'.repeat(index % 300)}`;
  const sending = (async () => {
    for (let index = 0; index < count; index++) await session.send(message(index));
  })();
  for (let index = 0; index < count; index++) {
    const back = await session.receive();
    const expected = message(index);
    if (typeof expected === 'string') assert.is(back, expected);
    else assert.ok(Buffer.compare(back as Uint8Array, expected) === 0, `message ${index}`);
  }
  await sending;
}

const leaks = suite('Deno · transports leave nothing');

leaks('no socket is left of 100 connections that ended in all ways', async () => {
  const before = countSockets();
  const random = new Random();
  for (let index = 0; index < 100; index++) {
    const [ours, peer] = await pair(kinds[index % 3] as (typeof kinds)[number]);
    const recorder = start(ours);
    if (random.below(2) === 0) recorder.transport.write([chunk]);
    if (random.below(2) === 0) void writeAll(peer, chunk).catch(() => {});
    if (random.below(2) === 0) void peer.closeWrite().catch(() => {});
    await turns(random.below(4));
    peer.close();
    await turns(random.below(4));
    recorder.transport.destroy();
    await recorder.told('transportClosed');
  }
  if (before !== undefined) await until(() => (countSockets() as number) <= before, 'all sockets are closed', 10_000);
});
leaks.run();
