// One direction of a line: takes what its writer writes into a bounded buffer, and gives it to its reader when the clock, the reader and the faults allow.
// It works in turns of the event loop, as sockets do.

import type { Clock, Scheduler } from '../connection/context.ts';
import { Edits } from './edits.ts';
import { type Link, type LinkOptions, type LinkSettings, type LinkState, resolveLink } from './link.ts';

/** What a wire tells the end that writes. */
export interface WireSource {
  writeTaken(): void;
  endSent(): void;
  /** A callback of the test has thrown. */
  wireBroken(error: unknown): void;
}

/** What a wire tells the end that reads. */
export interface WireSink {
  chunkReceived(chunk: Uint8Array): void;
  endReceived(): void;
  /** The other end has reset the connection. */
  resetReceived(error: Error): void;
  /** Bytes have come although nobody is here any more. */
  refused(): void;
}

interface Item {
  bytes: Uint8Array;
  readonly due: number;
  readonly isEnd: boolean;
}

const EMPTY = new Uint8Array(0);

/** Sums of milliseconds are not exact. */
const TOLERANCE = 1e-6;

export class Wire implements Link {
  readonly #clock: Clock;
  readonly #scheduler: Scheduler;
  readonly #edits = new Edits();
  #options: LinkOptions = {};
  #settings: LinkSettings = resolveLink({});
  #source: WireSource | undefined;
  #sink: WireSink | undefined;
  #state: LinkState = 'flowing';
  #isScheduled = false;
  #isClosed = false;
  #timer: unknown;
  #moves = 0;

  // The writer's side: what is left of the write at hand.
  #pieces: Uint8Array[] = [];
  #waiting = 0;
  #isWriting = false;
  #end: 'open' | 'asked' | 'sent' = 'open';
  #isCut = false;
  #written = 0;

  // On the way.
  #queue: Item[] = [];
  #buffered = 0;
  #transmitting: { readonly size: number; readonly at: number } | undefined;
  #reset: { readonly error: Error; readonly due: number } | undefined;

  // The reader's side.
  #isReading = false;
  #isRefusing = false;
  #delivered = 0;

  constructor(clock: Clock, scheduler: Scheduler, options: LinkOptions) {
    this.#clock = clock;
    this.#scheduler = scheduler;
    this.set(options);
  }

  join(source: WireSource, sink: WireSink): void {
    this.#source = source;
    this.#sink = sink;
  }

  get state(): LinkState {
    return this.#state;
  }

  get written(): number {
    return this.#written;
  }

  get delivered(): number {
    return this.#delivered;
  }

  get buffered(): number {
    return this.#buffered;
  }

  get waiting(): number {
    return this.#waiting;
  }

  /** Changes whenever something happens. */
  get moves(): number {
    return this.#moves;
  }

  // --- The test says -------------------------------------------------------------------------------------------------

