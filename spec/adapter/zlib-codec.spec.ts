import process from 'node:process';
import zlib from 'node:zlib';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createPortableCodec } from '../../lib/adapter/portable-codec.ts';
import { createZlibCodec, type ZlibModule } from '../../lib/adapter/zlib-codec.ts';
import type { CodecStream, DeflateCodec } from '../../lib/extension/deflate-codec.ts';
import { addBattery } from '../support/codec-battery.ts';
import { usual } from '../support/codec-steps.ts';
import { handles } from '../support/left-behind.ts';
import { inMiB, MiB, retainedMemory } from '../support/memory.ts';
import { watchEscapes } from '../support/pair.ts';
import { sized } from '../support/sized.ts';
import { turns } from '../support/until.ts';

const test = suite('adapter · zlib-codec');
const { seen } = watchEscapes();

const codec = createZlibCodec() as DeflateCodec;
addBattery(test, codec, createPortableCodec());

// --- Memory ----------------------------------------------------------------------------------------------------------

// What zlib allocates is not told to the collector: the resident memory shows it.

const message = new Uint8Array(1000).fill(7);
const output = new Uint8Array(2000);

/** A deflater that has some 200 KiB resident, and an inflater. */
function used(by: DeflateCodec = codec): CodecStream[] {
  const deflater = by.createDeflater(usual);
  deflater.run(message, 0, 1000, output, 0, 2000);
  const inflater = by.createInflater({ windowBits: 15 });
  inflater.run(output, 0, deflater.written, new Uint8Array(1000), 0, 1000);
  return [deflater, inflater];
}

// Twice as much as may stay resident, at the least.
const times = sized(1000, 2000);

async function assertFreed(round: () => unknown): Promise<void> {
  for (let count = 0; count < 100; count++) await round();
  await retainedMemory();
  const before = process.memoryUsage.rss();
  const open = handles();
  for (let count = 0; count < times; count++) await round();
  const grown = process.memoryUsage.rss() - before;
  assert.ok(grown < 100 * MiB, `${inMiB(grown)} more are resident, where ${times / 5} were allocated`);
  assert.equal(handles(), open);
}

test('a stream that is closed has given its memory back at once, with no collection', async () => {
  // What zlib made is held: no collection takes it.
  const made: Inside[] = [];
  const holding = createZlibCodec(spoiltZlib((stream) => void made.push(stream))) as DeflateCodec;
  await assertFreed(() => {
    for (const stream of used(holding)) stream.close();
  });
  assert.ok(made.length > 2 * times);
});

test('a stream that is let go of gives its memory back when it is collected', async () => {
  let count = 0;
  await assertFreed(() => {
    used();
    return count++ % sized(100, 50) === 0 ? retainedMemory() : undefined;
  });
});

test('a stream holds no buffers beside what zlib has', async () => {
  const before = await retainedMemory();
  const streams = Array.from({ length: 200 }, () => used()).flat();
  const each = ((await retainedMemory()) - before) / streams.length;
  for (const stream of streams) stream.close();
  assert.ok(each > 500 && each < 4096, `${each} bytes`);
});

// --- The test on the spot --------------------------------------------------------------------------------------------

// What is used of a stream beyond its public interface, to be spoilt.
interface Inside {
  _handle: { writeSync: (...args: never[]) => void; reset: () => void; onerror: unknown } | undefined;
  _writeState: Uint32Array | undefined;
}
type Spoil = (stream: Inside, writeSync: (...args: unknown[]) => void) => void;
type Write = [
  flush: number,
  input: Uint8Array,
  start: number,
  length: number,
  to: Uint8Array,
  at: number,
  room: number,
];

/** zlib with each stream spoilt. */
function spoiltZlib(spoil: Spoil): ZlibModule {
  const spoilt = <T>(stream: T): T => {
    const inside = stream as Inside;
    spoil(inside, inside._handle?.writeSync.bind(inside._handle) as (...args: unknown[]) => void);
    return stream;
  };
  return {
    createDeflateRaw: (options) => spoilt(zlib.createDeflateRaw(options)),
    createInflateRaw: (options) => spoilt(zlib.createInflateRaw(options)),
  };
}

/** Changes what is called instead of writeSync. */
function writing(change: (write: (...args: Write) => void, stream: Inside, ...args: Write) => void): Spoil {
  return (stream, writeSync) => {
    const handle = stream._handle as NonNullable<Inside['_handle']>;
    handle.writeSync = (...args) => change(writeSync as never, stream, ...(args as unknown as Write));
  };
}

const spoilings: Record<string, Spoil> = {
  'has no handle': (stream) => {
    stream._handle = undefined;
  },
  'has a handle without the call': (stream) => {
    Object.assign(stream._handle as object, { writeSync: undefined });
  },
  'tells nothing of its state': (stream) => {
    stream._writeState = undefined;
  },
  'throws in the call': writing(() => {
    throw new Error('not now');
  }),
  'does nothing': writing(() => undefined),
  'keeps its state elsewhere': (stream) => {
    stream._writeState = new Uint32Array(2);
  },
  'tells its state the other way round': (stream, writeSync) => {
    const state = stream._writeState as Uint32Array;
    writing((write, _, ...args) => {
      write(...args);
      state.reverse();
    })(stream, writeSync);
  },
  'ignores the start of its output': writing((write, _, flush, input, start, length, output, _at, room) =>
    write(flush, input, start, length, output, 0, room),
  ),
  'ignores the end of its output': writing((write, _, flush, input, start, length, output, at) =>
    write(flush, input, start, length, output, at, output.byteLength - at),
  ),
  'ignores the start of its input': writing((write, _, flush, input, _start, length, ...output) =>
    write(flush, input, 0, length, ...output),
  ),
  'does not flush': writing((write, _, _flush, ...args) => write(0, ...args)),
  'forgets its window': writing((write, _, _flush, ...args) => write(3, ...args)),
  'does not reset': (stream) => {
    Object.assign(stream._handle as object, { reset: () => undefined });
  },
  'tells errors to nobody': (stream) => {
    Object.defineProperty(stream._handle as object, 'onerror', { value: () => undefined, writable: false });
  },
  'goes on behind the end of its data': writing((write, stream, ...args) => {
    const [, input, start] = args;
    if (start === 7 && input[0] === 0xf3) stream._handle?.reset();
    write(...args);
  }),
};

for (const [what, spoil] of Object.entries(spoilings)) {
  test(`no codec is made of a zlib that ${what}`, async () => {
    assert.is(createZlibCodec(spoiltZlib(spoil)), undefined);
    await turns(5);
    assert.equal(seen, []);
  });
}

test('a zlib that is not spoilt passes, time and again', () => {
  for (let round = 0; round < 3; round++) assert.ok(createZlibCodec(spoiltZlib(() => undefined)) !== undefined);
});

test('the test on the spot leaves nothing open', async () => {
  let open = 0;
  const counted: Spoil = (stream) => {
    open++;
    (stream as unknown as zlib.InflateRaw).on('close', () => open--);
  };
  createZlibCodec(spoiltZlib(counted));
  assert.is(open, 2);
  await turns(3);
  assert.is(open, 0);
});

test.run();
