// What serves the upgrades of one handler on a server of `node:http` or `node:https`: the rules and hooks, the jobs, the refusals, the stop. `serve` has one of
// its own, `attach` one for each call.

import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import {
  type Engine,
  type EngineContext,
  reportError,
  resolveEngine,
  type UserContext,
} from '../connection/context.ts';
import { RetainedBudget } from '../connection/retained-budget.ts';
import { type RequestHead, serializeResponse } from '../handshake/http-head.ts';
import {
  refuse,
  type ServerHandshakeOptions,
  ServerHandshakeRules,
  serializeHandshake,
} from '../handshake/server-handshake.ts';
import type { Handler, Job } from '../job/job.ts';
import type { Session } from '../job/session.ts';
import type { Delivery, KindOptions, Received, Sent } from '../job/session-kind.ts';
import { checkOptions } from '../job/upgrade.ts';
import {
  type AdmissionHooks,
  type PassedOptions,
  pickPassed,
  WebSocketUpgrade,
  type WebSocketUpgradeOptions,
} from '../job/web-socket-upgrade.ts';
import { type Limits, resolveLimits } from '../limits.ts';
import { NodeTransport } from './node-duplex.ts';
import { compilePath, type PathMatcher, type PathParameters } from './path-pattern.ts';
import { PendingUpgrade } from './pending-upgrade.ts';
import { type SessionTotals, SiteTotals } from './site-totals.ts';
import { toTlsFacts } from './tls-facts.ts';
import { WaitingConnections } from './waiting-connections.ts';

