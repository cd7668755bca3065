// Sources of streamed messages that a test plays by hand: it says what they give and when, and sees what is asked of them.

import { streams } from '../../lib/stream/streams.ts';
import { turns } from './until.ts';

interface Asked<T> {
  readonly resolve: (result: IteratorResult<T, undefined>) => void;
  readonly reject: (error: unknown) => void;
}

/** An async iterable by hand. Asked for a chunk, it waits until the test gives one. */
export class HandSource<T = string | Uint8Array> implements AsyncIterable<T> {
  /** How often a chunk was asked for. */
  pulls = 0;
  /** How often it was told that nobody wants more. */
  returns = 0;
  #asked: Asked<T>[] = [];

  [Symbol.asyncIterator](): AsyncIterator<T, undefined> {
    return {
      next: () => {
        this.pulls++;
        return new Promise((resolve, reject) => this.#asked.push({ resolve, reject }));
      },
      return: () => {
        this.returns++;
        return Promise.resolve({ value: undefined, done: true });
      },
    };
  }

  /** Gives a chunk to the one who asked, and lets him work. */
  async give(...chunks: T[]): Promise<void> {
    for (const value of chunks) {
      this.#take().resolve({ value, done: false });
      await turns(3);
    }
  }

  /** Ends. */
  async end(): Promise<void> {
    this.#take().resolve({ value: undefined, done: true });
    await turns(3);
  }

  async fail(error: unknown): Promise<void> {
    this.#take().reject(error);
    await turns(3);
  }

  #take(): Asked<T> {
    const asked = this.#asked.shift();
    if (asked === undefined) throw new Error('Cannot give a chunk: nobody has asked for one');
    return asked;
  }
}

/** A ReadableStream by hand. */
export class HandStream<T = string | Uint8Array> {
  readonly stream: ReadableStream<T>;
  controller!: ReadableStreamDefaultController<T>;
  pulls = 0;
  /** Why it was cancelled, each time. */
  readonly cancelled: unknown[] = [];

  constructor() {
    const { ReadableStream } = streams();
    this.stream = new ReadableStream<T>(
      {
        start: (controller) => {
          this.controller = controller;
        },
        pull: () => {
          this.pulls++;
        },
        cancel: (reason) => {
          this.cancelled.push(reason);
        },
      },
      { highWaterMark: 0 },
    );
  }

  async give(...chunks: T[]): Promise<void> {
    for (const chunk of chunks) this.controller.enqueue(chunk);
    await turns(3);
  }
}

/** Gives the chunks, one in each turn or as fast as they are asked for. */
export async function* chunksOf<T>(chunks: Iterable<T>, pace: 'turn' | 'at once' = 'at once'): AsyncGenerator<T> {
  for (const chunk of chunks) {
    if (pace === 'turn') await turns(1);
    yield chunk;
  }
}
