// What a handler gets: the messages of one connection, in and out, and its end. A thin face over the connection.

import type { CloseInfo } from '../connection/close-info.ts';
import type { Connection } from '../connection/connection.ts';
import type { Scheduler } from '../connection/context.ts';
import type { Counters } from '../connection/counters.ts';
import { markHandled } from '../connection/deferred.ts';
import { iterate } from '../connection/inbox.ts';
import type { Sendable } from '../connection/sendable.ts';
import type { SendOptions } from '../connection/slow-consumer.ts';
import { type AgreedExtension, formatExtensions } from '../extension/extension-negotiation.ts';
import type { CloseStatus } from '../frame/close-code.ts';
import type { Frame } from '../frame/frame.ts';
import type { HeaderFields } from '../handshake/http-head.ts';
import type { Message } from '../message/message.ts';
import type { Job } from './job.ts';
import { SessionWritable } from './session-writable.ts';

/**
 * A session of frames: every frame of the peer comes as it is, and every frame is sent as it is, masked by role. Who runs it answers pings and the peer's close
 * frame (the handler's end does that too), and checks that texts are UTF-8. `upgrade` makes one with `raw: true`.
 */
export type RawSession<C = undefined> = Session<C, Frame, Frame>;

/** The request that was upgraded. */
export interface UpgradeRequest {
  /** As written: `GET`. */
  readonly method: string;
  /** The request target, as written: path and query. */
  readonly url: string;
  /** As in `1.1`. */
  readonly httpVersion: string;
  /** Its header fields, as they came. */
  readonly headers: HeaderFields;
  /** What the server's path pattern has found in the path: `/chat/:room` gives `{ room }`. */
  readonly parameters: Readonly<Record<string, string | string[] | undefined>>;
}

/** The response that a client was upgraded by. */
export interface UpgradeResponse {
  /** The URL that was connected to, behind all redirects. */
  readonly url: string;
  /** Its header fields, as they came. */
  readonly headers: HeaderFields;
}

/** Facts about the TLS connection under a session. */
export interface TlsFacts {
  /** Such as 'TLSv1.3'. */
  readonly protocol: string;
  /** The cipher suite's IANA name. */
  readonly cipher: string;
  /** What ALPN has chosen; '' when the peer offered nothing. */
  readonly alpnProtocol: string;
  /** The name that the client asked for (SNI); '' when none. */
  readonly serverName: string;
  /** Whether the peer's certificate was asked for and is trusted. */
  readonly isAuthorized: boolean;
}

/** Facts about the upgrade that a session carries. */
export interface SessionFacts<C = undefined> {
  /** What the session's `context` is: whatever the one who upgrades wants the handler to know. */
  readonly context?: C;
  /** The subprotocol that was chosen; '' when none. */
  readonly subprotocol?: string;
  /** The extensions that were agreed on in the opening handshake: what is sent goes through the first of them first. Default: none. */
  readonly extensions?: readonly AgreedExtension[];
  /** The request that was upgraded. */
  readonly request?: UpgradeRequest;
  /** Client: the response that accepted the opening handshake. */
  readonly response?: UpgradeResponse;
  /** The address of the peer. */
  readonly remoteAddress?: string;
  /** The TLS connection underneath, where there is one. */
  readonly tls?: TlsFacts;
}

/** The writable of a session, where it was asked for: for its job. */
export let writableOf: <C, I, O>(session: Session<C, I, O>) => SessionWritable<O> | undefined;

/**
 * One WebSocket connection as its handler sees it. It is a pair of streams itself:
 * `session.readable.pipeThrough(transform).pipeTo(session.writable)`.
 *
 * Text messages are strings, binary messages are `Uint8Array`s. Promises that a session makes never cause an unhandled rejection.
 *
 * @example
 * const session = await connect('wss://example.com/chat');
 * await session.send('hello'); // fulfils when there is room for more
 * const answer = await session.receive(); // a string, a Uint8Array, or undefined at the end
 * console.log(answer, await session.ping());
 * const { closeCode, reason } = await session.close(1000, 'done');
 */
export class Session<C = undefined, I = Message, O = Sendable> implements AsyncIterable<I> {
  readonly #connection: Connection<I>;
  readonly #facts: SessionFacts<C>;
  readonly #scheduler: Scheduler;
  // Made when first asked for: who only calls `send` has none.
  #writable: SessionWritable<O> | undefined;

  /** The job that this session belongs to. */
  readonly job: Job<C, I, O>;

  /** Made by `upgrade`. */
  constructor(connection: Connection<I>, facts: SessionFacts<C>, job: Job<C, I, O>, scheduler: Scheduler) {
    this.#connection = connection;
    this.#facts = facts;
    this.job = job;
    this.#scheduler = scheduler;
  }

  static {
    writableOf = (session) => session.#writable;
  }

  // --- Receiving -----------------------------------------------------------------------------------------------------

  /**
   * The messages as a stream, made when first asked for. It closes after the peer's close frame and errors when the connection is lost, in both
   * cases after the last message. Cancelling it throws away what still comes; it does not close the connection.
   *
   * @throws TypeError while a `receive` is pending.
   */
  get readable(): ReadableStream<I> {
    return this.#connection.inbox.readable;
  }

