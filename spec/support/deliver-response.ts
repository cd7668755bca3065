// A response to whatever reads one, cut in every way: whole, byte by byte, and at random places.

import * as assert from 'uvu/assert';
import { Random } from './random.ts';
import { sized } from './sized.ts';

const LONG = 20_000;

/** What reads a response. */
export interface Reader {
  readonly isDone: boolean;
  push(chunk: Uint8Array): void;
  end(): void;
}

/** The bytes of a text in which each character is one. */
export function latin1(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** The text in which each byte is one character. */
export function fromLatin1(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}

function ways(bytes: Uint8Array): [way: string, chunks: Uint8Array[]][] {
  const random = new Random();
  const some = [2, 7, 60, 3000].flatMap((longest) => {
    const times = bytes.byteLength > LONG ? sized(1, 2) : 2;
    return Array.from({ length: times }, () => random.split(bytes, longest));
  });
  return [
    ['whole', [bytes]],
    ['byte by byte', random.split(bytes, 1)],
    ...some.map((chunks): [string, Uint8Array[]] => [
      `as ${chunks
        .slice(0, 100)
        .map((chunk) => chunk.byteLength)
        .join(' ')}`,
      chunks,
    ]),
  ];
}

/**
 * Delivers a response in each way to a reader of its own, and asserts that all make the same of it. A chunk is overwritten when it has been read, unless it ended
 * the response: what is kept of it must be a copy.
 *
 * @param make Makes a reader.
 * @param look What is to be the same: `unread` is what was left when the reader was done.
 * @param hasEnd Whether the transport ends behind it.
 * @returns What the reader made of it when it came whole.
 */
export function deliver<R extends Reader, Result>(
  text: string,
  make: () => R,
  look: (reader: R, unread: string) => Result,
  hasEnd: boolean,
): Result {
  const results = ways(latin1(text)).map(([way, chunks]) => {
    const reader = make();
    let count = 0;
    for (; count < chunks.length && !reader.isDone; count++) feed(reader, chunks[count] as Uint8Array);
    if (hasEnd && !reader.isDone) reader.end();
    return [way, look(reader, chunks.slice(count).map(fromLatin1).join(''))] as const;
  });
  const [, first] = results[0] as readonly [string, Result];
  for (const [way, result] of results) assert.equal(result, first, way);
  return first;
}

function feed(reader: Reader, chunk: Uint8Array): void {
  const own = chunk.slice();
  reader.push(own);
  if (!reader.isDone) own.fill(0x58);
}
