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

export class Output {
  readonly #stream: Writable;
  readonly #owner: OutputOwner;
  #isBroken = false;
  #isCorked = false;
  #wake: (() => void) | undefined;

  constructor(stream: Writable, owner: OutputOwner) {
    this.#stream = stream;
    this.#owner = owner;
    stream.on('error', (error: NodeJS.ErrnoException) => this.#break(error));
    stream.on('close', () => this.#break());
    stream.on('drain', () => this.#release());
  }

  /** Fulfils when there is room for more, or when nothing can be written any more. What comes in one turn of the event loop is written at once. */
  async write(...chunks: readonly (string | Uint8Array)[]): Promise<void> {
    if (this.#isBroken) return;
    this.#cork();
    let hasRoom = true;
    try {
      for (const chunk of chunks) hasRoom = this.#stream.write(chunk);
    } catch (error) {
      // A file is written to in the same turn.
      this.#break(error as Error);
    }
    if (hasRoom || this.#isBroken) return;
    this.#owner.heldUp();
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }

  /** Nothing more is written: who waits goes on. */
  abandon(): void {
    this.#isBroken = true;
    this.#release();
  }

  #cork(): void {
    if (this.#isCorked) return;
    this.#isCorked = true;
    this.#stream.cork();
    setImmediate(() => {
      this.#isCorked = false;
      try {
        this.#stream.uncork();
      } catch (error) {
        this.#break(error as Error);
      }
    });
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
