// Connections in memory: two jobs that talk to each other through the real codec, or one job and a peer that is played by hand, byte by byte.

import type { EngineContext, UserContext } from '../../lib/connection/context.ts';
import { FrameDecoder } from '../../lib/frame/frame-decoder.ts';
import type { Opcode } from '../../lib/frame/opcode.ts';
import type { Job } from '../../lib/job/job.ts';
import { type UpgradeOptions, upgrade } from '../../lib/job/upgrade.ts';
import { streams } from '../../lib/stream/streams.ts';
import type { LineOptions } from '../../lib/testing/line.ts';
import { createPair as createTestPair, type Pair, type PairSide } from '../../lib/testing/pair.ts';
import { TestClock, turns } from './clock.ts';
import { hex, join } from './hex.ts';

export interface JobSettings extends UpgradeOptions {
  readonly engineContext?: EngineContext;
  readonly userContext?: UserContext;
}

/** Two jobs joined as streams join them; one clock for both. */
export function createPair(server: PairSide = {}, client: PairSide = {}, line: LineOptions = {}): Pair {
  return createTestPair({ over: 'streams', ...line, server, client });
}

export interface WireFrame {
  readonly opcode: Opcode;
  readonly fin: boolean;
  readonly payload: Uint8Array;
}

/** A job whose peer is the test: it says what comes in, and looks at what goes out. */
export class ByHand {
  readonly job: Job;
  readonly clock: TestClock = new TestClock();
  /** Every chunk that the job has written. */
  readonly chunks: Uint8Array[] = [];
  /** What became of the output: the job ended it, or cut it. */
  output: 'open' | 'closed' | 'aborted' = 'open';
  /** Whether the job has cancelled its input. */
  isInputCancelled = false;

  readonly #role: 'server' | 'client';
  #input!: ReadableStreamDefaultController<Uint8Array>;
  #blocked: Promise<void> | undefined;
  #unblock: (() => void) | undefined;
  #pulls = 0;

  constructor(settings: JobSettings = {}) {
    this.#role = settings.role ?? 'server';
    const { ReadableStream, WritableStream } = streams();
    const input = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#input = controller;
        },
        pull: () => {
          this.#pulls++;
        },
        cancel: () => {
          this.isInputCancelled = true;
        },
      },
      { highWaterMark: 0 },
    );
    const output = new WritableStream<Uint8Array>({
      write: async (chunk) => {
        await this.#blocked;
        this.chunks.push(chunk);
      },
      close: () => {
        this.output = 'closed';
      },
      abort: () => {
        this.output = 'aborted';
      },
    });
    const context = { clock: this.clock, ...settings.engineContext };
    this.job = upgrade(input, output, context, settings.userContext, settings);
  }

  /** How often the job has asked for more input. */
  get pulls(): number {
    return this.#pulls;
  }

  /** Gives bytes to the job, one chunk for each call, and lets it work. */
  async send(bytes: Uint8Array | string): Promise<void> {
    this.#input.enqueue(typeof bytes === 'string' ? hex(bytes) : bytes);
    await turns();
  }

  /** Ends the job's input. */
  async end(): Promise<void> {
    this.#input.close();
    await turns();
  }

  /** Breaks the job's input. */
  async fail(error: unknown): Promise<void> {
    this.#input.error(error);
    await turns();
  }

  /** Takes no output until {@link unblock}. */
  block(): void {
    this.#blocked = new Promise((resolve) => {
      this.#unblock = resolve;
    });
  }

  async unblock(): Promise<void> {
    this.#blocked = undefined;
    this.#unblock?.();
    await turns();
  }

  /** Everything the job has written so far, as frames. */
  get frames(): WireFrame[] {
    const decoder = new FrameDecoder({ role: this.#role === 'server' ? 'client' : 'server', rsvBits: 0x70 });
    decoder.push(join(...this.chunks));
    const frames: WireFrame[] = [];
    for (let piece = decoder.next(); piece !== undefined; piece = decoder.next()) {
      const { opcode, fin, bytes, start, end } = piece;
      frames.push({ opcode, fin, payload: bytes.slice(start, end) });
    }
    if (decoder.fault !== undefined) throw decoder.fault;
    return frames;
  }

  /** The frames as short text: `text "abc"`, `close 1000 "bye"`, `pong 616263`. */
  get wire(): string[] {
    return this.frames.map(describeFrame);
  }
}

const names: Record<number, string> = { 0: 'continuation', 1: 'text', 2: 'binary', 8: 'close', 9: 'ping', 10: 'pong' };

function describeFrame({ opcode, fin, payload }: WireFrame): string {
  const name = `${names[opcode]}${fin ? '' : '…'}`;
  const decoder = new TextDecoder();
  if (opcode === 8) {
    if (payload.byteLength === 0) return name;
    const code = ((payload[0] as number) << 8) | (payload[1] as number);
    return `${name} ${code} "${decoder.decode(payload.subarray(2))}"`;
  }
  if (opcode === 1 || opcode === 0) return `${name} "${decoder.decode(payload)}"`;
  return `${name} ${Buffer.from(payload).toString('hex')}`;
}

/** The wire bytes of a frame from a client, masked with a fixed key. */
export function masked(firstByte: number, payload: Uint8Array | string = ''): Uint8Array {
  const bytes = typeof payload === 'string' ? new TextEncoder().encode(payload) : payload;
  const key = [0x12, 0x34, 0x56, 0x78];
  return join(
    header(firstByte, bytes.byteLength, 0x80),
    Uint8Array.from(key),
    bytes.map((byte, index) => byte ^ (key[index & 3] as number)),
  );
}

/** The wire bytes of a frame from a server. */
export function unmasked(firstByte: number, payload: Uint8Array | string = ''): Uint8Array {
  const bytes = typeof payload === 'string' ? new TextEncoder().encode(payload) : payload;
  return join(header(firstByte, bytes.byteLength, 0), bytes);
}

/** The payload of a close frame. */
export function closePayload(code: number, reason = ''): Uint8Array {
  return join(Uint8Array.of(code >> 8, code & 0xff), new TextEncoder().encode(reason));
}

function header(firstByte: number, length: number, maskBit: number): Uint8Array {
  if (length < 126) return Uint8Array.of(firstByte, maskBit | length);
  if (length < 65536) return Uint8Array.of(firstByte, maskBit | 126, length >> 8, length & 0xff);
  const bytes = new Uint8Array(10);
  bytes[0] = firstByte;
  bytes[1] = maskBit | 127;
  new DataView(bytes.buffer).setBigUint64(2, BigInt(length));
  return bytes;
}

/** Counts what must never happen: install it first, and assert at the end of the file that nothing was seen. */
export function watchEscapes(): { readonly seen: unknown[] } {
  const seen: unknown[] = [];
  if (watches.length === 0) {
    // Once for all files that run in this process: many listeners would be a warning themselves.
    for (const event of ['unhandledRejection', 'uncaughtException', 'warning']) process.on(event, tellWatches);
  }
  watches.push(seen);
  return { seen };
}

const watches: unknown[][] = [];

function tellWatches(escaped: unknown): void {
  for (const seen of watches) seen.push(escaped);
}
