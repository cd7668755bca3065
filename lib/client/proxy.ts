// The proxy that a client goes through, from a URL: where it is, and who asks it.
//
// RFC 6455 §4.1 (3): "If the user agent is configured to use a proxy when using the WebSocket Protocol to connect to host /host/ and port /port/, then the user
// agent SHOULD connect to that proxy and ask it to open a TCP connection to the host given by /host/ and the port given by /port/." So a proxy of HTTP is asked
// for a tunnel (CONNECT) for `ws:` too: what only passes requests on knows no Upgrade.

import { copyHeaders } from '../handshake/http-head.ts';
import { type HeadersInit, toBasic, toPairs } from './connect.ts';
import { decode } from './target.ts';

/** A proxy, and what it is told besides. */
export interface ProxyInit {
  /** `http:`, `https:` (TLS to the proxy), `socks5:` (names are resolved here) or `socks5h:` (by the proxy); a user in it is told to the proxy alone. */
  readonly url: string | URL;
  /** Proxies of HTTP: more header fields of the CONNECT, such as `Proxy-Authorization`. */
  readonly headers?: HeadersInit;
}

/** What is known of a proxy. */
export interface ClientProxy {
  readonly kind: 'http' | 'socks5';
  /** Whether it is spoken to over TLS. */
  readonly isSecure: boolean;
  /** SOCKS: whether it is given addresses only. */
  readonly resolvesHere: boolean;
  /** The name or address to connect to; of an IPv6 address without brackets. */
  readonly host: string;
  readonly port: number;
  /** As it is named in messages: without credentials. */
  readonly href: string;
  readonly credentials: { readonly name: string; readonly password: string } | undefined;
  /** HTTP: the header fields of the CONNECT behind `Host`, credentials among them. */
  readonly headers: readonly (readonly [string, string])[];
}

interface Scheme extends Pick<ClientProxy, 'kind' | 'isSecure' | 'resolvesHere'> {
  readonly port: number;
}

// RFC 1928 §3: "The SOCKS service is conventionally located on TCP port 1080."
const schemes: ReadonlyMap<string, Scheme> = new Map([
  ['http:', { kind: 'http', isSecure: false, resolvesHere: false, port: 80 }],
  ['https:', { kind: 'http', isSecure: true, resolvesHere: false, port: 443 }],
  ['socks5:', { kind: 'socks5', isSecure: false, resolvesHere: true, port: 1080 }],
  ['socks5h:', { kind: 'socks5', isSecure: false, resolvesHere: false, port: 1080 }],
]);

/**
 * Reads the option.
 *
 * @throws TypeError when it names no proxy that can be used: an empty text too, since a proxy that was meant is never passed by.
 */
export function parseProxy(init: string | URL | ProxyInit): ClientProxy {
  const { url, headers } = typeof init === 'object' && init !== null && 'url' in init ? init : { url: init };
  const parsed = parseUrl(url);
  const scheme = schemes.get(parsed.protocol);
  if (scheme === undefined) throw refuse(url, 'its scheme is not http, https, socks5 or socks5h');
  if (!/^\/?$/.test(parsed.pathname) || /[?#]/.test(String(url)))
    throw refuse(url, 'it has a path, a query or a fragment');
  const { kind, isSecure, resolvesHere } = scheme;
  const hostname = parseHost(parsed, url);
  const port = parsed.port === '' ? scheme.port : Number(parsed.port);
  const credentials = readCredentials(parsed, url, kind);
  if (kind !== 'http' && headers !== undefined) throw refuse(url, 'a proxy of SOCKS is sent no header fields');
  return {
    kind,
    isSecure,
    resolvesHere,
    host: hostname.replace(/^\[|\]$/g, ''),
    port,
    href: `${parsed.protocol}//${hostname}:${port}`,
    credentials,
    headers: kind === 'http' ? withCredentials(checkHeaders(headers ?? []), credentials) : [],
  };
}

function parseUrl(url: unknown): URL {
  try {
    return new URL(url as string | URL);
  } catch {
    throw refuse(url, 'it is no URL');
  }
}

// The grammar of URLs looks closely at the hosts of its own schemes only; SOCKS is none of them.
function parseHost({ hostname }: URL, url: unknown): string {
  try {
    return new URL(`http://${hostname}`).hostname;
  } catch {
    throw refuse(url, 'it has no host');
  }
}

// RFC 7617 §2: "a user-id containing a colon character is invalid". RFC 1929 §2: the lengths of UNAME and PASSWD are one octet each. It has both of "1 to 255" octets; a user
// without a password is let pass, as there are proxies that know their users by a token.
function readCredentials(
  { username, password }: URL,
  url: unknown,
  kind: ClientProxy['kind'],
): ClientProxy['credentials'] {
  if (username === '' && password === '') return undefined;
  const [name, secret] = [decode(username), decode(password)];
  if (name === undefined || secret === undefined || !canBeTold(kind, name, secret)) {
    throw refuse(url, 'its credentials are malformed');
  }
  return { name, password: secret };
}

function canBeTold(kind: ClientProxy['kind'], name: string, password: string): boolean {
  if (kind === 'http') return !name.includes(':');
  return name !== '' && [name, password].every((text) => new TextEncoder().encode(text).byteLength < 256);
}

function checkHeaders(headers: HeadersInit): readonly (readonly [string, string])[] {
  const pairs = copyHeaders(toPairs(headers));
  const isHost = ([name]: readonly [string, string]): boolean => name.toLowerCase() === 'host';
  if (pairs.some(isHost)) throw new TypeError('Cannot write header "Host" of a CONNECT: the engine writes it itself');
  return pairs;
}

// RFC 9110 §11.7.2, RFC 7617: what the URL says of a user, unless a header says it.
function withCredentials(
  headers: readonly (readonly [string, string])[],
  credentials: ClientProxy['credentials'],
): readonly (readonly [string, string])[] {
  if (credentials === undefined) return headers;
  if (headers.some(([name]) => name.toLowerCase() === 'proxy-authorization')) return headers;
  return [...headers, ['Proxy-Authorization', toBasic(`${credentials.name}:${credentials.password}`)]];
}

// Errors are logged: credentials are no part of them, in whatever form they were written.
function refuse(url: unknown, why: string): TypeError {
  const shown = JSON.stringify(String(url).replace(/^.*@/s, '…@'));
  return new TypeError(`Cannot use proxy ${shown}: ${why}`);
}
