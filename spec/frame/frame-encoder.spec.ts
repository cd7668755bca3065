import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { OutputQueue, Slab } from '../../lib/bytes/output-queue.ts';
import type { Frame, Role } from '../../lib/frame/frame.ts';
import { FrameEncoder } from '../../lib/frame/frame-encoder.ts';
import { Opcode } from '../../lib/frame/opcode.ts';
import { anyCharacter } from '../support/any-character.ts';
import { throws } from '../support/check.ts';
import { decodeOnce, keysFrom, show } from '../support/deliver.ts';
import { type ReadFrame, toBytes, unwire } from '../support/frames.ts';
import { join, toHex } from '../support/hex.ts';
import { Random, seed } from '../support/random.ts';
import { sized } from '../support/sized.ts';

const test = suite('frame-encoder · RFC 6455 §5.2 and §5.3');

const roles: readonly Role[] = ['server', 'client'];

// Around each form of the length, and around where payloads are not copied into the slab any more.
const edges = [0, 1, 2, 47, 48, 49, 124, 125, 126, 127, 128, 4095, 4096, 4097, 65534, 65535, 65536, 65537];

interface Line {
  readonly encoder: FrameEncoder;
  readonly queue: OutputQueue;
  take(): Uint8Array;
}

function makeLine(role: Role, maskingKey: () => number = keysFrom(0x37fa213d), slab = new Slab()): Line {
  const queue = new OutputQueue(slab);
  const take = (): Uint8Array => {
    const pieces: Uint8Array[] = [];
    queue.take(Number.MAX_SAFE_INTEGER, pieces);
    return join(...pieces);
  };
  return { encoder: new FrameEncoder(queue, { role, maskingKey }), queue, take };
}

function frame(opcode: Opcode, payload: Uint8Array | string, options: Partial<Frame> = {}): Frame {
  return { fin: true, rsv1: false, rsv2: false, rsv3: false, opcode, payload: toBytes(payload), ...options };
}

function encodeText(role: Role, text: string): ReadFrame {
  const line = makeLine(role);
  line.encoder.encodeText(text, Opcode.TEXT);
  const frames = unwire(line.take());
  assert.is(frames.length, 1);
  return frames[0] as ReadFrame;
}

function isSame(left: Uint8Array, right: Uint8Array): boolean {
  return Buffer.compare(left, right) === 0;
}

// --- Header and mask -----------------------------------------------------------------------------------------------

test('server encodes the examples of RFC 6455 §5.7', () => {
  const { encoder, take } = makeLine('server');
  encoder.encodeText('Hello', Opcode.TEXT);
  assert.is(toHex(take()), '81 05 48 65 6c 6c 6f');
  encoder.encode(frame(Opcode.TEXT, 'Hel', { fin: false }));
  encoder.encode(frame(Opcode.CONTINUATION, 'lo'));
  assert.is(toHex(take()), '01 03 48 65 6c 80 02 6c 6f');
  encoder.encode(frame(Opcode.PING, 'Hello'));
  assert.is(toHex(take()), '89 05 48 65 6c 6c 6f');
});

test('client encodes the examples of RFC 6455 §5.7', () => {
  const { encoder, take } = makeLine('client', () => 0x37fa213d);
  encoder.encodeText('Hello', Opcode.TEXT);
  assert.is(toHex(take()), '81 85 37 fa 21 3d 7f 9f 4d 51 58');
  encoder.encode(frame(Opcode.PONG, 'Hello'));
  assert.is(toHex(take()), '8a 85 37 fa 21 3d 7f 9f 4d 51 58');
});

test('FIN, each RSV bit and each opcode go to their place in the first byte', () => {
  const { encoder, take } = makeLine('server');
  for (const opcode of Object.values(Opcode)) {
    encoder.encode(frame(opcode, ''));
    encoder.encode(frame(opcode, '', { rsv1: true }));
    encoder.encode(frame(opcode, '', { rsv2: true }));
    encoder.encode(frame(opcode, '', { rsv3: true }));
    const first = take().filter((_, index) => index % 2 === 0);
    assert.equal([...first], [0x80 | opcode, 0xc0 | opcode, 0xa0 | opcode, 0x90 | opcode]);
  }
  for (const opcode of [Opcode.CONTINUATION, Opcode.TEXT, Opcode.BINARY]) {
    encoder.encode(frame(opcode, '', { fin: false, rsv1: true }));
    assert.equal([...take()], [0x40 | opcode, 0]);
  }
});

