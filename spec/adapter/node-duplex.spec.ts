// A Node Duplex as a transport: what it must tell, in which order, and when never. Over sockets and over Duplexes that are none.

import { Duplex, PassThrough } from 'node:stream';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { NodeTransport } from '../../lib/adapter/node-duplex.ts';
import { upgradeTransport } from '../../lib/job/upgrade.ts';
import type { TransportReceiver } from '../../lib/stream/transport.ts';
import { destroyAllDuplexes, duplexPair, socketPair } from '../support/duplexes.ts';
import { masked } from '../support/raw-client.ts';
import { assertNothingEscaped, echo } from '../support/server.ts';
import { standstill, turns, until, within } from '../support/until.ts';

const MiB = 1024 * 1024;

/** Notes what a transport tells, and that it tells nothing from inside a call. */
class Recorder implements TransportReceiver {
  readonly transport: NodeTransport;
  readonly calls: string[] = [];
  readonly chunks: Uint8Array[] = [];
  readonly owned = new Set<boolean>();
  error: unknown;
  /** Does something when a chunk comes. */
  onChunk: () => void = () => {};
  #isInside = false;

  constructor(duplex: Duplex, head?: Uint8Array) {
    this.transport = new NodeTransport(duplex, head);
  }

  start(): this {
    this.transport.start(this);
    return this;
  }

  /** Calls a method of the transport. */
  call(act: (transport: NodeTransport) => void): void {
    const wasInside = this.#isInside;
    this.#isInside = true;
    act(this.transport);
    this.#isInside = wasInside;
  }

  get received(): string {
    return Buffer.concat(this.chunks).toString('latin1');
  }

  count(call: string): number {
    return this.calls.filter((each) => each === call).length;
  }

  async told(call: string): Promise<void> {
    await until(() => this.calls.includes(call), `${call} is told`);
  }

  chunkReceived(chunk: Uint8Array, isOwned: boolean): void {
    this.#note('chunkReceived');
    assert.is(chunk.constructor, Uint8Array, 'a chunk is a plain Uint8Array');
    this.chunks.push(chunk.slice());
    this.owned.add(isOwned);
    this.onChunk();
  }

  endReceived(): void {
    this.#note('endReceived');
  }

  writeTaken(): void {
    this.#note('writeTaken');
  }

  endSent(): void {
    this.#note('endSent');
  }

  transportClosed(error?: unknown): void {
    this.#note('transportClosed');
    this.error = error;
  }

  #note(call: string): void {
    if (this.#isInside) this.calls.push(`${call} from inside a call`);
    else if (this.calls.includes('transportClosed')) this.calls.push(`${call} after transportClosed`);
    else this.calls.push(call);
  }
}

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

const escapeSuite = suite('node-duplex · escapes');

escapeSuite('nothing has escaped from any of these transports', async () => {
  destroyAllDuplexes();
  await assertNothingEscaped();
});

escapeSuite.run();
