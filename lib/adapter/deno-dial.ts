// Connections of a client by Deno: TCP, sockets of the file system, TLS over TCP.

import type { Dialled } from '../client/connect.ts';
import type { Target } from '../client/target.ts';
import type { TlsFacts } from '../job/session.ts';
import { onAbort } from '../job/signal-registry.ts';
import { closeConn, type DenoConn, type DenoTlsConn, type DenoTlsNames, denoApi, setNoDelay } from './deno-api.ts';
import { toTlsFacts } from './deno-handshakes.ts';
import { DenoTransport } from './deno-transport.ts';

/**
 * TLS of a client: what Deno has. The certificate is always verified, and the host name unless it says otherwise.
 *
 * Deno cannot cut a TLS connection whose peer does not read, or does not end its handshake: for us it is over, its socket stays open until the peer closes it. The client of "millrace/node"
 * cuts it.
 */
export interface DenoClientTlsOptions {
  /** Authorities (PEM) that are believed besides those of the system: Deno has no way to believe these alone. */
  readonly caCerts?: readonly string[];
  /** The certificate of this side (PEM). Not through a proxy, and not with `serverName`. */
  readonly cert?: string;
  /** The key of that certificate (PEM). */
  readonly key?: string;
  /** The name that is asked for (SNI) and verified. Default: the host. */
  readonly serverName?: string;
  /** Does not verify the host name; the certificate is. */
  readonly unsafelyDisableHostnameVerification?: boolean;
}

const known: ReadonlySet<string> = new Set([
  'caCerts',
  'cert',
  'key',
  'serverName',
  'unsafelyDisableHostnameVerification',
]);

/** What the same thing is called in the options of Node. */
const hints: Readonly<Record<string, string>> = {
  ca: 'Deno believes the authorities of the system too, and calls these "caCerts"',
  servername: 'it is called "serverName" here',
};

/** @throws TypeError when one of them is unknown to Deno, or has the wrong type. */
export function checkTlsOptions(tls: DenoClientTlsOptions): DenoClientTlsOptions {
  for (const [name, value] of Object.entries(tls)) {
    if (value !== undefined && !known.has(name)) {
      const why = hints[name] ?? 'Deno cannot do that; connect of "millrace/node" can';
      throw new TypeError(`Cannot connect with the TLS option "${name}": ${why}`);
    }
  }
  const { caCerts = [], cert, key, serverName } = tls;
  if (!Array.isArray(caCerts) || ![...caCerts, cert ?? '', key ?? '', serverName ?? ''].every(isText))
    throw new TypeError('Cannot connect: caCerts is no array of texts (PEM), or cert, key or serverName is no text');
  if ((cert === undefined) !== (key === undefined))
    throw new TypeError('Cannot connect: cert and key are given together or not at all');
  if (cert !== undefined && serverName !== undefined)
    throw new TypeError('Cannot connect with a certificate of its own and a serverName: Deno cannot do that');
  return tls;
}

function isText(value: unknown): boolean {
  return typeof value === 'string';
}

/** @throws TypeError when Deno cannot reach such a target. */
export function checkTarget({ isSecure, socketPath }: Pick<Target, 'isSecure' | 'socketPath'>): void {
  if (isSecure && socketPath !== undefined)
    throw new TypeError('Cannot connect with TLS to a socket of the file system: Deno cannot; "millrace/node" can');
}

/** Connects to a target. Rejects with the error of Deno, or with the signal's reason; nothing is left then. */
export async function dialDeno(target: Target, tls: DenoClientTlsOptions, signal: AbortSignal): Promise<Dialled> {
  checkTarget(target);
  if (!target.isSecure) return toDialled(await connectTo(target, signal));
  const { cert, key } = tls;
  if (cert === undefined || key === undefined) {
    return toDialled(...(await secure(await connectTo(target, signal), target.host, tls, signal)));
  }
  const { host: hostname, port } = target;
  const conn = await abortable(() => denoApi().connectTls({ hostname, port, cert, key, ...namesOf(tls) }), signal);
  return toDialled(conn, await shakeHands(conn, signal));
}

/** Opens a TCP connection, or one to a socket of the file system. */
export async function connectTo(
  { host: hostname, port, socketPath }: Pick<Target, 'host' | 'port' | 'socketPath'>,
  signal: AbortSignal,
): Promise<DenoConn> {
  const api = denoApi();
  if (socketPath !== undefined) return abortable(() => api.connect({ transport: 'unix', path: socketPath }), signal);
  const attempt = new AbortController();
  const release = onAbort(signal, (reason) => attempt.abort(reason));
  try {
    const conn = await abortable(() => api.connect({ hostname, port, signal: attempt.signal }), signal);
    setNoDelay(conn);
    return conn;
  } finally {
    // What is connected is not the signal's any more.
    release();
  }
}

/** TLS over a connection to that host. */
export async function secure(
  conn: DenoConn,
  host: string,
  tls: DenoClientTlsOptions,
  signal: AbortSignal,
): Promise<[DenoTlsConn, TlsFacts]> {
  const start = () => denoApi().startTls(conn, { hostname: tls.serverName ?? host, ...namesOf(tls) });
  let secured: DenoTlsConn;
  try {
    secured = await abortable(start, signal);
  } catch (error) {
    closeConn(conn);
    throw error;
  }
  return [secured, await shakeHands(secured, signal)];
}

function namesOf({ caCerts, unsafelyDisableHostnameVerification }: DenoClientTlsOptions): DenoTlsNames {
  return {
    alpnProtocols: ['http/1.1'],
    ...(caCerts === undefined ? undefined : { caCerts: [...caCerts] }),
    ...(unsafelyDisableHostnameVerification === undefined ? undefined : { unsafelyDisableHostnameVerification }),
  };
}

// A certificate that is not believed is refused here, before a byte of ours is sent.
async function shakeHands(conn: DenoTlsConn, signal: AbortSignal): Promise<TlsFacts> {
  const release = onAbort(signal, () => closeConn(conn));
  try {
    const { alpnProtocol } = await conn.handshake();
    signal.throwIfAborted();
    return toTlsFacts(alpnProtocol, true);
  } catch (error) {
    closeConn(conn);
    signal.throwIfAborted();
    throw error;
  } finally {
    release();
  }
}

/** Waits for a connection as long as the signal is not aborted; one that comes later is closed. */
function abortable<C extends DenoConn>(connect: () => Promise<C>, signal: AbortSignal): Promise<C> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    let isOver = false;
    let release = (): void => {};
    const settle = (act: () => void): void => {
      if (isOver) return;
      isOver = true;
      release();
      act();
    };
    connect().then(
      (conn) => {
        if (isOver) closeConn(conn);
        settle(() => resolve(conn));
      },
      (error) => settle(() => reject(error)),
    );
    release = onAbort(signal, (reason) => settle(() => reject(reason)));
  });
}

/** A connection on which nothing was said yet. */
export function toDialled(conn: DenoConn, tls?: TlsFacts, head?: Uint8Array): Dialled {
  const remoteAddress = conn.remoteAddr.hostname;
  return {
    transport: new DenoTransport(conn, head),
    ...(remoteAddress === undefined ? undefined : { remoteAddress }),
    // Of the connection to the target alone: TLS to a proxy is none of it.
    ...(tls === undefined ? undefined : { tls }),
  };
}
