// One try after the other: asks for what to connect to, connects, lets the user's hook at the session, waits for its end, judges it, waits. What is sent and received over the connections is its
// owner's business.

import { type Engine, reportError, resolveEngine } from '../connection/context.ts';
import { Deferred, markHandled } from '../connection/deferred.ts';
import type { Sendable } from '../connection/sendable.ts';
import type { Session } from '../job/session.ts';
import type { Delivery } from '../job/session-kind.ts';
import { onAbort } from '../job/signal-registry.ts';
import { ReconnectDelay } from './reconnect-delay.ts';
import { createEndError, giveUp } from './reconnect-error.ts';
import { isFinalLoss } from './reconnect-final.ts';
import {
  type Asked,
  type Attempt,
  type ReconnectOptions,
  type ResolvedBounds,
  resolveBounds,
} from './reconnect-options.ts';
import type { Loss, LossPhase, ReconnectEnd, ReconnectState, UnsettledMessages } from './reconnect-state.ts';
import { ReconnectStates } from './reconnect-states.ts';

/** Opens one connection. Rejects when there is none; when the signal is aborted it lets go of everything, and later of the session. */
export type Open<C extends object, I> = (
  url: string | URL,
  options: C & { readonly signal: AbortSignal },
) => Promise<Session<undefined, I>>;

/** What a try has found out. */
type Found = Pick<Loss, 'phase' | 'error'> & Partial<Pick<Loss, 'closeInfo' | 'discarded' | 'unsettled'>>;

/** What ends it all from outside. */
type Stop =
  | { readonly reason: 'closed'; readonly closeCode: number; readonly text: string | undefined }
  | { readonly reason: 'aborted'; readonly cause: unknown };

/** Who owns what goes over the connections. */
export interface ReconnectorOwner<I> {
  /** A connection is there to be used. */
  sessionOpened(session: Session<undefined, I>): void;
  /** It is about to be closed by this side. */
  sessionClosing(): void;
  /** It is no more. Gives what nobody knows of. */
  sessionLost(session: Session<undefined, I>): UnsettledMessages;
  /** What of a loss is to be sent again. */
  sendAgain(loss: Loss, messages: Iterable<Sendable> | undefined): void;
  /** What lost connections have left unread, in bytes. */
  readonly left: number;
  /** Fulfils when there is less of it. */
  roomMade(): Promise<void>;
  /** It is over. Gives what was never sent. */
  ended(end: Omit<ReconnectEnd, 'unsent'>): UnsettledMessages;
}

export const NOTHING_UNSETTLED: UnsettledMessages = { messages: [], count: 0, bytes: 0 };

export class Reconnector<C extends object, M extends Delivery, I> {
  readonly states: ReconnectStates<Session<undefined, I>>;
  readonly #owner: ReconnectorOwner<I>;
  readonly #url: Asked<string | URL>;
  readonly #options: ReconnectOptions<C, M, I>;
  readonly #bounds: ResolvedBounds;
  readonly #open: Open<C, I>;
  readonly #engine: Engine;
  readonly #delay: ReconnectDelay;
  readonly #closed = new Deferred<ReconnectEnd>();
  // Ends what is waited for, when it is stopped.
  #wake = (): void => {};
  #stop: Stop | undefined;
  #releases: (() => void)[] = [];
  #abort: AbortController | undefined;
  #session: Session<undefined, I> | undefined;
  #isOpen = false;
  #attempts = 0;
  #opened = 0;
  #failures = 0;
  // Since when there has been no connection that lasts.
  #since: number;

  /** @throws RangeError when a bound is wrong. */
  constructor(
    owner: ReconnectorOwner<I>,
    url: Asked<string | URL>,
    options: ReconnectOptions<C, M, I>,
    open: Open<C, I>,
  ) {
    this.#owner = owner;
    this.#url = url;
    this.#options = options;
    this.#open = open;
    this.#bounds = resolveBounds(options);
    this.#engine = resolveEngine(options.engineContext);
    this.#delay = new ReconnectDelay(this.#bounds, this.#engine.random);
    this.#since = this.#engine.clock.now();
    this.states = new ReconnectStates({ name: 'connecting', attempt: 1 }, (state) => this.#tellState(state));
  }

  // Changes while others run: not to be narrowed.
  get #reason(): Stop['reason'] | undefined {
    return this.#stop?.reason;
  }

  get attempts(): number {
    return this.#attempts;
  }

  /** How many connections there have been. */
  get opened(): number {
    return this.#opened;
  }

  /** The session of the moment, when it is open. */
  get session(): Session<undefined, I> | undefined {
    return this.#isOpen ? this.#session : undefined;
  }

  /** Never rejects. */
  get closed(): Promise<ReconnectEnd> {
    return this.#closed.promise;
  }

