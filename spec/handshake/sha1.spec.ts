// SHA-1 against the vectors of NIST and against the runtime's own.

import { createHash } from 'node:crypto';
import process from 'node:process';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { sha1 } from '../../lib/handshake/sha1.ts';
import { toHex } from '../support/hex.ts';

const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
console.log(`seed ${seed}`);

const vectors = suite('sha1 · FIPS 180-4');

function digest(bytes: Uint8Array): string {
  return toHex(sha1(bytes)).replaceAll(' ', '');
}

function reference(bytes: Uint8Array): string {
  return createHash('sha1').update(bytes).digest('hex');
}

const ascii = new TextEncoder();

vectors('the empty message', () => {
  assert.is(digest(new Uint8Array(0)), 'da39a3ee5e6b4b0d3255bfef95601890afd80709');
});

vectors('a message of one block', () => {
  assert.is(digest(ascii.encode('abc')), 'a9993e364706816aba3e25717850c26c9cd0d89d');
});

vectors('a message of two blocks', () => {
  const message = 'abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq';
  assert.is(digest(ascii.encode(message)), '84983e441c3bd26ebaae4aa1f95129e5e54670f1');
});

vectors('a message of 896 bits', () => {
  const message =
    'abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu';
  assert.is(digest(ascii.encode(message)), 'a49b2446a02c645bf419f995b67091253a04a259');
});

vectors('a million times the letter a', () => {
  assert.is(digest(new Uint8Array(1_000_000).fill(0x61)), '34aa973cd4c4daa4f61eeb2bdbad27316534016f');
});

vectors('every length around the ends of the first three blocks', () => {
  for (let length = 0; length <= 200; length++) {
    const bytes = Uint8Array.from({ length }, (_, index) => index * 7 + length);
    assert.is(digest(bytes), reference(bytes), `length ${length}`);
  }
});

vectors('the message is left as it was, and may be a view', () => {
  const whole = Uint8Array.from({ length: 300 }, (_, index) => index);
  const copy = whole.slice();
  const view = whole.subarray(13, 150);
  assert.is(digest(view), reference(view));
  assert.equal(whole, copy);
});

vectors('any message has the digest that the runtime computes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2048 }), (bytes) => {
      assert.is(digest(bytes), reference(bytes));
    }),
    { seed },
  );
});

vectors.run();
