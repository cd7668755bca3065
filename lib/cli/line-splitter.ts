// Lines out of bytes that come in any pieces. Nothing grows beyond the longest line that is allowed.

/** What comes in on standard input cannot be sent. */
export class InputError extends Error {
  override readonly name: string = 'InputError';
}

const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;

/** Splits UTF-8 at line feeds, with a carriage return before them or without. */
export class LineSplitter {
  readonly #maxLength: number;
  // A byte order mark is a character like others.
  readonly #decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  // The beginning of a line whose end has not come.
  #pieces: Uint8Array[] = [];
  #length = 0;
  #line = 1;

  /** @param maxLength In bytes, without what ends the line. */
  constructor(maxLength: number) {
    this.#maxLength = maxLength;
  }

  /**
   * Gives the lines that end in this chunk.
   *
   * @throws InputError when a line is too long or no UTF-8, behind the lines before it.
   */
  *push(chunk: Uint8Array): Generator<string, void> {
    let start = 0;
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, start)) {
      this.#add(chunk.subarray(start, end));
      yield this.#take(true);
      start = end + 1;
    }
    this.#add(chunk.subarray(start));
  }

  /**
   * Gives the last line, where no line feed stands behind it.
   *
   * @throws InputError as {@link push} does.
   */
  end(): string | undefined {
    return this.#length === 0 ? undefined : this.#take(false);
  }

  #add(bytes: Uint8Array): void {
    if (bytes.byteLength === 0) return;
    this.#length += bytes.byteLength;
    // One more: it may be the carriage return.
    if (this.#length > this.#maxLength + 1) throw this.#tooLong();
    this.#pieces.push(bytes);
  }

  #take(isEnded: boolean): string {
    const line = this.#pieces.length === 1 ? (this.#pieces[0] as Uint8Array) : Buffer.concat(this.#pieces);
    const hasReturn = isEnded && line.at(-1) === CARRIAGE_RETURN;
    const bytes = hasReturn ? line.subarray(0, -1) : line;
    if (bytes.byteLength > this.#maxLength) throw this.#tooLong();
    const text = this.#decode(bytes);
    this.#pieces = [];
    this.#length = 0;
    this.#line++;
    return text;
  }

  #decode(bytes: Uint8Array): string {
    try {
      return this.#decoder.decode(bytes);
    } catch {
      throw new InputError(`line ${this.#line} of standard input is not UTF-8; --binary sends bytes as they are`);
    }
  }

  #tooLong(): InputError {
    const text = `line ${this.#line} of standard input is longer than ${this.#maxLength} bytes`;
    return new InputError(`${text}; --max-message-size allows more, --binary needs no lines`);
  }
}
