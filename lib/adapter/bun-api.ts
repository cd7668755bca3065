// The few APIs of Bun that the adapter stands on, as far as it uses them: https://bun.com/docs/runtime/networking/tcp. Types of our own, so that no package of types is needed.

import type { PeerCertificate } from 'node:tls';

/** A socket of `Bun.listen` or `Bun.connect`. */
export interface BunSocket {
  /** Ours: who is told what the socket does. */
  data: BunSocketOwner;
  /** Undefined on a unix domain socket. */
  readonly localAddress: string | undefined;
  readonly remoteAddress: string | undefined;
  /** Whether the certificate of the peer is trusted. */
  readonly authorized: boolean;
  /** False when none was agreed on. */
  readonly alpnProtocol: string | false | null;
  getTLSVersion(): string;
  getCipher(): { readonly standardName?: string } | undefined;
  getServername(): string | undefined;
  getPeerCertificate(): PeerCertificate;
  /** Gives how many bytes were accepted: less than there are when the socket is full, and `drain` follows then; -1 when it is closed or shut down. */
  write(data: Uint8Array, byteOffset: number, byteLength: number): number;
  /** Ends the output. */
  shutdown(): void;
  /** Closes in good order. With TLS, and output that the peer does not take, it never ends unless {@link shutdown} was called before. */
  close(): void;
  /** Closes with a reset. */
  terminate(): void;
  pause(): void;
  resume(): void;
  setNoDelay(isOn: boolean): boolean;
}

/** Who is told what a socket does. Some of it is told from inside a call of the socket's own methods. */
export interface BunSocketOwner {
  /** The TLS handshake is over. */
  handshook(isDone: boolean, error: Error | null): void;
  received(chunk: Uint8Array): void;
  /** There may be room again for what is written. */
  drained(): void;
  /** The peer has ended its output. */
  ended(): void;
  /** The last call. With an error after a reset. */
  closed(error: Error | undefined): void;
  /** TLS has failed, or a callback has thrown. */
  failed(error: Error): void;
}

/** The callbacks for all sockets of one listener, or for the one of a connect. */
export interface BunSocketHandler {
  readonly binaryType: 'uint8array';
  open(socket: BunSocket): void;
  handshake?(socket: BunSocket, isDone: boolean, error: Error | null): void;
  data(socket: BunSocket, chunk: Uint8Array): void;
  drain(socket: BunSocket): void;
  end(socket: BunSocket): void;
  close(socket: BunSocket, error?: Error): void;
  error(socket: BunSocket, error: Error): void;
  connectError(socket: BunSocket, error: Error): void;
}

/** A text or bytes of PEM, or several. */
export type BunPem = string | Uint8Array | readonly (string | Uint8Array)[];

/** TLS of a socket. An object without a member that counts is no TLS at all for Bun: the connection is plain then. */
export interface BunTls {
  readonly ca?: BunPem;
  readonly cert?: BunPem;
  readonly key?: BunPem;
  readonly passphrase?: string;
  readonly ciphers?: string;
  /** The protocols as they are on the wire: another text is passed over without a word. */
  readonly ALPNProtocols: Uint8Array;
  /** '': no name is sent; what is verified is the host then. */
  readonly serverName?: string;
  readonly requestCert?: boolean;
  readonly rejectUnauthorized: boolean;
  readonly secureOptions?: number;
}

export interface BunListenInit {
  readonly hostname: string;
  readonly port: number;
  readonly tls?: BunTls;
  readonly allowHalfOpen: true;
  readonly socket: BunSocketHandler;
}

export interface BunConnectInit {
  readonly hostname?: string;
  readonly port?: number;
  readonly unix?: string;
  readonly tls?: BunTls;
  readonly allowHalfOpen: true;
  readonly data: BunSocketOwner;
  readonly socket: BunSocketHandler;
}

export interface BunListener {
  readonly port: number;
  stop(closesConnections: boolean): void;
}

/** What is used of the global `Bun`. */
export interface BunApi {
  /** Throws when it cannot listen. */
  listen(init: BunListenInit): BunListener;
  /** Fulfils when the socket is open, before a TLS handshake. There is no way to give it up before. */
  connect(init: BunConnectInit): Promise<BunSocket>;
}

/**
 * Gives the global `Bun`.
 *
 * @throws TypeError where it is missing: this is another runtime.
 */
export function getBun(): BunApi {
  const { Bun } = globalThis as { Bun?: Partial<BunApi> };
  if (typeof Bun?.listen === 'function' && typeof Bun.connect === 'function') return Bun as BunApi;
  throw new TypeError('Cannot use the sockets of Bun: this runtime is not Bun. Import "millrace" instead');
}

/** The callbacks that are the same for all sockets: each is passed on to the owner of the socket. */
export function passOn(open: (socket: BunSocket) => void): BunSocketHandler {
  return { ...passing, open };
}

/** The same for TLS, where `open` comes before the handshake. */
export function passOnTls(open: (socket: BunSocket) => void): BunSocketHandler {
  return { ...passing, open, handshake: (socket, isDone, error) => socket.data.handshook(isDone, error) };
}

const passing: Omit<BunSocketHandler, 'open' | 'handshake'> = {
  binaryType: 'uint8array',
  data: (socket, chunk) => socket.data.received(chunk),
  drain: (socket) => socket.data.drained(),
  end: (socket) => socket.data.ended(),
  close: (socket, error) => socket.data.closed(error),
  error: (socket, error) => socket.data.failed(error),
  // The promise of the connect tells it too.
  connectError: () => {},
};
