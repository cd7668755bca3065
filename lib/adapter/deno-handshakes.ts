// The TLS handshakes of connections that Deno has accepted: one that does not come to its end in time, or in which something goes wrong, concerns nobody else.

import type { TlsFacts } from '../job/session.ts';
import { closeConn, type DenoTlsConn } from './deno-api.ts';
import { Handshakes, type HandshakesOptions } from './handshakes.ts';

/** Those of one server. */
export class DenoHandshakes extends Handshakes<DenoTlsConn> {
  readonly #done: (conn: DenoTlsConn, facts: TlsFacts) => void;

  /** @param done Called for each that has succeeded. */
  constructor(options: HandshakesOptions, done: (conn: DenoTlsConn, facts: TlsFacts) => void) {
    super(options, closeConn);
    this.#done = done;
  }

  override add(conn: DenoTlsConn): void {
    super.add(conn);
    void this.#shakeHands(conn);
  }

  async #shakeHands(conn: DenoTlsConn): Promise<void> {
    let alpnProtocol: string | null;
    try {
      ({ alpnProtocol } = await conn.handshake());
    } catch {
      return this.cut(conn);
    }
    // It was cut meanwhile.
    if (this.delete(conn)) this.#done(conn, toTlsFacts(alpnProtocol, false));
  }
}

/** What Deno tells of a TLS connection: what ALPN has chosen, and nothing of its version, its cipher and its names. */
export function toTlsFacts(alpnProtocol: string | null, isAuthorized: boolean): TlsFacts {
  return { protocol: '', cipher: '', alpnProtocol: alpnProtocol ?? '', serverName: '', isAuthorized };
}
