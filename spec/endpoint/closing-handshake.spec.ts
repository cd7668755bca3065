// The closing handshake as a table: what each input and each command does in each state, in both roles.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Endpoint } from '../../lib/endpoint/endpoint.ts';
import { type EndpointState, endsTransport, permissions } from '../../lib/endpoint/state.ts';
import { LocalProtocolError } from '../../lib/error.ts';
import { type CloseStatus, isSendableCloseCode } from '../../lib/frame/close-code.ts';
import type { Role } from '../../lib/frame/frame.ts';
import { throws } from '../support/check.ts';
import { decodeOnce, makeEndpoint, receive, type SeenEvent, seeEvent, takeAll } from '../support/deliver.ts';
import { closePayload, unwire, type WireFrame, wireTo } from '../support/frames.ts';
import { hex, join, toHex } from '../support/hex.ts';

const test = suite('endpoint · closing handshake, RFC 6455 §5.5.1 and §7.1');

const roles: readonly Role[] = ['server', 'client'];
const states: readonly EndpointState[] = ['open', 'close-sent', 'close-received', 'closed', 'failed', 'lost'];

const peerClose: WireFrame = { opcode: 8, payload: closePayload(1001, 'bye') };

function input(endpoint: Endpoint, frame: WireFrame): SeenEvent[] {
  return endpoint.receive(wireTo(endpoint.role, frame)).map(seeEvent);
}

/** What an endpoint has to send: opcode and payload of each frame. */
function output(endpoint: Endpoint): string[] {
  return unwire(takeAll(endpoint)).map(({ opcode, payload }) => `${opcode.toString(16)} ${toHex(payload)}`.trim());
}

/** An endpoint in that state, with nothing left to send. */
function endpointIn(role: Role, state: EndpointState): Endpoint {
  const endpoint = makeEndpoint({ role });
  if (state === 'close-sent' || state === 'closed') endpoint.close(1000);
  if (state === 'close-received' || state === 'closed') input(endpoint, peerClose);
  if (state === 'failed') endpoint.fail(1011, '');
  if (state === 'lost') endpoint.receiveEnd();
  assert.is(endpoint.state, state);
  takeAll(endpoint);
  return endpoint;
}

// What one step does: the state after it, the frames sent, the events given, the code of the error thrown.
interface Effect {
  readonly state?: EndpointState;
  readonly output?: readonly string[];
  readonly events?: readonly SeenEvent[];
  readonly error?: string;
}

// What an input gives are its events; a command gives nothing.
type Step = (endpoint: Endpoint) => unknown;

interface Row {
  readonly name: string;
  readonly step: Step;
  readonly effects: Partial<Record<EndpointState, Effect>>;
}

const closed = { error: 'ERR_WS_CLOSED' };
const refused = { 'close-sent': closed, closed, failed: closed, lost: closed };
const failed = (code: number, reason: string, events: SeenEvent[] = []): Effect => ({
  state: 'failed',
  output: [`8 ${toHex(closePayload(code, reason))}`],
  events,
});
const rsv = 'Reserved bits are set without an extension that defines them';
const fault = {
  type: 'fault' as const,
  fault: { code: 'ERR_WS_UNEXPECTED_RSV', closeCode: 1002, message: rsv },
};
const closeEvent = { type: 'close' as const, closeCode: 1001, reason: 'bye' };
const noCodeEvent = { type: 'close' as const, closeCode: 1005, reason: '' };

