// WebSockets on a server of the application's own: an `http.Server` or `https.Server` with its request listener (Express, say). Its plain requests stay its
// own; upgrades go to the handler whose path matches.

import { resolveEngine } from '../connection/context.ts';
import { Once } from '../connection/deferred.ts';
import type { Delivery } from '../job/session-kind.ts';
import { onAbort } from '../job/signal-registry.ts';
import { type NodeSiteOptions, toSiteOptions } from './node-site.ts';
import {
  Site,
  type SiteCounters,
  type SiteHandler,
  type SiteSession,
  type StopOptions,
  type StopReport,
} from './site.ts';
import { type HttpServer, type RoutedSite, routerOf } from './upgrade-router.ts';

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

/**
 * Runs the handler on each session that is upgraded on the server, on the paths that `path` matches. Several can be attached to one server, each with its own
 * options, before it listens or later. What matches is not shown to other 'upgrade' listeners of the server; what matches none is left to them. Where there are none, or none
 * of them has begun to answer within the limit `handshakeTimeout`, it is answered with 404. Plain requests stay the application's.
 *
 * `server.close()` waits for open sessions, as for all connections: call {@link Attachment.stop} first.
 *
 * @throws TypeError when it is no server that speaks HTTP/1.1; TypeError, RangeError when an option is wrong; the signal's reason when it is aborted already.
 *
 * @example
 * const chat = attach(server, { path: '/chat/:room', admit: authenticate }, async (session) => {
 *   const room = session.request?.parameters['room'];
 *   for await (const message of session) await session.send(`${session.context.user} in ${room}: ${message}`);
 * });
 */
export function attach<C = undefined, R extends boolean = false, M extends Delivery = 'whole'>(
  server: HttpServer,
  options: NodeSiteOptions<C, R, M>,
  handler: SiteHandler<C, R, M>,
): Attachment<C, R, M> {
  const { signal } = options;
  signal?.throwIfAborted();
  const site = new Site(toSiteOptions(options), handler);
  const router = routerOf(server);
  const { clock } = resolveEngine(options.engineContext);
  router.add(site as RoutedSite, { clock, timeout: site.limits.handshakeTimeout });
  const stopping = new Once<StopReport>();
  const stop = async (timeout: number): Promise<StopReport> => {
    release();
    const { closed } = await site.close(timeout);
    router.remove(site as RoutedSite);
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
