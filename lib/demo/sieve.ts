// Keeps what is told of frames within what a person can see: so many a moment, the others are only counted.

/** Frames that were not told. */
export interface Skipped {
  readonly frames: number;
  readonly bytes: number;
}

export interface SieveOptions {
  /** How many data frames are told in one moment. Control frames are rare, and four times as many of all kinds may be told. */
  readonly most: number;
  /** How long a moment is, in milliseconds. */
  readonly moment: number;
  /** Milliseconds since some fixed time. */
  readonly now?: () => number;
}

export class Sieve {
  readonly #most: number;
  readonly #moment: number;
  readonly #now: () => number;
  #begin = Number.NEGATIVE_INFINITY;
  #told = 0;
  #frames = 0;
  #bytes = 0;

  constructor({ most, moment, now = () => performance.now() }: SieveOptions) {
    this.#most = most;
    this.#moment = moment;
    this.#now = now;
  }

  /** Whether this frame is to be told; if not, it is counted. */
  take(isControl: boolean, bytes: number): boolean {
    const now = this.#now();
    if (now - this.#begin >= this.#moment) {
      this.#begin = now;
      this.#told = 0;
    }
    if (this.#told < (isControl ? this.#most * 4 : this.#most)) {
      this.#told++;
      return true;
    }
    this.#frames++;
    this.#bytes += bytes;
    return false;
  }

  /** What was skipped since this was asked last; undefined when nothing was. */
  drain(): Skipped | undefined {
    if (this.#frames === 0) return undefined;
    const skipped = { frames: this.#frames, bytes: this.#bytes };
    this.#frames = 0;
    this.#bytes = 0;
    return skipped;
  }
}
