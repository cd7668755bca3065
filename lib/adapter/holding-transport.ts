// A transport that is used before its receiver is there: an HTTP connection reads the head of a request from it, hooks decide on the upgrade, and only then a job
// starts it. What comes meanwhile is held, bounded, and delivered first.

import { copyOf } from '../bytes/allocate.ts';
import { lendChunk, type Transport, type TransportReceiver, writeTo } from '../stream/transport.ts';

/** Told of a transport that nobody receives from. */
export interface TransportWatcher {
  /** More bytes are held. */
  held(): void;
  /** The connection has closed, or the peer has ended it without having sent anything. */
  gone(): void;
}

interface HeldChunk {
  readonly chunk: Uint8Array;
  readonly isOwned: boolean;
}

/** Stands between a transport and one receiver after the other. */
export class HoldingTransport implements Transport, TransportReceiver {
  readonly #inner: Transport;
  readonly #onClosed: () => void;
  #isStarted = false;
  #receiver: TransportReceiver | undefined;
  #watcher: TransportWatcher | undefined;
  #held: HeldChunk[] = [];
  #heldBytes = 0;
  #holdUpTo = Number.POSITIVE_INFINITY;
  #isDiscarding = false;
  #isPaused = false;
  #hasInputEnded = false;
  // A write that was not taken yet, and whether the receiver is to be told of it: it did not write what was written before it came.
  #isWriting = false;
  #isReceivers = false;
  // What waits for that write: at most one write of the receiver's, or our last one.
  #queued: Uint8Array[] = [];
  #isEnding = false;
  #hasEnded = false;
  #isHasty = false;
  #isClosed = false;
  #error: unknown;

  /**
   * @param inner Not started.
   * @param onClosed Called once when the connection has closed, before whoever receives is told.
   */
  constructor(inner: Transport, onClosed: () => void = () => {}) {
    this.#inner = inner;
    this.#onClosed = onClosed;
  }

  /** Whether the connection has closed. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** How many bytes are held. */
  get held(): number {
    return this.#heldBytes;
  }

  // --- For who holds it --------------------------------------------------------------------------------------------------

  /** The receiver leaves: it is told nothing more, and may be followed by another. `rest` is what it was told and did not use. */
  detach(rest?: Uint8Array, isOwned = false): void {
    this.#receiver = undefined;
    this.#isReceivers = false;
    if (rest !== undefined && rest.byteLength > 0) this.#hold({ chunk: rest, isOwned });
  }

