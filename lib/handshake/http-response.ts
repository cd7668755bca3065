// The response to an opening handshake as bytes: RFC 9112 §2 to §7. A push parser: chunks come in, cut anywhere, and what they are is there as soon as it is
// known. Each byte is looked at a bounded number of times; all that is kept is under a limit, and nothing throws for what a peer sends.
//
// It ends where HTTP does: behind the head of a 101, or with the body of any other response. 1xx responses before it are passed over.

import { toPlainBytes } from '../bytes/plain-bytes.ts';
import { type ErrorCode, HandshakeError } from '../error.ts';
import type { HandshakeLimits } from '../limits.ts';
import { findBodyFraming, HttpBody } from './http-body.ts';
import { HeaderFields, parseFieldLine } from './http-head.ts';
import { HttpLine } from './http-line.ts';

/** What a response is read by. */
export interface HttpResponseOptions {
  /** They hold over the heads of all responses together, those that are passed over included. Sizes are of all bytes up to the empty line. */
  readonly limits: Pick<HandshakeLimits, 'maxHeadSize' | 'maxHeaders'>;
  /** What was asked: any 2xx to a CONNECT ends HTTP, as a 101 to a GET does (RFC 9112 §6.3). Default: GET. */
  readonly method?: 'GET' | 'CONNECT';
}

type State = 'status-line' | 'fields' | 'body' | 'done';

const EMPTY = new Uint8Array(0);

/** A response that is being received. */
export class HttpResponse {
  readonly #maxHeaders: number;
  readonly #method: 'GET' | 'CONNECT';
  readonly #line: HttpLine;

  #state: State = 'status-line';
  #status = 0;
  #pairs: (readonly [string, string])[] = [];
  #fieldCount = 0;
  #headers: HeaderFields | undefined;
  #content: HttpBody | undefined;
  #body: Uint8Array = EMPTY;
  #isSwitched = false;
  #rest: Uint8Array = EMPTY;
  #fault: HandshakeError | undefined;

  constructor(options: HttpResponseOptions) {
    this.#maxHeaders = options.limits.maxHeaders;
    this.#method = options.method ?? 'GET';
    this.#line = new HttpLine(options.limits.maxHeadSize);
  }

  /** The status of the response that is being read; 0 while no status line has come. */
  get status(): number {
    return this.#status;
  }

  /** The header fields, once the head is whole. */
  get headers(): HeaderFields | undefined {
    return this.#headers;
  }

  /** The first 64 KiB of the body, once {@link isDone}. */
  get body(): Uint8Array {
    return this.#body;
  }

  /** Whether there is more of the body than {@link body}, or may be. RFC 9112 §8: a client "MUST record the message as incomplete". */
  get isCut(): boolean {
    return this.#content?.isCut ?? false;
  }

  /** Whether HTTP has ended on this connection: the bytes that follow belong to the protocol that was asked for. */
  get isSwitched(): boolean {
    return this.#isSwitched;
  }

  /** What came behind the head, when {@link isSwitched}: a view on the chunk that was pushed last. */
  get rest(): Uint8Array {
    return this.#rest;
  }

  /** What is wrong with the response, once something is. It has what came before it: of the head as many fields, of the body as many bytes. */
  get fault(): HandshakeError | undefined {
    return this.#fault;
  }

  /** Whether nothing more is waited for. */
  get isDone(): boolean {
    return this.#state === 'done';
  }

