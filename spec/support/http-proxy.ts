// A proxy of HTTP that passes on, on node:http or node:https: CONNECT, credentials, and whatever else a test lets it answer. It shares no code with the library.

import { createServer, type IncomingMessage, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TlsOptions } from 'node:tls';
import { within } from './until.ts';

export interface HttpProxyOptions {
  readonly tls?: TlsOptions;
  /** `name:password` that it wants. */
  readonly credentials?: string;
  /** What it does with a CONNECT instead of passing on; true when it has done something. */
  readonly answer?: (socket: Duplex, request: IncomingMessage) => boolean;
  /** The head that accepts. */
  readonly accept?: string;
  /** What is sent in the same write behind that head, and before anything of the target. */
  readonly behind?: Uint8Array;
}

export class HttpProxy implements AsyncDisposable {
  /** What it was asked for: `example.com:80`, with the names of its header fields in their order. */
  readonly asked: string[] = [];
  readonly requests: IncomingMessage[] = [];
  readonly #options: HttpProxyOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(options: HttpProxyOptions) {
    this.#options = options;
    this.#server = options.tls === undefined ? createServer() : createTlsServer(options.tls);
    this.#server.on('connect', (request, socket) => this.#connect(request, socket));
    // A request that is no CONNECT: nobody shall ask that.
    this.#server.on('request', (request, response) => {
      this.asked.push(`${request.method} ${request.url}`);
      response.writeHead(400).end();
    });
    this.#server.on('connection', (socket: Socket) => this.#keep(socket));
  }

  static async open(options: HttpProxyOptions = {}): Promise<HttpProxy> {
    const proxy = new HttpProxy(options);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  get url(): string {
    return `${this.#options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${this.port}`;
  }

  /** Its URL with a user. */
  as(name: string, password: string): string {
    return this.url.replace('//', `//${encodeURIComponent(name)}:${encodeURIComponent(password)}@`);
  }

  /** Connections of both kinds that are not closed yet. */
  get open(): number {
    return this.#sockets.size;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await within(new Promise((resolve) => this.#server.close(resolve)), 'the end of a proxy');
  }

  #connect(request: IncomingMessage, socket: Duplex): void {
    socket.on('error', () => {});
    this.asked.push(`${request.method} ${request.url}`);
    this.requests.push(request);
    const { credentials, answer } = this.#options;
    if (answer?.(socket, request)) return;
    const expected = credentials && `Basic ${Buffer.from(credentials).toString('base64')}`;
    if (expected !== undefined && request.headers['proxy-authorization'] !== expected) {
      socket.end(
        'HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="town"\r\nContent-Length: 6\r\n\r\nNot me',
      );
      return;
    }
    this.#join(socket, request.url ?? '');
  }

  #join(client: Duplex, authority: string): void {
    const { hostname, port } = new URL(`http://${authority}`);
    const server = connect({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 80) });
    this.#keep(server);
    server.once('connect', () => {
      const { accept = 'HTTP/1.1 200 Connection established\r\n\r\n', behind } = this.#options;
      client.write(behind === undefined ? accept : Buffer.concat([Buffer.from(accept, 'latin1'), behind]));
      client.pipe(server).pipe(client);
    });
    server.once('error', (error) => {
      const text = String(error);
      client.end(`HTTP/1.1 502 Bad Gateway\r\nContent-Length: ${text.length}\r\n\r\n${text}`);
    });
    client.once('close', () => server.destroy());
    server.once('close', () => client.end());
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => this.#sockets.delete(socket));
  }
}
