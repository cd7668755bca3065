// The program of the peers in `offering.ts`: clients in a process of its own, so that their memory does not count. Each offers messages as fast as they are
// taken, and reads never, slowly or freely; what comes back is checked byte by byte.

import { connect, type Socket } from 'node:net';
import process from 'node:process';
import { NumberedChecker, NumberedFrames } from './numbered.ts';
import type { Offer, Progress } from './offering.ts';
import { close, requestHead } from './raw-client.ts';

const REPORT_EVERY = 20;

class OfferingPeer {
  readonly #offer: Offer;
  readonly #socket: Socket;
  readonly #frames: NumberedFrames;
  readonly #checker: NumberedChecker;
  #isOpen = false;
  #sent = 0;
  #behind = Buffer.alloc(0);
  #problem: string | undefined;
  #hasEnded = false;
  readonly #timer = setInterval(() => this.#report(), REPORT_EVERY);

  constructor(offer: Offer) {
    this.#offer = offer;
    this.#frames = new NumberedFrames(offer.size, 'client');
    this.#checker = new NumberedChecker(offer.size, 'server', offer.isEchoed ? offer.count : 0);
    this.#socket = connect({ port: offer.port, host: '127.0.0.1', allowHalfOpen: true });
    this.#socket.on('connect', () => this.#socket.write(requestHead(offer.port)));
    this.#socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    this.#socket.on('drain', () => this.#sendOn());
    this.#socket.on('end', () => this.#socket.end());
    this.#socket.on('error', (error) => {
      this.#problem ??= error.message;
    });
    this.#socket.on('close', () => this.#end());
  }

  get progress(): Progress {
    const { bytesWritten, writableLength } = this.#socket;
    const code = this.#behind.byteLength >= 4 && this.#behind[0] === 0x88 ? this.#behind.readUInt16BE(2) : undefined;
    return {
      id: this.#offer.id,
      taken: bytesWritten - writableLength,
      checked: this.#checker.checked,
      isComplete: this.#checker.isDone,
      closeCode: code,
      hasEnded: this.#hasEnded,
      problem: this.#problem,
    };
  }

  #receive(chunk: Buffer): void {
    try {
      this.#take(this.#isOpen ? chunk : this.#shakeHands(chunk));
    } catch (error) {
      this.#problem ??= String(error);
      this.#socket.destroy();
    }
  }

  #shakeHands(chunk: Buffer): Buffer {
    this.#behind = Buffer.concat([this.#behind, chunk]);
    const end = this.#behind.indexOf('\r\n\r\n');
    if (end < 0) return Buffer.alloc(0);
    const rest = this.#behind.subarray(end + 4);
    this.#behind = Buffer.alloc(0);
    this.#isOpen = true;
    if (this.#offer.reading === 'never') this.#socket.pause();
    this.#sendOn();
    return rest;
  }

  #take(bytes: Buffer): void {
    const behind = this.#checker.push(bytes);
    if (behind.byteLength > 0) this.#behind = Buffer.concat([this.#behind, behind]);
    if (this.#offer.reading !== 'slowly') return;
    // A pace, not a wait: about 64 KiB a millisecond at most, far less than what the engine could do.
    this.#socket.pause();
    setTimeout(() => this.#socket.resume(), 1);
  }

  #sendOn(): void {
    const { count } = this.#offer;
    while (this.#sent < count && !this.#socket.destroyed) {
      const next = Math.min(this.#frames.batch, count - this.#sent);
      const bytes = this.#frames.make(this.#sent, next);
      this.#sent += next;
      const hasRoom = this.#socket.write(bytes);
      if (this.#sent === count) this.#socket.write(close(1000));
      if (!hasRoom) return;
    }
  }

  /** Lets go of the connection. */
  withdraw(): void {
    this.#socket.destroy();
  }

  #end(): void {
    this.#hasEnded = true;
    clearInterval(this.#timer);
    peers.delete(this.#offer.id);
    this.#report();
  }

  #report(): void {
    process.send?.(this.progress);
  }
}

const peers = new Map<number, OfferingPeer>();

process.on('message', (command: Offer | { readonly withdraw: number }) => {
  if ('withdraw' in command) peers.get(command.withdraw)?.withdraw();
  else peers.set(command.id, new OfferingPeer(command));
});
// Without the spec there is nothing to do.
process.on('disconnect', () => process.exit());
