// The life of an upgraded connection: the connection and the handler that runs on it, from the upgrade to the end of both.

import type { CloseInfo } from '../connection/close-info.ts';
import { Connection } from '../connection/connection.ts';
import type { ConnectionOptions, ConnectionOwner } from '../connection/connection-options.ts';
import { type Engine, reportError, type UserContext } from '../connection/context.ts';
import { Deferred } from '../connection/deferred.ts';
import type { Sendable } from '../connection/sendable.ts';
import { ConnectionError } from '../error.ts';
import { CloseCode } from '../frame/close-code.ts';
import type { Frame } from '../frame/frame.ts';
import type { Message } from '../message/message.ts';
import type { Transport } from '../stream/transport.ts';
import { Session, type SessionFacts, writableOf } from './session.ts';
import { onAbort } from './signal-registry.ts';

/**
 * - `running`: neither side has begun to close.
 * - `closing`: the connection is closing, or has closed and its handler still runs.
 * - `completed`: a clean close, and the handler ended well.
 * - `failed`: an unclean close, a fault of the peer, or an error of the handler.
 * - `cancelled`: by `cancel`, by disposal, or by a signal.
 */
export type JobState = 'running' | 'closing' | 'completed' | 'failed' | 'cancelled';

/** Runs on a session. When it returns, the session is closed with 1000; when it throws, with 1011. */
export type Handler<C = undefined, I = Message, O = Sendable> = (session: Session<C, I, O>) => unknown;

/** Runs on a session of frames. */
export type RawHandler<C = undefined> = Handler<C, Frame, Frame>;

export interface JobOptions<C, I, O> extends ConnectionOptions {
  readonly handler: Handler<C, I, O> | undefined;
  readonly facts: SessionFacts<C>;
}

// Runtimes without explicit resource management still find the method under the name that compilers use there.
const asyncDispose: typeof Symbol.asyncDispose =
  Symbol.asyncDispose ?? (Symbol.for('Symbol.asyncDispose') as typeof Symbol.asyncDispose);

type AnyJob = Job<unknown, unknown, unknown>;

let setOnEnd: (job: AnyJob, callback: (job: AnyJob, info: CloseInfo) => void) => void;

/** Calls back when a job has ended, before whoever awaits its `closed` is told. One at most: for who has many jobs, and would have a promise for each. */
export function whenJobEnds<C, I, O>(job: Job<C, I, O>, callback: (job: Job<C, I, O>, info: CloseInfo) => void): void {
  setOnEnd(job as unknown as AnyJob, callback as unknown as (job: AnyJob, info: CloseInfo) => void);
}

/**
 * The life of one upgraded connection. Not thenable: `await upgrade(…)` gives the job itself.
 *
 * @example
 * await using job = upgrade(input, output, undefined, undefined, { handler }); // cancelled at the end of the block
 * setTimeout(() => job.cancel('too long'), 60_000);
 * const { closeCode, wasClean, error } = await job.closed;
 * console.log(job.state, closeCode, wasClean, error);
 */
export class Job<C = undefined, I = Message, O = Sendable> implements AsyncDisposable {
  /** The messages of the connection. */
  readonly session: Session<C, I, O>;

  readonly #connection: Connection<I>;
  readonly #userContext: UserContext;
  readonly #engine: Engine;
  readonly #handlerTimeout: number;
  // Made when first asked for.
  #closed: Deferred<CloseInfo> | undefined;
  #info: CloseInfo | undefined;
  #onEnd: ((job: this, info: CloseInfo) => void) | undefined;
  #releaseSignals: (() => void)[] | undefined;

  #handler: 'none' | 'waiting' | 'running' | 'ended' | 'abandoned';
  #handlerTimer: unknown;
  #failure: Error | undefined;
  #isCancelled = false;
  #state: 'completed' | 'failed' | 'cancelled' | undefined;
  #abort: AbortController | undefined;
  #abortReason: unknown;