for (const role of roles) {
  test(`${role} encodes each payload length in the fewest bytes, ${role === 'client' ? 'masked' : 'not masked'}`, () => {
    for (const length of edges) {
      const payload = new Random(length).bytes(length);
      const { encoder, queue, take } = makeLine(role);
      encoder.encode(frame(Opcode.BINARY, payload));
      const weight = queue.weight;
      const bytes = take();
      assert.is(weight, bytes.byteLength + 64, 'a frame weighs its bytes and 64');
      const [read, ...more] = unwire(bytes);
      assert.equal(more, []);
      assert.is(read?.lengthBits, length < 126 ? 7 : length < 65536 ? 16 : 64, `${length} bytes`);
      assert.is(read?.maskingKey, role === 'client' ? '37 fa 21 3d' : undefined);
      assert.ok(isSame(read?.payload as Uint8Array, payload), `${length} bytes`);
    }
  });

  test(`${role} never changes the bytes it is given, small or large, a Buffer too`, () => {
    for (const length of edges) {
      const random = new Random(length);
      for (const payload of [
        random.bytes(length),
        Buffer.from(random.bytes(length)),
        random.bytes(length + 8).subarray(3, -5),
      ]) {
        const before = Uint8Array.from(payload);
        const { encoder, take } = makeLine(role);
        encoder.encode(frame(Opcode.BINARY, payload));
        encoder.encodeBytes(0x82, payload);
        const [first, second] = unwire(take());
        assert.ok(isSame(payload, before), `${length} bytes`);
        assert.ok(isSame(first?.payload as Uint8Array, before) && isSame(second?.payload as Uint8Array, before));
      }
    }
  });

  test(`${role} refuses a control frame that is fragmented or over 125 bytes, and a reserved opcode, and queues nothing`, () => {
    const { encoder, queue } = makeLine(role);
    for (const opcode of [Opcode.CLOSE, Opcode.PING, Opcode.PONG]) {
      throws(() => encoder.encode(frame(opcode, 'x'.repeat(126))), RangeError, /126 bytes: at most 125/);
      throws(() => encoder.encode(frame(opcode, '', { fin: false })), RangeError, /fragmented/);
    }
    for (const opcode of [3, 7, 11, 15, 16, -1]) {
      throws(() => encoder.encode(frame(opcode as Opcode, '')), RangeError, /reserved/);
    }
    assert.ok(queue.isEmpty);
    for (const opcode of [Opcode.CLOSE, Opcode.PING, Opcode.PONG]) encoder.encode(frame(opcode, 'x'.repeat(125)));
    for (const opcode of [Opcode.TEXT, Opcode.BINARY]) encoder.encode(frame(opcode, 'x'.repeat(1125)));
    assert.not(queue.isEmpty);
  });

  test(`${role} sends one frame object as often as one likes`, () => {
    for (const length of [0, 5, 200, 5000]) {
      const { encoder, take } = makeLine(role);
      const message = frame(Opcode.BINARY, new Random(length).bytes(length));
      for (let count = 0; count < 3; count++) encoder.encode(message);
      const frames = unwire(take());
      assert.is(frames.length, 3);
      for (const { payload } of frames) assert.ok(isSame(payload, message.payload));
    }
  });

  test(`${role} has copied a payload of up to 4,096 bytes: the caller's may change afterwards`, () => {
    for (const length of [1, 125, 126, 4096]) {
      const { encoder, take } = makeLine(role);
      const payload = new Uint8Array(length).fill(1);
      encoder.encodeBytes(0x82, payload);
      payload.fill(2);
      assert.ok(unwire(take())[0]?.payload.every((byte) => byte === 1));
    }
  });

  test(`${role} leaves what was taken as it is when more is encoded`, () => {
    const { encoder, queue } = makeLine(role);
    const taken: [Uint8Array, Uint8Array][] = [];
    for (let index = 0; index < 300; index++) {
      if (index % 3 === 0) encoder.encodeText(`message ${index}`.repeat(index % 50), Opcode.TEXT);
      else encoder.encodeBytes(0x82, new Uint8Array((index * 37) % 5000).fill(index));
      const pieces: Uint8Array[] = [];
      if (index % 2 === 0) queue.take(Number.MAX_SAFE_INTEGER, pieces);
      for (const piece of pieces) taken.push([piece, piece.slice()]);
    }
    for (const [piece, copy] of taken) assert.ok(isSame(piece, copy));
  });

  test(`${role} never mixes its bytes with those of another that shares its slab`, () => {
    const slab = new Slab();
    const lines = [
      makeLine(role, keysFrom(), slab),
      makeLine(role, keysFrom(), slab),
      makeLine(role, keysFrom(), slab),
    ];
    const sent = lines.map((): string[] => []);
    const random = new Random();
    for (let index = 0; index < 600; index++) {
      const at = random.below(lines.length);
      const text = `${at}:${index}:${'x'.repeat(random.below(200))}`;
      lines[at]?.encoder.encodeText(text, Opcode.TEXT);
      sent[at]?.push(text);
    }
    for (const [at, line] of lines.entries()) {
      const texts = unwire(line.take()).map(({ payload }) => new TextDecoder().decode(payload));
      assert.equal(texts, sent[at]);
    }
  });
}

