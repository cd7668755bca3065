// The connections that hold no place of a server with `maxConnections`: those on which no upgrade has been asked for yet, and those that were refused and are
// on their way out. Somebody who opens connections and says nothing must not fill the server, nor keep out those who ask.

/** One of them. */
export interface WaitingConnection {
  /** What is the same for all that stand for one connection. Default: the object itself. */
  readonly key?: unknown;
  /** Whether it has closed, or is about to. */
  readonly isClosed: boolean;
  /** Cuts it. */
  destroy(): void;
  /** Calls back once when it has closed. */
  whenClosed(callback: () => void): void;
}

/** With few places, still so many may wait: whoever is refused gets to read it. */
const LEAST = 16;

/** How many may wait for a place, or be in a TLS handshake, of a server that takes so many connections. */
export function mostWaiting(places: number): number {
  return Math.max(LEAST, places);
}

/** Holds as many connections as there are places. Beyond that the oldest is cut: who asks at once has left long before it would be its turn. */
export class WaitingConnections {
  readonly #connections = new Map<unknown, WaitingConnection>();
  readonly #known = new WeakSet<WaitingConnection>();
  readonly #most: number;

  /** @param places How many connections the server takes; `Infinity`: there is no limit here either. */
  constructor(places: number) {
    this.#most = mostWaiting(places);
  }

  get size(): number {
    return this.#connections.size;
  }

  add(connection: WaitingConnection): void {
    if (this.#most === Number.POSITIVE_INFINITY || connection.isClosed) return;
    const { key = connection } = connection;
    this.#connections.delete(key);
    this.#connections.set(key, connection);
    this.#forgetWhenClosed(connection, key);
    if (this.#connections.size > this.#most) this.#cutOldest();
  }

  /** It waits no more: it holds a place now. */
  delete(connection: WaitingConnection): void {
    if (this.#connections.size > 0) this.#connections.delete(connection.key ?? connection);
  }

  // Once: one that is kept alive comes again and again.
  #forgetWhenClosed(connection: WaitingConnection, key: unknown): void {
    if (this.#known.has(connection)) return;
    this.#known.add(connection);
    connection.whenClosed(() => {
      if (this.#connections.get(key) === connection) this.#connections.delete(key);
    });
  }

  #cutOldest(): void {
    for (const [key, connection] of this.#connections) {
      this.#connections.delete(key);
      connection.destroy();
      return;
    }
  }
}
