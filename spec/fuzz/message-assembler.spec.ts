// Any frames in a valid order to an assembler: it never throws and gives what a plain model gives.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { MessageAssemblerLimits } from '../../lib/message/message-assembler.ts';
import { type SeenEvent, seeMessage } from '../support/deliver.ts';
import { type Assembled, assembleOnce } from '../support/deliver-messages.ts';
import { makeFrames } from '../support/deliver-reference.ts';
import { toBytes, type WireFrame, wire } from '../support/frames.ts';
import { hex, join, toHex } from '../support/hex.ts';
import { Random, runs, seed } from '../support/random.ts';
import { sized } from '../support/sized.ts';

const count = runs(sized(2500, 4000));

const test = suite('fuzz · message-assembler');

const badParts = ['80', 'ff', 'c3', 'e2 82', 'ed a0 80', 'f4 90', 'f0 9f 98'].map(hex);

/** Whether bytes are the start of valid UTF-8, and of it as a whole. */
function judge(bytes: Uint8Array): { isStart: boolean; isWhole: boolean } {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  try {
    decoder.decode(bytes, { stream: true });
  } catch {
    return { isStart: false, isWhole: false };
  }
  try {
    decoder.decode();
  } catch {
    return { isStart: true, isWhole: false };
  }
  return { isStart: true, isWhole: true };
}

interface Expected {
  readonly messages: SeenEvent[];
  readonly code: string | undefined;
  readonly retained: number;
}

function model(frames: readonly WireFrame[], limits: Required<MessageAssemblerLimits>): Expected {
  const messages: SeenEvent[] = [];
  let parts: Uint8Array[] = [];
  let isText = false;
  const fail = (code: string): Expected => ({ messages, code: `ERR_WS_${code}`, retained: 0 });
  for (const { opcode, fin = true, payload = '' } of frames) {
    if (opcode >= 8) continue;
    if (opcode !== 0) isText = opcode === 1;
    parts.push(toBytes(payload));
    const bytes = join(...parts);
    if (bytes.byteLength > limits.maxMessageSize) return fail('MESSAGE_TOO_LONG');
    if (parts.length > limits.maxFragments) return fail('TOO_MANY_FRAGMENTS');
    const { isStart, isWhole } = judge(bytes);
    if (isText && (!isStart || (fin && !isWhole))) return fail('INVALID_UTF8');
    if (!fin) continue;
    messages.push(seeMessage(isText ? new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes) : bytes));
    parts = [];
  }
  return { messages, code: undefined, retained: join(...parts).byteLength };
}

test('gives what the model gives, for any payloads, fragments, limits and splits, and never throws', () => {
  const codes = new Set<string>();
  for (let run = 0; run < count; run++) {
    const random = new Random(seed + run);
    const frames = makeFrames(random, 1 + random.below(12)).map((frame) =>
      random.below(15) === 0 && frame.opcode < 8 ? { ...frame, payload: random.pick(badParts) } : frame,
    );
    const limits = {
      maxMessageSize: random.pick([5, 200, 1000, 100_000]),
      maxFragments: random.pick([1, 2, 3, 100]),
    };
    const input = join(...frames.map(wire));
    const name = `run ${run}: ${toHex(input)}`;
    const chunks = random.split(input, random.pick([1, 4, 50, 5000])).map((chunk) => chunk.slice());
    const size = random.below(2) === 0 ? undefined : () => 1 + random.below(20);
    const { messages, fault, retained }: Assembled = assembleOnce(limits, { name, chunks, isOwned: false }, size);
    const expected = model(frames, limits);
    assert.equal(messages, expected.messages, name);
    assert.equal([fault?.code, retained], [expected.code, expected.retained], name);
    if (fault === undefined) continue;
    codes.add(fault.code);
    assert.is(fault.closeCode, fault.code === 'ERR_WS_INVALID_UTF8' ? 1007 : 1009, name);
  }
  if (count >= 2500) assert.is(codes.size, 3, [...codes].join(' '));
});

test.run();
