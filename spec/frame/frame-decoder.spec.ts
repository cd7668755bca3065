// The rules of single frames, and of their order within a message.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Role } from '../../lib/frame/frame.ts';
import { type Decoded, decode, faultAt, type SeenFrame, show } from '../support/deliver.ts';
import { KEY, toBytes, type WireFrame, wire, wireHeaderTo, wireTo } from '../support/frames.ts';
import { hex, join, toHex } from '../support/hex.ts';

const test = suite('frame-decoder · RFC 6455 §5.2 to §5.5');

const roles: readonly Role[] = ['server', 'client'];

function seen(frame: WireFrame): SeenFrame {
  const payload = toBytes(frame.payload ?? '');
  const { opcode, fin = true, rsv = 0 } = frame;
  return { opcode, fin, rsv, payloadLength: payload.byteLength, payload: show(payload), isWhole: true };
}

/** Asserts that a decoder takes these frames as they are. */
function accepts(role: Role, frames: readonly WireFrame[]): void {
  const decoded = decode({ role }, join(...frames.map((frame) => wireTo(role, frame))));
  assert.equal(decoded, { frames: frames.map(seen), fault: undefined, isBetweenFrames: true });
}

/** Asserts that a decoder takes `frames` and fails at the byte `at` of `bad` with that code and 1002. */
function refuses(role: Role, frames: readonly WireFrame[], bad: Uint8Array, code: string, at: number): void {
  const good = join(...frames.map((frame) => wireTo(role, frame)));
  const decoded: Decoded = decode({ role }, join(good, bad));
  assert.equal(decoded.frames, frames.map(seen));
  assert.is(decoded.fault?.code, code);
  assert.is(decoded.fault?.closeCode, 1002);
  assert.is(faultAt({ role }, join(good, bad)), good.byteLength + at, 'the byte at which it fails');
}

// --- §5.7: the examples --------------------------------------------------------------------------------------------

test('client decodes the examples of RFC 6455 §5.7 that are not masked', () => {
  const examples = [
    '81 05 48 65 6c 6c 6f', // a text message
    '01 03 48 65 6c 80 02 6c 6f', // the same in two fragments
    '89 05 48 65 6c 6c 6f', // a ping
  ];
  const decoded = decode({ role: 'client' }, hex(examples.join(' ')));
  assert.equal(decoded.frames, [
    seen({ opcode: 1, payload: 'Hello' }),
    seen({ opcode: 1, fin: false, payload: 'Hel' }),
    seen({ opcode: 0, payload: 'lo' }),
    seen({ opcode: 9, payload: 'Hello' }),
  ]);
});

test('server decodes the examples of RFC 6455 §5.7 that are masked', () => {
  const decoded = decode({ role: 'server' }, hex('81 85 37 fa 21 3d 7f 9f 4d 51 58  8a 85 37 fa 21 3d 7f 9f 4d 51 58'));
  assert.equal(decoded.frames, [seen({ opcode: 1, payload: 'Hello' }), seen({ opcode: 10, payload: 'Hello' })]);
});

test('client decodes a frame of 256 bytes and one of 65,536, as in RFC 6455 §5.7', () => {
  const frames = [256, 65536].map((length) => ({ opcode: 2, payload: new Uint8Array(length).fill(0x5a) }));
  assert.is(toHex(wire(frames[0] as WireFrame).subarray(0, 4)), '82 7e 01 00');
  assert.is(toHex(wire(frames[1] as WireFrame).subarray(0, 10)), '82 7f 00 00 00 00 00 01 00 00');
  accepts('client', frames);
});

// --- §5.1: masking -------------------------------------------------------------------------------------------------

test('server fails with 1002 at the second byte of a frame that is not masked', () => {
  refuses('server', [], hex('81 05 48 65 6c 6c 6f'), 'ERR_WS_MISSING_MASK', 2);
});

test('client fails with 1002 at the second byte of a frame that is masked', () => {
  refuses('client', [], hex('81 85 37 fa 21 3d 7f 9f 4d 51 58'), 'ERR_WS_UNEXPECTED_MASK', 2);
});

