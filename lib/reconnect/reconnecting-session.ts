// A session that outlives its connections: what `reconnect` gives. A thin face over the tries (reconnector.ts), what is sent (reconnect-outbox.ts) and what is received (reconnect-inbox.ts).

import { reportError, resolveEngine } from '../connection/context.ts';
import type { Dropped } from '../connection/counters.ts';
import { markHandled } from '../connection/deferred.ts';
import type { Sendable } from '../connection/sendable.ts';
import type { SendOptions } from '../connection/slow-consumer.ts';
import { LocalProtocolError } from '../error.ts';
import { encodeClosePayload } from '../frame/close-code.ts';
import type { Session } from '../job/session.ts';
import type { Delivery } from '../job/session-kind.ts';
import type { Message } from '../message/message.ts';
import { streams } from '../stream/streams.ts';
import { ReconnectInbox } from './reconnect-inbox.ts';
import { type ReconnectOptions, resolveBounds, resolveQueue, type UrlSource } from './reconnect-options.ts';
import { ReconnectOutbox } from './reconnect-outbox.ts';
import type { ReconnectEnd, ReconnectState } from './reconnect-state.ts';
import { type Open, Reconnector } from './reconnector.ts';

/** Counts over all connections. */
export interface ReconnectCounters {
  /** How many tries there were. */
  readonly attempts: number;
  /** How many of them gave a connection that was used. */
  readonly connections: number;
  /** What waits for a connection, in bytes, each message counting 64 more. */
  readonly queued: number;
  /** Messages that were sent and are not known to have arrived yet. */
  readonly unsettled: number;
  /** What connections had been given to send when they were lost, and was not known to have arrived. */
  readonly lost: Dropped;
  /** What policies have dropped: of the queue, and of the sessions. */
  readonly dropped: Dropped;
  /** Messages that have come and were thrown away because the readable was cancelled. */
  readonly discarded: number;
}

// Runtimes without explicit resource management still find the method under the name that compilers use there.
const asyncDispose: typeof Symbol.asyncDispose =
  Symbol.asyncDispose ?? (Symbol.for('Symbol.asyncDispose') as typeof Symbol.asyncDispose);

/**
 * A session over one connection after the other. It is a pair of streams, as a session is; what it says of messages is this:
 *
 * - Messages are sent and received in their order, over all connections. None is sent twice unless `onLost` gives it back.
 * - What waits for a connection stays in the queue until there is one (`queue`).
 * - What a connection had been given, and is not known to have arrived when it is lost, is told: to `onLost`, in the state, in {@link counters} and at the end.
 * - What has come over a connection is read before anything of the next.
 *
 * No promise of it causes an unhandled rejection, and none hangs: all settle when it ends.
 *
 * @example
 * const feed = reconnect('wss://example.com/feed', { onLost: ({ unsettled }) => unsettled.messages });
 * await feed.send('hello'); // waits in the queue until there is a connection
 * for await (const message of feed) console.log(message); // over one connection after the other
 * const { reason, attempts } = await feed.closed;
 */
