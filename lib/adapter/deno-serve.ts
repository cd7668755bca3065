// A WebSocket server of Deno's own sockets. What is no upgrade is answered through a callback.

import type { TlsOptions } from 'node:tls';
import type { Delivery } from '../job/session-kind.ts';
import { type Limits, resolveLimits } from '../limits.ts';
import { createDenoListen, type DenoServerTlsOptions } from './deno-listen.ts';
import { createTlsListen } from './deno-listen-tls.ts';
import type { Listen } from './listener.ts';
import { ListeningServer, type ListeningServerOptions } from './listening-server.ts';
import type { SiteHandler } from './site.ts';
import { mostWaiting } from './waiting-connections.ts';

/** Options of `serve` of Deno's. */
export interface DenoServeOptions<C = undefined, R extends boolean = false, M extends Delivery = 'whole'>
  extends ListeningServerOptions<C, R, M> {
  /** Default: 0, a free port. */
  readonly port?: number;
  /** The address to listen on. Default: `127.0.0.1`; `0.0.0.0` or `::` for all. */
  readonly host?: string;
  /** The path of a socket of the file system to listen on, instead of both. It must not be there yet. */
  readonly socketPath?: string;
  /** Serves `wss:`: key and certificate, and what else `node:tls` takes (`SNICallback`, `ca`, `requestCert` …). ALPN is http/1.1. */
  readonly tls?: TlsOptions;
  /**
   * Serves `wss:` by Deno's own TLS, instead of `tls`. For peers that you trust: Deno cannot cut a TLS connection whose peer does not read or does not end its handshake, so that each of
   * them may keep a socket open that no limit counts.
   */
  readonly denoTls?: DenoServerTlsOptions;
}

/** Of a socket of the file system: `host` is its path. */
class FileServer<C, R extends boolean, M extends Delivery> extends ListeningServer<C, R, M> {
  override get url(): string {
    return `ws+unix:${encodeURI(this.host).replaceAll(':', '%3A')}:/`;
  }
}

/** @throws TypeError, RangeError when an option is wrong, or this is not Deno. */
function findListen(options: DenoServeOptions<never, boolean, Delivery>, limits: Limits): Listen {
  const { port, host, socketPath, tls, denoTls } = options;
  if (tls !== undefined && (denoTls !== undefined || socketPath !== undefined))
    throw new TypeError('Cannot serve: tls stands with neither denoTls nor socketPath');
  if (socketPath !== undefined && (port !== undefined || host !== undefined))
    throw new TypeError('Cannot serve: a socketPath stands with neither port nor host');
  const { handshakeTimeout } = limits;
  const maxHandshakes = mostWaiting(limits.maxConnections);
  const common = { port, host, handshakeTimeout, maxHandshakes };
  if (tls !== undefined) return createTlsListen({ ...common, tls });
  return createDenoListen({ ...common, socketPath, tls: denoTls, clock: options.engineContext?.clock });
}

/**
 * Starts a server over Deno's own sockets that runs the handler on each session. Fulfils when it listens; rejects when it cannot (the port is in use).
 *
 * @throws TypeError, RangeError (a rejection) when an option is wrong, or this is not Deno.
 *
 * @example
 * import { serve } from 'millrace/deno';
 *
 * const server = await serve({ port: 8080, fetch: () => new Response('Hello') }, async (session) => {
 *   for await (const message of session) await session.send(message);
 * });
 */
export async function serve<C = undefined, R extends boolean = false, M extends Delivery = 'whole'>(
  options: DenoServeOptions<C, R, M>,
  handler: SiteHandler<C, R, M>,
): Promise<ListeningServer<C, R, M>> {
  const isSecure = (options.tls ?? options.denoTls) !== undefined;
  const Server = options.socketPath === undefined ? ListeningServer<C, R, M> : FileServer<C, R, M>;
  const server = new Server(options, handler, isSecure);
  await server.listen(
    findListen(options as unknown as DenoServeOptions<never, boolean, Delivery>, resolveLimits(options.limits)),
  );
  return server;
}
