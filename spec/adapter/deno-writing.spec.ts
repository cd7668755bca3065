// Pieces put together for connections that take one buffer a write.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { gatherWrites } from '../../lib/adapter/deno-writing.ts';
import { Random } from '../support/random.ts';

const test = suite('deno-writing');

const KiB = 1024;
const of = (length: number, value = 1): Uint8Array => new Uint8Array(length).fill(value);
const lengths = (pieces: readonly Uint8Array[]): number[] => [...gatherWrites(pieces)].map((each) => each.byteLength);

test('small pieces are one write, and so is a header with the 16 KiB behind it', () => {
  assert.equal(lengths([of(2), of(3), of(4)]), [9]);
  assert.equal(lengths([of(4), of(16 * KiB)]), [16 * KiB + 4]);
});

test('a piece that is alone is not copied, a large one never', () => {
  const piece = of(5);
  const large = of(100 * KiB);
  assert.is([...gatherWrites([piece])][0], piece);
  assert.is([...gatherWrites([piece, large])][0], piece);
  assert.is([...gatherWrites([piece, large])][1], large);
});

test('what is gathered is at most 64 KiB and room for headers', () => {
  const pieces = Array.from({ length: 100 }, () => of(10 * KiB));
  assert.ok(lengths(pieces).every((length) => length <= 65 * KiB));
  assert.is(lengths(pieces).length, Math.ceil(100 / 6));
});

test('writes that are under way at the same time have buffers of their own; one that is over lends its to the next', () => {
  const [one, other] = [1, 2].map((value) => gatherWrites([of(10 * KiB, value), of(10 * KiB, value)]));
  const first = one?.next().value as Uint8Array;
  const second = other?.next().value as Uint8Array;
  assert.ok(first.every((byte) => byte === 1));
  assert.ok(second.every((byte) => byte === 2));
  // The connection is gone: nobody asks for more.
  for (const writes of [one, other]) writes?.return();
  assert.is((gatherWrites([of(10 * KiB), of(10 * KiB)]).next().value as Uint8Array).buffer, second.buffer);
});

test('nothing is no write', () => {
  assert.equal(lengths([]), []);
  assert.equal(lengths([of(0), of(0)]), []);
  assert.equal(lengths([of(0), of(20 * KiB), of(0)]), [20 * KiB]);
});

test('the bytes are those of the pieces, in their order, whatever their lengths', () => {
  const random = new Random();
  for (let run = 0; run < 200; run++) {
    const pieces = Array.from({ length: random.below(30) }, () =>
      random.bytes(
        random.pick([0, 1, 10, 1000, 16 * KiB - 1, 16 * KiB, 16 * KiB + 1, random.below(70 * KiB)]) & 0xffff,
      ),
    ).slice(0, 1 + random.below(12));
    const writes = Array.from(gatherWrites(pieces), (each) => each.slice());
    assert.is(Buffer.compare(Buffer.concat(writes), Buffer.concat(pieces)), 0);
    assert.ok(writes.every((each) => each.byteLength > 0));
  }
});

test.run();
