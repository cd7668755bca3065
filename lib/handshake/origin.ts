// Which origins and hosts are admitted: RFC 6455 §10.2 and RFC 6454 against pages of other sites, and the names of Host
// against DNS rebinding: a page of evil.example may point its own name at 127.0.0.1 and is then of the same origin as
// what listens there, but it cannot change the name that the browser writes into Host.
//
// There is no URL class here. Only what a browser writes is understood: a serialized origin and a host with a port,
// names in ASCII, IPv4 addresses in their usual form. Everything else is malformed, and a malformed origin is foreign.

/** What is admitted beside an origin that equals its Host. */
export interface OriginOptions {
  /**
   * Patterns of foreign origins that are admitted: an origin in which `*` stands for one whole label or for the port
   * (`https://*.example.com`, `http://localhost:*`); `null` for the opaque origin; `*` alone for every origin. None by
   * default.
   */
  readonly origins?: readonly string[];
  /**
   * Patterns of the hosts that are admitted, on every local address: `host` with any port, or `host:port`, in which `*`
   * stands for one whole label or for the port; `*` alone for every host. By default every host, but on a loopback
   * address loopback names only.
   */
  readonly hosts?: readonly string[];
}

/** A rule made from {@link OriginOptions}. */
export interface OriginRule {
  /**
   * Whether a request with that Host is admitted.
   *
   * @param localAddress The IP address that the connection came in on, where there is one.
   */
  checkHost(host: string, localAddress?: string): boolean;
  /** Whether a request with that Origin (undefined: there is none, so no browser sent it) and that Host is admitted. */
  checkOrigin(origin: string | undefined, host: string): boolean;
}

/**
 * Makes the rule once, for all requests.
 *
 * @throws TypeError when a pattern is malformed.
 */
export function compileOriginRule(options: OriginOptions = {}): OriginRule {
  const origins = compileList('origins', options.origins === undefined ? [] : options.origins, compileOriginPattern);
  const hosts = options.hosts === undefined ? undefined : compileList('hosts', options.hosts, compileHostPattern);
  return {
    checkHost(host, localAddress) {
      const authority = parseAuthority(host);
      if (authority === undefined) return false;
      if (hosts !== undefined) return hosts.some((admits) => admits(authority));
      // A runtime without an address may say null.
      if (typeof localAddress !== 'string' || !isLoopbackAddress(localAddress)) return true;
      return isLoopbackName(authority.name);
    },
    checkOrigin(origin, host) {
      return origin === undefined || isSameHost(origin, host) || origins.some((admits) => admits(origin));
    },
  };
}

/** Whether `text` is a value of Host that names a host (RFC 9110 §7.2): a name or an IP literal, and maybe a port. */
export function isHost(text: string): boolean {
  return parseAuthority(text) !== undefined;
}

/** A host and a port. */
interface Authority {
  /** In lower case, without the dot of the root; an IPv6 address in brackets and one form. */
  readonly name: string;
  /** Undefined when none is written. */
  readonly port: number | undefined;
}

interface Origin extends Authority {
  readonly scheme: string;
}

/** Where the port is not written it is this one; for any other scheme there is no default. */
const defaultPorts: ReadonlyMap<string, number> = new Map([
  ['http', 80],
  ['ws', 80],
  ['https', 443],
  ['wss', 443],
]);

/**
 * The origin's host and port equal those of Host. The scheme does not count, since TLS may end before us; it only says
 * which port is the default one, and Host leaves that out or not.
 */
function isSameHost(originText: string, hostText: string): boolean {
  const origin = parseOrigin(originText);
  const host = parseAuthority(hostText);
  if (origin === undefined || host === undefined || origin.name !== host.name) return false;
  return origin.port === withoutDefault(origin.scheme, host.port);
}

