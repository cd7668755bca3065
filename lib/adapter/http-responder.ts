// A `Response` of the Fetch Standard as an HTTP/1.1 message: RFC 9112 §6 and §7. Its body is read only as fast as the peer takes it.

import type { Scheduler } from '../connection/context.ts';
import { markHandled } from '../connection/deferred.ts';
import { serializeResponse } from '../handshake/http-head.ts';
import type { HttpOutput } from './http-output.ts';

/** What a response answers, and how. */
export interface ResponderOptions {
  readonly method: string;
  /** As in `1.1`: who speaks 1.0 knows no chunks. */
  readonly httpVersion: string;
  /** Whether the connection goes on behind the response. Asked when its head is written. */
  readonly keepsAlive: () => boolean;
  readonly output: HttpOutput;
  readonly scheduler: Scheduler;
}

/** So much of a body is gathered before the head is written, to find out its length. */
const GATHERED = 64 * 1024;

type Bytes = Uint8Array;
type Read = ReadableStreamReadResult<Bytes>;

/** What was gathered of a body: all of it, or its beginning and the next read. */
interface Gathered {
  readonly chunks: readonly Bytes[];
  readonly size: number;
  readonly next: Promise<Read> | undefined;
}

/** How the end of the body is told. */
type Framing = { readonly length: number } | 'chunked' | 'until-end' | 'none';

const encoder = new TextEncoder();
const CRLF = encoder.encode('\r\n');
const LAST_CHUNK = encoder.encode('0\r\n\r\n');

/** Writes one response. */
export class HttpResponder {
  readonly #options: ResponderOptions;
  #reader: ReadableStreamDefaultReader<Bytes> | undefined;
  #hasBegun = false;
  #keepsAlive = false;
  #left = Number.POSITIVE_INFINITY;

  constructor(options: ResponderOptions) {
    this.#options = options;
  }

  /** Whether something was written: another response cannot be. */
  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /**
   * Writes the response. Rejects when it cannot be written, or its body fails.
   *
   * @returns Whether the connection can go on: it was said so in the head, and the whole response was written.
   */
  async send(response: Response): Promise<boolean> {
    const { method, output } = this.#options;
    const { status, body } = response;
    // Locked here: a body that was used already throws now.
    this.#reader = body?.getReader();
    try {
      if (!Number.isInteger(status) || status < 200 || status > 599) {
        throw new TypeError(
          `Cannot send a response with status ${String(status)}: it is not an integer from 200 to 599`,
        );
      }
      const given = readHeaders(response.headers);
      const hasBody = method !== 'HEAD' && status !== 204 && status !== 304;
      if (!hasBody) this.#cancel(new Error('The response has no body'));
      const gathered = hasBody ? await this.#gather() : { chunks: [], size: 0, next: undefined };
      const framing = hasBody ? this.#findFraming(gathered, given.length) : 'none';
      this.#keepsAlive = given.keepsAlive && framing !== 'until-end' && this.#options.keepsAlive();
      await this.#begin(status, this.#completeHeaders(status, given, framing), gathered, framing);
      if (gathered.next !== undefined) await this.#sendRest(gathered.next, framing);
      return this.#keepsAlive && !output.isClosed;
    } catch (error) {
      this.#cancel(error);
      throw error;
    }
  }

  /** The peer has gone: the body is read no more. */
  abort(reason: unknown): void {
    this.#cancel(reason);
  }

  // --- The head --------------------------------------------------------------------------------------------------------

  #completeHeaders(status: number, given: GivenHeaders, framing: Framing): [string, string][] {
    const headers = [...given.headers];
    if (!headers.some(([name]) => name === 'date')) headers.push(['date', httpDate()]);
    if (typeof framing === 'object') headers.push(['content-length', String(framing.length)]);
    else if (framing === 'chunked') headers.push(['transfer-encoding', 'chunked']);
    // To a HEAD, and with a 304, it is the length that a GET would have had. RFC 9110 §8.6: not with a 204.
    else if (framing === 'none' && status !== 204 && given.length !== undefined) {
      headers.push(['content-length', String(given.length)]);
    }
    const connection = [...(given.hasUpgrade ? ['upgrade'] : []), ...(this.#keepsAlive ? [] : ['close'])];
    if (connection.length > 0) headers.push(['connection', connection.join(', ')]);
    return headers;
  }

  #findFraming({ size, next }: Gathered, length: number | undefined): Framing {
    if (next === undefined && (length ?? size) !== size) throw wrongLength(length, size);
    if (length !== undefined && size > length) throw wrongLength(length, size);
    if (next === undefined) return { length: size };
    if (length !== undefined) return { length };
    return this.#options.httpVersion === '1.0' ? 'until-end' : 'chunked';
  }

