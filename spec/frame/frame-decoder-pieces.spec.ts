// The decoder as a pull parser: chunks are pushed, pieces are taken, and whoever takes them may stop at any of them.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Role } from '../../lib/frame/frame.ts';
import { FrameDecoder, type FramePiece } from '../../lib/frame/frame-decoder.ts';
import { throws } from '../support/check.ts';
import { KEY, wire, wireHeaderTo, wireTo } from '../support/frames.ts';
import { hex, join, toHex } from '../support/hex.ts';

const test = suite('frame-decoder · pieces');

const roles: readonly Role[] = ['server', 'client'];

function bytesOf(piece: FramePiece | undefined): string {
  assert.ok(piece, 'there is a piece');
  return toHex(piece.bytes.subarray(piece.start, piece.end));
}

for (const role of roles) {
  test(`${role} gives a frame that is whole in its chunk as one piece`, () => {
    const decoder = new FrameDecoder({ role });
    decoder.push(wireTo(role, { opcode: 1, payload: 'Hello' }));
    const piece = decoder.next();
    assert.is(bytesOf(piece), '48 65 6c 6c 6f');
    assert.is(piece?.isFirst, true);
    assert.is(piece?.isLast, true);
    assert.is(decoder.next(), undefined);
    assert.is(decoder.isBetweenFrames, true);
  });

  test(`${role} gives a first piece as soon as the header has come, before any of the payload`, () => {
    const decoder = new FrameDecoder({ role });
    decoder.push(wireHeaderTo(role, { opcode: 2, declared: 3 }));
    const piece = decoder.next();
    assert.is(bytesOf(piece), '');
    assert.is(piece?.isFirst, true);
    assert.is(piece?.isLast, false);
    assert.is(piece?.payloadLength, 3);
    assert.is(decoder.next(), undefined);
    assert.is(decoder.isBetweenFrames, false);
  });

  test(`${role} gives the payload as it comes, and says which piece is the last`, () => {
    const decoder = new FrameDecoder({ role });
    const bytes = wireTo(role, { opcode: 2, payload: hex('01 02 03 04 05') });
    decoder.push(bytes.slice(0, -3));
    const first = decoder.next();
    assert.is(bytesOf(first), '01 02');
    assert.equal([first?.isFirst, first?.isLast], [true, false]);
    assert.is(decoder.next(), undefined);
    decoder.push(bytes.slice(-3, -1));
    const second = decoder.next();
    assert.is(bytesOf(second), '03 04');
    assert.equal([second?.isFirst, second?.isLast], [false, false]);
    decoder.push(bytes.slice(-1));
    const third = decoder.next();
    assert.is(bytesOf(third), '05');
    assert.equal([third?.isFirst, third?.isLast], [false, true]);
    assert.is(decoder.next(), undefined);
  });

  test(`${role} gives at most as many bytes as asked for, and keeps the rest`, () => {
    const decoder = new FrameDecoder({ role });
    decoder.push(wireTo(role, { opcode: 2, payload: hex('01 02 03 04 05') }));
    assert.is(bytesOf(decoder.next(2)), '01 02');
    assert.is(decoder.unread, 3);
    assert.is(bytesOf(decoder.next(1)), '03');
    assert.is(bytesOf(decoder.next()), '04 05');
    assert.is(decoder.unread, 0);
  });

  test(`${role} gives nothing and loses nothing when no byte is asked for`, () => {
    for (const none of [0, -1, Number.NaN]) {
      const decoder = new FrameDecoder({ role });
      decoder.push(wireTo(role, { opcode: 2, payload: hex('01 02 03') }));
      assert.is(bytesOf(decoder.next(1)), '01');
      assert.is(decoder.next(none), undefined);
      assert.is(decoder.unread, 2);
      assert.is(bytesOf(decoder.next()), '02 03');
    }
  });

  test(`${role} takes a fraction of a byte that is asked for as a byte`, () => {
    const decoder = new FrameDecoder({ role });
    decoder.push(wireTo(role, { opcode: 2, payload: hex('01 02 03 04') }));
    assert.equal([decoder.next(0.25), decoder.next(1.5), decoder.next(7.5)].map(bytesOf), ['01', '02 03', '04']);
  });

  test(`${role} gives a control frame whole, although its bytes come one by one or fewer are asked for`, () => {
    const decoder = new FrameDecoder({ role });
    const bytes = wireTo(role, { opcode: 9, payload: 'ping' });
    for (const byte of bytes.subarray(0, -1)) {
      decoder.push(Uint8Array.of(byte));
      assert.is(decoder.next(1), undefined);
    }
    decoder.push(bytes.slice(-1));
    const piece = decoder.next(1);
    assert.is(bytesOf(piece), '70 69 6e 67');
    assert.equal([piece?.isFirst, piece?.isLast], [true, true]);
  });

  test(`${role} gives a control frame with bytes of its own: its chunk may be used again`, () => {
    for (const isOwned of [true, false]) {
      const decoder = new FrameDecoder({ role });
      const chunk = wireTo(role, { opcode: 9, payload: 'ping' });
      decoder.push(chunk, isOwned);
      const piece = decoder.next();
      chunk.fill(0);
      assert.is(bytesOf(piece), '70 69 6e 67');
    }
  });

  test(`${role} gives control frames inside the frames of a message apart from them`, () => {
    const decoder = new FrameDecoder({ role });
    decoder.push(
      join(
        wireTo(role, { opcode: 1, fin: false, payload: 'a' }),
        wireTo(role, { opcode: 9, payload: 'b' }),
        wireTo(role, { opcode: 0, payload: 'c' }),
      ),
    );
    assert.equal(
      [decoder.next(), decoder.next(), decoder.next()].map((piece) => [piece?.opcode, piece?.fin, bytesOf(piece)]),
      [
        [1, false, '61'],
        [9, true, '62'],
        [0, true, '63'],
      ],
    );
  });

  test(`${role} refuses a chunk while the one before is not used up, and loses nothing of it`, () => {
    const decoder = new FrameDecoder({ role });
    decoder.push(wireTo(role, { opcode: 2, payload: hex('01 02') }));
    decoder.next(1);
    throws(() => decoder.push(hex('00')), Error, /Cannot push a chunk/);
    assert.is(bytesOf(decoder.next()), '02');
  });

  test(`${role} gives nothing after a fault, whatever is pushed`, () => {
    const decoder = new FrameDecoder({ role });
    decoder.push(join(hex('83 00'), wireTo(role, { opcode: 1, payload: 'a' })));
    assert.is(decoder.next(), undefined);
    assert.is(decoder.fault?.code, 'ERR_WS_UNKNOWN_OPCODE');
    assert.is(decoder.unread, 0);
    const { fault } = decoder;
    for (const bytes of [wireTo(role, { opcode: 1, payload: 'a' }), hex('f0'), new Uint8Array(0)]) {
      decoder.push(bytes);
      assert.is(decoder.next(), undefined);
      assert.is(decoder.unread, 0);
    }
    assert.is(decoder.fault, fault, 'the fault stays the first one');
  });

  test(`${role} gives nothing after stop, at whatever place it was stopped`, () => {
    const input = join(
      wireTo(role, { opcode: 1, fin: false, payload: 'abc' }),
      wireTo(role, { opcode: 9, payload: 'abc' }),
      wireTo(role, { opcode: 0, payload: 'abc' }),
    );
    for (let end = 0; end <= input.byteLength; end++) {
      const decoder = new FrameDecoder({ role });
      decoder.push(input.slice(0, end));
      while (decoder.next() !== undefined);
      decoder.stop();
      decoder.push(input.slice(end));
      assert.is(decoder.next(), undefined);
      assert.is(decoder.unread, 0);
      assert.is(decoder.fault, undefined);
    }
  });

  test(`${role} drops what is left of the chunk when it is stopped`, () => {
    const decoder = new FrameDecoder({ role });
    decoder.push(wireTo(role, { opcode: 2, payload: hex('01 02') }));
    decoder.next(1);
    decoder.stop();
    assert.is(decoder.unread, 0);
    assert.is(decoder.next(), undefined);
  });

  test(`${role} lets a chunk go as soon as it is used up, although only as many bytes were asked for`, async () => {
    const decoder = new FrameDecoder({ role });
    const push = (): WeakRef<Uint8Array> => {
      const chunk = wireTo(role, { opcode: 2, payload: new Uint8Array(50_000) });
      decoder.push(chunk);
      assert.is(decoder.next(50_000)?.isLast, true);
      return new WeakRef(chunk);
    };
    const chunk = push();
    // What a WeakRef points to stays alive until the end of the turn.
    await new Promise((resolve) => setImmediate(resolve));
    globalThis.gc?.();
    assert.is(chunk.deref(), undefined);
    assert.is(decoder.isBetweenFrames, true);
  });
}

