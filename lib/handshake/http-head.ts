// The head of an HTTP message as the handshake needs it: what a request's head looks like to us, its header fields, the
// lists in them, and the bytes of both. RFC 9110 §5 and §7.8, RFC 9112 §2 to §5. No URL and no socket here: an
// adapter has parsed the request, or a `head` is made by hand.
//
// A character of a field is one byte (latin1), as every runtime hands headers over: bytes over 0x7F pass unharmed.

import { isToken } from '../extension/extension-header.ts';

export { isToken };

/** The head of a request as an adapter hands it over. */
export interface RequestHead {
  /** As written: `GET` of an opening handshake (RFC 6455 §4.2.1). */
  readonly method: string;
  /** The request target, as written. */
  readonly url: string;
  /** As in `1.1`, which is the default. */
  readonly httpVersion?: string;
  /** All fields in their order, as they came: repeated ones repeated, not joined. */
  readonly headers: Iterable<readonly [string, string]>;
}

/**
 * The header fields of a head, in their order, never changed. Names are found in any case (RFC 9110 §5.1).
 *
 * @example
 * const fields = new HeaderFields([['Set-Cookie', 'a=1'], ['set-cookie', ' b=2 ']]);
 * fields.get('SET-COOKIE'); // 'a=1, b=2'
 * fields.getAll('set-cookie'); // ['a=1', 'b=2']
 */
export class HeaderFields implements Iterable<readonly [string, string]> {
  // Names and values in turn, and no table of them: a session keeps them for as long as it lives, and they are looked through a few times at its beginning.
  readonly #fields: readonly string[];

  /**
   * @param pairs Names and values. White space around a value is dropped (RFC 9110 §5.5: "a field parsing
   * implementation MUST exclude such whitespace prior to evaluating the field value").
   */
  constructor(pairs: Iterable<readonly [string, string]>) {
    const fields: string[] = [];
    for (const [name, value] of pairs) fields.push(name, trim(value, 0, value.length));
    // A copy has no room for more.
    this.#fields = fields.slice();
  }

  /** How many fields there are, repeated ones counted. */
  get size(): number {
    return this.#fields.length / 2;
  }

  /** The values of all fields of that name, joined by `, ` (RFC 9110 §5.3), or undefined when there is none. */
  get(name: string): string | undefined {
    const values = this.getAll(name);
    return values.length === 0 ? undefined : values.join(', ');
  }

  /** The values of all fields of that name, in their order. */
  getAll(name: string): readonly string[] {
    const key = name.toLowerCase();
    const values: string[] = [];
    for (let index = this.#find(key, 0); index >= 0; index = this.#find(key, index + 2)) {
      values.push(this.#fields[index + 1] as string);
    }
    return values;
  }

  /** Whether there is a field of that name. */
  has(name: string): boolean {
    return this.#find(name.toLowerCase(), 0) >= 0;
  }

  *[Symbol.iterator](): IterableIterator<readonly [string, string]> {
    const fields = this.#fields;
    for (let index = 0; index < fields.length; index += 2) {
      yield [fields[index] as string, fields[index + 1] as string];
    }
  }

  /** Where the next field of that name is, from there on; -1 where there is none. */
  #find(key: string, from: number): number {
    const fields = this.#fields;
    for (let index = from; index < fields.length; index += 2) {
      const name = fields[index] as string;
      if (name === key || (name.length === key.length && name.toLowerCase() === key)) return index;
    }
    return -1;
  }
}

/**
 * Whether `text` may be the value of a field. RFC 9110 §5.5: "Field values containing CR, LF, or NUL characters are
 * invalid and dangerous, due to the varying ways that implementations might parse and interpret those characters".
 * Other control characters are let pass, as the same section allows.
 */
export function isFieldValue(text: string): boolean {
  return !text.includes('\r') && !text.includes('\n') && !text.includes('\0');
}

/**
 * Parses the values of all fields of one name, such as Connection or Upgrade, as one list of tokens. An element may
 * also be `name/version`, as in Upgrade (RFC 9110 §7.8). Empty elements are skipped (§5.6.1.2).
 *
 * @returns The elements as written, or undefined when one is no token.
 */
export function parseTokenList(values: readonly string[]): string[] | undefined {
  const elements: string[] = [];
  for (const value of values) {
    for (let start = 0; start < value.length; ) {
      const comma = value.indexOf(',', start);
      const end = comma < 0 ? value.length : comma;
      const element = trim(value, start, end);
      if (element !== '') {
        if (!isProtocol(element)) return undefined;
        elements.push(element);
      }
      start = end + 1;
    }
  }
  return elements;
}

/**
 * Reads a line of a head (RFC 9112 §5): `field-line = field-name ":" OWS field-value OWS`. §5.1: "No whitespace is allowed between the field name and
 * colon." A line that begins with white space goes on with the value before it (§5.2, obs-fold); what is one value to one recipient is two to another, so it is
 * refused too: what stands before the colon is no token.
 *
 * @returns The name, and the value with the white space around it; undefined when the line is malformed.
 */
export function parseFieldLine(text: string): readonly [string, string] | undefined {
  const colon = text.indexOf(':');
  const name = text.slice(0, Math.max(0, colon));
  return isToken(name) ? [name, text.slice(colon + 1)] : undefined;
}

/**
 * Checks a header field that is to be written.
 *
 * @throws TypeError when the name is no token, or the value has CR, LF or NUL or is no text of bytes: a character over
 * U+00FF cut to a byte could become one of them.
 */
