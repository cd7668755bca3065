// Any bytes to a decoder: it never throws, agrees with the reference, and does not care how they were split.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { errorCodes } from '../../lib/error.ts';
import type { Role } from '../../lib/frame/frame.ts';
import { FrameDecoder, type FrameDecoderOptions } from '../../lib/frame/frame-decoder.ts';
import { decodeOnce, faultAt } from '../support/deliver.ts';
import { makeInput, referenceDecode } from '../support/deliver-reference.ts';
import { toHex } from '../support/hex.ts';
import { Random, runs, seed } from '../support/random.ts';
import { sized } from '../support/sized.ts';

const test = suite('fuzz · frame-decoder');

const roles: readonly Role[] = ['server', 'client'];
const count = runs(sized(1000, 3000));

function optionsFor(random: Random, role: Role): FrameDecoderOptions {
  return {
    role,
    ...(random.below(2) === 0 && { maxFrameSize: random.pick([0, 10, 125, 126, 300, 65_536]) }),
    ...(random.below(4) === 0 && { rsvBits: random.pick([0x40, 0x70]) }),
  };
}

for (const role of roles) {
  test(`${role} makes of any input what the reference makes of it, however it is split, and never throws`, () => {
    const faults = new Set<string>();
    for (let run = 0; run < count; run++) {
      const random = new Random(seed + run);
      const options = optionsFor(random, role);
      const input = makeInput(random, role);
      const name = `run ${run}: ${toHex(input)}`;
      const expected = referenceDecode(options, input);
      const chunks = random.split(input.slice(), random.pick([1, 3, 40, 2000])).map((chunk) => chunk.slice());
      const size = random.below(2) === 0 ? undefined : () => 1 + random.below(30);
      const { frames, fault } = decodeOnce(options, { name, chunks, isOwned: random.below(2) === 0 }, size);
      assert.equal(frames, expected.frames, name);
      assert.is(fault?.code, expected.fault?.code, name);
      assert.is(fault?.closeCode, expected.fault?.closeCode, name);
      assert.is(faultAt(options, input), expected.fault?.at, name);
      if (fault !== undefined) {
        assert.ok(fault.code in errorCodes && [1002, 1009].includes(fault.closeCode), name);
        faults.add(fault.code);
      }
    }
    // Each rule of the decoder but the other role's masking is broken at some time.
    if (count >= 1000) assert.is(faults.size, 10, [...faults].join(' '));
  });

  test(`${role} gives nothing after a fault, whatever comes`, () => {
    for (let run = 0; run < runs(sized(300, 1000)); run++) {
      const random = new Random(seed + run);
      const decoder = new FrameDecoder({ role, maxFrameSize: 200 });
      for (let count = 0; count < 10; count++) {
        const isOver = decoder.fault !== undefined;
        const { fault } = decoder;
        decoder.push(makeInput(random, role));
        for (let piece = decoder.next(); piece !== undefined; piece = decoder.next()) assert.not(isOver);
        if (isOver) assert.is(decoder.fault, fault);
        assert.is(decoder.unread, 0);
      }
    }
  });
}

test.run();
