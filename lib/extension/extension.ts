// What an extension is, RFC 6455 §9: something that both sides have agreed on in the opening handshake, and that changes the data frames between them. An `Extension` is
// installed once, for a server or for a client; each connection that agreed on it has a transform of its own.

import type { Fault } from '../error.ts';
import type { Frame } from '../frame/frame.ts';
import type { FramePiece } from '../frame/frame-decoder.ts';
import type { ExtensionParameterValue } from './extension-header.ts';

/** Parameters to be written: names with a token, or `true` for one that stands without a value. */
export type ExtensionParameters = Readonly<Record<string, string | number | true>>;

/** Parameters as the peer wrote them: the values of each name in their order, so that repetitions are seen. Values come unquoted. */
export type ReceivedParameters = ReadonlyMap<string, readonly ExtensionParameterValue[]>;

/** Opens the transform of one connection; called once, when the connection is upgraded. */
export type OpenTransform = () => ExtensionTransform;

/** A server's consent to an offer. */
export interface ExtensionAcceptance {
  /** What the response says. */
  readonly parameters: ExtensionParameters;
  /** Called once, when the connection is upgraded. */
  readonly open: OpenTransform;
}

/**
 * An extension, in either role. Its methods are pure: they look at parameters, and whatever those hold they throw nothing. One extension serves all connections of a server or a
 * client; what these share can live in it.
 */
export interface Extension {
  /** The extension token of `Sec-WebSocket-Extensions`, compared exactly. */
  readonly name: string;
  /** The RSV bits of data frames that it gives a meaning, as they stand in the first byte of a frame: 0x40, 0x20, 0x10. No two extensions may own the same. Default: 0. */
  readonly rsvBits?: number;
  /** Client: what is offered, the most preferred first; each offer is an element of the header field of its own. */
  offer(): readonly ExtensionParameters[];
  /** Server: looks at one offer. Undefined declines it; then the next offer of this name is looked at, if there is one. */
  accept(offer: ReceivedParameters): ExtensionAcceptance | undefined;
  /** Client: looks at what the server has accepted. Undefined when that was not offered, or cannot be: the handshake fails. */
  confirm(answer: ReceivedParameters): OpenTransform | undefined;
}

/** What a send says to the extensions. */
export interface SendHints {
  /** Whether the message is to be compressed, whatever the extension itself would do. */
  readonly compress?: boolean | undefined;
}

/** Gives what stands for a piece of payload that has come; the rest of `piece` tells what it is a piece of. It may be used only during the call. */
export type MapPayload = (payload: Uint8Array, piece: FramePiece) => Uint8Array;

/** What is done to the data frames of one connection, in both directions. A part that is left out lets everything pass. */
export interface ExtensionTransform {
  /**
   * Takes a data frame that is sent, gives what is sent in its place. A whole message is one frame here, a message that is sent as it is made is several: the first has the
   * opcode of the message, the last has FIN. FIN and the opcode stay as they are. The payload may be used again after the call; what is given must not change any more.
   */
  readonly outgoing?: (frame: Frame, hints: SendHints) => Frame;
  /** What is done to data that is received: a function where each piece can be changed by itself, into about as many bytes. */
  readonly incoming?: IncomingTransform | MapPayload;
  /** Bytes held beyond what the connection knows of: state that cannot be let go because a message is not whole yet. */
  readonly retained?: number;
  /** After so many milliseconds without a message {@link rest} is called. Default: never. */
  readonly restAfter?: number;
  /** Lets go of what can be made anew. */
  rest?(): void;
  /** The connection has ended: frees everything. Nothing is called afterwards. */
  close?(): void;
}

/**
 * What is done to received data, in the manner of the frame decoder: a piece is pushed, then pieces are taken until there are no more, with a break wherever the budget of a turn
 * ends. So an extension that makes much of little (it inflates) never has to make it at once.
 */
export interface IncomingTransform {
  /** What was wrong with the data, once something was: the connection is failed with its close code. */
  readonly fault?: Fault | undefined;
  /** Bytes that were pushed and are not used up. Default: 0. */
  readonly unread?: number;
  /** What the last `next` has cost beyond the bytes it was given and has given, as bytes that had to be moved: it counts in the budget of the turn. Default: 0. */
  readonly effort?: number;
  /** Takes a piece of a data frame. It may be used in place of one's own: `next` may give it as it is. */
  push(piece: FramePiece): void;
  /** Gives the next piece with at most `maxSize` bytes of payload; undefined when the next piece must be pushed first, or after a fault. */
  next(maxSize: number): FramePiece | undefined;
}
