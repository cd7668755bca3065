// The messages of the model: cut from pools that are filled once, so that a run costs nothing for them; and nobody may change a pool.

import type { Sendable } from '../../lib/connection/sendable.ts';
import type { Message } from '../../lib/message/message.ts';
import { streams } from '../../lib/stream/streams.ts';
import { turns } from '../../lib/testing/turns.ts';
import { Random } from './random.ts';

const LONGEST = 102_400;

const random = new Random(1);
const bytePool = random.bytes(2 * LONGEST);
const original = bytePool.slice();
const letters = ['a', 'ß', '€', 'z', ' '];
const textPool = Array.from({ length: 2 * LONGEST }, () => random.pick(letters)).join('');

/** One message that a side sends. */
export interface Shipment {
  /** What arrives, when it does. */
  readonly content: Message;
  readonly sendable: Sendable;
  /** Whether it may be missing although all that was sent behind it has come: a policy may drop it. */
  readonly mayBeMissing: boolean;
  /** Whether it cannot arrive whole: its source fails, or never ends. */
  readonly isBroken: boolean;
}

/** Some bytes, others for another index. */
export function makeBytes(index: number, size: number): Uint8Array {
  const from = (index * 7919) % LONGEST;
  return bytePool.subarray(from, from + size);
}

/** Some text of about that many bytes, others for another index. */
export function makeText(index: number, size: number): string {
  if (size === 0) return '';
  const from = (index * 7919) % LONGEST;
  return index % 5 === 0 && size < 100
    ? '𝄞'.repeat(Math.ceil(size / 4))
    : textPool.slice(from, from + Math.ceil(size / 2));
}

/** Whether somebody has changed the bytes of a message. */
export function areMessagesChanged(): boolean {
  return Buffer.compare(bytePool, original) !== 0;
}

export function ship(content: Message, mayBeMissing: boolean): Shipment {
  return { content, sendable: content, mayBeMissing, isBroken: false };
}

/** What a source does behind its chunks. */
export type SourceEnd = 'ends' | 'fails' | 'hangs';

const MOST_CHUNKS = 12;

/** A message that is sent as its source gives it: a ReadableStream or an async iterable, with its type said or not. */
export function shipStream(content: Message, seed: number, end: SourceEnd): Shipment {
  const dice = new Random(seed);
  const chunks = cut(content, dice);
  if (end !== 'ends') chunks.splice(dice.below(chunks.length + 1));
  const iterable = give(chunks, dice.below(4), end);
  const body = dice.below(2) === 0 ? iterable : toStream(iterable);
  // Without a chunk, nothing but the type tells a text from bytes.
  const type = typeof content === 'string' ? 'text' : 'binary';
  const sendable = content.length === 0 || dice.below(2) === 0 ? ({ type, body } as const) : body;
  return { content, sendable, mayBeMissing: end !== 'ends', isBroken: end !== 'ends' };
}

function cut(content: Message, dice: Random): Message[] {
  const chunks: Message[] = [];
  const longest = Math.max(1, Math.ceil(content.length / MOST_CHUNKS), dice.below(content.length + 1));
  for (let from = 0; from < content.length; ) {
    const to = from + 1 + dice.below(longest);
    chunks.push(typeof content === 'string' ? content.slice(from, to) : content.subarray(from, to));
    from = to;
  }
  return chunks;
}

async function* give(
  chunks: readonly Message[],
  pause: number,
  end: SourceEnd,
): AsyncGenerator<Message, void, undefined> {
  for (const chunk of chunks) {
    await turns(pause);
    yield chunk;
  }
  if (end === 'fails') throw new Error('The source fails');
  if (end === 'hangs') await new Promise(() => {});
}

function toStream(iterable: AsyncGenerator<Message, void, undefined>): ReadableStream<Message> {
  const { ReadableStream } = streams();
  return new ReadableStream<Message>({
    async pull(controller) {
      const { done, value } = await iterable.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
  });
}
