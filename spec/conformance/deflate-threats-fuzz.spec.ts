// Compressed messages at random, over a real socket: bytes of no meaning, blocks of no meaning, good messages that were spoiled. Each ends its connection with 1007 or 1009, or is a message;
// and the message behind it is what was sent.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { chooseDeflateCodec } from '../../lib/adapter/choose-deflate-codec.ts';
import { PermessageDeflate } from '../../lib/extension/permessage-deflate.ts';
import { Bits, compressed, deflated, inflated, openDeflating } from '../support/deflate-by-hand.ts';
import { ALONE } from '../support/deflate-exchange.ts';
import { Random, runs, seed } from '../support/random.ts';
import { close, continuation, type PeerFrame, ping } from '../support/raw-client.ts';
import { assertNothingEscaped, startServer } from '../support/server.ts';
import { sized } from '../support/sized.ts';

const extension = new PermessageDeflate(chooseDeflateCodec(), { maxContexts: 4 });
const host = await startServer(undefined, { extensions: [extension], limits: { maxMessageSize: 256 * 1024 } });
const random = new Random();

const words = 'the quick brown fox jumps over the lazy dog, and {"id":1,"text":"so on"}'.split(/(?<= )/);
const prose = (count: number): string => Array.from({ length: count }, () => random.pick(words)).join('');

const good: readonly (() => Uint8Array)[] = [
  () => deflated(prose(random.below(200))),
  () => deflated(prose(random.below(50)), { level: 0 }),
  () => deflated(prose(random.below(50)), { strategy: 4 }),
  () => deflated(prose(random.below(50)), { strategy: 2 }),
  () => deflated(random.bytes(random.below(2000))),
  () => deflated(new Uint8Array(random.below(300_000))),
];

/** A block of dynamic codes whose header may even be one. */
function dynamicBlock(): Uint8Array {
  const bits = new Bits().put(random.below(2), 1).put(2, 2).put(random.below(30), 5).put(random.below(30), 5);
  const count = random.below(16);
  bits.put(count, 4);
  const lengths = Array<number>(count + 4).fill(0);
  for (const length of random.pick([
    [1, 1],
    [1, 2, 2],
    [2, 2, 2, 2],
    [1, 2, 3, 3],
  ]))
    lengths[random.below(count + 4)] = length;
  for (const length of lengths) bits.put(length, 3);
  for (let bit = random.below(2000); bit > 0; bit--) bits.put(random.below(2), 1);
  return bits.toBytes();
}

function spoil(bytes: Uint8Array): Uint8Array {
  const spoiled = [...bytes];
  for (let edits = 1 + random.below(3); edits > 0; edits--) {
    const at = random.below(spoiled.length + 1);
    const edit = random.below(5);
    if (edit === 0) spoiled.length = at;
    else if (edit === 1) spoiled.splice(at, 0, ...random.bytes(1 + random.below(4)));
    else if (edit === 2) spoiled.splice(at, 1 + random.below(4));
    else if (edit === 3) spoiled.splice(at, 0, ...random.pick(good)().subarray(0, 50));
    else spoiled[at] = (spoiled[at] ?? 0) ^ (1 << random.below(8));
  }
  return Uint8Array.from(spoiled);
}

const payloads: Readonly<Record<string, () => Uint8Array>> = {
  'random bytes': () => random.bytes(random.below(300)),
  'blocks of dynamic codes at random': dynamicBlock,
  'good messages': () => random.pick(good)(),
  'good messages that were spoiled': () => spoil(random.pick(good)()),
};

/** Sends a payload as the fragments of a message, with a ping now and then. */
function toFrames(payload: Uint8Array, opcode: number): Uint8Array[] {
  const parts = random.below(2) === 0 ? [payload] : random.split(payload, 1 + random.below(100));
  if (parts.length === 0 || parts.length > 1000) return [compressed(payload, { opcode })];
  return parts.flatMap((part, index) => {
    const fin = index === parts.length - 1;
    const frame = index === 0 ? compressed(part, { opcode, fin }) : continuation(part, fin);
    return random.below(8) === 0 ? [ping(), frame] : [frame];
  });
}

/** The messages of these frames: a long one comes back in fragments. */
function toMessages(frames: readonly PeerFrame[]): Buffer[] {
  const messages: Buffer[] = [];
  let isCompressed = false;
  let parts: Buffer[] = [];
  for (const { opcode, fin, rsv, payload } of frames) {
    if (opcode >= 8) continue;
    if (opcode > 0) isCompressed = rsv === 0x40;
    parts.push(payload);
    if (!fin) continue;
    messages.push(isCompressed ? inflated(Buffer.concat(parts)) : Buffer.concat(parts));
    parts = [];
  }
  return messages;
}

const test = suite('conformance · threats of compression · fuzz');

for (const [what, make] of Object.entries(payloads)) {
  test(`${what} end a connection with 1007 or 1009, or are messages`, async () => {
    const codes: Record<number, number> = {};
    for (let run = runs(sized(100, 3000)); run > 0; run--) {
      const payload = make();
      const details = `seed ${seed}, ${run} runs left: ${Buffer.from(payload).toString('hex').slice(0, 400)}`;
      using client = await openDeflating(host.port, ALONE);
      const frames = toFrames(payload, what === 'good messages' ? 2 : 1 + random.below(2));
      const next = compressed(deflated('the next message'));
      if (random.below(4) === 0) {
        for (const part of random.split(Buffer.concat([...frames, next, close(1000)]), 200)) client.send(part);
      } else {
        client.send(...frames, next, close(1000));
      }
      const { code, before } = await client.untilClose();
      codes[code] = (codes[code] ?? 0) + 1;
      assert.ok(code === 1000 || code === 1007 || code === 1009, `${code}: ${details}`);
      if (code !== 1000) continue;
      const [given, behind, ...more] = toMessages(before);
      assert.ok(given !== undefined && behind !== undefined && more.length === 0, details);
      assert.is(behind.toString(), 'the next message', details);
      // Of what node:zlib makes of it nothing is missing. Behind BFINAL it stops.
      const known = inflated(payload);
      assert.ok(given.subarray(0, known.byteLength).equals(known), details);
    }
    assert.is((codes[1007] ?? 0) > 0, what !== 'good messages', JSON.stringify(codes));
  });
}

test('the server serves on, holds nothing, and nothing has escaped', async () => {
  await host.serves();
  await host.quiet();
  assert.equal(extension.contexts, { deflaters: 0, inflaters: 0 });
  assert.equal(host.reported, []);
  await assertNothingEscaped();
});

test.run();