for (const [name, opcode] of Object.entries({ continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 })) {
  const start: WireFrame[] = opcode === 0 ? [{ opcode: 1, fin: false, payload: 'a' }] : [];

  test(`server fails with 1002 when a ${name} frame is not masked, an empty one too`, () => {
    refuses('server', start, wire({ opcode, payload: 'ab' }), 'ERR_WS_MISSING_MASK', 2);
    refuses('server', start, wire({ opcode }), 'ERR_WS_MISSING_MASK', 2);
  });

  test(`client fails with 1002 when a ${name} frame is masked, an empty one too`, () => {
    refuses('client', start, wire({ opcode, payload: 'ab', maskingKey: KEY }), 'ERR_WS_UNEXPECTED_MASK', 2);
    refuses('client', start, wire({ opcode, maskingKey: KEY }), 'ERR_WS_UNEXPECTED_MASK', 2);
  });
}

test('server unmasks with any key, 00000000 and ffffffff too', () => {
  for (const key of ['00 00 00 00', 'ff ff ff ff', '80 00 00 00', '00 00 00 01', '7f 80 ff 00']) {
    accepts('server', [{ opcode: 2, payload: 'a longer payload than the key', maskingKey: hex(key) }]);
  }
});

test('server takes the masking key of each frame anew', () => {
  accepts('server', [
    { opcode: 1, payload: 'first', maskingKey: hex('01 02 03 04') },
    { opcode: 9, payload: 'second', maskingKey: hex('a1 b2 c3 d4') },
    { opcode: 1, payload: 'third', maskingKey: hex('00 00 00 00') },
  ]);
});

