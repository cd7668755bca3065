// A WebSocket server of its own over whatever listens: the sockets of a runtime that has no HTTP server which hands its connections over.

import { reportError } from '../connection/context.ts';
import type { Delivery } from '../job/session-kind.ts';
import type { Fetch } from './fetch-request.ts';
import { HttpConnection, type HttpHost } from './http-connection.ts';
import type { Accepted, Listen, Listener } from './listener.ts';
import type { SiteHandler, SiteOptions } from './site.ts';
import { SiteServer } from './site-server.ts';

/** The options of every site, and who answers plain requests. */
export interface ListeningServerOptions<C = undefined, R extends boolean = false, M extends Delivery = 'whole'>
  extends SiteOptions<C, R, M> {
  /**
   * Answers the requests that are no upgrades, those to other protocols included; its `info` has the addresses of the connection. Default: they are refused, a plain GET with
   * 426. An upgrade on a path that is not served is refused with 404 either way.
   */
  readonly fetch?: Fetch;
}

/**
 * A server that listens. Made by `serve` of the entries for Deno and for Bun.
 *
 * @example
 * import { serve } from 'millrace/deno';
 *
 * await using server = await serve({ fetch: () => new Response('Hello') }, (session) => session.readable.pipeTo(session.writable));
 * console.log(server.url, server.counters.open);
 */
export class ListeningServer<C = undefined, R extends boolean = false, M extends Delivery = 'whole'> extends SiteServer<
  C,
  R,
  M
> {
  readonly #options: ListeningServerOptions<C, R, M>;
  readonly #connections = new Set<HttpConnection>();
  readonly #host: HttpHost;
  #listener: Listener | undefined;
  #busy = 0;
  #whenIdle: () => void = () => {};
  #whenEmpty: () => void = () => {};
  #isClosed = false;

  /**
   * @param isSecure Whether the connections are of TLS, for {@link url}.
   * @throws TypeError, RangeError when an option is wrong.
   */
  constructor(options: ListeningServerOptions<C, R, M>, handler: SiteHandler<C, R, M>, isSecure: boolean) {
    super(options, handler, isSecure);
    if (options.fetch !== undefined && typeof options.fetch !== 'function') {
      throw new TypeError('Cannot serve: fetch is no function');
    }
    this.#options = options;
    this.#host = this.#createHost();
  }

  /** Begins to listen. Rejects as `listen` does, or with the reason of a signal that is aborted already. */
  listen(listen: Listen): Promise<void> {
    const { userContext = {} } = this.#options;
    return this.open(async () => {
      this.#listener = await listen(
        (accepted) => this.#accept(accepted),
        (error) => {
          if (!this.#isClosed) reportError(userContext, error);
        },
      );
      return this.#listener;
    });
  }

  protected override get connectionCount(): number {
    return this.#connections.size;
  }

  protected override finishRequests(timeout: number): Promise<void> {
    if (this.#busy === 0) return Promise.resolve();
    const { clock } = this.site.engine;
    return new Promise((resolve) => {
      const timer = clock.setTimeout(resolve, timeout);
      this.#whenIdle = () => {
        clock.clearTimeout(timer);
        resolve();
      };
    });
  }

  protected override async close(): Promise<void> {
    this.#isClosed = true;
    try {
      const closing = this.#listener?.close();
      await Promise.all([closing, this.#cutAll()]);
    } catch (error) {
      reportError(this.#options.userContext ?? {}, error);
    }
  }

  #createHost(): HttpHost {
    const { fetch, userContext = {} } = this.#options;
    const busy = (): number => this.#busy;
    return {
      site: this.site,
      fetch,
      userContext,
      get busy() {
        return busy();
      },
      answering: () => {
        this.#busy++;
      },
      answered: () => {
        this.#busy--;
        if (this.#busy === 0) this.#whenIdle();
      },
      closed: (connection) => {
        this.#connections.delete(connection);
        if (this.#connections.size === 0) this.#whenEmpty();
      },
    };
  }

  #accept(accepted: Accepted): void {
    const connection = new HttpConnection(accepted, this.#host);
    this.#connections.add(connection);
    connection.begin();
    // One that was accepted before the listener heard of its end.
    if (this.#isClosed) connection.destroy();
  }

  async #cutAll(): Promise<void> {
    if (this.#connections.size === 0) return;
    const empty = new Promise<void>((resolve) => {
      this.#whenEmpty = resolve;
    });
    for (const connection of this.#connections) connection.destroy();
    await empty;
  }
}
