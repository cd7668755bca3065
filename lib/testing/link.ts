// One direction of a line, as a test sees it: how it carries bytes, what it has carried, and what goes wrong with it.

/** How a link carries bytes. All of it can be changed while bytes are on their way: {@link Link.set}. */
export interface LinkOptions {
  /**
   * The most bytes that are on their way at a time, in either side's socket buffers and between them. What is beyond waits at its writer: backpressure is
   * real. Default: 65,536.
   */
  readonly bufferSize?: number;
  /**
   * The most bytes of a chunk, or a function that says for each chunk how many there are to be, at least 1, out of as many as there are. 1 is byte by byte.
   * Bytes that were written apart may come together. Default: 65,536.
   */
  readonly chunkSize?: number | ((available: number) => number);
  /** Milliseconds of the clock from a write to its arrival, or a function that says it for each write. Nothing is overtaken. Default: 0. */
  readonly latency?: number | (() => number);
  /** How many bytes arrive in a second of the clock. Chunks are of 100 ms then, unless `chunkSize` makes them shorter. Default: `Infinity`. */
  readonly bytesPerSecond?: number;
  /**
   * Sees bytes as they enter the link, behind the edits of {@link Link.flip} and its like, and may give others instead (none: an empty array).
   *
   * @param offset Where they stand among all that was written.
   */
  readonly alter?: (bytes: Uint8Array, offset: number) => Uint8Array | undefined;
  /** Sees every chunk just before it arrives. It must not change it. */
  readonly tap?: (chunk: Uint8Array) => void;
}

/**
 * - `flowing`: bytes are carried.
 * - `stalled`: nothing is taken and nothing arrives; nothing is lost.
 * - `silent`: whatever enters is swallowed, an end and a reset too, and nobody is told.
 */
export type LinkState = 'flowing' | 'stalled' | 'silent';

/** One direction of a {@link Line}. Offsets count the bytes that were written, from 0. */
export interface Link {
  /** What it does with bytes now. */
  readonly state: LinkState;
  /** Bytes that the link has taken from its writer, before any fault. */
  readonly written: number;
  /** Bytes that have arrived. */
  readonly delivered: number;
  /** Bytes on their way: taken, and not yet arrived. */
  readonly buffered: number;
  /** Bytes that wait at the writer for room. */
  readonly waiting: number;

  /** Changes what is given, and leaves the rest. What an option is set to `undefined` gets its default. */
  set(options: LinkOptions): void;
  /** Takes nothing and delivers nothing until {@link restore}. Nothing is lost. */
  stall(): void;
  /**
   * Swallows what is on its way and all that comes, until {@link restore}, without telling anybody: a connection that is half open. The peer finds a hole in
   * the stream afterwards.
   */
  silence(): void;
  /** Ends a stall or a silence. */
  restore(): void;
  /** Ends this direction behind what is on its way (FIN). Its writer is not told: what it still writes is swallowed. */
  end(): void;

  /** Inverts bits of one byte. Default of the mask: the lowest bit. Has no effect on what has been written already; nor have the next three. */
  flip(offset: number, mask?: number): void;
  /** Puts other bytes in the place of as many. */
  replace(offset: number, bytes: Uint8Array): void;
  /** Puts bytes in, before the one at the offset. */
  insert(offset: number, bytes: Uint8Array): void;
  /** Takes bytes out. Default of the count: 1. */
  drop(offset: number, count?: number): void;
}

const DEFAULT_SIZE = 64 * 1024;

/** How a link carries bytes, with nothing left out. */
export interface LinkSettings {
  readonly bufferSize: number;
  readonly chunkSize: (available: number) => number;
  readonly latency: () => number;
  readonly bytesPerSecond: number;
  readonly alter: (bytes: Uint8Array, offset: number) => Uint8Array | undefined;
  readonly tap: (chunk: Uint8Array) => void;
}

/**
 * Fills what the options leave out.
 *
 * @throws RangeError when a size or a time is none; TypeError when what should be a function is none, or an option is unknown.
 */
export function resolveLink(options: LinkOptions): LinkSettings {
  const { bufferSize, chunkSize, latency, bytesPerSecond, alter, tap, ...unknown } = options;
  for (const name of Object.keys(unknown)) throw new TypeError(`Cannot set "${name}" of a link: it does not exist`);
  const rate = bytesPerSecond ?? Number.POSITIVE_INFINITY;
  if (!(rate > 0)) throw new RangeError(`Cannot set bytesPerSecond: ${String(rate)} is no positive number`);
  const size = assertSize('bufferSize', bufferSize ?? DEFAULT_SIZE);
  // Chunks of a tenth of a second, so that what is slow trickles.
  const longest = Math.max(1, Math.min(DEFAULT_SIZE, Math.floor(rate / 10)));
  return {
    bufferSize: size,
    chunkSize: toFunction(chunkSize ?? longest, (value) => assertSize('chunkSize', value), longest),
    latency: toFunction(latency ?? 0, assertLatency, 0),
    bytesPerSecond: rate,
    alter: assertFunction('alter', alter ?? keep),
    tap: assertFunction('tap', tap ?? ignore),
  };
}

/** A value or a function that gives it. What the function gives is used if it is a number, or else the fallback. */
function toFunction<A extends unknown[]>(
  source: number | ((...given: A) => number),
  assert: (value: number) => number,
  fallback: number,
): (...given: A) => number {
  if (typeof source !== 'function') {
    const value = assert(source);
    return () => value;
  }
  return (...given) => {
    const value = source(...given);
    return Number.isFinite(value) ? value : fallback;
  };
}

function assertSize(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new RangeError(`Cannot set ${name}: ${String(value)} is no positive number of bytes`);
}

function assertLatency(value: number): number {
  if (Number.isFinite(value) && value >= 0) return value;
  throw new RangeError(`Cannot set latency: ${String(value)} is no number of milliseconds`);
}

function assertFunction<F>(name: string, value: F): F {
  if (typeof value === 'function') return value;
  throw new TypeError(`Cannot set ${name}: it is no function`);
}

function keep(): undefined {}

function ignore(): void {}
