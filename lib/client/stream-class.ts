// The class WebSocketStream of the WHATWG's draft, as a page sees it, for each host of its own.

import type { ReceivedCloseInfo } from './message-streams.ts';
import { defineInterface } from './web-idl.ts';
import type { WebSocketCloseInfo, WebSocketError } from './web-socket-error.ts';
import { StreamConnection, type StreamHost, type WebSocketOpenInfo } from './web-socket-stream.ts';

/** What a WebSocketStream has. */
export interface WebSocketStreamInstance<I> {
  /** The URL as it is understood: `ws:` or `wss:`. */
  readonly url: string;
  /**
   * Fulfils when the connection is established. Rejects with a {@link WebSocketError} (its `cause` says more, where the platform does) when it cannot be, or is closed before; with the reason of
   * the signal when that is aborted before.
   */
  readonly opened: Promise<I>;
  /**
   * Fulfils when the connection was closed cleanly, with what the peer's close frame says. Rejects with a {@link WebSocketError} when it was not, the same that the streams have; or as
   * {@link opened}.
   */
  readonly closed: Promise<ReceivedCloseInfo>;

  /**
   * Closes, behind all that was written. Without arguments the close frame is empty; a reason alone has the code 1000. Does nothing when either side has begun to close.
   *
   * @throws DOMException InvalidAccessError when the code is neither 1000 nor from 3000 to 4999, SyntaxError when the reason is over 123 bytes of UTF-8; TypeError when it is no dictionary.
   */
  close(closeInfo?: WebSocketCloseInfo): void;
}

/** A class WebSocketStream: its options, and what `opened` fulfils with, are those of the runtime. */
export interface WebSocketStreamClass<O, I> {
  /** What all of them have. */
  readonly prototype: WebSocketStreamInstance<I>;

  /**
   * Begins to connect. Of several that connect to the same host and port one does so at a time, RFC 6455 §4.1.
   *
   * @throws TypeError when an argument has the wrong type; DOMException SyntaxError when the URL is none, has another scheme than `ws:`, `wss:`, `http:` or `https:`, or a fragment, and when
   * a protocol is no token or is there twice.
   */
  new (url: string | URL, options?: O): WebSocketStreamInstance<I>;
}

/** Makes the class that stands on a host. */
export function createStreamClass<O>(host: StreamHost): WebSocketStreamClass<O, WebSocketOpenInfo> {
  class WebSocketStream implements WebSocketStreamInstance<WebSocketOpenInfo> {
    readonly #connection: StreamConnection;

    // With a default it does not count: only one parameter must be given.
    constructor(url: string | URL, options: O | undefined = undefined) {
      // biome-ignore lint/complexity/noArguments: undefined is a URL for Web IDL, and a rest parameter would change the number of parameters.
      if (arguments.length === 0) throw new TypeError('Cannot construct a WebSocketStream: it needs a URL');
      this.#connection = new StreamConnection(host, url, options);
    }

    get url(): string {
      return this.#connection.url;
    }

    // Web IDL: what gives a promise does not throw.
    get opened(): Promise<WebSocketOpenInfo> {
      return #connection in this ? this.#connection.opened : refuseReceiver();
    }

    get closed(): Promise<ReceivedCloseInfo> {
      return #connection in this ? this.#connection.closed : refuseReceiver();
    }

    close(closeInfo: WebSocketCloseInfo = {}): void {
      this.#connection.close(closeInfo);
    }
  }
  defineInterface(WebSocketStream, 'WebSocketStream', ['url', 'opened', 'closed', 'close']);
  return WebSocketStream;
}

function refuseReceiver(): Promise<never> {
  return Promise.reject(new TypeError('Illegal invocation: this is no WebSocketStream'));
}
