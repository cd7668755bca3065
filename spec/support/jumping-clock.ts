// A clock that can jump, as that of a machine that was suspended: the timers that were due fire afterwards, all of them late.

import { TestClock } from './clock.ts';

export class JumpingClock extends TestClock {
  #jumpedTo = 0;

  override now(): number {
    return Math.max(super.now(), this.#jumpedTo);
  }

  override setTimeout(callback: () => void, milliseconds: number): unknown {
    return super.setTimeout(callback, milliseconds + this.now() - super.now());
  }

  /** So much time has passed at once. Fulfils when what was due has happened. */
  async jump(milliseconds: number): Promise<void> {
    this.#jumpedTo = super.now() + milliseconds;
    await this.turn(milliseconds);
  }
}
