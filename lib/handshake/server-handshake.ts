// The server's side of the opening handshake: RFC 6455 §4.2, from the head of the request alone. A head comes in, an
// answer comes out: 101, or a refusal with its status. It knows no socket, no route and no extension; it parses which
// extensions the client offers, and negotiates none.
//
// The peer cannot make anything here throw: whatever a head holds is answered. What is wrong with the options is the
// caller's fault, and thrown when the rules are made.

import { type ErrorCode, HandshakeError } from '../error.ts';
import { type ExtensionOffer, parseExtensions } from '../extension/extension-header.ts';
import { type HandshakeLimits, resolveLimits } from '../limits.ts';
import { acceptKey, isValidKey } from './accept-key.ts';
import {
  checkHeader,
  HeaderFields,
  isFieldValue,
  isToken,
  parseTokenList,
  type RequestHead,
  serializeResponse,
} from './http-head.ts';
import { compileOriginRule, isHost, type OriginOptions, type OriginRule } from './origin.ts';
import { chooseSubprotocol, parseSubprotocols } from './subprotocol.ts';

/** What a server may choose about its opening handshakes. */
export interface ServerHandshakeOptions extends OriginOptions {
  /** The subprotocols that the server speaks, the most preferred first. None by default. */
  readonly subprotocols?: readonly string[];
  /** More header fields for the 101. None that the engine itself writes. */
  readonly headers?: Iterable<readonly [string, string]>;
  /** How large the head of a request may be. */
  readonly limits?: Partial<HandshakeLimits>;
}

/** What both answers have. */
interface Answer {
  readonly headers: readonly (readonly [string, string])[];
  /** The header fields of the request; empty when they were refused themselves. */
  readonly request: HeaderFields;
  /** The extensions that the client offers, by name. Empty in a refusal. */
  readonly offers: ReadonlyMap<string, readonly ExtensionOffer[]>;
}

/** The request is an opening handshake that is admitted. */
export interface AcceptedHandshake extends Answer {
  readonly status: 101;
  readonly body: '';
  readonly error?: undefined;
  /** The subprotocols that the client offers, the most preferred first. */
  readonly offeredSubprotocols: readonly string[];
  /** The subprotocol that was chosen, or '' when there is none. */
  readonly subprotocol: string;
}

/** The request is answered like any HTTP request, and the connection ends. */
export interface RefusedHandshake extends Answer {
  readonly status: number;
  /** One short line of plain text. */
  readonly body: string;
  readonly error: HandshakeError;
  readonly subprotocol: '';
}

/** The answer to a request; `error` tells which of the two it is. */
export type ServerHandshake = AcceptedHandshake | RefusedHandshake;

/**
 * The rules of one server, made once and applied to each request.
 *
 * @example
 * ```ts
 * const rules = new ServerHandshakeRules({ subprotocols: ['chat'], origins: ['https://*.example.com'] });
 * const handshake = rules.apply(head, socket.localAddress);
 * socket.write(serializeHandshake(handshake));
 * ```
 */
export class ServerHandshakeRules {
  readonly #subprotocols: readonly string[];
  readonly #headers: readonly (readonly [string, string])[];
  readonly #limits: HandshakeLimits;
  readonly #originRule: OriginRule;

  /**
   * @throws TypeError when a subprotocol is no token, a pattern of `origins` or `hosts` is malformed, a header cannot
   * be written or is the engine's own, or a limit does not exist; RangeError when a limit is out of its range.
   */
  constructor(options: ServerHandshakeOptions = {}) {
    this.#subprotocols = [...(options.subprotocols ?? [])];
    for (const name of this.#subprotocols) {
      if (typeof name === 'string' && isToken(name)) continue;
      throw new TypeError(`Cannot support subprotocol ${JSON.stringify(name)}: it is not a token`);
    }
    this.#headers = copyHeaders(options.headers ?? []);
    this.#limits = resolveLimits(options.limits);
    this.#originRule = compileOriginRule(options);
  }

