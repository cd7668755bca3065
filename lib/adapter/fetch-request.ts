// The head of a request as a `Request` of the Fetch Standard.

import type { HttpRequestHead } from '../handshake/http-request.ts';
import { fault, invalid, type RequestFault } from '../handshake/opening-request.ts';
import { isHost } from '../handshake/origin.ts';
import type { TlsFacts } from '../job/session.ts';

/** What is known of the connection of a request. */
export interface FetchInfo {
  /** The address that the peer has connected to, where the runtime tells it. */
  readonly localAddress?: string;
  /** The address of the peer, where the runtime tells it. */
  readonly remoteAddress?: string;
  /** What is known of the TLS below. Left out without TLS. */
  readonly tls?: TlsFacts;
}

/** Answers the requests that are no upgrades. One that throws is answered with 500, and its error goes to the user context. */
export type Fetch = (request: Request, info: FetchInfo) => Response | Promise<Response>;

// The Fetch Standard forbids the first three ("a forbidden method"), and takes the others in any case, while HTTP tells them apart (RFC 9110 §9.1).
const forbidden: ReadonlySet<string> = new Set(['CONNECT', 'TRACE', 'TRACK']);
const normalized: ReadonlySet<string> = new Set(['DELETE', 'GET', 'HEAD', 'OPTIONS', 'POST', 'PUT']);

/** Whether a `Request` of that method may have a body. */
export function mayHaveBody(method: string): boolean {
  return method !== 'GET' && method !== 'HEAD';
}

/**
 * Finds the URL of a request: RFC 9112 §3.3. Its host is the one of an absolute target, else that of Host.
 *
 * @param scheme `http` or `https`, as the connection is.
 */
export function findUrl(head: HttpRequestHead, scheme: 'http' | 'https'): string | RequestFault {
  const { method, url, httpVersion, headers } = head;
  const upper = method.toUpperCase();
  if (forbidden.has(upper) || (upper !== method && normalized.has(upper))) {
    return fault(501, 'ERR_WS_HANDSHAKE', 'The method is not implemented');
  }
  const [host, ...others] = headers.getAll('host');
  // RFC 9112 §3.2: HTTP/1.1 has it once. Before, it could be left out.
  if (host === undefined ? httpVersion !== '1.0' : others.length > 0 || !isHost(host)) {
    return invalid('Host is missing, repeated or malformed');
  }
  const origin = `${scheme}://${host ?? 'localhost'}`;
  return (
    parseUrl(url === '*' ? origin : url.startsWith('/') ? `${origin}${url}` : url) ?? invalid('The URL is malformed')
  );
}

function parseUrl(text: string): string | undefined {
  try {
    const { href, username, password } = new URL(text);
    // RFC 9110 §4.2.4: userinfo "might be used to obscure the authority". A Request refuses it too.
    return username === '' && password === '' ? href : undefined;
  } catch {
    return undefined;
  }
}

/** Makes the `Request`. Of a method that may have no body it has none. */
export function createRequest(
  head: HttpRequestHead,
  url: string,
  body: ReadableStream<Uint8Array> | null,
  signal: AbortSignal,
): Request {
  const headers = new Headers();
  for (const [name, value] of head.headers) headers.append(name, value);
  const init = { method: head.method, headers, signal, ...(body === null ? undefined : { body, duplex: 'half' }) };
  return new Request(url, init as RequestInit);
}
