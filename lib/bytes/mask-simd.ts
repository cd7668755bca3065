// Masking by WebAssembly, sixteen octets an instruction: in a memory of its own. Bytes are copied into it and out again, unless they were read into it
// (`readBuffer`). Copy and all, 16 KiB take 0.76 us where a loop over 32-bit words takes 1.8 to 2.1 (Node 20 and 24); below half a KiB the call costs more than
// it saves.

import { MASK_MODULE } from './mask-module.ts';
import { instantiate } from './web-assembly.ts';
import { HALF_PAGE } from './work-buffer.ts';

/** Bytes are masked in blocks of this size. A multiple of the key's length. */
const BLOCK = 64 * 1024;

// Where the block is, and the buffer behind it.
const BLOCK_AT = HALF_PAGE;
const BUFFER_AT = BLOCK_AT + BLOCK;

interface Simd {
  readonly block: Uint8Array;
  /** What is read into. */
  readonly buffer: Uint8Array;
  /** Masks the memory between two places. The word of the key is as a little-endian machine reads it. */
  readonly mask: (start: number, end: number, word: number) => void;
}

let simd: Simd | undefined;
let isTried = false;

/** Masks `bytes[start, end)` into `target[at, …)`, which may be the same place; false where WebAssembly cannot be had, and nothing was done. */
export function maskBySimd(
  bytes: Uint8Array,
  start: number,
  end: number,
  word: number,
  target: Uint8Array,
  at: number,
): boolean {
  const { block, mask } = load() ?? {};
  if (block === undefined || mask === undefined) return false;
  if (bytes === target && start === at && isInMaskMemory(bytes)) {
    mask(bytes.byteOffset + start, bytes.byteOffset + end, word);
    return true;
  }
  for (let from = start, to = at; from < end; from += BLOCK, to += BLOCK) {
    const length = Math.min(BLOCK, end - from);
    block.set(bytes.subarray(from, from + length));
    mask(BLOCK_AT, BLOCK_AT + length, word);
    target.set(length === BLOCK ? block : block.subarray(0, length), to);
  }
  return true;
}

/** Whether they are masked where they are: as they are in {@link readBuffer}. */
export function isInMaskMemory(bytes: Uint8Array): boolean {
  return bytes.buffer === load()?.block.buffer;
}

/** The buffer that a thread reads into: where WebAssembly can be had it is of its memory, so that bytes are masked where they are. The same at each call. */
export function readBuffer(): Uint8Array {
  reading ??= load()?.buffer ?? new Uint8Array(BLOCK);
  return reading;
}

let reading: Uint8Array | undefined;

function load(): Simd | undefined {
  if (!isTried) simd = compile();
  isTried = true;
  return simd;
}

function compile(): Simd | undefined {
  const { memory, mask } = instantiate(MASK_MODULE) ?? {};
  if (memory === undefined) return undefined;
  const { buffer } = memory as { buffer: ArrayBuffer };
  return {
    block: new Uint8Array(buffer, BLOCK_AT, BLOCK),
    buffer: new Uint8Array(buffer, BUFFER_AT, BLOCK),
    mask: mask as Simd['mask'],
  };
}
