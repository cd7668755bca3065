// What the engine asks of whatever carries the bytes of an upgraded connection: push for input, one write at a time for output.
// A pair of WHATWG streams becomes one (stream-transport.ts), a socket is one (adapter/), and one becomes a pair of WHATWG streams
// again (byte-streams.ts).

import { copyOf } from '../bytes/allocate.ts';

/** What a transport tells. It never calls one of these from inside a call of one of its own methods, but for `start`. */
export interface TransportReceiver {
  /**
   * A chunk of input has come.
   *
   * @param isOwned Whether its bytes belong to the receiver, who may change them.
   */
  chunkReceived(chunk: Uint8Array, isOwned: boolean): void;
  /**
   * A chunk of input has come that the transport uses again when this returns; until then its bytes may be changed. A receiver that does not have this is given
   * a copy.
   */
  chunkLent?(chunk: Uint8Array): void;
  /** The input has ended (the peer's half of the connection). */
  endReceived(): void;
  /** The last write has been taken: the next one may follow. */
  writeTaken(): void;
  /** The end of the output has been sent. */
  endSent(): void;
  /** All is over; nothing is told after it. With an error when the transport failed. */
  transportClosed(error?: unknown): void;
}

/** Carries the bytes of one connection. */
export interface Transport {
  /** Begins to read. Called once, before anything else. */
  start(receiver: TransportReceiver): void;
  /** Stops reading; nothing but `transportClosed` is told of the input until {@link resume}. */
  pause(): void;
  resume(): void;
  /** Writes the pieces in order. Not called again before `writeTaken` was told. The pieces are not changed meanwhile. */
  write(pieces: readonly Uint8Array[]): void;
  /** As `write`. Whether the pieces have been taken already: then `writeTaken` is not told. */
  tryWrite?(pieces: readonly Uint8Array[]): boolean;
  /** Ends the output once what was written is sent: half-closes the connection. */
  end(): void;
  /** Cuts the connection in both directions at once; `transportClosed` follows. */
  destroy(reason?: unknown): void;
}

/** Lends a chunk to a receiver, or gives it a copy where it takes none that are lent. */
export function lendChunk(receiver: TransportReceiver, chunk: Uint8Array): void {
  if (receiver.chunkLent !== undefined) receiver.chunkLent(chunk);
  else receiver.chunkReceived(copyOf(chunk, 0, chunk.byteLength), true);
}

/** Writes to any transport. Whether the pieces have been taken already. */
export function writeTo(transport: Transport, pieces: readonly Uint8Array[]): boolean {
  if (transport.tryWrite !== undefined) return transport.tryWrite(pieces);
  transport.write(pieces);
  return false;
}

/** The byte streams of a connection. */
export interface ByteStreams {
  /** What the peer sends. It closes when the peer has closed its half (FIN), and errors when the connection is lost. */
  readonly readable: ReadableStream<Uint8Array>;
  /** What the peer gets. Closing it closes our half (FIN), aborting it cuts the connection. */
  readonly writable: WritableStream<Uint8Array>;
}

interface Origin {
  readonly writable: WritableStream<Uint8Array>;
  /** Gives the transport underneath unless somebody has used the streams. */
  readonly claim: () => Transport | undefined;
}

const origins = new WeakMap<ReadableStream<Uint8Array>, Origin>();

/** Notes that the pair stands for a transport, which may be used directly as long as nobody has used the streams. */
export function registerByteStreams(pair: ByteStreams, claim: () => Transport | undefined): void {
  origins.set(pair.readable, { writable: pair.writable, claim });
}

/** Gives the transport under an untouched pair of one of our own adapters; undefined for all other streams. */
export function claimTransport(
  input: ReadableStream<Uint8Array>,
  output: WritableStream<Uint8Array>,
): Transport | undefined {
  const origin = origins.get(input);
  if (origin === undefined || origin.writable !== output || input.locked || output.locked) return undefined;
  const transport = origin.claim();
  if (transport !== undefined) {
    // Locked, as they would be if they were read and written.
    input.getReader();
    output.getWriter();
  }
  return transport;
}
