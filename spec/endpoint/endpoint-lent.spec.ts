// Chunks that are lent: they are somebody else's again when `receive` returns, and what was taken of them is not.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Endpoint } from '../../lib/endpoint/endpoint.ts';
import type { EndpointEvent } from '../../lib/endpoint/event.ts';
import type { Role } from '../../lib/frame/frame.ts';
import { makeEndpoint, show } from '../support/deliver.ts';
import { makeInput } from '../support/deliver-reference.ts';
import { wireTo } from '../support/frames.ts';
import { join } from '../support/hex.ts';
import { Random, runs } from '../support/random.ts';

const test = suite('endpoint · lent chunks');

const random = new Random();
const kinds = [{}, { streamed: true }, { raw: true }];

/** Receives the input in chunks of those sizes, each with a budget. Chunks that are lent are spoilt afterwards. */
function receiveAll(endpoint: Endpoint, input: Uint8Array, sizes: readonly number[], isLent: boolean): EndpointEvent[] {
  const events: EndpointEvent[] = [];
  const shared = new Uint8Array(65_536);
  let at = 0;
  for (const size of sizes) {
    const bytes = input.subarray(at, at + size);
    at += size;
    const chunk = isLent ? shared.subarray(0, bytes.byteLength) : bytes.slice();
    chunk.set(bytes);
    const budget = size % 3 === 0 ? 200 : undefined;
    events.push(...endpoint.receive(chunk, true, budget, undefined, isLent));
    shared.fill(0x55);
    while (endpoint.hasUnread) events.push(...endpoint.resume(budget));
  }
  return events;
}

/** An event of any kind of endpoint, as text. */
function see(event: EndpointEvent): string {
  return JSON.stringify(event, (_, value) => (value instanceof Uint8Array ? show(value) : value));
}

function cut(length: number, largest: number): number[] {
  const sizes: number[] = [];
  for (let left = length; left > 0; ) {
    const size = Math.min(left, 1 + random.below(largest));
    sizes.push(size);
    left -= size;
  }
  return sizes;
}

for (const role of ['server', 'client'] as const satisfies readonly Role[]) {
  for (const kind of kinds) {
    test(`${role} ${JSON.stringify(kind)} makes of lent chunks what it makes of its own, and it stays so`, () => {
      for (let run = 0; run < runs(60); run++) {
        const input = makeInput(random, role);
        const sizes = cut(input.byteLength, [1, 7, 300, 65_536][run % 4] ?? 1);
        const [own, lent] = [false, true].map((isLent) =>
          receiveAll(makeEndpoint({ role, ...kind }), input, sizes, isLent).map(see),
        );
        assert.equal(lent, own);
      }
    });
  }

  test(`${role} keeps long messages that come in lent pieces of any size`, () => {
    for (const size of [65, 1025, 4095, 4096, 20_000, 70_000, 300_000, 1_000_000]) {
      const payload = random.bytes(size);
      const input = join(
        wireTo(role, { opcode: 2, payload }),
        wireTo(role, { opcode: 2, payload: payload.subarray(1) }),
      );
      for (const largest of [5000, 65_536]) {
        const events = receiveAll(makeEndpoint({ role }), input, cut(input.byteLength, largest), true);
        const messages = events.map((event) =>
          event.type === 'message' ? (event.message as Uint8Array) : new Uint8Array(),
        );
        assert.is(messages.length, 2);
        assert.is(Buffer.compare(messages[0] as Uint8Array, payload), 0, `${size}`);
        assert.is(Buffer.compare(messages[1] as Uint8Array, payload.subarray(1)), 0, `${size}`);
      }
    }
  });

  test(`${role} copies small messages of a lent chunk together, up to 4 KiB of them, and the smallest by themselves`, () => {
    const receive = (size: number, count: number): Uint8Array[] => {
      const input = join(
        ...Array.from({ length: count }, () => wireTo(role, { opcode: 2, payload: random.bytes(size) })),
      );
      const events = makeEndpoint({ role }).receive(input, true, undefined, undefined, true);
      return events.map((event) => (event.type === 'message' ? (event.message as Uint8Array) : new Uint8Array()));
    };
    const buffersOf = (messages: readonly Uint8Array[]): Set<unknown> => new Set(messages.map(({ buffer }) => buffer));
    // Deno's V8 has no arrays on its heap: there the smallest are no cheaper by themselves.
    assert.is(buffersOf(receive(64, 20)).size, 'Deno' in globalThis ? 1 : 20);
    assert.is(buffersOf(receive(65, 20)).size, 1);
    assert.ok(buffersOf(receive(1000, 20)).size <= 7);
    assert.is(buffersOf(receive(2000, 20)).size, 20);
    for (const size of [65, 300, 1000]) {
      for (const { buffer } of receive(size, 100)) assert.ok(buffer.byteLength <= 4096, `${buffer.byteLength}`);
    }
    assert.is(receive(300, 1)[0]?.buffer.byteLength, 300, 'alone');
  });
}

test.run();
