// The client of Node: `connect` over node:net and node:tls.

import { type ConnectOptions, openSession } from '../client/connect.ts';
import type { Session } from '../job/session.ts';
import type { Delivery, Received, Sent } from '../job/session-kind.ts';
import { type ClientTlsOptions, dial } from './node-dial.ts';

export interface NodeConnectOptions<R extends boolean = false, M extends Delivery = 'whole'>
  extends ConnectOptions<R, M> {
  /** TLS for `wss:`. Certificate and host name are verified unless it says otherwise. */
  readonly tls?: ClientTlsOptions;
}

/**
 * Connects to a WebSocket server. Gives the opened session; what comes with the response waits in it.
 *
 * @param url `ws:`, `wss:`, `http:`, `https:`, or `ws+unix:/path/of.sock:/resource`. A user in it is sent as Basic credentials.
 * @throws TypeError, RangeError (a rejection) when an argument is wrong; HandshakeError with the status, the header fields and the first 64 KiB of the body when the server refuses, with status 0 when it
 * cannot be reached; the reason of the signal when that is aborted. Nothing is left then.
 *
 * @example
 * const session = await connect('wss://example.com/chat', { subprotocols: ['chat.v2'] });
 * await session.send('hello');
 * for await (const message of session) console.log(message);
 */
export function connect<R extends boolean = false, M extends Delivery = 'whole'>(
  url: string | URL,
  options: NodeConnectOptions<R, M> = {},
): Promise<Session<undefined, Received<R, M>, Sent<R>>> {
  const { tls } = options;
  return openSession(url, options, (target, signal) => dial(target, { tls }, signal));
}
