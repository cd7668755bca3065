// What is sent where messages are compressed: of all sizes, compressible and not.

import type { Message } from '../../lib/message/message.ts';
import { Random } from './random.ts';

const KiB = 1024;
const MiB = 1024 * KiB;

const random = new Random();

/** Bytes that nothing compresses. */
export function noise(size: number): Uint8Array {
  return random.bytes(size);
}

/** A text that halves: each hexadecimal digit is worth four bits of its eight, and none of it repeats. */
export function digits(length: number): string {
  return Buffer.from(random.bytes(length / 2)).toString('hex');
}

/** A text of so many bytes of UTF-8, with characters of all lengths. */
export function multibyte(size: number): string {
  const unit = 'aя日😀';
  const count = Math.floor(size / 10);
  return unit.repeat(count) + 'x'.repeat(size - count * 10);
}

/** A message of JSON as applications send it, about 260 bytes, no two alike. */
export function json(number: number): string {
  return JSON.stringify({
    type: 'order.updated',
    id: random.next(),
    number,
    customer: { name: 'Zoë Müller', city: '東京', since: 2019 },
    items: [{ sku: `A-${random.below(1000)}`, quantity: 1 + random.below(9), price: random.below(10_000) / 100 }],
    note: 'please ring twice 🔔 and leave it at the door',
    isPaid: random.below(2) === 1,
  });
}

export interface Sample {
  readonly name: string;
  readonly message: Message;
  /** Whether compressing makes it much smaller. */
  readonly isCompressible: boolean;
}

function sample(name: string, message: Message, isCompressible = false): Sample {
  return { name, message, isCompressible };
}

/** Messages of a few bytes up to some KiB. */
export const smallSamples: readonly Sample[] = [
  sample('an empty text', ''),
  sample('no bytes', new Uint8Array(0)),
  sample('a text of one character', 'a'),
  sample('a byte', Uint8Array.of(0xff)),
  sample('a text of four bytes', '😀'),
  sample('a small object', json(1)),
  sample('a text that repeats itself', multibyte(2_000), true),
  sample('bytes that are all the same', new Uint8Array(5_000), true),
  sample('noise of 3,000 bytes', noise(3_000)),
  sample('many objects', `[${Array.from({ length: 64 }, (_, index) => json(index)).join()}]`, true),
];

/** Messages around the borders of frames, buffers and steps, up to 1 MiB. */
export const largeSamples: readonly Sample[] = [
  ...[125, 126, 127, 128, 32_768, 65_535, 65_536, 131_072, 131_073].map((size) =>
    sample(`a text of ${size} bytes`, multibyte(size), size > 1000),
  ),
  sample('noise of 64 KiB', noise(64 * KiB)),
  sample('digits of 64 KiB', digits(64 * KiB)),
  sample('a text of 1 MiB', multibyte(MiB), true),
  sample('zeros of 1 MiB', new Uint8Array(MiB), true),
  sample('noise of 1 MiB', noise(MiB)),
];
