import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type EndpointEvent, endsMessage } from '../../lib/endpoint/event.ts';
import type { Role } from '../../lib/frame/frame.ts';
import { makeEndpoint } from '../support/deliver.ts';
import { type WireFrame, wireTo } from '../support/frames.ts';
import { join } from '../support/hex.ts';

const test = suite('event');

const roles: readonly Role[] = ['server', 'client'];

const frames: readonly WireFrame[] = [
  { opcode: 1, payload: 'a', fin: false },
  { opcode: 9 },
  { opcode: 0, payload: 'b' },
  { opcode: 10 },
  { opcode: 2 },
  { opcode: 1, payload: 'c', fin: false },
  { opcode: 8 },
];

/** Each event's type, with a full stop where it ends a message. */
function describe(events: readonly EndpointEvent[]): string[] {
  return events.map((event) => event.type + (endsMessage(event) ? '.' : ''));
}

for (const role of roles) {
  test(`${role} sees a message end with its last piece, whole, streamed or as a frame`, () => {
    const input = join(...frames.map((frame) => wireTo(role, frame)));
    assert.equal(describe(makeEndpoint({ role }).receive(input.slice())), [
      'ping',
      'message.',
      'pong',
      'message.',
      'close',
    ]);
    assert.equal(describe(makeEndpoint({ role, streamed: true }).receive(input.slice())), [
      'piece',
      'ping',
      'piece.',
      'pong',
      'piece.',
      'piece',
      'close',
    ]);
    assert.equal(describe(makeEndpoint({ role, raw: true }).receive(input.slice())), [
      ...Array.from({ length: 7 }, () => 'frame.'),
      'close',
    ]);
  });
}

test.run();