// --- Whose bytes they are ------------------------------------------------------------------------------------------

test('server unmasks a chunk in place when it is owned, and gives views of it', () => {
  const decoder = new FrameDecoder({ role: 'server' });
  const chunk = wire({ opcode: 2, payload: 'Hello', maskingKey: KEY });
  decoder.push(chunk, true);
  const piece = decoder.next();
  assert.is(piece?.bytes.buffer, chunk.buffer);
  assert.is(toHex(chunk.subarray(6)), '48 65 6c 6c 6f');
});

for (const isOwned of [true, false]) {
  test(`server gives memory of its own to a payload of which the chunk has much more (${isOwned ? 'owned' : 'not owned'})`, () => {
    const decoder = new FrameDecoder({ role: 'server' });
    const payloads = [4096, 5000, 511, 16_384, 40_000].map((size, index) =>
      Uint8Array.from({ length: size }, (_, at) => (at * 7 + index) & 0xff),
    );
    const chunk = join(...payloads.map((payload) => wire({ opcode: 2, payload, maskingKey: KEY })));
    decoder.push(chunk, isOwned);
    for (const payload of payloads) {
      const piece = decoder.next() as FramePiece;
      assert.is(Buffer.compare(piece.bytes.subarray(piece.start, piece.end), payload), 0);
      const isShared = payload.byteLength === 511 || payload.byteLength === 40_000;
      assert.is(piece.bytes.buffer === chunk.buffer, isOwned && isShared, `${payload.byteLength} bytes`);
    }
  });
}

