// Memory for bytes that are about to be written over, all of them.
//
// What is long is not filled with zeros first, where the platform can give it so: a copy of 1 MiB takes 180 to 190 us then, 195 to 260 otherwise; one of 64 KiB is no cheaper (Node 24).
//
// What is shorter, and comes often, is given ballast, in V8. The bytes of an array are outside of V8's heap, and hardly anything of it is on it; V8 collects its young generation when that is
// full, and all of the heap when too much has come to be outside. So most collections would be of the whole heap: an echo of 16 KiB messages took 38 us of all threads instead of 31, and
// 27 instead of 21 with 16 in flight. The ballast fills the young generation in step. It must be dead by then: the young generation grows by what survives, takes up to 64 MiB, and is not
// full any more when too much is outside. (Held until the next one, it was most of what survived; 16 in flight: 24 us instead of 20, 4 KiB: 9.3 instead of 6.5.)

interface Platform {
  readonly Deno?: unknown;
  readonly Bun?: unknown;
  readonly Buffer?: { readonly allocUnsafeSlow?: (size: number) => Uint8Array };
}

/**
 * Arrays up to this size are cheaper than any longer one: V8 has them on its own heap (44 ns on Node 24, and 270 for one byte more). 0 where there are none such: Deno has built V8 without them,
 * and takes 420 ns for one of 8 bytes.
 */
export const ON_HEAP: number = /* @__PURE__ */ onHeap();

/** From here on it pays to leave the bytes as they are. */
const LARGE = 256 * 1024;
/** From here to {@link LARGE} arrays have ballast: so many bytes for each so many. */
const MEDIUM = 2048;
const BALLAST = 64 * 1024;
const BALLAST_EACH = 128 * 1024;

const NONE: readonly unknown[] = [];
const ballast: { array: readonly unknown[]; due: number } = { array: NONE, due: /* @__PURE__ */ firstDue() };

/** An array whose bytes are anything: all of them must be written before anybody else sees it. */
export function allocate(size: number): Uint8Array {
  if (size >= LARGE) return allocateLarge(size);
  if (size >= MEDIUM) takeBallast(size);
  return new Uint8Array(size);
}

function onHeap(): number {
  return (globalThis as Platform).Deno === undefined ? 64 : 0;
}

// Bun's engine collects by all bytes that are taken, wherever they are.
function firstDue(): number {
  return (globalThis as Platform).Bun === undefined ? BALLAST_EACH : Number.POSITIVE_INFINITY;
}

/** A copy of `bytes[start, end)`. */
export function copyOf(bytes: Uint8Array, start: number, end: number): Uint8Array {
  const size = end - start;
  if (size < LARGE) {
    if (size >= MEDIUM) takeBallast(size);
    return bytes.slice(start, end);
  }
  const copy = allocateLarge(size);
  copy.set(bytes.subarray(start, end));
  return copy;
}

function allocateLarge(size: number): Uint8Array {
  const unfilled = (globalThis as Platform).Buffer?.allocUnsafeSlow?.(size);
  return unfilled === undefined ? new Uint8Array(size) : new Uint8Array(unfilled.buffer, unfilled.byteOffset, size);
}

function takeBallast(size: number): void {
  ballast.due -= size;
  if (ballast.due > 0) return;
  ballast.due = BALLAST_EACH;
  // Kept for a moment, so that no bundler takes it for something without effect.
  ballast.array = new Array(BALLAST / 8);
  ballast.array = NONE;
}