  /**
   * Answers a request. Never throws.
   *
   * @param head The head of the request, as it came.
   * @param localAddress The IP address that the connection came in on: on a loopback address only loopback names are
   * admitted as Host, unless the option `hosts` says otherwise.
   * @param checksOrigin Whether the Origin rule is applied; not where somebody else decides on it.
   */
  apply(head: RequestHead, localAddress?: string, checksOrigin = true): ServerHandshake {
    const request = readRequest(head, this.#limits);
    if (isFault(request)) return refuseFault(request, new HeaderFields([]));
    const { fields } = request;
    for (const check of checks) {
      const found = check(request);
      if (found !== undefined) return refuseFault(found, fields);
    }
    const found = this.#checkAdmission(fields, localAddress, checksOrigin);
    if (found !== undefined) return refuseFault(found, fields);
    const offered = parseSubprotocols(fields.getAll('sec-websocket-protocol'));
    if (offered === undefined) return refuseFault(invalid('Sec-WebSocket-Protocol is malformed'), fields);
    const offers = parseExtensions(fields.getAll('sec-websocket-extensions'));
    if (offers === undefined) return refuseFault(invalid('Sec-WebSocket-Extensions is malformed'), fields);
    const accepted = this.#accept(fields, offered, offers);
    return withSubprotocol(accepted, chooseSubprotocol(offered, this.#subprotocols));
  }

  /**
   * RFC 6455 §4.2.2: "If the server does not wish to accept this connection, it MUST return an appropriate HTTP error
   * code (e.g., 403 Forbidden)". Host comes first: it is what Origin is compared with.
   */
  #checkAdmission(fields: HeaderFields, localAddress: string | undefined, checksOrigin: boolean): Fault | undefined {
    const host = fields.get('host') ?? '';
    const origins = fields.getAll('origin');
    if (!this.#originRule.checkHost(host, localAddress)) return fault(403, 'ERR_WS_HOST', 'The host is not admitted');
    if (origins.length > 1) return invalid('Origin is repeated');
    if (!checksOrigin || this.#originRule.checkOrigin(origins[0], host)) return undefined;
    return fault(403, 'ERR_WS_ORIGIN', 'The origin is not admitted');
  }

  #accept(
    request: HeaderFields,
    offeredSubprotocols: readonly string[],
    offers: ReadonlyMap<string, readonly ExtensionOffer[]>,
  ): AcceptedHandshake {
    const headers: (readonly [string, string])[] = [
      ['Upgrade', 'websocket'],
      ['Connection', 'Upgrade'],
      ['Sec-WebSocket-Accept', acceptKey(request.get('sec-websocket-key') ?? '')],
      ...this.#headers,
    ];
    return { status: 101, headers, body: '', subprotocol: '', offeredSubprotocols, offers, request };
  }
}

/**
 * The same answer with that subprotocol. RFC 6455 §4.2.2: "either a single value representing the subprotocol the server is ready to use or null. The value
 * chosen MUST be derived from the client's handshake"; without one the header field is absent.
 *
 * @throws RangeError when the client has not offered it.
 */
export function withSubprotocol(handshake: AcceptedHandshake, subprotocol: string): AcceptedHandshake {
  if (subprotocol !== '' && !handshake.offeredSubprotocols.includes(subprotocol)) {
    throw new RangeError(`Cannot choose the subprotocol ${JSON.stringify(subprotocol)}: the client has not offered it`);
  }
  const headers = handshake.headers.filter(([name]) => name !== 'Sec-WebSocket-Protocol');
  if (subprotocol !== '') headers.push(['Sec-WebSocket-Protocol', subprotocol]);
  return { ...handshake, headers, subprotocol };
}

/**
 * Makes a refusal, so that one of a hook or an adapter (a 401, or a 503 with Retry-After) looks like the engine's own.
 *
 * @param message One short line for the peer, which is also the message of the error: no internals.
 * @param headers More header fields. A Content-Type takes the place of the one for plain text.
 * @param request The header fields of the request, where they are known.
 * @param body The body, where it is not the message.
 * @throws RangeError when `status` is not from 300 to 599; TypeError when a header cannot be written or is the
 * engine's own.
 */
export function refuse(
  status: number,
  code: ErrorCode,
  message: string,
  headers: Iterable<readonly [string, string]> = [],
  request: HeaderFields = new HeaderFields([]),
  body = `${message}\n`,
): RefusedHandshake {
  if (!Number.isInteger(status) || status < 300 || status > 599) {
    throw new RangeError(`Cannot refuse a handshake with status ${status}: it is not an integer from 300 to 599`);
  }
  const more = copyHeaders(headers, 'sec-websocket-version');
  const all: (readonly [string, string])[] = [];
  // RFC 9110 §15.5.22: "The server MUST send an Upgrade header field in a 426 response to indicate the required
  // protocol(s)". §7.8: "A sender of Upgrade MUST also send an "Upgrade" connection option in the Connection header
  // field". The connection is closed after it as after any refusal, which is the option "close" (RFC 9112 §9.6).
  if (status === 426) all.push(['Upgrade', 'websocket'], ['Connection', 'Upgrade, close']);
  else all.push(['Connection', 'close']);
  if (!more.some(([name]) => name.toLowerCase() === 'content-type')) {
    all.push(['Content-Type', 'text/plain; charset=utf-8']);
  }
  all.push(['Content-Length', String(new TextEncoder().encode(body).byteLength)], ...more);
  const error = new HandshakeError(code, message, status);
  return { status, headers: all, body, error, subprotocol: '', offers: new Map(), request };
}

/** Writes the answer as bytes: the head of the 101, or a refusal with its body. */
export function serializeHandshake(handshake: ServerHandshake): Uint8Array {
  return serializeResponse(handshake.status, handshake.headers, handshake.body);
}

/** A request whose head has been read once and is of legal characters and size. */
interface CheckedRequest {
  readonly method: string;
  readonly httpVersion: string;
  readonly fields: HeaderFields;
}

/** What is wrong with a request, before it is made an answer. */
interface Fault {
  readonly status: number;
  readonly code: ErrorCode;
  readonly message: string;
  readonly headers: readonly (readonly [string, string])[];
}

function fault(
  status: number,
  code: ErrorCode,
  message: string,
  headers: readonly (readonly [string, string])[] = [],
): Fault {
  return { status, code, message, headers };
}

/** RFC 6455 §4.2.1: "return an HTTP response with an appropriate error code (such as 400 Bad Request)". */
function invalid(message: string): Fault {
  return fault(400, 'ERR_WS_HANDSHAKE', message);
}

function refuseFault({ status, code, message, headers }: Fault, request: HeaderFields): RefusedHandshake {
  return refuse(status, code, message, headers, request);
}

function isFault(value: CheckedRequest | Fault): value is Fault {
  return 'status' in value;
}

/** Reads each member of the head once. The types are checked too: a head may be made by hand. */
function readRequest(head: RequestHead, limits: HandshakeLimits): CheckedRequest | Fault {
  try {
    const { method, url, httpVersion = '1.1', headers } = head;
    if (typeof method !== 'string' || typeof url !== 'string' || typeof httpVersion !== 'string') {
      return invalid('The request line is malformed');
    }
    const pairs = collectPairs(headers, url.length, limits);
    if (!Array.isArray(pairs)) return pairs;
    if (!isToken(method) || !isTarget(url)) return invalid('The request line is malformed');
    if (!pairs.every(([name, value]) => isToken(name) && isFieldValue(value))) {
      return invalid('A header field is malformed');
    }
    return { method, httpVersion, fields: new HeaderFields(pairs) };
  } catch {
    // `headers` is no iterable, or one that throws.
    return invalid('The head is malformed');
  }
}

/** Stops at the first field over a limit, before anything is done that costs more than its length. */
function collectPairs(
  headers: Iterable<unknown>,
  urlLength: number,
  limits: HandshakeLimits,
): [string, string][] | Fault {
  const pairs: [string, string][] = [];
  const tooLarge = fault(431, 'ERR_WS_HEAD_TOO_LARGE', 'The head of the request is too large');
  let size = urlLength;
  if (size > limits.maxHeadSize) return tooLarge;
  for (const pair of headers) {
    if (pairs.length === limits.maxHeaders) return tooLarge;
    const [name, value]: unknown[] = Array.isArray(pair) ? pair : [];
    if (typeof name !== 'string' || typeof value !== 'string') return invalid('A header field is malformed');
    size += name.length + value.length;
    if (size > limits.maxHeadSize) return tooLarge;
    pairs.push([name, value]);
  }
  return pairs;
}

/** The request target is not empty and has no white space and no control character, which could end the line. */
function isTarget(url: string): boolean {
  for (let index = 0; index < url.length; index++) {
    const code = url.charCodeAt(index);
    if (code <= 0x20 || code === 0x7f) return false;
  }
  return url.length > 0;
}

/** The rules of RFC 6455 §4.2.1 and HTTP, in the order in which they are applied. */
const checks: readonly ((request: CheckedRequest) => Fault | undefined)[] = [
  checkHttpVersion,
  checkMethod,
  checkHostField,
  checkUpgrade,
  checkConnection,
  checkNoContent,
  checkVersion,
  checkKey,
];

/** §4.2.1 (1): "An HTTP/1.1 or higher GET request". Higher is 1.2; HTTP/2 has another handshake (RFC 8441). */
function checkHttpVersion({ httpVersion }: CheckedRequest): Fault | undefined {
  return /^1\.[1-9]$/.test(httpVersion) ? undefined : invalid('The version of HTTP must be 1.1');
}

/** RFC 9110 §15.5.6: "The origin server MUST generate an Allow header field in a 405 response". */
function checkMethod({ method }: CheckedRequest): Fault | undefined {
  if (method === 'GET') return undefined;
  return fault(405, 'ERR_WS_HANDSHAKE', 'The method must be GET', [['Allow', 'GET']]);
}

/**
 * RFC 9112 §3.2: "A server MUST respond with a 400 (Bad Request) status code to any HTTP/1.1 request message that lacks
 * a Host header field and to any request message that contains more than one Host header field line or a Host header
 * field with an invalid field value."
 */
function checkHostField({ fields }: CheckedRequest): Fault | undefined {
  const [host, ...others] = fields.getAll('host');
  if (host !== undefined && others.length === 0 && isHost(host)) return undefined;
  return invalid('Host is missing, repeated or malformed');
}

/**
 * §4.2.1 (3): "An |Upgrade| header field containing the value "websocket", treated as an ASCII case-insensitive value."
 * Without it this is a request that would be good on another resource: 426 says what is needed here.
 */
function checkUpgrade({ fields }: CheckedRequest): Fault | undefined {
  const protocols = parseTokenList(fields.getAll('upgrade'));
  if (protocols === undefined) return invalid('Upgrade is malformed');
  if (protocols.some((protocol) => protocol.toLowerCase() === 'websocket')) return undefined;
  return fault(426, 'ERR_WS_HANDSHAKE', 'An upgrade to websocket is required');
}

/** §4.2.1 (4): "A |Connection| header field that includes the token "Upgrade"", in any case. */
function checkConnection({ fields }: CheckedRequest): Fault | undefined {
  const options = parseTokenList(fields.getAll('connection'));
  return options?.some((option) => option.toLowerCase() === 'upgrade')
    ? undefined
    : invalid('Connection must list upgrade');
}

/**
 * An opening handshake has no content. If a proxy took what follows the head for content and we for frames, or the
 * other way round, requests could be smuggled past it. Content-Type alone announces no content.
 */
function checkNoContent({ fields }: CheckedRequest): Fault | undefined {
  const isEmpty = fields.getAll('content-length').every((length) => /^0+$/.test(length));
  return isEmpty && !fields.has('transfer-encoding') ? undefined : invalid('The request must not have content');
}

/**
 * §4.2.2 (4): "If this version does not match a version understood by the server, the server MUST … send an appropriate
 * HTTP error code (such as 426 Upgrade Required) and a |Sec-WebSocket-Version| header field indicating the version(s)
 * the server is capable of understanding." §11.3.5: it "MUST NOT appear more than once in an HTTP request".
 */
function checkVersion({ fields }: CheckedRequest): Fault | undefined {
  const [version, ...others] = fields.getAll('sec-websocket-version');
  const supported: readonly (readonly [string, string])[] = [['Sec-WebSocket-Version', '13']];
  // A comma: two fields that somebody before us has joined.
  if (version === undefined || others.length > 0 || version.includes(',')) {
    return fault(400, 'ERR_WS_HANDSHAKE', 'Sec-WebSocket-Version is missing or repeated', supported);
  }
  if (version === '13') return undefined;
  return fault(426, 'ERR_WS_VERSION', 'Sec-WebSocket-Version must be 13', supported);
}

/** §4.2.1 (5), and §11.3.1: it "MUST NOT appear more than once in an HTTP request". */
function checkKey({ fields }: CheckedRequest): Fault | undefined {
  const [key, ...others] = fields.getAll('sec-websocket-key');
  if (key !== undefined && others.length === 0 && isValidKey(key)) return undefined;
  return invalid('Sec-WebSocket-Key is missing, repeated or malformed');
}

/** Header fields that say how the connection goes on: nobody but the engine writes them. So too Sec-WebSocket-*. */
const ownHeaders: ReadonlySet<string> = new Set(['upgrade', 'connection', 'content-length', 'transfer-encoding']);

/** Copies and checks header fields of the caller. `except` is one of the engine's own that is let pass. */
function copyHeaders(
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
