// What `upgrade` makes of the byte streams of a Node Duplex: untouched, touched, locked, cut.

import type { Duplex } from 'node:stream';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { toByteStreams } from '../../lib/adapter/node-byte-streams.ts';
import { NodeTransport } from '../../lib/adapter/node-duplex.ts';
import { upgrade } from '../../lib/job/upgrade.ts';
import { claimTransport } from '../../lib/stream/transport.ts';
import { rejects, throws } from '../support/check.ts';
import { destroyAllDuplexes, duplexPair, socketPair } from '../support/duplexes.ts';
import { close, text } from '../support/raw-client.ts';
import { assertNothingEscaped, echo } from '../support/server.ts';
import { turns, until, within } from '../support/until.ts';

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

for (const [kind, makePair] of kinds) {
  const upgradeSuite = suite(`node-byte-streams · ${kind} · what upgrade makes of them`);

  upgradeSuite('transport underneath is given away once, when nobody has touched the streams', async () => {
    const [ours, peer] = await makePair();
    const { readable, writable } = toByteStreams(ours);
    assert.instance(claimTransport(readable, writable), NodeTransport);
    assert.ok(readable.locked);
    assert.ok(writable.locked);
    assert.is(claimTransport(readable, writable), undefined);
    ours.destroy();
    peer.destroy();
  });

  upgradeSuite('transport underneath is not given away for streams that do not belong together', async () => {
    const [[ours, peer], [others, otherPeer]] = [await makePair(), await makePair()];
    const [one, other] = [toByteStreams(ours), toByteStreams(others)];
    assert.is(claimTransport(one.readable, other.writable), undefined);
    assert.is(claimTransport(new ReadableStream(), one.writable), undefined);
    assert.instance(claimTransport(one.readable, one.writable), NodeTransport);
    for (const duplex of [ours, peer, others, otherPeer]) duplex.destroy();
  });

  const touches: readonly (readonly [
    string,
    (streams: ReturnType<typeof toByteStreams>, peer: Duplex) => Promise<void>,
  ])[] = [
    ['nobody has touched', async () => {}],
    [
      'somebody has read from',
      async ({ readable }, peer) => {
        peer.write('first');
        const reader = readable.getReader();
        assert.is(Buffer.from((await reader.read()).value ?? []).toString(), 'first');
        reader.releaseLock();
      },
    ],
    [
      'somebody has written to',
      async ({ writable }, peer) => {
        const written = new Promise<Buffer>((resolve) => peer.once('data', resolve));
        const writer = writable.getWriter();
        await writer.write(Buffer.from('HTTP/1.1 101'));
        writer.releaseLock();
        assert.is((await written).toString(), 'HTTP/1.1 101');
      },
    ],
    [
      'somebody has had a reader and a writer of',
      async ({ readable, writable }) => {
        readable.getReader().releaseLock();
        writable.getWriter().releaseLock();
      },
    ],
  ];

  for (const [what, touch] of touches) {
    upgradeSuite(`connection runs over streams that ${what}`, async () => {
      const [ours, peer] = await makePair();
      const streams = toByteStreams(ours);
      await touch(streams, peer);
      const { bytes, isEnded } = collect(peer);
      const job = upgrade(streams.readable, streams.writable, undefined, undefined, { handler: echo });
      assert.ok(streams.readable.locked);
      assert.ok(streams.writable.locked);
      peer.write(text('hello'));
      await until(() => bytes().includes('hello'), 'the echo has come');
      peer.write(close(4000, 'bye'));
      await until(isEnded, 'the server closes first');
      peer.end();
      const info = await within(job.closed, 'the job ends');
      assert.equal(info.received, { closeCode: 4000, reason: 'bye' });
      assert.ok(info.wasClean);
      assert.is(job.state, 'completed');
      assert.is(bytes().toString('latin1'), '\x81\x05hello\x88\x02\x0f\xa0');
    });
  }

  upgradeSuite('streams that were upgraded cannot be used by anybody else', async () => {
    const [ours, peer] = await makePair();
    const { readable, writable } = toByteStreams(ours);
    const job = upgrade(readable, writable);
    throws(() => readable.getReader(), TypeError);
    throws(() => writable.getWriter(), TypeError);
    await rejects(readable.cancel(), TypeError);
    await rejects(writable.abort(), TypeError);
    throws(() => upgrade(readable, writable), TypeError);
    peer.destroy();
    await within(job.closed, 'the job ends');
  });

  upgradeSuite('upgrade of a locked readable is a TypeError, and changes nothing', async () => {
    const [ours, peer] = await makePair();
    const { readable, writable } = toByteStreams(ours);
    const reader = readable.getReader();
    throws(() => upgrade(readable, writable), TypeError);
    assert.not(writable.locked);
    peer.write('x');
    assert.is((await reader.read()).value?.byteLength, 1);
    ours.destroy();
    peer.destroy();
  });

  upgradeSuite('upgrade of a locked writable is a TypeError, and changes nothing', async () => {
    const [ours, peer] = await makePair();
    const { bytes } = collect(peer);
    const { readable, writable } = toByteStreams(ours);
    const writer = writable.getWriter();
    throws(() => upgrade(readable, writable), TypeError);
    assert.not(readable.locked);
    await writer.write(Buffer.from('x'));
    await until(() => bytes().byteLength === 1, 'it has come at the peer');
    ours.destroy();
    peer.destroy();
  });

  upgradeSuite('upgrade of a connection that was cut before gives a job that ends', async () => {
    const [ours, peer] = await makePair();
    const { readable, writable } = toByteStreams(ours);
    ours.destroy();
    await turns(5);
    const job = upgrade(readable, writable, undefined, undefined, { handler: echo });
    const info = await within(job.closed, 'the job ends');
    assert.is(info.closeCode, 1006);
    assert.is(job.state, 'failed');
    peer.destroy();
  });

  upgradeSuite('head is what the engine reads first', async () => {
    const [ours, peer] = await makePair();
    const { bytes } = collect(peer);
    const { readable, writable } = toByteStreams(ours, text('from the head'));
    const job = upgrade(readable, writable, undefined, undefined, { handler: echo });
    await until(() => bytes().includes('from the head'), 'the echo has come');
    job.cancel();
    peer.end(close(1001));
    await within(job.closed, 'the job ends');
  });

  upgradeSuite.run();
}

const escapeSuite = suite('node-byte-streams · upgraded · escapes');

escapeSuite('nothing has escaped from any of these streams', async () => {
  destroyAllDuplexes();
  await assertNothingEscaped();
});

escapeSuite.run();
