// What a message is, RFC 6455 §5.6: text or binary.

import { ITEM_OVERHEAD } from '../limits.ts';

/** A whole message: a string is a text message, bytes are a binary message. */
export type Message = string | Uint8Array;

/** What the opcode of a message's first frame tells: text is UTF-8 (RFC 6455 §5.6). */
export type MessageType = 'text' | 'binary';

/** What may be sent as a whole message. An ArrayBuffer or a view of one goes out as a binary message. */
export type MessageSource = string | ArrayBuffer | ArrayBufferView;

/** What a message counts in a queue, in bytes. A string counts its UTF-16 code units. */
export function messageWeight(message: Message): number {
  return ITEM_OVERHEAD + (typeof message === 'string' ? message.length : message.byteLength);
}

/**
 * Takes what a user wants to send for a message.
 *
 * @throws TypeError when it is neither a string nor bytes: a number, say, has no bytes (CVE-2016-10518).
 */
export function toMessage(source: MessageSource): Message {
  if (typeof source === 'string' || source instanceof Uint8Array) return source;
  if (ArrayBuffer.isView(source)) return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  if (source instanceof ArrayBuffer) return new Uint8Array(source);
  throw new TypeError(
    `Cannot send ${describe(source)}: a message is a string, an ArrayBuffer, or a view of one (Uint8Array, DataView)`,
  );
}

function describe(value: unknown): string {
  if (value === null) return 'null';
  return typeof value === 'object' ? `an object of class ${value.constructor?.name ?? 'Object'}` : `a ${typeof value}`;
}
