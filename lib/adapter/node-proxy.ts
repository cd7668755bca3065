// Connections of a client through a proxy, by node:net and node:tls: to the proxy, with TLS where it wants that; then the tunnel; then as if the target had been dialled.

import type { Duplex } from 'node:stream';
import { toPlainBytes } from '../bytes/plain-bytes.ts';
import type { Dialled } from '../client/connect.ts';
import { type ClientProxy, type ProxyInit, parseProxy } from '../client/proxy.ts';
import type { Target } from '../client/target.ts';
import type { Tunnel } from '../client/tunnel.ts';
import { onAbort } from '../job/signal-registry.ts';
import type { HandshakeLimits } from '../limits.ts';
import { type ClientTlsOptions, connectTo, type DialOptions, finish, secure } from './node-dial.ts';
import { answerOr, openTunnel, proxyError } from './open-tunnel.ts';

/** A proxy, what it is told, and whom one believes that it is. */
export interface NodeProxyOptions extends ProxyInit {
  /** TLS to a proxy of `https:`. Certificate and host name are verified unless it says otherwise. */
  readonly tls?: ClientTlsOptions;
}

/** A proxy that can be used. */
export interface ResolvedProxy {
  readonly proxy: ClientProxy;
  readonly tls: ClientTlsOptions | undefined;
}

/** @throws TypeError when it is no proxy that can be used. */
export function resolveProxy(option: string | URL | NodeProxyOptions): ResolvedProxy {
  const proxy = parseProxy(option);
  return { proxy, tls: (option as NodeProxyOptions).tls };
}

/**
 * Connects to a target through a proxy. Rejects with HandshakeError (ERR_WS_PROXY) when the proxy cannot be reached or refuses, also where the signal was aborted while its
 * refusal was being read; with the signal's reason; or with what went wrong behind the proxy. Nothing is left then.
 */
export async function dialThrough(
  { proxy, tls }: ResolvedProxy,
  target: Target,
  options: DialOptions & { readonly limits: HandshakeLimits },
  signal: AbortSignal,
): Promise<Dialled> {
  const tunnel = await openTunnel(proxy, target, options.limits, signal);
  const socket = await reach(proxy, tls, signal);
  await talk(socket, tunnel, proxy, signal);
  return finish(socket, target, options, signal);
}

async function reach(proxy: ClientProxy, tls: ClientTlsOptions | undefined, signal: AbortSignal): Promise<Duplex> {
  const address = { host: proxy.host, port: proxy.port, socketPath: undefined };
  try {
    const socket = await connectTo(address, signal);
    return proxy.isSecure ? await secure(socket, address, tls ?? {}, signal) : socket;
  } catch (cause) {
    signal.throwIfAborted();
    throw proxyError(proxy, 'cannot be reached', cause);
  }
}

/** Talks with the proxy until the socket leads to the target. What has come of that is in the socket again. */
function talk(socket: Duplex, tunnel: Tunnel, proxy: ClientProxy, signal: AbortSignal): Promise<void> {
  // What goes wrong between two who listen is told to the second, and ends no process.
  socket.on('error', () => {});
  return new Promise((resolve, reject) => {
    // An aborted signal calls back before it gives a function.
    let release = (): void => {};
    const settle = (): void => {
      release();
      socket.off('readable', read).off('end', ended).off('error', broken).off('close', broken);
    };
    const fail = (error: unknown): void => {
      settle();
      socket.destroy();
      reject(error);
    };
    const giveUp = (reason: unknown): void => fail(answerOr(tunnel, reason));
    const step = (): void => {
      const { outcome } = tunnel;
      if (outcome === undefined) {
        const bytes = tunnel.take();
        if (bytes !== undefined) socket.write(bytes);
      } else if (outcome.accepted) {
        settle();
        // In front of what was not read yet.
        if (outcome.rest.byteLength > 0) socket.unshift(outcome.rest);
        resolve();
      } else fail(outcome.error);
    };
    const read = (): void => {
      while (tunnel.outcome === undefined) {
        const chunk: Uint8Array | null = socket.read();
        if (chunk === null) return;
        tunnel.push(toPlainBytes(chunk));
        step();
      }
    };
    const ended = (): void => {
      tunnel.end();
      step();
    };
    const broken = (cause?: unknown): void => giveUp(proxyError(proxy, 'has cut the connection', cause));
    socket.on('readable', read).on('end', ended).on('error', broken).on('close', broken);
    release = onAbort(signal, giveUp);
    if (!signal.aborted) step();
  });
}
