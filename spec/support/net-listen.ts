// Listens with node:net and node:tls: what a runtime gives to a server over its own sockets, here with those of Node.

import { type AddressInfo, createServer, type Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket, type TlsOptions } from 'node:tls';
import type { Fetch } from '../../lib/adapter/fetch-request.ts';
import type { Listen } from '../../lib/adapter/listener.ts';
import { ListeningServer } from '../../lib/adapter/listening-server.ts';
import { NodeTransport } from '../../lib/adapter/node-duplex.ts';
import { toSiteOptions } from '../../lib/adapter/node-site.ts';
import type { SiteHandler } from '../../lib/adapter/site.ts';
import { toTlsFacts } from '../../lib/adapter/tls-facts.ts';
import type { Delivery } from '../../lib/job/session-kind.ts';
import { type Limits, resolveLimits } from '../../lib/limits.ts';
import type { ServeOptions } from '../../lib/node.ts';

/** Where it listens; with `tls` the connections are of TLS. */
export interface NetListenOptions {
  readonly port?: number | undefined;
  readonly host?: string | undefined;
  readonly tls?: TlsOptions | undefined;
  readonly limits?: Partial<Limits> | undefined;
}

/** Makes such a function. */
export function netListen({ port = 0, host = '127.0.0.1', tls, limits }: NetListenOptions = {}): Listen {
  const { handshakeTimeout } = resolveLimits(limits);
  return async (onAccepted, onError) => {
    const accept = (socket: Socket | TLSSocket): void => {
      const { localAddress, remoteAddress } = socket;
      onAccepted({
        transport: new NodeTransport(socket),
        ...(localAddress === undefined ? undefined : { localAddress }),
        ...(remoteAddress === undefined ? undefined : { remoteAddress }),
        ...('getCipher' in socket ? { tls: toTlsFacts(socket) } : undefined),
      });
    };
    // A TLS socket of Node that may stay half-open does not notice a client that leaves in the handshake; one of `node:https` may not either.
    const server =
      tls === undefined
        ? createServer({ allowHalfOpen: true, noDelay: true }, accept)
        : createTlsServer({ handshakeTimeout, noDelay: true, ...tls, ALPNProtocols: ['http/1.1'] }, accept);
    server.on('tlsClientError', (_: Error, socket: Socket) => socket.destroy());
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, () => {
        server.off('error', reject);
        resolve();
      });
    });
    server.on('error', onError);
    const address = server.address() as AddressInfo;
    return {
      host: address.address,
      port: address.port,
      close: () => new Promise<void>((resolve) => server.close(() => resolve())),
    };
  };
}

/** As `serve`, over {@link netListen} and our own HTTP. */
export async function serveOverNet<C = undefined, R extends boolean = false, M extends Delivery = 'whole'>(
  options: ServeOptions<C, R, M> & { readonly fetch?: Fetch },
  handler: SiteHandler<C, R, M>,
): Promise<ListeningServer<C, R, M>> {
  const server = new ListeningServer<C, R, M>(toSiteOptions(options), handler, options.tls !== undefined);
  await server.listen(netListen(options));
  return server;
}
