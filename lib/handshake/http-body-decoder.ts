// The bytes of a body, out of chunks that are cut anywhere: RFC 9112 §6 and §7. Each byte is looked at once; nothing throws for what a peer sends.

import type { ByteQueue } from '../bytes/byte-queue.ts';
import { parseFieldLine } from './http-head.ts';
import { HttpLine } from './http-line.ts';

/** How the end of a body is told: by its length in bytes, by the chunked coding, or by the end of the transport. */
export type BodyFraming = number | 'chunked' | 'until-end';

export interface HttpBodyDecoderOptions {
  /** The most bytes that the chunked coding may add: sizes, extensions, line ends, trailers. Over it the body is cut. */
  readonly maxOverhead: number;
  /**
   * Whether a body may be of any length: then the sizes of chunks and the ends of their lines do not count, which are in proportion to it; extensions and trailers do. And
   * trailers must be field lines, though nobody reads them: the body is one of a request, and the next request stands behind it. Default: false.
   */
  readonly isEndless?: boolean;
}

type Step = 'data' | 'chunk-size' | 'chunk-end' | 'trailer' | 'done';

/** Decodes one body. */
export class HttpBodyDecoder {
  readonly #framing: BodyFraming;
  readonly #isEndless: boolean;
  readonly #line: HttpLine | undefined;
  #step: Step;
  /** Bytes of data that are still to come: of the body, or of a chunk. */
  #left: number;
  #isCut = false;
  #fault: string | undefined;

  constructor(framing: BodyFraming, options: HttpBodyDecoderOptions) {
    this.#framing = framing;
    this.#isEndless = options.isEndless ?? false;
    this.#line = framing === 'chunked' ? new HttpLine(options.maxOverhead) : undefined;
    this.#step = framing === 'chunked' ? 'chunk-size' : framing === 0 ? 'done' : 'data';
    this.#left = typeof framing === 'number' ? framing : Number.POSITIVE_INFINITY;
  }

  /** Whether the body has ended, well or not. */
  get isDone(): boolean {
    return this.#step === 'done';
  }

  /** Whether there is more of the body than was decoded, or may be. */
  get isCut(): boolean {
    return this.#isCut;
  }

  /** What is wrong with the chunked coding, in a few words: 'too-large', or a sentence. What came before it was decoded. */
  get fault(): string | undefined {
    return this.#fault;
  }

  /**
   * Reads a chunk from `position` on, and appends copies of the data to `data`: of `room` bytes at most.
   *
   * @returns The position behind what was read: behind the body when it {@link isDone}.
   */
  read(chunk: Uint8Array, position: number, data: ByteQueue, room: number): number {
    const full = data.length + room;
    let index = position;
    while (index < chunk.byteLength && this.#step !== 'done' && data.length < full) {
      index = this.#step === 'data' ? this.#readData(chunk, index, data, full) : this.#readLine(chunk, index);
    }
    return index;
  }

  /** The transport has ended. */
  end(): void {
    if (this.#step !== 'done') this.#finish(this.#framing !== 'until-end');
  }

  #readData(chunk: Uint8Array, position: number, data: ByteQueue, full: number): number {
    const end = Math.min(chunk.byteLength, position + Math.min(this.#left, full - data.length));
    data.appendCopy(chunk, position, end);
    this.#left -= end - position;
    if (this.#left === 0 && this.#framing !== 'chunked') this.#finish(false);
    else if (this.#left === 0) this.#step = 'chunk-end';
    return end;
  }

  #readLine(chunk: Uint8Array, position: number): number {
    const line = this.#line as HttpLine;
    const end = line.read(chunk, position);
    const text = line.take();
    if (text !== undefined) this.#takeLine(text, line);
    else if (line.fault === 'too-large') this.#fail('too-large');
    else if (line.fault === 'malformed') this.#fail('a line of the chunked coding is malformed');
    return end;
  }

  /** RFC 9112 §7.1: `chunk = chunk-size [ chunk-ext ] CRLF chunk-data CRLF`; behind the last chunk the trailers, and an empty line. */
  #takeLine(text: string, line: HttpLine): void {
    if (this.#step === 'chunk-size') this.#takeSize(text, line);
    else if (this.#step === 'chunk-end' && text !== '') this.#fail('a chunk is longer than its size');
    else if (this.#step === 'chunk-end') this.#takeChunkEnd(line);
    else if (text === '') this.#finish(false);
    else if (this.#isEndless && parseFieldLine(text) === undefined) this.#fail('a trailer is malformed');
  }

  #takeChunkEnd(line: HttpLine): void {
    this.#step = 'chunk-size';
    if (this.#isEndless) line.forgive(2);
  }

  /** Of 13 digits at most, which a number holds exactly. §7.1.1: "A recipient MUST ignore unrecognized chunk extensions." */
  #takeSize(text: string, line: HttpLine): void {
    const [, digits] = /^([0-9A-Fa-f]{1,13})(?:[\t ]*;.*)?$/.exec(text) ?? [];
    if (digits === undefined) {
      this.#fail('a size of the chunked coding is malformed');
      return;
    }
    if (this.#isEndless) line.forgive(digits.length + 2);
    this.#left = Number.parseInt(digits, 16);
    this.#step = this.#left === 0 ? 'trailer' : 'data';
  }

  #fail(what: string): void {
    this.#fault = what;
    this.#finish(true);
  }

  #finish(isCut: boolean): void {
    this.#isCut = isCut;
    this.#step = 'done';
  }
}
