// Prints what the taps of one connection see. Frames that come faster than anybody can read are counted instead.

import type { Fault } from '../error.ts';
import { isControlOpcode } from '../frame/opcode.ts';
import type { CloseInfo, JobState } from '../node.ts';
import type { Direction, Printer } from './print.ts';
import { Sieve, type SieveOptions } from './sieve.ts';
import type { TappedFrame, TappedMessage } from './wire-tap.ts';

/** How many data frames a connection may print in a moment; the number of those that were skipped follows when it is over. */
const limits: SieveOptions = { most: 20, moment: 1000 };

export class TapPrinter {
  readonly #name: string;
  readonly #printer: Printer;
  readonly #sieve = new Sieve(limits);
  #timer: NodeJS.Timeout | undefined;
  // A message is told only where all its frames are.
  #isSkipping = false;

  constructor(name: string, printer: Printer) {
    this.#name = name;
    this.#printer = printer;
  }

  frame(direction: Direction, frame: TappedFrame): void {
    if (!this.#sieve.take(isControlOpcode(frame.opcode), frame.payloadLength)) {
      this.#isSkipping = true;
      this.#timer ??= setTimeout(() => this.#tellSkipped(), limits.moment).unref();
      return;
    }
    this.#tellSkipped();
    this.#printer.frame(this.#name, direction, frame);
  }

  message(direction: Direction, message: TappedMessage): void {
    if (!this.#isSkipping) this.#printer.message(this.#name, direction, message);
  }

  fault({ message }: Fault): void {
    this.#tellSkipped();
    this.#printer.note(this.#name, `what follows cannot be decoded: ${message}`, 'red');
  }

  end(state: JobState, info: CloseInfo): void {
    this.#tellSkipped();
    this.#printer.end(this.#name, state, info);
  }

  #tellSkipped(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#isSkipping = false;
    const skipped = this.#sieve.drain();
    if (skipped !== undefined) this.#printer.skipped(this.#name, skipped);
  }
}