  /**
   * The next message; undefined when there are no more. Rejects when the connection is lost, after the last message, and with a TypeError while
   * {@link readable} is in use.
   */
  receive(): Promise<I | undefined> {
    return markHandled(this.#connection.inbox.receive());
  }

  /** `for await (const message of session)`: needs no stream. Leaving the loop does not close the connection. */
  [Symbol.asyncIterator](): AsyncIterableIterator<I> {
    return iterate(this.#connection.inbox);
  }

  // --- Sending -------------------------------------------------------------------------------------------------------

  /**
   * Takes messages to send: a string goes out as text, bytes as binary. Made when first asked for. Closing it closes the connection with 1000 (or
   * answers the peer's close frame); aborting it closes with 1011.
   */
  get writable(): WritableStream<O> {
    this.#writable ??= new SessionWritable(this.#connection, this.#scheduler);
    return this.#writable.stream;
  }

  /**
   * Sends one message: a string, bytes, or (in one fragmented message, as it comes) a ReadableStream, an async iterable, or `{ type, body }`. Fulfils when there is room
   * for more: await it, and the peer's pace holds you back. A streamed message fulfils when all of it is on its way; if its source fails in the middle, the connection
   * is failed with 1011. Bytes must not change until {@link flush} fulfils.
   *
   * Rejects with a LocalProtocolError (`ERR_WS_CLOSED`) when the session is closing, or (`ERR_WS_QUEUE_FULL`) when the peer reads too slowly and the policy is to fail,
   * with a TypeError when it is no message, and with the error of the message's source.
   */
  send(message: O, options?: SendOptions): Promise<void> {
    try {
      return this.#connection.send(message as Sendable, options);
    } catch (error) {
      return this.#refuse(error);
    }
  }

  /** Fulfils when the transport has taken all messages that were sent before. Rejects when the connection ends first. */
  flush(): Promise<void> {
    return markHandled(this.#connection.sender.flush());
  }

  /** Sends a ping (RFC 6455 §5.5.2); gives the round trip in milliseconds. Rejects when the connection ends first. */
  ping(): Promise<number> {
    try {
      return this.#connection.ping();
    } catch (error) {
      return this.#refuse(error);
    }
  }

  // --- The end -------------------------------------------------------------------------------------------------------

  /**
   * Closes: what has been sent goes out first (a streamed message for as long as it makes progress), then a close frame. Fulfils with how the connection ended, also when it has ended already.
   * Without arguments the code is 1000, or the peer's when its close frame is answered. With `null` for the code and no reason the close frame is empty (the peer reports
   * 1005); one that answers says what the peer's did.
   *
   * Rejects with a RangeError when the code may not be sent (allowed: 1000-1003, 1007-1014, 3000-4999) or the reason is over 123 bytes of UTF-8,
   * with a TypeError when they are no number and no string; then nothing was done.
   */
  close(closeCode?: number | null, reason?: string): Promise<CloseInfo> {
    try {
      const isBare = closeCode === null || this.#connection.endpoint.state === 'close-received';
      this.#connection.ending.close(closeCode ?? (isBare ? undefined : 1000), reason);
      return this.closed;
    } catch (error) {
      return this.#refuse(error);
    }
  }

  /** Fulfils when the connection has ended; never rejects. */
  get closed(): Promise<CloseInfo> {
    return this.#connection.record.closed;
  }

  /** Fulfils when the peer's close frame has come, with what it says; with undefined when the connection has ended without one. Never rejects. */
  get closeReceived(): Promise<CloseStatus | undefined> {
    return this.#connection.record.closeReceived;
  }

  /** Aborted when the connection has ended or the job is cancelled. */
  get signal(): AbortSignal {
    return this.job.signal;
  }

  // --- Facts ---------------------------------------------------------------------------------------------------------

  /** What the one who upgraded gave, such as what the `admit` hook found out about the user. */
  get context(): C {
    return this.#facts.context as C;
  }

  /** The subprotocol that was chosen; '' when none. */
  get subprotocol(): string {
    return this.#facts.subprotocol ?? '';
  }

  /** The extensions that were agreed on, as the response says it; '' when none. */
  get extensions(): string {
    return formatExtensions(this.#facts.extensions ?? []);
  }

  /** The request that was upgraded, where there was one. */
  get request(): UpgradeRequest | undefined {
    return this.#facts.request;
  }

  /** Client: the response that accepted the opening handshake. */
  get response(): UpgradeResponse | undefined {
    return this.#facts.response;
  }

  /** The address of the peer, where it is known. */
  get remoteAddress(): string | undefined {
    return this.#facts.remoteAddress;
  }

  /** Facts about the TLS connection underneath, where there is one. */
  get tls(): TlsFacts | undefined {
    return this.#facts.tls;
  }

  /** Messages and bytes so far, and what is queued now. */
  get counters(): Counters {
    return this.#connection.counters;
  }

  #refuse(error: unknown): Promise<never> {
    // Errors of the state tell of this connection's end; errors of the arguments do not.
    if (error instanceof Error && 'code' in error && error.code === 'ERR_WS_CLOSED') this.#connection.record.own(error);
    return markHandled(Promise.reject(error));
  }
}
