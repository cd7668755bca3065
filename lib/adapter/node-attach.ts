// WebSockets on a server of the application's own: an `http.Server` or `https.Server` with its request listener (Express, say). Its plain requests stay its
// own; upgrades go to the handler whose path matches.

import { type IncomingMessage, type Server, ServerResponse } from 'node:http';
import type { Server as TlsServer } from 'node:https';
import type { Duplex } from 'node:stream';
import { Once } from '../connection/deferred.ts';
import { parseTokenList } from '../handshake/http-head.ts';
import type { Delivery } from '../job/session-kind.ts';
import { onAbort } from '../job/signal-registry.ts';
import { toRequestHead, toUpgradedConnection } from './node-site.ts';
import {
  refuseNotFound,
  Site,
  type SiteCounters,
  type SiteHandler,
  type SiteOptions,
  type SiteSession,
  type StopOptions,
  type StopReport,
} from './site.ts';

/** The upgrades of one handler on a server of the application's own. */
export interface Attachment<C = undefined, R extends boolean = false, M extends Delivery = 'whole'>
  extends AsyncDisposable {
  /** The sessions that are open now. */
  readonly sessions: Iterable<SiteSession<C, R, M>>;
  /** Counts since it was attached. */
  readonly counters: SiteCounters;
  /**
   * Stops: new upgrades on the path get 503 with Retry-After, sessions are closed with 1001, and what has not closed in time is cut; then the path is nobody's
   * again. The server goes on. Never rejects; further calls give the same report.
   */
  stop(options?: StopOptions): Promise<StopReport>;
}

type AnySite = Pick<Site<unknown>, 'match' | 'upgrade' | 'refuse'>;

/** The sites of one server, behind one listener. */
class Router {
  readonly sites: AnySite[] = [];
  readonly #server: Server | TlsServer;
  readonly #listener = (request: IncomingMessage, socket: Duplex, head: Buffer): void =>
    this.#route(request, socket, head);

  constructor(server: Server | TlsServer) {
    this.#server = server;
  }

  add(site: AnySite): void {
    if (this.sites.push(site) === 1) this.#server.on('upgrade', this.#listener);
  }

  remove(site: AnySite): void {
    const index = this.sites.indexOf(site);
    if (index >= 0) this.sites.splice(index, 1);
    if (this.sites.length === 0) this.#server.off('upgrade', this.#listener);
  }

  // The first that matches, in the order in which they were attached.
  #route(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const isForOthers = this.#server.listenerCount('upgrade') > 1;
    if (isWebSocket(request)) {
      for (const site of this.sites) {
        const parameters = site.match(request.url ?? '');
        if (parameters === undefined) continue;
        return site.upgrade(toRequestHead(request), toUpgradedConnection(socket, head), parameters);
      }
      if (!isForOthers) refuseNotFound(this.sites[0] as AnySite, toUpgradedConnection(socket, head));
    } else if (!isForOthers) {
      this.#giveBack(request, socket);
    }
  }

  // Without an 'upgrade' listener Node would have ignored the Upgrade of another protocol (h2c), as RFC 9110 §7.8 allows, and the application would have
  // answered the request. Node has let go of its parser: the connection ends with the response.
  #giveBack(request: IncomingMessage, socket: Duplex): void {
    socket.on('error', () => socket.destroy());
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(request.socket);
    response.on('finish', () => {
      response.detachSocket(request.socket);
      socket.end();
      socket.resume();
    });
    this.#server.emit('request', request, response);
  }
}

const routers = new WeakMap<Server | TlsServer, Router>();

/**
 * Runs the handler on each session that is upgraded on the server, on the paths that `path` matches. Several can be attached to one server, each with its own
 * options. What matches none is left to other 'upgrade' listeners; without one it is answered with 404.
 *
 * @throws TypeError, RangeError when an option is wrong; the signal's reason when it is aborted already.
 *
 * @example
 * const chat = attach(server, { path: '/chat/:room', admit: authenticate }, async (session) => {
 *   for await (const message of session) publish(session.request.parameters.room, message);
 * });
 */
export function attach<C = undefined, R extends boolean = false, M extends Delivery = 'whole'>(
  server: Server | TlsServer,
  options: SiteOptions<C, R, M>,
  handler: SiteHandler<C, R, M>,
): Attachment<C, R, M> {
  const { signal } = options;
  signal?.throwIfAborted();
  const site = new Site(options, handler);
  const router = routers.get(server) ?? new Router(server);
  routers.set(server, router);
  router.add(site as AnySite);
  const stopping = new Once<StopReport>();
  const stop = async (timeout: number): Promise<StopReport> => {
    release();
    const { closed } = await site.close(timeout);
    router.remove(site as AnySite);
    return { closed, cut: site.cut() };
  };
  const attachment: Attachment<C, R, M> = {
    get sessions() {
      return site.sessions;
    },
    get counters() {
      return site.counters;
    },
    stop({ timeout = site.limits.closeTimeout } = {}) {
      return stopping.run(() => stop(timeout));
    },
    async [Symbol.asyncDispose]() {
      await attachment.stop();
    },
  };
  const release = signal === undefined ? () => {} : onAbort(signal, () => void attachment.stop());
  return attachment;
}

function isWebSocket(request: IncomingMessage): boolean {
  const protocols = parseTokenList([request.headers.upgrade ?? '']);
  return protocols === undefined || protocols.some((protocol) => protocol.toLowerCase() === 'websocket');
}
