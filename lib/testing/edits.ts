// Faults of single bytes, each at its place in the stream as it was written.

interface Edit {
  /** The first byte that is concerned, counted from the start of the stream. */
  readonly start: number;
  /** Behind the last one. The same as the start: something is put in before that byte. */
  readonly end: number;
  readonly change: (byte: number, index: number) => readonly number[] | Uint8Array;
}

export class Edits {
  #edits: Edit[] = [];

  /** Inverts the bits of the mask in one byte. */
  flip(offset: number, mask: number): void {
    this.#add(offset, 1, (byte) => [byte ^ mask]);
  }

  /** Puts other bytes in the place of as many. */
  replace(offset: number, bytes: Uint8Array): void {
    const copy = bytes.slice();
    this.#add(offset, copy.byteLength, (_, index) => [copy[index] as number]);
  }

  /** Puts bytes in, before the one at the offset. */
  insert(offset: number, bytes: Uint8Array): void {
    const copy = bytes.slice();
    this.#add(offset, 0, () => copy);
  }

  /** Takes bytes out. */
  drop(offset: number, count: number): void {
    this.#add(offset, count, () => []);
  }

  /** What becomes of bytes that stand at the offset. Each part of the stream is asked for once, in order. */
  apply(bytes: Uint8Array, offset: number): Uint8Array {
    const end = offset + bytes.byteLength;
    const concerned = this.#edits.filter((edit) => edit.start < end && edit.end >= offset);
    if (concerned.length === 0) return bytes;
    const changed: number[] = [];
    for (let at = offset; at < end; at++) changed.push(...changeByte(bytes[at - offset] as number, at, concerned));
    this.#edits = this.#edits.filter((edit) => edit.end > end || edit.start >= end);
    return Uint8Array.from(changed);
  }

  #add(start: number, count: number, change: Edit['change']): void {
    if (!Number.isSafeInteger(start) || start < 0) throw new RangeError(`Cannot change byte ${start}: no such offset`);
    if (!Number.isSafeInteger(count) || count < 0) throw new RangeError(`Cannot change ${count} bytes`);
    this.#edits.push({ start, end: start + count, change });
  }
}

function changeByte(byte: number, at: number, edits: readonly Edit[]): number[] {
  const before: number[] = [];
  let kept: number | undefined = byte;
  for (const { start, end, change } of edits) {
    if (start === end && start === at) before.push(...change(byte, 0));
    else if (at >= start && at < end && kept !== undefined) kept = change(kept, at - start)[0];
  }
  return kept === undefined ? before : [...before, kept];
}
