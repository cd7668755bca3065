// What serves the upgrades of one handler, on whatever connections a server has: the rules and hooks, the jobs, the refusals, the stop. `serve` has one of its own,
// `attach` one for each call.

import type { CloseInfo } from '../connection/close-info.ts';
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
import { type Handler, type Job, whenJobEnds } from '../job/job.ts';
import type { Session, TlsFacts } from '../job/session.ts';
import type { Delivery, KindOptions, Received, Sent } from '../job/session-kind.ts';
import type { Stated } from '../job/stated.ts';
import { checkOptions } from '../job/upgrade.ts';
import {
  type AdmissionHooks,
  type PassedOptions,
  pickPassed,
  WebSocketUpgrade,
  type WebSocketUpgradeOptions,
} from '../job/web-socket-upgrade.ts';
import { type Limits, resolveLimits } from '../limits.ts';
import type { Transport } from '../stream/transport.ts';
import { HoldingTransport } from './holding-transport.ts';
import { compilePath, type PathMatcher, type PathParameters } from './path-pattern.ts';
import { PendingUpgrade } from './pending-upgrade.ts';
import { type SessionTotals, SiteTotals } from './site-totals.ts';
import { type WaitingConnection, WaitingConnections } from './waiting-connections.ts';

/** A connection on which an upgrade was asked for, as a site sees it. Made in the turn in which the site is told of it: no error of it is missed. */
export interface SiteConnection extends WaitingConnection {
  /** Not started yet. What came behind the head of the request is delivered first. */
  readonly transport: Transport;
  /** The address that the peer has connected to. */
  readonly localAddress?: string | undefined;
  /** The address of the peer. */
  readonly remoteAddress?: string | undefined;
  readonly tls?: TlsFacts | undefined;
  /** The request as the server has it underneath, for `admit`: of `node:http` its IncomingMessage. */
  readonly incoming?: unknown;
  /** Whether it has closed, or is about to: nobody can be answered. */
  readonly isClosed: boolean;
  /** Writes the head of the 101. The transport is started behind it. */
  accept(response: Uint8Array): void;
  /** Writes a whole response and half-closes the connection. What the client still sends is thrown away, so that no reset destroys the response. */
  respond(response: Uint8Array): void;
  /** Calls back once when it has closed. Never from inside this call. */
  whenClosed(callback: () => void): void;
}

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

