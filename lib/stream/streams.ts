// Which implementation of WHATWG Streams is used: this module alone decides. The platform's own is the default; web-streams-polyfill comes in by itself
// where the platform has none, or lacks a part: streams of two implementations do not mix in a pipe.

import * as polyfill from 'web-streams-polyfill';

/** The constructors of an implementation of the Streams Standard. */
export interface StreamsImplementation {
  readonly ReadableStream: typeof ReadableStream;
  readonly WritableStream: typeof WritableStream;
  readonly TransformStream: typeof TransformStream;
}

let implementation: StreamsImplementation | undefined;

/** The implementation that streams of this library are made with. Decided when the first stream is made, and kept: what a page installs later would not mix. */
export function streams(): StreamsImplementation {
  implementation ??= chooseFor(globalThis);
  return implementation;
}

/** Chooses the implementation for all streams made from now on. */
export function useStreams(chosen: StreamsImplementation): void {
  implementation = chosen;
}

/** What a runtime with these globals uses: its own streams if it has all three classes, otherwise those of web-streams-polyfill. */
export function chooseFor(platform: Partial<StreamsImplementation>): StreamsImplementation {
  const { ReadableStream, WritableStream, TransformStream } = platform;
  const own = { ReadableStream, WritableStream, TransformStream };
  const isWhole = Object.values(own).every((one) => typeof one === 'function');
  return (isWhole ? own : polyfill) as StreamsImplementation;
}
