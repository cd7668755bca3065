// Streams of a codec driven step by step, and each step held to its bounds.

import * as assert from 'uvu/assert';
import type { CodecStream, DeflaterOptions } from '../../lib/extension/deflate-codec.ts';
import { join } from './hex.ts';
import type { Random } from './random.ts';

export const tail: Uint8Array = Uint8Array.of(0, 0, 0xff, 0xff);
export const usual: DeflaterOptions = { level: 6, memoryLevel: 8, windowBits: 15 };

// Around the room of a step lie bytes that must not change.
const MARGIN = 16;
const UNTOUCHED = 0xa5;
let scratch = new Uint8Array(0);

export interface Steps {
  /** How much of the input a step is offered at most: all of it where this is missing. */
  readonly piece?: number;
  /** How much room a step has; a function chooses anew for each. */
  readonly room?: number | (() => number);
}

/** What came of it. */
export interface Outcome {
  readonly bytes: Uint8Array;
  /** How much of the input was read. */
  readonly read: number;
  readonly isData: boolean;
}

/**
 * Hands a stream some input, and calls again until it has read all and has had room to spare, or stops. Asserts of each step that it stays within its
 * bounds; one that neither reads nor writes is the last.
 */
export function step(
  stream: CodecStream,
  input: Uint8Array,
  { piece = input.byteLength, room = 65_536 }: Steps = {},
): Outcome {
  const parts: Uint8Array[] = [];
  let read = 0;
  // A stream that reads a byte or writes one in each step cannot take more: DEFLATE makes 1,032 bytes of one at most.
  for (let steps = 0; steps < 5000 + input.byteLength * 1100; steps++) {
    const space = typeof room === 'number' ? room : room();
    const output = scratchOf(space);
    const end = Math.min(input.byteLength, read + Math.max(1, piece));
    const isData = stream.run(input, read, end, output, MARGIN, MARGIN + space);
    assert.ok(isUntouched(output, space), 'nothing is written outside');
    if (!isData) return { bytes: join(...parts), read, isData };
    assert.ok(stream.read >= 0 && stream.read <= end - read, `${stream.read} bytes are read of ${end - read}`);
    assert.ok(stream.written >= 0 && stream.written <= space, `${stream.written} bytes are written to ${space}`);
    parts.push(output.slice(MARGIN, MARGIN + stream.written));
    read += stream.read;
    const isDone = read === input.byteLength && stream.written < space;
    if (isDone || (stream.read === 0 && stream.written === 0)) return { bytes: join(...parts), read, isData };
  }
  throw new Error('The stream does not come to an end');
}

function scratchOf(space: number): Uint8Array {
  if (scratch.byteLength < space + 2 * MARGIN) scratch = new Uint8Array(space + 2 * MARGIN);
  scratch.fill(UNTOUCHED, 0, MARGIN);
  return scratch.fill(UNTOUCHED, MARGIN + space, 2 * MARGIN + space);
}

function isUntouched(output: Uint8Array, space: number): boolean {
  const around = [output.subarray(0, MARGIN), output.subarray(MARGIN + space, 2 * MARGIN + space)];
  return around.every((margin) => margin.every((byte) => byte === UNTOUCHED));
}

/** As {@link step}; asserts that all was read, and gives the bytes. */
export function through(stream: CodecStream, input: Uint8Array, steps?: Steps): Uint8Array {
  const { bytes, read, isData } = step(stream, input, steps);
  assert.ok(isData, 'it is DEFLATE data');
  assert.is(read, input.byteLength);
  return bytes;
}

/** Asserts that bytes are the same, without writing out megabytes when they are not. */
export function same(actual: Uint8Array, expected: Uint8Array, what: string): void {
  const at = expected.findIndex((byte, index) => byte !== actual[index]);
  assert.is(at, -1, `${what}: byte ${at} of ${expected.byteLength} differs`);
  assert.is(actual.byteLength, expected.byteLength, `${what}: ${actual.byteLength} bytes`);
}

/** Kinds of data: what shrinks a lot, somewhat, and not at all. */
export const kinds: Record<string, (length: number, random: Random) => Uint8Array> = {
  zeros: (length) => new Uint8Array(length),
  words: (length, random) => {
    const words = Array.from({ length: 40 }, () => random.bytes(1 + random.below(12)));
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; ) {
      const word = random.pick(words).subarray(0, length - at);
      bytes.set(word, at);
      at += word.byteLength;
    }
    return bytes;
  },
  noise: (length, random) => random.bytes(length),
};
