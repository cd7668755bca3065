// One readable, read by any number of receivers at a time: they share a reader, which holds its lock only while one of them waits.

export class SharedReader<T> {
  readonly #readable: ReadableStream<T>;
  #reader: ReadableStreamDefaultReader<T> | undefined;
  #reads = 0;

  constructor(readable: ReadableStream<T>) {
    this.#readable = readable;
  }

  /**
   * The next chunk; undefined when there is none any more.
   *
   * @throws TypeError (a rejection) when the readable is locked by somebody else; what it is errored with.
   */
  async read(): Promise<T | undefined> {
    if (this.#reader === undefined) {
      if (this.#readable.locked) throw new TypeError('Cannot receive: the readable of this session is in use');
      this.#reader = this.#readable.getReader();
    }
    const reader = this.#reader;
    this.#reads++;
    try {
      return (await reader.read()).value;
    } finally {
      if (--this.#reads === 0) {
        this.#reader = undefined;
        reader.releaseLock();
      }
    }
  }
}
