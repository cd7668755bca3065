// Receiving in portions: where the budget ends the endpoint stops, and goes on when it is asked to.

import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type EndpointEvent, endsMessage } from '../../lib/endpoint/event.ts';
import type { Role } from '../../lib/frame/frame.ts';
import { anyCharacter } from '../support/any-character.ts';
import { makeEndpoint, receiveOnce, seeEvent, takeAll } from '../support/deliver.ts';
import { closePayload, type WireFrame, wireTo } from '../support/frames.ts';
import { hex, join } from '../support/hex.ts';
import { Random, seed } from '../support/random.ts';
import { sized } from '../support/sized.ts';

const test = suite('endpoint · budget');

const roles: readonly Role[] = ['server', 'client'];

function input(role: Role, frames: readonly WireFrame[]): Uint8Array {
  return join(...frames.map((frame) => wireTo(role, frame)));
}

const types = (events: readonly EndpointEvent[]): string[] => events.map(({ type }) => type);

for (const role of roles) {
  test(`${role} stops after the message that uses the budget up, and goes on with the next`, () => {
    const endpoint = makeEndpoint({ role });
    const frames = Array.from({ length: 5 }, (_, index) => ({ opcode: 1, payload: `message ${index}` }));
    // Each frame counts 9 bytes and 64.
    assert.is(endpoint.receive(input(role, frames), false, 2 * 73).length, 2);
    assert.ok(endpoint.hasUnread);
    assert.is(endpoint.resume(73).length, 1);
    assert.ok(endpoint.hasUnread);
    assert.is(endpoint.resume(1000).length, 2);
    assert.not(endpoint.hasUnread);
  });

  test(`${role} gives at least one message for any budget above 0, and none for 0`, () => {
    const endpoint = makeEndpoint({ role });
    const bytes = input(role, [
      { opcode: 1, payload: 'a' },
      { opcode: 1, payload: 'b' },
    ]);
    assert.equal(endpoint.receive(bytes, false, 0), []);
    assert.ok(endpoint.hasUnread);
    assert.equal(endpoint.resume(0), []);
    assert.equal(types(endpoint.resume(1)), ['message']);
    assert.equal(types(endpoint.resume(0.5)), ['message']);
    assert.not(endpoint.hasUnread);
  });

  test(`${role} counts empty frames too, and control frames`, () => {
    const endpoint = makeEndpoint({ role });
    const bytes = input(role, [{ opcode: 1 }, { opcode: 9 }, { opcode: 2, fin: false }, { opcode: 0 }]);
    assert.equal(types(endpoint.receive(bytes, false, 64)), ['message']);
    assert.equal(types(endpoint.resume(64)), ['ping']);
    assert.equal(types(endpoint.resume(64)), []);
    assert.ok(endpoint.hasUnread);
    assert.equal(types(endpoint.resume(64)), ['message']);
  });

  test(`${role} stops behind as many messages as are asked for, whatever the budget; pings are none`, () => {
    const frames = [
      { opcode: 9 },
      { opcode: 1, payload: 'a' },
      { opcode: 9 },
      { opcode: 1, fin: false },
      { opcode: 0 },
    ];
    for (const streamed of [false, true]) {
      const endpoint = makeEndpoint({ role, streamed });
      const bytes = input(role, [...frames, { opcode: 2, payload: 'b' }]);
      const ends = (events: readonly EndpointEvent[]): number => events.filter(endsMessage).length;
      assert.is(ends(endpoint.receive(bytes, false, 10_000, 1)), 1);
      assert.ok(endpoint.hasUnread);
      assert.equal(endpoint.resume(10_000, 0), []);
      assert.is(ends(endpoint.resume(10_000, 1)), 1);
      assert.is(ends(endpoint.resume(10_000, 5)), 1);
      assert.not(endpoint.hasUnread);
    }
  });

  test(`${role} stops in the middle of a message, and keeps what it has taken of it`, () => {
    const endpoint = makeEndpoint({ role });
    const bytes = input(role, [{ opcode: 2, payload: new Uint8Array(1000).fill(7) }]);
    assert.equal(endpoint.receive(bytes, false, 400), []);
    assert.equal([endpoint.hasUnread, endpoint.retained], [true, 400]);
    assert.equal(endpoint.resume(400), []);
    assert.is(endpoint.retained, 800);
    assert.equal(endpoint.resume(400).map(seeEvent), receiveOnce(makeEndpoint({ role }), whole(bytes)).events);
    assert.equal([endpoint.hasUnread, endpoint.retained], [false, 0]);
  });

  test(`${role} queues no more pongs than the budget lets it take pings`, () => {
    const endpoint = makeEndpoint({ role });
    const pings = Array.from({ length: 10 }, (_, index) => ({ opcode: 9, payload: String(index) }));
    endpoint.receive(input(role, pings), false, 3 * 65);
    const first = takeAll(endpoint).byteLength;
    assert.is(first, 3 * (3 + (role === 'client' ? 4 : 0)));
    endpoint.resume();
    assert.is(takeAll(endpoint).byteLength, (first / 3) * 7);
  });

  test(`${role} has nothing unread after a close frame or a fault, whatever the budget`, () => {
    for (const last of [wireTo(role, { opcode: 8 }), hex('83'), wireTo(role, { opcode: 1, payload: hex('ff') })]) {
      const endpoint = makeEndpoint({ role });
      endpoint.receive(join(input(role, [{ opcode: 1, payload: 'a' }]), last, new Uint8Array(1000)), false, 1);
      assert.ok(endpoint.hasUnread);
      assert.is(endpoint.resume(100).length, 1);
      assert.not(endpoint.hasUnread);
      assert.equal(endpoint.resume(), []);
    }
  });

  test(`${role} gives messages that were begun within one budget and ended within another as they are`, () => {
    const content = 'κόσμε 😀 '.repeat(500);
    const endpoint = makeEndpoint({ role });
    const events = endpoint.receive(input(role, [{ opcode: 1, payload: content }]), true, 1);
    let turns = 1;
    for (; endpoint.hasUnread; turns++) events.push(...endpoint.resume(65));
    assert.ok(turns > 100);
    assert.equal(events, [{ type: 'message', message: content }]);
  });

  test(`${role} gives the same events whatever the budgets, the chunks and who owns them`, () => {
    const frames: fc.Arbitrary<WireFrame[]> = fc
      .array(
        fc.record({
          opcode: fc.constantFrom(0, 0, 1, 1, 2, 9, 10),
          fin: fc.boolean(),
          payload: fc.oneof(
            fc.uint8Array({ maxLength: 8 }),
            fc.string({ unit: anyCharacter, maxLength: 5 }),
            fc.constant('x'.repeat(400)),
          ),
        }),
        { maxLength: 12, size: 'max' },
      )
      .map((list) => follow(list));
    const budgets = fc.array(
      fc.oneof(fc.integer({ min: 1, max: 200 }), fc.double({ min: 0.01, max: 100, noNaN: true })),
      {
        minLength: 1,
        maxLength: 8,
      },
    );
    const property = fc.property(frames, budgets, fc.nat(), fc.boolean(), (list, sizes, key, isOwned) => {
      const bytes = input(role, [...list, { opcode: 8, payload: closePayload(1000) }]);
      const expected = receiveOnce(makeEndpoint({ role }), whole(bytes));
      const chunks = new Random(key).split(bytes.slice(), 1 + (key % 300)).map((chunk) => chunk.slice());
      let turn = 0;
      const budget = (): number => sizes[turn++ % sizes.length] as number;
      assert.equal(receiveOnce(makeEndpoint({ role }), { name: 'cut', chunks, isOwned }, budget), expected);
    });
    fc.assert(property, { seed, numRuns: sized(150, 400) });
  });
}

function whole(bytes: Uint8Array): { name: string; chunks: Uint8Array[]; isOwned: boolean } {
  return { name: 'whole', chunks: [bytes.slice()], isOwned: false };
}

// Most of what is made at random breaks the order of frames at once: mended, save for now and then.
function follow(list: readonly WireFrame[]): WireFrame[] {
  let inMessage = false;
  return list.map((frame, index) => {
    if (frame.opcode > 2) return { ...frame, fin: true, payload: '!' };
    const mended = { ...frame, opcode: index === 9 ? frame.opcode : inMessage ? 0 : Math.max(1, frame.opcode) };
    inMessage = frame.fin === false;
    return mended;
  });
}

test.run();
