// Received messages whose bytes are read as they come: each has a small queue of its own, and the next one is given when the one before has been read to its end, or
// is not wanted.

import { ConnectionError, type LimitError, LocalProtocolError } from '../error.ts';
import { type ConnectionLimits, ITEM_OVERHEAD } from '../limits.ts';
import type { MessagePiece } from '../message/message-pieces.ts';
import { Inbox, type InboxOwner } from './inbox.ts';
import { StreamedMessage } from './streamed-message.ts';

export interface StreamedInboxOwner extends InboxOwner {
  /** A message that is collected is over the limit. */
  messageTooLong(error: LimitError): void;
  /** Notes that an error tells of nothing but the connection's end, and gives it back. */
  own<E extends Error>(error: E): E;
}

interface Incoming {
  readonly message: StreamedMessage;
  readonly chunks: Inbox<Uint8Array>;
}

/** The received messages of one session that streams them. */
export class StreamedInbox {
  readonly #owner: StreamedInboxOwner;
  readonly #limits: ConnectionLimits;
  readonly #messages: Inbox<StreamedMessage>;
  /** The message that is coming. */
  #coming: Incoming | undefined;
  /** The message that was given last, while there is still something of it to be read. */
  #given: Incoming | undefined;
  /** Messages that have begun to come behind it. */
  #waiting: Incoming[] = [];
  #end: { readonly error: Error | undefined } | undefined;
  #isDiscarding = false;

  constructor(owner: StreamedInboxOwner, limits: ConnectionLimits) {
    this.#owner = owner;
    this.#limits = limits;
    const messagesOwner = {
      inboxHasRoom: () => owner.inboxHasRoom(),
      inboxEndSeen: () => owner.inboxEndSeen(),
      inboxDiscards: () => this.#messagesDiscarded(),
    };
    this.#messages = new Inbox(messagesOwner, limits.queueSize, () => ITEM_OVERHEAD);
  }

  /** What waits unread: bytes, each message and each chunk of one counting 64 more. */
  get unread(): number {
    let unread = this.#messages.unread + (this.#given?.chunks.unread ?? 0);
    for (const { chunks } of this.#waiting) unread += ITEM_OVERHEAD + chunks.unread;
    return unread;
  }

  /** Bytes that somebody collects: read, but not his yet. */
  get collected(): number {
    return this.#given?.message.collected ?? 0;
  }

  get discarded(): number {
    return this.#messages.discarded;
  }

  get isInHand(): boolean {
    return this.#messages.isInHand;
  }

  /** The messages as a stream. */
  get readable(): ReadableStream<StreamedMessage> {
    return this.#messages.readable;
  }

  /** The next message, as `Inbox.receive`. Of the one before, a body that nobody has looked at is not wanted. */
  receive(): Promise<StreamedMessage | undefined> {
    this.#passUnused();
    return this.#messages.receive();
  }

  /** As {@link receive}, as an iterator gives it. */
  next(): Promise<IteratorResult<StreamedMessage, undefined>> {
    this.#passUnused();
    return this.#messages.next();
  }

  #passUnused(): void {
    const given = this.#given?.message;
    // It was taken unless it still waits itself.
    if (given?.isUsed === false && this.#messages.unread === 0) given.cancel();
  }

  /** Takes what has come. */
  deliver(piece: MessagePiece): void {
    if (this.#end !== undefined) return;
    if (piece.isFirst) this.#begin(piece);
    const { chunks } = this.#coming as Incoming;
    if (piece.bytes.byteLength > 0) chunks.deliver(piece.bytes);
    if (piece.isLast) this.#finish();
  }

  /** No more comes. A message that is not whole errors. */
  end(error?: Error): void {
    if (this.#end !== undefined) return;
    this.#end = { error };
    const text = 'The connection ended before the message did';
    this.#finish(error ?? this.#owner.own(new ConnectionError('ERR_WS_CONNECTION_LOST', text)));
    this.#giveNext();
  }

  /** Throws away what waits and what still comes. */
  discard(): void {
    if (this.#isDiscarding) return;
    this.#isDiscarding = true;
    this.#messages.discard();
    const error = new LocalProtocolError('ERR_WS_CLOSED', 'The message was discarded: the session is closing');
    this.#owner.own(error);
    for (const { chunks } of this.#unread) chunks.abort(error);
  }

  // The stream of messages was cancelled: whoever reads the one that was given reads on.
  #messagesDiscarded(): void {
    if (this.#isDiscarding) return;
    for (const { message } of this.#unread) if (!message.isUsed) message.cancel();
    this.#owner.inboxHasRoom();
  }

  get #unread(): Incoming[] {
    return this.#given === undefined ? [] : [this.#given, ...this.#waiting];
  }

  #begin({ messageType }: MessagePiece): void {
    const owner = {
      inboxHasRoom: () => this.#owner.inboxHasRoom(),
      inboxEndSeen: () => this.#over(incoming),
      inboxDiscards: () => {
        if (chunks.hasEnded) this.#over(incoming);
        this.#owner.inboxHasRoom();
      },
    };
    const chunks = new Inbox<Uint8Array>(owner, this.#limits.queueSize, weigh);
    const settings = {
      maxMessageSize: this.#limits.maxMessageSize,
      tooLong: (error: LimitError) => this.#owner.messageTooLong(error),
    };
    const incoming: Incoming = { message: new StreamedMessage(messageType, chunks, settings), chunks };
    this.#coming = incoming;
    if (this.#messages.isDiscarding) chunks.discard();
    this.#waiting.push(incoming);
    this.#giveNext();
  }

  #finish(error?: Error): void {
    const coming = this.#coming;
    if (coming === undefined) return;
    this.#coming = undefined;
    coming.chunks.end(error);
    if (coming.chunks.isDiscarding) this.#over(coming);
  }

  #over(incoming: Incoming): void {
    if (this.#given !== incoming) return;
    this.#given = undefined;
    this.#giveNext();
  }

  #giveNext(): void {
    if (this.#given !== undefined) return;
    const next = this.#waiting.shift();
    if (next === undefined) {
      if (this.#end !== undefined) this.#messages.end(this.#end.error);
      return;
    }
    this.#given = next;
    this.#messages.deliver(next.message);
    if (next.chunks.isDiscarding && next.chunks.hasEnded) this.#over(next);
  }
}

function weigh(bytes: Uint8Array): number {
  return ITEM_OVERHEAD + bytes.byteLength;
}
