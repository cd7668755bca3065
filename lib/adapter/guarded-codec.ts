// What every codec owes beyond zlib's one call, written once. Arguments are checked, as zlib itself would read and write where it is told to, or end
// the process. What a library throws in a run is data that it cannot take: no peer's bytes end in an exception. And a deflater gets along with any
// room: a marker of zlib's (Z_SYNC_FLUSH) that meets the end of the output is written again in the next call, so that with rooms of up to 5 bytes it
// would be written for ever.

import type { CodecStream, DeflateCodec } from '../extension/deflate-codec.ts';

// zlib's own bound: a room of more than 6 bytes ends a flush.
const LEAST_ROOM = 7;
const ASIDE = 64;

/** One stream of another codec, guarded. */
class GuardedStream implements CodecStream {
  read = 0;
  written = 0;
  #stream: CodecStream | undefined;
  readonly #leastRoom: number;
  // What was written aside, where the room was too small, and is still to be handed out.
  #aside: Uint8Array | undefined;
  #first = 0;
  #last = 0;

  /** @param leastRoom The room that the stream needs, in bytes. */
  constructor(stream: CodecStream, leastRoom: number) {
    this.#stream = stream;
    this.#leastRoom = leastRoom;
  }

  run(input: Uint8Array, start: number, end: number, output: Uint8Array, from: number, to: number): boolean {
    const stream = this.#opened();
    if (!isPart(input, start, end)) throw new RangeError(`Cannot read bytes ${start} to ${end} of ${input.byteLength}`);
    if (!isPart(output, from, to)) throw new RangeError(`Cannot write bytes ${from} to ${to} of ${output.byteLength}`);
    this.read = 0;
    this.written = 0;
    if (this.#first < this.#last) this.#handOut(output, from, to);
    const first = from + this.written;
    if (first === to) return true;
    try {
      if (to - first < this.#leastRoom) return this.#runAside(stream, input, start, end, output, first, to);
      if (!stream.run(input, start, end, output, first, to)) return false;
      this.read = stream.read;
      this.written += stream.written;
      return true;
    } catch {
      return false;
    }
  }

  reset(): void {
    const stream = this.#opened();
    this.#first = 0;
    this.#last = 0;
    stream.reset();
  }

  close(): void {
    this.#stream?.close();
    this.#stream = undefined;
    this.#aside = undefined;
  }

  #opened(): CodecStream {
    if (this.#stream === undefined) throw new TypeError('Cannot use a stream of a codec: it is closed');
    return this.#stream;
  }

  #runAside(
    stream: CodecStream,
    input: Uint8Array,
    start: number,
    end: number,
    output: Uint8Array,
    from: number,
    to: number,
  ): boolean {
    this.#aside ??= new Uint8Array(ASIDE);
    if (!stream.run(input, start, end, this.#aside, 0, ASIDE)) return false;
    this.read = stream.read;
    this.#first = 0;
    this.#last = stream.written;
    this.#handOut(output, from, to);
    return true;
  }

  #handOut(output: Uint8Array, from: number, to: number): void {
    const last = Math.min(this.#last, this.#first + to - from);
    if (this.#aside !== undefined) output.set(this.#aside.subarray(this.#first, last), from);
    this.written += last - this.#first;
    this.#first = last;
  }
}

/**
 * Guards the streams of a codec: options and ranges that do not fit are a `RangeError`, a stream that is closed is a `TypeError`, an exception in a run is
 * a run that gives false, and a deflater writes all into rooms of any size. Closing twice is no fault.
 *
 * @param codec Its deflaters are given rooms of at least 7 bytes, and none of its streams an empty one.
 */
export function guardCodec(codec: DeflateCodec): DeflateCodec {
  return {
    createDeflater(options) {
      checkOption('level', options.level, 0, 9);
      checkOption('memoryLevel', options.memoryLevel, 1, 9);
      checkOption('windowBits', options.windowBits, 9, 15);
      return new GuardedStream(codec.createDeflater(options), LEAST_ROOM);
    },
    createInflater(options) {
      checkOption('windowBits', options.windowBits, 8, 15);
      return new GuardedStream(codec.createInflater(options), 1);
    },
  };
}

function isPart(bytes: Uint8Array, start: number, end: number): boolean {
  return start >= 0 && start <= end && end <= bytes.byteLength;
}

function checkOption(name: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw new RangeError(`Cannot make a stream with ${name} ${value}: it is no integer from ${least} to ${most}`);
}