  /** Begins, a microtask later: the caller holds what he has made before anything of his runs. */
  start(): void {
    const { signal, engineContext, userContext } = this.#options;
    for (const each of [signal, engineContext?.signal, userContext?.signal]) {
      if (each !== undefined) this.#releases.push(onAbort(each, (cause) => this.stop({ reason: 'aborted', cause })));
    }
    queueMicrotask(() => void this.#run());
  }

  /** Ends it, whatever is under way. A signal cuts short what a close has begun. */
  stop(stop: Stop): void {
    if (this.#stop?.reason === 'aborted' || (this.#stop !== undefined && stop.reason === 'closed')) return;
    this.#stop = stop;
    this.#wake();
    if (this.#session === undefined) return this.#abort?.abort(stop.reason === 'closed' ? undefined : stop.cause);
    if (stop.reason === 'aborted') return this.#session.job.cancel(stop.cause);
    if (this.#isOpen) this.#owner.sessionClosing();
    void this.#session.close(stop.closeCode, stop.text);
  }

  // --- The course of it ----------------------------------------------------------------------------------------------

  async #run(): Promise<void> {
    let previous: Loss | undefined;
    for (;;) {
      if (this.#reason !== undefined) return this.#finish(this.#reason, previous);
      previous = await this.#try(previous);
      const end = this.#judge(previous);
      if (end !== undefined) return this.#finish(end, previous);
      this.#tellLoss(previous);
      if (!(await this.#wait(previous))) return this.#finish(this.#reason ?? 'time', previous);
    }
  }

  async #try(previous: Loss | undefined): Promise<Loss> {
    const attempt = ++this.#attempts;
    const abort = new AbortController();
    this.#abort = abort;
    const told: Attempt = { attempt, failures: this.#failures, previous, signal: abort.signal };
    this.states.set({ name: 'connecting', attempt });
    const release = this.#boundTime(abort);
    const found = await this.#connect(told, abort, release);
    release();
    this.#abort = undefined;
    this.#session = undefined;
    const { phase, error, closeInfo, unsettled = NOTHING_UNSETTLED, discarded = 0 } = found;
    return { phase, attempt, closeInfo, error, unsettled, discarded };
  }

  async #connect(told: Attempt, abort: AbortController, opened: () => void): Promise<Found> {
    let phase: LossPhase = 'asking';
    try {
      const [url, options] = await raced(this.#ask(told), abort.signal);
      phase = 'connecting';
      const session = await this.#dial(url, options, abort);
      return await this.#hold(session, told, opened);
    } catch (error) {
      return { phase, error };
    }
  }

  /** No try goes on for longer than there may be no connection. */
  #boundTime(abort: AbortController): () => void {
    const { maxTime } = this.#bounds;
    if (maxTime === Number.POSITIVE_INFINITY) return () => {};
    const { clock } = this.#engine;
    const wait = Math.max(0, this.#since + maxTime - clock.now());
    const timer = clock.setTimeout(() => abort.abort(giveUp('time')), wait);
    return () => clock.clearTimeout(timer);
  }

  async #ask(told: Attempt): Promise<readonly [string | URL, C]> {
    const url = await this.#askFor(this.#url, told);
    const options = await this.#askFor(this.#options.connect ?? ({} as C), told);
    return [url, options ?? ({} as C)];
  }

  async #askFor<T extends object | string>(asked: Asked<T>, told: Attempt): Promise<T> {
    return typeof asked === 'function'
      ? this.#call(() => (asked as (attempt: Attempt) => T | Promise<T>)(told))
      : asked;
  }

  #dial(url: string | URL, options: C, { signal }: AbortController): Promise<Session<undefined, I>> {
    if ('raw' in options && options.raw === true)
      throw new TypeError('Cannot reconnect: a session of frames has one connection');
    const { messages, engineContext, userContext } = this.#options;
    const contexts = { ...(engineContext && { engineContext }), ...(userContext && { userContext }) };
    const opening = this.#open(url, { ...options, ...(messages && { messages }), ...contexts, signal });
    // One that comes too late is nobody's.
    void opening.then(
      (session) => {
        if (signal.aborted) session.job.cancel(signal.reason);
      },
      () => {},
    );
    return raced(opening, signal);
  }

  // --- A connection --------------------------------------------------------------------------------------------------

  async #hold(session: Session<undefined, I>, told: Attempt, opened: () => void): Promise<Found> {
    this.#session = session;
    // Stopped in the moment in which it was opened: nobody sees it.
    if (this.#stop !== undefined) session.job.cancel();
    const failure = this.#stop === undefined ? await this.#letIn(session, told) : { error: undefined };
    if (failure !== undefined) return this.#refuse(session, failure);
    opened();
    this.#opened++;
    this.#isOpen = true;
    const since = this.#engine.clock.now();
    this.#owner.sessionOpened(session);
    this.states.set({ name: 'open', attempt: told.attempt, session });
    const closeInfo = await session.closed;
    this.#isOpen = false;
    if (this.#engine.clock.now() - since >= this.#bounds.resetAfter) this.#startAnew();
    return { phase: 'open', closeInfo, error: closeInfo.error, unsettled: this.#owner.sessionLost(session) };
  }

  #startAnew(): void {
    this.#delay.reset();
    this.#since = this.#engine.clock.now();
    // What has lasted is no failure, though it is lost.
    this.#failures = -1;
  }

  /** Runs the hook. Gives what has failed; undefined when the session is open. */
  async #letIn(session: Session<undefined, I>, told: Attempt): Promise<{ readonly error: unknown } | undefined> {
    const { onOpen } = this.#options;
    if (onOpen === undefined) return undefined;
    const ended = session.closed.then(({ error }) => ({ error }));
    const run = async (): Promise<undefined> => {
      await this.#call(() => onOpen(session, told));
    };
    try {
      return await Promise.race([markHandled(run()), ended]);
    } catch (error) {
      // When the session is ending, it is of that that the hook tells.
      if (session.job.state === 'running') reportError(this.#options.userContext ?? {}, error);
      return { error };
    }
  }

  async #refuse(session: Session<undefined, I>, { error }: { readonly error: unknown }): Promise<Found> {
    if (session.job.state === 'running') void session.close(1011);
    const closeInfo = await session.closed;
    return { phase: 'opening', closeInfo, error: closeInfo.error ?? error, discarded: await countUnread(session) };
  }

  // --- What is to be done --------------------------------------------------------------------------------------------

  #judge(loss: Loss): ReconnectEnd['reason'] | undefined {
    if (this.#stop !== undefined) return this.#stop.reason;
    this.#failures++;
    if (this.#isFinal(loss)) return 'final';
    if (this.#failures >= this.#bounds.maxTries) return 'tries';
    return this.#isLate(0) ? 'time' : undefined;
  }

  #isFinal(loss: Loss): boolean {
    const isFinal = isFinalLoss(loss);
    return this.#guard(() => this.#options.isFinal?.(loss, isFinal)) ?? isFinal;
  }

  #isLate(delay: number): boolean {
    return this.#engine.clock.now() + delay >= this.#since + this.#bounds.maxTime;
  }

  #tellLoss(loss: Loss): void {
    if (loss.phase !== 'open') return;
    const again = this.#guard(() => this.#options.onLost?.(loss)) as Iterable<Sendable> | undefined;
    try {
      this.#owner.sendAgain(loss, again);
    } catch (error) {
      reportError(this.#options.userContext ?? {}, error);
    }
  }

  /** Gives whether there is to be another try. */
  async #wait(loss: Loss): Promise<boolean> {
    const { clock } = this.#engine;
    const ruled = this.#delay.next(loss);
    const asked = this.#guard(() => this.#options.delay?.(loss, ruled));
    const delay = typeof asked === 'number' && asked >= 0 ? asked : ruled;
    if (this.#isLate(delay)) return false;
    this.states.set({ name: 'waiting', attempt: this.#attempts + 1, delay, until: clock.now() + delay, loss });
    let timer: unknown;
    const over = new Promise<void>((resolve) => {
      timer = clock.setTimeout(resolve, delay);
    });
    await this.#unlessStopped(over);
    clock.clearTimeout(timer);
    await this.#waitForReader();
    return this.#stop === undefined;
  }

  /** As the promise, which must not reject; or when it is stopped. */
  #unlessStopped(promise: Promise<void>): Promise<void> {
    if (this.#stop !== undefined) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake = resolve;
      void promise.then(resolve);
    });
  }

  // The time that the reader takes is not that of the peer.
  async #waitForReader(): Promise<void> {
    const { clock } = this.#engine;
    const since = clock.now();
    while (this.#stop === undefined && this.#owner.left >= this.#bounds.maxUnread) {
      await this.#unlessStopped(this.#owner.roomMade());
    }
    this.#since += clock.now() - since;
  }

  #finish(reason: ReconnectEnd['reason'], loss: Loss | undefined): void {
    for (const release of this.#releases) release();
    this.#releases = [];
    const error = createEndError(reason, loss, this.#stop?.reason === 'aborted' ? this.#stop.cause : undefined);
    const { closeInfo, unsettled = NOTHING_UNSETTLED } = loss ?? {};
    const known = { reason, error, closeInfo, attempts: this.#attempts, unsettled };
    const end = { ...known, unsent: this.#owner.ended(known) };
    this.states.set({ name: 'ended', end });
    this.#closed.resolve(end);
  }

  // --- The user's functions ------------------------------------------------------------------------------------------

  #call<T>(callback: () => T): T {
    const { run } = this.#options.userContext ?? {};
    return run === undefined ? callback() : run(callback);
  }

  /** Calls what must not disturb: its error is reported. */
  #guard<T>(callback: () => T): T | undefined {
    try {
      return this.#call(callback);
    } catch (error) {
      reportError(this.#options.userContext ?? {}, error);
      return undefined;
    }
  }

  #tellState(state: ReconnectState<Session<undefined, I>>): void {
    this.#guard(() => this.#options.onState?.(state));
  }
}

/** As the promise, unless the signal is aborted first. */
function raced<T>(promise: PromiseLike<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const release = onAbort(signal, reject);
    promise.then(resolve, reject);
    void markHandled(Promise.resolve(promise).then(release, release) as Promise<void>);
  });
}

/** What has come to a session that has ended, and nobody has read. */
async function countUnread<I>(session: Session<undefined, I>): Promise<number> {
  for (let count = 0; ; count++) {
    const message = await session.receive().catch(() => undefined);
    if (message === undefined) return count;
  }
}
