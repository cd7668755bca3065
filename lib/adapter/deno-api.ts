// What is used of Deno, as far as it is used: types of its own, so that nobody needs Deno's to compile this, and a spec can stand in for it.

/** Where one end of a connection is. */
export interface DenoAddress {
  readonly transport: string;
  readonly hostname?: string;
  readonly port?: number;
  readonly path?: string;
}

/** A connection: `Deno.Conn`. */
export interface DenoConn {
  readonly localAddr: DenoAddress;
  readonly remoteAddr: DenoAddress;
  /** Gives how many bytes it has read, null at the end of the input. */
  read(buffer: Uint8Array): Promise<number | null>;
  /** Gives how many bytes it has taken: fewer than there are, too. */
  write(bytes: Uint8Array): Promise<number>;
  closeWrite(): Promise<void>;
  close(): void;
}

/** A connection over TCP: `Deno.TcpConn`. */
export interface DenoTcpConn extends DenoConn {
  setNoDelay(noDelay?: boolean): void;
}

/** A connection over TLS: `Deno.TlsConn`. */
export interface DenoTlsConn extends DenoConn {
  handshake(): Promise<{ readonly alpnProtocol: string | null }>;
}

/** A socket that listens: `Deno.Listener`. */
export interface DenoListener<C extends DenoConn = DenoConn> {
  readonly addr: DenoAddress;
  accept(): Promise<C>;
  close(): void;
}

export interface DenoTlsNames {
  readonly caCerts?: string[];
  readonly alpnProtocols?: string[];
  readonly unsafelyDisableHostnameVerification?: boolean;
}

/** The functions of `Deno` that make sockets. */
export interface DenoApi {
  listen(options: {
    hostname: string;
    port: number;
    transport?: 'tcp';
    reusePort?: boolean;
  }): DenoListener<DenoTcpConn>;
  listen(options: { transport: 'unix'; path: string }): DenoListener;
  listenTls(options: {
    hostname: string;
    port: number;
    cert: string;
    key: string;
    alpnProtocols?: string[];
    reusePort?: boolean;
  }): DenoListener<DenoTlsConn>;
  connect(options: { hostname: string; port: number; signal?: AbortSignal }): Promise<DenoTcpConn>;
  connect(options: { transport: 'unix'; path: string }): Promise<DenoConn>;
  connectTls(
    options: DenoTlsNames & { hostname: string; port: number; cert?: string; key?: string },
  ): Promise<DenoTlsConn>;
  startTls(connection: DenoConn, options: DenoTlsNames & { hostname: string }): Promise<DenoTlsConn>;
}

const needed = ['listen', 'listenTls', 'connect', 'connectTls', 'startTls'] as const;

/**
 * Gives the sockets of Deno.
 *
 * @throws TypeError in another runtime. Importing this throws nowhere.
 */
export function denoApi(): DenoApi {
  const { Deno } = globalThis as { Deno?: Partial<DenoApi> };
  if (Deno !== undefined && needed.every((name) => typeof Deno[name] === 'function')) return Deno as DenoApi;
  throw new TypeError('This runtime has no sockets of Deno: import from "millrace", or from "millrace/node"');
}

/** Closes a connection, or nothing where somebody else has done that. */
export function closeConn(conn: Pick<DenoConn, 'close'>): void {
  try {
    conn.close();
  } catch {
    // Deno throws BadResource.
  }
}

/** Has small writes sent at once, where it is a connection over TCP. */
export function setNoDelay(conn: DenoConn): void {
  try {
    if ('setNoDelay' in conn) (conn as DenoTcpConn).setNoDelay(true);
  } catch {
    // It was reset already: reading and writing tell that.
  }
}
