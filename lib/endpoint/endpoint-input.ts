// What one endpoint receives, from bytes to messages: the frame decoder, the extensions behind it, and behind those whoever joins what comes: to messages, to pieces of messages
// or (of a raw endpoint) to frames. Knows nothing of the closing handshake.

import type { Fault } from '../error.ts';
import type { ExtensionChain } from '../extension/extension-chain.ts';
import type { Role } from '../frame/frame.ts';
import { FrameAssembler } from '../frame/frame-assembler.ts';
import { FrameDecoder, type FramePiece } from '../frame/frame-decoder.ts';
import { ITEM_OVERHEAD, type ProtocolLimits } from '../limits.ts';
import { MessageAssembler } from '../message/message-assembler.ts';
import { MessagePieces } from '../message/message-pieces.ts';
import type { EndpointEvent } from './event.ts';

export interface EndpointInputOptions {
  readonly role: Role;
  readonly limits: ProtocolLimits;
  readonly maxFrameSize: number;
  readonly streamed: boolean;
  readonly raw: boolean;
  readonly rsvBits: number;
  readonly chain: ExtensionChain | undefined;
}

export class EndpointInput {
  readonly #decoder: FrameDecoder;
  readonly #chain: ExtensionChain | undefined;
  readonly #assembler: MessageAssembler;
  /** Instead of the message assembler, in a raw endpoint. */
  readonly #frames: FrameAssembler | undefined;
  /** Instead of the message assembler, where messages are streamed. */
  readonly #pieces: MessagePieces | undefined;

  constructor({ role, limits, maxFrameSize, streamed, raw, rsvBits, chain }: EndpointInputOptions) {
    this.#decoder = new FrameDecoder({ role, maxFrameSize, rsvBits, extensionBits: chain?.rsvBits ?? 0 });
    this.#chain = chain;
    this.#assembler = new MessageAssembler(limits);
    this.#frames = raw ? new FrameAssembler(maxFrameSize) : undefined;
    this.#pieces = streamed ? new MessagePieces() : undefined;
  }

  /** What was wrong with what came. Once set, nothing more is given. */
  get fault(): Fault | undefined {
    const { fault } = this.#decoder;
    return fault ?? this.#chain?.fault ?? this.#frames?.fault ?? this.#pieces?.fault ?? this.#assembler.fault;
  }

  /** Bytes that have come and are not used up. */
  get unread(): number {
    return this.#decoder.unread + (this.#chain?.unread ?? 0);
  }

  /** Bytes kept of a message that is not whole yet. */
  get unfinished(): number {
    return this.#frames?.retained ?? this.#assembler.retained;
  }

  /** The same, and what extensions hold, of messages in both directions. */
  get retained(): number {
    return this.unfinished + (this.#chain?.retained ?? 0);
  }

  /** Throws as `FrameDecoder.push`. */
  push(chunk: Uint8Array, isOwned: boolean, isLent = false): void {
    this.#decoder.push(chunk, isOwned, isLent);
  }

  /** Copies what is left of a chunk that was lent. */
  keepUnread(): void {
    this.#decoder.keepUnread();
  }

  /** Gives the next piece of a frame with at most `maxSize` bytes of payload; a control frame comes whole. */
  next(maxSize: number): FramePiece | undefined {
    return this.#chain === undefined ? this.#decoder.next(maxSize) : this.#chain.next(this.#decoder, maxSize);
  }

  /** What a piece of {@link next} counts in a budget: what it gives, or what had to be read for it where that is more. */
  cost({ start, end }: FramePiece): number {
    return Math.max(end - start, this.#chain?.taken ?? 0) + ITEM_OVERHEAD;
  }

  /** Takes a piece of a data frame (in a raw endpoint, of any frame). Gives what it completes or tells, undefined when nothing, or after a fault. */
  join(piece: FramePiece): EndpointEvent | undefined {
    if (this.#frames !== undefined) {
      const frame = this.#frames.push(piece);
      return frame && { type: 'frame', frame };
    }
    if (this.#pieces !== undefined) {
      const told = this.#pieces.push(piece);
      return told && { type: 'piece', piece: told };
    }
    const message = this.#assembler.push(piece);
    return message === undefined ? undefined : { type: 'message', message };
  }

  /** Drops what is left, and takes nothing more. */
  stop(): void {
    this.#decoder.stop();
    this.#chain?.stop();
    this.#assembler.clear();
    this.#frames?.clear();
  }
}
