// A WebSocket server over sockets of Bun. What is no upgrade is answered through a callback.

import type { TlsOptions } from 'node:tls';
import { resolveEngine } from '../connection/context.ts';
import type { Delivery } from '../job/session-kind.ts';
import { resolveLimits } from '../limits.ts';
import { listenBun } from './bun-listen.ts';
import { fitsBunServer } from './bun-tls.ts';
import { createTlsListen } from './deno-listen-tls.ts';
import { ListeningServer, type ListeningServerOptions } from './listening-server.ts';
import type { SiteHandler } from './site.ts';
import { mostWaiting } from './waiting-connections.ts';

/** Options of `serve` of Bun's. */
export interface BunServeOptions<C = undefined, R extends boolean = false, M extends Delivery = 'whole'>
  extends ListeningServerOptions<C, R, M> {
  /** Default: 0, a free port. */
  readonly port?: number;
  /** The address to listen on, or a name of it. Default: `127.0.0.1`; `0.0.0.0` or `::` for all. */
  readonly host?: string;
  /**
   * Serves `wss:`: key and certificate, and what else `node:tls` takes. Bun's own TLS does it where all of it is `key` and `cert` as PEM, `passphrase`, `ca`, `ciphers`, `minVersion` and
   * `maxVersion` from TLS 1.2 on, `requestCert`, `rejectUnauthorized`; otherwise `node:tls`. ALPN is http/1.1.
   */
  readonly tls?: TlsOptions;
}

/**
 * Starts a server over sockets of Bun that runs the handler on each session. Fulfils when it listens; rejects when it cannot (the port is in use).
 *
 * @throws TypeError, RangeError (a rejection) when an option is wrong, or this is not Bun.
 *
 * @example
 * import { serve } from 'millrace/bun';
 *
 * const server = await serve({ port: 8080, fetch: () => new Response('Hello') }, async (session) => {
 *   for await (const message of session) await session.send(message);
 * });
 */
export async function serve<C = undefined, R extends boolean = false, M extends Delivery = 'whole'>(
  options: BunServeOptions<C, R, M>,
  handler: SiteHandler<C, R, M>,
): Promise<ListeningServer<C, R, M>> {
  const { port = 0, host = '127.0.0.1', tls, engineContext } = options;
  const { handshakeTimeout, maxConnections } = resolveLimits(options.limits);
  const server = new ListeningServer(options, handler, tls !== undefined);
  const { clock } = resolveEngine(engineContext);
  const maxHandshakes = mostWaiting(maxConnections);
  const shared = { host, port, handshakeTimeout, maxHandshakes };
  const isOfBun = tls === undefined || fitsBunServer(tls);
  await server.listen(isOfBun ? listenBun({ ...shared, tls, clock }) : createTlsListen({ ...shared, tls }));
  return server;
}