export function checkHeader(name: string, value: string): void {
  if (typeof name !== 'string' || !isToken(name)) {
    throw new TypeError(`Cannot write header ${JSON.stringify(name)}: the name is not a token`);
  }
  if (typeof value !== 'string' || !isFieldValue(value) || !isLatin1(value)) {
    throw new TypeError(`Cannot write header "${name}": the value is not a string of bytes without CR, LF and NUL`);
  }
}

/** Header fields that say how the connection goes on: nobody but the engine writes them. So too Sec-WebSocket-*. */
const ownHeaders: ReadonlySet<string> = new Set(['upgrade', 'connection', 'content-length', 'transfer-encoding']);

/**
 * Copies and checks header fields of the caller. `except` is one of the engine's own that is let pass.
 *
 * @throws TypeError when one cannot be written, see {@link checkHeader}, or is the engine's own.
 */
export function copyHeaders(
  headers: Iterable<readonly [string, string]>,
  except?: string,
): readonly (readonly [string, string])[] {
  return Array.from(headers, ([name, value]) => {
    checkHeader(name, value);
    const key = name.toLowerCase();
    if (key !== except && (ownHeaders.has(key) || key.startsWith('sec-websocket-'))) {
      throw new TypeError(`Cannot write header "${name}": the engine writes it itself`);
    }
    return [name, value] as const;
  });
}

/**
 * Writes the head of a request (RFC 9112 §3), each character as one byte.
 *
 * @param target The request target, which the caller has checked.
 * @throws TypeError when a header cannot be written; see {@link checkHeader}.
 */
export function serializeRequest(
  target: string,
  headers: Iterable<readonly [string, string]>,
  method: 'GET' | 'CONNECT' = 'GET',
): Uint8Array {
  const head = formatHead(`${method} ${target} HTTP/1.1`, headers);
  return toLatin1(head);
}

/**
 * Writes an HTTP/1.1 response (RFC 9112 §4 to §6): its head, each character as one byte, and `body` as UTF-8. It adds
 * no field: Content-Length is the caller's.
 *
 * @throws TypeError when a header cannot be written; see {@link checkHeader}.
 */
export function serializeResponse(
  status: number,
  headers: Iterable<readonly [string, string]>,
  body: string,
): Uint8Array {
  const head = formatHead(`HTTP/1.1 ${status} ${reasonPhrases.get(status) ?? 'Unknown'}`, headers);
  if (body === '') return toLatin1(head);
  const content = new TextEncoder().encode(body);
  const bytes = new Uint8Array(head.length + content.byteLength);
  bytes.set(toLatin1(head));
  bytes.set(content, head.length);
  return bytes;
}

function formatHead(startLine: string, headers: Iterable<readonly [string, string]>): string {
  let head = `${startLine}\r\n`;
  for (const [name, value] of headers) {
    checkHeader(name, value);
    head += `${name}: ${value}\r\n`;
  }
  return `${head}\r\n`;
}

/** The bytes of a text in which a character is one byte. */
export function toLatin1(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let index = 0; index < text.length; index++) bytes[index] = text.charCodeAt(index);
  return bytes;
}

/** RFC 9110 §15. A client ignores them (RFC 9112 §4), people who look at the wire do not. */
const reasonPhrases: ReadonlyMap<number, string> = new Map([
  [101, 'Switching Protocols'],
  [200, 'OK'],
  [201, 'Created'],
  [202, 'Accepted'],
  [204, 'No Content'],
  [206, 'Partial Content'],
  [301, 'Moved Permanently'],
  [302, 'Found'],
  [303, 'See Other'],
  [304, 'Not Modified'],
  [307, 'Temporary Redirect'],
  [308, 'Permanent Redirect'],
  [400, 'Bad Request'],
  [401, 'Unauthorized'],
  [403, 'Forbidden'],
  [404, 'Not Found'],
  [405, 'Method Not Allowed'],
  [408, 'Request Timeout'],
  [409, 'Conflict'],
  [410, 'Gone'],
  [413, 'Content Too Large'],
  [415, 'Unsupported Media Type'],
  [417, 'Expectation Failed'],
  [426, 'Upgrade Required'],
  [429, 'Too Many Requests'],
  [431, 'Request Header Fields Too Large'],
  [500, 'Internal Server Error'],
  [501, 'Not Implemented'],
  [502, 'Bad Gateway'],
  [503, 'Service Unavailable'],
  [505, 'HTTP Version Not Supported'],
]);

/** `protocol = protocol-name [ "/" protocol-version ]`, both tokens. */
function isProtocol(element: string): boolean {
  const slash = element.indexOf('/');
  return slash < 0 ? isToken(element) : isToken(element.slice(0, slash)) && isToken(element.slice(slash + 1));
}

function isLatin1(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    if (text.charCodeAt(index) > 0xff) return false;
  }
  return true;
}

/** A part of `text` without the optional white space (RFC 9110 §5.6.3: SP and HTAB) around it. */
function trim(text: string, start: number, end: number): string {
  let from = start;
  let to = end;
  while (from < to && isSpace(text, from)) from += 1;
  while (from < to && isSpace(text, to - 1)) to -= 1;
  return text.slice(from, to);
}

function isSpace(text: string, index: number): boolean {
  return text[index] === ' ' || text[index] === '\t';
}
