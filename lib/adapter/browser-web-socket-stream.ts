// WebSocketStream over the platform's WebSocket: the WHATWG's draft, for browsers that have none of their own.

import type { ReceivedCloseInfo, WebSocketStreamChunk } from '../client/message-streams.ts';
import type { WebSocketStreamInit } from '../client/stream-request.ts';
import { defineInterface } from '../client/web-idl.ts';
import type { WebSocketCloseInfo } from '../client/web-socket-error.ts';
import { StreamConnection } from '../client/web-socket-stream.ts';
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
 * this name is that one; elsewhere (Firefox, Safari) it is one over the platform's `WebSocket`.
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
export class WebSocketStream {
  readonly #connection: StreamConnection;

  /**
   * Begins to connect.
   *
   * @param url May be relative to that of the page.
   * @throws TypeError when an argument has the wrong type; DOMException SyntaxError when the URL is none, has another scheme than `ws:`, `wss:`, `http:` or `https:`, or a fragment, and when
   * a protocol is no token or is there twice.
   */
  constructor(url: string | URL, options: WebSocketStreamOptions = {}) {
    // biome-ignore lint/complexity/noArguments: undefined is a URL for Web IDL, and a rest parameter would change the number of parameters.
    if (arguments.length === 0) throw new TypeError('Cannot construct a WebSocketStream: it needs a URL');
    this.#connection = new StreamConnection({ open: openSocket, base: baseUrl() }, url, options);
  }

  /** The URL as it is understood: `ws:` or `wss:`. */
  get url(): string {
    return this.#connection.url;
  }

  /**
   * Fulfils when the connection is established. Rejects with a {@link WebSocketError} when it cannot be, or is closed before; with the reason of the signal when that is aborted before.
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

// A worker has no document.
function baseUrl(): string | undefined {
  const { document, location } = globalThis as Partial<Pick<typeof globalThis, 'document' | 'location'>>;
  return document?.baseURI ?? location?.href;
}

// Web IDL: what gives a promise does not throw.
function refuseReceiver(): Promise<never> {
  return Promise.reject(new TypeError('Illegal invocation: this is no WebSocketStream'));
}