/** The options of `serve` and of `attach`. */
export interface SiteOptions<C = undefined, R extends boolean = false, M extends Delivery = 'whole'>
  extends Omit<ServerHandshakeOptions, 'limits'>,
    AdmissionHooks<C>,
    Omit<PassedOptions, 'remoteAddress' | 'tls' | 'limits' | keyof KindOptions>,
    KindOptions<R, M> {
  /** Which paths are upgraded: `/chat/:room`, `/files/*path`; see the syntax of path-to-regexp. Default: all. */
  readonly path?: string;
  /** Stops it when it is aborted, as `stop` does. */
  readonly signal?: AbortSignal;
  /** Where the engine's work runs, for all connections. */
  readonly engineContext?: EngineContext;
  /** Where handlers and hooks run, and where their errors go. */
  readonly userContext?: UserContext;
  /** What is left out is as in `defaultLimits`. */
  readonly limits?: Partial<Limits>;
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

/** Counts since a server was started, or attached. */
export interface SiteCounters extends SessionTotals {
  /** Sessions whose job has not ended. */
  readonly open: number;
  /** Requests that were upgraded: as many as are open and have closed. */
  readonly upgraded: number;
  /** Requests that were refused. */
  readonly refused: number;
}

/** A handler of the sessions that the options choose. */
export type SiteHandler<C, R extends boolean, M extends Delivery> = Handler<C, Received<R, M>, Sent<R>>;

/** The session that such a handler gets. */
export type SiteSession<C, R extends boolean, M extends Delivery> = Session<C, Received<R, M>, Sent<R>>;

/** The upgrades of one handler. */
export class Site<C, R extends boolean = false, M extends Delivery = 'whole'> {
  readonly limits: Limits;
  /** The connections without a place: the refused ones, and what the server adds. */
  readonly waiting: WaitingConnections;
  readonly #options: SiteOptions<C, R, M>;
  readonly #handler: SiteHandler<C, R, M>;
  /** What is the same for each upgrade. */
  readonly #passed: PassedOptions;
  readonly #rules: ServerHandshakeRules;
  readonly #match: PathMatcher;
  readonly #engineContext: EngineContext;
  readonly #engine: Engine;
  readonly #hasHooks: boolean;
  readonly #jobs = new Set<Job<C, Received<R, M>, Sent<R>>>();
  /** Upgrades that are being decided on. */
  readonly #pending = new Map<Duplex, PendingUpgrade>();
  /** Sockets whose upgrade was asked for, until they are closed. */
  readonly #sockets = new Set<Duplex>();
  /** Those of them that were not refused. */
  readonly #places = new Set<Duplex>();
  readonly #totals = new SiteTotals();
  #upgraded = 0;
  #refused = 0;
  #isClosing = false;

  /** @throws TypeError, RangeError when an option is wrong. */
  constructor(options: SiteOptions<C, R, M>, handler: SiteHandler<C, R, M>) {
    if (typeof handler !== 'function') throw new TypeError('Cannot serve: the handler is no function');
    this.limits = resolveLimits(options.limits);
    this.waiting = new WaitingConnections(this.limits.maxConnections);
    // What a connection would throw for is thrown now.
    this.#passed = pickPassed(options);
    checkOptions(this.#passed);
    this.#options = options;
    this.#handler = handler;
    this.#rules = new ServerHandshakeRules(options);
    this.#match = compilePath(options.path);
    this.#engineContext = withBudget(options.engineContext, this.limits.maxRetained);
    this.#engine = resolveEngine(this.#engineContext);
    const { admit, admitOrigin, chooseSubprotocol } = options;
    this.#hasHooks = [admit, admitOrigin, chooseSubprotocol].some((hook) => hook !== undefined);
  }

  get sessions(): Iterable<SiteSession<C, R, M>> {
    return Array.from(this.#jobs, (job) => job.session);
  }

  get counters(): SiteCounters {
    const totals = this.#totals.with(this.sessions);
    return { open: this.#jobs.size, upgraded: this.#upgraded, refused: this.#refused, ...totals };
  }

  /** The parameters of the request's path, or undefined when it is not for this site. */
  match(request: IncomingMessage): PathParameters | undefined {
    return this.#match(request.url ?? '');
  }

  /** Serves an 'upgrade' event whose path is for this site. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Uint8Array, parameters: PathParameters): void {
    // Made first: from now on no error of the socket is without a listener.
    const transport = new NodeTransport(socket, head);
    this.#sockets.add(socket);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      this.#places.delete(socket);
      this.#pending.delete(socket);
    });
    if (this.#isClosing) return this.#refuseForNow(socket, 'The server is stopping');
    if (this.#places.size >= this.limits.maxConnections) return this.#refuseForNow(socket, 'The server is full');
    this.#places.add(socket);
    this.waiting.delete(socket);
    if (this.#hasHooks) return void this.#decide(request, socket, transport, parameters);
    const upgrade = this.#guard(
      () =>
        new WebSocketUpgrade<C, R, M>(toRequestHead(request), this.#upgradeOptions(request, parameters), this.#handler),
    );
    if (upgrade !== undefined) return this.#answer(upgrade, socket, transport);
    this.refuseSocket(socket, serializeHandshake(refuse(500, 'ERR_WS_REFUSED', 'The server failed')));
  }

  // What an extension of the user's throws is told to him, as what a hook of his throws is; it ends this connection alone.
  #guard<T>(action: () => T): T | undefined {
    try {
      return action();
    } catch (error) {
      reportError(this.#options.userContext ?? {}, error);
      return undefined;
    }
  }

  /** Refuses a request that is no upgrade: the rules tell why. Not by Node's own response, which resets a connection on which more of the request comes. */
  refuseRequest(request: IncomingMessage): void {
    const upgrade = new WebSocketUpgrade<C, R, M>(toRequestHead(request), this.#upgradeOptions(request, {}));
    // A request that keeps every rule came as 'upgrade', not here.
    const { status, headers, body } =
      upgrade.status === 101 ? refuse(400, 'ERR_WS_HANDSHAKE', 'The request is no upgrade') : upgrade;
    this.refuseSocket(request.socket, serializeResponse(status, headers, request.method === 'HEAD' ? '' : body));
    request.resume();
  }

  /** Refuses an upgrade with a status, and ends its connection. */
  refuseSocket(socket: Duplex, response: Uint8Array): void {
    this.#refused++;
    this.#places.delete(socket);
    this.waiting.add(socket);
    socket.end(response);
    // What the client still sends is thrown away, so that no reset destroys the response; but not for ever.
    socket.resume();
    const { clock } = this.#engine;
    const timer = clock.setTimeout(() => socket.destroy(), this.limits.closeTimeout);
    socket.once('close', () => clock.clearTimeout(timer));
  }

  /** Refuses new upgrades with 503, and closes all sessions with 1001. Fulfils when all have closed, or after the time. Called once. */
  async close(timeout: number): Promise<{ readonly closed: number }> {
    this.#isClosing = true;
    const jobs = [...this.#jobs];
    let closed = 0;
    for (const { session } of jobs) void session.closed.then(() => closed++);
    const reason = new Error('The server is stopping');
    for (const job of jobs) job.cancel(reason);
    for (const socket of this.#pending.keys()) this.#refusePending(socket, 'The server is stopping');
    await this.#waitFor(Promise.all(jobs.map((job) => job.closed)), timeout);
    return { closed };
  }

  /** Cuts the connections that are left. Gives their number. */
  cut(): number {
    const left = [...this.#sockets];
    for (const socket of left) socket.destroy();
    return left.length;
  }

  // --- Upgrading -----------------------------------------------------------------------------------------------------

  async #decide(
    request: IncomingMessage,
    socket: Duplex,
    transport: NodeTransport,
    parameters: PathParameters,
  ): Promise<void> {
    const pending = new PendingUpgrade(socket, transport, {
      size: this.limits.lookAhead,
      budget: this.#engine.budget,
      onShed: () => this.#refusePending(socket, 'The server is full'),
    });
    this.#pending.set(socket, pending);
    const { admit, admitOrigin, chooseSubprotocol, userContext } = this.#options;
    const options = {
      ...this.#upgradeOptions(request, parameters),
      signal: pending.signal,
      ...(userContext === undefined ? undefined : { userContext }),
      ...(admit === undefined ? undefined : { admit }),
      ...(admitOrigin === undefined ? undefined : { admitOrigin }),
      ...(chooseSubprotocol === undefined ? undefined : { chooseSubprotocol }),
    };
    const upgrade = await WebSocketUpgrade.decide<C, R, M>(toRequestHead(request), options, this.#handler);
    // A client that has gone, or was refused meanwhile, gets no other answer.
    if (!this.#pending.delete(socket) || socket.destroyed) return;
    pending.release();
    if (upgrade.status !== 101) transport.discard();
    this.#answer(upgrade, socket, transport);
  }

  #answer(upgrade: WebSocketUpgrade<C, R, M>, socket: Duplex, transport: NodeTransport): void {
    if (upgrade.status !== 101) return this.refuseSocket(socket, upgrade.response());
    if ('setTimeout' in socket) (socket as Duplex & { setTimeout(time: number): void }).setTimeout(0);
    socket.write(upgrade.response());
    this.#upgraded++;
    const { userContext } = this.#options;
    const job = this.#guard(() => upgrade.upgradeTransport(transport, this.#engineContext, userContext));
    if (job === undefined) return void socket.destroy();
    this.#jobs.add(job);
    void job.closed.then((info) => {
      this.#jobs.delete(job);
      this.#totals.fold(job.session.counters, info);
    });
  }

  #upgradeOptions(request: IncomingMessage, parameters: PathParameters): WebSocketUpgradeOptions<R, M> {
    const { localAddress, remoteAddress } = request.socket;
    const tls = request.socket instanceof TLSSocket ? toTlsFacts(request.socket) : undefined;
    return {
      // Those that tell the kind are of the type that they were given with.
      ...(this.#passed as Pick<WebSocketUpgradeOptions<R, M>, keyof PassedOptions>),
      rules: this.#rules,
      parameters,
      ...(localAddress === undefined ? undefined : { localAddress }),
      ...(remoteAddress === undefined ? undefined : { remoteAddress }),
      ...(tls === undefined ? undefined : { tls }),
    };
  }

  // --- Refusing for now ----------------------------------------------------------------------------------------------

  #refusePending(socket: Duplex, why: string): void {
    const pending = this.#pending.get(socket);
    this.#pending.delete(socket);
    this.#refuseForNow(socket, why);
    pending?.refuse(new Error(why));
  }

  #refuseForNow(socket: Duplex, why: string): void {
    const seconds = String(Math.max(1, Math.ceil(this.limits.closeTimeout / 1000)));
    const refusal = refuse(503, 'ERR_WS_HANDSHAKE', why, [['Retry-After', seconds]]);
    this.refuseSocket(socket, serializeHandshake(refusal));
  }

  // --- Stopping ------------------------------------------------------------------------------------------------------

  #waitFor(all: Promise<unknown>, timeout: number): Promise<void> {
    const { clock } = this.#engine;
    return new Promise((resolve) => {
      const timer = clock.setTimeout(resolve, timeout);
      void all.then(() => {
        clock.clearTimeout(timer);
        resolve();
      });
    });
  }
}

// The context of a server's connections: they have one budget, their own or the one that the user shares among servers.
function withBudget(context: EngineContext = {}, limit: number): EngineContext {
  if (context.budget !== undefined || limit === Number.POSITIVE_INFINITY) return context;
  // By name, since a context may be an object of a class; all of them, or it does not compile.
  const all: { [Name in keyof EngineContext]-?: EngineContext[Name] | undefined } = {
    signal: context.signal,
    clock: context.clock,
    random: context.random,
    scheduler: context.scheduler,
    budget: new RetainedBudget(limit),
  };
  return all as EngineContext;
}

/** Answers an upgrade on a path that nobody serves (RFC 6455 §4.2.2: "the server MUST send an appropriate HTTP error code (such as 404 Not Found)"). */
export function refuseNotFound(site: Pick<Site<never>, 'refuseSocket'>, socket: Duplex): void {
  socket.on('error', () => {});
  site.refuseSocket(socket, serializeHandshake(refuse(404, 'ERR_WS_HANDSHAKE', 'Nothing is served on this path')));
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
