// The TLS handshakes of connections that Deno has accepted: one that does not come to its end in time, or in which something goes wrong, concerns nobody else.

import type { Clock } from '../connection/context.ts';
import type { TlsFacts } from '../job/session.ts';
import { closeConn, type DenoTlsConn } from './deno-api.ts';

export interface HandshakesOptions {
  /** In milliseconds. */
  readonly handshakeTimeout: number;
  /** Beyond that many the oldest is cut. */
  readonly maxHandshakes: number;
  readonly clock: Clock;
}

/** Those of one server. */
export class Handshakes {
  readonly #options: HandshakesOptions;
  readonly #done: (conn: DenoTlsConn, facts: TlsFacts) => void;
  readonly #timers = new Map<DenoTlsConn, unknown>();

  /** @param done Called for each that has succeeded. */
  constructor(options: HandshakesOptions, done: (conn: DenoTlsConn, facts: TlsFacts) => void) {
    this.#options = options;
    this.#done = done;
  }

  /** How many go on. */
  get size(): number {
    return this.#timers.size;
  }

  add(conn: DenoTlsConn): void {
    const { clock, handshakeTimeout, maxHandshakes } = this.#options;
    this.#timers.set(
      conn,
      clock.setTimeout(() => this.#cut(conn), handshakeTimeout),
    );
    if (this.#timers.size > maxHandshakes) this.#cutOldest();
    void this.#shakeHands(conn);
  }

  /** Cuts all that go on. */
  stop(): void {
    for (const conn of [...this.#timers.keys()]) this.#cut(conn);
  }

  async #shakeHands(conn: DenoTlsConn): Promise<void> {
    let alpnProtocol: string | null;
    try {
      ({ alpnProtocol } = await conn.handshake());
    } catch {
      return this.#cut(conn);
    }
    // It was cut meanwhile.
    if (this.#forget(conn)) this.#done(conn, toTlsFacts(alpnProtocol, false));
  }

  #cutOldest(): void {
    for (const conn of this.#timers.keys()) return this.#cut(conn);
  }

  #cut(conn: DenoTlsConn): void {
    if (this.#forget(conn)) closeConn(conn);
  }

  #forget(conn: DenoTlsConn): boolean {
    const timer = this.#timers.get(conn);
    if (!this.#timers.delete(conn)) return false;
    this.#options.clock.clearTimeout(timer);
    return true;
  }
}

/** What Deno tells of a TLS connection: what ALPN has chosen, and nothing of its version, its cipher and its names. */
export function toTlsFacts(alpnProtocol: string | null, isAuthorized: boolean): TlsFacts {
  return { protocol: '', cipher: '', alpnProtocol: alpnProtocol ?? '', serverName: '', isAuthorized };
}