// A state that is not named does nothing at all in that row.
const rows: readonly Row[] = [
  {
    name: 'sends a message',
    step: (endpoint) => endpoint.send('a'),
    effects: { open: { output: ['1 61'] }, 'close-received': { output: ['1 61'] }, ...refused },
  },
  {
    name: 'sends a ping',
    step: (endpoint) => endpoint.ping(),
    effects: { open: { output: ['9'] }, 'close-received': { output: ['9'] }, ...refused },
  },
  {
    name: 'sends a pong',
    step: (endpoint) => endpoint.pong(),
    effects: { open: { output: ['a'] }, 'close-received': { output: ['a'] }, ...refused },
  },
  {
    name: 'closes without a code',
    step: (endpoint) => endpoint.close(),
    // What answers the peer's close frame echoes its code (1001).
    effects: {
      open: { state: 'close-sent', output: ['8'] },
      'close-received': { state: 'closed', output: ['8 03 e9'] },
    },
  },
  {
    name: 'closes with a code and a reason',
    step: (endpoint) => endpoint.close(4000, 'x'),
    effects: {
      open: { state: 'close-sent', output: ['8 0f a0 78'] },
      'close-received': { state: 'closed', output: ['8 0f a0 78'] },
    },
  },
  {
    name: 'closes with a reason alone',
    step: (endpoint) => endpoint.close(undefined, 'x'),
    effects: {
      open: { state: 'close-sent', output: ['8 03 e8 78'] },
      'close-received': { state: 'closed', output: ['8 03 e8 78'] },
    },
  },
  {
    name: 'fails the connection',
    step: (endpoint) => endpoint.fail(1011, 'x'),
    effects: {
      open: failed(1011, 'x'),
      'close-sent': { state: 'failed' },
      'close-received': failed(1011, 'x'),
    },
  },
  {
    name: 'takes the end of the input',
    step: (endpoint) => endpoint.receiveEnd(),
    effects: { open: { state: 'lost' }, 'close-sent': { state: 'lost' } },
  },
  {
    name: 'receives a message',
    step: (endpoint) => input(endpoint, { opcode: 1, payload: 'a' }),
    effects: {
      open: { events: [{ type: 'message', text: 'a' }] },
      'close-sent': { events: [{ type: 'message', text: 'a' }] },
    },
  },
  {
    name: 'receives a ping',
    step: (endpoint) => input(endpoint, { opcode: 9, payload: 'p' }),
    effects: {
      open: { output: ['a 70'], events: [{ type: 'ping', payload: '70' }] },
      'close-sent': { events: [{ type: 'ping', payload: '70' }] },
    },
  },
  {
    name: 'receives a pong',
    step: (endpoint) => input(endpoint, { opcode: 10, payload: 'p' }),
    effects: {
      open: { events: [{ type: 'pong', payload: '70' }] },
      'close-sent': { events: [{ type: 'pong', payload: '70' }] },
    },
  },
  {
    name: 'receives a close frame',
    step: (endpoint) => input(endpoint, peerClose),
    effects: {
      open: { state: 'close-received', events: [closeEvent] },
      'close-sent': { state: 'closed', events: [closeEvent] },
    },
  },
  {
    name: 'receives a close frame without a code',
    step: (endpoint) => input(endpoint, { opcode: 8 }),
    effects: {
      open: { state: 'close-received', events: [noCodeEvent] },
      'close-sent': { state: 'closed', events: [noCodeEvent] },
    },
  },
  {
    name: 'receives a frame that breaks a rule',
    step: (endpoint) => input(endpoint, { opcode: 1, rsv: 0x40 }),
    effects: { open: failed(1002, rsv, [fault]), 'close-sent': { state: 'failed', events: [fault] } },
  },
];

