// A socket of Bun as a transport. Its `write` takes as much as there is room for and tells how much that was; its callbacks may come from inside its own
// methods, and a transport tells nothing from inside a call: what is to be told is told in a microtask then.

import { createWorkBuffer } from '../bytes/work-buffer.ts';
import type { Transport, TransportReceiver } from '../stream/transport.ts';
import type { BunSocket, BunSocketOwner } from './bun-api.ts';

/** What is larger goes out as it is; smaller pieces are gathered into one write. */
const LARGE = 64 * 1024;

// One for all: a socket has taken or refused the bytes when `write` returns. With room for headers beside messages of 64 KiB: a few octets that are left would be a write of their own.
const gathered = /* @__PURE__ */ createWorkBuffer(LARGE + 1024);

const NOTHING: readonly Uint8Array[] = [];

/** Carries the bytes of one socket. Made in the turn in which the socket is handed over, as its owner from then on. */
export class BunTransport implements Transport, BunSocketOwner {
  readonly #socket: BunSocket;
  #receiver: TransportReceiver | undefined;
  // What has come and may not be told yet: before the start, or while it is paused.
  #held: Uint8Array[] = [];
  #isPaused = false;
  #isSocketPaused = false;
  #hasInputEnded = false;
  #isEndTold = false;
  // The write under way: where the next byte of it is.
  #pieces = NOTHING;
  #index = 0;
  #offset = 0;
  #isWriting = false;
  #isEnding = false;
  #isShutDown = false;
  #isDestroyed = false;
  #isClosed = false;
  // A write has failed: the peer has reset the connection. What it has sent before can still be read, and then Bun tells the end; of a socket that is paused it tells nothing any more.
  #isGone = false;
  // The close came after both sides have ended: what is held is told before it.
  #isOrderly = false;
  #error: unknown;
  #owesTaken = false;
  #owesEndSent = false;
  #isOwing = false;
  #isOver = false;

  constructor(socket: BunSocket) {
    this.#socket = socket;
    socket.data = this;
  }

  // --- Transport -----------------------------------------------------------------------------------------------------

