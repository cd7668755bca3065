// What is told of a session that outlives its connections: its states, how a connection was lost, how it all ended. Types only.

import type { CloseInfo } from '../connection/close-info.ts';
import type { Message } from '../message/message.ts';

/** Messages that a connection had taken to send when it was lost. Nobody knows whether the peer has got them: no answer to a ping that was sent behind them had come. */
export interface UnsettledMessages {
  /** Those that are still there, in their order. Where there were more than `maxUnsettled` the oldest are missing; streamed ones always are. */
  readonly messages: readonly Message[];
  /** How many there are in all. */
  readonly count: number;
  /** Bytes of payload of all; a string counts its UTF-16 code units, a streamed message nothing. */
  readonly bytes: number;
}

/**
 * When it was that there was no connection, or none any more: while URL and options were `asked` for, while `connecting`, while `onOpen` was at work (`opening`), or behind that, when it was
 * `open`.
 */
export type LossPhase = 'asking' | 'connecting' | 'opening' | 'open';

/** Why there is no connection. */
export interface Loss {
  /** How far the try had come. */
  readonly phase: LossPhase;
  /** Which try it was; 1 is the first. */
  readonly attempt: number;
  /** How the connection ended; undefined when there was none. */
  readonly closeInfo: CloseInfo | undefined;
  /** What went wrong: a HandshakeError with its status, what a function of the user's has thrown, the error in the close info. Undefined of a connection that was closed cleanly. */
  readonly error: unknown;
  /** What the connection had been given to send and is not known to have arrived. */
  readonly unsettled: UnsettledMessages;
  /** Messages that had come while `onOpen` was at work, which has not ended well: nobody will read them. */
  readonly discarded: number;
}

/** A state of a session that outlives its connections. */
export type ReconnectState<S = unknown> =
  /** A try is under way, `onOpen` included. */
  | { readonly name: 'connecting'; readonly attempt: number }
  /** There is a connection. */
  | { readonly name: 'open'; readonly attempt: number; readonly session: S }
  /** The next try comes at a time of the engine's clock, `delay` milliseconds after the state has begun; or when the reader has made room (`maxUnread`), if that is later. */
  | {
      readonly name: 'waiting';
      readonly attempt: number;
      readonly delay: number;
      readonly until: number;
      readonly loss: Loss;
    }
  /** No connection will be tried any more. */
  | { readonly name: 'ended'; readonly end: ReconnectEnd };

/** How it all ended. */
export interface ReconnectEnd {
  /** Closed by `close`; `aborted` by a signal; by a loss that is `final`; by the bound on `tries` or on `time`. */
  readonly reason: 'closed' | 'aborted' | 'final' | 'tries' | 'time';
  /** Why it has not ended well. Undefined when it has: closed by this side, or by either with 1000. */
  readonly error: Error | undefined;
  /** How the last connection ended; undefined when the last try gave none. */
  readonly closeInfo: CloseInfo | undefined;
  /** How many tries there were. */
  readonly attempts: number;
  /** What the last connection had been given to send and is not known to have arrived. */
  readonly unsettled: UnsettledMessages;
  /** What was still waiting for a connection: it was never sent. */
  readonly unsent: UnsettledMessages;
}
