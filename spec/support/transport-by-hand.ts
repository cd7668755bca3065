// A transport that is the test: it notes what it is asked, and tells its receiver what the test says.

import type { Transport, TransportReceiver } from '../../lib/stream/transport.ts';
import { join } from './hex.ts';

export class TransportByHand implements Transport {
  /** What it was asked, in order: `start`, `write 12`, `pause`, `resume`, `end`, `destroy`. */
  readonly asked: string[] = [];
  /** What was written, a chunk for each write. */
  readonly writes: Uint8Array[] = [];
  /** Why it was destroyed. */
  reason: unknown;
  /** Delivered from inside `start`, as a socket does with bytes that came before. */
  readonly #held: readonly Uint8Array[];
  #receiver: TransportReceiver | undefined;
  #isTaken = true;
  #isOver = false;

  constructor(...held: readonly Uint8Array[]) {
    this.#held = held;
  }

  get isDestroyed(): boolean {
    return this.asked.includes('destroy');
  }

  /** Whether a write is not taken yet. */
  get isWriting(): boolean {
    return !this.#isTaken;
  }

  /** All that was written. */
  get written(): Uint8Array {
    return join(...this.writes);
  }

  start(receiver: TransportReceiver): void {
    if (this.#receiver !== undefined) throw new Error('It was started twice');
    this.asked.push('start');
    this.#receiver = receiver;
    for (const chunk of this.#held) receiver.chunkReceived(chunk, false);
  }

  write(pieces: readonly Uint8Array[]): void {
    if (!this.#isTaken) throw new Error('It was written to before the last write was taken');
    this.#isTaken = false;
    const bytes = join(...pieces);
    this.asked.push(`write ${bytes.byteLength}`);
    this.writes.push(bytes);
  }

  pause(): void {
    this.asked.push('pause');
  }

  resume(): void {
    this.asked.push('resume');
  }

  end(): void {
    this.asked.push('end');
  }

  destroy(reason?: unknown): void {
    this.asked.push('destroy');
    this.reason = reason;
  }

  // --- What the test says ----------------------------------------------------------------------------------------------

  give(chunk: Uint8Array, isOwned = false): void {
    this.#tell((receiver) => receiver.chunkReceived(chunk, isOwned));
  }

  /** The peer's half ends. */
  giveEnd(): void {
    this.#tell((receiver) => receiver.endReceived());
  }

  /** The last write is taken. */
  take(): void {
    if (this.#isTaken) throw new Error('Nothing is to be taken');
    this.#isTaken = true;
    this.#tell((receiver) => receiver.writeTaken());
  }

  /** The end is sent. */
  takeEnd(): void {
    this.#tell((receiver) => receiver.endSent());
  }

  close(error?: unknown): void {
    this.#tell((receiver) => {
      this.#isOver = true;
      receiver.transportClosed(error);
    });
  }

  #tell(tell: (receiver: TransportReceiver) => void): void {
    if (this.#receiver === undefined) throw new Error('It was not started');
    if (this.#isOver) throw new Error('It is closed: nothing is told any more');
    tell(this.#receiver);
  }
}
