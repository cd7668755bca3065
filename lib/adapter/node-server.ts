// A WebSocket server over `node:http`: listening, upgrading, refusing, stopping. Node, Deno and Bun have it.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { RequestHead } from '../handshake/http-head.ts';
import {
  refuse,
  type ServerHandshakeOptions,
  ServerHandshakeRules,
  serializeHandshake,
} from '../handshake/server-handshake.ts';
import { type EngineContext, reportError, resolveEngine, type UserContext } from '../job/context.ts';
import { Deferred } from '../job/deferred.ts';
import type { Handler, Job } from '../job/job.ts';
import type { Session } from '../job/session.ts';
import { onAbort } from '../job/signal-registry.ts';
import { WebSocketUpgrade } from '../job/web-socket-upgrade.ts';
import { type ConnectionLimits, type HandshakeLimits, resolveLimits } from '../limits.ts';
import { NodeTransport } from './node-duplex.ts';

export interface ServeOptions extends Omit<ServerHandshakeOptions, 'limits'> {
  /** Default: 0, a free port. */
  readonly port?: number;
  /** The address to listen on. Default: `127.0.0.1`; `0.0.0.0` or `::` for all. */
  readonly host?: string;
  /** Stops the server when it is aborted. */
  readonly signal?: AbortSignal;
  /** Where the engine's work runs, for all connections of the server. */
  readonly engineContext?: EngineContext;
  /** Where handlers run, and where their errors go. */
  readonly userContext?: UserContext;
  /** What is left out is as in `defaultLimits`. */
  readonly limits?: Partial<ConnectionLimits & HandshakeLimits>;
  /** The most bytes of payload of a frame that is sent; longer messages go out in fragments. Default: no limit. */
  readonly fragmentSize?: number;
}

export interface StopOptions {
  /** How long sessions may take to close before they are cut, in milliseconds. Default: the limit `closeTimeout`. */
  readonly timeout?: number;
}

/** What a stop has done. */
export interface StopReport {
  /** Sessions that closed within the time. */
  readonly closed: number;
  /** Connections that had to be cut, those in the opening handshake included. */
  readonly cut: number;
}

/** Counts of a server since it was started. */
export interface ServerCounters {
  /** Sessions that are open. */
  readonly open: number;
  /** Connections, those without a session (yet) included. */
  readonly connections: number;
  /** Requests that were upgraded. */
  readonly upgraded: number;
  /** Requests that were refused. */
  readonly refused: number;
}

/** A server that listens. */
export class WebSocketServer implements AsyncDisposable {
  readonly #http: Server;
  readonly #options: ServeOptions;
  readonly #handler: Handler;
  readonly #rules: ServerHandshakeRules;
  readonly #limits: ConnectionLimits & HandshakeLimits;
  readonly #engineContext: EngineContext;
  readonly #connections = new Set<Duplex>();
  // Connections on which a request was answered: nothing more is taken from them.
  readonly #answered = new WeakSet<Duplex>();
  readonly #jobs = new Set<Job>();
  #upgraded = 0;
  #refused = 0;
  #address: AddressInfo | undefined;
  #stopping: Promise<StopReport> | undefined;

  /** Made by {@link serve}. */
  constructor(options: ServeOptions, handler: Handler) {
    const { fragmentSize } = options;
    if (fragmentSize !== undefined && !(Number.isSafeInteger(fragmentSize) && fragmentSize > 0)) {
      throw new RangeError(`Cannot serve: the fragment size ${fragmentSize} is no positive number of bytes`);
    }
    this.#options = options;
    this.#handler = handler;
    this.#rules = new ServerHandshakeRules(options);
    this.#limits = resolveLimits(options.limits);
    this.#engineContext = options.engineContext ?? {};
    this.#http = this.#createHttpServer();
  }

  /** The address that the server listens on. */
  get host(): string {
    return this.#address?.address ?? '';
  }

  /** The port that the server listens on. */
  get port(): number {
    return this.#address?.port ?? 0;
  }

  /** `ws://` and the address. */
  get url(): string {
    return `ws://${this.host.includes(':') ? `[${this.host}]` : this.host}:${this.port}`;
  }

