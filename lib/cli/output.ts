// Standard output: a slow reader holds up whoever writes, and one that goes away is no failure.

import type { Writable } from 'node:stream';

/** What is told of it. */
export interface OutputOwner {
  /** The reader is slow: nothing more is taken for now. */
  heldUp(): void;
  /** It goes on, or is over. */
  released(): void;
  /** Nothing more can be written. Undefined: the reader went away. */
  broken(error: Error | undefined): void;
}

// What is gathered in one turn is written when it is as much.
const MUCH = 64 * 1024;

export class Output {
  readonly #stream: Writable;
  readonly #owner: OutputOwner;
  readonly #most: number;
  #gathered: (string | Uint8Array)[] = [];
  #size = 0;
  #isScheduled = false;
  #isBroken = false;
  #wake: (() => void) | undefined;

  /** @param isGathering Whether what comes in one turn of the event loop is written at once: a write each is much for a file. Otherwise it is written where it comes. */
  constructor(stream: Writable, owner: OutputOwner, isGathering = true) {
    this.#stream = stream;
    this.#owner = owner;
    this.#most = isGathering ? MUCH : 0;
    stream.on('error', (error: NodeJS.ErrnoException) => this.#break(error));
    stream.on('close', () => this.#break());
    stream.on('drain', () => this.#release());
  }

  /** Fulfils when there is room for more, or when nothing can be written any more. */
  async write(chunk: string | Uint8Array): Promise<void> {
    if (this.#isBroken) return;
    this.#gathered.push(chunk);
    this.#size += chunk.length;
    if (this.#size >= this.#most) this.#flush();
    else this.#schedule();
    if (!this.#stream.writableNeedDrain || this.#isBroken) return;
    this.#owner.heldUp();
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }

  /** Nothing more is written: who waits goes on. */
  abandon(): void {
    this.#isBroken = true;
    this.#gathered = [];
    this.#release();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    const chunks = this.#gathered;
    this.#gathered = [];
    this.#size = 0;
    if (chunks.length === 0) return;
    try {
      this.#stream.write(join(chunks));
    } catch (error) {
      // A file is written to in the same turn.
      this.#break(error as Error);
    }
  }

  #release(): void {
    if (this.#wake === undefined) return;
    const wake = this.#wake;
    this.#wake = undefined;
    this.#owner.released();
    wake();
  }

  #break(error?: NodeJS.ErrnoException): void {
    if (this.#isBroken) return;
    this.abandon();
    this.#owner.broken(error?.code === 'EPIPE' ? undefined : error);
  }
}

function join(chunks: readonly (string | Uint8Array)[]): string | Uint8Array {
  if (chunks.length === 1) return chunks[0] as string | Uint8Array;
  if (chunks.every((chunk) => typeof chunk === 'string')) return chunks.join('');
  return Buffer.concat(chunks.map((chunk) => (typeof chunk === 'string' ? Buffer.from(chunk) : chunk)));
}
