// What the package exports, name by name: a change of it is a decision, not an accident. Types are seen by the compiler alone (spec/types).

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import * as deno from '../../lib/deno.ts';
import * as index from '../../lib/index.ts';
import * as node from '../../lib/node.ts';
import * as testing from '../../lib/testing.ts';

const values = [
  'CloseCode',
  'ConnectionError',
  'ExtensionError',
  'FrameDecoderStream',
  'FrameEncoderStream',
  'HandshakeError',
  'HeaderFields',
  'Job',
  'LimitError',
  'LocalProtocolError',
  'MessageAssemblerStream',
  'MessageFragmenterStream',
  'MillraceError',
  'Opcode',
  'ReconnectingSession',
  'Refusal',
  'RemoteProtocolError',
  'RetainedBudget',
  'ServerHandshakeRules',
  'Session',
  'StreamedMessage',
  'WebSocketError',
  'WebSocketServer',
  'WebSocketStream',
  'WebSocketUpgrade',
  'acceptExtensions',
  'attach',
  'confirmExtensions',
  'connect',
  'defaultLimits',
  'errorCodes',
  'offerExtensions',
  'permessageDeflate',
  'reconnect',
  'serve',
  'toByteStreams',
  'toRequestHead',
  'upgrade',
];

const test = suite('exports');

test('the entry for Node exports these values', () => {
  assert.equal(Object.keys(node).sort(), values);
});

test('the main entry exports the same', () => {
  assert.equal(Object.keys(index).sort(), values);
});

test("the entry for Deno's own sockets exports the same, but for what belongs to a server of node:http", () => {
  const ofNode = ['attach', 'toRequestHead'];
  assert.equal(
    Object.keys(deno).sort(),
    values.filter((name) => !ofNode.includes(name)),
  );
});

test('the entry for tests exports these values', () => {
  assert.equal(Object.keys(testing).sort(), ['Line', 'TestClock', 'createPair', 'randomChunkSizes', 'turns']);
});
test.run();
