// The body of a request as a stream: decoded as it comes, read on only while somebody reads it. What nobody reads is thrown away.

import { ByteQueue } from '../bytes/byte-queue.ts';
import { type BodyFraming, HttpBodyDecoder } from '../handshake/http-body-decoder.ts';

/** The most bytes that the extensions and the trailers of a chunked body may have. */
const MAX_OVERHEAD = 16 * 1024;

/** So much of a body that nobody reads is thrown away: of more the peer waits for the answer, and its connection ends behind it. */
const MOST_THROWN_AWAY = 256 * 1024;

/** What the connection is told of its reader. */
export interface RequestBodyEvents {
  /** Somebody waits for more: it is to be read on. */
  wanted(): void;
  /** Nobody will read it any more: what still comes is thrown away. */
  left(): void;
}

/** One body. */
export class RequestBody {
  readonly #decoder: HttpBodyDecoder;
  readonly #events: RequestBodyEvents;
  readonly #data = new ByteQueue();
  #stream: ReadableStream<Uint8Array> | undefined;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #isLeft = true;
  #isOver = false;
  #thrownAway = 0;

  constructor(framing: BodyFraming, events: RequestBodyEvents) {
    this.#decoder = new HttpBodyDecoder(framing, { maxOverhead: MAX_OVERHEAD, isEndless: true });
    this.#events = events;
  }

  /** Whether all of it has come, or what has come is no body. */
  get isDone(): boolean {
    return this.#decoder.isDone;
  }

  /** Whether it is malformed: what comes behind it cannot be told from it. */
  get isBroken(): boolean {
    return this.#decoder.isDone && this.#decoder.isCut;
  }

  /** Whether nothing more should be read now: its reader has not taken what has come, or too much was thrown away. */
  get isFull(): boolean {
    if (this.isDone) return false;
    return this.#isLeft ? this.#thrownAway > MOST_THROWN_AWAY : (this.#controller?.desiredSize ?? 1) < 0;
  }

  /** Makes the stream of what comes from now on. Without it all is thrown away. Called once. */
  open(): ReadableStream<Uint8Array> {
    this.#isLeft = false;
    // Not of the implementation that the library's own streams are made with: a Request takes no other than the platform's.
    this.#stream = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () => {
          if (!this.#isOver) this.#events.wanted();
        },
        cancel: () => this.leave(),
      },
      { highWaterMark: 0 },
    );
    return this.#stream;
  }

  /**
   * Takes a chunk of the connection from `position` on.
   *
   * @returns The position behind what belongs to the body.
   */
  read(chunk: Uint8Array, position: number): number {
    const end = this.#decoder.read(chunk, position, this.#data, Number.POSITIVE_INFINITY);
    if (this.#isLeft) this.#thrownAway += this.#data.length;
    // What was in one chunk of the connection is one chunk of the stream, however small the peer has cut it.
    else if (this.#data.length > 0) this.#controller?.enqueue(this.#data.join());
    this.#data.clear();
    if (!this.isDone || this.#isOver) return end;
    if (this.isBroken) this.fail(new TypeError(`Cannot read the body of the request: ${this.#describeFault()}`));
    else this.#close();
    return end;
  }

  /** Nobody is to read it any more. Whoever does all the same gets the error. */
  fail(error: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (!this.#isLeft) this.#controller?.error(error);
    this.#isLeft = true;
  }

  /** Its reader has left. */
  leave(): void {
    if (this.#isLeft) return;
    this.#isLeft = true;
    this.#isOver = true;
    this.#events.left();
  }

  #close(): void {
    this.#isOver = true;
    if (!this.#isLeft) this.#controller?.close();
  }

  #describeFault(): string {
    const { fault } = this.#decoder;
    return fault === 'too-large' ? 'its chunks have too much beside their data' : (fault ?? 'it is not whole');
  }
}
