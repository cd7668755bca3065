// The head of an HTTP request as bytes: RFC 9112 §2 to §6. A push parser: chunks come in, cut anywhere. Each byte is looked at a bounded number of times; all that is kept is
// under a limit, and nothing throws for what a peer sends: every fault is a status and a message.
//
// It is strict where two recipients could see different requests: lines end in CRLF, no line goes on with the next, nothing stands before the colon but a token.

import type { HandshakeLimits } from '../limits.ts';
import type { BodyFraming } from './http-body-decoder.ts';
import { HeaderFields, isToken, parseFieldLine, parseTokenList, type RequestHead } from './http-head.ts';
import { HttpLine } from './http-line.ts';
import { fault, invalid, type RequestFault } from './opening-request.ts';

/** The head of a request that was read from bytes. */
export interface HttpRequestHead extends RequestHead {
  readonly httpVersion: string;
  readonly headers: HeaderFields;
}

type State = 'before' | 'request-line' | 'fields' | 'done';

const tooLarge = fault(431, 'ERR_WS_HEAD_TOO_LARGE', 'The head is too large');

/** The head of a request that is being received. */
export class HttpRequest {
  readonly #maxHeaders: number;
  readonly #line: HttpLine;
  #state: State = 'before';
  #hasBegun = false;
  #method = '';
  #url = '';
  #httpVersion = '';
  #pairs: (readonly [string, string])[] = [];
  #head: HttpRequestHead | undefined;
  #fault: RequestFault | undefined;

  /** @param limits Sizes are of all bytes up to the empty line. */
  constructor(limits: Pick<HandshakeLimits, 'maxHeadSize' | 'maxHeaders'>) {
    this.#maxHeaders = limits.maxHeaders;
    this.#line = new HttpLine(limits.maxHeadSize);
  }

  /** The head, once it is whole. */
  get head(): HttpRequestHead | undefined {
    return this.#head;
  }

  /** What is wrong, once something is: nothing more is read. */
  get fault(): RequestFault | undefined {
    return this.#fault;
  }

  /** Whether a byte has come. */
  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /** Whether nothing more is waited for: {@link head} or {@link fault} is there. */
  get isDone(): boolean {
    return this.#state === 'done';
  }

  /**
   * Reads a chunk from `position` on. The chunk may be used again after the call.
   *
   * @returns The position behind what was read: behind the head when it is whole.
   */
  push(chunk: Uint8Array, position = 0): number {
    let index = position;
    if (index < chunk.byteLength) this.#hasBegun = true;
    while (index < chunk.byteLength && this.#state !== 'done') index = this.#readLine(chunk, index);
    return index;
  }

  #readLine(chunk: Uint8Array, position: number): number {
    const end = this.#line.read(chunk, position);
    const text = this.#line.take();
    if (text !== undefined) this.#takeLine(text);
    else if (this.#line.fault === 'too-large') this.#fail(tooLarge);
    else if (this.#line.fault !== undefined) this.#failMalformed('a line has NUL, or CR or LF without the other');
    return end;
  }

  #takeLine(text: string): void {
    if (this.#state === 'fields') {
      if (text === '') this.#finish();
      else this.#takeField(text);
    } else if (text === '' && this.#state === 'before') {
      // RFC 9112 §2.2: "a server … SHOULD ignore at least one empty line (CRLF) received prior to the request-line".
      this.#state = 'request-line';
    } else {
      this.#takeRequestLine(text);
    }
  }

  /** RFC 9112 §3: `request-line = method SP request-target SP HTTP-version`. */
  #takeRequestLine(text: string): void {
    const first = text.indexOf(' ');
    const last = text.lastIndexOf(' ');
    const method = text.slice(0, Math.max(0, first));
    const target = text.slice(first + 1, Math.max(first + 1, last));
    const version = text.slice(last + 1);
    if (!isToken(method) || !isVersion(version)) return this.#fail(invalid('The request is no HTTP'));
    // RFC 9110 §15.6.6: "does not support, or refuses to support, the major version of HTTP".
    if (version[5] !== '1') return this.#fail(fault(505, 'ERR_WS_HANDSHAKE', 'The version of HTTP must be 1.1'));
    if (!isTarget(method, target)) return this.#failMalformed('its target is none');
    this.#method = method;
    this.#url = target;
    this.#httpVersion = version.slice(5);
    this.#state = 'fields';
  }

