// Which session an upgrade makes is chosen by its options. Here is what follows from that for the types.

import type { Sendable } from '../connection/sendable.ts';
import type { StreamedMessage } from '../connection/streamed-message.ts';
import type { Frame } from '../frame/frame.ts';
import type { Message } from '../message/message.ts';

/** How messages are given: see {@link KindOptions}. */
export type Delivery = 'whole' | 'streamed';

/** What a session gives: frames where `raw` is set, else messages, whole or streamed. */
export type Received<R extends boolean, M extends Delivery> = R extends true
  ? Frame
  : M extends 'streamed'
    ? StreamedMessage
    : Message;

/** What a session takes. Where it is not known before it runs whether the session is raw: nothing. */
export type Sent<R extends boolean> = [R] extends [true] ? Frame : [R] extends [false] ? Sendable : never;

/** The options that choose. They have types of their own, so that a handler's session is known from them. */
export interface KindOptions<R extends boolean = false, M extends Delivery = 'whole'> {
  /** Makes a session of frames instead of messages; see `RawSession`. Default: false. */
  readonly raw?: R;
  /**
   * How messages are given: `whole` when all of one has come (bounded by `maxMessageSize` and `maxFragments`), or `streamed` as they come, of any length; see
   * `StreamedMessage`. Default: 'whole'.
   */
  readonly messages?: M;
}