  /**
   * Reads the next chunk. After the end it is not looked at. The chunk may be used again after the call, unless it is the one that ends in {@link rest}.
   *
   * @throws Error when {@link isSwitched}: those bytes are no HTTP, and must not be lost.
   */
  push(chunk: Uint8Array): void {
    if (this.#isSwitched) throw new Error('Cannot push a chunk: what comes behind the response is no HTTP');
    let position = 0;
    while (position < chunk.byteLength && this.#isInHead) position = this.#readLine(chunk, position);
    if (this.#isSwitched && position < chunk.byteLength) this.#rest = toPlainBytes(chunk).subarray(position);
    if (this.#state !== 'body') return;
    this.#content?.read(chunk, position);
    if (this.#content?.isDone) this.#finishBody();
  }

  /** The transport has ended: no more will come. */
  end(): void {
    if (this.#isInHead) {
      this.#fail('ERR_WS_RESPONSE_INCOMPLETE', 'The transport ended before the head of the response was whole');
    } else if (this.#state === 'body') {
      this.#content?.end();
      this.#finishBody();
    }
  }

  get #isInHead(): boolean {
    return this.#state === 'status-line' || this.#state === 'fields';
  }

  #readLine(chunk: Uint8Array, position: number): number {
    const end = this.#line.read(chunk, position);
    const text = this.#line.take();
    if (text !== undefined) this.#takeLine(text);
    else if (this.#line.fault === 'too-large') this.#failTooLarge();
    else if (this.#line.fault !== undefined) this.#failMalformed('a line has NUL, or CR or LF without the other');
    return end;
  }

  #takeLine(text: string): void {
    if (this.#state === 'status-line') this.#takeStatusLine(text);
    else if (text === '') this.#finishHead();
    else this.#takeField(text);
  }

  /**
   * RFC 9112 §4: `status-line = HTTP-version SP status-code SP [ reason-phrase ]`; the last space is often left out. "A client SHOULD ignore the
   * reason-phrase content". HTTP/1.0 knows no Upgrade: such an answer is a fault too, which tells its status. CONNECT is older: many proxies answer it so.
   */
  #takeStatusLine(text: string): void {
    const [, minor, status] = /^HTTP\/1\.([01]) ([1-9][0-9]{2})(?: .*)?$/s.exec(text) ?? [];
    this.#status = Number(status ?? 0);
    if (minor === '1' || (minor === '0' && this.#method === 'CONNECT')) this.#state = 'fields';
    else this.#failMalformed('its first line is no status line of HTTP/1.1');
  }

  /** A user agent shall still unfold a line that begins with white space (RFC 9112 §5.2); but it is obsolete, and refused here: see {@link parseFieldLine}. */
  #takeField(text: string): void {
    if (this.#fieldCount === this.#maxHeaders) {
      this.#failTooLarge();
      return;
    }
    this.#fieldCount += 1;
    const pair = parseFieldLine(text);
    if (pair === undefined) this.#failMalformed('a header field is malformed');
    else this.#pairs.push(pair);
  }

  #finishHead(): void {
    if (this.#status < 200 && this.#status !== 101) {
      this.#skipInterim();
      return;
    }
    const headers = new HeaderFields(this.#pairs);
    this.#headers = headers;
    if (this.#status === 101 || (this.#method === 'CONNECT' && this.#status < 300)) {
      this.#isSwitched = true;
      this.#state = 'done';
      return;
    }
    const framing = findBodyFraming(this.#status, headers);
    if (framing === undefined) {
      this.#failMalformed('the length of its body cannot be told');
      return;
    }
    this.#content = new HttpBody(framing);
    this.#state = this.#content.isDone ? 'done' : 'body';
  }

  /** RFC 9110 §15.2: "A client MUST be able to parse one or more 1xx responses received prior to a final response". */
  #skipInterim(): void {
    this.#status = 0;
    this.#pairs = [];
    this.#state = 'status-line';
  }

  #finishBody(): void {
    this.#body = this.#content?.take() ?? EMPTY;
    const fault = this.#content?.fault;
    if (fault === undefined) this.#state = 'done';
    else this.#failMalformed(fault);
  }

  #failTooLarge(): void {
    this.#fail('ERR_WS_HEAD_TOO_LARGE', 'The head of the response is too large');
  }

  #failMalformed(what: string): void {
    this.#fail('ERR_WS_RESPONSE_MALFORMED', `The response is malformed: ${what}`);
  }

  #fail(code: ErrorCode, message: string): void {
    const headers = [...(this.#headers ?? new HeaderFields(this.#pairs))];
    this.#fault = new HandshakeError(code, message, this.#status, { headers, body: this.#body });
    this.#state = 'done';
  }
}
