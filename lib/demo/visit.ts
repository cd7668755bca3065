// One open page: the connection that the person talks over, and beside it a second one, over which the page is told what the server sees of the first
// and gives its commands. The first is the demo; the second is how one looks at it.

import { setTimeout as sleep } from 'node:timers/promises';
import { defaultLimits, type Job, type Session } from '../node.ts';
import { Pace } from './pace.ts';
import type { Guest, Observer } from './tapped-server.ts';
import { Telemetry } from './telemetry.ts';
import { isTransformName, type TransformName, transformText } from './transforms.ts';

/** The page is told what is new about so often, in milliseconds: some 16 times a second. */
const INTERVAL = 60;

/** What the page may ask for. Speeds are in bytes a second; null is as fast as can be. */
type Command =
  | { readonly type: 'transform'; readonly name: TransformName }
  | { readonly type: 'speed'; readonly bytesPerSecond: number | null }
  | { readonly type: 'ping' }
  | { readonly type: 'close'; readonly code: number; readonly reason: string }
  | { readonly type: 'drop' };

interface Talk {
  readonly job: Job;
  readonly drop: () => void;
}

/** What a page sees and steers. */
export class Visit {
  readonly #telemetry = new Telemetry();
  readonly #pace = new Pace();
  #transform: TransformName = 'upper';
  #talk: Talk | undefined;

  /** The connection of the talk: the messages go through the reader's pace and the chosen transform, and back. */
  talker(name: string): Guest {
    const handler = (session: Session): Promise<void> =>
      session.readable
        .pipeThrough(this.#pace.transform(session.signal))
        .pipeThrough(transformText(() => this.#transform))
        .pipeTo(session.writable);
    return { name, handler, observer: this.#observer() };
  }

  /** The connection of the page's eyes and hands. */
  async watch(session: Session): Promise<void> {
    const stopped = new AbortController();
    await this.#greet(session);
    const telling = this.#tell(session, stopped.signal);
    try {
      for await (const message of session) {
        const command = parseCommand(message);
        if (command === undefined) return void (await session.close(1008, 'no such command'));
        await this.#obey(command, session);
      }
    } finally {
      stopped.abort();
      await telling;
    }
  }

  #observer(): Observer {
    let isOver = false;
    let own: Job | undefined;
    // Of a connection that another one has followed, nothing is told any more.
    const isCurrent = (): boolean => !isOver && (own === undefined || this.#talk?.job === own);
    return {
      begin: (job, drop) => {
        own = job;
        this.#talk = { job, drop };
        this.#telemetry.begin(job);
      },
      frame: (direction, frame) => {
        if (isCurrent()) this.#telemetry.frame(direction, frame);
      },
      end: (state, info) => {
        if (isCurrent()) this.#telemetry.end(state, info);
        isOver = true;
      },
    };
  }

  async #greet(session: Session): Promise<void> {
    const { queueSize, lookAhead } = defaultLimits;
    await say(session, { type: 'hello', queueSize, lookAhead });
    await this.#saySettings(session);
  }

  async #saySettings(session: Session): Promise<void> {
    const { bytesPerSecond } = this.#pace;
    const speed = Number.isFinite(bytesPerSecond) ? bytesPerSecond : null;
    await say(session, { type: 'settings', transform: this.#transform, bytesPerSecond: speed });
  }

  // As fast as the page reads, and not faster than it can be seen.
  async #tell(session: Session, stopped: AbortSignal): Promise<void> {
    try {
      for (;;) {
        const batch = this.#telemetry.take();
        if (batch !== undefined) await say(session, { type: 'batch', ...batch });
        await sleep(INTERVAL, undefined, { signal: stopped, ref: false });
      }
    } catch {
      // The page has gone.
    }
  }

  async #obey(command: Command, session: Session): Promise<void> {
    switch (command.type) {
      case 'transform':
        this.#transform = command.name;
        return this.#saySettings(session);
      case 'speed':
        this.#pace.bytesPerSecond = command.bytesPerSecond ?? Number.POSITIVE_INFINITY;
        return this.#saySettings(session);
      case 'ping':
        // Not waited for: the pong comes behind all that the page has sent before.
        this.#talk?.job.session.ping().then(
          (roundTrip) => say(session, { type: 'pong', roundTrip }).catch(() => {}),
          () => {},
        );
        return;
      case 'close':
        void this.#talk?.job.session.close(command.code, command.reason);
        return;
      case 'drop':
        this.#talk?.drop();
        return;
      default:
        command satisfies never;
    }
  }
}

function say(session: Session, message: object): Promise<void> {
  return session.send(JSON.stringify(message));
}

// What comes from a page may be anything: it is taken only when all of it is as it should be.
function parseCommand(message: string | Uint8Array): Command | undefined {
  const value = parseObject(message);
  switch (value?.['type']) {
    case 'transform':
      return isTransformName(value['name']) ? { type: 'transform', name: value['name'] } : undefined;
    case 'speed':
      return isSpeed(value['bytesPerSecond']) ? { type: 'speed', bytesPerSecond: value['bytesPerSecond'] } : undefined;
    case 'close':
      return isCloseCode(value['code']) && isReason(value['reason'])
        ? { type: 'close', code: value['code'], reason: value['reason'] }
        : undefined;
    case 'ping':
    case 'drop':
      return { type: value['type'] };
    default:
      return undefined;
  }
}

function parseObject(message: string | Uint8Array): Record<string, unknown> | undefined {
  try {
    const value: unknown = typeof message === 'string' ? JSON.parse(message) : undefined;
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function isSpeed(value: unknown): value is number | null {
  return value === null || (Number.isSafeInteger(value) && (value as number) >= 0);
}

function isCloseCode(value: unknown): value is number {
  return value === 1000 || (Number.isSafeInteger(value) && (value as number) >= 3000 && (value as number) <= 4999);
}

// RFC 6455 §5.5: a control frame holds at most 125 bytes, two of them the code.
function isReason(value: unknown): value is string {
  return typeof value === 'string' && Buffer.byteLength(value) <= 123;
}
