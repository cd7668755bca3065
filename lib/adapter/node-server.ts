// A WebSocket server of its own over `node:http` or `node:https`: listening, and stopping. Node, Deno and Bun have them.

import type { IncomingMessage, Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TlsOptions } from 'node:tls';
import { reportError } from '../connection/context.ts';
import { type RefusedHandshake, refuse, serializeHandshake } from '../handshake/server-handshake.ts';
import type { Delivery } from '../job/session-kind.ts';
import { http } from './node-http.ts';
import {
  NodeConnection,
  type NodeSiteOptions,
  toRequestHead,
  toSiteOptions,
  toUpgradedConnection,
} from './node-site.ts';
import { refuseNotFound, type SiteHandler } from './site.ts';
import { SiteServer } from './site-server.ts';

/** Options of `serve`: those of every site, and where to listen. */
export interface ServeOptions<C = undefined, R extends boolean = false, M extends Delivery = 'whole'>
  extends NodeSiteOptions<C, R, M> {
  /** Default: 0, a free port. */
  readonly port?: number;
  /** The address to listen on. Default: `127.0.0.1`; `0.0.0.0` or `::` for all. */
  readonly host?: string;
  /** Serves `wss:`: key and certificate, and what else `node:tls` takes (`SNICallback`, `ca`, `requestCert` …). ALPN is http/1.1. */
  readonly tls?: TlsOptions;
}

/**
 * A server that listens.
 *
 * @example
 * await using server = await serve({ port: 8080 }, handler);
 * for (const session of server.sessions) await session.send('news');
 * const { open, closed } = server.counters; // open: 2, closed: { 1000: 12, 1006: 1 }
 * const report = await server.stop({ timeout: 10_000 });
 */
export class WebSocketServer<C = undefined, R extends boolean = false, M extends Delivery = 'whole'> extends SiteServer<
  C,
  R,
  M
> {
  readonly #http: Server;
  readonly #options: ServeOptions<C, R, M>;
  readonly #connections = new Set<Duplex>();
  // That of all connections, where it listens to one address alone.
  #localAddress: string | undefined;
  // Connections on which a request was answered: nothing more is taken from them.
  readonly #answered = new WeakSet<Duplex>();

  /** Made by {@link serve}. */
  constructor(options: ServeOptions<C, R, M>, handler: SiteHandler<C, R, M>) {
    super(toSiteOptions(options), handler, options.tls !== undefined);
    this.#options = options;
    this.#http = this.#createHttpServer();
  }

  /** Begins to listen. Called by {@link serve}. */
  listen(): Promise<void> {
    const { port = 0, host = '127.0.0.1', userContext } = this.#options;
    return this.open(async () => {
      await new Promise<void>((resolve, reject) => {
        this.#http.once('error', reject);
        this.#http.listen(port, host, () => {
          this.#http.off('error', reject);
          resolve();
        });
      });
      this.#http.on('error', (error) => reportError(userContext ?? {}, error));
      const address = this.#http.address() as AddressInfo;
      if (!/^[0.:]+$/.test(address.address)) this.#localAddress = address.address;
      return { host: address.address, port: address.port };
    });
  }

  protected override get connectionCount(): number {
    return this.#connections.size;
  }

  // They were all refused.
  protected override async finishRequests(): Promise<void> {}

  protected override async close(): Promise<void> {
    const closing = new Promise<void>((resolve) => this.#http.close(() => resolve()));
    for (const socket of this.#connections) socket.destroy();
    await closing;
  }

  #createHttpServer(): Server {
    const { handshakeTimeout, maxHeadSize } = this.site.limits;
    const options = {
      maxHeaderSize: maxHeadSize,
      headersTimeout: handshakeTimeout,
      requestTimeout: handshakeTimeout,
      connectionsCheckingInterval: Math.max(50, Math.min(1000, Math.floor(handshakeTimeout / 4))),
      noDelay: true,
      // The rules answer that too, and count it.
      requireHostHeader: false,
    };
    const { tls } = this.#options;
    const server =
      tls === undefined
        ? http.createServer(options)
        : createTlsServer({ ...options, handshakeTimeout, ...tls, ALPNProtocols: ['http/1.1'] });
    // Node would drop what is over the count in silence; the handshake's own limit answers 431.
    server.maxHeadersCount = 0;
    server.on('connection', (socket) => this.#track(socket));
    server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
    for (const event of ['request', 'checkContinue', 'checkExpectation']) {
      server.on(event, (request: IncomingMessage) => this.#refuseRequest(request));
    }
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => this.#refuseBroken(error, socket));
    return server;
  }

  // One for all sockets, and told once of each.
  readonly #untrack: (this: Duplex) => void = createUntrack(this.#connections);

  #track(socket: Duplex): void {
    this.#connections.add(socket);
    this.site.waiting.add(new NodeConnection(socket));
    socket.on('close', this.#untrack);
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // RFC 9112 §9.6: after "close" has been sent, "the server MUST NOT process any further requests received on that connection".
    if (this.#answered.has(socket)) {
      socket.on('error', () => {});
      return;
    }
    const connection = toUpgradedConnection(request, socket, head, this.#localAddress);
    const parameters = this.site.match(request.url ?? '');
    if (parameters === undefined) return refuseNotFound(this.site, connection);
    this.site.upgrade(toRequestHead(request), connection, parameters);
  }

  // What is no upgrade (a plain GET gets 426). Not by Node's own response, which resets a connection on which more of the request comes.
  #refuseRequest(request: IncomingMessage): void {
    if (this.#answered.has(request.socket)) return;
    this.#answered.add(request.socket);
    this.site.refuseRequest(toRequestHead(request), new NodeConnection(request.socket));
    request.resume();
  }

  // What is no request, or does not come in time. Node tells it again for each chunk behind it.
  #refuseBroken({ code = '' }: NodeJS.ErrnoException, socket: Duplex): void {
    if (this.#answered.has(socket)) return;
    this.#answered.add(socket);
    const refusal = toRefusal(code);
    // A reset, a failed TLS handshake: there is nobody to answer.
    if (refusal === undefined || !socket.writable) return void socket.destroy();
    this.site.refuse(new NodeConnection(socket), serializeHandshake(refusal));
    // Who was too slow is not waited for.
    if (refusal.status === 408) socket.once('finish', () => socket.destroy());
  }
}

function createUntrack(connections: Set<Duplex>): (this: Duplex) => void {
  return function () {
    connections.delete(this);
  };
}

function toRefusal(code: string): RefusedHandshake | undefined {
  if (code === 'HPE_HEADER_OVERFLOW') return refuse(431, 'ERR_WS_HEAD_TOO_LARGE', 'The head is too large');
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return refuse(408, 'ERR_WS_HANDSHAKE', 'The request did not come in time');
  return code.startsWith('HPE_') ? refuse(400, 'ERR_WS_HANDSHAKE', 'The request is no HTTP') : undefined;
}

/**
 * Starts a server that runs the handler on each session. Fulfils when it listens; rejects when it cannot (the port is in use).
 *
 * @throws TypeError, RangeError when an option is wrong.
 *
 * @example
 * const server = await serve({ port: 8080 }, async (session) => {
 *   for await (const message of session) await session.send(message);
 * });
 */
export async function serve<C = undefined, R extends boolean = false, M extends Delivery = 'whole'>(
  options: ServeOptions<C, R, M>,
  handler: SiteHandler<C, R, M>,
): Promise<WebSocketServer<C, R, M>> {
  const server = new WebSocketServer(options, handler);
  await server.listen();
  return server;
}
