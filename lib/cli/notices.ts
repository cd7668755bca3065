// What is told beside the messages: that it is connected, how it ended, what went wrong. A line each.

import type { Paint } from './colours.ts';
import { escapeControls } from './printable.ts';

export interface NoticesOptions {
  /** Takes one line, without its end. */
  readonly write: (line: string) => void;
  readonly paint: Paint;
  /** Whether nothing but errors is told. */
  readonly isQuiet: boolean;
}

export class Notices {
  readonly #options: NoticesOptions;

  constructor(options: NoticesOptions) {
    this.#options = options;
  }

  note(text: string): void {
    const { isQuiet, paint, write } = this.#options;
    if (!isQuiet) write(paint(`millrace: ${escapeControls(text)}`, 'dim'));
  }

  error(text: string): void {
    const { paint, write } = this.#options;
    write(paint(`millrace: ${escapeControls(text)}`, 'red'));
  }
}