for (const role of roles) {
  // --- §5.2: reserved bits and opcodes -----------------------------------------------------------------------------

  test(`${role} fails with 1002 at the first byte when any reserved bit is set`, () => {
    for (const rsv of [0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70]) {
      for (const opcode of [1, 2, 8, 9, 10]) {
        refuses(role, [], wireTo(role, { opcode, rsv, payload: 'ab' }), 'ERR_WS_UNEXPECTED_RSV', 1);
      }
      const start = { opcode: 1, fin: false, payload: 'a' };
      refuses(role, [start], wireTo(role, { opcode: 0, rsv, payload: 'ab' }), 'ERR_WS_UNEXPECTED_RSV', 1);
    }
  });

  test(`${role} takes a reserved bit that an extension has defined, and reports it`, () => {
    for (const rsvBits of [0x40, 0x60, 0x70]) {
      const frame = { opcode: 2, rsv: rsvBits, payload: 'ab' };
      assert.equal(decode({ role, rsvBits }, wireTo(role, frame)).frames, [seen(frame)]);
    }
  });

  test(`${role} fails with 1002 when a reserved bit is set that no extension has defined beside one that is`, () => {
    const decoded = decode({ role, rsvBits: 0x40 }, wireTo(role, { opcode: 2, rsv: 0x60, payload: 'ab' }));
    assert.is(decoded.fault?.code, 'ERR_WS_UNEXPECTED_RSV');
    assert.is(decoded.fault?.closeCode, 1002);
  });

  for (const opcode of [0x3, 0x4, 0x5, 0x6, 0x7, 0xb, 0xc, 0xd, 0xe, 0xf]) {
    test(`${role} fails with 1002 at the first byte when the opcode is ${opcode.toString(16).toUpperCase()}`, () => {
      const message = { opcode: 1, payload: 'before' };
      refuses(role, [message], wireTo(role, { opcode, payload: 'ab' }), 'ERR_WS_UNKNOWN_OPCODE', 1);
      refuses(role, [], wireTo(role, { opcode, fin: false }), 'ERR_WS_UNKNOWN_OPCODE', 1);
      const start = { opcode: 2, fin: false, payload: 'a' };
      refuses(role, [start], wireTo(role, { opcode, payload: 'ab' }), 'ERR_WS_UNKNOWN_OPCODE', 1);
    });
  }

  // --- §5.5: control frames ----------------------------------------------------------------------------------------

  for (const [name, opcode] of Object.entries({ close: 8, ping: 9, pong: 10 })) {
    test(`${role} fails with 1002 at the second byte when a ${name} frame has over 125 bytes of payload`, () => {
      for (const length of [126, 127, 65535, 65536, 2 ** 53]) {
        const header = wireHeaderTo(role, { opcode, declared: length });
        refuses(role, [], header, 'ERR_WS_CONTROL_FRAME_TOO_LONG', 2);
      }
    });

    test(`${role} fails with 1002 at the first byte when a ${name} frame is fragmented`, () => {
      const bad = wireTo(role, { opcode, fin: false, payload: 'ab' });
      refuses(role, [], bad, 'ERR_WS_CONTROL_FRAME_FRAGMENTED', 1);
      refuses(role, [{ opcode: 1, fin: false }], bad, 'ERR_WS_CONTROL_FRAME_FRAGMENTED', 1);
    });

    test(`${role} takes a ${name} frame of any length from 0 to 125, whatever the frame limit is`, () => {
      const frames = Array.from({ length: 126 }, (_, length) => ({ opcode, payload: 'x'.repeat(length) }));
      accepts(role, frames);
      const longest = frames[125] as WireFrame;
      assert.equal(decode({ role, maxFrameSize: 1 }, wireTo(role, longest)).frames, [seen(longest)]);
    });
  }

  test(`${role} takes control frames between the fragments of a message`, () => {
    accepts(role, [
      { opcode: 1, fin: false, payload: 'ABC' },
      { opcode: 9, payload: 'ping' },
      { opcode: 0, fin: false, payload: '12' },
      { opcode: 10 },
      { opcode: 9 },
      { opcode: 0, payload: '3' },
    ]);
  });

  // --- §5.4: fragmentation -----------------------------------------------------------------------------------------

  test(`${role} takes a fragmented message, its continuation frames as such`, () => {
    accepts(role, [
      { opcode: 1, fin: false, payload: '1' },
      { opcode: 0, fin: false, payload: '2' },
      { opcode: 0, fin: true, payload: '3' },
      { opcode: 2, payload: 'next' },
    ]);
  });

  test(`${role} takes empty messages and empty fragments`, () => {
    accepts(role, [
      { opcode: 1 },
      { opcode: 2 },
      { opcode: 2, fin: false },
      { opcode: 0, fin: false },
      { opcode: 0 },
      { opcode: 1 },
    ]);
  });

  test(`${role} fails with 1002 at the first byte of a continuation frame without a message to continue`, () => {
    const bad = wireTo(role, { opcode: 0, payload: 'ab' });
    refuses(role, [], bad, 'ERR_WS_UNEXPECTED_CONTINUATION', 1);
    refuses(role, [], wireTo(role, { opcode: 0, fin: false }), 'ERR_WS_UNEXPECTED_CONTINUATION', 1);
    refuses(role, [{ opcode: 1, payload: 'whole' }], bad, 'ERR_WS_UNEXPECTED_CONTINUATION', 1);
    const message = [
      { opcode: 2, fin: false, payload: 'a' },
      { opcode: 0, payload: 'b' },
    ];
    refuses(role, message, bad, 'ERR_WS_UNEXPECTED_CONTINUATION', 1);
    refuses(role, [{ opcode: 9, payload: 'ping' }], bad, 'ERR_WS_UNEXPECTED_CONTINUATION', 1);
  });

  test(`${role} fails with 1002 at the first byte of a message that starts inside another`, () => {
    for (const opcode of [1, 2]) {
      for (const fin of [true, false]) {
        const bad = wireTo(role, { opcode, fin, payload: 'ab' });
        refuses(role, [{ opcode: 1, fin: false, payload: 'a' }], bad, 'ERR_WS_EXPECTED_CONTINUATION', 1);
        const inside = [
          { opcode: 2, fin: false },
          { opcode: 9, payload: 'ping' },
          { opcode: 0, fin: false },
        ];
        refuses(role, inside, bad, 'ERR_WS_EXPECTED_CONTINUATION', 1);
      }
    }
  });

  test(`${role} reports the fault that comes first in the bytes when a frame has several`, () => {
    // RSV before opcode before FIN, all in the first byte; the mask before the length in the second.
    refuses(role, [], Uint8Array.of(0x73), 'ERR_WS_UNEXPECTED_RSV', 1);
    refuses(role, [], Uint8Array.of(0x0b), 'ERR_WS_UNKNOWN_OPCODE', 1);
    const [code, second] = role === 'server' ? ['ERR_WS_MISSING_MASK', 0x7f] : ['ERR_WS_UNEXPECTED_MASK', 0xff];
    refuses(role, [], Uint8Array.of(0x89, second as number), code as string, 2);
  });
}

test.run();
