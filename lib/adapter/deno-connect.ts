// The client of Deno: `connect` over Deno.connect.

import { type ConnectOptions, type Dial, openSession } from '../client/connect.ts';
import { type Environment, proxyFromEnvironment } from '../client/proxy-environment.ts';
import { parseTarget, type Target } from '../client/target.ts';
import type { Session } from '../job/session.ts';
import type { Delivery, Received, Sent } from '../job/session-kind.ts';
import { resolveLimits } from '../limits.ts';
import { denoApi } from './deno-api.ts';
import { checkTarget, checkTlsOptions, type DenoClientTlsOptions, dialDeno } from './deno-dial.ts';
import {
  type DenoProxyOptions,
  dialThroughDeno,
  type ResolvedDenoProxy,
  resolveDenoProxy,
  whyUnreachable,
} from './deno-proxy.ts';

/** Options of `connect` of Deno's. */
export interface DenoConnectOptions<R extends boolean = false, M extends Delivery = 'whole'>
  extends ConnectOptions<R, M> {
  /** TLS for `wss:`. The certificate is always verified. */
  readonly tls?: DenoClientTlsOptions;
  /**
   * The proxy that the connection goes through: `http:`, `https:` (to `ws:` only), `socks5:` or `socks5h:`; or `'environment'`, what HTTPS_PROXY, HTTP_PROXY (`ws:` only), ALL_PROXY
   * and NO_PROXY say. Never passed by: what goes wrong with it is a HandshakeError (ERR_WS_PROXY) with the proxy's status, header fields and body. `remoteAddress` is
   * the proxy's then. Default: none.
   */
  readonly proxy?: 'environment' | (string & {}) | URL | DenoProxyOptions;
}

/**
 * Connects to a WebSocket server. Gives the opened session; what comes with the response waits in it.
 *
 * @param url `ws:`, `wss:`, `http:`, `https:`, or `ws+unix:/path/of.sock:/resource`. A user in it is sent as Basic credentials.
 * @throws TypeError, RangeError (a rejection) when an argument is wrong, or Deno cannot do it; HandshakeError with the status, the header fields and the first 64 KiB of the body when the server
 * refuses, with status 0 when it cannot be reached; the reason of the signal when that is aborted. Nothing is left then.
 *
 * @example
 * const session = await connect('wss://example.com/chat', { subprotocols: ['chat.v2'] });
 * await session.send('hello');
 * for await (const message of session) console.log(message);
 */
export async function connect<R extends boolean = false, M extends Delivery = 'whole'>(
  url: string | URL,
  options: DenoConnectOptions<R, M> = {},
): Promise<Session<undefined, Received<R, M>, Sent<R>>> {
  return openSession(url, options, findDial(url, options));
}

/** @throws TypeError when an option is wrong, or there is no way to the target. */
function findDial(
  url: string | URL,
  { tls: tlsOptions = {}, proxy, limits, streams }: Pick<DenoConnectOptions, 'tls' | 'proxy' | 'limits' | 'streams'>,
): Dial {
  const tls = checkTlsOptions(tlsOptions);
  if (streams === undefined) {
    denoApi();
    checkTarget(parseTarget(url));
  }
  if (proxy === undefined) return (target, signal) => dialDeno(target, tls, signal);
  const find = proxy === 'environment' ? readEnvironment : checkProxy(url, proxy, tls);
  if (streams !== undefined) throw new TypeError('Cannot connect through a proxy: the connection is made already');
  return async (target, signal) => {
    const found = find(target);
    if (found === undefined) return dialDeno(target, tls, signal);
    return dialThroughDeno(found, target, { tls, limits: resolveLimits(limits) }, signal);
  };
}

function checkProxy(
  url: string | URL,
  option: string | URL | DenoProxyOptions,
  tls: DenoClientTlsOptions,
): () => ResolvedDenoProxy {
  const resolved = resolveDenoProxy(option);
  const why = whyUnreachable(resolved.proxy, parseTarget(url), tls);
  if (why === undefined) return () => resolved;
  throw new TypeError(`Cannot connect through a proxy: ${why}`);
}

const variables = ['http_proxy', 'https_proxy', 'all_proxy', 'no_proxy'];

// Name by name: Deno asks for a permission for each.
function readEnvironment(target: Target): ResolvedDenoProxy | undefined {
  const names = [...variables, ...variables.map((name) => name.toUpperCase()), 'REQUEST_METHOD'];
  const environment: Environment = Object.fromEntries(names.map((name) => [name, globalThis.process.env[name]]));
  const proxy = proxyFromEnvironment(target, environment);
  return proxy && { proxy, tls: {} };
}
