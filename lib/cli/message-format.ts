// How a message that has come is written to standard output.

import type { Message } from '../message/message.ts';
import type { Paint } from './colours.ts';
import { describeBinary, escapeControlsInLines } from './printable.ts';

export interface MessageFormat {
  /** Whether a person reads it: then nothing that a peer sends gets there but characters that can be seen. */
  readonly isTerminal: boolean;
  /** Whether binary messages are written as they are. */
  readonly isBinary: boolean;
  readonly paint: Paint;
}

/** Gives what is to be written. */
export function formatMessage(message: Message, { isTerminal, isBinary, paint }: MessageFormat): string | Uint8Array {
  if (!isTerminal) {
    if (typeof message === 'string') return `${message}\n`;
    return isBinary ? message : `${describeBinary(message)}\n`;
  }
  if (typeof message !== 'string') return `${paint(`< ${describeBinary(message)}`, 'yellow')}\n`;
  // No line of a peer begins as ours do.
  const lines = escapeControlsInLines(message).replaceAll('\n', '\n  ');
  return `${paint(`< ${lines}`, 'cyan')}\n`;
}
