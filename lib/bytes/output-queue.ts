// Bytes that wait to be written. Small frames of many turns and connections are written one behind the other into one
// slab, so that what an endpoint gathers in a turn is one piece; large payloads stay the pieces they are.

const SLAB_SIZE = 32 * 1024;

/**
 * A buffer that is given out front to back and never used twice, so that written bytes stay as they are.
 *
 * @example
 * const slab = new Slab(); // one for all endpoints of a thread
 * const endpoint = new Endpoint({ role: 'server', slab });
 */
export class Slab {
  /** The buffer of now. It is replaced when it is full. */
  bytes: Uint8Array = new Uint8Array(0);
  /** Where the free bytes begin. */
  position = 0;

  /** Makes sure that `size` bytes are free behind `position`. */
  reserve(size: number): void {
    if (this.bytes.byteLength - this.position >= size) return;
    this.bytes = new Uint8Array(Math.max(SLAB_SIZE, size));
    this.position = 0;
  }
}

interface Entry {
  readonly bytes: Uint8Array;
  readonly weight: number;
  /** Whether this is the payload of a frame whose header ends the entry before it. */
  readonly isPayload: boolean;
}

// A queue without entries, as nearly all are, has no array of its own.
const NONE: Entry[] = [];

/**
 * The queue of one endpoint's encoded frames.
 *
 * @example
 * const queue = new OutputQueue(new Slab());
 * new FrameEncoder(queue, { role: 'server' }).encode(frame);
 * const pieces: Uint8Array[] = [];
 * queue.take(Number.MAX_SAFE_INTEGER, pieces);
 */
export class OutputQueue {
  /** Where small frames are written. */
  readonly slab: Slab;
  #entries: Entry[] = NONE;
  #head = 0;
  // The run is what has been written to the slab and is not an entry yet.
  #runBytes: Uint8Array | undefined;
  #runStart = 0;
  #runEnd = 0;
  #runWeight = 0;
  #weight = 0;

  constructor(slab: Slab) {
    this.slab = slab;
  }

  /** What is queued: bytes, plus what each frame counts beside them. */
  get weight(): number {
    return this.#weight;
  }

  /** Whether nothing is queued. */
  get isEmpty(): boolean {
    return this.#entries.length === 0 && this.#runBytes === undefined;
  }

  /** Makes `size` bytes of the slab free: write them to `slab.bytes` from `slab.position` on, then {@link commit}. */
  reserve(size: number): void {
    this.slab.reserve(size);
    if (this.#runBytes !== undefined) {
      // Another endpoint has written to the slab meanwhile, or the slab is a new one.
      if (this.#runBytes === this.slab.bytes && this.#runEnd === this.slab.position) return;
      this.#closeRun();
    }
    this.#runBytes = this.slab.bytes;
    this.#runStart = this.slab.position;
    this.#runEnd = this.slab.position;
  }

  /** Queues the `size` bytes that were written after {@link reserve}; `overhead` is what they count beside that. */
  commit(size: number, overhead: number): void {
    this.slab.position += size;
    this.#runEnd = this.slab.position;
    this.#runWeight += size + overhead;
    this.#weight += size + overhead;
  }

  /** Queues the payload of the frame whose header was committed last, as it is. */
  appendPayload(bytes: Uint8Array): void {
    this.#closeRun();
    this.#append({ bytes, weight: bytes.byteLength, isPayload: true });
    this.#weight += bytes.byteLength;
  }

  /**
   * Takes whole frames from the front into `pieces`: all, or as many as reach `size` bytes. Returns their weight.
   * Between two calls is a place where a control frame may go: no frame is ever cut.
   */
  take(size: number, pieces: Uint8Array[]): number {
    if (this.#entries.length === 0 && size > 0) return this.#takeRun(pieces);
    this.#closeRun();
    const entries = this.#entries;
    let head = this.#head;
    let bytes = 0;
    let weight = 0;
    while (head < entries.length && (bytes < size || entries[head]?.isPayload)) {
      const entry = entries[head++] as Entry;
      pieces.push(entry.bytes);
      bytes += entry.bytes.byteLength;
      weight += entry.weight;
    }
    this.#weight -= weight;
    this.#dropBefore(head);
    return weight;
  }

  // What a turn has sent is one run, nearly always: it need not become an entry.
  #takeRun(pieces: Uint8Array[]): number {
    const bytes = this.#runBytes;
    if (bytes === undefined) return 0;
    const weight = this.#runWeight;
    if (this.#runEnd > this.#runStart) pieces.push(bytes.subarray(this.#runStart, this.#runEnd));
    this.#runBytes = undefined;
    this.#runWeight = 0;
    this.#weight -= weight;
    return weight;
  }

  /** Drops all that is queued. */
  clear(): void {
    this.#dropBefore(this.#entries.length);
    this.#runBytes = undefined;
    this.#runWeight = 0;
    this.#weight = 0;
  }

  // Entries that were taken are let go now and then, so that a long queue is not moved at each take.
  #dropBefore(head: number): void {
    if (head === this.#entries.length) {
      this.#entries = NONE;
      this.#head = 0;
    } else if (head >= 64 && head * 2 >= this.#entries.length) {
      this.#entries = this.#entries.slice(head);
      this.#head = 0;
    } else {
      this.#head = head;
    }
  }

  #append(entry: Entry): void {
    if (this.#entries === NONE) this.#entries = [entry];
    else this.#entries.push(entry);
  }

  #closeRun(): void {
    if (this.#runBytes === undefined) return;
    if (this.#runEnd === this.#runStart) {
      this.#runBytes = undefined;
      return;
    }
    const bytes = this.#runBytes.subarray(this.#runStart, this.#runEnd);
    this.#append({ bytes, weight: this.#runWeight, isPayload: false });
    this.#runBytes = undefined;
    this.#runWeight = 0;
  }
}
