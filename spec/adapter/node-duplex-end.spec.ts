// A Node Duplex as a transport: how it ends, by destruction, errors and resets. And a Duplex whose bytes are not ours to change.

import { Duplex, PassThrough } from 'node:stream';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { NodeTransport } from '../../lib/adapter/node-duplex.ts';
import { upgradeTransport } from '../../lib/job/upgrade.ts';
import { destroyAllDuplexes, duplexPair, socketPair } from '../support/duplexes.ts';
import { masked } from '../support/raw-client.ts';
import { Recorder } from '../support/recorder.ts';
import { assertNothingEscaped, echo } from '../support/server.ts';
import { standstill, turns, until, within } from '../support/until.ts';

const MiB = 1024 * 1024;

const kinds = [
  ['socket', socketPair],
  ['Duplex', async () => duplexPair()],
] as const;

/** All that comes at the peer. */
function collect(peer: Duplex): { readonly bytes: () => Buffer; readonly ended: Promise<unknown> } {
  const chunks: Buffer[] = [];
  peer.on('data', (chunk: Buffer) => chunks.push(chunk));
  const ended = new Promise((resolve) => peer.on('end', resolve).on('close', resolve));
  return { bytes: () => Buffer.concat(chunks), ended: within(ended, 'the end at the peer') };
}

for (const [kind, makePair] of kinds) {
  const closeSuite = suite(`node-duplex · ${kind} · destruction and errors`);

  closeSuite('destroy cuts both directions, and is told once, not from inside it', async () => {
    const [ours, peer] = await makePair();
    const { ended } = collect(peer);
    const recorder = new Recorder(ours).start();
    recorder.call((transport) => {
      transport.destroy();
      transport.destroy();
    });
    assert.equal(recorder.calls, []);
    await recorder.told('transportClosed');
    await ended;
    await turns(10);
    assert.equal(recorder.calls, ['transportClosed']);
    assert.is(recorder.error, undefined);
    peer.destroy();
  });

  closeSuite('write that was under way when the transport was destroyed is not told to be taken', async () => {
    const [ours, peer] = await makePair();
    const recorder = new Recorder(ours).start();
    recorder.call((transport) => transport.write([new Uint8Array(32 * MiB)]));
    await turns(3);
    recorder.call((transport) => transport.destroy());
    await recorder.told('transportClosed');
    await turns(10);
    assert.equal(recorder.calls, ['transportClosed']);
    peer.destroy();
  });

  closeSuite('end that was under way when the transport was destroyed is not told to be sent', async () => {
    const [ours, peer] = await makePair();
    const recorder = new Recorder(ours).start();
    recorder.call((transport) => transport.write([new Uint8Array(32 * MiB)]));
    recorder.call((transport) => transport.end());
    await turns(3);
    recorder.call((transport) => transport.destroy());
    await recorder.told('transportClosed');
    await turns(10);
    assert.equal(recorder.calls, ['transportClosed']);
    peer.destroy();
  });

  closeSuite('error of the Duplex is told with the end', async () => {
    const [ours, peer] = await makePair();
    const recorder = new Recorder(ours).start();
    const failure = new Error('the cable was cut');
    ours.destroy(failure);
    await recorder.told('transportClosed');
    assert.is(recorder.error, failure);
    assert.equal(recorder.calls, ['transportClosed']);
    peer.destroy();
  });

  closeSuite('error between the making and the start does not escape, and is told after the start', async () => {
    const [ours, peer] = await makePair();
    const recorder = new Recorder(ours);
    const failure = new Error('too early');
    ours.destroy(failure);
    await turns(5);
    recorder.call(() => recorder.start());
    await recorder.told('transportClosed');
    assert.is(recorder.error, failure);
    peer.destroy();
  });

  closeSuite('Duplex that is destroyed already is told to be closed, not from inside the start', async () => {
    const [ours, peer] = await makePair();
    ours.destroy();
    await within(new Promise((resolve) => ours.once('close', resolve)), 'the end');
    const recorder = new Recorder(ours, Buffer.from('head'));
    recorder.call(() => recorder.transport.start(recorder));
    assert.equal(recorder.calls, ['chunkReceived from inside a call'], 'the head alone comes from inside the start');
    await recorder.told('transportClosed');
    peer.destroy();
  });

  closeSuite('Duplex that is being destroyed already is told to be closed', async () => {
    const [ours, peer] = await makePair();
    ours.destroy();
    const recorder = new Recorder(ours);
    recorder.call(() => recorder.start());
    await recorder.told('transportClosed');
    assert.equal(recorder.calls, ['transportClosed']);
    peer.destroy();
  });

  closeSuite('Duplex that was destroyed with an error before is told to be closed with it', async () => {
    const [ours, peer] = await makePair();
    const failure = new Error('long ago');
    ours.on('error', () => {});
    ours.destroy(failure);
    await within(new Promise((resolve) => ours.once('close', resolve)), 'the end');
    const recorder = new Recorder(ours).start();
    await recorder.told('transportClosed');
    assert.is(recorder.error, failure);
    peer.destroy();
  });

  closeSuite('everything may be called after the end, and does nothing', async () => {
    const [ours, peer] = await makePair();
    const recorder = new Recorder(ours).start();
    ours.destroy();
    await recorder.told('transportClosed');
    recorder.call((transport) => {
      transport.pause();
      transport.resume();
      transport.write([Buffer.from('x'), Buffer.from('y')]);
      transport.end();
      transport.destroy();
    });
    await turns(10);
    assert.equal(recorder.calls, ['transportClosed']);
    peer.destroy();
  });

  closeSuite('receiver may destroy the transport from inside a chunk', async () => {
    const [ours, peer] = await makePair();
    const recorder = new Recorder(ours).start();
    recorder.onChunk = () => recorder.call((transport) => transport.destroy());
    peer.write('a');
    await recorder.told('transportClosed');
    assert.equal(recorder.calls, ['chunkReceived', 'transportClosed']);
    peer.destroy();
  });

  closeSuite.run();
}