  /** Made by `upgrade`. */
  constructor(transport: Transport, engine: Engine, userContext: UserContext, options: JobOptions<C, I, O>) {
    this.#engine = engine;
    this.#userContext = userContext;
    this.#handlerTimeout = options.limits.handlerTimeout;
    this.#handler = options.handler === undefined ? 'none' : 'waiting';
    this.#connection = new Connection(new Job.#Owner(this as unknown as AnyJob), transport, engine, options);
    this.session = new Session(this.#connection, options.facts, this, engine.scheduler);
    this.#connection.start();
    for (const signal of [engine.signal, userContext.signal]) {
      if (signal === undefined) continue;
      this.#releaseSignals ??= [];
      this.#releaseSignals.push(onAbort(signal, (reason) => this.cancel(reason)));
    }
    // A microtask later, so that the caller holds the job before the handler runs. The asynchronous context stays the caller's.
    const { handler } = options;
    if (handler !== undefined) queueMicrotask(() => this.#runHandler(handler));
  }

  /** Where it is in its life. It only goes on: `completed`, `failed` and `cancelled` are final. */
  get state(): JobState {
    if (this.#state !== undefined) return this.#state;
    return this.#connection.isOpen && !this.#isCancelled ? 'running' : 'closing';
  }

  /** Fulfils when the connection has ended and the handler too (or was let go after `handlerTimeout`). Never rejects. */
  get closed(): Promise<CloseInfo> {
    if (this.#closed === undefined) {
      this.#closed = new Deferred();
      if (this.#info !== undefined) this.#closed.resolve(this.#info);
    }
    return this.#closed.promise;
  }

  /** Aborted when the connection has ended or the job is cancelled: for all that belongs to the connection. */
  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      const { record } = this.#connection;
      if (record.info !== undefined) this.#abortReason ??= record.closedError;
      if (this.#abortReason !== undefined) this.#abort.abort(this.#abortReason);
    }
    return this.#abort.signal;
  }

  /**
   * Ends the connection with 1001 as soon as the closing handshake allows, and aborts {@link signal} at once. Messages that wait unread are thrown away. Can be
   * called at any time; does nothing when the connection has ended.
   */
  cancel(reason?: unknown): void {
    if (this.#isCancelled || this.#connection.record.info !== undefined) return;
    this.#isCancelled = true;
    const error = this.#connection.record.own(
      new ConnectionError('ERR_WS_CANCELLED', 'The job was cancelled', { cause: reason }),
    );
    this.#connection.ending.cancel(error);
    this.#abortSignal(reason ?? error);
  }

  /** Cancels, and waits for the end: `await using job = upgrade(…)`. */
  async [asyncDispose](): Promise<void> {
    this.cancel();
    await this.closed;
  }

  // What the connection asks and tells: not by methods of the job, which everybody would see, nor by a closure for each.
  static readonly #Owner = class implements ConnectionOwner {
    readonly #job: AnyJob;

    constructor(job: AnyJob) {
      this.#job = job;
    }

    isWritableInUse(): boolean {
      return writableOf(this.#job.session)?.isInUse === true;
    }

    hasHandler(): boolean {
      return this.#job.#hasHandler;
    }

    connectionEnded(): void {
      this.#job.#connectionEnded();
    }

    extensionFailed(error: unknown): void {
      reportError(this.#job.#userContext, error);
    }
  };

  static {
    setOnEnd = (job, callback) => {
      job.#onEnd = callback;
    };
  }

  get #hasHandler(): boolean {
    return this.#handler === 'waiting' || this.#handler === 'running';
  }

  // --- The handler ---------------------------------------------------------------------------------------------------

  #runHandler(handler: Handler<C, I, O>): void {
    if (this.#isCancelled) return this.#handlerEnded();
    this.#handler = 'running';
    try {
      Promise.resolve(this.#call(handler)).then(
        () => this.#handlerReturned(),
        (error) => this.#handlerThrew(error),
      );
    } catch (error) {
      this.#handlerThrew(error);
    }
  }

  #call(handler: Handler<C, I, O>): unknown {
    const { run } = this.#userContext;
    return run === undefined ? handler(this.session) : run(() => handler(this.session));
  }

  #handlerReturned(): void {
    const isAnswer = this.#connection.endpoint.state === 'close-received';
    this.#connection.ending.close(isAnswer ? undefined : CloseCode.NORMAL_CLOSURE);
    this.#handlerEnded();
  }

  #handlerThrew(error: unknown): void {
    // A handler that was ended by the end of its own session has not failed.
    const isOwnEnd = this.#connection.record.isOwn(error) || (this.#isCancelled && error === this.#abortReason);
    if (isOwnEnd) return this.#handlerReturned();
    const text = 'The handler failed';
    const failure =
      error instanceof Error ? error : new ConnectionError('ERR_WS_HANDLER_FAILED', text, { cause: error });
    this.#failure = failure;
    // Nothing of the error goes to the peer.
    this.#connection.ending.close(CloseCode.INTERNAL_ERROR, '', failure);
    reportError(this.#userContext, error);
    this.#handlerEnded();
  }

  #handlerEnded(): void {
    if (this.#handler !== 'abandoned') this.#handler = 'ended';
    this.#connection.ending.discardMessages();
    this.#settleIfDone();
  }

  // --- The end -------------------------------------------------------------------------------------------------------

  #connectionEnded(): void {
    for (const release of this.#releaseSignals ?? []) release();
    this.#releaseSignals = undefined;
    writableOf(this.session)?.connectionEnded();
    // An error costs its stack: it is made when somebody is to see it.
    if (this.#abort !== undefined) this.#abortSignal(this.#connection.record.closedError);
    if (this.#hasHandler) {
      this.#handlerTimer = this.#engine.clock.setTimeout(() => {
        this.#handler = 'abandoned';
        this.#settleIfDone();
      }, this.#handlerTimeout);
    }
    this.#settleIfDone();
  }

  #abortSignal(reason: unknown): void {
    if (this.#abortReason !== undefined) return;
    this.#abortReason = reason;
    this.#abort?.abort(reason);
  }

  #settleIfDone(): void {
    const { inbox } = this.#connection;
    const { info } = this.#connection.record;
    if (info === undefined || this.#state !== undefined) return;
    if (this.#hasHandler) return;
    this.#engine.clock.clearTimeout(this.#handlerTimer);
    const isAbandoned = this.#handler === 'abandoned';
    const text = 'The handler did not end in time';
    const late = isAbandoned ? new ConnectionError('ERR_WS_HANDLER_TIMEOUT', text) : undefined;
    // A handler may have failed when the connection had ended well already.
    const error = info.error ?? this.#failure ?? late;
    const hasFailed = isAbandoned || !info.wasClean || error !== undefined;
    this.#state = this.#isCancelled ? 'cancelled' : hasFailed ? 'failed' : 'completed';
    const messages = inbox.discarded;
    // The same as the session's, unless more has been left behind since.
    const isSame = !isAbandoned && messages === info.abandoned.messages && error === info.error;
    const abandoned = { ...info.abandoned, messages, handler: isAbandoned };
    this.#info = isSame ? info : { ...info, error, abandoned };
    this.#onEnd?.(this, this.#info);
    this.#closed?.resolve(this.#info);
  }
}
