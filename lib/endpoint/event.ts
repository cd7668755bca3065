// What an endpoint tells of the bytes it has received.

import type { Fault } from '../error.ts';
import type { Frame } from '../frame/frame.ts';
import type { Message } from '../message/message.ts';
import type { MessagePiece } from '../message/message-pieces.ts';

/** What an endpoint tells of the bytes it has received; `type` says which of these it is. */
export type EndpointEvent =
  /** A whole message. */
  | { readonly type: 'message'; readonly message: Message }
  /** A part of a message, in an endpoint of streamed messages: instead of 'message'. */
  | { readonly type: 'piece'; readonly piece: MessagePiece }
  /** A frame as it came, in a raw endpoint: instead of messages, pings and pongs, and beside 'close'. */
  | { readonly type: 'frame'; readonly frame: Frame }
  /** A ping; its pong is queued already. */
  | { readonly type: 'ping'; readonly payload: Uint8Array }
  /** A pong, asked for or not (RFC 6455 §5.5.3). */
  | { readonly type: 'pong'; readonly payload: Uint8Array }
  /** The peer's close frame; 1005 where it had no code. Nothing is received after it. */
  | { readonly type: 'close'; readonly closeCode: number; readonly reason: string }
  /** The peer broke a rule or reached a limit; the close frame is queued already. Nothing is received after it. */
  | { readonly type: 'fault'; readonly fault: Fault };

/** Whether with the event a message (or the frame of a raw endpoint) has come to its end. */
export function endsMessage(event: EndpointEvent): boolean {
  return event.type === 'message' || event.type === 'frame' || (event.type === 'piece' && event.piece.isLast);
}
