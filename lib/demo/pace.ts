// A reader that takes its time: a transform that lets messages pass at so many bytes a second. The pace can change at any moment, also while a
// message waits; nothing is kept here but the one message, so all else waits in the queues before it: that is backpressure.

import type { Message } from '../node.ts';

/** The longest wait in one go: timers take no more. In milliseconds. */
const LONGEST_WAIT = 60_000;

export class Pace {
  #bytesPerSecond: number;
  readonly #waiting = new Set<() => void>();

  /** @param bytesPerSecond 0 stops the reader, Infinity sets it free. */
  constructor(bytesPerSecond = Number.POSITIVE_INFINITY) {
    this.#bytesPerSecond = bytesPerSecond;
  }

  get bytesPerSecond(): number {
    return this.#bytesPerSecond;
  }

  set bytesPerSecond(value: number) {
    this.#bytesPerSecond = value;
    this.#wake();
  }

  /** Makes the transform. When the signal is aborted it lets go: there will be no more to read. */
  transform(signal: AbortSignal): TransformStream<Message, Message> {
    signal.addEventListener('abort', () => this.#wake(), { once: true });
    return new TransformStream({
      transform: async (message, controller) => {
        await this.#wait(sizeOf(message), signal);
        controller.enqueue(message);
      },
    });
  }

  async #wait(size: number, signal: AbortSignal): Promise<void> {
    let left = size;
    while (left > 0 && this.#bytesPerSecond !== Number.POSITIVE_INFINITY) {
      signal.throwIfAborted();
      const pace = this.#bytesPerSecond;
      const begin = performance.now();
      await this.#rest(pace === 0 ? LONGEST_WAIT : (left / pace) * 1000);
      left -= ((performance.now() - begin) / 1000) * pace;
    }
  }

  // Until the time is over, the pace has changed, or a session has ended.
  #rest(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, Math.min(milliseconds, LONGEST_WAIT));
      timer.unref();
      this.#waiting.add(wake);
    });
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }
}

function sizeOf(message: Message): number {
  return typeof message === 'string' ? Buffer.byteLength(message) : message.byteLength;
}
