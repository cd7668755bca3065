// One WebSocketStream of the WHATWG's draft, from its arguments to its end, over whatever opens sessions. Its face, the class that a page sees, is the adapter's.

import { Deferred } from '../connection/deferred.ts';
import { onAbort } from '../job/signal-registry.ts';
import type { Message } from '../message/message.ts';
import type { ConnectOptions } from './connect.ts';
import type { ConnectingQueue } from './connecting-queue.ts';
import {
  type MessageSession,
  MessageStreams,
  type ReceivedCloseInfo,
  type WebSocketStreamChunk,
} from './message-streams.ts';
import { type StreamRequest, toStreamRequest } from './stream-request.ts';
import { checkCloseInfo, createWebSocketError, type WebSocketError } from './web-socket-error.ts';

/** What `opened` fulfils with. */
export interface WebSocketOpenInfo {
  /** The extensions that were agreed on, as the response says it; '' when none. */
  readonly extensions: string;
  /** The subprotocol that the server has chosen; '' when none was offered. */
  readonly protocol: string;
  /** The messages: strings for text, `Uint8Array`s of their own for binary. Cancelling it closes the connection. */
  readonly readable: ReadableStream<Message>;
  /** Takes messages: bytes go out as binary, all else as text. Closing it closes the connection, as does aborting it. */
  readonly writable: WritableStream<WebSocketStreamChunk>;
}

/** An open connection, and what was agreed on. */
export interface OpenedSession extends MessageSession {
  readonly extensions: string;
  readonly subprotocol: string;
}

/** Opens a session. What the signal is aborted for before that, the attempt rejects with; a session that comes nevertheless is cancelled. */
export type OpenSession = (url: string, options: ConnectOptions) => Promise<OpenedSession>;

/** What a WebSocketStream stands on. */
export interface StreamHost {
  readonly open: OpenSession;
  /** Where attempts to one host and port wait for one another, unless whoever opens them sees to that. */
  readonly queue?: ConnectingQueue;
  /** What a URL may be relative to. */
  readonly base?: string | undefined;
}

/** A page of Chrome's may get messages of any length. These are the bounds where it says nothing else. */
const limits = { maxMessageSize: 100 * 1024 * 1024, maxFragments: 64 * 1024 };

export class StreamConnection {
  readonly url: string;
  readonly #opened = new Deferred<WebSocketOpenInfo>();
  readonly #closed = new Deferred<ReceivedCloseInfo>();
  readonly #attempt = new AbortController();
  #streams: MessageStreams | undefined;
  #hasFailed = false;

  /** @throws As `toStreamRequest`. */
  constructor(host: StreamHost, url: unknown, options: unknown) {
    const request = toStreamRequest(url, options, host.base);
    this.url = request.url;
    void this.#connect(host, request);
  }

  get opened(): Promise<WebSocketOpenInfo> {
    return this.#opened.promise;
  }

  get closed(): Promise<ReceivedCloseInfo> {
    return this.#closed.promise;
  }

  /** @throws As `checkCloseInfo`; nothing has been done then. */
  close(info?: unknown): void {
    const checked = checkCloseInfo(info);
    if (this.#streams !== undefined) return this.#streams.close(checked);
    const text = 'The connection was closed before it was established';
    this.#giveUp(createNeverOpened(text, null), createNeverOpened(text, 1006));
  }

  async #connect({ open, queue }: StreamHost, { signal, ...request }: StreamRequest): Promise<void> {
    const release = signal === undefined ? undefined : onAbort(signal, (reason) => this.#giveUp(reason, reason));
    try {
      this.#attempt.signal.throwIfAborted();
      const attempt = (): Promise<OpenedSession> => open(request.url, this.#toOptions(request));
      // Streams that are given are connected already.
      const session =
        queue === undefined || request.rest['streams'] !== undefined
          ? await attempt()
          : await queue.run(request.host, this.#attempt.signal, attempt);
      if (!this.#hasFailed) this.#established(session);
    } catch (cause) {
      const text = `The connection could not be established: ${cause instanceof Error ? cause.message : String(cause)}`;
      this.#fail(createNeverOpened(text, null, cause), createNeverOpened(text, 1006, cause));
    } finally {
      release?.();
    }
  }

  #toOptions({ protocols, rest }: Omit<StreamRequest, 'signal'>): ConnectOptions {
    return {
      ...rest,
      limits: { ...limits, ...(rest['limits'] as ConnectOptions['limits']) },
      subprotocols: protocols,
      requiresSubprotocol: true,
      signal: this.#attempt.signal,
      // What is no WebSocketStream any more is none of its options.
      raw: false,
      rsvBits: 0,
      messages: 'whole',
      slowConsumer: 'wait',
    };
  }

  #established(session: OpenedSession): void {
    const streams = new MessageStreams(session);
    const { readable, writable } = streams;
    this.#streams = streams;
    this.#opened.resolve({ extensions: session.extensions, protocol: session.subprotocol, readable, writable });
    streams.closed.then(this.#closed.resolve, this.#closed.reject);
  }

  /** Ends the attempt to connect. Does nothing when that is over. */
  #giveUp(openedReason: unknown, closedReason: unknown): void {
    if (this.#streams !== undefined) return;
    this.#fail(openedReason, closedReason);
    this.#attempt.abort(closedReason);
  }

  #fail(openedReason: unknown, closedReason: unknown): void {
    this.#hasFailed = true;
    this.#opened.reject(openedReason);
    this.#closed.reject(closedReason);
  }
}

// RFC 6455 §7.1.5: "If _The WebSocket Connection is Closed_ and no Close control frame was received … _The WebSocket Connection Close Code_ is considered to be 1006."
function createNeverOpened(text: string, closeCode: 1006 | null, cause?: unknown): WebSocketError {
  return createWebSocketError(text, closeCode, '', cause);
}