// --- Masking keys --------------------------------------------------------------------------------------------------

test('client asks for a fresh masking key for each frame, and uses it', () => {
  const { encoder, take } = makeLine('client', keysFrom(0xfffffffd));
  encoder.encodeText('text', Opcode.TEXT);
  encoder.encode(frame(Opcode.PING, ''));
  encoder.encodeBytes(0x82, new Uint8Array(10_000));
  const keys = unwire(take()).map(({ maskingKey }) => maskingKey);
  assert.equal(keys, ['ff ff ff fd', 'ff ff ff fe', 'ff ff ff ff']);
});

test('client masks an empty frame too, and with a key of 00000000 too', () => {
  const { encoder, take } = makeLine('client', keysFrom(0));
  encoder.encodeText('', Opcode.TEXT);
  encoder.encodeText('a', Opcode.TEXT);
  assert.is(toHex(take()), '81 80 00 00 00 00 81 81 00 00 00 01 61');
});

test('client cannot be made without a source of masking keys', () => {
  throws(() => new FrameEncoder(new OutputQueue(new Slab()), { role: 'client' }), TypeError, /masking keys/);
});

test('client queues nothing when the source of masking keys throws', () => {
  const { encoder, queue } = makeLine('client', () => {
    throw new Error('no entropy');
  });
  throws(() => encoder.encodeText('a', Opcode.TEXT), Error, /no entropy/);
  throws(() => encoder.encodeBytes(0x82, new Uint8Array(5000)), Error, /no entropy/);
  assert.ok(queue.isEmpty);
  assert.is(queue.weight, 0);
});

test('server never asks for a masking key, although it has a source of them', () => {
  const { encoder, take } = makeLine('server', () => {
    throw new Error('asked for a key');
  });
  encoder.encodeText('Hi', Opcode.TEXT);
  assert.is(toHex(take()), '81 02 48 69');
});

test('server queues a large payload as it is, without a copy', () => {
  const { encoder, queue } = makeLine('server');
  const payload = new Uint8Array(4097);
  encoder.encodeBytes(0x82, payload);
  const pieces: Uint8Array[] = [];
  queue.take(Number.MAX_SAFE_INTEGER, pieces);
  assert.is(pieces[1], payload);
});

// --- Text ----------------------------------------------------------------------------------------------------------

function check(role: Role, text: string): void {
  const { payload, lengthBits, opcode, fin } = encodeText(role, text);
  const expected = new TextEncoder().encode(text);
  assert.ok(isSame(payload, expected), `${JSON.stringify(text.slice(0, 80))} (${text.length})`);
  assert.is(
    lengthBits,
    expected.byteLength < 126 ? 7 : expected.byteLength < 65536 ? 16 : 64,
    `${expected.byteLength}`,
  );
  assert.equal([opcode, fin], [1, true]);
}

