// What the server tells the page of its connection: the frames that its taps see, the state of its queues, how it ended. Gathered here, and taken in
// batches as fast as the page reads them: what comes faster is counted, not kept, so the telemetry is bounded however fast the frames come.

import { isControlOpcode } from '../frame/opcode.ts';
import type { CloseInfo, Counters, Job, JobState } from '../node.ts';
import { describeFrame } from './preview.ts';
import { type Direction, opcodeNames } from './print.ts';
import { Sieve, type Skipped } from './sieve.ts';
import type { TappedFrame } from './wire-tap.ts';

/** One line of the page's table of frames. */
export interface FrameRow {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly direction: Direction;
  readonly opcode: number;
  readonly name: string;
  readonly fin: boolean;
  readonly isMasked: boolean;
  readonly length: number;
  readonly preview: string;
}

/** The queues of the server, and what went by its taps: bytes of payload, without those of control frames. */
export interface Gauges {
  readonly unread: number;
  readonly queued: number;
  readonly payloadReceived: number;
  readonly payloadSent: number;
  readonly messagesReceived: number;
  readonly messagesSent: number;
}

/** How the server saw the end of the connection. */
export interface End {
  readonly state: JobState;
  readonly wasClean: boolean;
  readonly closeCode: number;
  readonly initiator: 'local' | 'remote';
}

export interface Batch {
  readonly frames?: readonly (FrameRow | Skipped)[];
  readonly gauges?: Gauges;
  readonly end?: End;
}

/** How many data frames are told in one moment, and how long that is, in milliseconds. */
const MOST = 8;
const MOMENT = 60;
/** What waits to be taken is never more: a page that does not read is told the rest as a number. */
const MOST_ITEMS = 200;
const PREVIEW_COLUMNS = 60;

export class Telemetry {
  readonly #now: () => number;
  #sieve: Sieve;
  #items: (FrameRow | Skipped)[] = [];
  #job: Job | undefined;
  #end: End | undefined;
  #told = '';
  #payloadReceived = 0;
  #payloadSent = 0;

  /** @param now Milliseconds since 1970. */
  constructor(now: () => number = () => performance.timeOrigin + performance.now()) {
    this.#now = now;
    this.#sieve = this.#createSieve();
  }

  /** A connection begins: what was told of the one before it is over. */
  begin(job: Job): void {
    this.#job = job;
    this.#end = undefined;
    this.#items = [];
    this.#payloadReceived = 0;
    this.#payloadSent = 0;
    this.#sieve = this.#createSieve();
  }

  frame(direction: Direction, frame: TappedFrame): void {
    const isControl = isControlOpcode(frame.opcode);
    if (!isControl) this.#count(direction, frame.payloadLength);
    if (this.#sieve.take(isControl, frame.payloadLength)) this.#tell(this.#toRow(direction, frame));
    else this.#tell(this.#sieve.drain() as Skipped);
  }

  end(state: JobState, { wasClean, closeCode, initiator }: CloseInfo): void {
    this.#end = { state, wasClean, closeCode, initiator };
  }

  /** What is new since the last batch; undefined when nothing is. */
  take(): Batch | undefined {
    const frames = this.#items;
    const gauges = this.#takeGauges();
    const end = this.#end;
    this.#items = [];
    this.#end = undefined;
    if (frames.length === 0 && gauges === undefined && end === undefined) return undefined;
    return {
      ...(frames.length === 0 ? undefined : { frames }),
      ...(gauges === undefined ? undefined : { gauges }),
      ...(end === undefined ? undefined : { end }),
    };
  }

  // Frames that are not told stand as a number where they would have stood; numbers side by side are one.
  #tell(item: FrameRow | Skipped): void {
    const isFull = this.#items.length >= MOST_ITEMS;
    const skipped = 'frames' in item ? item : isFull ? { frames: 1, bytes: item.length } : undefined;
    if (skipped === undefined) {
      this.#items.push(item);
      return;
    }
    const last = this.#items.at(-1);
    if (last === undefined || !('frames' in last)) {
      this.#items.push(skipped);
      return;
    }
    const frames = last.frames + skipped.frames;
    this.#items[this.#items.length - 1] = { frames, bytes: last.bytes + skipped.bytes };
  }

  #toRow(direction: Direction, frame: TappedFrame): FrameRow {
    const { opcode, fin, isMasked, payloadLength } = frame;
    const preview = describeFrame(frame, PREVIEW_COLUMNS);
    const at = Math.round(this.#now());
    return { at, direction, opcode, name: opcodeNames[opcode], fin, isMasked, length: payloadLength, preview };
  }

  #takeGauges(): Gauges | undefined {
    if (this.#job === undefined) return undefined;
    const gauges = this.#readGauges(this.#job.session.counters);
    const text = JSON.stringify(gauges);
    if (text === this.#told) return undefined;
    this.#told = text;
    return gauges;
  }

  #readGauges({ unread, queued, messagesReceived, messagesSent }: Counters): Gauges {
    const payloadReceived = this.#payloadReceived;
    const payloadSent = this.#payloadSent;
    return { unread, queued, payloadReceived, payloadSent, messagesReceived, messagesSent };
  }

  #count(direction: Direction, payloadLength: number): void {
    if (direction === 'to-server') this.#payloadReceived += payloadLength;
    else this.#payloadSent += payloadLength;
  }

  #createSieve(): Sieve {
    return new Sieve({ most: MOST, moment: MOMENT, now: this.#now });
  }
}