  /** The sessions that are open now. */
  get sessions(): Iterable<Session> {
    return Array.from(this.#jobs, (job) => job.session);
  }

  get counters(): ServerCounters {
    return {
      open: this.#jobs.size,
      connections: this.#connections.size,
      upgraded: this.#upgraded,
      refused: this.#refused,
    };
  }

  /** Begins to listen. Called by {@link serve}. */
  async listen(): Promise<void> {
    const { port = 0, host = '127.0.0.1', signal, userContext } = this.#options;
    signal?.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      this.#http.once('error', reject);
      this.#http.listen(port, host, () => {
        this.#http.off('error', reject);
        resolve();
      });
    });
    this.#http.on('error', (error) => reportError(userContext ?? {}, error));
    this.#address = this.#http.address() as AddressInfo;
    if (signal !== undefined) {
      const release = onAbort(signal, () => void this.stop());
      this.#http.once('close', release);
    }
  }

  /**
   * Stops: new upgrades get 503 with Retry-After, sessions are closed with 1001, what has not closed in time is cut, and the port is free. Never rejects; further
   * calls give the same report.
   */
  stop(options: StopOptions = {}): Promise<StopReport> {
    if (this.#stopping === undefined) {
      // Known before anybody is told: a session's abort listener may call this again.
      const stopped = new Deferred<StopReport>();
      this.#stopping = stopped.promise;
      void this.#stop(options.timeout ?? this.#limits.closeTimeout).then(stopped.resolve);
    }
    return this.#stopping;
  }

  /** Stops with the defaults: `await using server = await serve(…)`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  // --- Requests ------------------------------------------------------------------------------------------------------

  #createHttpServer(): Server {
    const { handshakeTimeout, maxHeadSize } = this.#limits;
    const http = createServer({
      maxHeaderSize: maxHeadSize,
      headersTimeout: handshakeTimeout,
      requestTimeout: handshakeTimeout,
      connectionsCheckingInterval: Math.max(50, Math.min(1000, Math.floor(handshakeTimeout / 4))),
      noDelay: true,
    });
    // Node would drop what is over the count in silence; the handshake's own limit answers 431.
    http.maxHeadersCount = 0;
    http.on('connection', (socket) => this.#track(socket));
    http.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
    http.on('request', (request, response) => this.#refuseRequest(request, response));
    return http;
  }

  #track(socket: Duplex): void {
    this.#connections.add(socket);
    socket.once('close', () => this.#connections.delete(socket));
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // Made first: from now on no error of the socket is without a listener.
    const transport = new NodeTransport(socket, head);
    // RFC 9112 §9.6: after "close" has been sent, "the server MUST NOT process any further requests received on that connection".
    if (this.#answered.has(socket)) return;
    if (this.#stopping !== undefined) return this.#refuseSocket(socket, this.#unavailable());
    const upgrade = this.#createUpgrade(request);
    if (upgrade.status !== 101) return this.#refuseSocket(socket, upgrade.response());
    request.socket.setTimeout(0);
    socket.write(upgrade.response());
    this.#upgraded++;
    this.#start(upgrade.upgradeTransport(transport, this.#engineContext, this.#options.userContext));
  }

  #createUpgrade(request: IncomingMessage): WebSocketUpgrade {
    const { localAddress, remoteAddress } = request.socket;
    const { fragmentSize, limits } = this.#options;
    return new WebSocketUpgrade(
      toRequestHead(request),
      {
        rules: this.#rules,
        ...(localAddress === undefined ? undefined : { localAddress }),
        ...(remoteAddress === undefined ? undefined : { remoteAddress }),
        ...(limits === undefined ? undefined : { limits }),
        ...(fragmentSize === undefined ? undefined : { fragmentSize }),
      },
      this.#handler,
    );
  }

  #start(job: Job): void {
    this.#jobs.add(job);
    void job.closed.then(() => this.#jobs.delete(job));
  }

  // What is no upgrade: the rules tell why (a plain GET gets 426).
  #refuseRequest(request: IncomingMessage, response: ServerResponse): void {
    if (this.#answered.has(request.socket)) return;
    this.#answered.add(request.socket);
    this.#refused++;
    const { status, headers, body } = this.#createUpgrade(request);
    // A request that keeps every rule came as 'upgrade', not here.
    response.writeHead(status === 101 ? 400 : status, headers.flat() as string[]);
    response.end(request.method === 'HEAD' ? undefined : body);
  }

  #refuseSocket(socket: Duplex, response: Uint8Array): void {
    this.#refused++;
    socket.end(response);
    // What the client still sends is thrown away, so that no reset destroys the response; but not for ever.
    socket.resume();
    const { clock } = resolveEngine(this.#engineContext);
    const timer = clock.setTimeout(() => socket.destroy(), this.#limits.closeTimeout);
    socket.once('close', () => clock.clearTimeout(timer));
  }

  #unavailable(): Uint8Array {
    const seconds = String(Math.max(1, Math.ceil(this.#limits.closeTimeout / 1000)));
    return serializeHandshake(refuse(503, 'ERR_WS_HANDSHAKE', 'The server is stopping', [['Retry-After', seconds]]));
  }

  // --- Stopping ------------------------------------------------------------------------------------------------------

  async #stop(timeout: number): Promise<StopReport> {
    const jobs = [...this.#jobs];
    let closed = 0;
    for (const { session } of jobs) void session.closed.then(() => closed++);
    for (const job of jobs) job.cancel(new Error('The server is stopping'));
    const { clock } = resolveEngine(this.#engineContext);
    const all = Promise.all(jobs.map((job) => job.closed));
    await new Promise<void>((resolve) => {
      const timer = clock.setTimeout(resolve, timeout);
      void all.then(() => {
        clock.clearTimeout(timer);
        resolve();
      });
    });
    const report = { closed, cut: this.#connections.size };
    const closing = new Promise<void>((resolve) => this.#http.close(() => resolve()));
    for (const socket of this.#connections) socket.destroy();
    await closing;
    return report;
  }
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
export async function serve(options: ServeOptions, handler: Handler): Promise<WebSocketServer> {
  if (typeof handler !== 'function') throw new TypeError('Cannot serve: the handler is no function');
  const server = new WebSocketServer(options, handler);
  await server.listen();
  return server;
}

/** The head of a request of `node:http`, with every header field as it came. */
export function toRequestHead(request: IncomingMessage): RequestHead {
  const { method = '', url = '', httpVersion, rawHeaders } = request;
  const headers: [string, string][] = [];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    headers.push([rawHeaders[index] as string, rawHeaders[index + 1] as string]);
  }
  return { method, url, httpVersion, headers };
}
