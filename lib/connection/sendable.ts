// What a session takes to send: a whole message, or a message that is sent as its source gives it.

import { type MessageSource, type MessageType, toMessage } from '../message/message.ts';

/** A part of a streamed message: strings make a text, bytes make a text (then they must be UTF-8) or a binary message. */
export type MessageChunk = MessageSource;

/** What a streamed message is made of. A chunk may be used again by its maker once the next one is asked for. */
export type MessageBody = ReadableStream<MessageChunk> | AsyncIterable<MessageChunk>;

/** A message that is sent as its body comes, its type said beforehand. A received `StreamedMessage` is one too. */
export interface StreamedMessageSource {
  /** Whether it goes out as a text or as a binary message. */
  readonly type: MessageType;
  /** What it is made of. The bytes of a text must be UTF-8. */
  readonly body: MessageBody;
}

/** What a session sends. Of a body alone the first chunk tells the type: a string makes it a text. */
export type Sendable = MessageSource | MessageBody | StreamedMessageSource;

/** A body to be sent, and its type where that is known. */
export interface BodySource {
  readonly type: MessageType | undefined;
  readonly body: MessageBody;
}

/**
 * Tells a streamed message from a whole one; undefined for the latter.
 *
 * @throws TypeError when it is neither.
 */
export function toBodySource(sendable: Sendable): BodySource | undefined {
  // What most are need not be looked at closely.
  if (typeof sendable === 'string' || sendable instanceof Uint8Array) return undefined;
  if (typeof sendable !== 'object' || sendable === null || isWhole(sendable)) {
    toMessage(sendable as MessageSource);
    return undefined;
  }
  // What has a type is no body, though a received message can be iterated too.
  const { type, body } = sendable as StreamedMessageSource;
  if ((type === 'text' || type === 'binary') && isBody(body)) return { type, body: unlocked(body) };
  if (isBody(sendable)) return { type: undefined, body: unlocked(sendable) };
  toMessage(sendable as unknown as MessageSource);
  return undefined;
}

function isWhole(value: object): value is ArrayBuffer | ArrayBufferView {
  return ArrayBuffer.isView(value) || value instanceof ArrayBuffer;
}

/** Streams of any implementation will do: they are crossed by their reader. */
export function isReadableStream(value: object): value is ReadableStream<MessageChunk> {
  return typeof (value as ReadableStream).getReader === 'function';
}

function unlocked(body: MessageBody): MessageBody {
  if (isReadableStream(body) && body.locked) throw new TypeError('Cannot send a stream: it is locked');
  return body;
}

function isBody(value: unknown): value is MessageBody {
  if (typeof value !== 'object' || value === null) return false;
  return isReadableStream(value) || typeof (value as AsyncIterable<unknown>)[Symbol.asyncIterator] === 'function';
}
