// What every server of its own has, whatever it listens with: where it listens, its sessions and counters, and how it stops.

import { Once } from '../connection/deferred.ts';
import type { Delivery } from '../job/session-kind.ts';
import { onAbort } from '../job/signal-registry.ts';
import {
  Site,
  type SiteCounters,
  type SiteHandler,
  type SiteOptions,
  type SiteSession,
  type StopOptions,
  type StopReport,
} from './site.ts';

/** Counts of a server since it was started. What was no request, or did not come in time, is counted as refused too. */
export interface ServerCounters extends SiteCounters {
  /** Connections, those without a session (yet) included. */
  readonly connections: number;
}

/** Where a server listens. */
export interface ServerAddress {
  readonly host: string;
  readonly port: number;
}

/** A server that listens. */
export abstract class SiteServer<C = undefined, R extends boolean = false, M extends Delivery = 'whole'>
  implements AsyncDisposable
{
  /** @internal */
  protected readonly site: Site<C, R, M>;
  readonly #isSecure: boolean;
  readonly #signal: AbortSignal | undefined;
  readonly #stopping = new Once<StopReport>();
  #address: ServerAddress | undefined;
  #release: () => void = () => {};

  constructor(options: SiteOptions<C, R, M>, handler: SiteHandler<C, R, M>, isSecure: boolean) {
    this.site = new Site(options, handler);
    this.#signal = options.signal;
    this.#isSecure = isSecure;
  }

  /** The address that the server listens on. */
  get host(): string {
    return this.#address?.host ?? '';
  }

  /** The port that the server listens on. */
  get port(): number {
    return this.#address?.port ?? 0;
  }

  /** `ws://` or `wss://` and the address. */
  get url(): string {
    const scheme = this.#isSecure ? 'wss' : 'ws';
    return `${scheme}://${this.host.includes(':') ? `[${this.host}]` : this.host}:${this.port}`;
  }

  /** The sessions that are open now. */
  get sessions(): Iterable<SiteSession<C, R, M>> {
    return this.site.sessions;
  }

  get counters(): ServerCounters {
    return { ...this.site.counters, connections: this.connectionCount };
  }

  /**
   * Stops: new upgrades get 503 with Retry-After, sessions are closed with 1001, what has not closed in time is cut, and the port is free. Never rejects; further
   * calls give the same report.
   */
  stop(options: StopOptions = {}): Promise<StopReport> {
    return this.#stopping.run(() => this.#stop(options.timeout ?? this.site.limits.closeTimeout));
  }

  /** Stops with the defaults: `await using server = await serve(…)`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** @internal How many connections there are. */
  protected abstract get connectionCount(): number;

  /** @internal Fulfils when the requests are answered that are no upgrades, or after the time. New ones are refused already. */
  protected abstract finishRequests(timeout: number): Promise<void>;

  /** @internal Cuts all connections that are left, and stops listening. Fulfils when the port is free. Must not reject. */
  protected abstract close(): Promise<void>;

  /** @internal Begins to listen, and stops when the signal of the options is aborted. Rejects as `listen` does. */
  protected async open(listen: () => Promise<ServerAddress>): Promise<void> {
    this.#signal?.throwIfAborted();
    this.#address = await listen();
    if (this.#signal !== undefined) this.#release = onAbort(this.#signal, () => void this.stop());
  }

  async #stop(timeout: number): Promise<StopReport> {
    this.#release();
    const closing = this.site.close(timeout);
    const [{ closed }] = await Promise.all([closing, this.finishRequests(timeout)]);
    // Those without a session too: idle ones, and those in the middle of a request.
    const cut = this.connectionCount;
    await this.close();
    return { closed, cut };
  }
}
