// Connections of a client through a proxy, by Deno: to the proxy, with TLS where it wants that; then the tunnel; then as if the target had been dialled.

import type { Dialled } from '../client/connect.ts';
import { type ClientProxy, type ProxyInit, parseProxy } from '../client/proxy.ts';
import type { Target } from '../client/target.ts';
import type { Tunnel } from '../client/tunnel.ts';
import { onAbort } from '../job/signal-registry.ts';
import type { HandshakeLimits } from '../limits.ts';
import { closeConn, type DenoConn } from './deno-api.ts';
import { checkTlsOptions, connectTo, type DenoClientTlsOptions, secure, toDialled } from './deno-dial.ts';
import { answerOr, openTunnel, proxyError } from './open-tunnel.ts';

/** A proxy, what it is told, and whom one believes that it is. */
export interface DenoProxyOptions extends ProxyInit {
  /** TLS to a proxy of `https:`, which leads to targets of `ws:` alone: Deno has no TLS within TLS. */
  readonly tls?: DenoClientTlsOptions;
}

/** A proxy that can be used. */
export interface ResolvedDenoProxy {
  readonly proxy: ClientProxy;
  readonly tls: DenoClientTlsOptions;
}

/** @throws TypeError when it is no proxy that can be used. */
export function resolveDenoProxy(option: string | URL | DenoProxyOptions): ResolvedDenoProxy {
  const proxy = parseProxy(option);
  const tls = checkTlsOptions((option as DenoProxyOptions).tls ?? {});
  if (tls.cert !== undefined) throw new TypeError('Cannot show a certificate to a proxy: Deno cannot do that here');
  return { proxy, tls };
}

/** Why Deno cannot reach a target through a proxy; undefined when it can. */
export function whyUnreachable(
  { isSecure: isProxySecure }: Pick<ClientProxy, 'isSecure'>,
  { isSecure, socketPath }: Pick<Target, 'isSecure' | 'socketPath'>,
  { cert }: DenoClientTlsOptions,
): string | undefined {
  if (socketPath !== undefined) return 'it is a socket of the file system';
  if (!isSecure) return undefined;
  if (isProxySecure) return 'Deno has no TLS within TLS; connect of "millrace/node" has';
  return cert === undefined ? undefined : 'Deno shows no certificate there; connect of "millrace/node" does';
}

/**
 * Connects to a target through a proxy. Rejects with HandshakeError (ERR_WS_PROXY) when the proxy cannot be reached or refuses, also where the signal was aborted while its
 * refusal was being read; with the signal's reason; or with what went wrong behind the proxy. Nothing is left then.
 */
export async function dialThroughDeno(
  { proxy, tls: proxyTls }: ResolvedDenoProxy,
  target: Target,
  options: { readonly tls: DenoClientTlsOptions; readonly limits: HandshakeLimits },
  signal: AbortSignal,
): Promise<Dialled> {
  const why = whyUnreachable(proxy, target, options.tls);
  if (why !== undefined) throw proxyError(proxy, `is no way to ${target.href}: ${why}`);
  const tunnel = await openTunnel(proxy, target, options.limits, signal);
  const conn = await reach(proxy, proxyTls, signal);
  const rest = await talk(conn, tunnel, proxy, signal);
  if (!target.isSecure) return toDialled(conn, undefined, rest);
  if (rest.byteLength > 0) {
    closeConn(conn);
    throw proxyError(proxy, 'has sent bytes before the handshake of TLS');
  }
  return toDialled(...(await secure(conn, target.host, options.tls, signal)));
}

async function reach(proxy: ClientProxy, tls: DenoClientTlsOptions, signal: AbortSignal): Promise<DenoConn> {
  try {
    const conn = await connectTo({ host: proxy.host, port: proxy.port, socketPath: undefined }, signal);
    return proxy.isSecure ? (await secure(conn, proxy.host, tls, signal))[0] : conn;
  } catch (cause) {
    signal.throwIfAborted();
    throw proxyError(proxy, 'cannot be reached', cause);
  }
}

/** Talks with the proxy until the connection leads to the target. Gives what came behind the proxy's last word. */
async function talk(conn: DenoConn, tunnel: Tunnel, proxy: ClientProxy, signal: AbortSignal): Promise<Uint8Array> {
  const release = onAbort(signal, () => closeConn(conn));
  try {
    while (tunnel.outcome === undefined) await step(conn, tunnel);
    if (tunnel.outcome.accepted) signal.throwIfAborted();
  } catch (cause) {
    closeConn(conn);
    throw answerOr(tunnel, signal.aborted ? signal.reason : proxyError(proxy, 'has cut the connection', cause));
  } finally {
    release();
  }
  const { outcome } = tunnel;
  if (outcome.accepted) return outcome.rest;
  closeConn(conn);
  throw outcome.error;
}

async function step(conn: DenoConn, tunnel: Tunnel): Promise<void> {
  const bytes = tunnel.take();
  for (let from = 0; bytes !== undefined && from < bytes.byteLength; ) from += await conn.write(bytes.subarray(from));
  // Of its own each time: what the tunnel keeps are views of it.
  const buffer = new Uint8Array(4096);
  const length = await conn.read(buffer);
  if (length === null) tunnel.end();
  else if (length > 0) tunnel.push(buffer.subarray(0, length));
}
