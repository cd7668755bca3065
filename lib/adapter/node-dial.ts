// Connections of a client by node:net and node:tls: TCP, unix domain sockets, TLS over either. Node, Deno and Bun have them.

import { connect as connectSocket, isIP, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type ConnectionOptions, connect as connectTls, type PeerCertificate, type TLSSocket } from 'node:tls';
import type { Dialled } from '../client/connect.ts';
import type { Target } from '../client/target.ts';
import type { TlsFacts } from '../job/session.ts';
import { onAbort } from '../job/signal-registry.ts';
import { NodeTransport } from './node-duplex.ts';
import { toTlsFacts } from './tls-facts.ts';

/** TLS of a client: what `node:tls` takes (`ca`, `cert`, `key`, `servername`, `minVersion` …). The certificate and the host name are verified unless it says otherwise. */
export interface ClientTlsOptions extends Omit<ConnectionOptions, 'host' | 'port' | 'path' | 'socket' | 'timeout'> {
  /** Looks at the peer's certificate behind the verification, to pin it: throwing refuses it. */
  readonly checkCertificate?: (certificate: PeerCertificate) => void;
}

export interface DialOptions {
  readonly tls?: ClientTlsOptions | undefined;
}

/** Connects to a target. Rejects with the error of the socket, or with the signal's reason; nothing is left then. */
export async function dial(target: Target, options: DialOptions, signal: AbortSignal): Promise<Dialled> {
  const socket = await connectTo(target, signal);
  return finish(socket, target, options, signal);
}

/** Goes on over a connection to the target: TLS where it wants that. */
export async function finish(
  socket: Duplex,
  target: Target,
  options: DialOptions,
  signal: AbortSignal,
): Promise<Dialled> {
  if (!target.isSecure) return toDialled(socket, undefined);
  const tls = await secure(socket, target, options.tls ?? {}, signal);
  return toDialled(tls, toTlsFacts(tls));
}

/** Opens a TCP connection, or one to a unix domain socket. */
export async function connectTo(
  { host, port, socketPath }: Pick<Target, 'host' | 'port' | 'socketPath'>,
  signal: AbortSignal,
): Promise<Socket> {
  signal.throwIfAborted();
  const socket =
    socketPath === undefined
      ? connectSocket({ host, port, noDelay: true, allowHalfOpen: true })
      : connectSocket({ path: socketPath, allowHalfOpen: true });
  return opened(socket, 'connect', signal);
}

/** TLS over a connection to that host. */
export async function secure(
  socket: Duplex,
  { host, socketPath }: Pick<Target, 'host' | 'socketPath'>,
  { checkCertificate, ...options }: ClientTlsOptions,
  signal: AbortSignal,
): Promise<TLSSocket> {
  // RFC 6455 §4.1 (5): "Clients MUST use the Server Name Indication extension in the TLS handshake"; RFC 6066 §3: "Literal IPv4 and IPv6 addresses are not permitted" in it.
  const names = { host, ...(isIP(host) || socketPath !== undefined ? undefined : { servername: host }) };
  const tls = connectTls({ ALPNProtocols: ['http/1.1'], ...names, ...options, socket });
  await opened(tls, 'secureConnect', signal);
  try {
    checkCertificate?.(tls.getPeerCertificate());
  } catch (error) {
    tls.destroy();
    throw error;
  }
  return tls;
}

/** Waits for the event that tells that a socket is ready. */
function opened<S extends Duplex>(socket: S, event: string, signal: AbortSignal): Promise<S> {
  return new Promise((resolve, reject) => {
    // An aborted signal calls back before it gives a function.
    let release = (): void => {};
    const settle = (): void => {
      release();
      socket.off(event, ready);
      socket.off('error', fail);
      socket.off('close', closed);
    };
    const ready = (): void => {
      settle();
      resolve(socket);
    };
    const fail = (error: unknown): void => {
      settle();
      // What still comes of it is nobody's.
      socket.on('error', () => {});
      socket.destroy();
      reject(error);
    };
    const closed = (): void => fail(new Error('The connection was closed before it was ready'));
    socket.once(event, ready);
    socket.once('error', fail);
    socket.once('close', closed);
    release = onAbort(signal, fail);
  });
}

// In the turn in which the socket is ready: no error of it is missed.
function toDialled(socket: Duplex, tls: TlsFacts | undefined): Dialled {
  const remoteAddress = 'remoteAddress' in socket ? (socket as Socket).remoteAddress : undefined;
  return {
    transport: new NodeTransport(socket),
    ...(remoteAddress === undefined ? undefined : { remoteAddress }),
    // Of the connection to the target alone: TLS to a proxy is none of it.
    ...(tls === undefined ? undefined : { tls }),
  };
}
