// WebSocketStream over Deno's own sockets: the WHATWG's draft.

import { ConnectingQueue } from '../client/connecting-queue.ts';
import { createStreamClass, type WebSocketStreamClass, type WebSocketStreamInstance } from '../client/stream-class.ts';
import type { WebSocketStreamInit } from '../client/stream-request.ts';
import type { WebSocketOpenInfo } from '../client/web-socket-stream.ts';
import { connect, type DenoConnectOptions } from './deno-connect.ts';

/**
 * `protocols` and `signal` are the draft's. All other members are those of `connect`, and a browser ignores them: `headers`, `extensions`, `tls`, `limits` … Of the names that mean the same
 * the draft's holds: there is no `subprotocols` here, and `signal` ends only the attempt.
 */
export interface DenoWebSocketStreamOptions
  extends WebSocketStreamInit,
    Omit<
      DenoConnectOptions,
      'signal' | 'subprotocols' | 'requiresSubprotocol' | 'raw' | 'rsvBits' | 'messages' | 'slowConsumer'
    > {}

/**
 * A WebSocket connection as a pair of streams, as the WHATWG's draft has it: https://github.com/whatwg/websockets/pull/48. A page that was written for Chrome's runs unchanged.
 *
 * Messages of up to 100 MiB are taken, unless `limits` says otherwise.
 *
 * @example
 * const stream = new WebSocketStream('wss://example.com/chat', { protocols: ['chat.v2'] });
 * const { readable, writable } = await stream.opened;
 * const writer = writable.getWriter();
 * await writer.write('hello');
 * for await (const message of readable) console.log(message);
 * const { closeCode, reason } = await stream.closed;
 */
export const WebSocketStream: WebSocketStreamClass<DenoWebSocketStreamOptions, WebSocketOpenInfo> =
  /* @__PURE__ */ createStreamClass({
    open: connect,
    // One for all: it is the hosts that are to be spared.
    queue: /* @__PURE__ */ new ConnectingQueue(),
  });

/** One connection: what `new` makes of the class. */
export type WebSocketStream = WebSocketStreamInstance<WebSocketOpenInfo>;
