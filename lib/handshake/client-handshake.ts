// The client's side of the opening handshake: RFC 6455 §4.1. The bytes of the request come out, the bytes of the response go in, and an outcome is there as
// soon as it is known. It knows no socket, no URL and no random source.
//
// The peer cannot make anything here throw: whatever it sends has an outcome. What is wrong with the options is the caller's fault, and thrown at once.

import { HandshakeError } from '../error.ts';
import type { Extension } from '../extension/extension.ts';
import {
  type AgreedExtension,
  checkExtensions,
  confirmExtensions,
  offerExtensions,
} from '../extension/extension-negotiation.ts';
import { type HandshakeLimits, resolveLimits } from '../limits.ts';
import { acceptKey, encodeBase64 } from './accept-key.ts';
import { copyHeaders, HeaderFields, isToken, parseTokenList, serializeRequest } from './http-head.ts';
import { HttpResponse } from './http-response.ts';
import { isHost } from './origin.ts';

/** What a client asks for. */
export interface ClientHandshakeOptions {
  /** The value of Host: a name or an IP literal, and the port where it is not the default one of the scheme. */
  readonly host: string;
  /** The request target: RFC 6455 §3's resource name, from the first slash on, with the query and without a fragment, percent-encoded. */
  readonly path: string;
  /** 16 bytes of a strong random source, fresh for each handshake: RFC 6455 §4.1 (7), "a nonce consisting of a randomly selected 16-byte value". */
  readonly key: Uint8Array;
  /** The subprotocols that are offered, the most preferred first. None by default. */
  readonly subprotocols?: readonly string[];
  /** Whether the server must choose one where some are offered, as WHATWG has it. RFC 6455 leaves that to the server. Default: false. */
  readonly requiresSubprotocol?: boolean;
  /** The extensions that are offered. None by default. */
  readonly extensions?: readonly Extension[];
  /** The value of Origin. None by default: RFC 6455 §4.1 (8) has a browser send it. */
  readonly origin?: string;
  /** More header fields, several of a name too. None that the engine itself writes; one Host takes the place of `host`. */
  readonly headers?: Iterable<readonly [string, string]>;
  /** How large the head of the response may be. */
  readonly limits?: Partial<HandshakeLimits>;
}

/** The connection is a WebSocket. */
export interface AcceptedByServer {
  readonly accepted: true;
  /** The subprotocol that the server has chosen, or '' when there is none. */
  readonly subprotocol: string;
  /** The extensions that were agreed on, in the order of the response: what is sent goes through the first first. */
  readonly extensions: readonly AgreedExtension[];
  /** The header fields of the response. */
  readonly headers: HeaderFields;
  /** What came behind the head, the first frames: a view on the chunk that was pushed last. */
  readonly rest: Uint8Array;
}

/** The connection is none. */
export interface RefusedByServer {
  readonly accepted: false;
  /** With the status, the header fields and the first 64 KiB of the body, as far as they came. */
  readonly error: HandshakeError;
}

export type ClientHandshakeOutcome = AcceptedByServer | RefusedByServer;

/**
 * One opening handshake. RFC 6455 §4.1: "Once the client's opening handshake has been sent, the client MUST wait for a response from the server before
 * sending any further data."
 *
 * @example
 * ```ts
 * const handshake = new ClientHandshake({ host: 'example.com', path: '/chat', key: crypto.getRandomValues(new Uint8Array(16)) });
 * socket.write(handshake.request());
 * for await (const chunk of socket) {
 *   handshake.push(chunk);
 *   if (handshake.outcome !== undefined) break;
 * }
 * handshake.end(); // does nothing when there is an outcome
 * ```
 */
export class ClientHandshake {
  readonly #request: Uint8Array;
  readonly #accept: string;
  readonly #subprotocols: readonly string[];
  readonly #requiresSubprotocol: boolean;
  readonly #offered: readonly Extension[];
  readonly #response: HttpResponse;
  #outcome: ClientHandshakeOutcome | undefined;

