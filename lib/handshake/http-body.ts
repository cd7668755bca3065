// The body of a response that is no 101, so that whoever was refused can read why. RFC 9112 §6 and §7. Only its beginning is kept, and only as much is
// waited for.

import { ByteQueue } from '../bytes/byte-queue.ts';
import { type BodyFraming, HttpBodyDecoder } from './http-body-decoder.ts';
import { type HeaderFields, parseTokenList } from './http-head.ts';

/** The most bytes of a body that are kept. */
export const MAX_BODY_SIZE: number = 64 * 1024;

/**
 * The most bytes that the chunked coding may add to them: sizes, extensions, line ends, trailers. RFC 9112 §7.1.1 has a server "limit the total length of
 * chunk extensions … to an amount reasonable"; a client has no more use for them.
 */
export const MAX_CHUNK_OVERHEAD: number = 64 * 1024;

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

/** Collects the beginning of a body. */
export class HttpBody {
  readonly #decoder: HttpBodyDecoder;
  readonly #data: ByteQueue = new ByteQueue();
  #isDone: boolean;
  #isCut = false;

  constructor(framing: BodyFraming) {
    this.#decoder = new HttpBodyDecoder(framing, { maxOverhead: MAX_CHUNK_OVERHEAD });
    this.#isDone = this.#decoder.isDone;
  }

  /** Whether nothing more is waited for. */
  get isDone(): boolean {
    return this.#isDone;
  }

  /** Whether there is more of the body than was collected, or may be. */
  get isCut(): boolean {
    return this.#isCut;
  }

  /** What is wrong with the chunked coding, in a few words. What came before it was collected. */
  get fault(): string | undefined {
    const { fault } = this.#decoder;
    return fault === 'too-large' ? undefined : fault;
  }

  /** Takes what was collected. */
  take(): Uint8Array {
    return this.#data.join();
  }

  /** Reads a chunk from `position` on. What stands behind the end of the body is not looked at. */
  read(chunk: Uint8Array, position: number): void {
    if (this.#isDone) return;
    this.#decoder.read(chunk, position, this.#data, MAX_BODY_SIZE - this.#data.length);
    if (this.#decoder.isDone) this.#finish(this.#decoder.isCut);
    else if (this.#data.length === MAX_BODY_SIZE) this.#finish(true);
  }

  /** The transport has ended. */
  end(): void {
    if (this.#isDone) return;
    this.#decoder.end();
    this.#finish(this.#decoder.isCut);
  }

  #finish(isCut: boolean): void {
    this.#isCut = isCut;
    this.#isDone = true;
  }
}
