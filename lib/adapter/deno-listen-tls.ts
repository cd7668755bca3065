// Listening with TLS in Deno, by `node:tls`. Of `Deno.listenTls` a connection cannot be cut whose peer has stopped reading, or says nothing in the TLS handshake: its socket stays open
// behind `close`, as long as the peer likes, and no limit of ours counts it any more. A server of everybody's must not be held open like that.

import type { AddressInfo, Socket } from 'node:net';
import { createServer, type Server, type TLSSocket, type TlsOptions } from 'node:tls';
import type { Accepted, Listen, Listener } from './listener.ts';
import { NodeTransport } from './node-duplex.ts';
import { toTlsFacts } from './tls-facts.ts';

export interface TlsListenOptions {
  /** Default: 0, a free port. */
  readonly port?: number | undefined;
  /** Default: `127.0.0.1`. */
  readonly host?: string | undefined;
  readonly tls: TlsOptions;
  /** How long a TLS handshake may take, in milliseconds. */
  readonly handshakeTimeout: number;
  /** How many TLS handshakes may go on at a time; beyond that the oldest is cut. */
  readonly maxHandshakes: number;
}

/** @throws What `node:tls` throws of its options. */
export function createTlsListen(options: TlsListenOptions): Listen {
  const { port = 0, host = '127.0.0.1', tls, handshakeTimeout } = options;
  return async (onAccepted, onError) => {
    const server = createServer({ handshakeTimeout, ...tls, ALPNProtocols: ['http/1.1'], allowHalfOpen: true });
    const handshaking = new Handshaking(server, options.maxHandshakes);
    server.on('secureConnection', (socket) => onAccepted(toAccepted(socket)));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, () => {
        server.off('error', reject);
        resolve();
      });
    });
    server.on('error', onError);
    return toListener(server, handshaking);
  };
}

function toListener(server: Server, handshaking: Handshaking): Listener {
  const { address, port } = server.address() as AddressInfo;
  return {
    host: address,
    port,
    close: () => {
      // Its callback comes when the last connection has ended: those live on.
      server.close();
      handshaking.stop();
      return new Promise((resolve) => setImmediate(resolve));
    },
  };
}

function toAccepted(socket: TLSSocket): Accepted {
  // Made in this turn: from now on no error of the socket is without a listener.
  const transport = new NodeTransport(socket);
  const { localAddress, remoteAddress } = socket;
  socket.setNoDelay(true);
  return {
    transport,
    ...(localAddress === undefined ? undefined : { localAddress }),
    ...(remoteAddress === undefined ? undefined : { remoteAddress }),
    tls: toTlsFacts(socket),
  };
}

/** The connections whose handshake has not ended. */
class Handshaking {
  readonly #sockets = new Map<string, Socket>();

  constructor(server: Server, most: number) {
    server.on('connection', (socket: Socket) => {
      const key = keyOf(socket);
      this.#sockets.set(key, socket);
      socket.on('error', () => {});
      socket.once('close', () => {
        if (this.#sockets.get(key) === socket) this.#sockets.delete(key);
      });
      if (this.#sockets.size > most) this.#cutOldest();
    });
    server.on('secureConnection', (socket) => this.#sockets.delete(keyOf(socket)));
    server.on('tlsClientError', (_, socket) => socket.destroy());
  }

  stop(): void {
    for (const socket of this.#sockets.values()) socket.destroy();
    this.#sockets.clear();
  }

  #cutOldest(): void {
    for (const [key, socket] of this.#sockets) {
      this.#sockets.delete(key);
      socket.destroy();
      return;
    }
  }
}

// A TLS socket and the TCP socket underneath are one connection: what they share is the address of the peer.
function keyOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
