// Peers in a process of its own that offer a server more than it can take.

import { type ChildProcess, fork } from 'node:child_process';
import process from 'node:process';
import { programOf } from './program.ts';
import { standstill, until } from './until.ts';

/** What the peer does. */
export interface Offer {
  readonly id: number;
  readonly port: number;
  /** The payload of each message, in bytes; at least 4. */
  readonly size: number;
  /** How many messages it offers; behind them it closes with 1000. */
  readonly count: number;
  readonly reading: 'never' | 'slowly' | 'freely';
  /** Whether the messages come back; they are checked then, byte by byte. */
  readonly isEchoed: boolean;
}

/** How far the peer is. */
export interface Progress {
  readonly id: number;
  /** Bytes that the system has taken from it. */
  readonly taken: number;
  /** Bytes that have come back and were as expected. */
  readonly checked: number;
  /** Whether all messages have come back. */
  readonly isComplete: boolean;
  /** The code of the close frame that came. */
  readonly closeCode: number | undefined;
  readonly hasEnded: boolean;
  /** What went wrong. */
  readonly problem: string | undefined;
}

const program = await programOf('spec/support/offering-peer.ts');
const offerings = new Map<number, Offering>();
let child: ChildProcess | undefined;
let lastId = 0;

// One process for all of them: it starts once, and does not keep this one alive.
function startProcess(): ChildProcess {
  const started = fork(program, { execArgv: [], env: { ...process.env, NODE_OPTIONS: '' } });
  started.on('message', (progress: Progress) => offerings.get(progress.id)?.update(progress));
  process.on('exit', () => started.kill('SIGKILL'));
  started.unref();
  started.channel?.unref();
  return started;
}

/** One connection of such a peer. */
export class Offering implements Disposable {
  readonly #id = ++lastId;
  #progress: Progress | undefined;

  constructor(offer: Omit<Offer, 'id'>) {
    offerings.set(this.#id, this);
    child ??= startProcess();
    child.send({ id: this.#id, ...offer });
  }

  get progress(): Progress | undefined {
    return this.#progress;
  }

  /** Called with what the peer tells. */
  update(progress: Progress): void {
    this.#progress = progress;
  }

  /** Fulfils when the peer is held up: nothing more is taken from it, and `read` stands still too. Gives the bytes that were taken. */
  async heldUp(read: () => number): Promise<number> {
    await until(() => this.#taken > 0, 'the peer has begun');
    await standstill(() => this.#taken + read(), 'the peer', 60);
    if (this.#progress?.problem !== undefined) throw new Error(this.#progress.problem);
    return this.#taken;
  }

  /** Fulfils when the connection has ended. Rejects when something was not as expected. */
  async ended(bound?: number): Promise<Progress> {
    await until(() => this.#progress?.hasEnded === true || child?.exitCode !== null, 'the peer has ended', bound);
    if (this.#progress?.hasEnded !== true) throw new Error('The process of the peers has ended');
    if (this.#progress.problem !== undefined) throw new Error(this.#progress.problem);
    return this.#progress;
  }

  [Symbol.dispose](): void {
    offerings.delete(this.#id);
    child?.send({ withdraw: this.#id });
  }

  get #taken(): number {
    return this.#progress?.taken ?? 0;
  }
}