test('server unmasks in a copy when the chunk is not owned', () => {
  for (const chunk of [wire({ opcode: 2, payload: 'Hello', maskingKey: KEY })].flatMap((it) => [it, Buffer.from(it)])) {
    const decoder = new FrameDecoder({ role: 'server' });
    decoder.push(chunk);
    const piece = decoder.next();
    assert.is(bytesOf(piece), '48 65 6c 6c 6f');
    assert.is.not(piece?.bytes.buffer, chunk.buffer);
    assert.is(piece?.bytes.constructor, Uint8Array);
    assert.is(toHex(chunk), '82 85 37 fa 21 3d 7f 9f 4d 51 58');
  }
});

test('server writes nothing beside the payload into a chunk that is owned', () => {
  const buffer = new Uint8Array(300).fill(0xee);
  const frame = wire({ opcode: 2, payload: new Uint8Array(200).fill(7), maskingKey: KEY });
  for (const offset of [0, 1, 2, 3, 41]) {
    buffer.fill(0xee).set(frame, offset);
    const decoder = new FrameDecoder({ role: 'server' });
    decoder.push(buffer.subarray(offset, offset + frame.byteLength), true);
    assert.is(decoder.next()?.isLast, true);
    const rest = [buffer.subarray(0, offset), buffer.subarray(offset + frame.byteLength)];
    assert.ok(rest.every((part) => part.every((byte) => byte === 0xee)));
    assert.is(toHex(buffer.subarray(offset, offset + 8)), toHex(frame.subarray(0, 8)), 'not the header either');
  }
});

test('client gives views of the chunk and never writes into it', () => {
  for (const isOwned of [true, false]) {
    const decoder = new FrameDecoder({ role: 'client' });
    const chunk = wire({ opcode: 2, payload: 'Hello' });
    decoder.push(chunk, isOwned);
    assert.is(decoder.next()?.bytes.buffer, chunk.buffer);
    assert.is(toHex(chunk), '82 05 48 65 6c 6c 6f');
  }
});

test.run();