// --- Sockets alone ---------------------------------------------------------------------------------------------------

const socketSuite = suite('node-duplex · socket · resets');

socketSuite('reset by the peer is told with its error', async () => {
  const [ours, peer] = await socketPair();
  const recorder = new Recorder(ours).start();
  peer.resetAndDestroy();
  await recorder.told('transportClosed');
  assert.is((recorder.error as NodeJS.ErrnoException).code, 'ECONNRESET');
});

socketSuite('write that was under way when the peer reset is not told to be taken', async () => {
  const [ours, peer] = await socketPair();
  const recorder = new Recorder(ours).start();
  recorder.call((transport) => transport.write([new Uint8Array(32 * MiB), Buffer.from('x')]));
  await standstill(() => ours.writableLength, 'the output');
  peer.resetAndDestroy();
  await recorder.told('transportClosed');
  await turns(10);
  assert.equal(recorder.calls, ['transportClosed']);
});

socketSuite('write after the peer has gone ends in an error, not in an exception', async () => {
  const [ours, peer] = await socketPair();
  const recorder = new Recorder(ours).start();
  recorder.call((transport) => transport.pause());
  peer.destroy();
  const writeOn = (): void => recorder.call((transport) => transport.write([new Uint8Array(1000)]));
  writeOn();
  for (let taken = 1; !recorder.calls.includes('transportClosed'); taken++) {
    await until(
      () => recorder.count('writeTaken') === taken || recorder.calls.includes('transportClosed'),
      'it goes on',
    );
    if (recorder.count('writeTaken') === taken) writeOn();
  }
  assert.instance(recorder.error, Error);
});

socketSuite.run();

// --- Duplexes that are no sockets ------------------------------------------------------------------------------------

const foreignSuite = suite('node-duplex · Duplex · bytes that are not ours');