/** A serialized origin (RFC 6454 §6.2): a scheme, a host, and the port when it is not the default one. */
function parseOrigin(text: string): Origin | undefined {
  const colon = text.indexOf('://');
  const scheme = text.slice(0, Math.max(colon, 0)).toLowerCase();
  if (!/^[a-z][a-z0-9+.-]*$/.test(scheme)) return undefined;
  // A page in an application has no host: `file://`. Only schemes that have no default port may leave it out.
  if (colon + 3 === text.length) return defaultPorts.has(scheme) ? undefined : { scheme, name: '', port: undefined };
  const authority = parseAuthority(text.slice(colon + 3));
  if (authority === undefined) return undefined;
  return { scheme, name: authority.name, port: withoutDefault(scheme, authority.port) };
}

function withoutDefault(scheme: string, port: number | undefined): number | undefined {
  return port === defaultPorts.get(scheme) ? undefined : port;
}

/** `uri-host [ ":" port ]` (RFC 9110 §7.2). An empty port is none (RFC 3986 §3.2.3). */
function parseAuthority(text: string): Authority | undefined {
  const colon = text.indexOf(':', text.indexOf(']') + 1);
  const name = normalizeName(colon < 0 ? text : text.slice(0, colon));
  if (name === undefined) return undefined;
  if (colon < 0 || colon + 1 === text.length) return { name, port: undefined };
  const digits = text.slice(colon + 1);
  const port = /^[0-9]{1,5}$/.test(digits) ? Number(digits) : Number.POSITIVE_INFINITY;
  return port > 0xffff ? undefined : { name, port };
}

/**
 * RFC 3986 §3.2.2, but stricter: no percent-encoding, which no client writes here, and no comma, with which somebody
 * before us may have joined two fields. `a.example.` is the same host as `a.example`: only the root's dot is written.
 */
