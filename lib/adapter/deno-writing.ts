// How pieces are put together for a connection of Deno's, which takes one buffer a write. A write is dear there: to copy 16 KiB costs less.

import { giveSpare, SPARE_SIZE, takeSpare } from './spare-buffers.ts';

// From this size on a piece goes out as it is; smaller ones are gathered, up to so much.
const LARGE = SPARE_SIZE;

/** Gathered bytes that are fewer have an array of their own, which is cheaper than to keep the large ones near. */
const SMALL = 2 * 1024;

/** The bytes of the pieces in order, in few buffers. Each is good until the next one is asked for. A piece that is alone is not copied. */
export function* gatherWrites(pieces: readonly Uint8Array[]): Generator<Uint8Array, void, undefined> {
  let first = 0;
  let size = 0;
  for (const [index, piece] of pieces.entries()) {
    const { byteLength } = piece;
    if (byteLength >= LARGE || size + byteLength > SPARE_SIZE) {
      yield* joined(pieces, first, index, size);
      first = index;
      size = 0;
    }
    if (byteLength < LARGE) {
      size += byteLength;
      continue;
    }
    yield piece;
    first = index + 1;
  }
  yield* joined(pieces, first, pieces.length, size);
}

function* joined(
  pieces: readonly Uint8Array[],
  first: number,
  end: number,
  size: number,
): Generator<Uint8Array, void, undefined> {
  if (size === 0) return;
  if (end - first === 1) return yield pieces[first] as Uint8Array;
  const spare = size < SMALL ? undefined : takeSpare();
  const bytes = spare ?? new Uint8Array(size);
  let at = 0;
  for (let index = first; index < end; index++) {
    const piece = pieces[index] as Uint8Array;
    bytes.set(piece, at);
    at += piece.byteLength;
  }
  try {
    yield spare === undefined ? bytes : spare.subarray(0, size);
  } finally {
    if (spare !== undefined) giveSpare(spare);
  }
}
