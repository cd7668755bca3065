// Standard input as messages, as fast as whoever takes them.

import type { Readable } from 'node:stream';
import { InputError, LineSplitter } from './line-splitter.ts';

/** Messages to be sent. */
export interface Input extends AsyncIterable<string | Uint8Array> {
  /** Lets go of where they come from. What is iterated may fail then. */
  stop(): void;
}

export interface InputOptions {
  /** Whether each chunk is a message, as it comes. */
  readonly isBinary: boolean;
  /** The longest line, in bytes. */
  readonly maxLength: number;
}

/** Reads a stream of bytes. Iterating throws an InputError when it cannot be read, or is not what it should be. */
export function readInput(stream: Readable, { isBinary, maxLength }: InputOptions): Input {
  const chunks = readChunks(stream);
  return {
    [Symbol.asyncIterator]: () => (isBinary ? chunks : readLines(chunks, new LineSplitter(maxLength))),
    stop: () => stream.destroy(),
  };
}

async function* readChunks(stream: Readable): AsyncGenerator<Uint8Array, void> {
  try {
    for await (const chunk of stream) yield chunk as Uint8Array;
  } catch (error) {
    throw new InputError(`cannot read standard input: ${(error as Error).message}`);
  }
}

async function* readLines(chunks: AsyncIterable<Uint8Array>, splitter: LineSplitter): AsyncGenerator<string, void> {
  for await (const chunk of chunks) yield* splitter.push(chunk);
  const last = splitter.end();
  if (last !== undefined) yield last;
}
