// The client of Node: `connect` over node:net and node:tls.

import { type ConnectOptions, type Dial, type Dialled, openSession } from '../client/connect.ts';
import { proxyFromEnvironment } from '../client/proxy-environment.ts';
import { parseTarget, type Target } from '../client/target.ts';
import type { Session } from '../job/session.ts';
import type { Delivery, Received, Sent } from '../job/session-kind.ts';
import { resolveLimits } from '../limits.ts';
import { type ClientTlsOptions, type DialOptions, dial } from './node-dial.ts';
import { dialThrough, type NodeProxyOptions, type ResolvedProxy, resolveProxy } from './node-proxy.ts';

/** Options of `connect` on Node: those that hold everywhere, and TLS and proxies. */
export interface NodeConnectOptions<R extends boolean = false, M extends Delivery = 'whole'>
  extends ConnectOptions<R, M> {
  /** TLS for `wss:`. Certificate and host name are verified unless it says otherwise. */
  readonly tls?: ClientTlsOptions;
  /**
   * The proxy that the connection goes through: `http:`, `https:`, `socks5:` or `socks5h:`; or `'environment'`, what HTTPS_PROXY, HTTP_PROXY (`ws:` only), ALL_PROXY
   * and NO_PROXY say. Never passed by: what goes wrong with it is a HandshakeError (ERR_WS_PROXY) with the proxy's status, header fields and body. `remoteAddress` is
   * the proxy's then. Default: none.
   */
  readonly proxy?: 'environment' | (string & {}) | URL | NodeProxyOptions;
}

/**
 * Connects to a WebSocket server. Gives the opened session; what comes with the response waits in it.
 *
 * @param url `ws:`, `wss:`, `http:`, `https:`, or `ws+unix:/path/of.sock:/resource`. A user in it is sent as Basic credentials.
 * @throws TypeError, RangeError (a rejection) when an argument is wrong; HandshakeError with the status, the header fields and the first 64 KiB of the body when the server refuses, with status 0 when it
 * cannot be reached; the reason of the signal when that is aborted. Nothing is left then.
 *
 * @example
 * const session = await connect('wss://example.com/chat', { subprotocols: ['chat.v2'] });
 * await session.send('hello');
 * for await (const message of session) console.log(message);
 */
export async function connect<R extends boolean = false, M extends Delivery = 'whole'>(
  url: string | URL,
  options: NodeConnectOptions<R, M> = {},
): Promise<Session<undefined, Received<R, M>, Sent<R>>> {
  return openSession(url, options, findDial(url, options));
}

/** Connects to a target that no proxy stands before. */
export type DialDirectly = (target: Target, options: DialOptions, signal: AbortSignal) => Promise<Dialled>;

/**
 * Finds the way to the target.
 *
 * @throws TypeError when the option is wrong, or there is no way through a proxy.
 */
export function findDial(
  url: string | URL,
  { tls, proxy, limits, streams }: Pick<NodeConnectOptions, 'tls' | 'proxy' | 'limits' | 'streams'>,
  dialDirectly: DialDirectly = dial,
): Dial {
  if (proxy === undefined) return (target, signal) => dialDirectly(target, { tls }, signal);
  const find = proxy === 'environment' ? readEnvironment : checkProxy(url, proxy);
  if (streams !== undefined) throw new TypeError('Cannot connect through a proxy: the connection is made already');
  return async (target, signal) => {
    const found = find(target);
    if (found === undefined) return dialDirectly(target, { tls }, signal);
    return dialThrough(found, target, { tls, limits: resolveLimits(limits) }, signal);
  };
}

function checkProxy(url: string | URL, option: string | URL | NodeProxyOptions): () => ResolvedProxy {
  const resolved = resolveProxy(option);
  if (parseTarget(url).socketPath === undefined) return () => resolved;
  throw new TypeError('Cannot connect to a socket of the file system through a proxy');
}

// A copy of it has the variables under the names that they were given, where the system does not tell case.
function readEnvironment(target: Target): ResolvedProxy | undefined {
  const proxy = proxyFromEnvironment(target, { ...globalThis.process.env });
  return proxy && { proxy, tls: undefined };
}
