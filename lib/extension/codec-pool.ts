// DEFLATE streams that are shared by connections: RFC 7692 §7.2.1 lets a compressor forget what it has sent, and a decompressor can be made anew with the last window of what it has
// given. So a stream belongs to the connection that used it last, for as long as nobody else needs it: a thousand idle connections hold none.

import type { CodecStream } from './deflate-codec.ts';

/** So many streams that nobody uses are kept for the next one who asks: making one costs ten times what using it does. */
const SPARE = 2;

export interface CodecPoolOptions {
  /** Makes a stream with a window of so many bits. */
  readonly create: (windowBits: number) => CodecStream;
  /** How many streams there are at a time; more only while more messages are under way. */
  readonly capacity: number;
}

/** A stream that nobody has. */
interface Spare {
  readonly stream: CodecStream;
  readonly windowBits: number;
}

/** The streams of one direction, whatever their windows: the peer chooses those, and must not choose how many there are. */
export class CodecPool {
  readonly #create: (windowBits: number) => CodecStream;
  readonly #capacity: number;
  readonly #spare: Spare[] = [];
  readonly #taken: CodecLease[] = [];
  #leases = 0;
  #uses = 0;

  constructor({ create, capacity }: CodecPoolOptions) {
    this.#create = create;
    this.#capacity = capacity;
  }

  /** Streams that are alive. */
  get size(): number {
    return this.#spare.length + this.#taken.length;
  }

  /** A connection's claim to a stream: it costs nothing until it is used. */
  open(windowBits = 15): CodecLease {
    this.#leases++;
    return new CodecLease(this, windowBits);
  }

  /** For the lease: gives it a stream; its own, where it still has one. */
  take(lease: CodecLease): CodecStream {
    lease.usedAt = ++this.#uses;
    if (lease.stream !== undefined) return lease.stream;
    const stream = this.#find(lease.windowBits);
    lease.stream = stream;
    lease.index = this.#taken.push(lease) - 1;
    return stream;
  }

  /** For the lease: takes its stream back. */
  give(lease: CodecLease): void {
    const { stream, windowBits } = lease;
    if (stream === undefined) return;
    this.#remove(lease);
    this.#keep({ stream, windowBits });
  }

  /** For the lease: a message has ended. What was made for messages under way, beyond the capacity, goes with them. */
  trim(): void {
    while (this.size > this.#capacity) {
      // Somebody's context is worth more than a spare stream.
      const isSpare = this.#taken.length <= this.#capacity && this.#spare.length > 0;
      const oldest = isSpare ? this.#spare.pop() : this.#takeOldest();
      if (oldest === undefined) return;
      if (isSpare) oldest.stream.close();
      else this.#keep(oldest);
    }
  }

  /** For the lease: it is over. With the last of them every stream is closed. */
  end(lease: CodecLease): void {
    this.give(lease);
    this.#leases--;
    if (this.#leases > 0) return;
    for (const { stream } of this.#spare.splice(0)) stream.close();
  }

  // One is spare also where more messages are under way than there may be streams: those that stall must not make each message of the others cost a new stream.
  #keep(spare: Spare): void {
    if (this.#spare.length < (this.size < this.#capacity ? SPARE : 1)) this.#spare.push(spare);
    else spare.stream.close();
  }

  #find(windowBits: number): CodecStream {
    const index = this.#spare.findLastIndex((spare) => spare.windowBits === windowBits);
    const [spare] = index < 0 ? [] : this.#spare.splice(index, 1);
    const found = spare ?? (this.size < this.#capacity ? undefined : (this.#spare.pop() ?? this.#takeOldest()));
    if (found?.windowBits !== windowBits) {
      found?.stream.close();
      return this.#create(windowBits);
    }
    // Nothing of one connection is ever seen by another.
    found.stream.reset();
    return found.stream;
  }

  /** Takes the stream that has not been used for longest, of those that are not in the middle of a message. */
  #takeOldest(): Spare | undefined {
    let oldest: CodecLease | undefined;
    for (const lease of this.#taken) {
      if (!lease.isBusy && (oldest === undefined || lease.usedAt < oldest.usedAt)) oldest = lease;
    }
    if (oldest?.stream === undefined) return undefined;
    const { stream, windowBits } = oldest;
    this.#remove(oldest);
    return { stream, windowBits };
  }

  #remove(lease: CodecLease): void {
    const last = this.#taken.pop() as CodecLease;
    if (last !== lease) {
      this.#taken[lease.index] = last;
      last.index = lease.index;
    }
    lease.stream = undefined;
  }
}

/** One direction of one connection, as its pool sees it. */
export class CodecLease {
  readonly #pool: CodecPool;
  readonly windowBits: number;
  /** The stream that the connection has now. It may be gone between two messages. */
  stream: CodecStream | undefined;
  /** A message is under way: the stream's state cannot be made anew. */
  isBusy = false;
  usedAt = 0;
  index = 0;
  #isOver = false;

  constructor(pool: CodecPool, windowBits: number) {
    this.#pool = pool;
    this.windowBits = windowBits;
  }

  /** Whether the stream still has the context of the messages before. */
  get hasContext(): boolean {
    return this.stream !== undefined;
  }

  /** Gives the stream: as it was left, or as new where {@link hasContext} was false. */
  take(): CodecStream {
    return this.#pool.take(this);
  }

  /** The message is whole: the stream may go to who needs one. */
  endMessage(): void {
    this.isBusy = false;
    this.#pool.trim();
  }

  /** Gives the stream back, and its context up. */
  give(): void {
    this.isBusy = false;
    this.#pool.give(this);
  }

  /** The connection has ended. */
  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.isBusy = false;
    this.#pool.end(this);
  }
}
