// WebSocketStream over the platform's WebSocket: the WHATWG's draft, for browsers that have none of their own.

import type { WebSocketStreamChunk } from '../client/message-streams.ts';
import { createStreamClass, type WebSocketStreamClass, type WebSocketStreamInstance } from '../client/stream-class.ts';
import type { WebSocketStreamInit } from '../client/stream-request.ts';
import { openSocket, type SocketOptions } from './browser-open.ts';

/** `protocols` and `signal` are the draft's. A platform's own WebSocketStream ignores all others. */
export interface WebSocketStreamOptions extends WebSocketStreamInit, SocketOptions {}

/** What `opened` fulfils with. */
export interface WebSocketOpenInfo {
  /** The extensions that were agreed on, as the response says it; '' when none. */
  readonly extensions: string;
  /** The subprotocol that the server has chosen; '' when none was offered. */
  readonly protocol: string;
  /**
   * The messages: strings for text, for binary `Uint8Array`s as the draft has it (that of this library), or `ArrayBuffer`s (Chromium's own, up to 156 at least): `new Uint8Array(chunk)` takes
   * either. Cancelling it closes the connection.
   */
  readonly readable: ReadableStream<string | ArrayBuffer | Uint8Array>;
  /** Takes messages: bytes go out as binary, all else as text. Closing it closes the connection, as does aborting it. */
  readonly writable: WritableStream<WebSocketStreamChunk>;
}

/**
 * A WebSocket connection as a pair of streams, as the WHATWG's draft has it: https://github.com/whatwg/websockets/pull/48. Where the platform has a WebSocketStream of its own (Chromium),
 * this name is that one; elsewhere (Firefox, Safari) it is one over the platform's `WebSocket`. The URL may be relative to that of the page.
 *
 * Over `WebSocket` a write fulfils when at most 256 KiB wait to be sent. Receiving cannot be held up: a WebSocket takes whatever its server sends, however slowly the page reads. What waits
 * unread is bounded by `maxQueued` (64 MiB): beyond it the connection is closed with 4009 (a page cannot say 1009), what has come before can still be read, and then both streams and `closed`
 * have a {@link WebSocketError} with the close code 1006, whose `cause` is a LimitError (ERR_WS_UNREAD).
 *
 * @example
 * const stream = new WebSocketStream('/chat', { protocols: ['chat.v2'] });
 * const { readable, writable } = await stream.opened;
 * const writer = writable.getWriter();
 * await writer.write('hello');
 * for await (const message of readable) console.log(message);
 * const { closeCode, reason } = await stream.closed;
 */
export const WebSocketStream: WebSocketStreamClass<WebSocketStreamOptions, WebSocketOpenInfo> =
  /* @__PURE__ */ createStreamClass({
    open: openSocket,
    get base() {
      return baseUrl();
    },
  });

/** One connection: what `new` makes of the class. */
export type WebSocketStream = WebSocketStreamInstance<WebSocketOpenInfo>;

// A worker has no document.
function baseUrl(): string | undefined {
  const { document, location } = globalThis as Partial<Pick<typeof globalThis, 'document' | 'location'>>;
  return document?.baseURI ?? location?.href;
}
