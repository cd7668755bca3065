// Where a client connects to, from a URL: RFC 6455 §3. `http:` and `https:` stand for `ws:` and `wss:` (WHATWG), `ws+unix:` and `wss+unix:` name a socket of the file system.

/** What a URL says. */
export interface Target {
  /** The URL as it is understood: `ws:` or `wss:`, without credentials. */
  readonly href: string;
  readonly isSecure: boolean;
  /** The name or address to connect to; of an IPv6 address without brackets. */
  readonly host: string;
  readonly port: number;
  /** The path of a unix domain socket, instead of host and port. */
  readonly socketPath: string | undefined;
  /** What the field Host says: RFC 6455 §4.1 (4): "/host/ plus optionally ":" followed by /port/ (when not using the default port)". */
  readonly authority: string;
  /** RFC 6455 §3: "the path component", "/" where it is empty, and the query. */
  readonly path: string;
  /** What the URL says of a user: `name:password`; undefined when nothing. */
  readonly credentials: string | undefined;
}

const secureSchemes: ReadonlyMap<string, boolean> = new Map([
  ['ws:', false],
  ['http:', false],
  ['ws+unix:', false],
  ['wss:', true],
  ['https:', true],
  ['wss+unix:', true],
]);

/**
 * @param base What a relative reference is resolved against: the URL that was redirected.
 * @throws TypeError when it is no URL that one can connect to. RFC 6455 §3: "Fragment identifiers are meaningless in the context of WebSocket URIs and MUST NOT be used on these URIs."
 */
export function parseTarget(url: string | URL, base?: string): Target {
  const parsed = parseUrl(url, base);
  const isSecure = secureSchemes.get(parsed.protocol);
  if (isSecure === undefined)
    throw new TypeError(`Cannot connect to ${quote(url)}: its scheme is not ws, wss, http or https`);
  if (String(url).includes('#')) throw new TypeError(`Cannot connect to ${quote(url)}: it has a fragment`);
  if (parsed.protocol.endsWith('+unix:')) return { ...readSocketPath(parsed, url), isSecure, credentials: undefined };
  const credentials = readCredentials(parsed, url);
  parsed.protocol = isSecure ? 'wss:' : 'ws:';
  parsed.username = '';
  parsed.password = '';
  return {
    href: parsed.href,
    isSecure,
    host: parsed.hostname.replace(/^\[|\]$/g, ''),
    port: Number(parsed.port || (isSecure ? 443 : 80)),
    socketPath: undefined,
    authority: parsed.host,
    path: `${parsed.pathname}${parsed.search}`,
    credentials,
  };
}

function parseUrl(url: string | URL, base: string | undefined): URL {
  try {
    return new URL(url, base);
  } catch {
    throw new TypeError(`Cannot connect to ${quote(url)}: it is no URL`);
  }
}

// RFC 7617 §2: "a user-id containing a colon character is invalid"; "The user-id and password MUST NOT contain any control characters".
function readCredentials({ username, password }: URL, url: string | URL): string | undefined {
  if (username === '' && password === '') return undefined;
  const [name, secret] = [decode(username), decode(password)];
  if (name !== undefined && secret !== undefined && !name.includes(':')) return `${name}:${secret}`;
  throw new TypeError(`Cannot connect to ${quote(url)}: its credentials are malformed`);
}

/** Decodes a part of a URL. Undefined when it is not the encoding of a text, or has control characters. */
export function decode(text: string): string | undefined {
  try {
    const decoded = decodeURIComponent(text);
    return /\p{Cc}/u.test(decoded) ? undefined : decoded;
  } catch {
    return undefined;
  }
}

// `ws+unix:/run/app.sock:/chat?room=1`: the path of the socket, and behind the first colon that of the resource.
function readSocketPath(
  parsed: URL,
  url: string | URL,
): Pick<Target, 'href' | 'host' | 'port' | 'socketPath' | 'authority' | 'path'> {
  if (parsed.host !== '') {
    throw new TypeError(`Cannot connect to ${quote(url)}: it has a host, as if it were no path of a socket`);
  }
  const whole = `${parsed.pathname}${parsed.search}`;
  const colon = whole.indexOf(':');
  const socketPath = decode(colon < 0 ? parsed.pathname : whole.slice(0, colon));
  if (socketPath === undefined || socketPath === '' || socketPath === '/')
    throw new TypeError(`Cannot connect to ${quote(url)}: it names no socket`);
  const path = colon < 0 ? '/' : whole.slice(colon + 1);
  return { href: parsed.href, host: 'localhost', port: 0, socketPath, authority: 'localhost', path: path || '/' };
}

// Errors are logged: credentials are no part of them. A URL may have any number of slashes of both kinds before them, and tabs and line ends anywhere.
function quote(url: string | URL): string {
  const text = String(url).replace(/[\t\n\r]/g, '');
  return JSON.stringify(text.replace(/^(\s*[a-z][a-z0-9+.-]*:)?[/\\]*[^/\\?#]*@/i, '$1//…@'));
}
