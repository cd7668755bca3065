// The connections that hold no place of a server with `maxConnections`: those on which no upgrade has been asked for yet, and those that were refused and are
// on their way out. Somebody who opens connections and says nothing must not fill the server, nor keep out those who ask.

import type { Duplex } from 'node:stream';

/** With few places, still so many may wait: whoever is refused gets to read it. */
const LEAST = 16;

/** Holds as many connections as there are places. Beyond that the oldest is cut: who asks at once has left long before it would be its turn. */
export class WaitingConnections {
  readonly #sockets = new Map<unknown, Duplex>();
  readonly #most: number;

  /** @param places How many connections the server takes; `Infinity`: there is no limit here either. */
  constructor(places: number) {
    this.#most = Math.max(LEAST, places);
  }

  get size(): number {
    return this.#sockets.size;
  }

  add(socket: Duplex): void {
    if (this.#most === Number.POSITIVE_INFINITY || socket.destroyed) return;
    const key = keyOf(socket);
    this.#sockets.delete(key);
    this.#sockets.set(key, socket);
    socket.once('close', () => {
      if (this.#sockets.get(key) === socket) this.#sockets.delete(key);
    });
    if (this.#sockets.size > this.#most) this.#cutOldest();
  }

  /** It waits no more: it holds a place now. */
  delete(socket: Duplex): void {
    if (this.#sockets.size > 0) this.#sockets.delete(keyOf(socket));
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
function keyOf(socket: Duplex & { readonly remoteAddress?: string; readonly remotePort?: number }): unknown {
  const { remoteAddress, remotePort } = socket;
  return remotePort === undefined ? socket : `${remoteAddress} ${remotePort}`;
}