for (const role of roles) {
  test(`${role} encodes ASCII texts of each length up to 300`, () => {
    for (let length = 0; length <= 300; length++) check(role, 'abcdefg'.repeat(50).slice(0, length));
  });

  test(`${role} encodes texts of each length up to 140 whose characters need more bytes than they have units`, () => {
    for (const character of ['é', '€', '😀']) {
      for (let count = 0; count <= 140; count++) {
        check(role, character.repeat(count));
        check(role, `${'a'.repeat(count)}${character}`);
        check(role, `${character}${'a'.repeat(count)}`);
      }
    }
  });

  test(`${role} encodes each character up to U+0900, alone and inside a text`, () => {
    for (let code = 0; code <= 0x900; code++) {
      const character = String.fromCharCode(code);
      check(role, character);
      check(role, `a${character}b${character}`);
    }
  });

  test(`${role} encodes texts whose room ends with the slab`, () => {
    const { encoder, take } = makeLine(role);
    const texts = Array.from({ length: 2000 }, (_, index) => '€'.repeat((index * 7) % 60) + 'x'.repeat(index % 11));
    for (const text of texts) encoder.encodeText(text, Opcode.TEXT);
    assert.equal(
      unwire(take()).map(({ payload }) => new TextDecoder().decode(payload)),
      texts,
    );
  });

  test(`${role} encodes a text of 120 to 130 units when only its bytes pass the limit of the short header`, () => {
    for (let length = 100; length <= 130; length++) {
      for (let wide = 0; wide <= 20; wide++) check(role, 'x'.repeat(length - wide) + '€'.repeat(wide));
    }
  });

  test(`${role} encodes texts around where they are not written into the slab any more, and long ones`, () => {
    for (const length of [1364, 1365, 1366, 4095, 4096, 4097, 21_845, 32_768, 65_535, 65_536]) {
      check(role, 'x'.repeat(length));
      check(role, `${'x'.repeat(length - 1)}é`);
      check(role, '€'.repeat(length));
    }
  });

  test(`${role} writes U+FFFD for each lone surrogate, in short texts and in long ones`, () => {
    for (const filler of [0, 10, 47, 48, 49, 2000]) {
      const rest = 'x'.repeat(filler);
      for (const lone of ['\ud800', '\udbff', '\udc00', '\udfff', '\udc00\ud800', '\ud83d\ud83d']) {
        for (const text of [lone + rest, rest + lone, `${rest}é${lone}`]) {
          const expected = text.replace(/[\ud800-\udfff]/g, '\ufffd');
          assert.is(new TextDecoder().decode(encodeText(role, text).payload), expected);
        }
      }
      assert.is(new TextDecoder().decode(encodeText(role, `${rest}\ud83d\ude00`).payload), `${rest}😀`);
    }
  });

  test(`${role} keeps a byte order mark, noncharacters and U+0000`, () => {
    assert.is(toHex(encodeText(role, '\ufeff\uffff\u0000').payload), 'ef bb bf ef bf bf 00');
  });

  test(`${role} puts the next frame right behind a text that was shorter than the room for it`, () => {
    const { encoder, take } = makeLine(role, () => 0);
    encoder.encodeText('é'.repeat(63), Opcode.TEXT);
    encoder.encodeText('b', Opcode.TEXT);
    const [first, second, ...more] = unwire(take());
    assert.is(first?.payload.byteLength, 126);
    assert.equal([...(second?.payload ?? [])], [0x62]);
    assert.equal(more, []);
  });
}

// --- Properties ----------------------------------------------------------------------------------------------------

const lengths = fc.oneof(fc.constantFrom(...edges), fc.nat({ max: 300 }), fc.nat({ max: 10_000 }));

for (const role of roles) {
  test(`what a ${role} encodes, its peer decodes to the same frames`, () => {
    const data = fc.record({ opcode: fc.constantFrom(Opcode.TEXT, Opcode.BINARY), length: lengths });
    const control = fc.record({
      opcode: fc.constantFrom(Opcode.CLOSE, Opcode.PING, Opcode.PONG),
      length: fc.nat({ max: 125 }),
    });
    const property = fc.property(
      fc.array(fc.oneof(data, control), { maxLength: 12, size: 'max' }),
      fc.nat(),
      (list, key) => {
        const random = new Random(key);
        const frames = list.map(({ opcode, length }) => frame(opcode, random.bytes(length)));
        const { encoder, take } = makeLine(role, () => random.next());
        for (const each of frames) encoder.encode(each);
        const peer: Role = role === 'server' ? 'client' : 'server';
        const decoded = decodeOnce({ role: peer }, { name: 'whole', chunks: [take()], isOwned: true });
        assert.is(decoded.fault, undefined);
        assert.equal(
          decoded.frames.map(({ opcode, payload }) => [opcode, payload]),
          frames.map(({ opcode, payload }) => [opcode, show(payload)]),
        );
      },
    );
    fc.assert(property, { seed, numRuns: 60 });
  });

  test(`what a ${role} encodes of any text is what TextEncoder makes of it`, () => {
    const units = fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit));
    const texts = fc.oneof(
      fc.string({ maxLength: 200, size: 'max' }),
      fc.string({ unit: anyCharacter, maxLength: 200, size: 'max' }),
      fc.string({ unit: units, maxLength: 150, size: 'max' }),
    );
    fc.assert(
      fc.property(texts, (text) => check(role, text)),
      { seed, numRuns: sized(200, 500) },
    );
  });
}

test.run();