foreignSuite('bytes that a writer gave to the Duplex are not changed by unmasking', async () => {
  const [ours, peer] = duplexPair();
  upgradeTransport(new NodeTransport(ours), undefined, undefined, { handler: echo });
  const frames = [
    masked({ opcode: 1, payload: 'do not touch' }),
    masked({ opcode: 2, payload: new Uint8Array(100_000).fill(9) }),
    masked({ opcode: 9, payload: 'nor this' }),
    masked({ opcode: 8, payload: Uint8Array.of(3, 232) }),
  ];
  const copies = frames.map((frame) => frame.slice());
  const { bytes, ended } = collect(peer);
  for (const frame of frames) peer.write(frame);
  await ended;
  assert.ok(bytes().includes('do not touch'));
  assert.ok(bytes().includes('nor this'));
  for (const [index, frame] of frames.entries()) assert.equal(Buffer.compare(frame, copies[index] as Uint8Array), 0);
  peer.end();
});

foreignSuite('head is not changed by unmasking', async () => {
  const [ours, peer] = await socketPair();
  const head = Buffer.from(masked({ opcode: 1, payload: 'do not touch' }));
  const copy = Buffer.from(head);
  upgradeTransport(new NodeTransport(ours, head), undefined, undefined, { handler: echo });
  const { bytes } = collect(peer);
  await until(() => bytes().includes('do not touch'), 'the echo has come');
  assert.is(Buffer.compare(head, copy), 0);
  peer.destroy();
});

foreignSuite('two PassThroughs joined to a Duplex carry a connection', async () => {
  const input = new PassThrough();
  const output = new PassThrough();
  const job = upgradeTransport(
    new NodeTransport(Duplex.from({ readable: input, writable: output })),
    undefined,
    undefined,
    { handler: echo },
  );
  const message = masked({ opcode: 2, payload: new Uint8Array(300_000).fill(5) });
  const copy = message.slice();
  input.write(message);
  input.end(masked({ opcode: 8, payload: Uint8Array.of(3, 232) }));
  const chunks: Buffer[] = [];
  for await (const chunk of output) chunks.push(chunk as Buffer);
  const all = Buffer.concat(chunks);
  assert.is(all.byteLength, 10 + 300_000 + 4);
  assert.ok(all.subarray(10, -4).every((byte) => byte === 5));
  assert.is(Buffer.compare(message, copy), 0);
  const info = await within(job.closed, 'the job ends');
  assert.ok(info.wasClean);
  assert.is(job.state, 'completed');
});

foreignSuite('Duplex whose end fails does not tell that its end was sent', async () => {
  const failure = new Error('no end');
  const duplex = new Duplex({
    read: () => {},
    write: (_chunk, _encoding, done) => done(),
    final: (done) => done(failure),
  });
  const recorder = new Recorder(duplex).start();
  recorder.call((transport) => transport.end());
  await recorder.told('transportClosed');
  assert.equal(recorder.calls, ['transportClosed']);
  assert.is(recorder.error, failure);
});

foreignSuite('Duplex whose write fails does not tell that it was taken', async () => {
  const failure = new Error('no write');
  const duplex = new Duplex({ read: () => {}, write: (_chunk, _encoding, done) => done(failure) });
  const recorder = new Recorder(duplex).start();
  recorder.call((transport) => transport.write([Buffer.from('x')]));
  await recorder.told('transportClosed');
  assert.equal(recorder.calls, ['transportClosed']);
  assert.is(recorder.error, failure);
});

foreignSuite('Duplex that takes a write from inside it is told of it later', async () => {
  const duplex = new Duplex({ read: () => {}, write: (_chunk, _encoding, done) => done() });
  const recorder = new Recorder(duplex).start();
  recorder.call((transport) => transport.write([Buffer.from('x')]));
  assert.equal(recorder.calls, []);
  await recorder.told('writeTaken');
  duplex.destroy();
});

foreignSuite.run();

const escapeSuite = suite('node-duplex · ends · escapes');

escapeSuite('nothing has escaped from any of these transports', async () => {
  destroyAllDuplexes();
  await assertNothingEscaped();
});

escapeSuite.run();