  #begin(status: number, headers: [string, string][], { chunks, size }: Gathered, framing: Framing): Promise<void> {
    const pieces = [serializeResponse(status, headers, '')];
    this.#hasBegun = true;
    if (typeof framing === 'object') this.#left = framing.length - size;
    if (framing === 'chunked') for (const chunk of chunks) pieces.push(...toChunk(chunk));
    else pieces.push(...chunks);
    return this.#options.output.write(pieces);
  }

  // --- The body --------------------------------------------------------------------------------------------------------

  // A body of a string or of bytes is there at once, and its length is told. One that is not is begun with what is there when the turn ends: nobody waits for its end.
  async #gather(): Promise<Gathered> {
    const chunks: Bytes[] = [];
    let size = 0;
    if (this.#reader === undefined) return { chunks, size, next: undefined };
    const turn = new Promise<undefined>((resolve) => this.#options.scheduler.schedule(() => resolve(undefined)));
    for (;;) {
      // Its failure is met when it is awaited, which may be later.
      const next = markHandled(this.#reader.read());
      const read = await Promise.race([next, turn]);
      if (read?.done === true) return { chunks, size, next: undefined };
      if (read === undefined || size > GATHERED) return { chunks, size, next };
      const chunk = checkChunk(read.value);
      size += chunk.byteLength;
      if (chunk.byteLength > 0) chunks.push(chunk);
    }
  }

  async #sendRest(first: Promise<Read>, framing: Framing): Promise<void> {
    const { output } = this.#options;
    const reader = this.#reader as ReadableStreamDefaultReader<Bytes>;
    for (let next = first; ; next = reader.read()) {
      const { done, value } = await next;
      if (output.isClosed) return;
      if (done) break;
      const chunk = checkChunk(value);
      // An empty chunk would be the last one.
      if (chunk.byteLength === 0) continue;
      this.#left -= chunk.byteLength;
      if (this.#left < 0) throw new RangeError('The body of the response is longer than its Content-Length');
      await output.write(framing === 'chunked' ? toChunk(chunk) : [chunk]);
    }
    if (Number.isFinite(this.#left) && this.#left > 0) {
      throw new RangeError('The body of the response is shorter than its Content-Length');
    }
    if (framing === 'chunked') await output.write([LAST_CHUNK]);
  }

  #cancel(reason: unknown): void {
    this.#reader?.cancel(reason).catch(() => {});
  }
}

interface GivenHeaders {
  readonly headers: readonly [string, string][];
  readonly length: number | undefined;
  readonly keepsAlive: boolean;
  readonly hasUpgrade: boolean;
}

// What says how the connection goes on is ours to say (RFC 9110 §7.6.1), but for the wish to close it.
const ours: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'trailer',
]);

function readHeaders(given: Headers): GivenHeaders {
  const headers: [string, string][] = [];
  for (const [name, value] of given) if (!ours.has(name.toLowerCase())) headers.push([name, value]);
  const length = given.get('content-length') ?? undefined;
  if (length !== undefined && !(/^[0-9]+$/.test(length) && Number.isSafeInteger(Number(length)))) {
    throw new TypeError(
      `Cannot send a response with Content-Length ${JSON.stringify(length)}: it is no number of bytes`,
    );
  }
  const options = (given.get('connection') ?? '').toLowerCase().split(',');
  return {
    headers,
    length: length === undefined ? undefined : Number(length),
    keepsAlive: !options.some((option) => option.trim() === 'close'),
    hasUpgrade: given.has('upgrade'),
  };
}

function wrongLength(length: number | undefined, size: number): RangeError {
  return new RangeError(`The body of the response has ${size} bytes or more, its Content-Length is ${length}`);
}

function checkChunk(chunk: unknown): Bytes {
  if (chunk instanceof Uint8Array) return chunk;
  throw new TypeError('Cannot send the body of a response: a chunk is not a Uint8Array');
}

/** RFC 9112 §7.1. */
function toChunk(chunk: Bytes): Bytes[] {
  return [encoder.encode(`${chunk.byteLength.toString(16)}\r\n`), chunk, CRLF];
}

let dateSecond = Number.NaN;
let dateText = '';

/** RFC 9110 §6.6.1: "An origin server with a clock … MUST generate a Date header field in all 2xx, 3xx, and 4xx responses". It changes once a second. */
function httpDate(): string {
  const second = Math.floor(Date.now() / 1000);
  if (second !== dateSecond) {
    dateSecond = second;
    dateText = new Date(second * 1000).toUTCString();
  }
  return dateText;
}
