// Reconnection on Bun: `reconnect` over its `connect`.

import type { Delivery, Received } from '../job/session-kind.ts';
import type { UrlSource } from '../reconnect/reconnect-options.ts';
import type { ReconnectingSession } from '../reconnect/reconnecting-session.ts';
import type { Open } from '../reconnect/reconnector.ts';
import { connect } from './bun-connect.ts';
import type { NodeReconnectOptions, ReconnectConnectOptions } from './node-reconnect.ts';
import { reconnectOver } from './reconnect-over.ts';

/**
 * Connects to a WebSocket server over sockets of Bun, and connects again when the connection is lost, after a random delay (RFC 6455 §7.2.3). Gives at once a session that outlives its connections.
 *
 * @param url As `connect` takes it; or a function that gives it for each try.
 * @throws TypeError, RangeError when an option of its own is wrong. What is wrong with an option of `connect` ends it: `closed` tells, and whoever receives.
 *
 * @example
 * const feed = reconnect('wss://example.com/feed', {
 *   onOpen: (session) => session.send(JSON.stringify({ since: last })),
 * });
 * for await (const message of feed) last = apply(message);
 */
export function reconnect<M extends Delivery = 'whole'>(
  url: UrlSource,
  options: NodeReconnectOptions<M> = {},
): ReconnectingSession<M, Received<false, M>> {
  return reconnectOver<ReconnectConnectOptions, M>(
    connect as unknown as Open<object, Received<false, M>>,
    url,
    options,
  );
}
