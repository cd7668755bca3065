import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Role } from '../../lib/frame/frame.ts';
import { type Decoded, decodeOnce, show } from '../support/deliver.ts';
import { type WireFrame, wireTo } from '../support/frames.ts';
import { join } from '../support/hex.ts';
import { seed } from '../support/random.ts';

const test = suite('frame-decoder · properties');

const roles: readonly Role[] = ['server', 'client'];

const payloads = fc.oneof(
  fc.uint8Array({ maxLength: 20 }),
  fc.constantFrom(0, 1, 125, 126, 127, 300).map((length) => new Uint8Array(length).fill(0xa5)),
);
const keys = fc.uint8Array({ minLength: 4, maxLength: 4 });
const controls = fc.record({
  opcode: fc.constantFrom(8, 9, 10),
  payload: fc.uint8Array({ maxLength: 125, size: 'max' }),
});

// A message of one or more fragments, control frames before each of them.
const messages: fc.Arbitrary<WireFrame[]> = fc
  .tuple(
    fc.constantFrom(1, 2),
    fc.array(fc.tuple(fc.array(controls, { maxLength: 2 }), payloads), { minLength: 1, maxLength: 4 }),
  )
  .map(([opcode, fragments]) =>
    fragments.flatMap(([between, payload], index) => [
      ...between,
      { opcode: index === 0 ? opcode : 0, fin: index === fragments.length - 1, payload },
    ]),
  );
const conversations = fc.array(messages, { maxLength: 5 }).map((list) => list.flat());

function framesOf(frames: readonly WireFrame[]): Decoded['frames'] {
  return frames.map(({ opcode, fin = true, payload }) => {
    const bytes = payload as Uint8Array;
    return { opcode, fin, rsv: 0, payloadLength: bytes.byteLength, payload: show(bytes), isWhole: true };
  });
}

// Cuts at any places, also several times at the same one: empty chunks are chunks.
function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const at = places.map((place) => Math.round(place * bytes.byteLength)).sort((left, right) => left - right);
  return [0, ...at].map((start, index) => bytes.slice(start, at[index] ?? bytes.byteLength));
}

const places = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12, size: 'max' });

for (const role of roles) {
  test(`${role} decodes valid frames to the same frames, however they are split, owned and taken`, () => {
    const property = fc.property(
      conversations,
      fc.array(keys, { minLength: 1, maxLength: 3 }),
      places,
      fc.boolean(),
      fc.integer({ min: 1, max: 400 }),
      (frames, maskingKeys, at, isOwned, size) => {
        const bytes = frames.map((frame, index) => {
          const maskingKey = maskingKeys[index % maskingKeys.length] as Uint8Array;
          return wireTo(role, role === 'server' ? { ...frame, maskingKey } : frame);
        });
        const chunks = cut(join(...bytes), at);
        const decoded = decodeOnce({ role }, { name: 'cut', chunks, isOwned }, () => size);
        assert.equal(decoded, { frames: framesOf(frames), fault: undefined, isBetweenFrames: true });
      },
    );
    fc.assert(property, { seed, numRuns: 300 });
  });

  test(`${role} makes the same of any bytes, however they are split, owned and taken`, () => {
    // Headers of the right kind with any other bytes: most of these fail somewhere.
    const second = role === 'server' ? fc.integer({ min: 0x80, max: 0x8c }) : fc.integer({ min: 0, max: 12 });
    const header = fc.tuple(fc.constantFrom(0x81, 0x82, 0x01, 0x00, 0x80, 0x89, 0x88), second);
    const parts = fc.oneof(
      fc.uint8Array({ maxLength: 12, size: 'max' }),
      header.map((bytes) => Uint8Array.from(bytes)),
    );
    const property = fc.property(
      fc.array(parts, { maxLength: 12, size: 'max' }),
      places,
      fc.boolean(),
      (list, at, isOwned) => {
        const bytes = join(...list);
        const options = { role, maxFrameSize: 1000 };
        const whole = decodeOnce(options, { name: 'whole', chunks: [bytes.slice()], isOwned: false });
        assert.equal(decodeOnce(options, { name: 'cut', chunks: cut(bytes, at), isOwned }), whole);
      },
    );
    fc.assert(property, { seed, numRuns: 500 });
  });
}

test.run();
