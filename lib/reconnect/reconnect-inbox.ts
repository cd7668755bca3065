// The messages of one connection after the other, for one reader. Nothing is kept here: what nobody has read stays in its session, whose backpressure holds; what a lost connection has left
// is read before anything of the next.

import { Deferred, markHandled } from '../connection/deferred.ts';
import { iterate, toResult } from '../connection/inbox.ts';
import { StreamedMessage } from '../connection/streamed-message.ts';
import type { Session } from '../job/session.ts';
import { SharedReader } from '../stream/shared-reader.ts';
import { streams } from '../stream/streams.ts';

/** What is asked of a session. */
export type ReceivingSession<I> = Pick<Session<undefined, I>, 'receive' | 'counters'>;

export class ReconnectInbox<I> {
  /** Lost ones that are not read to their end, and behind them the one of the moment. */
  readonly #sessions: ReceivingSession<I>[] = [];
  #waiters: Deferred<I | undefined>[] = [];
  #isReading = false;
  #hasEnded = false;
  #error: Error | undefined;
  #room: Deferred<void> | undefined;
  #lost = new Set<ReceivingSession<I>>();
  #readable: ReadableStream<I> | undefined;
  #reader: SharedReader<I> | undefined;
  #isDiscarding = false;
  #discarded = 0;
  readonly #failed: (session: ReceivingSession<I>, error: unknown) => void;

  /** @param failed Called when a session cannot be read although it goes on: somebody else reads it. */
  constructor(failed: (session: ReceivingSession<I>, error: unknown) => void) {
    this.#failed = failed;
  }

  /** Messages that were thrown away because nobody wants to read any more. */
  get discarded(): number {
    return this.#discarded;
  }

  /** What lost connections have left unread: bytes, each message counting 64 more. */
  get left(): number {
    let left = 0;
    for (const session of this.#lost) left += session.counters.unread;
    return left;
  }

  // --- Connections ---------------------------------------------------------------------------------------------------

  opened(session: ReceivingSession<I>): void {
    this.#sessions.push(session);
    void this.#read();
  }

  /** Nothing more comes of the session than what is in it. */
  lost(session: ReceivingSession<I>): void {
    if (!this.#sessions.includes(session)) return;
    if (session.counters.unread > 0) this.#lost.add(session);
    // One that is being read is found to have ended by that.
    else if (!this.#isReading || this.#sessions[0] !== session) this.#remove(session);
  }

  /** Fulfils when something of what lost connections have left was read. */
  roomMade(): Promise<void> {
    this.#room ??= new Deferred();
    return this.#room.promise;
  }

  /** No connection follows. Behind the last message the reader is told of the end, or of the error. */
  end(error: Error | undefined): void {
    this.#hasEnded = true;
    this.#error = error;
    void this.#read();
    // A stream finds the end when it is read.
  }

  // --- Reading -------------------------------------------------------------------------------------------------------

  /** The next message; undefined at the end. Rejects with the error of the end, and with a TypeError while the stream is in use. */
  receive(): Promise<I | undefined> {
    return this.#reader === undefined ? this.#next() : markHandled(this.#reader.read());
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<I> {
    return iterate({ next: () => this.receive().then(toResult) });
  }

  /** @throws TypeError while a `receive` is pending. */
  get readable(): ReadableStream<I> {
    if (this.#readable !== undefined) return this.#readable;
    if (this.#waiters.length > 0) throw new TypeError('Cannot make the readable: a receive is pending');
    const { ReadableStream } = streams();
    // It holds nothing itself: the sessions do.
    this.#readable = new ReadableStream<I>(
      { pull: (controller) => this.#pull(controller), cancel: () => this.#discard() },
      { highWaterMark: 0 },
    );
    this.#reader = new SharedReader(this.#readable);
    return this.#readable;
  }

  async #pull(controller: ReadableStreamDefaultController<I>): Promise<void> {
    const message = await this.#next();
    if (this.#isDiscarding) return this.#throwAway(message);
    if (message === undefined) controller.close();
    else controller.enqueue(message);
  }

  #next(): Promise<I | undefined> {
    const waiter = new Deferred<I | undefined>();
    this.#waiters.push(waiter);
    void this.#read();
    return waiter.promise;
  }

  /** Gives messages to those who wait, as long as there are both. */
  async #read(): Promise<void> {
    if (this.#isReading) return;
    this.#isReading = true;
    while (this.#waiters.length > 0 || this.#isDiscarding) {
      const session = this.#sessions[0];
      if (session === undefined) break;
      const message = await this.#readFrom(session);
      if (message === undefined) this.#remove(session);
      else this.#give(message);
      if (this.#lost.size > 0 || message === undefined) this.#tellRoom();
    }
    this.#isReading = false;
    if (this.#sessions.length === 0 && this.#hasEnded) this.#settle();
  }

  /** The next message of a session; undefined at its end, however it came to that: how it did is told as a loss. */
  async #readFrom(session: ReceivingSession<I>): Promise<I | undefined> {
    try {
      return await session.receive();
    } catch (error) {
      if (error instanceof TypeError) this.#failed(session, error);
      return undefined;
    }
  }

  #give(message: I): void {
    const waiter = this.#waiters.shift();
    if (waiter !== undefined) waiter.resolve(message);
    else this.#throwAway(message);
  }

  #remove(session: ReceivingSession<I>): void {
    const index = this.#sessions.indexOf(session);
    if (index >= 0) this.#sessions.splice(index, 1);
    this.#lost.delete(session);
  }

  #tellRoom(): void {
    this.#room?.resolve();
    this.#room = undefined;
  }

  #settle(): void {
    for (const waiter of this.#waiters.splice(0)) {
      if (this.#error === undefined) waiter.resolve(undefined);
      else waiter.reject(this.#error);
    }
  }

  // --- Nobody wants to read any more ---------------------------------------------------------------------------------

  #discard(): void {
    this.#isDiscarding = true;
    void this.#read();
  }

  #throwAway(message: I | undefined): void {
    if (message === undefined) return;
    this.#discarded++;
    if (message instanceof StreamedMessage) void message.cancel();
  }
}
