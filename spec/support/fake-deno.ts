// The sockets of Deno, on those of Node: enough of them that what is built on Deno can be seen at work on Node. What Deno's really do, spec/runtimes/deno shows in Deno.

import { once } from 'node:events';
import { connect as connectSocket, createServer, type Server, type Socket } from 'node:net';
import process from 'node:process';
import type { Duplex } from 'node:stream';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import type {
  DenoAddress,
  DenoApi,
  DenoConn,
  DenoListener,
  DenoTcpConn,
  DenoTlsConn,
} from '../../lib/adapter/deno-api.ts';
import { denoError } from './fake-conn.ts';

/** The connections that were made and are not closed. */
export const openConns: Set<DenoConn> = new Set();

/** A connection of Node's as one of Deno's. */
class SocketConn implements DenoTcpConn, DenoTlsConn {
  readonly localAddr: DenoAddress;
  readonly remoteAddr: DenoAddress;
  readonly socket: Duplex;
  readonly #ready: Promise<unknown>;
  #isClosed = false;
  #interrupt: (error: Error) => void = () => {};
  readonly #interrupted: Promise<never>;
  #error: Error | undefined;

  constructor(socket: Duplex, address: { local: DenoAddress; remote: DenoAddress }, ready: Promise<unknown>) {
    this.socket = socket;
    this.localAddr = address.local;
    this.remoteAddr = address.remote;
    this.#ready = ready;
    ready.catch(() => {});
    this.#interrupted = new Promise((_, reject) => {
      this.#interrupt = reject;
    });
    this.#interrupted.catch(() => {});
    socket.on('error', (error) => {
      this.#error ??= error;
    });
    openConns.add(this);
  }

  setNoDelay(): void {}

  async handshake(): Promise<{ readonly alpnProtocol: string | null }> {
    this.#check();
    await Promise.race([this.#ready, this.#interrupted]);
    return { alpnProtocol: (this.socket as TLSSocket).alpnProtocol || null };
  }

  async read(buffer: Uint8Array): Promise<number | null> {
    for (;;) {
      this.#check();
      const most = Math.min(buffer.byteLength, this.socket.readableLength);
      const chunk: Uint8Array | null = most > 0 ? this.socket.read(most) : this.socket.read();
      if (chunk !== null && chunk.byteLength <= buffer.byteLength) {
        buffer.set(chunk);
        return chunk.byteLength;
      }
      if (chunk !== null) this.socket.unshift(chunk);
      else if (this.socket.readableEnded) return null;
      else if (this.#error !== undefined) throw denoError('ConnectionReset');
      else if (this.socket.destroyed) return null;
      else await Promise.race([this.#changed(), this.#interrupted]);
    }
  }

  async write(bytes: Uint8Array): Promise<number> {
    this.#check();
    // In parts, as Deno does.
    const part = bytes.slice(0, 65_536);
    const written = new Promise<void>((resolve, reject) => {
      this.socket.write(part, (error) => (error ? reject(denoError('BrokenPipe')) : resolve()));
    });
    written.catch(() => {});
    await Promise.race([written, this.#interrupted]);
    return part.byteLength;
  }

  async closeWrite(): Promise<void> {
    this.#check();
    await Promise.race([new Promise<void>((resolve) => this.socket.end(() => resolve())), this.#interrupted]);
  }

  close(): void {
    this.#check();
    this.#isClosed = true;
    openConns.delete(this);
    this.socket.destroy();
    this.#interrupt(denoError('Interrupted'));
  }

  /** Gives the socket to TLS. */
  release(): Duplex {
    this.#check();
    this.#isClosed = true;
    openConns.delete(this);
    return this.socket;
  }

  #check(): void {
    if (this.#isClosed) throw denoError('BadResource');
  }

  #changed(): Promise<void> {
    const { socket } = this;
    return new Promise((resolve) => {
      const events = ['readable', 'end', 'error', 'close'];
      const done = (): void => {
        for (const event of events) socket.off(event, done);
        resolve();
      };
      for (const event of events) socket.on(event, done);
    });
  }
}

function addressesOf(socket: Socket): { local: DenoAddress; remote: DenoAddress } {
  const { localAddress, localPort, remoteAddress, remotePort } = socket;
  if (remoteAddress === undefined) return { local: { transport: 'unix' }, remote: { transport: 'unix' } };
  return {
    local: { transport: 'tcp', hostname: localAddress as string, port: localPort as number },
    remote: { transport: 'tcp', hostname: remoteAddress, port: remotePort as number },
  };
}

function over(socket: Socket): SocketConn {
  return new SocketConn(socket, addressesOf(socket), Promise.resolve());
}

/** Deno listens at once, Node in a turn: `accept` waits for both. */
class FakeListener implements DenoListener<SocketConn> {
  addr: DenoAddress;
  readonly #server: Server;
  readonly #waiting: SocketConn[] = [];
  #wake: () => void = () => {};
  #isClosed = false;

  constructor(server: Server, addr: DenoAddress) {
    this.#server = server;
    this.addr = addr;
    server.on('connection', (socket: Socket) => this.#add(socket));
  }

  async accept(): Promise<SocketConn> {
    while (this.#waiting.length === 0) {
      if (this.#isClosed) throw denoError('BadResource', 'Listener has been closed');
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#waiting.shift() as SocketConn;
  }

  close(): void {
    this.#isClosed = true;
    this.#server.close();
    this.#wake();
  }

  #add(socket: Socket): void {
    this.#waiting.push(over(socket));
    this.#wake();
  }
}

async function dial(socket: Socket): Promise<SocketConn> {
  await once(socket, 'connect');
  return over(socket);
}

// Below those that systems give to connections (32,768 and up on Linux): one of them may be in use.
let nextPort = 12_000 + ((process.pid * 8) % 20_000);

/** The API. Ports of servers are chosen here, since Node tells them too late. */
export const fakeDeno: DenoApi = {
  listen: (options: { hostname?: string; port?: number; path?: string }) => {
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: false });
    server.on('error', () => {});
    if (options.path !== undefined) {
      server.listen(options.path);
      return new FakeListener(server, { transport: 'unix', path: options.path });
    }
    const port = options.port || nextPort++;
    server.listen(port, options.hostname);
    return new FakeListener(server, { transport: 'tcp', hostname: options.hostname as string, port });
  },
  listenTls: () => {
    throw new Error('This is not faked');
  },
  connect: (options: { hostname?: string; port?: number; path?: string; signal?: AbortSignal }) => {
    const { path, hostname: host, port } = options;
    if (path !== undefined) return dial(connectSocket({ path, allowHalfOpen: true })) as Promise<DenoTcpConn>;
    return dial(connectSocket({ host: host as string, port: port as number, allowHalfOpen: true }));
  },
  connectTls: async ({ hostname, port, caCerts, cert, key, alpnProtocols }) => {
    const conn = await fakeDeno.connect({ hostname, port });
    const identity = cert === undefined || key === undefined ? {} : { cert, key };
    return startTls(conn as SocketConn, { host: hostname, ca: caCerts, ALPNProtocols: alpnProtocols, ...identity });
  },
  startTls: async (conn, { hostname, caCerts, alpnProtocols }) =>
    startTls(conn as SocketConn, { host: hostname, ca: caCerts, ALPNProtocols: alpnProtocols }),
};

function startTls(conn: SocketConn, options: object): SocketConn {
  const socket = connectTls({ ...options, socket: conn.release() });
  const { localAddr: local, remoteAddr: remote } = conn;
  return new SocketConn(socket, { local, remote }, once(socket, 'secureConnect'));
}

/** Puts it where Deno's own is; gives what takes it away again. */
export function installDeno(api: Partial<DenoApi> = fakeDeno): () => void {
  const before = Object.getOwnPropertyDescriptor(globalThis, 'Deno');
  Object.defineProperty(globalThis, 'Deno', { value: api, configurable: true, writable: true });
  return () => {
    if (before === undefined) Reflect.deleteProperty(globalThis, 'Deno');
    else Object.defineProperty(globalThis, 'Deno', before);
  };
}
