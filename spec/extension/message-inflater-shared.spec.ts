// Receiving sides that share their streams: a stream is taken away between two messages, and its connection goes on from its window (RFC 7692 §7.2.2).

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { literals, message, PeerDeflater, prose } from '../support/deflate-blocks.ts';
import { hex } from '../support/hex.ts';
import { Inflating, inflaterPool, toPiece } from '../support/inflating.ts';
import { Random } from '../support/random.ts';

const test = suite('message-inflater · shared streams');

const text = (bytes: Uint8Array | undefined): string | undefined => bytes && Buffer.from(bytes).toString('latin1');

test('one whose stream was taken away goes on from its window: what refers back is understood', () => {
  const pool = inflaterPool(1);
  const [one, other] = [new Inflating({ pool }), new Inflating({ pool })];
  assert.is(text(one.message([message({ fixed: literals('Hello') })])), 'Hello');
  assert.is(text(other.message([message({ fixed: literals('World') })])), 'World');
  assert.is(pool.size, 1);
  assert.is(text(one.message([hex('f2 00 11 00 00')])), 'Hello');
  assert.is(text(other.message([hex('f2 00 11 00 00')])), 'Horld');
  assert.is(text(other.message([message({ fixed: [[10, 10]] })])), 'WorldHorld');
});

test('nothing of one connection is seen by another: a distance into what the other has received is corrupt', () => {
  for (const hasContextTakeover of [true, false]) {
    const pool = inflaterPool(1);
    const [one, other] = [new Inflating({ pool, hasContextTakeover }), new Inflating({ pool, hasContextTakeover })];
    one.message([message({ fixed: literals('a secret of one') })]);
    assert.is(other.message([message({ fixed: [[15, 10]] })]), undefined);
    assert.is(other.fault?.code, 'ERR_WS_INVALID_DEFLATE');
    // Of a third, that has a context of its own, no more than that is seen.
    const third = new Inflating({ pool, hasContextTakeover });
    third.message([message({ fixed: literals('abc') })]);
    one.message([message({ fixed: literals('a secret of one') })]);
    assert.is(third.message([message({ fixed: [[4, 3]] })]), undefined);
  }
});

test('a stream that a connection has left with corrupt data is as new for the next', () => {
  const pool = inflaterPool(1);
  const [bad, good] = [new Inflating({ pool }), new Inflating({ pool })];
  assert.is(bad.message([hex('ff ff ff')]), undefined);
  assert.is(text(good.message([message({ fixed: literals('Hello') })])), 'Hello');
  assert.is(pool.size, 1);
});

test('in the middle of a message nobody takes it away: both are received, piece by piece in turns', () => {
  const random = new Random();
  const pool = inflaterPool(1);
  const sides = Array.from({ length: 4 }, () => {
    const content = prose(random, 5000);
    const payload = new PeerDeflater().message(content);
    return { inflating: new Inflating({ pool }), content, parts: random.split(payload, 60), at: 0, given: '' };
  });
  for (;;) {
    const open = sides.filter(({ at, parts }) => at < parts.length);
    if (open.length === 0) break;
    const side = random.pick(open);
    const isFirst = side.at === 0;
    const bytes = side.parts[side.at++] as Uint8Array;
    const isLast = side.at === side.parts.length;
    const { inflater } = side.inflating;
    inflater.push(toPiece(bytes, { isFirst, isLast }));
    for (let piece = inflater.next(70); piece !== undefined; piece = inflater.next(70)) {
      side.given += Buffer.from(piece.bytes.subarray(piece.start, piece.end)).toString('latin1');
    }
    assert.is(inflater.retained > 0, !isLast);
  }
  for (const { content, given } of sides) assert.is(given, text(content));
  assert.is(pool.size, 1, 'when the messages have ended there are no more streams than the capacity');
});

for (const windowBits of [15, 12, 8]) {
  test(`1,000 messages over contexts of ${windowBits} bits, with streams that rest, are taken away or stay, at random`, () => {
    const random = new Random();
    const pool = inflaterPool(2, windowBits);
    // A deflater of zlib has no window of 8 bits; that of 9 reaches too far, so those messages are made without a context.
    const hasTakeover = windowBits > 8;
    const sides = Array.from({ length: 5 }, () => ({
      inflating: new Inflating({ pool, windowBits, hasContextTakeover: hasTakeover || random.below(2) === 0 }),
      peer: new PeerDeflater({ hasTakeover, windowBits: Math.max(9, windowBits) }),
    }));
    for (let count = 0; count < 1000; count++) {
      const { inflating, peer } = random.pick(sides);
      const content = prose(random, random.below(random.pick([50, 250])));
      const isFinal = random.below(10) === 0;
      const payload = isFinal ? peer.finalMessage(content, random.below(2) === 0) : peer.message(content);
      const fragments = random.below(3) === 0 ? random.split(payload, 50) : [payload];
      const given = inflating.message(fragments, undefined, () => 1 + random.below(400));
      assert.is(text(given), text(content), `message ${count}`);
      if (random.below(5) === 0) inflating.inflater.rest();
      assert.ok(pool.size <= 2);
    }
    for (const { inflating } of sides) inflating.inflater.close();
    assert.is(pool.size, 0);
  });
}

test.run();
