// What the demo does with messages: a transform like any other.

import type { Message } from '../node.ts';

/** Upper-cases text messages, and passes binary ones on as they are. */
export function upperCase(): TransformStream<Message, Message> {
  return new TransformStream({
    transform(message, controller) {
      controller.enqueue(typeof message === 'string' ? message.toUpperCase() : message);
    },
  });
}
