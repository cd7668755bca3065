// What an endpoint has to send, on its way to the transport: gathered for a turn, one write at a time, counted in bytes. `push` tells when
// there is room for more, `flush` when all before it was taken.

import type { Endpoint } from '../endpoint/endpoint.ts';
import { type Transport, writeTo } from '../stream/transport.ts';
import type { Clock, Scheduler } from './context.ts';
import { Deferred, DONE, markHandled } from './deferred.ts';

/** A write takes whole frames up to about this size, and of a longer frame as much: it is the progress that a stall is judged by. */
const WRITE_SIZE = 256 * 1024;
/** So much is written in one go, however fast the transport takes it: others have a turn in between. */
const GO_SIZE = 1024 * 1024;
/** As WRITE_SIZE while the connection closes: that waits for each write only so long. */
const CLOSING_SIZE = 16 * 1024;

/** With so much queued the write is not put off to the end of the turn: the bytes are in the processor's cache now. */
const SOON_SIZE = 16 * 1024;

const NO_PIECES: Uint8Array[] = [];

interface FlushWaiter {
  readonly mark: number;
  readonly deferred: Deferred<void>;
}

/** Where messages wait before they are encoded. */
export interface OutboxSource {
  /** What waits: bytes, each message counting 64 more. */
  readonly weight: number;
  readonly isEmpty: boolean;
  /** Hands the endpoint what it may take before a write of so many bytes. */
  feed(size: number): void;
  /** Something was taken by the transport; the next write is still to come. */
  outputTaken(): void;
}

export interface OutboxParts {
  readonly endpoint: Endpoint;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly queueSize: number;
  readonly owner: OutboxOwner;
}

/** Whom the outbox tells. */
export interface OutboxOwner {
  /** A write was begun. */
  outputWaits(): void;
  /** A write was done as soon as it was begun. */
  writeTaken(): void;
}

const NOTHING: OutboxSource = { weight: 0, isEmpty: true, feed: () => {}, outputTaken: () => {} };

export class Outbox {
  readonly #endpoint: Endpoint;
  readonly #transport: Transport;
  readonly #clock: Clock;
  readonly #scheduler: Scheduler;
  readonly #queueSize: number;
  readonly #owner: OutboxOwner;
  #source = NOTHING;
  #size = WRITE_SIZE;
  #isScheduled = false;
  #isSoon = false;
  // So much may still be written before the end of the turn: a transport that takes all at once must not keep everybody else waiting.
  #soonLeft = WRITE_SIZE;
  // Made once: a turn in which something is sent is what happens most.
  #flushTurn: (() => void) | undefined;
  #flushSoon: (() => void) | undefined;
  #isWriting = false;
  #isGoing = false;
  #isEnding = false;
  #hasEnded = false;
  #isDetached = false;
  // Of what was taken from the endpoint: the pieces that are not written yet, and what they and the write under way count.
  #pieces: Uint8Array[] = NO_PIECES;
  #writing = 0;
  #writingControl = 0;
  #writingBytes = 0;
  #writingSince = 0;
  #bytesWritten = 0;
  // What was ever taken by the transport, so that a flush knows its mark. Without pings, which pass before what they came behind.
  #written = 0;
  // Who waits for room, by how much may be queued then. Made when somebody waits: few do.
  #rooms: Map<number, Deferred<void>> | undefined;
  // Why what was queued last will never be taken.
  #lost: Error | undefined;
  // Made when somebody waits: few do.
  #flushes: FlushWaiter[] | undefined;

  constructor({ endpoint, transport, clock, scheduler, queueSize, owner }: OutboxParts) {
    this.#endpoint = endpoint;
    this.#transport = transport;
    this.#clock = clock;
    this.#scheduler = scheduler;
    this.#queueSize = queueSize;
    this.#owner = owner;
  }

  /** Says where messages wait before they are encoded. */
  feedFrom(source: OutboxSource): void {
    this.#source = source;
  }

