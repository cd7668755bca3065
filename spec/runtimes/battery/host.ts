// What the battery runs on: a way to serve and to connect, whatever carries the bytes.

import type { Handler } from '../../../lib/job/job.ts';
import type { Session } from '../../../lib/job/session.ts';
import type { ConnectOptions, SiteCounters, SiteOptions, StopReport } from '../../../lib/node.ts';
import type { RawClient, RequestOptions } from '../../support/raw-client.ts';

export type ServerOptions = SiteOptions<unknown, boolean, 'whole' | 'streamed'>;
export type ClientOptions = ConnectOptions<boolean, 'whole' | 'streamed'>;

/** A server of a host. */
export interface HostServer extends AsyncDisposable {
  readonly url: string;
  readonly counters: SiteCounters;
  readonly sessions: Iterable<Session<never, never, never>>;
  stop(options?: { readonly timeout?: number }): Promise<StopReport>;
}

export interface Host {
  readonly name: string;
  /** Whether there are sockets under it: opening handshakes, halves, resets. */
  readonly hasSockets: boolean;
  readonly isTls: boolean;
  /** Whose sockets read on although they are paused, and keep what comes: then a sender is not held up. Default: nobody's. */
  readonly readsOn?: 'server' | 'both' | undefined;
  serve(options: ServerOptions, handler: Handler<never, never, never>): Promise<HostServer>;
  /** Connects to a server of this host. */
  connect(server: HostServer, path: string, options: ClientOptions): Promise<Session<never, never, never>>;
  /** Where there are sockets: a client by hand. Its first bytes go out in one packet with the request. */
  raw(server: HostServer, request?: RequestOptions, first?: Uint8Array): Promise<RawClient>;
  /** As {@link raw}; nothing is sent. */
  dial(server: HostServer): Promise<RawClient>;
}
