// The proxy that the environment names: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY, in lower case too, which goes first. There is no standard of them; this is what the
// common tools agree on, and RFC 6455 where they do not.

import { HandshakeError } from '../error.ts';
import { parseIpv4, parseIpv6 } from '../handshake/origin.ts';
import { type ClientProxy, parseProxy } from './proxy.ts';
import type { Target } from './target.ts';

/** The variables of a process, each under the name that it was given. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The proxy for a target; undefined where the environment names none, or NO_PROXY the target.
 *
 * @throws HandshakeError (ERR_WS_PROXY) when what it names is no proxy that can be used: it is not passed by.
 */
export function proxyFromEnvironment(target: Target, environment: Environment): ClientProxy | undefined {
  const found = findVariable(target, environment);
  if (found === undefined || isExcepted(target, read(environment, 'no_proxy')?.[1] ?? '')) return undefined;
  const [name, value] = found;
  try {
    return parseProxy(/^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? value : `http://${value}`);
  } catch (cause) {
    throw new HandshakeError('ERR_WS_PROXY', `The variable ${name} names no proxy that can be used`, 0, { cause });
  }
}

/**
 * RFC 6455 §4.1 (3): "Implementations that do not expose explicit UI for selecting a proxy for WebSocket connections separate from other proxies are encouraged … to
 * prefer the proxy configured for HTTPS connections over the proxy configured for HTTP connections": that one lets CONNECT pass.
 */
function findVariable(
  { isSecure, socketPath }: Pick<Target, 'isSecure' | 'socketPath'>,
  environment: Environment,
): readonly [name: string, value: string] | undefined {
  if (socketPath !== undefined) return undefined;
  const plain = isSecure ? undefined : read(environment, 'http_proxy', isUnderCgi(environment));
  return read(environment, 'https_proxy') ?? plain ?? read(environment, 'all_proxy');
}

/** A variable that is empty is not set. */
function read(environment: Environment, name: string, inLowerCaseOnly = false): readonly [string, string] | undefined {
  const names = inLowerCaseOnly ? [name] : [name, name.toUpperCase()];
  for (const one of names) {
    const value = environment[one]?.trim();
    if (value) return [one, value];
  }
  return undefined;
}

// httpoxy (CVE-2016-5385): RFC 3875 §4.1.18 makes a variable HTTP_PROXY of a header field `Proxy`, which anybody may send.
function isUnderCgi(environment: Environment): boolean {
  return environment['REQUEST_METHOD'] !== undefined;
}

/** Whether NO_PROXY names the target: names and addresses between commas or spaces. */
function isExcepted(target: Pick<Target, 'host' | 'port'>, list: string): boolean {
  return list
    .toLowerCase()
    .split(/[\s,]+/)
    .some((entry) => entry !== '' && matches(entry, target));
}

/** `*`, a name (which stands for those below it too, with and without a dot before it), an address, a network; behind each of them a port. */
function matches(entry: string, { host, port }: Pick<Target, 'host' | 'port'>): boolean {
  if (entry === '*') return true;
  const [, bracketed, bare, digits] = /^(?:\[([^\]]*)\]|([^:]*))(?::([0-9]+))?$/.exec(entry) ?? [];
  // What has more colons is an IPv6 address without brackets, and has no port.
  const name = bracketed ?? bare ?? entry;
  if (digits !== undefined && Number(digits) !== port) return false;
  const address = parseAddress(host);
  return address === undefined ? isNameBelow(withoutRoot(host), name) : isInNetwork(address, name);
}

function isNameBelow(host: string, entry: string): boolean {
  const name = withoutRoot(entry.replace(/^\*?\./, ''));
  return name !== '' && (host === name || host.endsWith(`.${name}`));
}

function withoutRoot(name: string): string {
  return name.endsWith('.') ? name.slice(0, -1) : name;
}

/** RFC 4632 §3.1: an address and the length of its prefix; without that it is the address alone. */
function isInNetwork(address: readonly number[], entry: string): boolean {
  const [text = '', length, ...more] = entry.split('/');
  const network = parseAddress(text);
  if (network === undefined || more.length > 0 || !/^[0-9]{1,3}$/.test(length ?? '0')) return false;
  const most = text.includes(':') ? 128 : 32;
  const prefix = length === undefined ? most : Number(length);
  return prefix <= most && hasPrefix(address, network, prefix + 128 - most);
}

function hasPrefix(address: readonly number[], network: readonly number[], bits: number): boolean {
  return network.every((group, index) => {
    const spare = 16 - Math.min(16, Math.max(0, bits - 16 * index));
    return group >> spare === (address[index] ?? 0) >> spare;
  });
}

/** The eight groups of an IPv6 address; an IPv4 address is the one that is mapped to it (RFC 4291 §2.5.5.2). */
function parseAddress(text: string): readonly number[] | undefined {
  const octets = parseIpv4(text);
  if (octets === undefined) return parseIpv6(text);
  const [a = 0, b = 0, c = 0, d = 0] = octets;
  return [0, 0, 0, 0, 0, 0xffff, (a << 8) | b, (c << 8) | d];
}