  /** What the transport has not taken yet: bytes, each frame counting 64 more. */
  get queued(): number {
    return this.encoded + this.#source.weight;
  }

  /** As {@link queued}, of what is encoded. */
  get encoded(): number {
    return this.#endpoint.queued + this.#writing;
  }

  get bytesWritten(): number {
    return this.#bytesWritten;
  }

  get isEmpty(): boolean {
    return this.isTaken && this.#lost === undefined && this.#source.isEmpty;
  }

  /** Whether the transport has taken all that was encoded: the close frame too, which is the last. */
  get isTaken(): boolean {
    return !this.#isWriting && !this.#endpoint.hasOutput;
  }

  /** Whether a part of a frame was written and the rest is not. */
  get isInFrame(): boolean {
    return this.#pieces.length > 0;
  }

  /** When the write under way was begun; undefined when there is none. */
  get writingSince(): number | undefined {
    return this.#isWriting ? this.#writingSince : undefined;
  }

  /** Notes that the endpoint has output. Fulfils when there is room for more: less than `size` is queued. */
  push(size: number = this.#queueSize): Promise<void> {
    this.schedule();
    if (this.queued < size) return DONE;
    this.#rooms ??= new Map();
    let room = this.#rooms.get(size);
    if (room === undefined) {
      room = new Deferred();
      this.#rooms.set(size, room);
    }
    return room.promise;
  }