  /**
   * @throws TypeError when `host`, `path` or `origin` cannot be written, the key is no Uint8Array, a subprotocol is no token or is there twice, extensions
   * cannot be installed together, a header cannot be written or is the engine's own, or a limit does not exist; RangeError when the key is not 16 bytes long
   * or a limit is out of its range.
   */
  constructor(options: ClientHandshakeOptions) {
    const key = encodeKey(options.key);
    this.#accept = acceptKey(key);
    this.#subprotocols = checkSubprotocols(options.subprotocols ?? []);
    this.#requiresSubprotocol = options.requiresSubprotocol ?? false;
    // One that has nothing to offer now was not asked for, whatever the server says.
    this.#offered = checkExtensions(options.extensions ?? []).filter((extension) => extension.offer().length > 0);
    this.#response = new HttpResponse({ limits: resolveLimits(options.limits) });
    const headers = makeHeaders(options, key, this.#subprotocols, offerExtensions(this.#offered));
    this.#request = serializeRequest(checkPath(options.path), headers);
  }

  /** The bytes of the request, which has no body. They are the caller's. */
  request(): Uint8Array {
    return this.#request.slice();
  }

  /** How the handshake has ended; undefined while it has not. */
  get outcome(): ClientHandshakeOutcome | undefined {
    return this.#outcome;
  }

  /**
   * Takes the next bytes from the server. After a refusal they are not looked at. The chunk may be used again after the call, unless it is the one that ends in
   * {@link AcceptedByServer.rest}.
   *
   * @throws Error when the handshake was accepted: those bytes are frames, and must not be lost.
   */
  push(chunk: Uint8Array): void {
    if (this.#outcome?.accepted === false) return;
    this.#response.push(chunk);
    if (this.#response.isDone) this.#outcome = this.#judge();
  }

  /** The transport has ended, or is not waited for any longer: there is an outcome afterwards. */
  end(): void {
    if (this.#outcome !== undefined) return;
    this.#response.end();
    this.#outcome = this.#judge();
  }

  #judge(): ClientHandshakeOutcome {
    const { status, headers, body, fault } = this.#response;
    // A response that is done without a whole head has a fault.
    if (headers === undefined) return { accepted: false, error: fault as HandshakeError };
    if (status !== 101) return refuseStatus(status, headers, body, fault);
    const found = findFault(headers, this.#accept) ?? this.#findSubprotocolFault(headers);
    if (found !== undefined) return refuse(found, headers);
    try {
      const extensions = this.#confirmExtensions(headers.getAll('sec-websocket-extensions'));
      if (extensions === undefined) {
        return refuse('Sec-WebSocket-Extensions is malformed, repeated, or not what was offered', headers);
      }
      const subprotocol = headers.get('sec-websocket-protocol') ?? '';
      return { accepted: true, subprotocol, extensions, headers, rest: this.#response.rest };
    } catch (cause) {
      // An extension of the caller's has thrown, which it must not: the handshake shall have an outcome nevertheless.
      return refuse('An extension failed on Sec-WebSocket-Extensions', headers, { cause });
    }
  }

  /**
   * §4.1: "If the response includes a |Sec-WebSocket-Protocol| header field and this header field indicates the use of a subprotocol that was not
   * present in the client's handshake (the server has indicated a subprotocol not requested by the client), the client MUST _Fail the WebSocket
   * Connection_." §11.3.4: it "MUST NOT appear more than once in an HTTP response".
   */
  #findSubprotocolFault(headers: HeaderFields): string | undefined {
    const [chosen, ...others] = headers.getAll('sec-websocket-protocol');
    if (others.length > 0) return 'Sec-WebSocket-Protocol is repeated';
    if (chosen !== undefined) {
      return this.#subprotocols.includes(chosen) ? undefined : 'The server chose a subprotocol that was not offered';
    }
    // WHATWG WebSockets, "establish a WebSocket connection": "If protocols is not the empty list and …Sec-WebSocket-Protocol… results in null, failure,
    // or the empty byte sequence, then fail the WebSocket connection."
    const isMissing = this.#requiresSubprotocol && this.#subprotocols.length > 0;
    return isMissing ? 'The server chose none of the subprotocols' : undefined;
  }

  /**
   * §4.1: "If the response includes a |Sec-WebSocket-Extensions| header field and this header field indicates the use of an extension that was not
   * present in the client's handshake …, the client MUST _Fail the WebSocket Connection_." §9.1 has it fail for what does not conform to the grammar too,
   * and by §11.3.2 the field "MUST NOT appear more than once in an HTTP response".
   */
  #confirmExtensions(values: readonly string[]): AgreedExtension[] | undefined {
    return values.length > 1 ? undefined : confirmExtensions(this.#offered, values);
  }
}

/** The rules of RFC 6455 §4.1 for a 101, in the order in which they are applied. What was offered is not looked at. */
function findFault(headers: HeaderFields, accept: string): string | undefined {
  return checkUpgrade(headers) ?? checkConnection(headers) ?? checkAccept(headers, accept) ?? checkNoContent(headers);
}

/**
 * "If the response lacks an |Upgrade| header field or the |Upgrade| header field contains a value that is not an ASCII case-insensitive match for the value
 * "websocket", the client MUST _Fail the WebSocket Connection_."
 */
function checkUpgrade(headers: HeaderFields): string | undefined {
  return headers.get('upgrade')?.toLowerCase() === 'websocket' ? undefined : 'Upgrade is not websocket';
}

/**
 * "If the response lacks a |Connection| header field or the |Connection| header field doesn't contain a token that is an ASCII case-insensitive match for the
 * value "Upgrade", the client MUST _Fail the WebSocket Connection_."
 */
function checkConnection(headers: HeaderFields): string | undefined {
  const options = parseTokenList(headers.getAll('connection'));
  const isListed = options?.some((option) => option.toLowerCase() === 'upgrade') ?? false;
  return isListed ? undefined : 'Connection does not list upgrade';
}

/**
 * "If the response lacks a |Sec-WebSocket-Accept| header field or the |Sec-WebSocket-Accept| contains a value other than the base64-encoded SHA-1 of the
 * concatenation of the |Sec-WebSocket-Key| … with the string "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" but ignoring any leading and trailing whitespace, the
 * client MUST _Fail the WebSocket Connection_." §11.3.3: it "MUST NOT appear more than once in an HTTP response".
 */
function checkAccept(headers: HeaderFields, accept: string): string | undefined {
  const [value, ...others] = headers.getAll('sec-websocket-accept');
  return value === accept && others.length === 0 ? undefined : 'Sec-WebSocket-Accept is missing, repeated or wrong';
}

/**
 * RFC 9112 §6.1: "A server MUST NOT send a Transfer-Encoding header field in any response with a status code of 1xx", and RFC 9110 §8.6 says the same of
 * Content-Length. What stands between us may take what follows for content, and we for frames. Only a length of 0 says nothing else.
 */
function checkNoContent(headers: HeaderFields): string | undefined {
  const isEmpty = headers.getAll('content-length').every((length) => /^0+$/.test(length));
  return isEmpty && !headers.has('transfer-encoding') ? undefined : 'A 101 must not have content';
}

/** The 101 breaks a rule. */
function refuse(message: string, headers: HeaderFields, details?: { cause: unknown }): RefusedByServer {
  const error = new HandshakeError('ERR_WS_RESPONSE_INVALID', message, 101, { headers: [...headers], ...details });
  return { accepted: false, error };
}

/**
 * "If the status code received from the server is not 101, the client handles the response per HTTP [RFC2616] procedures." That is the caller's business: the
 * error has all of it. A body that was malformed is the `cause`, and does not hide the status.
 */
function refuseStatus(
  status: number,
  headers: HeaderFields,
  body: Uint8Array,
  fault: HandshakeError | undefined,
): RefusedByServer {
  const details = { headers: [...headers], body, ...(fault && { cause: fault }) };
  const message = `The server answered with status ${status} instead of 101`;
  return { accepted: false, error: new HandshakeError('ERR_WS_NOT_UPGRADED', message, status, details) };
}

/** §4.1 (7): "The value of this header field MUST be a nonce consisting of a randomly selected 16-byte value that has been base64-encoded". */
function encodeKey(key: Uint8Array): string {
  if (!(key instanceof Uint8Array)) throw new TypeError('Cannot open a handshake: the key is not a Uint8Array');
  if (key.byteLength !== 16) {
    throw new RangeError(`Cannot open a handshake: the key has ${key.byteLength} bytes, not 16`);
  }
  return encodeBase64(key);
}

/** RFC 6455 §3: the resource name begins with "/"; "Fragment identifiers are meaningless in the context of WebSocket URIs and MUST NOT be used". */
function checkPath(path: string): string {
  if (typeof path === 'string' && /^\/[!"$-~]*$/.test(path)) return path;
  throw new TypeError(`Cannot request ${JSON.stringify(path)}: it is not a path in ASCII without spaces and "#"`);
}

/** §4.1 (10): the elements "MUST be non-empty strings with characters in the range U+0021 to U+007E … and MUST all be unique strings." */
function checkSubprotocols(names: readonly string[]): readonly string[] {
  if (!Array.isArray(names)) throw new TypeError('Cannot offer subprotocols: they are no array');
  const offered = new Set<unknown>();
  for (const name of names as readonly unknown[]) {
    if (typeof name !== 'string' || !isToken(name)) {
      throw new TypeError(`Cannot offer subprotocol ${JSON.stringify(name)}: it is not a token`);
    }
    if (offered.has(name)) throw new TypeError(`Cannot offer subprotocol "${name}" twice`);
    offered.add(name);
  }
  return [...names];
}

/** The header fields of the request in the order in which they are written. */
function makeHeaders(
  options: ClientHandshakeOptions,
  key: string,
  subprotocols: readonly string[],
  extensions: string,
): [string, string][] {
  const own = copyHeaders(options.headers ?? []);
  const headers: [string, string][] = [
    ['Host', chooseHost(options.host, own)],
    ['Upgrade', 'websocket'],
    ['Connection', 'Upgrade'],
    ['Sec-WebSocket-Key', key],
    ['Sec-WebSocket-Version', '13'],
  ];
  if (subprotocols.length > 0) headers.push(['Sec-WebSocket-Protocol', subprotocols.join(', ')]);
  if (extensions !== '') headers.push(['Sec-WebSocket-Extensions', extensions]);
  if (options.origin !== undefined) headers.push(['Origin', chooseOrigin(options.origin, own)]);
  for (const [name, value] of own) if (name.toLowerCase() !== 'host') headers.push([name, value]);
  return headers;
}

/** RFC 9112 §3.2: "A client MUST send a Host header field in all HTTP/1.1 request messages", and not more than one. */
function chooseHost(host: string, own: readonly (readonly [string, string])[]): string {
  const [chosen = host, ...others] = new HeaderFields(own).getAll('host');
  if (others.length > 0) throw new TypeError('Cannot write header "Host" twice');
  if (typeof chosen === 'string' && isHost(chosen)) return chosen;
  throw new TypeError(`Cannot write header "Host": ${JSON.stringify(chosen)} is not a host`);
}

function chooseOrigin(origin: string, own: readonly (readonly [string, string])[]): string {
  if (new HeaderFields(own).has('origin')) throw new TypeError('Cannot write header "Origin" twice');
  return origin;
}
