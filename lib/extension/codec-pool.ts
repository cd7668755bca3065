// DEFLATE streams that are shared by connections: RFC 7692 §7.2.1 lets a compressor forget what it has sent, and a decompressor can be made anew with the last window of what it has
// given. So a stream belongs to the connection that used it last, for as long as nobody else needs it: a thousand idle connections hold none.

import type { CodecStream } from './deflate-codec.ts';

/** So many streams that nobody uses are kept for the next one who asks: making one costs ten times what using it does. */
const SPARE = 2;

export interface CodecPoolOptions {
  readonly create: () => CodecStream;
  /** How many streams there are at a time; more only while more messages are under way. */
  readonly capacity: number;
}

/** The streams of one kind. */
export class CodecPool {
  readonly #create: () => CodecStream;
  readonly #capacity: number;
  readonly #spare: CodecStream[] = [];
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
  open(): CodecLease {
    this.#leases++;
    return new CodecLease(this);
  }

  /** For the lease: gives it a stream; its own, where it still has one. */
  take(lease: CodecLease): CodecStream {
    lease.usedAt = ++this.#uses;
    if (lease.stream !== undefined) return lease.stream;
    const stream = this.#find();
    lease.stream = stream;
    lease.index = this.#taken.push(lease) - 1;
    return stream;
  }

  /** For the lease: takes its stream back. */
  give(lease: CodecLease): void {
    const { stream } = lease;
    if (stream === undefined) return;
    this.#remove(lease);
    // One is spare also where more messages are under way than there may be streams: those that stall must not make each message of the others cost a new stream.
    if (this.#spare.length < (this.size < this.#capacity ? SPARE : 1)) this.#spare.push(stream);
    else stream.close();
  }

  /** For the lease: a message has ended. What was made for messages under way, beyond the capacity, goes with them. */
  trim(): void {
    while (this.size > this.#capacity) {
      const stream = this.#takeOldest();
      if (stream === undefined) return;
      stream.close();
    }
  }

  /** For the lease: it is over. With the last of them every stream is closed. */
  end(lease: CodecLease): void {
    this.give(lease);
    this.#leases--;
    if (this.#leases > 0) return;
    for (const stream of this.#spare.splice(0)) stream.close();
  }

  #find(): CodecStream {
    const spare = this.#spare.pop();
    const stream = spare ?? (this.size < this.#capacity ? undefined : this.#takeOldest());
    if (stream === undefined) return this.#create();
    // Nothing of one connection is ever seen by another.
    stream.reset();
    return stream;
  }

  /** Takes the stream that has not been used for longest, of those that are not in the middle of a message. */
  #takeOldest(): CodecStream | undefined {
    let oldest: CodecLease | undefined;
    for (const lease of this.#taken) {
      if (!lease.isBusy && (oldest === undefined || lease.usedAt < oldest.usedAt)) oldest = lease;
    }
    const stream = oldest?.stream;
    if (oldest !== undefined) this.#remove(oldest);
    return stream;
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
  /** The stream that the connection has now. It may be gone between two messages. */
  stream: CodecStream | undefined;
  /** A message is under way: the stream's state cannot be made anew. */
  isBusy = false;
  usedAt = 0;
  index = 0;
  #isOver = false;

  constructor(pool: CodecPool) {
    this.#pool = pool;
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
