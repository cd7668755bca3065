// A Node Duplex as a transport: what it must tell, in which order, and when never. Over sockets and over Duplexes that are none.

import type { Duplex } from 'node:stream';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { destroyAllDuplexes, duplexPair, socketPair } from '../support/duplexes.ts';
import { Recorder } from '../support/recorder.ts';
import { assertNothingEscaped } from '../support/server.ts';
import { standstill, turns, until, within } from '../support/until.ts';

const MiB = 1024 * 1024;

const kinds = [
  ['socket', true, socketPair],
  ['Duplex', false, async () => duplexPair()],
] as const;

/** All that comes at the peer. */
function collect(peer: Duplex): { readonly bytes: () => Buffer; readonly ended: Promise<unknown> } {
  const chunks: Buffer[] = [];
  peer.on('data', (chunk: Buffer) => chunks.push(chunk));
  const ended = new Promise((resolve) => peer.on('end', resolve).on('close', resolve));
  return { bytes: () => Buffer.concat(chunks), ended: within(ended, 'the end at the peer') };
}

for (const [kind, isOwned, makePair] of kinds) {
  const readSuite = suite(`node-duplex · ${kind} · input`);

  readSuite('chunks come in order, as plain arrays, with their owner told', async () => {
    const [ours, peer] = await makePair();
    const recorder = new Recorder(ours).start();
    for (let index = 0; index < 100; index++) peer.write(`${index},`);
    const all = Array.from({ length: 100 }, (_, index) => `${index},`).join('');
    await until(() => recorder.received === all, 'all has come');
    assert.equal([...recorder.owned], [isOwned]);
    ours.destroy();
    peer.destroy();
  });

  readSuite('head comes first, and belongs to somebody else', async () => {
    const [ours, peer] = await makePair();
    peer.write('behind');
    const head = Buffer.from('xxhead').subarray(2);
    const recorder = new Recorder(ours, head).start();
    assert.is(recorder.received, 'head', 'before anything else');
    assert.equal([...recorder.owned], [false]);
    await until(() => recorder.received === 'headbehind', 'the rest has come');
    ours.destroy();
    peer.destroy();
  });

  readSuite('head that is empty is not told', async () => {
    const [ours, peer] = await makePair();
    const recorder = new Recorder(ours, new Uint8Array(0)).start();
    peer.write('x');
    await recorder.told('chunkReceived');
    assert.is(recorder.received, 'x');
    ours.destroy();
    peer.destroy();
  });

  readSuite('bytes that came before the start are not lost', async () => {
    const [ours, peer] = await makePair();
    peer.write('early');
    await turns(10);
    const recorder = new Recorder(ours);
    await turns(10);
    recorder.start();
    await until(() => recorder.received === 'early', 'it has come');
    ours.destroy();
    peer.destroy();
  });

  readSuite('nothing is told of the input while it is paused, not even its end, and all of it afterwards', async () => {
    const [ours, peer] = await makePair();
    const recorder = new Recorder(ours).start();
    recorder.call((transport) => transport.pause());
    peer.end('hello');
    await turns(20);
    assert.equal(recorder.calls, []);
    recorder.call((transport) => transport.resume());
    await recorder.told('endReceived');
    assert.is(recorder.received, 'hello');
    assert.is(recorder.calls.at(-1), 'endReceived');
    ours.destroy();
  });

  readSuite('pause from inside a chunk holds the next one back', async () => {
    const [ours, peer] = await makePair();
    const recorder = new Recorder(ours).start();
    recorder.onChunk = () => recorder.call((transport) => transport.pause());
    for (let index = 0; index < 50; index++) {
      peer.write(new Uint8Array(10_000));
      await turns(1);
    }
    assert.is(recorder.calls.length, 1);
    for (let index = 2; recorder.received.length < 500_000; index++) {
      recorder.call((transport) => transport.resume());
      await until(() => recorder.calls.length === index, 'one more chunk');
      await turns(3);
      assert.is(recorder.calls.length, index);
    }
    ours.destroy();
    peer.destroy();
  });

  readSuite('pause from inside the head holds everything else back', async () => {
    const [ours, peer] = await makePair();
    const recorder = new Recorder(ours, Buffer.from('head'));
    recorder.onChunk = () => recorder.transport.pause();
    peer.write('more');
    await turns(5);
    recorder.start();
    await turns(20);
    assert.is(recorder.received, 'head');
    recorder.call((transport) => transport.resume());
    await until(() => recorder.received === 'headmore', 'the rest has come');
    ours.destroy();
    peer.destroy();
  });

  readSuite('input that is paused holds the peer up', async () => {
    const [ours, peer] = await makePair();
    const recorder = new Recorder(ours).start();
    recorder.call((transport) => transport.pause());
    for (let index = 0; index < 64; index++) peer.write(new Uint8Array(MiB));
    await standstill(() => peer.writableLength, 'the peer');
    assert.ok(peer.writableLength > 16 * MiB);
    ours.destroy();
    peer.destroy();
  });

  readSuite('end of the input is told once, and the output goes on', async () => {
    const [ours, peer] = await makePair();
    const { bytes } = collect(peer);
    const recorder = new Recorder(ours).start();
    peer.end();
    await recorder.told('endReceived');
    recorder.call((transport) => transport.write([Buffer.from('still there')]));
    await recorder.told('writeTaken');
    await until(() => bytes().toString() === 'still there', 'it has come at the peer');
    assert.equal(recorder.calls, ['endReceived', 'writeTaken']);
    ours.destroy();
  });

  readSuite('end of the input that was there before the start is told, not from inside it', async () => {
    const [ours, peer] = await makePair();
    peer.end();
    peer.resume();
    ours.resume();
    await within(new Promise((resolve) => ours.once('end', resolve)), 'the end');
    const recorder = new Recorder(ours);
    recorder.call(() => recorder.start());
    await recorder.told('endReceived');
    assert.equal(recorder.calls, ['endReceived']);
    ours.destroy();
  });

  readSuite.run();

  const writeSuite = suite(`node-duplex · ${kind} · output`);

  writeSuite('pieces are written in order, and the write is told to be taken once, not from inside it', async () => {
    const [ours, peer] = await makePair();
    const { bytes } = collect(peer);
    const recorder = new Recorder(ours).start();
    const pieces = Array.from({ length: 1000 }, (_, index) => Buffer.from(`${index},`));
    recorder.call((transport) => transport.write(pieces));
    assert.equal(recorder.calls, []);
    await recorder.told('writeTaken');
    recorder.call((transport) => transport.write([Buffer.from('.')]));
    await until(() => recorder.count('writeTaken') === 2, 'the second write is taken');
    await until(() => bytes().toString() === `${pieces.join('')}.`, 'all has come at the peer');
    assert.equal(recorder.calls, ['writeTaken', 'writeTaken']);
    ours.destroy();
    peer.destroy();
  });

  writeSuite('pieces are not changed, and may be views of one buffer', async () => {
    const [ours, peer] = await makePair();
    const { bytes } = collect(peer);
    const recorder = new Recorder(ours).start();
    const slab = Uint8Array.from({ length: 256 }, (_, index) => index);
    const before = slab.slice();
    recorder.call((transport) => transport.write([slab.subarray(3, 10), slab.subarray(250), slab.subarray(0, 1)]));
    await recorder.told('writeTaken');
    await until(() => bytes().byteLength === 14, 'all has come at the peer');
    assert.is(bytes().toString('hex'), '03040506070809fafbfcfdfeff00');
    assert.equal(slab, before);
    ours.destroy();
    peer.destroy();
  });

  writeSuite('write of nothing is taken too', async () => {
    const [ours, peer] = await makePair();
    const recorder = new Recorder(ours).start();
    recorder.call((transport) => transport.write([new Uint8Array(0)]));
    await recorder.told('writeTaken');
    ours.destroy();
    peer.destroy();
  });

  writeSuite('write is not taken before a peer that does not read has made room', async () => {
    const [ours, peer] = await makePair();
    const recorder = new Recorder(ours).start();
    recorder.call((transport) => transport.write([new Uint8Array(32 * MiB), new Uint8Array(32 * MiB)]));
    await standstill(() => ours.writableLength, 'the output');
    await turns(20);
    assert.equal(recorder.calls, []);
    let size = 0;
    peer.on('data', (chunk: Buffer) => {
      size += chunk.byteLength;
    });
    await recorder.told('writeTaken');
    await until(() => size === 64 * MiB, 'all has come at the peer');
    ours.destroy();
    peer.destroy();
  });

  writeSuite('end follows what was written, is told, and leaves the input open', async () => {
    const [ours, peer] = await makePair();
    const { bytes, ended } = collect(peer);
    const recorder = new Recorder(ours).start();
    recorder.call((transport) => transport.write([Buffer.from('last words')]));
    recorder.call((transport) => transport.end());
    await recorder.told('endSent');
    await ended;
    assert.is(bytes().toString(), 'last words');
    peer.write('answer');
    await until(() => recorder.received === 'answer', 'the answer has come');
    assert.equal(recorder.calls, ['writeTaken', 'endSent', 'chunkReceived']);
    ours.destroy();
    peer.destroy();
  });

  writeSuite('both ends are all: the transport is closed without an error, and nothing is told after it', async () => {
    const [ours, peer] = await makePair();
    peer.resume();
    const recorder = new Recorder(ours).start();
    recorder.call((transport) => transport.end());
    peer.end();
    await recorder.told('transportClosed');
    assert.is(recorder.error, undefined);
    assert.equal([...recorder.calls].sort(), ['endReceived', 'endSent', 'transportClosed']);
    recorder.call((transport) => transport.end());
    recorder.call((transport) => transport.destroy());
    recorder.call((transport) => transport.resume());
    await turns(10);
    assert.is(recorder.calls.length, 3);
    assert.is(recorder.calls.at(-1), 'transportClosed');
  });

  writeSuite.run();
}

const escapeSuite = suite('node-duplex · escapes');

escapeSuite('nothing has escaped from any of these transports', async () => {
  destroyAllDuplexes();
  await assertNothingEscaped();
});

escapeSuite.run();
