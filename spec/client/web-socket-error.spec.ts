// WebSocketError, as the draft of WebSocketStream and its web platform tests (websocket-error) have it.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  checkCloseInfo,
  closeInfoOf,
  createWebSocketError,
  WebSocketError,
} from '../../lib/client/web-socket-error.ts';
import { domThrows, throws } from '../support/check.ts';

const test = suite('WebSocketError');

function facts({ message, name, code, closeCode, reason }: WebSocketError): unknown[] {
  return [message, name, code, closeCode, reason];
}

test('without arguments it has no message, no close code and no reason; as a DOMException it has the code 0', () => {
  const error = new WebSocketError();
  assert.equal(facts(error), ['', 'WebSocketError', 0, null, '']);
  assert.instance(error, DOMException);
  assert.instance(error, Error);
  assert.is(error.constructor, WebSocketError);
});

test('it has what it is made with', () => {
  assert.equal(facts(new WebSocketError('message', { closeCode: 3456, reason: 'reason' })), [
    'message',
    'WebSocketError',
    0,
    3456,
    'reason',
  ]);
  assert.equal(facts(new WebSocketError('', { closeCode: 3333 })), ['', 'WebSocketError', 0, 3333, '']);
});

test('a reason without a close code has 1000', () => {
  assert.is(new WebSocketError('', { reason: 'specified' }).closeCode, 1000);
  assert.is(new WebSocketError('', { reason: '' }).closeCode, null);
});

test('the close code is 1000 or from 3000 to 4999; another is an InvalidAccessError', () => {
  for (const closeCode of [1000, 3000, 4999]) assert.is(new WebSocketError('', { closeCode }).closeCode, closeCode);
  for (const closeCode of [0, 999, 1001, 1005, 1006, 1011, 2999, 5000, 65_535])
    domThrows(() => new WebSocketError('', { closeCode }), 'InvalidAccessError');
});

test('a close code that is no number from 0 to 65535 is a TypeError, as is an init that is no dictionary', () => {
  for (const closeCode of [65_536, -1, Number.NaN, 'x', 1000n])
    throws(() => new WebSocketError('', { closeCode: closeCode as number }), TypeError);
  for (const init of [true, 5, 'x']) throws(() => new WebSocketError('', init as never), TypeError);
  assert.is(new WebSocketError('', null as never).closeCode, null);
});

test('a reason over 123 bytes of UTF-8 is a SyntaxError: bytes are counted, not characters', () => {
  assert.is(new WebSocketError('', { reason: 'x'.repeat(123) }).reason.length, 123);
  domThrows(() => new WebSocketError('', { closeCode: 1000, reason: 'x'.repeat(124) }), 'SyntaxError');
  domThrows(() => new WebSocketError('', { reason: '🔌'.repeat(32) }), 'SyntaxError');
});

test('lone surrogates in a reason become U+FFFD', () => {
  assert.is(new WebSocketError('', { reason: 'a\ud800' }).reason, 'a\ufffd');
});

test('close code and reason are read once, in the order of their names, the code before the reason is looked at', () => {
  const read: string[] = [];
  const init = new Proxy<{ closeCode?: number; reason?: string }>(
    {},
    {
      get: (_, name) => {
        read.push(String(name));
        return undefined;
      },
      has: () => true,
    },
  );
  assert.is(new WebSocketError('', init).closeCode, null);
  assert.equal(read, ['closeCode', 'reason']);
  domThrows(() => new WebSocketError('', { closeCode: 1, reason: 'x'.repeat(124) }), 'InvalidAccessError');
});

test('it looks like an interface: accessors on its prototype that can be enumerated, which no one sets', () => {
  assert.equal(Object.keys(WebSocketError.prototype), ['closeCode', 'reason']);
  assert.is(WebSocketError.length, 0);
  assert.is(Object.prototype.toString.call(new WebSocketError()), '[object WebSocketError]');
  throws(() => Reflect.get(WebSocketError.prototype, 'closeCode', {}), TypeError);
  throws(() => Object.assign(new WebSocketError(), { closeCode: 1 }), TypeError);
});

test('one that the engine makes may have any close code, and a cause', () => {
  const cause = new Error('why');
  const error = createWebSocketError('lost', 1006, '', cause);
  assert.equal(facts(error), ['lost', 'WebSocketError', 0, 1006, '']);
  assert.is(error.cause, cause);
  assert.not(Object.keys(error).includes('cause'));
  assert.not('cause' in createWebSocketError('lost', null, '', undefined));
});

test('what a stream is aborted with is said in the close frame if it is a WebSocketError that may be said', () => {
  const nothing = { closeCode: undefined, reason: '' };
  assert.equal(closeInfoOf(new WebSocketError('', { closeCode: 3333 })), { closeCode: 3333, reason: '' });
  assert.equal(closeInfoOf(new WebSocketError('', { reason: 'set' })), { closeCode: 1000, reason: 'set' });
  assert.equal(closeInfoOf(new WebSocketError('only a message')), nothing);
  // A 1001 that has come from the peer.
  assert.equal(closeInfoOf(createWebSocketError('', 1001, 'going away', undefined)), nothing);
  const exception = Object.assign(new DOMException('yes', 'DataCloneError'), { closeCode: 1000, reason: 'ignored' });
  const others = [undefined, null, 3333, { closeCode: 3333, reason: 'obsolete' }, exception];
  for (const other of [...others, Object.create(WebSocketError.prototype)]) assert.equal(closeInfoOf(other), nothing);
});

test('to close with, a code, a reason, both or neither are given, and the code is put to a reason that has none', () => {
  assert.equal(checkCloseInfo(undefined), { closeCode: undefined, reason: '' });
  assert.equal(checkCloseInfo({ reason: 'x' }), { closeCode: 1000, reason: 'x' });
  assert.equal(checkCloseInfo({ closeCode: '4000.5', reason: null }), { closeCode: 4000, reason: 'null' });
  throws(() => checkCloseInfo(true), TypeError);
  domThrows(() => checkCloseInfo({ closeCode: null }), 'InvalidAccessError');
});

test.run();
