// Payload lengths: their form, and the limit they are held against before a byte of the payload has come.

import process from 'node:process';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Role } from '../../lib/frame/frame.ts';
import { FrameDecoder } from '../../lib/frame/frame-decoder.ts';
import { decode, faultAt } from '../support/deliver.ts';
import { wireHeaderTo, wireTo } from '../support/frames.ts';
import { hex, join } from '../support/hex.ts';

const test = suite('frame-decoder · payload length, RFC 6455 §5.2 and §10.4');

const roles: readonly Role[] = ['server', 'client'];

// The least length that each form may tell.
const least = { 16: 126, 64: 65536 } as const;
const lengthEnd = { 7: 2, 16: 4, 64: 10 } as const;

for (const role of roles) {
  for (const length of [0, 1, 124, 125, 126, 127, 128, 65534, 65535, 65536, 65537]) {
    test(`${role} decodes a payload of ${length} bytes`, () => {
      const payload = Uint8Array.from({ length }, (_, index) => index * 7);
      const { frames, fault } = decode({ role }, wireTo(role, { opcode: 2, payload }));
      assert.is(fault, undefined);
      assert.equal(
        frames.map((frame) => [frame.payloadLength, frame.isWhole]),
        [[length, true]],
      );
    });
  }

  for (const bits of [16, 64] as const) {
    for (const declared of [0, 1, 124, 125, 126, 127, 255, 256, 65534, 65535].filter((size) => size < least[bits])) {
      test(`${role} fails with 1002 when the length ${declared} is written in ${bits} bits`, () => {
        const header = wireHeaderTo(role, { opcode: 1, declared, lengthBits: bits });
        const { frames, fault } = decode({ role }, header);
        assert.equal(frames, []);
        assert.is(fault?.code, 'ERR_WS_LENGTH_NOT_MINIMAL');
        assert.is(fault?.closeCode, 1002);
        assert.is(faultAt({ role }, header), lengthEnd[bits], 'as soon as the length is known');
      });
    }

    test(`${role} takes the least length that needs ${bits} bits`, () => {
      const { frames, fault } = decode({ role }, wireHeaderTo(role, { opcode: 1, declared: least[bits] }));
      assert.is(fault, undefined);
      assert.is(frames[0]?.payloadLength, least[bits]);
    });
  }

  for (const first of ['80', 'ff', 'c1']) {
    test(`${role} fails with 1002 at the first byte of a 64-bit length when that is ${first}: its top bit is set`, () => {
      for (const rest of ['00 00 00 00 00 00 00', '00 00 00 00 01 00 00', 'ff ff ff ff ff ff ff']) {
        const header = join(hex(role === 'server' ? '82 ff' : '82 7f'), hex(first), hex(rest));
        const { frames, fault } = decode({ role }, header);
        assert.equal(frames, []);
        assert.is(fault?.code, 'ERR_WS_INVALID_LENGTH');
        assert.is(fault?.closeCode, 1002);
        assert.is(faultAt({ role }, header), 3);
      }
    });
  }

  test(`${role} reads a 64-bit length to its last bit, as far as a number is exact`, () => {
    for (const declared of [2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, 0x123456789abc, 2 ** 53 - 1]) {
      const { frames, fault } = decode({ role }, wireHeaderTo(role, { opcode: 2, declared }));
      assert.is(fault, undefined);
      assert.equal(frames[0]?.payloadLength, declared);
    }
  });

  test(`${role} fails with 1009 on a length from 2^53 on, whatever the limit`, () => {
    for (const declared of [2n ** 53n, 2n ** 53n + 1n, 2n ** 62n, 0x123456789abcdefn, 2n ** 63n - 1n]) {
      const { frames, fault } = decode({ role }, wireHeaderTo(role, { opcode: 2, declared }));
      assert.equal(frames, []);
      assert.is(fault?.code, 'ERR_WS_FRAME_TOO_LONG');
      assert.is(fault?.closeCode, 1009);
    }
  });

  for (const maxFrameSize of [0, 1, 125, 126, 1000, 65535, 65536, 2 ** 31, 2 ** 32]) {
    test(`${role} fails with 1009 when a frame declares ${maxFrameSize + 1} bytes and ${maxFrameSize} are allowed`, () => {
      for (const opcode of [1, 2]) {
        const header = wireHeaderTo(role, { opcode, declared: maxFrameSize + 1 });
        const { frames, fault } = decode({ role, maxFrameSize }, header);
        assert.equal(frames, []);
        assert.is(fault?.code, 'ERR_WS_FRAME_TOO_LONG');
        assert.is(fault?.closeCode, 1009);
        const keySize = role === 'server' ? 4 : 0;
        assert.is(
          faultAt({ role, maxFrameSize }, header),
          header.byteLength - keySize,
          'not a byte of payload is waited for',
        );
      }
      const { frames, fault } = decode(
        { role, maxFrameSize },
        wireHeaderTo(role, { opcode: 2, declared: maxFrameSize }),
      );
      assert.is(fault, undefined, 'a frame of the limit itself is taken');
      assert.is(frames[0]?.payloadLength, maxFrameSize);
    });
  }

  test(`${role} holds continuation frames against the limit too`, () => {
    const start = wireTo(role, { opcode: 1, fin: false, payload: 'abc' });
    const { frames, fault } = decode(
      { role, maxFrameSize: 3 },
      join(start, wireHeaderTo(role, { opcode: 0, declared: 4 })),
    );
    assert.is(frames.length, 1);
    assert.is(fault?.code, 'ERR_WS_FRAME_TOO_LONG');
  });

  test(`${role} allocates nothing for a frame of 1 GiB before its bytes have come`, () => {
    const header = wireHeaderTo(role, { opcode: 2, declared: 2 ** 30 });
    const decoders = Array.from({ length: 64 }, () => new FrameDecoder({ role }));
    const before = process.memoryUsage().arrayBuffers;
    for (const decoder of decoders) {
      decoder.push(header.slice());
      const piece = decoder.next();
      assert.is(piece?.payloadLength, 2 ** 30);
      assert.is(piece?.isFirst, true);
      assert.is(piece?.isLast, false);
    }
    assert.ok(process.memoryUsage().arrayBuffers - before < 1024 * 1024);
  });
}

test.run();
