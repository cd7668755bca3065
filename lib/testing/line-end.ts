// One end of a line, as a transport. It closes as a socket does: once both directions have ended; and who destroys it lets its last bytes and its end go
// out, but answers what still comes with a reset.

import type { Transport, TransportReceiver } from '../stream/transport.ts';
import type { Wire, WireSink, WireSource } from './wire.ts';

/** An error as a socket gives it. */
export function createResetError(): Error {
  return Object.assign(new Error('The connection was reset'), { code: 'ECONNRESET' });
}

export class LineEnd implements Transport, WireSink, WireSource {
  readonly #input: Wire;
  readonly #output: Wire;
  readonly #closed: () => void;
  readonly #broken: (error: unknown) => void;
  #receiver: TransportReceiver | undefined;
  #isClosed = false;
  #isTold = false;
  #error: unknown;
  #hasInputEnded = false;
  #hasOutputEnded = false;

  /**
   * @param closed Called once this end has closed.
   * @param broken Called when a callback of the test has thrown.
   */
  constructor(input: Wire, output: Wire, closed: () => void, broken: (error: unknown) => void) {
    this.#input = input;
    this.#output = output;
    this.#closed = closed;
    this.#broken = broken;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  // --- The engine says -----------------------------------------------------------------------------------------------

  start(receiver: TransportReceiver): void {
    this.#receiver = receiver;
    if (this.#isClosed) queueMicrotask(() => this.#tellClosed());
    else this.#input.resume();
  }

  pause(): void {
    this.#input.pause();
  }

  resume(): void {
    this.#input.resume();
  }

  write(pieces: readonly Uint8Array[]): void {
    if (!this.#isClosed) this.#output.write(pieces);
  }

  end(): void {
    if (!this.#isClosed) this.#output.finish();
  }

  destroy(): void {
    if (this.#isClosed) return;
    this.#output.abandon();
    this.#input.refuse();
    this.#close(undefined);
  }

  // --- The wires say -------------------------------------------------------------------------------------------------

  chunkReceived(chunk: Uint8Array): void {
    if (!this.#isClosed) this.#receiver?.chunkReceived(chunk, true);
  }

  endReceived(): void {
    if (this.#isClosed) return;
    this.#hasInputEnded = true;
    this.#receiver?.endReceived();
    this.#closeIfDone();
  }

  resetReceived(error: unknown): void {
    if (!this.#isClosed) this.#close(error);
  }

  refused(): void {
    this.#output.reset(createResetError());
  }

  writeTaken(): void {
    if (!this.#isClosed) this.#receiver?.writeTaken();
  }

  endSent(): void {
    if (this.#isClosed) return;
    this.#hasOutputEnded = true;
    this.#receiver?.endSent();
    this.#closeIfDone();
  }

  wireBroken(error: unknown): void {
    this.#broken(error);
  }

  #closeIfDone(): void {
    if (this.#hasInputEnded && this.#hasOutputEnded && !this.#isClosed) this.#close(undefined);
  }

  // The engine is told later: it may be the one that asks.
  #close(error: unknown): void {
    this.#isClosed = true;
    this.#error = error;
    queueMicrotask(() => this.#tellClosed());
    this.#closed();
  }

  #tellClosed(): void {
    if (this.#isTold || this.#receiver === undefined) return;
    this.#isTold = true;
    this.#receiver.transportClosed(this.#error);
  }
}
