// What permessage-deflate needs of whoever does DEFLATE (RFC 1951): zlib's one call, bounded on both sides. A runtime's own zlib or a portable one stands behind it; the
// core knows neither.

/** How a stream compresses. */
export interface DeflaterOptions {
  /** From 0 (none) to 9 (most). */
  readonly level: number;
  /** From 1 to 9: how much memory the match finder has. */
  readonly memoryLevel: number;
  /** From 9 to 15: the base-2 logarithm of the sliding window. zlib cannot make a raw window of 8 bits. */
  readonly windowBits: number;
}

/** How a stream decompresses. */
export interface InflaterOptions {
  /** From 8 to 15. */
  readonly windowBits: number;
}

/** One raw DEFLATE stream of one direction, with its sliding window. */
export interface CodecStream {
  /** How many bytes of input the last {@link run} has read. */
  readonly read: number;
  /** How many bytes of output the last {@link run} has written. */
  readonly written: number;
  /**
   * Reads from `input[start, end)` and writes to `output[from, to)`, as much as there is of both, and flushes: a deflater ends at a byte (Z_SYNC_FLUSH), an inflater writes all
   * that can be told. When the output is full there may be more: call again. An inflater that has found the end of its stream (BFINAL) reads and writes nothing more until it
   * is {@link reset}.
   *
   * @returns False when the input is no DEFLATE data; then `read` and `written` say nothing, and the stream must be reset.
   */
  run(input: Uint8Array, start: number, end: number, output: Uint8Array, from: number, to: number): boolean;
  /** Forgets everything: as new. */
  reset(): void;
  /** Frees its memory at once. It is not used again. */
  close(): void;
}

/** Makes streams. */
export interface DeflateCodec {
  /** Makes a stream that compresses. */
  createDeflater(options: DeflaterOptions): CodecStream;
  /** Makes a stream that decompresses. */
  createInflater(options: InflaterOptions): CodecStream;
}
