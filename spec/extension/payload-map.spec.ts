import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { PayloadMap } from '../../lib/extension/payload-map.ts';
import { type FramePiece, UNKNOWN_LENGTH } from '../../lib/frame/frame-decoder.ts';
import { Opcode } from '../../lib/frame/opcode.ts';
import { throws } from '../support/check.ts';

const test = suite('payload-map');

const piece: FramePiece = {
  opcode: Opcode.TEXT,
  fin: true,
  rsv: 0x20,
  payloadLength: 9,
  isFirst: false,
  isLast: true,
  bytes: Uint8Array.of(0, 1, 2, 3, 4),
  start: 1,
  end: 4,
  isLent: true,
};

test('the function is given the payload of the piece alone, and what it is a piece of', () => {
  const seen: unknown[] = [];
  const map = new PayloadMap((payload, of) => {
    seen.push([...payload], of);
    return payload;
  });
  map.push(piece);
  map.next();
  assert.equal(seen, [[1, 2, 3], piece]);
});

test('what it gives takes the place of the payload, and the rest stays; how long the frame is is not known any more', () => {
  const map = new PayloadMap((payload) => Uint8Array.of(9, ...payload));
  map.push(piece);
  const bytes = Uint8Array.of(9, 1, 2, 3);
  assert.equal(map.next(), { ...piece, bytes, start: 0, end: 4, payloadLength: UNKNOWN_LENGTH });
});

test('each piece is given once', () => {
  const map = new PayloadMap((payload) => payload);
  assert.is(map.next(), undefined);
  map.push(piece);
  assert.ok(map.next());
  assert.is(map.next(), undefined);
});

test('a function that gives no bytes is told so', () => {
  const map = new PayloadMap(() => 'text' as unknown as Uint8Array);
  map.push(piece);
  throws(() => map.next(), TypeError, /no Uint8Array/);
});

test('a function that throws has had its piece', () => {
  const map = new PayloadMap(() => {
    throw new Error('mine');
  });
  map.push(piece);
  throws(() => map.next(), Error, /mine/);
  assert.is(map.next(), undefined);
});
test.run();
