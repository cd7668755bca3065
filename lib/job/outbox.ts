// What an endpoint has to send, on its way to the transport: gathered for a turn, one write at a time, counted in bytes. `push` tells when
// there is room for more, `flush` when all before it was taken.

import type { Endpoint } from '../endpoint/endpoint.ts';
import type { Transport } from '../stream/transport.ts';
import type { Scheduler } from './context.ts';
import { Deferred, markHandled } from './deferred.ts';

/** A write takes whole frames up to about this size: between two writes a control frame has its turn. */
const WRITE_SIZE = 256 * 1024;

const DONE: Promise<void> = Promise.resolve();

interface FlushWaiter {
  readonly mark: number;
  readonly deferred: Deferred<void>;
}

export class Outbox {
  readonly #endpoint: Endpoint;
  readonly #transport: Transport;
  readonly #scheduler: Scheduler;
  readonly #queueSize: number;
  #isScheduled = false;
  #isWriting = false;
  #isEnding = false;
  #hasEnded = false;
  #isDetached = false;
  #writing = 0;
  #writingBytes = 0;
  #bytesWritten = 0;
  // Weights: what was ever taken by the transport, so that a flush knows its mark.
  #written = 0;
  #room: Deferred<void> | undefined;
  // Why what was queued last will never be taken.
  #lost: Error | undefined;
  #flushes: FlushWaiter[] = [];

  constructor(endpoint: Endpoint, transport: Transport, scheduler: Scheduler, queueSize: number) {
    this.#endpoint = endpoint;
    this.#transport = transport;
    this.#scheduler = scheduler;
    this.#queueSize = queueSize;
  }

  /** What the transport has not taken yet: bytes, each frame counting 64 more. */
  get queued(): number {
    return this.#endpoint.queued + this.#writing;
  }

  get bytesWritten(): number {
    return this.#bytesWritten;
  }

  get isEmpty(): boolean {
    return !this.#isWriting && !this.#endpoint.hasOutput && this.#lost === undefined;
  }

  /** Notes that the endpoint has output. Fulfils when there is room for more. */
  push(): Promise<void> {
    this.schedule();
    if (this.queued < this.#queueSize) return DONE;
    this.#room ??= new Deferred();
    return this.#room.promise;
  }

  /** Fulfils when the transport has taken all that is queued now. */
  flush(): Promise<void> {
    if (this.isEmpty) return DONE;
    if (this.#lost !== undefined) return markHandled(Promise.reject(this.#lost));
    const deferred = new Deferred<void>();
    this.#flushes.push({ mark: this.#written + this.queued, deferred });
    return deferred.promise;
  }

  /** Sees to it that the endpoint's output is written at the end of the turn. */
  schedule(): void {
    if (this.#isScheduled || this.#isWriting || this.#isDetached) return;
    this.#isScheduled = true;
    this.#scheduler.schedule(() => {
      this.#isScheduled = false;
      this.#write();
    });
  }

  /** The transport has taken the last write. */
  written(): void {
    this.#isWriting = false;
    this.#written += this.#writing;
    this.#bytesWritten += this.#writingBytes;
    this.#writing = 0;
    this.#write();
    this.#settle();
  }

  /** Ends the output behind what is queued. */
  endWhenWritten(): void {
    this.#isEnding = true;
    this.schedule();
  }

  /** The transport is gone: nothing is written any more. */
  detach(): void {
    this.#isDetached = true;
  }

  /** Lets go of all that waits. */
  stop(error: Error): void {
    this.#isDetached = true;
    if (!this.isEmpty) this.#lost = error;
    this.#endpoint.dropOutput();
    this.#writing = 0;
    this.#room?.reject(error);
    this.#room = undefined;
    for (const { deferred } of this.#flushes) deferred.reject(error);
    this.#flushes = [];
  }

  #write(): void {
    if (this.#isWriting || this.#isDetached || this.#hasEnded) return;
    if (!this.#endpoint.hasOutput) {
      if (!this.#isEnding) return;
      this.#hasEnded = true;
      this.#transport.end();
      return;
    }
    const pieces: Uint8Array[] = [];
    this.#writing = this.#endpoint.takeOutput(pieces, WRITE_SIZE);
    this.#writingBytes = 0;
    for (const piece of pieces) this.#writingBytes += piece.byteLength;
    this.#isWriting = true;
    this.#transport.write(pieces);
  }

  #settle(): void {
    if (this.#room !== undefined && this.queued < this.#queueSize) {
      this.#room.resolve();
      this.#room = undefined;
    }
    while (this.#flushes.length > 0 && (this.#flushes[0] as FlushWaiter).mark <= this.#written) {
      this.#flushes.shift()?.deferred.resolve();
    }
  }
}
