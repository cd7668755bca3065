// WebSocketStream over Deno's own sockets: the WHATWG's draft.

import { ConnectingQueue } from '../client/connecting-queue.ts';
import type { ReceivedCloseInfo } from '../client/message-streams.ts';
import type { WebSocketStreamInit } from '../client/stream-request.ts';
import { defineInterface } from '../client/web-idl.ts';
import type { WebSocketCloseInfo } from '../client/web-socket-error.ts';
import { StreamConnection, type WebSocketOpenInfo } from '../client/web-socket-stream.ts';
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

// One queue for all: it is the hosts that are to be spared.
const host = { open: connect, queue: new ConnectingQueue() };

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
export class WebSocketStream {
  readonly #connection: StreamConnection;

  /**
   * Begins to connect. Of several that connect to the same host and port one does so at a time, RFC 6455 §4.1.
   *
   * @throws TypeError when an argument has the wrong type; DOMException SyntaxError when the URL is none, has another scheme than `ws:`, `wss:`, `http:` or `https:`, or a fragment, and when
   * a protocol is no token or is there twice.
   */
  constructor(url: string | URL, options: DenoWebSocketStreamOptions = {}) {
    // biome-ignore lint/complexity/noArguments: undefined is a URL for Web IDL, and a rest parameter would change the number of parameters.
    if (arguments.length === 0) throw new TypeError('Cannot construct a WebSocketStream: it needs a URL');
    this.#connection = new StreamConnection(host, url, options);
  }

  /** The URL as it is understood: `ws:` or `wss:`. */
  get url(): string {
    return this.#connection.url;
  }

  /**
   * Fulfils when the connection is established. Rejects with a {@link WebSocketError} (its `cause` says more) when it cannot be, or is closed before; with the reason of the signal when that is
   * aborted before.
   */
  get opened(): Promise<WebSocketOpenInfo> {
    return #connection in this ? this.#connection.opened : refuseReceiver();
  }

  /**
   * Fulfils when the connection was closed cleanly, with what the peer's close frame says. Rejects with a {@link WebSocketError} when it was not, the same that the streams have; or as
   * {@link opened}.
   */
  get closed(): Promise<ReceivedCloseInfo> {
    return #connection in this ? this.#connection.closed : refuseReceiver();
  }

  /**
   * Closes, behind all that was written. Without arguments the close frame is empty; a reason alone has the code 1000. Does nothing when either side has begun to close.
   *
   * @throws DOMException InvalidAccessError when the code is neither 1000 nor from 3000 to 4999, SyntaxError when the reason is over 123 bytes of UTF-8; TypeError when it is no dictionary.
   */
  close(closeInfo: WebSocketCloseInfo = {}): void {
    this.#connection.close(closeInfo);
  }
}

defineInterface(WebSocketStream.prototype, 'WebSocketStream', ['url', 'opened', 'closed', 'close']);

// Web IDL: what gives a promise does not throw.
function refuseReceiver(): Promise<never> {
  return Promise.reject(new TypeError('Illegal invocation: this is no WebSocketStream'));
}
