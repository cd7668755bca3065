// The body of a response that is no 101, so that whoever was refused can read why. RFC 9112 §6 and §7. Only its beginning is kept, and only as much is
// waited for. Any split, each byte looked at once; nothing throws for what a peer sends.

import { ByteQueue } from '../bytes/byte-queue.ts';
import { type HeaderFields, parseTokenList } from './http-head.ts';
import { HttpLine } from './http-line.ts';

/** The most bytes of a body that are kept. */
export const MAX_BODY_SIZE: number = 64 * 1024;

/**
 * The most bytes that the chunked coding may add to them: sizes, extensions, line ends, trailers. RFC 9112 §7.1.1 has a server "limit the total length of
 * chunk extensions … to an amount reasonable"; a client has no more use for them.
 */
export const MAX_CHUNK_OVERHEAD: number = 64 * 1024;

/** How the end of a body is told: by its length in bytes, by the chunked coding, or by the end of the transport. */
export type BodyFraming = number | 'chunked' | 'until-end';

/**
 * Finds out how the end of a response's body is told, by the rules of RFC 9112 §6.3. Undefined when the fields contradict each other or are malformed.
 */
export function findBodyFraming(status: number, headers: HeaderFields): BodyFraming | undefined {
  // "Any response to a HEAD request and any response with a 1xx (Informational), 204 (No Content), or 304 (Not Modified) status code is always terminated by
  // the first empty line after the header fields, regardless of the header fields present in the message".
  if (status < 200 || status === 204 || status === 304) return 0;
  const lengths = headers.getAll('content-length');
  if (headers.has('transfer-encoding')) {
    // "Such a message might indicate an attempt to perform request smuggling … or response splitting … and ought to be handled as an error."
    return lengths.length > 0 ? undefined : findCoding(headers.getAll('transfer-encoding'));
  }
  if (lengths.length === 0) return 'until-end';
  const [length = ''] = lengths;
  // One too long for a number is Infinity, and over every limit anyway.
  return lengths.length === 1 && /^[0-9]+$/.test(length) ? Number(length) : undefined;
}

/**
 * "If a Transfer-Encoding header field is present in a response and the chunked transfer coding is not the final encoding, the message body length is
 * determined by reading the connection until it is closed by the server." §7.1: a sender must not apply chunked more than once, nor anything behind it.
 */
function findCoding(values: readonly string[]): BodyFraming | undefined {
  const codings = parseTokenList(values)?.map((coding) => coding.toLowerCase());
  if (codings === undefined || codings.length === 0) return undefined;
  const first = codings.indexOf('chunked');
  if (first < 0) return 'until-end';
  return first === codings.length - 1 ? 'chunked' : undefined;
}

type Step = 'data' | 'chunk-size' | 'chunk-end' | 'trailer' | 'done';

/** Collects the beginning of a body. */
export class HttpBody {
  readonly #framing: BodyFraming;
  readonly #data: ByteQueue = new ByteQueue();
  readonly #line: HttpLine = new HttpLine(MAX_CHUNK_OVERHEAD);
  #step: Step;
  /** Bytes of data that are still to come: of the body, or of a chunk. */
  #left: number;
  #isCut = false;
  #fault: string | undefined;

  constructor(framing: BodyFraming) {
    this.#framing = framing;
    this.#step = framing === 'chunked' ? 'chunk-size' : framing === 0 ? 'done' : 'data';
    this.#left = typeof framing === 'number' ? framing : Number.POSITIVE_INFINITY;
  }

  /** Whether nothing more is waited for. */
  get isDone(): boolean {
    return this.#step === 'done';
  }

  /** Whether there is more of the body than was collected, or may be. */
  get isCut(): boolean {
    return this.#isCut;
  }

  /** What is wrong with the chunked coding, in a few words. What came before it was collected. */
  get fault(): string | undefined {
    return this.#fault;
  }

  /** Takes what was collected. */
  take(): Uint8Array {
    return this.#data.join();
  }

  /** Reads a chunk from `position` on. What stands behind the end of the body is not looked at. */
  read(chunk: Uint8Array, position: number): void {
    let index = position;
    while (index < chunk.byteLength && this.#step !== 'done') {
      index = this.#step === 'data' ? this.#readData(chunk, index) : this.#readLine(chunk, index);
    }
  }

  /** The transport has ended. */
  end(): void {
    if (this.#step !== 'done') this.#finish(this.#framing !== 'until-end');
  }

  #readData(chunk: Uint8Array, position: number): number {
    const room = MAX_BODY_SIZE - this.#data.length;
    const end = Math.min(chunk.byteLength, position + Math.min(this.#left, room));
    this.#data.appendCopy(chunk, position, end);
    this.#left -= end - position;
    if (this.#left === 0 && this.#framing !== 'chunked') this.#finish(false);
    else if (this.#data.length === MAX_BODY_SIZE) this.#finish(true);
    else if (this.#left === 0) this.#step = 'chunk-end';
    return end;
  }

  #readLine(chunk: Uint8Array, position: number): number {
    const end = this.#line.read(chunk, position);
    const text = this.#line.take();
    if (text !== undefined) this.#takeLine(text);
    else if (this.#line.fault === 'too-large') this.#finish(true);
    else if (this.#line.fault === 'malformed') this.#fail('a line of the chunked coding is malformed');
    return end;
  }

  /** RFC 9112 §7.1: `chunk = chunk-size [ chunk-ext ] CRLF chunk-data CRLF`; behind the last chunk the trailers, and an empty line. */
  #takeLine(text: string): void {
    if (this.#step === 'chunk-size') this.#takeSize(text);
    else if (this.#step === 'chunk-end' && text !== '') this.#fail('a chunk is longer than its size');
    else if (this.#step === 'chunk-end') this.#step = 'chunk-size';
    else if (text === '') this.#finish(false);
  }

  /** Of 13 digits at most, which a number holds exactly. §7.1.1: "A recipient MUST ignore unrecognized chunk extensions." */
  #takeSize(text: string): void {
    const [, digits] = /^([0-9A-Fa-f]{1,13})(?:[\t ]*;.*)?$/.exec(text) ?? [];
    if (digits === undefined) {
      this.#fail('a size of the chunked coding is malformed');
      return;
    }
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
