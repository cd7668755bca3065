// A second decoder, for comparison only: it has the whole input at once, takes its time, and follows RFC 6455 §5.2 word by word.

import type { Role } from '../../lib/frame/frame.ts';
import type { FrameDecoderOptions } from '../../lib/frame/frame-decoder.ts';
import { type SeenFrame, show } from './deliver.ts';
import { toBytes, type WireFrame, wireTo, xor } from './frames.ts';
import { join } from './hex.ts';
import type { Random } from './random.ts';

/** What the reference made of an input; `at` is the byte, counted from 1, at which a fault is there. */
export interface Reference {
  readonly frames: SeenFrame[];
  readonly fault: { readonly code: string; readonly closeCode: number; readonly at: number } | undefined;
}

/** Decodes a whole input. */
export function referenceDecode(
  { role, maxFrameSize, rsvBits = 0 }: FrameDecoderOptions,
  input: Uint8Array,
): Reference {
  const frames: SeenFrame[] = [];
  const fail = (name: string, at: number, closeCode = 1002): Reference => ({
    frames,
    fault: { code: `ERR_WS_${name}`, closeCode, at },
  });
  let inMessage = false;
  let at = 0;
  for (;;) {
    const first = input[at++];
    if (first === undefined) return { frames, fault: undefined };
    const opcode = first & 15;
    const fin = first >= 128;
    const rsv = first & 0x70;
    const isControl = opcode >= 8;
    if ((rsv & ~rsvBits) !== 0) return fail('UNEXPECTED_RSV', at);
    if (![0, 1, 2, 8, 9, 10].includes(opcode)) return fail('UNKNOWN_OPCODE', at);
    if (isControl && !fin) return fail('CONTROL_FRAME_FRAGMENTED', at);
    if (opcode === 0 && !inMessage) return fail('UNEXPECTED_CONTINUATION', at);
    if ((opcode === 1 || opcode === 2) && inMessage) return fail('EXPECTED_CONTINUATION', at);

    const second = input[at++];
    if (second === undefined) return { frames, fault: undefined };
    if (second >= 128 !== (role === 'server')) return fail(role === 'server' ? 'MISSING_MASK' : 'UNEXPECTED_MASK', at);
    const code = second & 127;
    if (isControl && code > 125) return fail('CONTROL_FRAME_TOO_LONG', at);
    const size = code === 126 ? 2 : code === 127 ? 8 : 0;
    if (size === 8 && (input[at] ?? 0) >= 128) return fail('INVALID_LENGTH', at + 1);
    if (at + size > input.byteLength) return { frames, fault: undefined };
    let length = BigInt(code);
    if (size > 0) length = input.subarray(at, at + size).reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
    at += size;
    if (size > 0 && length < (size === 2 ? 126n : 65536n)) return fail('LENGTH_NOT_MINIMAL', at);
    const limit = BigInt(maxFrameSize ?? Number.MAX_SAFE_INTEGER);
    if (!isControl && length > limit) return fail('FRAME_TOO_LONG', at, 1009);

    const keySize = role === 'server' ? 4 : 0;
    if (at + keySize > input.byteLength) return { frames, fault: undefined };
    const key = input.subarray(at, at + keySize);
    at += keySize;
    const payloadLength = Number(length);
    const raw = input.subarray(at, at + payloadLength);
    at += payloadLength;
    const isWhole = raw.byteLength === payloadLength;
    const payload = show(keySize === 0 ? raw : xor(raw, key));
    if (isWhole || !isControl) frames.push({ opcode, fin, rsv, payloadLength, payload, isWhole });
    if (!isWhole) return { frames, fault: undefined };
    if (!isControl) inMessage = !fin;
  }
}

const texts = ['', 'a', 'κόσμε', '😀', '\ufeff', 'x'.repeat(125), 'x'.repeat(126), '€'.repeat(60)];

/** Frames that follow the rules, of any kind: whole messages, fragments, control frames. */
export function makeFrames(random: Random, count: number): WireFrame[] {
  const frames: WireFrame[] = [];
  let inMessage = false;
  for (let index = 0; index < count; index++) {
    if (random.below(4) === 0) {
      const opcode = random.pick([9, 9, 10, 10, 8]);
      const payload =
        opcode === 8 ? random.pick([Uint8Array.of(3, 232), new Uint8Array(0)]) : random.bytes(random.below(126));
      frames.push({ opcode, payload });
      continue;
    }
    const fin = random.below(3) > 0;
    const payload = random.below(3) === 0 ? random.bytes(random.below(400)) : toBytes(random.pick(texts));
    frames.push({ opcode: inMessage ? 0 : random.pick([1, 2]), fin, payload });
    inMessage = !fin;
  }
  return frames;
}

/** The wire bytes of such frames, most often spoiled somewhere. */
export function makeInput(random: Random, role: Role): Uint8Array {
  if (random.below(8) === 0) return random.bytes(random.below(60));
  const frames = makeFrames(random, 1 + random.below(8)).map((frame) => ({
    ...frame,
    ...(role === 'server' && { maskingKey: random.bytes(4) }),
    ...(random.below(10) === 0 && oddPart(random)),
  }));
  let input = join(...frames.map((frame) => wireTo(role, frame)));
  for (let count = random.below(3); count > 0; count--) input = spoil(random, input);
  return input;
}

// What is wrong in a header, or only at this place of the conversation.
function oddPart(random: Random): Partial<WireFrame> {
  switch (random.below(4)) {
    case 0:
      return { opcode: random.pick([0, 1, 2, 0, 1, 2, 3, 7, 11, 15]) };
    case 1:
      return { fin: false };
    case 2:
      return { lengthBits: random.pick([16, 64] as const), declared: random.pick([0, 5, 125, 126, 127, 65_535]) };
    default:
      return {
        lengthBits: 64,
        declared: random.pick([65_536n, 2n ** 31n, 2n ** 32n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n]),
      };
  }
}

function spoil(random: Random, input: Uint8Array): Uint8Array {
  const at = random.below(input.byteLength + 1);
  const end = Math.min(input.byteLength, at + random.below(12));
  const spoiled = input.slice();
  switch (random.below(6)) {
    case 0: // one bit
      if (at < input.byteLength) spoiled[at] = (spoiled[at] ?? 0) ^ (1 << random.below(8));
      return spoiled;
    case 1: // one byte
      if (at < input.byteLength) spoiled[at] = random.pick([0, 0x7e, 0x7f, 0x80, 0xfe, 0xff, random.below(256)]);
      return spoiled;
    case 2: // bytes left out
      return join(input.subarray(0, at), input.subarray(end));
    case 3: // bytes put in
      return join(input.subarray(0, at), random.bytes(random.below(12)), input.subarray(at));
    case 4: // bytes twice
      return join(input.subarray(0, end), input.subarray(at));
    default: // cut off
      return input.slice(0, at);
  }
}
