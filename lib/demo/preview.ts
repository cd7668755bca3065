// Bytes and texts of a peer as one piece of a line on a terminal. A peer may send anything: escape sequences that clear the screen, set its
// title or hide what follows, characters that turn the direction of writing. None of them reaches the terminal.

import { escapeControls } from '../cli/printable.ts';
import { isControlOpcode, Opcode } from '../frame/opcode.ts';
import type { TappedFrame, TappedMessage } from './wire-tap.ts';

export { escapeControls };

/**
 * Escapes a text, quotes it, and cuts it to so many columns.
 *
 * @param isCut Whether it is only the beginning of a longer one.
 */
export function quote(text: string, columns: number, isCut = false): string {
  const escaped = escapeControls(text.replace(/["\\]/g, '\\$&'));
  if (!isCut && columnsOf(escaped) + 2 <= columns) return `"${escaped}"`;
  return `"${cut(escaped, columns - 3)}…"`;
}

/** Cuts printable text to so many columns; `…` tells that it was longer. */
export function fit(text: string, columns: number): string {
  return columnsOf(text) <= columns ? text : `${cut(text, columns - 1)}…`;
}

/** The payload of a frame: text in quotes, bytes in hex, of a close frame its code and reason. */
export function describeFrame({ opcode, rsv, preview, payloadLength, isText }: TappedFrame, columns: number): string {
  const isCut = preview.byteLength < payloadLength;
  if (payloadLength === 0) return '';
  if (opcode === Opcode.CLOSE && payloadLength >= 2) return describeClose(preview, columns);
  // What a ping carries is often text, though it need not be.
  const isReadable = isControlOpcode(opcode) ? preview.every(isPrintable) : isText && rsv === 0;
  return isReadable ? quote(decode(preview), columns, isCut) : toHex(preview, columns, isCut);
}

/** The payload of a whole message: text in quotes, bytes in hex. */
export function describeMessage(message: TappedMessage, columns: number): string {
  const { isText, isEncoded, preview, payloadLength } = message;
  const isCut = preview.byteLength < payloadLength;
  return isText && !isEncoded ? quote(decode(preview), columns, isCut) : toHex(preview, columns, isCut);
}

/** Bytes in hex, cut to so many columns. */
export function toHex(bytes: Uint8Array, columns: number, isCut = false): string {
  const digits = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0'));
  if (!isCut && digits.length * 3 - 1 <= columns) return digits.join(' ');
  return `${digits.slice(0, Math.floor((columns - 1) / 3)).join(' ')} …`;
}

function describeClose(payload: Uint8Array, columns: number): string {
  const code = String(((payload[0] as number) << 8) | (payload[1] as number));
  const reason = decode(payload.subarray(2));
  return reason === '' ? code : `${code} ${quote(reason, columns - code.length - 1)}`;
}

function isPrintable(byte: number): boolean {
  return byte >= 0x20 && byte < 0x7f;
}

// What a cut has left of the last character is dropped; bytes that are no UTF-8 show as U+FFFD.
function decode(bytes: Uint8Array): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes, { stream: true });
}

function cut(text: string, columns: number): string {
  let left = columns;
  let end = 0;
  for (const character of text) {
    left -= columnsOf(character);
    if (left < 0) break;
    end += character.length;
  }
  return text.slice(0, end);
}

// Emoji and East Asian characters take two columns, combining ones none: near enough for lines that fit.
const WIDE = /[\p{Emoji_Presentation}\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60]/u;
const COMBINING = /\p{M}/u;

function columnsOf(text: string): number {
  let columns = 0;
  for (const character of text) columns += WIDE.test(character) ? 2 : COMBINING.test(character) ? 0 : 1;
  return columns;
}
