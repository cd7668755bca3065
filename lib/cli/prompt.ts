// Lines that are typed on a terminal. What is printed meanwhile appears above what is being typed.

import { clearScreenDown, createInterface, cursorTo, type Interface, moveCursor } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import type { Input } from './input.ts';

export interface PromptOptions {
  readonly input: Readable;
  readonly output: Writable;
  /** Ctrl-C was typed: a terminal that is read key by key sends no signal. */
  readonly interrupted: () => void;
}

export class Prompt implements Input {
  readonly #output: Writable;
  readonly #readline: Interface;
  #isShown = false;
  #isOver = false;

  constructor({ input, output, interrupted }: PromptOptions) {
    this.#output = output;
    this.#readline = createInterface({ input, output, terminal: true, prompt: '> ', historySize: 1000 });
    this.#readline.on('SIGINT', interrupted);
    // What is typed stays on the screen when it is entered; a prompt that is left without does not.
    this.#readline.on('line', () => {
      this.#isShown = false;
    });
    this.#readline.on('close', () => {
      this.#hide();
      this.#isOver = true;
    });
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string, void> {
    this.#show();
    for await (const line of this.#readline) {
      yield line;
      this.#show();
    }
  }

  /** Calls back to print something of whole lines. */
  aside(print: () => void): void {
    const wasShown = this.#isShown;
    this.#hide();
    print();
    if (wasShown) this.#show();
  }

  stop(): void {
    if (!this.#isOver) this.#readline.close();
  }

  #show(): void {
    if (this.#isOver) return;
    this.#isShown = true;
    // It would go up as many rows as it has filled before, and what was printed meanwhile is there now.
    (this.#readline as { prevRows?: number }).prevRows = 0;
    this.#readline.prompt(true);
  }

  #hide(): void {
    if (!this.#isShown) return;
    this.#isShown = false;
    moveCursor(this.#output, 0, -this.#readline.getCursorPos().rows);
    cursorTo(this.#output, 0);
    clearScreenDown(this.#output);
  }
}
