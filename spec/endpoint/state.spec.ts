import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  type EndpointState,
  endsTransport,
  permissions,
  type Transition,
  transitions,
} from '../../lib/endpoint/state.ts';

const test = suite('state · RFC 6455 §7.1');

const states: readonly EndpointState[] = ['open', 'close-sent', 'close-received', 'closed', 'failed', 'lost'];
const all: readonly Transition[] = ['send-close', 'receive-close', 'fail', 'end'];

test('the transitions are these and no others', () => {
  assert.equal(
    states.map((state) => [state, ...all.map((transition) => transitions[state][transition])]),
    [
      ['open', 'close-sent', 'close-received', 'failed', 'lost'],
      ['close-sent', undefined, 'closed', 'failed', 'lost'],
      ['close-received', 'closed', undefined, 'failed', undefined],
      ['closed', undefined, undefined, undefined, undefined],
      ['failed', undefined, undefined, undefined, undefined],
      ['lost', undefined, undefined, undefined, undefined],
    ],
  );
  assert.equal(Object.keys(transitions).sort(), [...states].sort());
});

test('messages are sent until the close frame, and received until that of the peer', () => {
  assert.equal(
    states.map((state) => [state, permissions[state].send, permissions[state].receive]),
    [
      ['open', true, true],
      ['close-sent', false, true],
      ['close-received', true, false],
      ['closed', false, false],
      ['failed', false, false],
      ['lost', false, false],
    ],
  );
});

test('each state without a way out neither sends nor receives', () => {
  for (const state of states) {
    if (Object.keys(transitions[state]).length > 0) continue;
    assert.equal(permissions[state], { send: false, receive: false });
  }
});

test('each state is reached from open', () => {
  const reached = new Set<EndpointState>(['open']);
  for (const state of reached) for (const next of Object.values(transitions[state])) reached.add(next);
  assert.equal([...reached].sort(), [...states].sort());
});

test('server ends the transport when it is closed, failed or lost', () => {
  assert.equal(
    states.filter((state) => endsTransport(state, 'server')),
    ['closed', 'failed', 'lost'],
  );
});

test('client ends the transport when it is failed or lost, and leaves it to the server when it is closed', () => {
  assert.equal(
    states.filter((state) => endsTransport(state, 'client')),
    ['failed', 'lost'],
  );
});

test.run();