  /** Reads on while nobody receives, to notice that the peer goes away. What comes is held, up to `size` bytes and a chunk; beyond them the peer waits. */
  watch(size: number, watcher: TransportWatcher): void {
    this.#holdUpTo = size;
    this.#watcher = watcher;
    if (this.#isClosed || (this.#hasInputEnded && this.#held.length === 0)) queueMicrotask(() => this.#watcher?.gone());
    else this.#read();
  }

  /** It will not be started again: throws away what is held, and what still comes. */
  discard(): void {
    this.#held = [];
    this.#heldBytes = 0;
    this.#receiver = undefined;
    this.#watcher = undefined;
    this.#isDiscarding = true;
    if (!this.#isClosed) this.#read();
  }

  /** Writes bytes before the receiver is there: it is not told of them, and what it writes follows them. */
  lead(bytes: Uint8Array): void {
    if (!this.#isClosed) this.#write([bytes], false);
  }

  /**
   * Writes the last bytes and half-closes the connection. What is held and what still comes is thrown away, so that no reset destroys them.
   *
   * @param isHasty Whether the connection is cut when they are sent: the peer's end is not waited for.
   */
  conclude(bytes: Uint8Array, isHasty = false): void {
    this.discard();
    if (this.#isClosed) return;
    this.#isHasty = isHasty;
    if (bytes.byteLength > 0) this.#write([bytes], false);
    this.end();
  }

  // --- For its receiver --------------------------------------------------------------------------------------------------

  start(receiver: TransportReceiver): void {
    this.#receiver = receiver;
    this.#watcher = undefined;
    this.#holdUpTo = Number.POSITIVE_INFINITY;
    const held = this.#held;
    this.#held = [];
    this.#heldBytes = 0;
    const wasClosed = this.#isClosed;
    const hadEnded = this.#hasInputEnded;
    // First: the receiver may pause while it takes what was held.
    if (!wasClosed) this.#read();
    for (const { chunk, isOwned } of held) receiver.chunkReceived(chunk, isOwned);
    if (wasClosed) queueMicrotask(() => this.#tellIfStill(receiver, () => receiver.transportClosed(this.#error)));
    else if (hadEnded) queueMicrotask(() => this.#tellIfStill(receiver, () => receiver.endReceived()));
  }

  pause(): void {
    this.#isPaused = true;
    this.#inner.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#inner.resume();
  }

  write(pieces: readonly Uint8Array[]): void {
    if (!this.#isClosed) this.#write(pieces, true);
  }

  tryWrite(pieces: readonly Uint8Array[]): boolean {
    if (this.#isWriting || this.#isClosed) {
      this.write(pieces);
      return false;
    }
    const isTaken = writeTo(this.#inner, pieces);
    this.#isWriting = !isTaken;
    this.#isReceivers = !isTaken;
    return isTaken;
  }

  end(): void {
    if (this.#isClosed || this.#isEnding) return;
    this.#isEnding = true;
    if (!this.#isWriting) this.#inner.end();
  }

  destroy(reason?: unknown): void {
    if (this.#isClosed) return;
    // One that was not started tells nothing of its end.
    if (!this.#isStarted) this.#read();
    this.#inner.destroy(reason);
  }

  // --- What the transport tells ------------------------------------------------------------------------------------------

  chunkReceived(chunk: Uint8Array, isOwned: boolean): void {
    if (this.#receiver !== undefined) this.#receiver.chunkReceived(chunk, isOwned);
    else if (!this.#isDiscarding) this.#hold({ chunk, isOwned });
  }

  chunkLent(chunk: Uint8Array): void {
    if (this.#receiver !== undefined) lendChunk(this.#receiver, chunk);
    else this.chunkReceived(copyOf(chunk, 0, chunk.byteLength), true);
  }

  endReceived(): void {
    if (this.#hasInputEnded || this.#isClosed) return;
    this.#hasInputEnded = true;
    if (this.#receiver !== undefined) this.#receiver.endReceived();
    else if (this.#held.length === 0) this.#watcher?.gone();
    this.#cutIfDone();
  }

  writeTaken(): void {
    const isReceivers = this.#isReceivers;
    const queued = this.#queued;
    this.#isWriting = false;
    this.#isReceivers = false;
    if (queued.length > 0) {
      this.#queued = [];
      this.#write(queued, isReceivers);
      return;
    }
    if (this.#isEnding) this.#inner.end();
    if (isReceivers) this.#receiver?.writeTaken();
  }

  endSent(): void {
    if (this.#isClosed) return;
    this.#hasEnded = true;
    this.#receiver?.endSent();
    this.#cutIfDone();
  }

  transportClosed(error?: unknown): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#error = error;
    this.#queued = [];
    this.#onClosed();
    if (this.#receiver !== undefined) this.#receiver.transportClosed(error);
    else this.#watcher?.gone();
  }

  // ---------------------------------------------------------------------------------------------------------------------

  #read(): void {
    if (!this.#isStarted) {
      this.#isStarted = true;
      this.#inner.start(this);
    } else if (this.#isPaused) {
      this.resume();
    }
  }

  #hold(held: HeldChunk): void {
    this.#held.push(held);
    this.#heldBytes += held.chunk.byteLength;
    if (this.#heldBytes >= this.#holdUpTo && !this.#isPaused) this.pause();
    this.#watcher?.held();
  }

  #write(pieces: readonly Uint8Array[], isReceivers: boolean): void {
    this.#isReceivers ||= isReceivers;
    if (this.#isWriting) {
      for (const piece of pieces) this.#queued.push(piece);
      return;
    }
    this.#isWriting = true;
    this.#inner.write(pieces);
  }

  // Nobody receives any more: a receiver ends its transport itself.
  #cutIfDone(): void {
    if (this.#isDiscarding && this.#hasEnded && (this.#hasInputEnded || this.#isHasty)) this.#inner.destroy();
  }

  #tellIfStill(receiver: TransportReceiver, tell: () => void): void {
    if (this.#receiver === receiver) tell();
  }
}
