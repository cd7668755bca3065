// The client of Bun: `connect` over `Bun.connect`. Through a proxy it goes over node:net and node:tls, which Bun has too.

import { openSession } from '../client/connect.ts';
import type { Session } from '../job/session.ts';
import type { Delivery, Received, Sent } from '../job/session-kind.ts';
import { getBun } from './bun-api.ts';
import { dialBun } from './bun-dial.ts';
import { findDial, type NodeConnectOptions } from './node-connect.ts';

/**
 * Connects to a WebSocket server over a socket of Bun. Gives the opened session; what comes with the response waits in it.
 *
 * The certificate and the host name are verified unless `tls` says `rejectUnauthorized: false`: NODE_TLS_REJECT_UNAUTHORIZED changes nothing.
 *
 * @param url `ws:`, `wss:`, `http:`, `https:`, or `ws+unix:/path/of.sock:/resource`. A user in it is sent as Basic credentials.
 * @throws TypeError, RangeError (a rejection) when an argument is wrong, or this is not Bun; HandshakeError with the status, the header fields and the first 64 KiB of the body when the server refuses,
 * with status 0 when it cannot be reached; the reason of the signal when that is aborted. Nothing is left then but what Bun cannot give up: a TCP connection that is still being made, which is cut as
 * soon as it is there.
 *
 * @example
 * const session = await connect('wss://example.com/chat', { subprotocols: ['chat.v2'] });
 * await session.send('hello');
 * for await (const message of session) console.log(message);
 */
export async function connect<R extends boolean = false, M extends Delivery = 'whole'>(
  url: string | URL,
  options: NodeConnectOptions<R, M> = {},
): Promise<Session<undefined, Received<R, M>, Sent<R>>> {
  if (options.streams === undefined) getBun();
  return openSession(url, options, findDial(url, options, dialBun));
}
