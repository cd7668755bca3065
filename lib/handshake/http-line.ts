// The lines of an HTTP message, from chunks that are cut anywhere. RFC 9112 §2.2. Each byte is looked at once when it comes and once when its line is
// whole; what a line takes grows twofold, so a line that comes byte by byte costs no more than one that comes whole.

/** Why no more lines can be read: all of them together are over their limit, or one is malformed. */
export type LineFault = 'too-large' | 'malformed';

const CR = 0x0d;
const LF = 0x0a;
const NUL = 0x00;
const FIRST_SIZE = 256;

/** Few enough for the arguments of one call. */
const DECODED_AT_ONCE = 4096;

/**
 * Reads lines that end in CRLF. Stricter than RFC 9112 §2.2, where "a recipient MAY recognize a single LF as a line terminator and ignore any preceding CR":
 * where two recipients see different lines, a header is injected.
 */
export class HttpLine {
  readonly #maxSize: number;
  #bytes: Uint8Array = new Uint8Array(FIRST_SIZE);
  #length = 0;
  #size = 0;
  #hasReturn = false;
  #isWhole = false;
  #fault: LineFault | undefined;

  /** @param maxSize The most bytes that all lines may have together, their ends counted. */
  constructor(maxSize: number) {
    this.#maxSize = maxSize;
  }

  /** What was wrong. Once set, nothing more is read. */
  get fault(): LineFault | undefined {
    return this.#fault;
  }

  /**
   * Reads from `position` to the end of the line or of the chunk, whichever comes first. Call {@link take} behind it.
   *
   * @returns The position behind what was read.
   */
  read(chunk: Uint8Array, position: number): number {
    for (let index = position; index < chunk.byteLength; index++) {
      this.#readByte(chunk[index] as number);
      if (this.#isWhole || this.#fault !== undefined) return index + 1;
    }
    return chunk.byteLength;
  }

  /** Takes the line that was read, without its end, each byte as one character. Undefined when it is not whole yet. */
  take(): string | undefined {
    if (!this.#isWhole) return undefined;
    const text = decodeLatin1(this.#bytes, this.#length);
    this.#length = 0;
    this.#hasReturn = false;
    this.#isWhole = false;
    return text;
  }

  /** Takes so many bytes that were read off the count: they are of lines that are bounded by something else. */
  forgive(bytes: number): void {
    this.#size = Math.max(0, this.#size - bytes);
  }

  #readByte(byte: number): void {
    if (this.#size === this.#maxSize) {
      this.#fault = 'too-large';
      return;
    }
    this.#size += 1;
    if (this.#hasReturn) {
      if (byte === LF) this.#isWhole = true;
      else this.#fault = 'malformed';
    } else if (byte === CR) this.#hasReturn = true;
    else if (byte === LF || byte === NUL) this.#fault = 'malformed';
    else this.#keep(byte);
  }

  #keep(byte: number): void {
    if (this.#length === this.#bytes.byteLength) {
      const larger = new Uint8Array(this.#length * 2);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#bytes[this.#length++] = byte;
  }
}

/** No TextDecoder: what it calls latin1 is windows-1252, which has other characters for 0x80 to 0x9F. */
function decodeLatin1(bytes: Uint8Array, length: number): string {
  let text = '';
  for (let start = 0; start < length; start += DECODED_AT_ONCE) {
    text += String.fromCharCode(...bytes.subarray(start, Math.min(length, start + DECODED_AT_ONCE)));
  }
  return text;
}