export class ReconnectingSession<M extends Delivery = 'whole', I = Message>
  implements AsyncIterable<I>, AsyncDisposable
{
  readonly #reconnector: Reconnector<object, M, I>;
  readonly #inbox: ReconnectInbox<I>;
  readonly #outbox: ReconnectOutbox;
  readonly #abort = new AbortController();
  readonly #closedError = new LocalProtocolError(
    'ERR_WS_CLOSED',
    'The session is closed: no connection is tried any more',
  );
  readonly #later: (task: () => void) => void;
  #writable: WritableStream<Sendable> | undefined;
  #controller: WritableStreamDefaultController | undefined;
  #isWritableClosing = false;
  #hasEnded = false;

  /**
   * Made by `reconnect`.
   *
   * @param open Opens one connection.
   * @throws TypeError, RangeError when an option is wrong.
   */
  constructor(url: UrlSource, options: ReconnectOptions<object, M, I>, open: Open<object, I>) {
    const { engineContext, userContext = {} } = options;
    const { clock, scheduler } = resolveEngine(engineContext);
    const { maxUnsettled, settleInterval } = resolveBounds(options);
    const policy = resolveQueue(options.queue);
    const report = (error: unknown): void => reportError(userContext, error);
    this.#later = (task) => scheduler.schedule(task);
    this.#outbox = new ReconnectOutbox({ clock, policy, maxUnsettled, settleInterval, failed: report });
    this.#inbox = new ReconnectInbox<I>((session, error) => {
      report(error);
      void (session as Session<undefined, I>).close(1011);
    });
    this.#reconnector = this.#createReconnector(url, options, open);
    this.#reconnector.start();
  }

  #createReconnector(
    url: UrlSource,
    options: ReconnectOptions<object, M, I>,
    open: Open<object, I>,
  ): Reconnector<object, M, I> {
    const [inbox, outbox] = [this.#inbox, this.#outbox];
    const owner = {
      sessionOpened: (session: Session<undefined, I>) => {
        outbox.opened(session as unknown as Session);
        inbox.opened(session);
      },
      sessionClosing: () => outbox.closing(),
      sessionLost: (session: Session<undefined, I>) => {
        inbox.lost(session);
        return outbox.connectionLost();
      },
      sendAgain: outbox.sendAgain.bind(outbox),
      get left() {
        return inbox.left;
      },
      roomMade: () => inbox.roomMade(),
      ended: ({ error }: Pick<ReconnectEnd, 'error'>) => this.#ended(error),
    };
    return new Reconnector(owner, url, options, open);
  }

  // --- Receiving -----------------------------------------------------------------------------------------------------

  /**
   * The messages as a stream, made when first asked for. It closes behind the last message when all has ended well, and errors when not. Cancelling it throws away what still comes: do it where
   * nobody reads, for what is not read is waited with.
   *
   * @throws TypeError while a `receive` is pending.
   */
  get readable(): ReadableStream<I> {
    return this.#inbox.readable;
  }

  /** The next message; undefined when there are no more. Rejects when it has not ended well, behind the last message, and with a TypeError while {@link readable} is in use. */
  receive(): Promise<I | undefined> {
    return this.#inbox.receive();
  }

  /** `for await (const message of session)`: needs no stream. Leaving the loop does not close. */
  [Symbol.asyncIterator](): AsyncIterableIterator<I> {
    return this.#inbox[Symbol.asyncIterator]();
  }

  // --- Sending -------------------------------------------------------------------------------------------------------

  /**
   * Sends one message, as a session does: at once where there is a connection, else when there is one, or what the policy says. Fulfils when there is room for more, a streamed message when all of it
   * is on its way. That it was lost with its connection is told by `onLost`, not here. Bytes may be used again at once.
   *
   * Rejects with a LocalProtocolError: `ERR_WS_CLOSED` when it is closed, `ERR_WS_QUEUE_FULL` when there is no room and the policy is to fail; with a TypeError when it is no message; a streamed one
   * with the error of its source, or of the connection that was lost in the middle of it.
   */
  send(message: Sendable, options?: SendOptions): Promise<void> {
    try {
      return markHandled(this.#outbox.send(message, options));
    } catch (error) {
      return markHandled(Promise.reject(error));
    }
  }

  /**
   * Fulfils when all that was sent before is known to have reached the peer's endpoint: a ping that went out behind it was answered. (That the application has acted on it only the application can
   * say.) Rejects when a connection was lost before that and `onLost` has given nothing back, or when it all ends.
   */
  settled(): Promise<void> {
    return this.#outbox.settled();
  }

  /** Takes messages to send. Closing it closes with 1000 when all has arrived ({@link settled}); aborting it closes with 1011. */
  get writable(): WritableStream<Sendable> {
    if (this.#writable === undefined) {
      const { WritableStream } = streams();
      this.#writable = new WritableStream<Sendable>({
        start: (controller) => {
          this.#controller = controller;
          // At once: `abort` of the sink would be called only after a write that is held up has settled.
          controller.signal.addEventListener('abort', () => this.#abortWritable());
        },
        write: (message) => this.send(message),
        close: () => this.#closeWritable(),
      });
      if (this.#hasEnded) this.#errorWritable();
    }
    return this.#writable;
  }

  async #closeWritable(): Promise<void> {
    this.#isWritableClosing = true;
    try {
      await this.settled();
    } finally {
      await this.close();
    }
    const { error } = await this.closed;
    if (error !== undefined) throw error;
  }

  #abortWritable(): void {
    this.#isWritableClosing = true;
    void this.close(1011);
  }

  // A turn later: a pipe whose source has just closed must have the time to close the stream.
  #errorWritable(): void {
    this.#later(() => {
      if (!this.#isWritableClosing) this.#controller?.error(this.#closedError);
    });
  }

  // --- The end -------------------------------------------------------------------------------------------------------

  /**
   * Closes, and tries no other connection. Where there is a connection, what has been sent goes out first, then a close frame; where there is none, what waits is given up and told (`unsent`). Fulfils
   * with how it all ended, also when it has ended already.
   *
   * Rejects with a RangeError or a TypeError as the `close` of a session; then nothing was done.
   */
  close(closeCode = 1000, reason?: string): Promise<ReconnectEnd> {
    try {
      encodeClosePayload(closeCode, reason);
    } catch (error) {
      return markHandled(Promise.reject(error));
    }
    this.#reconnector.stop({ reason: 'closed', closeCode, text: reason });
    this.#outbox.refuse(this.#closedError);
    return this.closed;
  }

  /** Closes, and waits for the end: `await using session = reconnect(…)`. */
  async [asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Fulfils when it has ended; never rejects. */
  get closed(): Promise<ReconnectEnd> {
    return this.#reconnector.closed;
  }

  /** Aborted when it has ended. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  #ended(error: Error | undefined): ReturnType<ReconnectOutbox['end']> {
    this.#hasEnded = true;
    const unsent = this.#outbox.end(this.#closedError);
    this.#inbox.end(error);
    this.#errorWritable();
    this.#abort.abort(error ?? this.#closedError);
    return unsent;
  }

  // --- Facts ---------------------------------------------------------------------------------------------------------

  /** The session of the moment, behind `onOpen`; undefined when there is none. Closing it with 1000 ends all; with another code, such as 1001, another connection is tried. */
  get session(): Session<undefined, I> | undefined {
    return this.#reconnector.session;
  }

  /** What goes on now. */
  get state(): ReconnectState<Session<undefined, I>> {
    return this.#reconnector.states.state;
  }

  /** The state of now, then each one that begins, up to the end. Whoever is slow gets the latest. `onState` misses none. */
  states(): AsyncGenerator<ReconnectState<Session<undefined, I>>, void, undefined> {
    return this.#reconnector.states.iterate();
  }

  /** Counts over all connections so far. */
  get counters(): ReconnectCounters {
    const { queued, unsettled, lost, dropped } = this.#outbox;
    const { attempts, opened } = this.#reconnector;
    return { attempts, connections: opened, queued, unsettled, lost, dropped, discarded: this.#inbox.discarded };
  }
}