  start(receiver: TransportReceiver): void {
    this.#receiver = receiver;
    this.#deliverHeld();
    if (this.#isSocketPaused || this.#hasInputEnded || this.#isClosed || this.#isDestroyed) this.#owe();
  }

  pause(): void {
    this.#isPaused = true;
    if (this.#isGone) this.#lose();
    else this.#pauseSocket();
  }

  resume(): void {
    this.#isPaused = false;
    if (this.#held.length > 0 || this.#hasInputEnded || this.#isClosed) this.#owe();
    else this.#resumeSocket();
  }

  write(pieces: readonly Uint8Array[]): void {
    if (this.tryWrite(pieces)) this.#oweTaken();
  }

  tryWrite(pieces: readonly Uint8Array[]): boolean {
    if (this.#isClosed || this.#isDestroyed) return false;
    this.#pieces = pieces;
    this.#index = 0;
    this.#offset = 0;
    this.#isWriting = true;
    if (this.#writeOn()) this.#isWriting = false;
    return !this.#isWriting;
  }

  end(): void {
    if (this.#isClosed || this.#isDestroyed || this.#isEnding) return;
    this.#isEnding = true;
    if (!this.#isWriting) this.#shutDown();
  }

  destroy(): void {
    if (this.#isDestroyed || this.#isOver) return;
    this.#isDestroyed = true;
    this.#held = [];
    if (!this.#isClosed) this.#cut();
    this.#owe();
  }

  // --- BunSocketOwner ------------------------------------------------------------------------------------------------

  /** It is over before a socket gets a transport. */
  handshook(): void {}

  received(chunk: Uint8Array): void {
    if (this.#isDestroyed) return;
    // Bun makes an array for each chunk, and does not touch it again.
    if (this.#receiver !== undefined && !this.#isPaused && this.#held.length === 0) {
      this.#receiver.chunkReceived(chunk, true);
      return;
    }
    this.#held.push(chunk);
    this.#pauseSocket();
  }

  drained(): void {
    // It comes without a write too: whenever the socket is paused or resumed.
    if (this.#isWriting && !this.#owesTaken && !this.#isDestroyed && this.#writeOn()) this.#oweTaken();
  }

  ended(): void {
    this.#hasInputEnded = true;
    this.#owe();
  }

  closed(error: Error | undefined): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#error ??= error;
    // Behind our end, Bun tells the peer's end by the close alone.
    this.#isOrderly = this.#isShutDown && !this.#isDestroyed && this.#error === undefined;
    if (this.#isOrderly) this.#hasInputEnded = true;
    this.#owe();
  }

  failed(error: Error): void {
    this.#error ??= error;
    this.destroy();
  }

  // --- Input ---------------------------------------------------------------------------------------------------------

  #deliverHeld(): void {
    const receiver = this.#receiver as TransportReceiver;
    while (this.#held.length > 0 && !this.#isPaused && !this.#isDestroyed) {
      receiver.chunkReceived(this.#held.shift() as Uint8Array, true);
    }
  }

  #pauseSocket(): void {
    if (this.#isSocketPaused || this.#isClosed || this.#isDestroyed) return;
    this.#isSocketPaused = true;
    this.#socket.pause();
  }

  #resumeSocket(): void {
    if (!this.#isSocketPaused || this.#isClosed || this.#isDestroyed) return;
    this.#isSocketPaused = false;
    this.#socket.resume();
  }

  // --- Output --------------------------------------------------------------------------------------------------------

  /** Whether all is written. */
  #writeOn(): boolean {
    const pieces = this.#pieces;
    while (this.#index < pieces.length) {
      const piece = pieces[this.#index] as Uint8Array;
      const left = piece.byteLength - this.#offset;
      const isAlone = left >= LARGE || this.#index === pieces.length - 1;
      const size = isAlone ? left : this.#gather();
      // What is empty may be refused like what is too much.
      const taken = size === 0 ? 0 : this.#socket.write(isAlone ? piece : gathered, isAlone ? this.#offset : 0, size);
      if (taken < size) {
        if (taken < 0) this.#refused();
        else this.#advance(taken);
        return false;
      }
      this.#advance(size);
      if (size === 0) this.#index++;
    }
    this.#pieces = NOTHING;
    return true;
  }

  #oweTaken(): void {
    this.#isWriting = true;
    this.#owesTaken = true;
    this.#owe();
  }

  #refused(): void {
    this.#isGone = true;
    if (this.#isPaused) this.#lose();
  }

  // Copies what comes next, as much as there is room for; gives how much that was.
  #gather(): number {
    const pieces = this.#pieces;
    let filled = 0;
    for (
      let index = this.#index, offset = this.#offset;
      index < pieces.length && filled < gathered.byteLength;
      index++
    ) {
      const piece = pieces[index] as Uint8Array;
      const size = Math.min(piece.byteLength - offset, gathered.byteLength - filled);
      gathered.set(size === piece.byteLength ? piece : piece.subarray(offset, offset + size), filled);
      filled += size;
      offset = 0;
    }
    return filled;
  }

  #advance(size: number): void {
    for (let left = size; left > 0; ) {
      const rest = (this.#pieces[this.#index] as Uint8Array).byteLength - this.#offset;
      if (left < rest) {
        this.#offset += left;
        return;
      }
      left -= rest;
      this.#index++;
      this.#offset = 0;
    }
  }

  #shutDown(): void {
    this.#isShutDown = true;
    this.#owesEndSent = true;
    this.#socket.shutdown();
    this.#owe();
  }

  // --- The end -------------------------------------------------------------------------------------------------------

  #cut(): void {
    const socket = this.#socket;
    // What the peer does not take is of no use to it without the rest. A reset, since a close would wait for it.
    if (this.#isWriting && !this.#owesTaken) return socket.terminate();
    if (!this.#isShutDown) socket.shutdown();
    if (!this.#isClosed) socket.close();
  }

  #lose(): void {
    this.#error ??= Object.assign(new Error('The peer has reset the connection'), { code: 'ECONNRESET' });
    this.destroy();
  }

  #owe(): void {
    if (this.#isOwing || this.#isOver || this.#receiver === undefined) return;
    this.#isOwing = true;
    queueMicrotask(this.#settle);
  }

  readonly #settle = (): void => {
    this.#isOwing = false;
    const receiver = this.#receiver as TransportReceiver;
    if (this.#isCut) return this.#tellClosed();
    if (this.#owesTaken) this.#tellTaken(receiver);
    if (this.#owesEndSent && !this.#isDestroyed) {
      this.#owesEndSent = false;
      receiver.endSent();
    }
    this.#deliverHeld();
    if (this.#isPaused || this.#held.length > 0 || this.#isDestroyed) return;
    this.#resumeSocket();
    if (this.#hasInputEnded && !this.#isEndTold) {
      // That of a reset is none.
      if (this.#isGone) return this.#lose();
      this.#isEndTold = true;
      receiver.endReceived();
    }
    if (this.#isClosed && !this.#isDestroyed) this.#tellClosed();
  };

  // Nothing else is told before it.
  get #isCut(): boolean {
    return this.#isDestroyed || (this.#isClosed && !this.#isOrderly);
  }

  #tellTaken(receiver: TransportReceiver): void {
    this.#owesTaken = false;
    this.#isWriting = false;
    if (this.#isEnding) this.#shutDown();
    receiver.writeTaken();
  }

  #tellClosed(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#held = [];
    this.#pieces = NOTHING;
    this.#receiver?.transportClosed(this.#error);
  }
}
