// What the transforms of this library are: a pair that `pipeThrough` takes, made with the chosen implementation of streams.

import { streams } from './streams.ts';

/** Found out, not named: the types of Node have it under no global name, and a user may have no others. */
type Transformer<I, O> = NonNullable<ConstructorParameters<typeof TransformStream<I, O>>[0]>;

/** A readable and a writable end that belong together. Plain classes hold a TransformStream: a subclass of one costs more memory. */
export abstract class TransformPair<I, O> implements ReadableWritablePair<O, I> {
  /** What comes out. */
  readonly readable: ReadableStream<O>;
  /** Where it goes in. */
  readonly writable: WritableStream<I>;

  constructor(transformer: Transformer<I, O>) {
    const { TransformStream } = streams();
    const { readable, writable } = new TransformStream<I, O>(transformer);
    this.readable = readable;
    this.writable = writable;
  }
}
