// Listening by `Bun.listen`, with TLS or without. A connection is handed on when its TLS handshake is done, which has its time, and its turn.

import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { TlsOptions } from 'node:tls';
import {
  type BunSocket,
  type BunSocketHandler,
  type BunSocketOwner,
  type BunTls,
  getBun,
  passOn,
  passOnTls,
} from './bun-api.ts';
import { toBunServerTls, toBunTlsFacts } from './bun-tls.ts';
import { BunTransport } from './bun-transport.ts';
import { Handshakes, type HandshakesOptions } from './handshakes.ts';
import type { Accepted, Listen } from './listener.ts';

export interface BunListenOptions extends HandshakesOptions {
  readonly host: string;
  readonly port: number;
  readonly tls?: TlsOptions | undefined;
}

/**
 * Makes a function that listens.
 *
 * @throws TypeError when this is not Bun, or Bun cannot do what the TLS options say; the error of the key or the certificate only when it listens.
 */
export function listenBun(options: BunListenOptions): Listen {
  const bun = getBun();
  const { host, port } = options;
  const tls = options.tls === undefined ? undefined : toBunServerTls(options.tls);
  return async (onAccepted) => {
    const hostname = isIP(host) === 0 ? (await lookup(host)).address : host;
    const handshakes = new Handshakes<Handshake>(options, (handshake) => handshake.close());
    const socket =
      tls === undefined
        ? acceptPlain(onAccepted)
        : passOnTls((accepted) => new Handshake(accepted, tls, handshakes, onAccepted));
    const shared = { hostname, port, allowHalfOpen: true, socket } as const;
    const listener = bun.listen(tls === undefined ? shared : { ...shared, tls });
    return {
      host: hostname,
      port: listener.port,
      close: () => {
        listener.stop(false);
        handshakes.stop();
      },
    };
  };
}

function acceptPlain(onAccepted: (accepted: Accepted) => void): BunSocketHandler {
  return passOn((socket) => {
    socket.setNoDelay(true);
    onAccepted(toAccepted(socket));
  });
}

function toAccepted(socket: BunSocket, tls?: Accepted['tls']): Accepted {
  const { localAddress, remoteAddress } = socket;
  return {
    transport: new BunTransport(socket),
    ...(localAddress === undefined ? undefined : { localAddress }),
    ...(remoteAddress === undefined ? undefined : { remoteAddress }),
    ...(tls === undefined ? undefined : { tls }),
  };
}

/** A TLS handshake on its way: the owner of its socket until it has a transport. Whose fails is cut, and nobody is told. */
class Handshake implements BunSocketOwner {
  readonly #socket: BunSocket;
  readonly #tls: BunTls;
  readonly #handshakes: Handshakes<Handshake>;
  readonly #onAccepted: (accepted: Accepted) => void;

  constructor(
    socket: BunSocket,
    tls: BunTls,
    handshakes: Handshakes<Handshake>,
    onAccepted: (accepted: Accepted) => void,
  ) {
    this.#socket = socket;
    this.#tls = tls;
    this.#handshakes = handshakes;
    this.#onAccepted = onAccepted;
    socket.setNoDelay(true);
    socket.data = this;
    handshakes.add(this);
  }

  close(): void {
    // No reset: it would take the alert with it that tells the peer why.
    this.#socket.close();
  }

  handshook(isDone: boolean): void {
    if (!isDone || !this.#isAdmitted) return this.#cut();
    if (!this.#handshakes.delete(this)) return;
    this.#onAccepted(toAccepted(this.#socket, toBunTlsFacts(this.#socket, this.#tls.requestCert === true)));
  }

  received(): void {}

  drained(): void {}

  ended(): void {
    this.#cut();
  }

  closed(): void {
    this.#handshakes.delete(this);
  }

  failed(): void {
    this.#cut();
  }

  // Bun tells a handshake with a certificate that it will refuse as done.
  get #isAdmitted(): boolean {
    const { requestCert, rejectUnauthorized } = this.#tls;
    return !requestCert || !rejectUnauthorized || this.#socket.authorized;
  }

  #cut(): void {
    this.#handshakes.cut(this);
  }
}
