// A received message whose bytes are read as they come. Nothing of it is kept but what waits unread, so it may be of any length.

import { ByteQueue } from '../bytes/byte-queue.ts';
import { decodeUtf8 } from '../bytes/utf8.ts';
import { LimitError } from '../error.ts';
import type { MessageType } from '../message/message.ts';
import { markHandled } from './deferred.ts';
import { type Inbox, iterate } from './inbox.ts';

/** What a streamed message asks of its connection. */
export interface BodySettings {
  /** The most bytes that are collected. */
  readonly maxMessageSize: number;
  /** More were to be collected: the connection is failed with the error. */
  readonly tooLong: (error: LimitError) => void;
}

/**
 * One message of a session that was upgraded with `messages: 'streamed'`. Its bytes are read once, in one of these ways: {@link body}, {@link text}, {@link bytes},
 * {@link json}, `for await (const chunk of message)`, or {@link cancel}. The session gives its next message when they have been read, or are not wanted: `receive` and
 * `for await (const message of session)` take it so when the next one is asked for and nobody has begun to read. Of `session.readable`, cancel what you do not read.
 *
 * The bytes of a text are valid UTF-8 as far as they have come; a chunk may end inside a character.
 *
 * @example
 * const server = await serve({ messages: 'streamed' }, async (session) => {
 *   for await (const message of session) {
 *     if (message.type === 'text') await session.send(await message.text());
 *     else for await (const chunk of message) file.write(chunk);
 *   }
 * });
 */
export class StreamedMessage implements AsyncIterable<Uint8Array> {
  /** Known as soon as the header of the first frame has come. */
  readonly type: MessageType;
  readonly #inbox: Inbox<Uint8Array>;
  readonly #settings: BodySettings;
  readonly #collected = new ByteQueue();
  #isUsed = false;
  #body: ReadableStream<Uint8Array<ArrayBuffer>> | undefined;

  /** Made by the session. */
  constructor(type: MessageType, inbox: Inbox<Uint8Array>, settings: BodySettings) {
    this.type = type;
    this.#inbox = inbox;
    this.#settings = settings;
  }

  /** Whether somebody has begun to read the message, or has cancelled it. */
  get isUsed(): boolean {
    return this.#isUsed;
  }

  /** Bytes that {@link text}, {@link bytes} or {@link json} has collected so far. */
  get collected(): number {
    return this.#collected.length;
  }

  /**
   * The bytes as they come. It errors when the connection ends before the message does; cancelling it is {@link cancel}.
   *
   * @throws TypeError when the message is read in another way.
   */
  get body(): ReadableStream<Uint8Array<ArrayBuffer>> {
    if (this.#body === undefined) {
      this.#use();
      // Said so that the platform's own transforms take it (CompressionStream): bytes from a transport are in no shared memory.
      this.#body = this.#inbox.readable as ReadableStream<Uint8Array<ArrayBuffer>>;
    }
    return this.#body;
  }

  /** The chunks as they come. Leaving the loop discards the rest. Needs no stream. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Uint8Array> {
    this.#use();
    const inbox = this.#inbox;
    return iterate(inbox, () => inbox.discard());
  }

  /**
   * The whole message as bytes. Rejects with a LimitError (`ERR_WS_MESSAGE_TOO_LONG`) when it is over `maxMessageSize`: the connection is failed with 1009 then. Rejects
   * with the error of the connection when that ends before the message does, with a TypeError when the message is read in another way.
   */
  bytes(): Promise<Uint8Array> {
    return markHandled(this.#collect());
  }

  /** The whole message as a string. Rejects as {@link bytes}, and with a TypeError when it is a binary message that is not UTF-8. */
  text(): Promise<string> {
    return markHandled(this.#collect().then(toText));
  }

  /** The whole message, parsed. Rejects as {@link text}, and with a SyntaxError when it is no JSON. */
  json<T = unknown>(): Promise<T> {
    return markHandled(this.#collect().then((bytes) => JSON.parse(toText(bytes)) as T));
  }

  /**
   * Discards what has not been read of the message, and what still comes of it. The connection goes on. Whoever is reading the message gets a TypeError, unless he has
   * all of it.
   */
  cancel(): void {
    this.#isUsed = true;
    this.#inbox.abort(new TypeError('Cannot read the message: it was cancelled'));
  }

  #use(): void {
    if (this.#isUsed) throw new TypeError('Cannot read the message: it is being read, or was');
    this.#isUsed = true;
  }

  async #collect(): Promise<Uint8Array> {
    this.#use();
    const { maxMessageSize, tooLong } = this.#settings;
    const queue = this.#collected;
    try {
      for (;;) {
        const chunk = await this.#inbox.receive();
        if (chunk === undefined) return queue.join();
        if (queue.length + chunk.byteLength > maxMessageSize) break;
        queue.append(chunk);
      }
    } finally {
      queue.clear();
    }
    const error = new LimitError('ERR_WS_MESSAGE_TOO_LONG', `Message is over the limit of ${maxMessageSize} bytes`);
    this.#inbox.discard();
    tooLong(error);
    throw error;
  }
}

function toText(bytes: Uint8Array): string {
  const text = decodeUtf8(bytes);
  if (text === undefined) throw new TypeError('Cannot read the message as text: it is not valid UTF-8');
  return text;
}
