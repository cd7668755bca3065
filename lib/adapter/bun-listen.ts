// Listening by `Bun.listen`, with TLS or without. A connection is handed on when its TLS handshake is done, which has its time, and its turn.

import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { TlsOptions } from 'node:tls';
import type { Clock } from '../connection/context.ts';
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
import type { Accepted, Listen } from './listener.ts';

export interface BunListenOptions {
  readonly host: string;
  readonly port: number;
  readonly tls?: TlsOptions | undefined;
  readonly clock: Clock;
  /** How long a TLS handshake may take, in milliseconds. */
  readonly handshakeTimeout: number;
  /** How many connections may be in the TLS handshake: beyond that the oldest is cut. */
  readonly maxHandshakes: number;
}

/**
 * Makes a function that listens.
 *
 * @throws TypeError when this is not Bun, or Bun cannot do what the TLS options say; the error of the key or the certificate only when it listens.
 */
export function listenBun(options: BunListenOptions): Listen {
  const bun = getBun();
  const { host, port, clock } = options;
  const tls = options.tls === undefined ? undefined : toBunServerTls(options.tls);
  return async (onAccepted) => {
    const hostname = isIP(host) === 0 ? (await lookup(host)).address : host;
    const handshakes = new Set<Handshake>();
    const socket =
      tls === undefined ? acceptPlain(onAccepted) : acceptSecure(onAccepted, { ...options, clock, tls, handshakes });
    const shared = { hostname, port, allowHalfOpen: true, socket } as const;
    const listener = bun.listen(tls === undefined ? shared : { ...shared, tls });
    return {
      host: hostname,
      port: listener.port,
      close: () => {
        listener.stop(false);
        for (const handshake of handshakes) handshake.cut();
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

interface HandshakeParts {
  readonly tls: BunTls;
  readonly clock: Clock;
  readonly handshakeTimeout: number;
  readonly maxHandshakes: number;
  readonly handshakes: Set<Handshake>;
}

function acceptSecure(onAccepted: (accepted: Accepted) => void, parts: HandshakeParts): BunSocketHandler {
  const { handshakes, maxHandshakes } = parts;
  return passOnTls((socket) => {
    socket.setNoDelay(true);
    new Handshake(socket, parts, onAccepted);
    // The first of a set is the oldest.
    if (handshakes.size > maxHandshakes) for (const oldest of handshakes) return oldest.cut();
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
  readonly #parts: HandshakeParts;
  readonly #onAccepted: (accepted: Accepted) => void;
  readonly #timer: unknown;
  #isOver = false;

  constructor(socket: BunSocket, parts: HandshakeParts, onAccepted: (accepted: Accepted) => void) {
    this.#socket = socket;
    this.#parts = parts;
    this.#onAccepted = onAccepted;
    socket.data = this;
    parts.handshakes.add(this);
    this.#timer = parts.clock.setTimeout(() => this.cut(), parts.handshakeTimeout);
  }

  cut(): void {
    if (this.#isOver) return;
    this.#end();
    // No reset: it would take the alert with it that tells the peer why.
    this.#socket.close();
  }

  handshook(isDone: boolean): void {
    if (this.#isOver) return;
    if (!isDone || !this.#isAdmitted) return this.cut();
    this.#end();
    this.#onAccepted(toAccepted(this.#socket, toBunTlsFacts(this.#socket, this.#parts.tls.requestCert === true)));
  }

  received(): void {}

  drained(): void {}

  ended(): void {
    this.cut();
  }

  closed(): void {
    this.#end();
  }

  failed(): void {
    this.cut();
  }

  // Bun tells a handshake with a certificate that it will refuse as done.
  get #isAdmitted(): boolean {
    const { requestCert, rejectUnauthorized } = this.#parts.tls;
    return !requestCert || !rejectUnauthorized || this.#socket.authorized;
  }

  #end(): void {
    this.#isOver = true;
    this.#parts.handshakes.delete(this);
    this.#parts.clock.clearTimeout(this.#timer);
  }
}