  /** Fulfils when the transport has taken all that is encoded now. */
  flush(): Promise<void> {
    if (this.#lost !== undefined) return markHandled(Promise.reject(this.#lost));
    if (this.isTaken) return DONE;
    const deferred = new Deferred<void>();
    const control = this.#endpoint.queuedControl + this.#writingControl;
    this.#flushes ??= [];
    this.#flushes.push({ mark: this.#written + this.encoded - control, deferred });
    return deferred.promise;
  }

  /** Sees to it that what was sent is written at the end of the turn. */
  schedule(): void {
    if (this.#isWriting || this.#isDetached) return;
    if (!this.#isScheduled) {
      this.#isScheduled = true;
      this.#flushTurn ??= () => {
        this.#isScheduled = false;
        this.#soonLeft = WRITE_SIZE;
        this.#write();
      };
      this.#scheduler.schedule(this.#flushTurn);
    }
    if (this.#endpoint.queued >= SOON_SIZE) this.#scheduleSoon();
  }

  #scheduleSoon(): void {
    if (this.#isSoon || this.#soonLeft <= 0 || this.#scheduler.scheduleSoon === undefined) return;
    this.#isSoon = true;
    this.#flushSoon ??= () => {
      this.#isSoon = false;
      this.#soonLeft -= this.#endpoint.queued;
      this.#write();
    };
    this.#scheduler.scheduleSoon(this.#flushSoon);
  }

  /** The transport has taken the last write. */
  written(): void {
    this.#isWriting = false;
    this.#bytesWritten += this.#writingBytes;
    // Of a frame that is written in parts, each part counts its bytes, the last one what is left.
    const weight = this.#pieces.length === 0 ? this.#writing : Math.min(this.#writing, this.#writingBytes);
    const control = Math.min(weight, this.#writingControl);
    this.#written += weight - control;
    this.#writing -= weight;
    this.#writingControl -= control;
    this.#source.outputTaken();
    if (this.#goesOn) this.#write();
    else this.schedule();
    this.#settle();
  }

  /** Takes small steps from now on: how a slow peer makes progress is seen sooner. */
  slowDown(): void {
    this.#size = CLOSING_SIZE;
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

  /** Drops what the endpoint has and the transport was not given: whole frames. Whoever waits for them is told. */
  drop(error: Error): void {
    this.#endpoint.dropOutput();
    const last = this.#written + this.#writing - this.#writingControl;
    for (const { mark, deferred } of this.#flushes ?? []) if (mark > last) deferred.reject(error);
    this.#flushes = this.#flushes?.filter(({ mark }) => mark <= last);
    this.#refuseRoom(error);
  }

  /** Lets go of all that waits. */
  stop(error: Error): void {
    this.#isDetached = true;
    if (!this.isEmpty) this.#lost = error;
    this.#endpoint.dropOutput();
    this.#pieces = NO_PIECES;
    this.#writing = 0;
    this.#writingControl = 0;
    this.#refuseRoom(error);
    for (const { deferred } of this.#flushes ?? []) deferred.reject(error);
    this.#flushes = undefined;
  }

  #refuseRoom(error: Error): void {
    const rooms = this.#rooms;
    this.#rooms = undefined;
    if (rooms === undefined) return;
    for (const room of rooms.values()) room.reject(error);
  }

  // As long as the transport takes what it is given at once.
  #write(): void {
    if (this.#isGoing) return;
    this.#isGoing = true;
    let left = GO_SIZE;
    try {
      while (this.#writeOnce()) {
        left -= this.#writingBytes;
        this.#owner.writeTaken();
        if (!this.#goesOn) return;
        if (left <= 0) return this.schedule();
      }
    } finally {
      this.#isGoing = false;
    }
  }

  /** Whether the transport has taken it already. */
  #writeOnce(): boolean {
    if (this.#isWriting || this.#isDetached || this.#hasEnded) return false;
    if (this.#pieces.length === 0) {
      if (!this.#source.isEmpty) this.#source.feed(this.#size);
      if (!this.#endpoint.hasOutput) {
        this.#endIfDone();
        return false;
      }
      this.#writingControl = this.#endpoint.queuedControl;
      this.#pieces = [];
      this.#writing = this.#endpoint.takeOutput(this.#pieces, this.#size);
    }
    const pieces = this.#takePieces();
    this.#isWriting = true;
    this.#writingSince = this.#clock.now();
    if (writeTo(this.#transport, pieces)) return true;
    this.#owner.outputWaits();
    return false;
  }

  // What its source gives in this turn is gathered, however fast the transport is.
  get #goesOn(): boolean {
    return this.#pieces.length > 0 || this.#endpoint.hasOutput || this.#source.isEmpty;
  }

  #endIfDone(): void {
    if (!this.#isEnding || !this.#source.isEmpty) return;
    this.#hasEnded = true;
    this.#transport.end();
  }

  // Up to twice the size goes out as it is: a part of a frame costs a write of its own.
  #takePieces(): Uint8Array[] {
    const pieces = this.#pieces;
    const size = this.#size;
    this.#pieces = NO_PIECES;
    let bytes = 0;
    for (let index = 0; index < pieces.length; index++) bytes += (pieces[index] as Uint8Array).byteLength;
    this.#writingBytes = bytes;
    if (bytes <= 2 * size) return pieces;
    const index = pieces.findIndex((piece) => piece.byteLength > size);
    const long = pieces[index];
    if (long === undefined) return pieces;
    this.#pieces = [long.subarray(size), ...pieces.slice(index + 1)];
    const taken = [...pieces.slice(0, index), long.subarray(0, size)];
    this.#writingBytes = taken.reduce((sum, piece) => sum + piece.byteLength, 0);
    return taken;
  }

  #settle(): void {
    if (this.#rooms !== undefined) this.#settleRooms(this.#rooms);
    if (this.#flushes !== undefined) this.#settleFlushes(this.#flushes);
  }

  #settleFlushes(flushes: FlushWaiter[]): void {
    while (flushes.length > 0 && (flushes[0] as FlushWaiter).mark <= this.#written) flushes.shift()?.deferred.resolve();
    if (flushes.length === 0) this.#flushes = undefined;
  }

  #settleRooms(rooms: Map<number, Deferred<void>>): void {
    for (const [size, room] of rooms) {
      if (this.queued >= size) continue;
      rooms.delete(size);
      room.resolve();
    }
    if (rooms.size === 0) this.#rooms = undefined;
  }
}