  set(options: LinkOptions): void {
    const merged = { ...this.#options, ...options };
    this.#settings = resolveLink(merged);
    this.#options = merged;
    this.#transmitting = undefined;
    this.#schedule();
  }

  stall(): void {
    this.#change('stalled');
  }

  silence(): void {
    this.#clearQueue();
    this.#change('silent');
  }

  restore(): void {
    this.#change('flowing');
  }

  end(): void {
    if (this.#isCut || this.#isClosed) return;
    this.#isCut = true;
    if (this.#end !== 'sent' && this.#state !== 'silent') this.#enqueue(EMPTY, true);
    this.#schedule();
  }

  flip(offset: number, mask = 0x01): void {
    this.#edits.flip(offset, mask);
  }

  replace(offset: number, bytes: Uint8Array): void {
    this.#edits.replace(offset, bytes);
  }

  insert(offset: number, bytes: Uint8Array): void {
    this.#edits.insert(offset, bytes);
  }

  drop(offset: number, count = 1): void {
    this.#edits.drop(offset, count);
  }

  // --- The ends say --------------------------------------------------------------------------------------------------

  write(pieces: readonly Uint8Array[]): void {
    this.#pieces = [...pieces];
    for (const piece of pieces) this.#waiting += piece.byteLength;
    this.#isWriting = true;
    this.#schedule();
  }

  /** No more is written. */
  finish(): void {
    if (this.#end === 'open') this.#end = 'asked';
    this.#schedule();
  }

  /** The writer is gone: what was taken goes on, what was not is lost. */
  abandon(): void {
    this.#pieces = [];
    this.#waiting = 0;
    this.#isWriting = false;
    this.finish();
  }

  /** Tells the reader that the connection was reset, ahead of all that is on its way. */
  reset(error: Error): void {
    if (this.#state !== 'silent') this.#reset = { error, due: this.#clock.now() + this.#latency() };
    this.#schedule();
  }

  resume(): void {
    this.#isReading = true;
    this.#schedule();
  }

  pause(): void {
    this.#isReading = false;
  }

  /** The reader is gone. */
  refuse(): void {
    this.#isRefusing = true;
    this.#schedule();
  }

  /** Both ends are gone. */
  close(): void {
    this.#isClosed = true;
    this.#clearQueue();
    this.#arm();
  }

  // --- Work ----------------------------------------------------------------------------------------------------------

  #change(state: LinkState): void {
    this.#state = state;
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled || this.#isClosed) return;
    this.#isScheduled = true;
    this.#scheduler.schedule(() => {
      this.#isScheduled = false;
      if (!this.#isClosed) this.#work();
    });
  }

  #work(): void {
    this.#moves++;
    try {
      this.#take();
      this.#deliver();
    } catch (error) {
      this.#source?.wireBroken(error);
    }
    this.#arm();
    if (this.#isWriting && this.#room > 0) this.#schedule();
  }

  // What is swallowed needs no room. A little room is none, as with sockets: what is written would go byte by byte.
  get #room(): number {
    if (this.#state === 'stalled') return 0;
    if (this.#state === 'silent' || this.#isCut) return this.#waiting;
    const { bufferSize } = this.#settings;
    const room = Math.min(this.#waiting, bufferSize - this.#buffered);
    return room >= Math.min(this.#waiting, bufferSize / 4) ? room : 0;
  }

  #take(): void {
    if (this.#state === 'stalled') return;
    const isSwallowing = this.#state === 'silent' || this.#isCut;
    if (this.#isWriting) {
      const bytes = this.#gather(this.#room);
      if (bytes.byteLength > 0 && !isSwallowing) this.#enqueue(this.#alter(bytes), false);
      this.#written += bytes.byteLength;
      if (this.#waiting > 0) return;
      this.#isWriting = false;
      this.#source?.writeTaken();
    }
    // It may have been told of the next write.
    if (this.#isWriting || this.#end !== 'asked') return;
    this.#end = 'sent';
    if (!isSwallowing) this.#enqueue(EMPTY, true);
    this.#source?.endSent();
  }

  // Copied: the writer may do what it likes with its bytes once they are taken.
  #gather(size: number): Uint8Array {
    const bytes = new Uint8Array(size);
    for (let filled = 0; filled < size; ) {
      const piece = this.#pieces[0] as Uint8Array;
      const part = piece.subarray(0, size - filled);
      bytes.set(part, filled);
      filled += part.byteLength;
      if (part.byteLength === piece.byteLength) this.#pieces.shift();
      else this.#pieces[0] = piece.subarray(part.byteLength);
    }
    this.#waiting -= size;
    return bytes;
  }

  #alter(bytes: Uint8Array): Uint8Array {
    const edited = this.#edits.apply(bytes, this.#written);
    return this.#settings.alter(edited, this.#written) ?? edited;
  }

  #enqueue(bytes: Uint8Array, isEnd: boolean): void {
    const due = this.#clock.now() + this.#latency();
    if (bytes.byteLength > 0 || isEnd) this.#queue.push({ bytes, due, isEnd });
    this.#buffered += bytes.byteLength;
  }

  #latency(): number {
    return Math.max(0, this.#settings.latency());
  }

  #deliver(): void {
    if (this.#reset !== undefined && this.#state === 'flowing' && this.#isDue(this.#reset.due)) {
      const { error } = this.#reset;
      this.#clearQueue();
      return this.#sink?.resetReceived(error);
    }
    while (this.#canDeliver) {
      const { isEnd, due } = this.#queue[0] as Item;
      if (!this.#isDue(due)) return;
      if (isEnd) {
        this.#queue.shift();
        this.#sink?.endReceived();
      } else if (this.#isRefusing) {
        this.#clearQueue();
        this.#sink?.refused();
      } else if (!this.#deliverChunk()) return;
    }
  }

  get #canDeliver(): boolean {
    return this.#state === 'flowing' && (this.#isReading || this.#isRefusing) && this.#queue.length > 0;
  }

  #deliverChunk(): boolean {
    const size = this.#transmitting?.size ?? this.#chooseSize();
    if (!this.#isTransmitted(size)) return false;
    const chunk = this.#takeOut(size);
    this.#buffered -= size;
    this.#delivered += size;
    this.#settings.tap(chunk);
    this.#sink?.chunkReceived(chunk);
    return true;
  }

  #chooseSize(): number {
    let available = 0;
    for (const { bytes, due, isEnd } of this.#queue) {
      if (isEnd || !this.#isDue(due)) break;
      available += bytes.byteLength;
    }
    return Math.max(1, Math.min(available, Math.floor(this.#settings.chunkSize(available))));
  }

  #isTransmitted(size: number): boolean {
    const { bytesPerSecond } = this.#settings;
    if (bytesPerSecond === Number.POSITIVE_INFINITY) return true;
    this.#transmitting ??= { size, at: this.#clock.now() + (size * 1000) / bytesPerSecond };
    if (!this.#isDue(this.#transmitting.at)) return false;
    this.#transmitting = undefined;
    return true;
  }

  // A chunk is a buffer of its own: the reader may change it, or give it away.
  #takeOut(size: number): Uint8Array {
    const first = this.#queue[0] as Item;
    if (first.bytes.byteLength === size) {
      this.#queue.shift();
      return first.bytes;
    }
    const chunk = new Uint8Array(size);
    for (let filled = 0; filled < size; ) {
      const item = this.#queue[0] as Item;
      const part = item.bytes.subarray(0, size - filled);
      chunk.set(part, filled);
      filled += part.byteLength;
      item.bytes = item.bytes.subarray(part.byteLength);
      if (item.bytes.byteLength === 0) this.#queue.shift();
    }
    return chunk;
  }

  #clearQueue(): void {
    this.#queue = [];
    this.#buffered = 0;
    this.#transmitting = undefined;
    this.#reset = undefined;
  }

  #isDue(time: number): boolean {
    return time <= this.#clock.now() + TOLERANCE;
  }

  // One timer at most: for what comes next.
  #arm(): void {
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    const times: number[] = [];
    if (this.#state === 'flowing' && this.#reset !== undefined) times.push(this.#reset.due);
    if (this.#canDeliver) times.push(this.#transmitting?.at ?? (this.#queue[0] as Item).due);
    if (times.length === 0) return;
    this.#timer = this.#clock.setTimeout(
      () => {
        this.#timer = undefined;
        this.#schedule();
      },
      Math.min(...times) - this.#clock.now(),
    );
  }
}
