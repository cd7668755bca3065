// The server's side of the opening handshake: RFC 6455 §4.2, from the head of the request alone. A head comes in, an
// answer comes out: 101, or a refusal with its status. It knows no socket and no route; what an extension's parameters mean is
// the extension's business.
//
// The peer cannot make anything here throw: whatever a head holds is answered. What is wrong with the options is the
// caller's fault, and thrown when the rules are made.

import { type ErrorCode, HandshakeError } from '../error.ts';
import type { Extension } from '../extension/extension.ts';
import { type ExtensionOffer, parseExtensions } from '../extension/extension-header.ts';
import {
  type AgreedExtension,
  acceptExtensions,
  checkExtensions,
  formatExtensions,
} from '../extension/extension-negotiation.ts';
import { type HandshakeLimits, resolveLimits } from '../limits.ts';
import { acceptKey } from './accept-key.ts';
import { copyHeaders, HeaderFields, isToken, type RequestHead, serializeResponse } from './http-head.ts';
import { checkRequest, fault, invalid, isFault, type RequestFault } from './opening-request.ts';
import { compileOriginRule, type OriginOptions, type OriginRule } from './origin.ts';
import { chooseSubprotocol, parseSubprotocols } from './subprotocol.ts';

/** What a server may choose about its opening handshakes. */
export interface ServerHandshakeOptions extends OriginOptions {
  /** The subprotocols that the server speaks, the most preferred first. None by default. */
  readonly subprotocols?: readonly string[];
  /** The extensions that are installed: a connection has those that its client offers in a way that they accept. What is sent goes through the first first. None by default. */
  readonly extensions?: readonly Extension[];
  /** More header fields for the 101. None that the engine itself writes. */
  readonly headers?: Iterable<readonly [string, string]>;
  /** How large the head of a request may be. */
  readonly limits?: Partial<HandshakeLimits>;
}

/** What both answers have. */
export interface HandshakeAnswer {
  /** The header fields of the answer, in their order. */
  readonly headers: readonly (readonly [string, string])[];
  /** The header fields of the request; empty when they were refused themselves. */
  readonly request: HeaderFields;
  /** The extensions that the client offers, by name. Empty in a refusal. */
  readonly offers: ReadonlyMap<string, readonly ExtensionOffer[]>;
  /** The extensions that were agreed on. None in a refusal. */
  readonly extensions: readonly AgreedExtension[];
}

/** The request is an opening handshake that is admitted. */
export interface AcceptedHandshake extends HandshakeAnswer {
  /** 101 Switching Protocols (RFC 6455 §4.2.2). */
  readonly status: 101;
  /** There is none: what follows are frames. */
  readonly body: '';
  /** There is none. */
  readonly error?: undefined;
  /** The subprotocols that the client offers, the most preferred first. */
  readonly offeredSubprotocols: readonly string[];
  /** The subprotocol that was chosen, or '' when there is none. */
  readonly subprotocol: string;
}

/** The request is answered like any HTTP request, and the connection ends. */
export interface RefusedHandshake extends HandshakeAnswer {
  /** The HTTP status, 300 to 599. */
  readonly status: number;
  /** One short line of plain text. */
  readonly body: string;
  /** Why it was refused. */
  readonly error: HandshakeError;
  /** There is none. */
  readonly subprotocol: '';
}

/** The answer to a request; `error` tells which of the two it is. */
export type ServerHandshake = AcceptedHandshake | RefusedHandshake;

const NO_EXTENSIONS: readonly AgreedExtension[] = [];

/**
 * The rules of one server, made once and applied to each request.
 *
 * @example
 * const rules = new ServerHandshakeRules({ subprotocols: ['chat'], origins: ['https://*.example.com'] });
 * const upgrade = new WebSocketUpgrade(head, { rules }, handler);
 */
export class ServerHandshakeRules {
  readonly #subprotocols: readonly string[];
  readonly #extensions: readonly Extension[];
  readonly #headers: readonly (readonly [string, string])[];
  readonly #limits: HandshakeLimits;
  readonly #originRule: OriginRule;

  /**
   * @throws TypeError when a subprotocol is no token, extensions cannot be installed together, a pattern of `origins` or `hosts` is malformed, a header cannot
   * be written or is the engine's own, or a limit does not exist; RangeError when a limit is out of its range.
   */
  constructor(options: ServerHandshakeOptions = {}) {
    this.#subprotocols = [...(options.subprotocols ?? [])];
    for (const name of this.#subprotocols) {
      if (typeof name === 'string' && isToken(name)) continue;
      throw new TypeError(`Cannot support subprotocol ${JSON.stringify(name)}: it is not a token`);
    }
    this.#extensions = checkExtensions(options.extensions ?? []);
    this.#headers = copyHeaders(options.headers ?? []);
    this.#limits = resolveLimits(options.limits);
    this.#originRule = compileOriginRule(options);
  }

  /**
   * Answers a request. Throws nothing but what an extension of the caller's throws.
   *
   * @param head The head of the request, as it came.
   * @param localAddress The IP address that the connection came in on: on a loopback address only loopback names are
   * admitted as Host, unless the option `hosts` says otherwise.
   * @param checksOrigin Whether the Origin rule is applied; not where somebody else decides on it.
   */
  apply(head: RequestHead, localAddress?: string, checksOrigin = true): ServerHandshake {
    const request = checkRequest(head, this.#limits);
    if (isFault(request)) return refuseFault(request, request.fields ?? new HeaderFields([]));
    const { fields } = request;
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
  #checkAdmission(
    fields: HeaderFields,
    localAddress: string | undefined,
    checksOrigin: boolean,
  ): RequestFault | undefined {
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
    const extensions = this.#extensions.length === 0 ? NO_EXTENSIONS : acceptExtensions(this.#extensions, offers);
    const headers: (readonly [string, string])[] = [
      ['Upgrade', 'websocket'],
      ['Connection', 'Upgrade'],
      ['Sec-WebSocket-Accept', acceptKey(request.get('sec-websocket-key') ?? '')],
      ...this.#headers,
    ];
    if (extensions.length > 0) headers.push(['Sec-WebSocket-Extensions', formatExtensions(extensions)]);
    return { status: 101, headers, body: '', subprotocol: '', offeredSubprotocols, offers, extensions, request };
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
  if (subprotocol === handshake.subprotocol) return handshake;
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
  return { status, headers: all, body, error, subprotocol: '', offers: new Map(), extensions: [], request };
}

/** Writes the answer as bytes: the head of the 101, or a refusal with its body. */
export function serializeHandshake(handshake: ServerHandshake): Uint8Array {
  return serializeResponse(handshake.status, handshake.headers, handshake.body);
}

function refuseFault({ status, code, message, headers }: RequestFault, request: HeaderFields): RefusedHandshake {
  return refuse(status, code, message, headers, request);
}
