// A Node Duplex (a socket, a TLS socket, an HTTP/2 stream) as a transport. Node, Deno and Bun have it. Not `Duplex.toWeb()`: that has no write
// backpressure on Node 20, 22 and Deno, and hides the end of the input on Node 20 and 22.

import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { toPlainBytes } from '../bytes/plain-bytes.ts';
import { lendChunk, type Transport, type TransportReceiver } from '../stream/transport.ts';
import { NodeHandle, type NodeHandleOwner } from './node-handle.ts';

const TRANSPORT = Symbol('transport');

type Carried = Duplex & { [TRANSPORT]?: NodeTransport };

function transportOf(duplex: Carried): NodeTransport {
  return duplex[TRANSPORT] as NodeTransport;
}

/** Carries the bytes of one Duplex. Made in the same turn in which the Duplex is handed over: no error of it is missed then. */
export class NodeTransport implements Transport, NodeHandleOwner {
  readonly #duplex: Duplex;
  #handle: NodeHandle | undefined;
  #head: Uint8Array | undefined;
  // The chunks of a socket are nobody else's; those of another Duplex may be its writer's own.
  readonly #isOwned: boolean;
  #receiver: TransportReceiver | undefined;
  #error: unknown;
  #isClosed = false;
  #hasInputEnded = false;
  #isEndHeld = false;
  #isCalling = false;
  // Made for the first write.
  #written: ((error?: Error | null) => void) | undefined;

  // One of each for all Duplexes, which are what an emitter calls its listeners on: closures would be four for each.
  static readonly #onError = function (this: Duplex, error: Error): void {
    transportOf(this).#error ??= error;
  };
  static readonly #onClose = function (this: Duplex): void {
    transportOf(this).#closed();
  };
  static readonly #onEnd = function (this: Duplex): void {
    transportOf(this).#ended();
  };
  static readonly #onData = function (this: Duplex, chunk: Uint8Array): void {
    const transport = transportOf(this);
    transport.#receiver?.chunkReceived(toPlainBytes(chunk), transport.#isOwned);
  };

  /** @param head Bytes that came before: they are delivered first. */
  constructor(duplex: Duplex, head?: Uint8Array) {
    this.#duplex = duplex;
    if (head !== undefined && head.byteLength > 0) this.#head = toPlainBytes(head);
    this.#isOwned = duplex instanceof Socket;
    (duplex as Carried)[TRANSPORT] = this;
    // Without a listener an error would end the process.
    duplex.on('error', NodeTransport.#onError);
    duplex.on('close', NodeTransport.#onClose);
  }

  start(receiver: TransportReceiver): void {
    this.#receiver = receiver;
    const head = this.#head;
    this.#head = undefined;
    if (head !== undefined) receiver.chunkReceived(head, false);
    const duplex = this.#duplex;
    // `closed` is true before 'close' is emitted: it is told once.
    if (duplex.closed || this.#isClosed) {
      this.#isClosed = true;
      queueMicrotask(() => receiver.transportClosed(this.#error ?? duplex.errored ?? undefined));
    } else {
      this.#listen();
    }
  }

  pause(): void {
    if (this.#handle === undefined) this.#duplex.pause();
    else this.#handle.pause();
  }

  resume(): void {
    if (this.#handle === undefined) {
      this.#duplex.resume();
      return;
    }
    this.#handle.resume();
    if (this.#isEndHeld) queueMicrotask(() => this.#ended());
  }

  tryWrite(pieces: readonly Uint8Array[]): boolean {
    const handle = this.#handle;
    if (handle?.canWrite) return handle.write(pieces);
    this.write(pieces);
    return false;
  }

  write(pieces: readonly Uint8Array[]): void {
    const duplex = this.#duplex;
    const last = pieces.length - 1;
    this.#isCalling = true;
    if (last > 0) duplex.cork();
    for (let index = 0; index < last; index++) duplex.write(pieces[index]);
    this.#written ??= (error) => this.#taken(error);
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

  chunkHeld(chunk: Uint8Array): void {
    this.#receiver?.chunkReceived(toPlainBytes(chunk), true);
  }

  chunkRead(chunk: Uint8Array): void {
    lendChunk(this.#receiver as TransportReceiver, chunk);
  }

  writeDone(): void {
    if (!this.#isClosed) this.#receiver?.writeTaken();
  }

  // After an error 'close' tells the rest. A socket that was destroyed calls back without an error for what it has not written.
  #taken(error: Error | null | undefined): void {
    if (error || this.#isClosed || this.#duplex.destroyed) return;
    if (this.#isCalling) queueMicrotask(() => this.#receiver?.writeTaken());
    else this.#receiver?.writeTaken();
  }

  #listen(): void {
    const duplex = this.#duplex;
    duplex.on('end', NodeTransport.#onEnd);
    if (duplex.readableEnded) {
      queueMicrotask(() => this.#ended());
      return;
    }
    this.#handle = NodeHandle.take(duplex, this);
    if (this.#handle !== undefined) this.#handle.start();
    else duplex.on('data', NodeTransport.#onData);
  }

  #ended(): void {
    if (this.#hasInputEnded || this.#isClosed) return;
    // A stream that is paused keeps its end to itself.
    this.#isEndHeld = this.#handle?.isPaused === true;
    if (this.#isEndHeld) return;
    this.#hasInputEnded = true;
    this.#receiver?.endReceived();
  }

  #closed(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#receiver?.transportClosed(this.#error);
  }
}