/** How a server or an attachment is stopped. */
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
  readonly #pending = new Map<SiteConnection, PendingUpgrade>();
  /** Connections on which an upgrade was asked for, until they are closed, and whether they hold a place: those that were not refused. */
  readonly #connections = new Map<SiteConnection, boolean>();
  #places = 0;
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
    const passed = pickPassed(options);
    const { limits, slowConsumer } = checkOptions(passed);
    // Resolved once: its connections share them.
    this.#passed = { ...passed, limits, slowConsumer };
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

  /** Where the work of its connections runs. */
  get engine(): Engine {
    return this.#engine;
  }

  /** Whether it is stopping: whoever asks is refused. */
  get isClosing(): boolean {
    return this.#isClosing;
  }

  /** The parameters of a request's path, or undefined when it is not for this site. */
  match(url: string): PathParameters | undefined {
    return this.#match(url);
  }

  /** Serves a request that asks for an upgrade, on a path that is for this site. */
  upgrade(head: RequestHead, connection: SiteConnection, parameters: PathParameters): void {
    this.#connections.set(connection, false);
    this.#forgetWhenClosed(connection);
    if (this.#isClosing) return this.refuseForNow(connection, 'The server is stopping');
    if (this.#places >= this.limits.maxConnections) return this.refuseForNow(connection, 'The server is full');
    this.#connections.set(connection, true);
    this.#places++;
    this.waiting.delete(connection);
    if (this.#hasHooks) return void this.#decide(head, connection, parameters);
    const upgrade = this.#guard(
      () => new WebSocketUpgrade<C, R, M>(head, this.#upgradeOptions(connection, parameters), this.#handler),
    );
    if (upgrade !== undefined) return this.#answer(upgrade, connection, connection.transport);
    this.refuse(connection, serializeHandshake(refuse(500, 'ERR_WS_REFUSED', 'The server failed')));
  }

  // By itself, so that what is called then holds the connection and nothing of the request.
  #forgetWhenClosed(connection: SiteConnection): void {
    connection.whenClosed(() => {
      this.#leavePlace(connection);
      this.#connections.delete(connection);
      this.#pending.delete(connection);
    });
  }

  #leavePlace(connection: SiteConnection): void {
    if (this.#connections.get(connection) !== true) return;
    this.#connections.set(connection, false);
    this.#places--;
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

  /** Refuses a request that is no upgrade: the rules tell why. */
  refuseRequest(head: RequestHead, connection: SiteConnection): void {
    const upgrade = new WebSocketUpgrade<C, R, M>(head, this.#upgradeOptions(connection, {}), this.#handler);
    // A request that keeps every rule is an upgrade, and does not come here.
    const { status, headers, body } =
      upgrade.status === 101 ? refuse(400, 'ERR_WS_HANDSHAKE', 'The request is no upgrade') : upgrade;
    this.refuse(connection, serializeResponse(status, headers, head.method === 'HEAD' ? '' : body));
  }

  /** Refuses a request with a response, and ends its connection. The client is waited for, but not for ever. */
  refuse(connection: SiteConnection, response: Uint8Array): void {
    this.#refused++;
    this.#leavePlace(connection);
    this.waiting.add(connection);
    connection.respond(response);
    const { clock } = this.#engine;
    const timer = clock.setTimeout(() => connection.destroy(), this.limits.closeTimeout);
    connection.whenClosed(() => clock.clearTimeout(timer));
  }

  /** Refuses with 503: who asks again later may be served. */
  refuseForNow(connection: SiteConnection, why: string): void {
    const seconds = String(Math.max(1, Math.ceil(this.limits.closeTimeout / 1000)));
    const refusal = refuse(503, 'ERR_WS_HANDSHAKE', why, [['Retry-After', seconds]]);
    this.refuse(connection, serializeHandshake(refusal));
  }

  /** Refuses new upgrades with 503, and closes all sessions with 1001. Fulfils when all have closed, or after the time. Called once. */
  async close(timeout: number): Promise<{ readonly closed: number }> {
    this.#isClosing = true;
    const jobs = [...this.#jobs];
    let closed = 0;
    for (const { session } of jobs) void session.closed.then(() => closed++);
    const reason = new Error('The server is stopping');
    for (const job of jobs) job.cancel(reason);
    for (const connection of this.#pending.keys()) this.#refusePending(connection, 'The server is stopping');
    await this.#waitFor(Promise.all(jobs.map((job) => job.closed)), timeout);
    return { closed };
  }

  /** Cuts the connections that are left. Gives their number. */
  cut(): number {
    const left = [...this.#connections.keys()];
    for (const connection of left) connection.destroy();
    return left.length;
  }

  // --- Upgrading -----------------------------------------------------------------------------------------------------

  async #decide(head: RequestHead, connection: SiteConnection, parameters: PathParameters): Promise<void> {
    const { transport } = connection;
    const holding = transport instanceof HoldingTransport ? transport : new HoldingTransport(transport);
    const pending = new PendingUpgrade(connection, holding, {
      size: this.limits.lookAhead,
      budget: this.#engine.budget,
      onShed: () => this.#refusePending(connection, 'The server is full'),
    });
    this.#pending.set(connection, pending);
    pending.begin();
    if (!this.#pending.has(connection)) return;
    const { admit, admitOrigin, chooseSubprotocol, userContext } = this.#options;
    const options = {
      ...this.#upgradeOptions(connection, parameters),
      signal: pending.signal,
      ...(userContext === undefined ? undefined : { userContext }),
      ...(admit === undefined ? undefined : { admit: tellMore(admit, connection.incoming) }),
      ...(admitOrigin === undefined ? undefined : { admitOrigin }),
      ...(chooseSubprotocol === undefined ? undefined : { chooseSubprotocol }),
    };
    const upgrade = await WebSocketUpgrade.decide<C, R, M>(head, options, this.#handler);
    // A client that has gone, or was refused meanwhile, gets no other answer.
    if (!this.#pending.delete(connection) || connection.isClosed) return;
    pending.release();
    if (upgrade.status !== 101) holding.discard();
    this.#answer(upgrade, connection, holding);
  }

  #answer(upgrade: WebSocketUpgrade<C, R, M>, connection: SiteConnection, transport: Transport): void {
    if (upgrade.status !== 101) return this.refuse(connection, upgrade.response());
    connection.accept(upgrade.response());
    this.#upgraded++;
    const { userContext } = this.#options;
    const job = this.#guard(() => upgrade.upgradeTransport(transport, this.#engineContext, userContext));
    if (job === undefined) return connection.destroy();
    this.#jobs.add(job);
    whenJobEnds(job, this.#jobEnded);
  }

  // One for all jobs, not a promise for each.
  readonly #jobEnded = (job: Job<C, Received<R, M>, Sent<R>>, info: CloseInfo): void => {
    this.#jobs.delete(job);
    this.#totals.fold(job.session.counters, info);
  };

  #upgradeOptions(connection: SiteConnection, parameters: PathParameters): WebSocketUpgradeOptions<R, M> {
    const { localAddress, remoteAddress, tls } = connection;
    const { limits, fragmentSize, slowConsumer, messages, raw, rsvBits } = this.#passed;
    const all: Stated<PassedOptions & Pick<WebSocketUpgradeOptions, 'rules' | 'parameters' | 'localAddress'>> = {
      rules: this.#rules,
      parameters,
      localAddress,
      remoteAddress,
      tls,
      limits,
      fragmentSize,
      slowConsumer,
      messages,
      raw,
      rsvBits,
    };
    // Those that tell the kind are of the type that they were given with.
    return all as WebSocketUpgradeOptions<R, M>;
  }

  #refusePending(connection: SiteConnection, why: string): void {
    const pending = this.#pending.get(connection);
    this.#pending.delete(connection);
    this.refuseForNow(connection, why);
    pending?.refuse(new Error(why));
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

// What it is called with may have more than its type says: that of a server of Node's does.
function tellMore<C>(admit: NonNullable<AdmissionHooks<C>['admit']>, incoming: unknown): typeof admit {
  if (incoming === undefined) return admit;
  return (request, options) => {
    const more = { ...options, incoming };
    return admit(request, more);
  };
}

/** Answers an upgrade on a path that nobody serves (RFC 6455 §4.2.2: "the server MUST send an appropriate HTTP error code (such as 404 Not Found)"). */
export function refuseNotFound(site: Pick<Site<never>, 'refuse'>, connection: SiteConnection): void {
  site.refuse(connection, serializeHandshake(refuse(404, 'ERR_WS_HANDSHAKE', 'Nothing is served on this path')));
}
