// A server by hand for clients: it reads the head of the request and answers with whatever the test says, over TCP, TLS or a socket of the file system. It shares no code with the
// library.

import { createHash } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket, type TlsOptions } from 'node:tls';
import { RawClient } from './raw-client.ts';
import { within } from './until.ts';

/** A client that has connected. */
export class Caller {
  /** The connection: what is sent and received on it. */
  readonly raw: RawClient;
  /** The head of the request, once it was {@link read}. */
  head = '';

  constructor(socket: Socket) {
    this.raw = new RawClient(socket);
  }

  get socket(): Socket {
    return this.raw.socket;
  }

  /** Reads the head of the request. */
  async read(): Promise<this> {
    while (!this.head.endsWith('\r\n\r\n')) this.head += (await this.raw.take(1)).toString('latin1');
    return this;
  }

  /** The value of a header field of the request; undefined without one. */
  field(name: string): string | undefined {
    const start = `${name.toLowerCase()}:`;
    const line = this.head.split('\r\n').find((one) => one.toLowerCase().startsWith(start));
    return line?.slice(start.length).trim();
  }

  /** What Sec-WebSocket-Accept must say. */
  get accept(): string {
    const text = `${this.field('sec-websocket-key')}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
    return createHash('sha1').update(text).digest('base64');
  }

  /** The head of a good response, with more fields. */
  good(fields = ''): string {
    return `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${this.accept}\r\n${fields}\r\n`;
  }

  /** Sends the parts in one write; each character of a text is a byte. */
  send(...parts: readonly (string | Uint8Array)[]): void {
    this.raw.send(...parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part)));
  }

  /** Whether the connection is over on our side. */
  get isGone(): boolean {
    return this.socket.destroyed;
  }
}

export interface AnsweringServerOptions {
  readonly tls?: TlsOptions;
  /** The path of a socket, instead of a port. */
  readonly path?: string;
}

/** Calls back for each connection. */
export class AnsweringServer implements AsyncDisposable {
  readonly callers: Caller[] = [];
  /** What failed before there was a connection: TLS handshakes. */
  readonly failures: Error[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #scheme: string;

  constructor(answer: (caller: Caller) => unknown, { tls }: AnsweringServerOptions) {
    const connected = (socket: Socket): void => {
      socket.on('error', () => {});
      const caller = new Caller(socket);
      this.callers.push(caller);
      // A caller that goes away while it is read is no failure of the test.
      void Promise.resolve(answer(caller)).catch(() => socket.destroy());
    };
    this.#scheme = tls === undefined ? 'ws' : 'wss';
    if (tls === undefined) this.#server = createServer(connected);
    else this.#server = createTlsServer(tls, (socket: TLSSocket) => connected(socket));
    this.#server.on('tlsClientError', (error) => this.failures.push(error));
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  /** By default it reads requests and says nothing. */
  static async open(
    answer: (caller: Caller) => unknown = (caller) => caller.read(),
    options: AnsweringServerOptions = {},
  ): Promise<AnsweringServer> {
    const server = new AnsweringServer(answer, options);
    const { path } = options;
    await new Promise<void>((resolve) => {
      if (path === undefined) server.#server.listen(0, '127.0.0.1', resolve);
      else server.#server.listen(path, resolve);
    });
    return server;
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  get url(): string {
    return `${this.#scheme}://127.0.0.1:${this.port}`;
  }

  /** Connections that are not closed yet. */
  get open(): number {
    return this.#sockets.size;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await within(new Promise((resolve) => this.#server.close(resolve)), 'the end of a server');
  }
}
