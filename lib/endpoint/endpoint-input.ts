// What one endpoint receives, from bytes to messages: the frame decoder, the extensions behind it, and behind those whoever joins what comes: to messages, to pieces of messages
// or (of a raw endpoint) to frames. Knows nothing of the closing handshake.

import type { Fault } from '../error.ts';
import type { ExtensionChain } from '../extension/extension-chain.ts';
import type { Role } from '../frame/frame.ts';
import { FrameAssembler } from '../frame/frame-assembler.ts';
import { FrameDecoder, type FrameDecoderOptions, type FramePiece } from '../frame/frame-decoder.ts';
import { isControlOpcode } from '../frame/opcode.ts';
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

// Between two messages a decoder and an assembler hold nothing of a connection: those of a server share one of each, and only who is in the middle of something has his own.
interface Kit {
  readonly decoding: Required<FrameDecoderOptions>;
  readonly limits: ProtocolLimits;
  decoder: FrameDecoder | undefined;
  assembler: MessageAssembler | undefined;
}

const kits = new WeakMap<ProtocolLimits, Kit>();

function findKit(decoding: Required<FrameDecoderOptions>, limits: ProtocolLimits): Kit {
  const known = kits.get(limits);
  if (known !== undefined && isSame(known.decoding, decoding)) return known;
  const kit = { decoding, limits, decoder: undefined, assembler: undefined };
  kits.set(limits, kit);
  return kit;
}

function isSame(one: Required<FrameDecoderOptions>, other: Required<FrameDecoderOptions>): boolean {
  const isAlike = one.role === other.role && one.maxFrameSize === other.maxFrameSize;
  return isAlike && one.rsvBits === other.rsvBits && one.extensionBits === other.extensionBits;
}

export class EndpointInput {
  readonly #kit: Kit;
  readonly #chain: ExtensionChain | undefined;
  // There while a chunk is read, and between two chunks in the middle of a frame or a message.
  #decoder: FrameDecoder | undefined;
  #assembler: MessageAssembler | undefined;
  #isInMessage = false;
  #isStopped = false;
  /** Instead of the message assembler, in a raw endpoint. */
  readonly #frames: FrameAssembler | undefined;
  /** Instead of the message assembler, where messages are streamed. */
  readonly #pieces: MessagePieces | undefined;

  constructor({ role, limits, maxFrameSize, streamed, raw, rsvBits, chain }: EndpointInputOptions) {
    this.#kit = findKit({ role, maxFrameSize, rsvBits, extensionBits: chain?.rsvBits ?? 0 }, limits);
    this.#chain = chain;
    this.#frames = raw ? new FrameAssembler(maxFrameSize) : undefined;
    this.#pieces = streamed ? new MessagePieces() : undefined;
  }

  /** What was wrong with what came. Once set, nothing more is given. */
  get fault(): Fault | undefined {
    const fault = this.#decoder?.fault ?? this.#chain?.fault;
    return fault ?? this.#frames?.fault ?? this.#pieces?.fault ?? this.#assembler?.fault;
  }

  /** Bytes that have come and are not used up. */
  get unread(): number {
    return (this.#decoder?.unread ?? 0) + (this.#chain?.unread ?? 0);
  }

  /** Bytes kept of a message that is not whole yet. */
  get unfinished(): number {
    return this.#frames?.retained ?? this.#assembler?.retained ?? 0;
  }

  /** The same, and what extensions hold, of messages in both directions. */
  get retained(): number {
    return this.unfinished + (this.#chain?.retained ?? 0);
  }

  /** Throws as `FrameDecoder.push`. */
  push(chunk: Uint8Array, isOwned: boolean, isLent = false): void {
    if (this.#isStopped) return;
    this.#decoder ??= this.#takeDecoder();
    this.#decoder.push(chunk, isOwned, isLent);
  }

  /** Copies what is left of a chunk that was lent. */
  keepUnread(): void {
    this.#decoder?.keepUnread();
  }

  #takeDecoder(): FrameDecoder {
    const { decoder, decoding } = this.#kit;
    this.#kit.decoder = undefined;
    return decoder ?? new FrameDecoder(decoding);
  }

  #takeAssembler(): MessageAssembler {
    const { assembler, limits } = this.#kit;
    this.#kit.assembler = undefined;
    return assembler ?? new MessageAssembler(limits);
  }

  /** Gives the next piece of a frame with at most `maxSize` bytes of payload; a control frame comes whole. */
  next(maxSize: number): FramePiece | undefined {
    const decoder = this.#decoder;
    if (decoder === undefined) return undefined;
    if (this.#chain !== undefined) return this.#chain.next(decoder, maxSize);
    const piece = decoder.next(maxSize);
    if (piece === undefined) this.#giveBack(decoder);
    else if (!isControlOpcode(piece.opcode)) this.#isInMessage = !(piece.isLast && piece.fin);
    return piece;
  }

  // The chunk is used up. Behind extensions more may be held than the decoder tells of: those keep theirs.
  #giveBack(decoder: FrameDecoder): void {
    if (this.#isInMessage || this.#isStopped || !decoder.isBetweenFrames || decoder.fault !== undefined) return;
    this.#kit.decoder = decoder;
    this.#decoder = undefined;
    if (this.#assembler === undefined || this.#assembler.fault !== undefined) return;
    this.#kit.assembler = this.#assembler;
    this.#assembler = undefined;
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
    this.#assembler ??= this.#takeAssembler();
    const message = this.#assembler.push(piece);
    return message === undefined ? undefined : { type: 'message', message };
  }

  /** Drops what is left, and takes nothing more. */
  stop(): void {
    this.#isStopped = true;
    this.#decoder?.stop();
    this.#chain?.stop();
    this.#assembler?.clear();
    this.#frames?.clear();
  }
}
