// Both ends of a line in a test's hands: what is written at one, and what arrives at the other, in either direction.

import type { ByteStreams } from '../../lib/stream/transport.ts';
import { Line, type LineOptions } from '../../lib/testing/line.ts';
import type { Link, LinkOptions } from '../../lib/testing/link.ts';
import type { TestClock } from '../../lib/testing/test-clock.ts';
import { join } from './hex.ts';

export type Direction = 'toServer' | 'toClient';

export const directions: readonly Direction[] = ['toServer', 'toClient'];

/** Reads one end of a line as long as it may. */
export class FarEnd {
  readonly chunks: Uint8Array[] = [];
  /** How the reading has ended, or the writing. */
  state: 'open' | 'ended' | 'failed' = 'open';
  error: unknown;
  readonly writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #isReading = false;
  #mayRead = false;

  constructor({ readable, writable }: ByteStreams) {
    this.writer = writable.getWriter();
    this.writer.closed.catch(() => {});
    this.#reader = readable.getReader();
    this.#reader.closed.catch(() => {});
  }

  read(): void {
    this.#mayRead = true;
    void this.#loop();
  }

  stop(): void {
    this.#mayRead = false;
  }

  get sizes(): number[] {
    return this.chunks.map((chunk) => chunk.byteLength);
  }

  get bytes(): number[] {
    return [...join(...this.chunks)];
  }

  get length(): number {
    return this.chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);
  }

  /** Writes without waiting; gives what tells how far it has come. */
  write(bytes: Uint8Array): { state: 'waiting' | 'taken' | 'failed' } {
    const write: { state: 'waiting' | 'taken' | 'failed' } = { state: 'waiting' };
    this.writer.write(bytes).then(
      () => {
        write.state = 'taken';
      },
      () => {
        write.state = 'failed';
      },
    );
    return write;
  }

  /** Resets, as a socket that is destroyed: what it has not read is refused. */
  destroy(): void {
    this.writer.abort(new Error('enough')).catch(() => {});
  }

  async #loop(): Promise<void> {
    if (this.#isReading || this.state !== 'open') return;
    this.#isReading = true;
    try {
      while (this.#mayRead) {
        const { done, value } = await this.#reader.read();
        if (done) {
          this.state = 'ended';
          return;
        }
        this.chunks.push(value);
      }
    } catch (error) {
      this.state = 'failed';
      this.error = error;
    } finally {
      this.#isReading = false;
    }
  }
}

export interface Ends {
  readonly line: Line;
  readonly clock: TestClock;
  /** The link of the direction under test. */
  readonly link: Link;
  /** Who writes in that direction. */
  readonly near: FarEnd;
  /** Who reads in that direction; it reads from the start. */
  readonly far: FarEnd;
}

/** A line whose link of one direction has these options. */
export function openEnds(direction: Direction, options: LinkOptions = {}, more: LineOptions = {}): Ends {
  const line = new Line({ ...more, [direction]: options });
  const [near, far] = direction === 'toServer' ? [line.client, line.server] : [line.server, line.client];
  const ends = { line, clock: line.clock, link: line[direction], near: new FarEnd(near), far: new FarEnd(far) };
  ends.far.read();
  return ends;
}

/** So many bytes that tell their place: 0, 1, 2 … */
export function count(length: number, from = 0): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => from + index);
}