for (const role of roles) {
  for (const { name, step, effects } of rows) {
    for (const state of states) {
      const effect = effects[state] ?? {};
      const after = effect.state ?? state;
      const outcome = [effect.error, effect.output?.join(', '), after].filter((part) => part !== undefined).join('; ');
      test(`${role} in state ${state} ${name}: ${outcome}`, () => {
        const endpoint = endpointIn(role, state);
        if (effect.error !== undefined) throws(() => step(endpoint), LocalProtocolError, effect.error);
        else assert.equal(step(endpoint) ?? [], effect.events ?? []);
        assert.is(endpoint.state, after);
        assert.is(endpoint.canSend, permissions[after].send);
        assert.is(endpoint.canReceive, permissions[after].receive);
        assert.is(endpoint.endsTransport, endsTransport(after, role));
        assert.is(endpoint.hasUnread, false);
        assert.equal(output(endpoint), effect.output ?? []);
      });
    }
  }

  // --- What is said and heard --------------------------------------------------------------------------------------

  test(`${role} tells what its close frame says and what the peer's said, apart`, () => {
    const endpoint = makeEndpoint({ role });
    assert.equal([endpoint.sent, endpoint.received], [undefined, undefined]);
    endpoint.close(4000, 'enough');
    assert.equal([endpoint.sent, endpoint.received], [{ closeCode: 4000, reason: 'enough' }, undefined]);
    input(endpoint, peerClose);
    assert.equal(endpoint.sent, { closeCode: 4000, reason: 'enough' });
    assert.equal(endpoint.received, { closeCode: 1001, reason: 'bye' });
  });

  test(`${role} tells what a close frame without a code or without a reason says`, () => {
    const said: readonly [Parameters<Endpoint['close']>, CloseStatus][] = [
      [[], { closeCode: 1005, reason: '' }],
      [[undefined, ''], { closeCode: 1005, reason: '' }],
      [[1000], { closeCode: 1000, reason: '' }],
      [[undefined, 'x'], { closeCode: 1000, reason: 'x' }],
    ];
    for (const [parameters, status] of said) {
      const endpoint = makeEndpoint({ role });
      endpoint.close(...parameters);
      assert.equal(endpoint.sent, status);
    }
  });

  test(`${role} answers a close frame without a code with one without a code`, () => {
    const endpoint = makeEndpoint({ role });
    input(endpoint, { opcode: 8 });
    endpoint.close();
    assert.equal([output(endpoint), endpoint.sent, endpoint.state], [['8'], { closeCode: 1005, reason: '' }, 'closed']);
  });

  test(`${role} takes every code that may be sent and echoes it; any other it answers with 1002`, () => {
    for (const code of [...Array.from({ length: 5101 }, (_, index) => index), 65535]) {
      const endpoint = makeEndpoint({ role });
      input(endpoint, { opcode: 8, payload: closePayload(code) });
      endpoint.close();
      const [frame] = unwire(takeAll(endpoint));
      const answer = ((frame?.payload[0] ?? 0) << 8) | (frame?.payload[1] ?? 0);
      assert.is(answer, isSendableCloseCode(code) ? code : 1002);
      assert.is(endpoint.state, isSendableCloseCode(code) ? 'closed' : 'failed');
    }
  });

  test(`${role} takes a reason of 123 bytes and fails with 1002 on one of 124, with 1007 on one that is not UTF-8`, () => {
    const longest = { opcode: 8, payload: closePayload(1000, 'x'.repeat(123)) };
    assert.is(receive({ role }, wireTo(role, longest)).state, 'close-received');
    const tooLong = { opcode: 8, payload: closePayload(1000, 'x'.repeat(124)) };
    const [event] = receive({ role }, wireTo(role, tooLong)).events;
    assert.equal(event?.type === 'fault' && [event.fault.code, event.fault.closeCode], [
      'ERR_WS_CONTROL_FRAME_TOO_LONG',
      1002,
    ]);
    const bad = { opcode: 8, payload: closePayload(1000, hex('c3 28')) };
    const [other] = receive({ role }, wireTo(role, bad)).events;
    assert.equal(other?.type === 'fault' && [other.fault.code, other.fault.closeCode], ['ERR_WS_INVALID_UTF8', 1007]);
  });

  // --- Order -------------------------------------------------------------------------------------------------------

  test(`${role} sends its close frame behind all it has sent, and pongs before it`, () => {
    const endpoint = makeEndpoint({ role });
    endpoint.send('first');
    input(endpoint, { opcode: 9, payload: 'p' });
    endpoint.send(new Uint8Array(10_000));
    endpoint.close(1000);
    const frames = unwire(takeAll(endpoint)).map(({ opcode }) => opcode);
    assert.equal(frames, [10, 1, 2, 8]);
  });

  test(`${role} answers no ping that comes after its close frame is queued`, () => {
    const endpoint = makeEndpoint({ role });
    endpoint.send('first');
    endpoint.close(1000);
    assert.equal(input(endpoint, { opcode: 9, payload: 'p' }), [{ type: 'ping', payload: '70' }]);
    assert.equal(output(endpoint), ['1 66 69 72 73 74', '8 03 e8']);
  });

  test(`${role} may still reply to what came before the peer's close frame, before its own`, () => {
    const endpoint = makeEndpoint({ role });
    input(endpoint, peerClose);
    endpoint.send('reply');
    endpoint.close();
    assert.equal(output(endpoint), ['1 72 65 70 6c 79', '8 03 e9']);
    assert.is(endpoint.state, 'closed');
  });

  test(`${role} gives messages that come between its close frame and the peer's`, () => {
    const frames = [{ opcode: 1, fin: false, payload: 'a' }, { opcode: 0, payload: 'b' }, peerClose];
    const bytes = join(...frames.map((frame) => wireTo(role, frame)));
    const { events, state } = receive({ role }, bytes, (endpoint) => endpoint.close(1000));
    assert.equal([events, state], [[{ type: 'message', text: 'ab' }, closeEvent], 'closed']);
  });

  test(`${role} sends one close frame, however often it closes or fails`, () => {
    const endpoint = makeEndpoint({ role });
    endpoint.close(1000, 'first');
    endpoint.close(4000, 'second');
    endpoint.close();
    endpoint.fail(1011, 'third');
    assert.equal(output(endpoint), [`8 ${toHex(closePayload(1000, 'first'))}`]);
    assert.equal(endpoint.sent, { closeCode: 1000, reason: 'first' });
  });

  // --- Misuse ------------------------------------------------------------------------------------------------------

  test(`${role} refuses a code that may not be sent or a reason over 123 bytes, in any state, and changes nothing`, () => {
    for (const state of states) {
      const endpoint = endpointIn(role, state);
      const { sent } = endpoint;
      for (const code of [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535, 1000.5, Number.NaN]) {
        throws(() => endpoint.close(code), RangeError, /Cannot close/);
        throws(() => endpoint.close(code, 'x'), RangeError, /Cannot close/);
      }
      throws(() => endpoint.close(1000, 'x'.repeat(124)), RangeError, /124 bytes/);
      for (const code of ['1000', null, {}]) {
        throws(() => endpoint.close(code as unknown as number), TypeError, /not a number/);
      }
      throws(() => endpoint.close(1000, 42 as unknown as string), TypeError, /not a string/);
      assert.equal([endpoint.state, endpoint.hasOutput, endpoint.sent], [state, false, sent]);
    }
  });

  test(`${role} cuts a reason of its own when it fails the connection, at a character`, () => {
    const endpoint = makeEndpoint({ role });
    endpoint.fail(1011, 'я'.repeat(100));
    assert.equal(output(endpoint), [`8 ${toHex(closePayload(1011, 'я'.repeat(61)))}`]);
    assert.equal(endpoint.sent, { closeCode: 1011, reason: 'я'.repeat(61) });
  });

  test(`${role} stops in the middle of a chunk when it fails the connection`, () => {
    const endpoint = makeEndpoint({ role });
    const bytes = join(...['a', 'b', 'c'].map((payload) => wireTo(role, { opcode: 1, payload })));
    assert.is(endpoint.receive(bytes, false, 1).length, 1);
    endpoint.fail(1008, 'policy');
    assert.equal([endpoint.hasUnread, endpoint.resume(), endpoint.receive(bytes)], [false, [], []]);
  });

  test(`${role} drops a message that is not whole when the input ends or the connection fails`, () => {
    for (const end of [
      (endpoint: Endpoint) => endpoint.receiveEnd(),
      (endpoint: Endpoint) => endpoint.fail(1011, ''),
    ]) {
      const endpoint = makeEndpoint({ role });
      input(endpoint, { opcode: 2, fin: false, payload: 'half' });
      assert.is(endpoint.retained, 4);
      end(endpoint);
      assert.is(endpoint.retained, 0);
    }
  });

  test(`the close frame of a ${role} is one that its peer takes`, () => {
    for (const [code, reason] of [
      [1000, ''],
      [1001, 'bye'],
      [4999, 'x'.repeat(123)],
    ] as const) {
      const endpoint = makeEndpoint({ role });
      endpoint.close(code, reason);
      const peer: Role = role === 'server' ? 'client' : 'server';
      const { frames, fault: none } = decodeOnce(
        { role: peer },
        { name: '', chunks: [takeAll(endpoint)], isOwned: true },
      );
      assert.equal([frames[0]?.payload, none], [toHex(closePayload(code, reason)), undefined]);
    }
  });
}

test.run();
