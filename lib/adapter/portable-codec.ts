// DEFLATE in plain JavaScript, by pako: for a runtime whose own zlib cannot be called as ./zlib-codec.ts does. It costs two to four times as much,
// and its memory goes with the next garbage collection, not at once.

import {
  ZStream,
  zlibDeflate,
  zlibDeflateInit2,
  zlibDeflateReset,
  zlibInflate,
  zlibInflateInit2,
  zlibInflateReset,
} from 'pako';
import type { CodecStream, DeflateCodec } from '../extension/deflate-codec.ts';
import { guardCodec } from './guarded-codec.ts';

const Z_SYNC_FLUSH = 2;
const Z_OK = 0;
const Z_STREAM_END = 1;
const Z_BUF_ERROR = -5;
const Z_DEFLATED = 8;
const Z_DEFAULT_STRATEGY = 0;

const nothing = new Uint8Array(0);

class PakoStream implements CodecStream {
  read = 0;
  written = 0;
  readonly #stream: ZStream;
  readonly #step: typeof zlibInflate;
  readonly #restart: typeof zlibInflateReset;

  constructor(stream: ZStream, step: typeof zlibInflate, restart: typeof zlibInflateReset) {
    this.#stream = stream;
    this.#step = step;
    this.#restart = restart;
  }

  run(input: Uint8Array, start: number, end: number, output: Uint8Array, from: number, to: number): boolean {
    const stream = this.#stream;
    stream.input = input;
    stream.next_in = start;
    stream.avail_in = end - start;
    // Its type asks for bytes that are not shared with another thread; it does not care.
    stream.output = output as Uint8Array<ArrayBuffer>;
    stream.next_out = from;
    stream.avail_out = to - from;
    const status = this.#step(stream, Z_SYNC_FLUSH);
    this.read = end - start - stream.avail_in;
    this.written = to - from - stream.avail_out;
    // A stream that waits holds nobody's buffers.
    stream.input = nothing;
    stream.output = nothing;
    // Z_BUF_ERROR: there was nothing to do.
    return status === Z_OK || status === Z_STREAM_END || status === Z_BUF_ERROR;
  }

  reset(): void {
    this.#restart(this.#stream);
  }

  close(): void {
    this.#stream.state = undefined;
  }
}

function initialized(stream: ZStream, status: number): ZStream {
  if (status !== Z_OK) throw new RangeError(`Cannot make a stream: ${stream.msg || `zlib says ${status}`}`);
  return stream;
}

/** Makes a codec that runs anywhere. */
export function createPortableCodec(): DeflateCodec {
  return guardCodec({
    createDeflater({ level, memoryLevel, windowBits }) {
      const stream = new ZStream();
      const status = zlibDeflateInit2(stream, level, Z_DEFLATED, -windowBits, memoryLevel, Z_DEFAULT_STRATEGY);
      return new PakoStream(initialized(stream, status), zlibDeflate, zlibDeflateReset);
    },
    createInflater({ windowBits }) {
      const stream = new ZStream();
      const status = zlibInflateInit2(stream, -windowBits);
      return new PakoStream(initialized(stream, status), zlibInflate, zlibInflateReset);
    },
  });
}
