// A connection in memory, with what can go wrong with one: two ends, and a link in each direction.

import { resolveEngine } from '../connection/context.ts';
import { toByteStreams } from '../stream/byte-streams.ts';
import { type ByteStreams, registerByteStreams } from '../stream/transport.ts';
import { createResetError, LineEnd } from './line-end.ts';
import type { Link, LinkOptions } from './link.ts';
import { TestClock } from './test-clock.ts';
import { Wire } from './wire.ts';

/** Options of a {@link Line}. */
export interface LineOptions {
  /** The clock that latency and rates go by. Default: one of the line's own. */
  readonly clock?: TestClock;
  /** How both links carry bytes. */
  readonly link?: LinkOptions;
  /** What is different in the link from the client to the server. */
  readonly toServer?: LinkOptions;
  /** What is different in the link from the server to the client. */
  readonly toClient?: LinkOptions;
  /**
   * How the engine gets at the bytes when it is handed the streams of an end: 'transport', directly, as with a socket of an adapter, or 'streams', by
   * reading and writing them, as with streams of somebody else's. Default: 'transport'.
   */
  readonly over?: 'transport' | 'streams';
}

/**
 * A connection in memory. Hand the byte streams of its ends to `upgrade`, or to `WebSocketUpgrade`; or keep one and play that peer by hand. `createPair`
 * does it for both.
 *
 * @example
 * const line = new Line({ toClient: { chunkSize: 1 } });
 * const { readable, writable } = line.server;
 * const job = upgrade(readable, writable, { clock: line.clock }, undefined, { handler });
 * const writer = line.client.writable.getWriter();
 * await writer.write(Uint8Array.of(0x89, 0x80, 0, 0, 0, 0)); // a ping
 * const frames = line.client.readable.pipeThrough(new FrameDecoderStream({ role: 'client' }));
 */
export class Line {
  /** The clock that latency and rates go by. */
  readonly clock: TestClock;
  /** From the client to the server. */
  readonly toServer: Link;
  /** From the server to the client. */
  readonly toClient: Link;

  readonly #over: 'transport' | 'streams';
  readonly #wires: readonly Wire[];
  readonly #serverEnd: LineEnd;
  readonly #clientEnd: LineEnd;
  #server: ByteStreams | undefined;
  #client: ByteStreams | undefined;

  /** @throws RangeError, TypeError when an option is wrong. */
  constructor(options: LineOptions = {}) {
    const { clock = new TestClock(), link, over = 'transport' } = options;
    if (over !== 'transport' && over !== 'streams') throw new TypeError(`Cannot join over "${String(over)}"`);
    const { scheduler } = resolveEngine();
    const up = new Wire(clock, scheduler, { ...link, ...options.toServer });
    const down = new Wire(clock, scheduler, { ...link, ...options.toClient });
    this.clock = clock;
    this.#over = over;
    this.toServer = up;
    this.toClient = down;
    this.#wires = [up, down];
    const unwatch = clock.watch(() => up.moves + down.moves);
    const closed = (): void => {
      if (!this.isClosed) return;
      for (const wire of this.#wires) wire.close();
      unwatch();
    };
    const broken = (error: unknown): void => this.reset(error);
    this.#serverEnd = new LineEnd(up, down, closed, broken);
    this.#clientEnd = new LineEnd(down, up, closed, broken);
    up.join(this.#clientEnd, this.#serverEnd);
    down.join(this.#serverEnd, this.#clientEnd);
  }

  /** The server's end: it reads what the client writes. */
  get server(): ByteStreams {
    this.#server ??= this.#toStreams(this.#serverEnd);
    return this.#server;
  }

  /** The client's end. */
  get client(): ByteStreams {
    this.#client ??= this.#toStreams(this.#clientEnd);
    return this.#client;
  }

  /** Whether both ends have closed: nothing is on its way, and no timer of the line is on the clock. */
  get isClosed(): boolean {
    return this.#serverEnd.isClosed && this.#clientEnd.isClosed;
  }

  /** Both links: {@link Link.set}. */
  set(options: LinkOptions): void {
    for (const wire of this.#wires) wire.set(options);
  }

  /** Both links: {@link Link.stall}. */
  stall(): void {
    for (const wire of this.#wires) wire.stall();
  }

  /** Both links: {@link Link.silence}. */
  silence(): void {
    for (const wire of this.#wires) wire.silence();
  }

  /** Both links: {@link Link.restore}. */
  restore(): void {
    for (const wire of this.#wires) wire.restore();
  }

  /**
   * Resets the connection: both ends fail with the error, and what is on its way is lost. Default: an error with the code 'ECONNRESET'. A callback of the test
   * that throws does the same.
   */
  reset(error: unknown = createResetError()): void {
    this.#serverEnd.resetReceived(error);
    this.#clientEnd.resetReceived(error);
  }

  #toStreams(end: LineEnd): ByteStreams {
    const pair = toByteStreams(end);
    if (this.#over === 'streams') registerByteStreams(pair, () => undefined);
    return pair;
  }
}
