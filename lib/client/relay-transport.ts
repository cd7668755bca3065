// One transport with two receivers, one after the other: the opening handshake, then the engine.

import { lendChunk, type Transport, type TransportReceiver, writeTo } from '../stream/transport.ts';

/** Passes everything on to the receiver of the moment, and everything of it to the transport. */
export class RelayTransport implements Transport, TransportReceiver {
  readonly #transport: Transport;
  #receiver: TransportReceiver;
  #rest: Uint8Array | undefined;
  #isWriting = false;
  // Whose write it is.
  #writer: TransportReceiver;
  #waiting: readonly Uint8Array[] | undefined;
  #isClosed = false;
  #closeError: unknown;

  /** Starts the transport. */
  constructor(transport: Transport, first: TransportReceiver) {
    this.#transport = transport;
    this.#receiver = first;
    this.#writer = first;
    transport.start(this);
  }

  /** The first receiver has had its part; what it has taken beyond that comes first for the second. */
  handOver(rest: Uint8Array): Transport {
    this.#rest = rest;
    return this;
  }

  // --- For the receiver of the moment --------------------------------------------------------------------------------

  start(receiver: TransportReceiver): void {
    this.#receiver = receiver;
    const rest = this.#rest;
    this.#rest = undefined;
    if (rest !== undefined && rest.byteLength > 0) receiver.chunkReceived(rest, false);
    if (this.#isClosed) queueMicrotask(() => receiver.transportClosed(this.#closeError));
  }

  pause(): void {
    this.#transport.pause();
  }

  resume(): void {
    this.#transport.resume();
  }

  // The request may not be taken yet when its answer has come.
  write(pieces: readonly Uint8Array[]): void {
    if (this.#isWriting) {
      this.#waiting = pieces;
      return;
    }
    this.#isWriting = true;
    this.#writer = this.#receiver;
    this.#transport.write(pieces);
  }

  tryWrite(pieces: readonly Uint8Array[]): boolean {
    if (this.#isWriting) {
      this.write(pieces);
      return false;
    }
    this.#writer = this.#receiver;
    const isTaken = writeTo(this.#transport, pieces);
    this.#isWriting = !isTaken;
    return isTaken;
  }

  end(): void {
    this.#transport.end();
  }

  destroy(reason?: unknown): void {
    this.#transport.destroy(reason);
  }

  // --- Of the transport ----------------------------------------------------------------------------------------------

  chunkReceived(chunk: Uint8Array, isOwned: boolean): void {
    this.#receiver.chunkReceived(chunk, isOwned);
  }

  chunkLent(chunk: Uint8Array): void {
    lendChunk(this.#receiver, chunk);
  }

  endReceived(): void {
    this.#receiver.endReceived();
  }

  writeTaken(): void {
    this.#isWriting = false;
    const waiting = this.#waiting;
    if (waiting === undefined) return this.#writer.writeTaken();
    this.#waiting = undefined;
    this.write(waiting);
  }

  endSent(): void {
    this.#receiver.endSent();
  }

  transportClosed(error?: unknown): void {
    this.#isClosed = true;
    this.#closeError = error;
    this.#receiver.transportClosed(error);
  }
}
