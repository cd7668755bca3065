// Which implementation of WHATWG Streams is used: this module alone decides. The platform's own is the default.

/** The constructors of an implementation of the Streams Standard. */
export interface StreamsImplementation {
  readonly ReadableStream: typeof ReadableStream;
  readonly WritableStream: typeof WritableStream;
  readonly TransformStream: typeof TransformStream;
}

let implementation: StreamsImplementation = globalThis;

/** The implementation that streams of this library are made with. */
export function streams(): StreamsImplementation {
  return implementation;
}

/** Chooses the implementation for all streams made from now on. */
export function useStreams(chosen: StreamsImplementation): void {
  implementation = chosen;
}
