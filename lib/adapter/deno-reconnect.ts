// Reconnection on Deno: `reconnect` over its `connect`.

import type { Delivery, Received } from '../job/session-kind.ts';
import type { ReconnectOptions, UrlSource } from '../reconnect/reconnect-options.ts';
import type { ReconnectingSession } from '../reconnect/reconnecting-session.ts';
import type { Open } from '../reconnect/reconnector.ts';
import { connect, type DenoConnectOptions } from './deno-connect.ts';
import { reconnectOver } from './reconnect-over.ts';

/** Options of each connection: those of `connect` that are not of all of them. */
export type DenoReconnectConnectOptions = Omit<
  DenoConnectOptions,
  'raw' | 'messages' | 'signal' | 'engineContext' | 'userContext'
>;

/** Options of `reconnect`. */
export interface DenoReconnectOptions<M extends Delivery = 'whole'>
  extends ReconnectOptions<DenoReconnectConnectOptions, M, Received<false, M>> {
  /** Whether the process goes on while the next try is waited for, as it does while there is a connection. The engine's own timers keep no process alive. Default: true. */
  readonly keepsProcess?: boolean;
}

/**
 * Connects to a WebSocket server, and connects again when the connection is lost, after a random delay (RFC 6455 §7.2.3). Gives at once a session that outlives its connections.
 *
 * @param url As `connect` takes it; or a function that gives it for each try.
 * @throws TypeError, RangeError when an option of its own is wrong. What is wrong with an option of `connect` ends it: `closed` tells, and whoever receives.
 *
 * @example
 * const feed = reconnect('wss://example.com/feed', {
 *   connect: async ({ signal }) => ({ headers: { Authorization: `Bearer ${await freshToken(signal)}` } }),
 *   onOpen: (session) => session.send(JSON.stringify({ since: last })),
 * });
 * for await (const message of feed) last = apply(message);
 */
export function reconnect<M extends Delivery = 'whole'>(
  url: UrlSource,
  options: DenoReconnectOptions<M> = {},
): ReconnectingSession<M, Received<false, M>> {
  return reconnectOver<DenoReconnectConnectOptions, M>(
    connect as unknown as Open<object, Received<false, M>>,
    url,
    options,
  );
}
