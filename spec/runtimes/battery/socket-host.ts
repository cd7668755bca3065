// Hosts over sockets: a pair of `serve` and `connect`, with TLS or without.

import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { RawClient, requestHead } from '../../support/raw-client.ts';
import type { Host, HostServer } from './host.ts';

/** What an entry has to have. */
export interface SocketEntry {
  readonly serve: (options: never, handler: never) => Promise<HostServer>;
  readonly connect: (url: string, options: never) => Promise<unknown>;
}

export interface Tls {
  readonly key: string;
  readonly cert: string;
  /** Who has signed it. */
  readonly ca: string;
}

export interface SocketSettings {
  /** With it all goes over TLS, to the name `localhost`. */
  readonly tls?: Tls;
  /** How its client is told of an authority. Default: as in Node. */
  readonly trust?: (ca: string) => object;
  /** See {@link Host}. */
  readonly readsOn?: Host['readsOn'];
}

export function createSocketHost(name: string, entry: SocketEntry, settings: SocketSettings = {}): Host {
  const { tls, trust = (ca) => ({ ca }), readsOn } = settings;
  const dial = async (server: HostServer): Promise<RawClient> => {
    const port = Number(new URL(server.url).port);
    if (tls === undefined) return RawClient.connect(port);
    const tcp = connectTcp({ port, host: '127.0.0.1' });
    const socket = connectTls({ socket: tcp, servername: 'localhost', ca: tls.ca });
    // Node resets no connection from the TLS on top of it.
    socket.resetAndDestroy = () => {
      tcp.resetAndDestroy();
      return socket;
    };
    await new Promise<void>((resolve, reject) => {
      socket.once('secureConnect', resolve);
      socket.once('error', reject);
    });
    return new RawClient(socket);
  };
  return {
    name,
    hasSockets: true,
    isTls: tls !== undefined,
    readsOn,
    serve: (options, handler) => {
      const serverTls = tls === undefined ? {} : { tls: { key: tls.key, cert: tls.cert } };
      return entry.serve({ ...options, ...serverTls } as never, handler as never);
    },
    connect: (server, path, options) => {
      const clientTls = tls === undefined ? {} : { tls: trust(tls.ca) };
      return entry.connect(server.url + path, { ...options, ...clientTls } as never) as never;
    },
    raw: async (server, request, first) => {
      const client = await dial(server);
      const head = requestHead(Number(new URL(server.url).port), request);
      client.send(first === undefined ? head : Buffer.concat([head, first]));
      await client.accepted();
      return client;
    },
    dial,
  };
}
