// DEFLATE by the runtime's own zlib, called in place through the handle of one of its streams. What node:zlib offers in public does not serve: a
// stream goes through the thread pool (20 to 25 us for a small message, and its answer comes turns later), and the functions ending in Sync keep no
// window. Here a JSON message of 262 bytes is deflated in 2 to 6.5 us and inflated in 0.2 to 0.6 us, as like it is to those before it; pako takes 7
// to 14 and 0.8 to 1.2. The handle is not public: minizlib and other packages rest on the same calls, and Node 20 to 24, Deno and Bun have them. So
// nothing is taken on trust: a codec is given out only after it has passed a test on the spot.

import zlib from 'node:zlib';
import type { CodecStream, DeflateCodec } from '../extension/deflate-codec.ts';
import { guardCodec } from './guarded-codec.ts';

const Z_SYNC_FLUSH = 2;
// A stream has a buffer of its own, which is never used here: as small as it may be.
const chunkSize = 64;

/** What is used of a stream beyond its public interface. */
interface Handle {
  /** Told of an error; `_writeState` is then that of an earlier call. */
  onerror: (message: string, errno: number, code?: string) => void;
  writeSync(
    flush: number,
    input: Uint8Array,
    start: number,
    inputLength: number,
    output: Uint8Array,
    from: number,
    outputLength: number,
  ): void;
  reset(): void;
}

interface Inside {
  readonly _handle?: Handle;
  /** The room that is left in the output, and the bytes that are left of the input. */
  readonly _writeState?: Uint32Array;
}

class ZlibStream implements CodecStream {
  read = 0;
  written = 0;
  readonly #stream: zlib.DeflateRaw | zlib.InflateRaw;
  readonly #handle: Handle;
  readonly #left: Uint32Array;
  #isCorrupt = false;

  constructor(stream: zlib.DeflateRaw | zlib.InflateRaw) {
    const { _handle: handle, _writeState: left } = stream as unknown as Inside;
    if (typeof handle?.writeSync !== 'function' || typeof handle.reset !== 'function' || !ArrayBuffer.isView(left))
      throw new TypeError('Cannot call the zlib of this runtime in place');
    this.#stream = stream;
    this.#handle = handle;
    this.#left = left;
    handle.onerror = () => {
      this.#isCorrupt = true;
    };
    // Without a listener an error that came another way would end the process.
    stream.on('error', ignore);
  }

  run(input: Uint8Array, start: number, end: number, output: Uint8Array, from: number, to: number): boolean {
    this.#isCorrupt = false;
    this.#handle.writeSync(Z_SYNC_FLUSH, input, start, end - start, output, from, to - from);
    this.read = end - start - (this.#left[1] as number);
    this.written = to - from - (this.#left[0] as number);
    return !this.#isCorrupt;
  }

  reset(): void {
    this.#handle.reset();
  }

  close(): void {
    this.#stream.close();
  }
}

function ignore(): void {}

/** What makes streams: `node:zlib`. */
export type ZlibModule = Pick<typeof zlib, 'createDeflateRaw' | 'createInflateRaw'>;

/**
 * Makes a codec of the zlib of this runtime.
 *
 * @returns Nothing where the test on the spot fails; the codec of ./portable-codec.ts serves there.
 */
export function createZlibCodec({ createDeflateRaw, createInflateRaw }: ZlibModule = zlib): DeflateCodec | undefined {
  const codec = guardCodec({
    createDeflater: ({ level, memoryLevel, windowBits }) =>
      new ZlibStream(createDeflateRaw({ level, memLevel: memoryLevel, windowBits, chunkSize })),
    createInflater: ({ windowBits }) => new ZlibStream(createInflateRaw({ windowBits, chunkSize })),
  });
  return isSound(codec) ? codec : undefined;
}

function isSound(codec: DeflateCodec): boolean {
  const streams: CodecStream[] = [];
  try {
    const deflater = codec.createDeflater({ level: 6, memoryLevel: 8, windowBits: 15 });
    streams.push(deflater);
    const inflater = codec.createInflater({ windowBits: 15 });
    streams.push(inflater);
    return carries(deflater, inflater) && notices(inflater);
  } catch {
    return false;
  } finally {
    for (const stream of streams) stream.close();
  }
}

/** Whether a message goes through both within bounds, a second one refers to it, and a reset forgets it. */
function carries(deflater: CodecStream, inflater: CodecStream): boolean {
  const message = Uint8Array.from({ length: 1000 }, (_, index) => (index * index) >> 4);
  const wide = drain(deflater, message, 4000);
  const narrow = drain(deflater, message, 10);
  deflater.reset();
  const again = drain(deflater, message, 4000);
  const isCarried = areEqual(drain(inflater, wide, 10), message) && areEqual(drain(inflater, narrow, 4000), message);
  inflater.reset();
  // Its bytes are not those of the first time: which matches zlib finds may depend on what was in its window.
  return isCarried && narrow.byteLength < wide.byteLength / 2 && areEqual(drain(inflater, again, 4000), message);
}

/** Whether a stream tells its end, and data that is none. */
function notices(inflater: CodecStream): boolean {
  const output = new Uint8Array(8);
  // "Hello" with BFINAL (RFC 7692, section 7.2.3.4) and three bytes behind it.
  const final = Uint8Array.of(0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0xf2, 0x48, 0xcd);
  const ends = (): boolean =>
    inflater.run(final, 0, 10, output, 0, 8) && inflater.read === 7 && inflater.written === 5 && output[4] === 0x6f;
  const stays = (): boolean =>
    inflater.run(final, 7, 10, output, 0, 8) && inflater.read === 0 && inflater.written === 0;
  // A reference into a window that a reset has emptied (section 7.2.3.2), and a block type that is reserved.
  const refuses = (...bytes: number[]): boolean => {
    inflater.reset();
    return !inflater.run(Uint8Array.from(bytes), 0, bytes.length, output, 0, 8);
  };
  inflater.reset();
  if (!ends() || !stays() || !refuses(0xf2, 0x00, 0x11, 0x00, 0x00) || !refuses(0xff, 0xff)) return false;
  inflater.reset();
  return ends();
}

/** All that a stream makes of some input, in steps of so much room; an exception when a step oversteps its bounds or there is no end of them. */
function drain(stream: CodecStream, input: Uint8Array, room: number): Uint8Array {
  const output = new Uint8Array(5000);
  let start = 0;
  let from = 1;
  for (let step = 0; step < 1000; step++) {
    const to = from + room;
    if (!stream.run(input, start, input.byteLength, output, from, to)) break;
    start += stream.read;
    from += stream.written;
    if (from > to || output[to] !== 0 || output[0] !== 0) break;
    if (from < to && start === input.byteLength) return output.subarray(1, from);
  }
  throw new Error('zlib does not keep to its bounds');
}

function areEqual(left: Uint8Array, right: Uint8Array): boolean {
  return left.byteLength === right.byteLength && left.every((byte, index) => byte === right[index]);
}
