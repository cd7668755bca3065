// The head of an opening handshake's request against the rules of RFC 6455 §4.2.1 and of HTTP: the part of them that holds for every server. Never throws, whatever a head holds.

import type { ErrorCode } from '../error.ts';
import type { HandshakeLimits } from '../limits.ts';
import { isValidKey } from './accept-key.ts';
import { HeaderFields, isFieldValue, isToken, parseTokenList, type RequestHead } from './http-head.ts';
import { isHost } from './origin.ts';

/** A request whose head has been read once and is of legal characters and size. */
export interface CheckedRequest {
  readonly method: string;
  readonly httpVersion: string;
  readonly fields: HeaderFields;
}

/** What is wrong with a request, before it is made an answer. */
export interface RequestFault {
  readonly status: number;
  readonly code: ErrorCode;
  readonly message: string;
  readonly headers: readonly (readonly [string, string])[];
  /** The header fields of the request, where they could be read. */
  readonly fields?: HeaderFields;
}

/** Makes one. */
export function fault(
  status: number,
  code: ErrorCode,
  message: string,
  headers: readonly (readonly [string, string])[] = [],
): RequestFault {
  return { status, code, message, headers };
}

/** RFC 6455 §4.2.1: "return an HTTP response with an appropriate error code (such as 400 Bad Request)". */
export function invalid(message: string): RequestFault {
  return fault(400, 'ERR_WS_HANDSHAKE', message);
}

export function isFault(value: CheckedRequest | RequestFault): value is RequestFault {
  return 'status' in value;
}

/**
 * Reads the head of a request and holds it against the rules: RFC 6455 §4.2.1. What the server itself decides on (host, origin, subprotocol, extensions) is not looked at.
 */
export function checkRequest(head: RequestHead, limits: HandshakeLimits): CheckedRequest | RequestFault {
  const request = readRequest(head, limits);
  if (isFault(request)) return request;
  for (const check of checks) {
    const found = check(request);
    if (found !== undefined) return { ...found, fields: request.fields };
  }
  return request;
}

/** Reads each member of the head once. The types are checked too: a head may be made by hand. */
function readRequest(head: RequestHead, limits: HandshakeLimits): CheckedRequest | RequestFault {
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
    return { method, httpVersion, fields: headers instanceof HeaderFields ? headers : new HeaderFields(pairs) };
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
): [string, string][] | RequestFault {
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
const checks: readonly ((request: CheckedRequest) => RequestFault | undefined)[] = [
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
function checkHttpVersion({ httpVersion }: CheckedRequest): RequestFault | undefined {
  return /^1\.[1-9]$/.test(httpVersion) ? undefined : invalid('The version of HTTP must be 1.1');
}

/** RFC 9110 §15.5.6: "The origin server MUST generate an Allow header field in a 405 response". */
function checkMethod({ method }: CheckedRequest): RequestFault | undefined {
  if (method === 'GET') return undefined;
  return fault(405, 'ERR_WS_HANDSHAKE', 'The method must be GET', [['Allow', 'GET']]);
}

/**
 * RFC 9112 §3.2: "A server MUST respond with a 400 (Bad Request) status code to any HTTP/1.1 request message that lacks
 * a Host header field and to any request message that contains more than one Host header field line or a Host header
 * field with an invalid field value."
 */
function checkHostField({ fields }: CheckedRequest): RequestFault | undefined {
  const [host, ...others] = fields.getAll('host');
  if (host !== undefined && others.length === 0 && isHost(host)) return undefined;
  return invalid('Host is missing, repeated or malformed');
}

/**
 * §4.2.1 (3): "An |Upgrade| header field containing the value "websocket", treated as an ASCII case-insensitive value."
 * Without it this is a request that would be good on another resource: 426 says what is needed here.
 */
function checkUpgrade({ fields }: CheckedRequest): RequestFault | undefined {
  const protocols = parseTokenList(fields.getAll('upgrade'));
  if (protocols === undefined) return invalid('Upgrade is malformed');
  if (protocols.some((protocol) => protocol.toLowerCase() === 'websocket')) return undefined;
  return fault(426, 'ERR_WS_HANDSHAKE', 'An upgrade to websocket is required');
}

/** §4.2.1 (4): "A |Connection| header field that includes the token "Upgrade"", in any case. */
function checkConnection({ fields }: CheckedRequest): RequestFault | undefined {
  const options = parseTokenList(fields.getAll('connection'));
  return options?.some((option) => option.toLowerCase() === 'upgrade')
    ? undefined
    : invalid('Connection must list upgrade');
}

/**
 * An opening handshake has no content. If a proxy took what follows the head for content and we for frames, or the
 * other way round, requests could be smuggled past it. Content-Type alone announces no content.
 */
function checkNoContent({ fields }: CheckedRequest): RequestFault | undefined {
  const isEmpty = fields.getAll('content-length').every((length) => /^0+$/.test(length));
  return isEmpty && !fields.has('transfer-encoding') ? undefined : invalid('The request must not have content');
}

/**
 * §4.2.2 (4): "If this version does not match a version understood by the server, the server MUST … send an appropriate
 * HTTP error code (such as 426 Upgrade Required) and a |Sec-WebSocket-Version| header field indicating the version(s)
 * the server is capable of understanding." §11.3.5: it "MUST NOT appear more than once in an HTTP request".
 */
function checkVersion({ fields }: CheckedRequest): RequestFault | undefined {
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
function checkKey({ fields }: CheckedRequest): RequestFault | undefined {
  const [key, ...others] = fields.getAll('sec-websocket-key');
  if (key !== undefined && others.length === 0 && isValidKey(key)) return undefined;
  return invalid('Sec-WebSocket-Key is missing, repeated or malformed');
}
