// Messages in, frames out, as a transform: RFC 6455 §5.4.

import type { Frame } from '../frame/frame.ts';
import { type MessageSource, toMessage } from '../message/message.ts';
import { assertFragmentSize, fragmentMessage } from '../message/message-fragmenter.ts';
import { TransformPair } from './transform-pair.ts';

/** Options of a {@link MessageFragmenterStream}. */
export interface MessageFragmenterOptions {
  /** The most bytes of payload of a frame. Default: no limit, each message is one frame. */
  readonly fragmentSize?: number;
}

/**
 * Makes the frames of messages: a string is a text message, bytes are a binary one. The stream errors with a TypeError for anything else.
 *
 * @example
 * messages.pipeThrough(new MessageFragmenterStream({ fragmentSize: 16384 })).pipeThrough(new FrameEncoderStream({ role: 'server' }));
 */
export class MessageFragmenterStream extends TransformPair<MessageSource, Frame> {
  /** @throws RangeError when `fragmentSize` is no positive integer. */
  constructor({ fragmentSize = Number.POSITIVE_INFINITY }: MessageFragmenterOptions = {}) {
    assertFragmentSize(fragmentSize);
    super({
      transform(message, controller) {
        for (const frame of fragmentMessage(toMessage(message), fragmentSize)) controller.enqueue(frame);
      },
    });
  }
}
