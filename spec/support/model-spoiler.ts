// A fault that can be judged strictly: the header of the next frame that is written is made wrong, so that its receiver must fail the connection there, and
// nothing behind it may be taken for a message.

import type { Link } from '../../lib/testing/link.ts';
import type { Side } from './model-side.ts';

/** Follows the frames of a stream of bytes: where does the next header begin? */
class HeaderFinder {
  /** Bytes of the frame at hand that are still to come, its header included. */
  #left = 0;
  #header: number[] = [];

  /** Where in these bytes a header begins; -1 when none does. */
  find(bytes: Uint8Array): number {
    let found = -1;
    for (let at = 0; at < bytes.byteLength; ) {
      if (this.#left > 0) {
        const skipped = Math.min(this.#left, bytes.byteLength - at);
        this.#left -= skipped;
        at += skipped;
      } else {
        if (this.#header.length === 0 && found < 0) found = at;
        this.#header.push(bytes[at++] as number);
        this.#parse();
      }
    }
    return found;
  }

  #parse(): void {
    const [, second = 0, ...extended] = this.#header;
    if (this.#header.length < 2) return;
    const short = second & 0x7f;
    const size = short === 127 ? 8 : short === 126 ? 2 : 0;
    if (extended.length < size) return;
    const length = size === 0 ? short : extended.reduce((sum, byte) => sum * 256 + byte, 0);
    this.#left = length + (second & 0x80 ? 4 : 0);
    this.#header = [];
  }
}

/** What will be done to the first byte of the next header. */
interface Spoiling {
  spoil: ((byte: number) => number) | undefined;
}

const spoilings = new WeakMap<Link, Spoiling>();

/** Makes it known where the frames of a link begin; before anything is written. */
export function watchHeaders(link: Link, reader: Side): void {
  const finder = new HeaderFinder();
  const state: Spoiling = { spoil: undefined };
  spoilings.set(link, state);
  link.set({
    alter: (bytes) => {
      const at = finder.find(bytes);
      if (at < 0 || state.spoil === undefined) return undefined;
      const changed = bytes.slice();
      changed[at] = state.spoil(changed[at] as number);
      state.spoil = undefined;
      reader.isSpoiled = true;
      return changed;
    },
  });
}

const spoils: readonly ((byte: number) => number)[] = [
  (byte) => byte | 0x40, // RSV1, which nobody has negotiated
  (byte) => byte | 0x07, // a reserved opcode: 7 or 15
  (byte) => (byte & 0xf0) | 0x0b, // a reserved control opcode
];

/** Spoils the header of the next frame. */
export function spoilNextHeader(link: Link, kind: number): void {
  const state = spoilings.get(link);
  if (state !== undefined) state.spoil = spoils[kind];
}
