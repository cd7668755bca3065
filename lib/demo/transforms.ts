// What the demo does with messages: transforms like any other. The page lets a person choose among them.

import type { Message } from '../node.ts';

const transforms = {
  none: (text: string): string => text,
  upper: (text: string): string => text.toUpperCase(),
  reverse: (text: string): string =>
    [...graphemes.segment(text)].reverse().reduce((all, { segment }) => all + segment, ''),
  rot13: (text: string): string => text.replace(/[a-z]/gi, rotate),
} satisfies Record<string, (text: string) => string>;

export type TransformName = keyof typeof transforms;

export function isTransformName(name: unknown): name is TransformName {
  return typeof name === 'string' && Object.hasOwn(transforms, name);
}

/**
 * Changes text messages, and passes binary ones on as they are.
 *
 * @param nameOf Is asked at each message, so that another transform can be chosen while the stream runs.
 */
export function transformText(nameOf: () => TransformName): TransformStream<Message, Message> {
  return new TransformStream({
    transform(message, controller) {
      controller.enqueue(typeof message === 'string' ? transforms[nameOf()](message) : message);
    },
  });
}

// What a person sees as one character may be many code points.
const graphemes = new Intl.Segmenter();

function rotate(letter: string): string {
  const code = letter.charCodeAt(0);
  const first = code < 0x61 ? 0x41 : 0x61;
  return String.fromCharCode(((code - first + 13) % 26) + first);
}
