// Listening with Deno: TCP, TLS, and sockets of the file system.

import { rmSync } from 'node:fs';
import { type Clock, resolveEngine } from '../connection/context.ts';
import type { TlsFacts } from '../job/session.ts';
import {
  closeConn,
  type DenoAddress,
  type DenoConn,
  type DenoListener,
  type DenoTlsConn,
  denoApi,
  setNoDelay,
} from './deno-api.ts';
import { DenoHandshakes } from './deno-handshakes.ts';
import { DenoTransport } from './deno-transport.ts';
import type { Accepted, Listen, Listener } from './listener.ts';

/** Certificate and key of a server, PEM: what Deno takes. It has no more: no certificates of clients, and none by name (SNI). */
export interface DenoServerTlsOptions {
  /** The certificate, and those of the authorities between (PEM). */
  readonly cert: string;
  /** Its key (PEM). */
  readonly key: string;
}

export interface DenoListenOptions {
  /** Default: 0, a free port. */
  readonly port?: number | undefined;
  /** The address to listen on. Default: `127.0.0.1`. */
  readonly host?: string | undefined;
  /** The path of a socket of the file system, instead of both. It must not be there yet. */
  readonly socketPath?: string | undefined;
  readonly tls?: DenoServerTlsOptions | undefined;
  /** How long a TLS handshake may take, in milliseconds. */
  readonly handshakeTimeout: number;
  /** How many TLS handshakes may go on at a time; beyond that the oldest is cut. */
  readonly maxHandshakes: number;
  /** Default: the platform's. */
  readonly clock?: Clock | undefined;
}

// How long is waited when nothing can be accepted (no descriptor is free), in milliseconds: at first, and at most.
const SHORTEST_WAIT = 5;
const LONGEST_WAIT = 1000;

/** @throws TypeError when an option is wrong, or this is not Deno. */
export function createDenoListen(options: DenoListenOptions): Listen {
  const api = denoApi();
  const { port = 0, host: hostname = '127.0.0.1', socketPath, tls, handshakeTimeout, maxHandshakes } = options;
  const clock = options.clock ?? resolveEngine(undefined).clock;
  if (tls !== undefined) checkTls(tls, socketPath);
  return async (onAccepted, onError) => {
    if (tls !== undefined) {
      const listener = api.listenTls({ hostname, port, cert: tls.cert, key: tls.key, alpnProtocols: ['http/1.1'] });
      const handshakes = new DenoHandshakes({ handshakeTimeout, maxHandshakes, clock }, (conn, facts) =>
        onAccepted(toAccepted(conn, facts)),
      );
      return new AcceptLoop(
        listener,
        clock,
        (conn: DenoTlsConn) => handshakes.add(conn),
        onError,
        () => handshakes.stop(),
      );
    }
    const listener: DenoListener =
      socketPath === undefined ? api.listen({ hostname, port }) : api.listen({ transport: 'unix', path: socketPath });
    const onClose = (): void => removeSocket(socketPath);
    return new AcceptLoop(listener, clock, (conn) => onAccepted(toAccepted(conn)), onError, onClose);
  };
}

// Deno leaves the file, and nobody could listen on that path again.
function removeSocket(path: string | undefined): void {
  try {
    if (path !== undefined) rmSync(path, { force: true });
  } catch {
    // It is somebody else's now.
  }
}

function checkTls(tls: DenoServerTlsOptions, socketPath: string | undefined): void {
  if (socketPath !== undefined) throw new TypeError('Cannot serve TLS on a socket of the file system: Deno does not');
  for (const [name, value] of Object.entries(tls)) {
    if (value === undefined) continue;
    if (name !== 'cert' && name !== 'key')
      throw new TypeError(
        `Cannot serve with the TLS option "${name}": Deno has only cert and key; serve of "millrace/node" has it`,
      );
  }
  for (const name of ['cert', 'key'] as const) {
    if (typeof tls[name] !== 'string') throw new TypeError(`Cannot serve TLS: its ${name} is no text (PEM)`);
  }
}

function toAccepted(conn: DenoConn, tls?: TlsFacts): Accepted {
  const localAddress = conn.localAddr.hostname;
  const remoteAddress = conn.remoteAddr.hostname;
  setNoDelay(conn);
  return {
    transport: new DenoTransport(conn),
    ...(localAddress === undefined ? undefined : { localAddress }),
    ...(remoteAddress === undefined ? undefined : { remoteAddress }),
    ...(tls === undefined ? undefined : { tls }),
  };
}

/** Takes connections until it is closed, whatever goes wrong with one of them. */
class AcceptLoop<C extends DenoConn> implements Listener {
  readonly host: string;
  readonly port: number;
  readonly #listener: DenoListener<C>;
  readonly #clock: Clock;
  readonly #accept: (conn: C) => void;
  readonly #onError: (error: unknown) => void;
  readonly #onClose: () => void;
  readonly #over: Promise<void>;
  #wake: () => void = () => {};
  #isClosed = false;

  constructor(
    listener: DenoListener<C>,
    clock: Clock,
    accept: (conn: C) => void,
    onError: (error: unknown) => void,
    onClose: () => void = () => {},
  ) {
    this.host = addressOf(listener.addr);
    this.port = listener.addr.port ?? 0;
    this.#listener = listener;
    this.#clock = clock;
    this.#accept = accept;
    this.#onError = onError;
    this.#onClose = onClose;
    this.#over = this.#run();
  }

  close(): Promise<void> {
    if (!this.#isClosed) {
      this.#isClosed = true;
      this.#listener.close();
      this.#wake();
      this.#onClose();
    }
    // The port is free when the call that waited has ended.
    return this.#over;
  }

  async #run(): Promise<void> {
    let wait = SHORTEST_WAIT;
    while (!this.#isClosed) {
      let conn: C;
      try {
        conn = await this.#listener.accept();
      } catch (error) {
        if (this.#isClosed) return;
        // One that has gone before it was taken is no more than that.
        if (isOfOne(error)) continue;
        // Told once for all that follow from it.
        if (wait === SHORTEST_WAIT) this.#onError(error);
        await this.#pause(wait);
        wait = Math.min(LONGEST_WAIT, wait * 2);
        continue;
      }
      wait = SHORTEST_WAIT;
      if (this.#isClosed) closeConn(conn);
      else this.#take(conn);
    }
  }

  #take(conn: C): void {
    try {
      this.#accept(conn);
    } catch (error) {
      closeConn(conn);
      this.#onError(error);
    }
  }

  #pause(time: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#clock.setTimeout(resolve, time);
      this.#wake = () => {
        this.#clock.clearTimeout(timer);
        resolve();
      };
    });
  }
}

function isOfOne(error: unknown): boolean {
  const name = (error as Error | undefined)?.name;
  return name === 'ConnectionAborted' || name === 'ConnectionReset';
}

function addressOf({ hostname, path }: DenoAddress): string {
  return hostname ?? path ?? '';
}