  #takeField(text: string): void {
    if (this.#pairs.length === this.#maxHeaders) return this.#fail(tooLarge);
    const pair = parseFieldLine(text);
    if (pair === undefined) this.#failMalformed('a header field is malformed');
    else this.#pairs.push(pair);
  }

  #finish(): void {
    const headers = new HeaderFields(this.#pairs);
    this.#head = { method: this.#method, url: this.#url, httpVersion: this.#httpVersion, headers };
    this.#state = 'done';
  }

  #failMalformed(what: string): void {
    this.#fail(invalid(`The request is malformed: ${what}`));
  }

  #fail(found: RequestFault): void {
    this.#fault = found;
    this.#state = 'done';
  }
}

/** `HTTP-version = "HTTP" "/" DIGIT "." DIGIT`, "case-sensitive" (RFC 9112 §2.3). */
function isVersion(text: string): boolean {
  return text.length === 8 && text.startsWith('HTTP/') && isDigit(text, 5) && text[6] === '.' && isDigit(text, 7);
}

function isDigit(text: string, index: number): boolean {
  const code = text.charCodeAt(index);
  return code >= 0x30 && code <= 0x39;
}

/**
 * RFC 9112 §3.2: the origin form for most, the absolute form from who takes us for a proxy, the authority form for CONNECT alone, `*` for OPTIONS alone. Of visible ASCII: what
 * is none has to be percent-encoded. A fragment should not be there; it is nobody's harm, and servers take it.
 */
function isTarget(method: string, target: string): boolean {
  for (let index = 0; index < target.length; index++) {
    const code = target.charCodeAt(index);
    if (code <= 0x20 || code >= 0x7f) return false;
  }
  if (method === 'CONNECT') return target !== '' && !target.includes('/') && !target.includes('?');
  return target.startsWith('/') || (target === '*' && method === 'OPTIONS') || isAbsolute(target);
}

function isAbsolute(target: string): boolean {
  const start = target.slice(0, 8).toLowerCase();
  return (start.startsWith('http://') && target.length > 7) || (start === 'https://' && target.length > 8);
}

/**
 * Finds out how the end of a request's body is told: RFC 9112 §6.3. Without a length there is none. What another recipient could read in another way is a fault, behind
 * which the connection is to be closed: a request could be hidden in it from one of the two.
 */
export function findRequestFraming({ httpVersion, headers }: HttpRequestHead): BodyFraming | RequestFault {
  const lengths = headers.getAll('content-length');
  if (!headers.has('transfer-encoding')) return findLength(lengths);
  // §6.1: a server "MAY reject a request that contains both". "A server or client that receives an HTTP/1.0 message containing a Transfer-Encoding header field MUST treat the
  // message as if the framing is faulty".
  if (lengths.length > 0) return invalid('The request has both Content-Length and Transfer-Encoding');
  if (httpVersion === '1.0') return invalid('Transfer-Encoding is not of HTTP/1.0');
  const codings = parseTokenList(headers.getAll('transfer-encoding'))?.map((coding) => coding.toLowerCase());
  // §6.3: "the message body length cannot be determined reliably; the server MUST respond with the 400". §7.1: "A sender MUST NOT apply chunked more than once".
  if (codings === undefined || codings.indexOf('chunked') !== codings.length - 1 || codings.length === 0) {
    return invalid('Transfer-Encoding does not end in chunked, once');
  }
  return codings.length === 1 ? 'chunked' : fault(501, 'ERR_WS_HANDSHAKE', 'The only transfer coding is chunked');
}

/** §6.3: a list of "the same decimal value" may be read as that value; anything else "is unrecoverable". */
function findLength(values: readonly string[]): number | RequestFault {
  let found: string | undefined;
  for (const value of values) {
    for (const element of value.split(',')) {
      // No `trim`: to that a vertical tab is white space, to other recipients it is not.
      const [, length] = /^[\t ]*([0-9]+)[\t ]*$/.exec(element) ?? [];
      if (length === undefined || (found !== undefined && length !== found)) {
        return invalid('Content-Length is malformed or repeated');
      }
      found = length;
    }
  }
  const length = Number(found ?? 0);
  if (Number.isSafeInteger(length)) return length;
  return fault(413, 'ERR_WS_HANDSHAKE', 'The content is too large');
}
