// A Node Duplex (a socket, a TLS socket, an HTTP/2 stream) as a transport. Node, Deno and Bun have it. Not `Duplex.toWeb()`: that has no write
// backpressure on Node 20, 22 and Deno, and hides the end of the input on Node 20 and 22.

import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { toPlainBytes } from '../bytes/plain-bytes.ts';
import type { Transport, TransportReceiver } from '../stream/transport.ts';

/** Told of a transport before it is started. */
export interface TransportWatcher {
  /** More bytes are held. */
  held(): void;
  /** The connection has closed, or the peer has ended it without having sent anything. */
  gone(): void;
}

/** Carries the bytes of one Duplex. Made in the same turn in which the Duplex is handed over: no error of it is missed then. */
export class NodeTransport implements Transport {
  readonly #duplex: Duplex;
  // What has come before the start, and how much of it may.
  #held: { readonly chunk: Uint8Array; readonly isOwned: boolean }[] = [];
  #holdUpTo = 0;
  #heldBytes = 0;
  #isDiscarding = false;
  #isHoldingBack = false;
  #isListening = false;
  #watcher: TransportWatcher | undefined;
  // The chunks of a socket are nobody else's; those of another Duplex may be its writer's own.
  readonly #isOwned: boolean;
  #receiver: TransportReceiver | undefined;
  #error: unknown;
  #isClosed = false;
  #hasInputEnded = false;
  #isCalling = false;

  /** @param head Bytes that came before: they are delivered first. */
  constructor(duplex: Duplex, head?: Uint8Array) {
    this.#duplex = duplex;
    if (head !== undefined && head.byteLength > 0) this.#held.push({ chunk: toPlainBytes(head), isOwned: false });
    this.#isOwned = duplex instanceof Socket;
    // Without a listener an error would end the process.
    duplex.on('error', (error) => {
      this.#error ??= error;
    });
    duplex.on('close', () => this.#closed());
  }

  start(receiver: TransportReceiver): void {
    this.#receiver = receiver;
    const held = this.#held;
    this.#held = [];
    this.#heldBytes = 0;
    // First: the receiver may pause while it takes what was held.
    if (this.#isHoldingBack) this.#duplex.resume();
    for (const { chunk, isOwned } of held) receiver.chunkReceived(chunk, isOwned);
    const duplex = this.#duplex;
    // `closed` is true before 'close' is emitted: it is told once.
    if (duplex.closed || this.#isClosed) {
      this.#isClosed = true;
      queueMicrotask(() => receiver.transportClosed(this.#error ?? duplex.errored ?? undefined));
    } else if (this.#hasInputEnded) {
      queueMicrotask(() => receiver.endReceived());
    } else {
      this.#listen();
    }
  }

  /**
   * Reads on before anybody receives, to notice that the peer goes away: what comes is held, up to `size` bytes, and delivered first when the transport is
   * started.
   */
  watch(size: number, watcher: TransportWatcher): void {
    this.#holdUpTo = size;
    this.#watcher = watcher;
    if (this.#duplex.closed || this.#isClosed) queueMicrotask(() => watcher.gone());
    else this.#listen();
  }

  /** How many bytes are held, those of the head not counted. */
  get held(): number {
    return this.#heldBytes;
  }

  /** It will not be started: throws away what is held, and what still comes. */
  discard(): void {
    this.#held = [];
    this.#heldBytes = 0;
    this.#isDiscarding = true;
    this.#watcher = undefined;
  }

  pause(): void {
    this.#duplex.pause();
  }

  resume(): void {
    this.#duplex.resume();
  }

  write(pieces: readonly Uint8Array[]): void {
    const duplex = this.#duplex;
    const last = pieces.length - 1;
    this.#isCalling = true;
    if (last > 0) duplex.cork();
    for (let index = 0; index < last; index++) duplex.write(pieces[index]);
    duplex.write(pieces[last], this.#written);
    if (last > 0) duplex.uncork();
    this.#isCalling = false;
  }

  end(): void {
    if (this.#isClosed || this.#duplex.destroyed) return;
    this.#duplex.end((error?: Error | null) => {
      if (!error && !this.#isClosed) this.#receiver?.endSent();
    });
  }

  destroy(): void {
    this.#duplex.destroy();
  }

  // After an error 'close' tells the rest. A socket that was destroyed calls back without an error for what it has not written.
  readonly #written = (error?: Error | null): void => {
    if (error || this.#isClosed || this.#duplex.destroyed) return;
    if (this.#isCalling) queueMicrotask(() => this.#receiver?.writeTaken());
    else this.#receiver?.writeTaken();
  };

  #listen(): void {
    if (this.#isListening) return;
    this.#isListening = true;
    const duplex = this.#duplex;
    duplex.on('end', () => this.#ended());
    if (duplex.readableEnded) queueMicrotask(() => this.#ended());
    else duplex.on('data', (chunk: Uint8Array) => this.#received(toPlainBytes(chunk)));
  }

  #received(chunk: Uint8Array): void {
    if (this.#receiver !== undefined) return this.#receiver.chunkReceived(chunk, this.#isOwned);
    if (this.#isDiscarding) return;
    this.#held.push({ chunk, isOwned: this.#isOwned });
    this.#heldBytes += chunk.byteLength;
    if (this.#heldBytes >= this.#holdUpTo) {
      this.#isHoldingBack = true;
      this.#duplex.pause();
    }
    this.#watcher?.held();
  }

  #ended(): void {
    if (this.#hasInputEnded || this.#isClosed) return;
    this.#hasInputEnded = true;
    if (this.#receiver !== undefined) this.#receiver.endReceived();
    else if (this.#held.length === 0) this.#watcher?.gone();
  }

  #closed(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#receiver !== undefined) this.#receiver.transportClosed(this.#error);
    else this.#watcher?.gone();
  }
}
