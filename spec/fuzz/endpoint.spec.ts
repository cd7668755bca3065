// Any bytes and any commands to an endpoint: nothing it did not announce is thrown, it never says what it must not, and it does
// not care how the bytes were split.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Endpoint } from '../../lib/endpoint/endpoint.ts';
import type { EndpointEvent } from '../../lib/endpoint/event.ts';
import { transitions } from '../../lib/endpoint/state.ts';
import { errorCodes, LocalProtocolError } from '../../lib/error.ts';
import { isSendableCloseCode } from '../../lib/frame/close-code.ts';
import type { Role } from '../../lib/frame/frame.ts';
import { makeEndpoint, receiveOnce } from '../support/deliver.ts';
import { makeInput } from '../support/deliver-reference.ts';
import { unwire } from '../support/frames.ts';
import { join, toHex } from '../support/hex.ts';
import { Random, runs, seed } from '../support/random.ts';
import { sized } from '../support/sized.ts';

const test = suite('fuzz · endpoint');

const roles: readonly Role[] = ['server', 'client'];
const count = runs(sized(800, 2000));
const limits = { maxMessageSize: 500, maxFragments: 6, maxUnsentPongs: 3 };

function checkEvents(events: readonly EndpointEvent[], name: string): void {
  for (const [index, event] of events.entries()) {
    const isLast = event.type === 'close' || event.type === 'fault';
    if (isLast) assert.is(index, events.length - 1, `${name}: nothing comes after the end`);
    if (event.type === 'close') assert.ok(event.closeCode === 1005 || isSendableCloseCode(event.closeCode), name);
    if (event.type !== 'fault') continue;
    assert.ok(event.fault.code in errorCodes, name);
    assert.ok([1002, 1007, 1009].includes(event.fault.closeCode), name);
  }
}

/** Output is whole frames that keep the rules: masked by a client alone, one close frame at most, and that the last. */
function checkOutput(role: Role, bytes: Uint8Array, name: string): void {
  const frames = unwire(bytes);
  let inMessage = false;
  for (const [index, { opcode, fin, rsv, maskingKey, payload }] of frames.entries()) {
    assert.is(rsv, 0, name);
    assert.is(maskingKey !== undefined, role === 'client', name);
    assert.ok([0, 1, 2, 8, 9, 10].includes(opcode), name);
    if (opcode === 8) assert.is(index, frames.length - 1, `${name}: the close frame is the last`);
    if (opcode >= 8) {
      assert.ok(fin && payload.byteLength <= 125, name);
    } else {
      assert.is(opcode === 0, inMessage, name);
      inMessage = !fin;
    }
  }
}

for (const role of roles) {
  test(`${role} takes any input without throwing, and makes the same of it however it is split`, () => {
    const ends = new Set<string>();
    for (let run = 0; run < count; run++) {
      const random = new Random(seed + run);
      const input = makeInput(random, role);
      const name = `run ${run}: ${toHex(input)}`;
      const expected = receiveOnce(makeEndpoint({ role, limits }), { name, chunks: [input.slice()], isOwned: false });
      const chunks = random.split(input, random.pick([1, 5, 100])).map((chunk) => chunk.slice());
      const budget = random.below(2) === 0 ? undefined : () => 1 + random.below(300);
      const isOwned = random.below(2) === 0;
      assert.equal(receiveOnce(makeEndpoint({ role, limits }), { name, chunks, isOwned }, budget), expected, name);
      const end = expected.events.at(-1);
      ends.add(end?.type === 'fault' ? end.fault.code : expected.state);
    }
    if (count >= 800) assert.ok(ends.size >= 13, [...ends].join(' '));
  });

  test(`${role} keeps its word whatever it receives and is told to do, in any order`, () => {
    for (let run = 0; run < runs(sized(400, 1200)); run++) {
      const random = new Random(seed + run);
      const endpoint = makeEndpoint({ role, limits, fragmentSize: random.pick([3, 100, Number.POSITIVE_INFINITY]) });
      const events: EndpointEvent[] = [];
      const taken: Uint8Array[] = [];
      const log: string[] = [];
      let hasDropped = false;
      for (let step = 0; step < 30; step++) {
        const action = random.pick(actions);
        const before = endpoint.state;
        log.push(action.name);
        const name = `run ${run}: ${log.join(', ')}`;
        try {
          action.run(endpoint, random, events, taken);
        } catch (error) {
          assert.ok(action.mayThrow && error instanceof LocalProtocolError, `${name}: ${String(error)}`);
          assert.not(before === 'open' || before === 'close-received', name);
        }
        hasDropped ||= action.name === 'drop';
        const path = Object.values(transitions[before]);
        const isStep = endpoint.state === before || path.includes(endpoint.state);
        // One chunk may bring a close frame in answer to ours, or a fault: still one transition.
        assert.ok(isStep, `${name}: ${before} to ${endpoint.state}`);
      }
      endpoint.takeOutput(taken);
      const name = `run ${run}: ${log.join(', ')}`;
      checkEvents(events, name);
      if (!hasDropped) checkOutput(role, join(...taken), name);
      assert.equal([endpoint.hasOutput, endpoint.queued], [false, 0], name);
    }
  });
}

interface Action {
  readonly name: string;
  readonly mayThrow?: boolean;
  run(endpoint: Endpoint, random: Random, events: EndpointEvent[], taken: Uint8Array[]): void;
}

const receiving: Action = {
  name: 'receive',
  run: (endpoint, random, events) => {
    if (endpoint.hasUnread) events.push(...endpoint.resume(random.below(400)));
    else events.push(...endpoint.receive(makeInput(random, endpoint.role), true, random.below(400)));
  },
};
const taking: Action = {
  name: 'take',
  run: (endpoint, random, _events, taken) => {
    endpoint.takeOutput(taken, random.pick([0, 1, 50, 5000]));
  },
};

// What is listed twice happens twice as often.
const actions: readonly Action[] = [
  receiving,
  receiving,
  receiving,
  taking,
  taking,
  { name: 'send text', mayThrow: true, run: (endpoint, random) => endpoint.send('κ'.repeat(random.below(200))) },
  { name: 'send bytes', mayThrow: true, run: (endpoint, random) => endpoint.send(random.bytes(random.below(200))) },
  { name: 'send much', mayThrow: true, run: (endpoint) => endpoint.send(new Uint8Array(5000)) },
  { name: 'ping', mayThrow: true, run: (endpoint, random) => endpoint.ping(random.bytes(random.below(126))) },
  { name: 'pong', mayThrow: true, run: (endpoint, random) => endpoint.pong(random.bytes(random.below(126))) },
  {
    name: 'close',
    run: (endpoint, random) => random.below(6) === 0 && endpoint.close(random.pick([undefined, 1000, 4000])),
  },
  {
    name: 'fail',
    run: (endpoint, random) => random.below(20) === 0 && endpoint.fail(1011, 'x'.repeat(random.below(200))),
  },
  { name: 'end', run: (endpoint, random) => random.below(20) === 0 && endpoint.receiveEnd() },
  { name: 'drop', run: (endpoint, random) => random.below(40) === 0 && endpoint.dropOutput() },
];

test.run();
