// What is the same of a client's way through a proxy wherever there is node:dns.

import { lookup } from 'node:dns';
import { HttpTunnel } from '../client/http-tunnel.ts';
import type { ClientProxy } from '../client/proxy.ts';
import { Socks5Tunnel } from '../client/socks5-tunnel.ts';
import type { Target } from '../client/target.ts';
import type { Tunnel } from '../client/tunnel.ts';
import { HandshakeError } from '../error.ts';
import { onAbort } from '../job/signal-registry.ts';
import type { HandshakeLimits } from '../limits.ts';

/** What is said to the proxy. Where that is to be told an address, its name is looked up first: it rejects when there is none. */
export async function openTunnel(
  proxy: ClientProxy,
  { host, port }: Target,
  limits: HandshakeLimits,
  signal: AbortSignal,
): Promise<Tunnel> {
  if (proxy.kind === 'http') return new HttpTunnel(proxy, { host, port }, { limits });
  return new Socks5Tunnel(proxy, { host: proxy.resolvesHere ? await resolveName(host, signal) : host, port });
}

/** The address of a name. What is being asked goes on behind an abort, as the system has it; nobody waits for it then. */
async function resolveName(host: string, signal: AbortSignal): Promise<string> {
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const release = onAbort(signal, reject);
    lookup(host, (error, address) => {
      release();
      if (error === null) resolve(address);
      else reject(error);
    });
  });
}

/** Says what is wrong with a proxy. */
export function proxyError({ href }: ClientProxy, what: string, cause?: unknown): HandshakeError {
  const details = cause === undefined ? {} : { cause };
  return new HandshakeError('ERR_WS_PROXY', `The proxy ${href} ${what}`, 0, details);
}

/** What an attempt rejects with that did not come to the proxy's last word: an answer without the end of its body is an answer. */
export function answerOr(tunnel: Tunnel, reason: unknown): unknown {
  tunnel.end();
  const { outcome } = tunnel;
  return outcome?.accepted === false && outcome.error.status > 0 ? outcome.error : reason;
}