function normalizeName(text: string): string | undefined {
  if (text.startsWith('[')) {
    const groups = text.endsWith(']') ? parseIpv6(text.slice(1, -1)) : undefined;
    return groups && `[${groups.map((group) => group.toString(16)).join(':')}]`;
  }
  if (!/^[A-Za-z0-9\-._~!$&'()*+;=]+$/.test(text)) return undefined;
  const name = (text.endsWith('.') ? text.slice(0, -1) : text).toLowerCase();
  return name.split('.').includes('') ? undefined : name;
}

function isLoopbackName(name: string): boolean {
  if (name.startsWith('[')) return isLoopbackAddress(name.slice(1, -1));
  // RFC 6761 §6.3: "The domain "localhost." and any names falling within ".localhost."" are loopback for a browser.
  return name === 'localhost' || name.endsWith('.localhost') || isLoopbackAddress(name);
}

/** 127.0.0.0/8, ::1, and the former as an IPv4-mapped IPv6 address, which a dual-stack socket reports. */
function isLoopbackAddress(text: string): boolean {
  const octets = parseIpv4(text);
  if (octets !== undefined) return octets[0] === 127;
  const zone = text.indexOf('%');
  const groups = parseIpv6(zone < 0 ? text : text.slice(0, zone));
  if (groups === undefined || groups.slice(0, 5).some((group) => group !== 0)) return false;
  const [mark = 0, high = 0, low = 0] = groups.slice(5);
  return mark === 0xffff ? high >> 8 === 127 : mark === 0 && high === 0 && low === 1;
}

/** The four octets of an IPv4 address in its usual form. */
export function parseIpv4(text: string): number[] | undefined {
  const labels = text.length > 15 ? [] : text.split('.');
  return labels.length === 4 && labels.every(isOctet) ? labels.map(Number) : undefined;
}

function isOctet(label: string): boolean {
  return /^(?:0|[1-9][0-9]{0,2})$/.test(label) && Number(label) <= 255;
}

/** The eight groups of an IPv6 address (RFC 4291 §2.2). */
export function parseIpv6(text: string): number[] | undefined {
  if (text.length > 45) return undefined;
  const halves = text.split('::');
  const [head, tail] = halves.map((half, index) => parseGroups(half, index === halves.length - 1));
  if (halves.length > 2 || head === undefined) return undefined;
  if (halves.length === 1) return head.length === 8 ? head : undefined;
  // "The use of "::" indicates one or more groups of 16 bits of zeros."
  if (tail === undefined || head.length + tail.length > 7) return undefined;
  return [...head, ...new Array<number>(8 - head.length - tail.length).fill(0), ...tail];
}

/** Groups between colons. The last one of an address may be an IPv4 address, which is two. */
function parseGroups(text: string, mayEndInIpv4: boolean): number[] | undefined {
  const groups: number[] = [];
  const parts = text === '' ? [] : text.split(':');
  for (const [index, part] of parts.entries()) {
    const octets = mayEndInIpv4 && index === parts.length - 1 ? parseIpv4(part) : undefined;
    if (octets !== undefined) {
      const [a = 0, b = 0, c = 0, d = 0] = octets;
      groups.push((a << 8) | b, (c << 8) | d);
    } else if (/^[0-9A-Fa-f]{1,4}$/.test(part)) groups.push(Number.parseInt(part, 16));
    else return undefined;
  }
  return groups;
}

function compileList<Test>(
  option: string,
  patterns: readonly string[],
  compile: (pattern: string) => Test | undefined,
): Test[] {
  if (!Array.isArray(patterns)) throw new TypeError(`Cannot use option "${option}": it is not an array of patterns`);
  return patterns.map((pattern: unknown) => {
    const test = typeof pattern === 'string' ? compile(pattern) : undefined;
    if (test !== undefined) return test;
    throw new TypeError(`Cannot use option "${option}": ${JSON.stringify(pattern)} is not a pattern`);
  });
}

function compileOriginPattern(pattern: string): ((origin: string) => boolean) | undefined {
  if (pattern === '*') return () => true;
  if (pattern === 'null') return (origin) => origin === 'null';
  const anyPort = pattern.endsWith(':*');
  const wanted = parseOrigin(anyPort ? pattern.slice(0, -2) : pattern);
  const admitsName = wanted && compileNamePattern(wanted.name);
  if (wanted === undefined || admitsName === undefined) return undefined;
  return (text) => {
    const origin = parseOrigin(text);
    if (origin === undefined || origin.scheme !== wanted.scheme || !admitsName(origin.name)) return false;
    return anyPort || origin.port === wanted.port;
  };
}

function compileHostPattern(pattern: string): ((host: Authority) => boolean) | undefined {
  if (pattern === '*') return () => true;
  const anyPort = pattern.endsWith(':*');
  const wanted = parseAuthority(anyPort ? pattern.slice(0, -2) : pattern);
  const admitsName = wanted && compileNamePattern(wanted.name);
  if (wanted === undefined || admitsName === undefined) return undefined;
  return ({ name, port }) => {
    if (!admitsName(name)) return false;
    if (anyPort || wanted.port === undefined || wanted.port === port) return true;
    // Host without a port means the default one of a scheme that is not known here.
    return port === undefined && (wanted.port === 80 || wanted.port === 443);
  };
}

/**
 * `*` stands for one label and no part of one: `*.example.com` is neither `example.com` nor `a.b.example.com`. Beside
 * the numbers of an IPv4 address it stands for a number only: `192.168.1.*` shall not admit `192.168.1.example`.
 */
function compileNamePattern(pattern: string): ((name: string) => boolean) | undefined {
  const wanted = pattern.split('.');
  if (wanted.some((label) => label !== '*' && label.includes('*'))) return undefined;
  const isIpv4 =
    wanted.length === 4 && wanted.some(isOctet) && wanted.every((label) => label === '*' || isOctet(label));
  const isAnyLabel = isIpv4 ? isOctet : (label: string): boolean => label !== '' && !label.startsWith('[');
  return (name) => {
    const labels = name.split('.');
    if (labels.length !== wanted.length) return false;
    return wanted.every(
      (label, index) => label === labels[index] || (label === '*' && isAnyLabel(labels[index] ?? '')),
    );
  };
}
