// A text that is longer than a string of the runtime can be. Half a gibibyte is too much for a spec: the platform's decoder is
// made to fail, as it does then (Node throws an Error with the code ERR_STRING_TOO_LONG, others a RangeError).

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeUtf8, decodeValidUtf8 } from '../../lib/bytes/utf8.ts';
import { throws } from '../support/check.ts';
import { assemble } from '../support/deliver-messages.ts';

const test = suite('message-assembler · texts longer than a string can be');

const { decode } = TextDecoder.prototype;

test.before(() => {
  TextDecoder.prototype.decode = function (...parameters: Parameters<typeof decode>): string {
    const text = decode.apply(this, parameters);
    if (text.length > 10) throw new RangeError('Invalid string length');
    return text;
  };
});

test.after(() => {
  TextDecoder.prototype.decode = decode;
});

test('fails with 1009 when a text of one frame is longer', () => {
  const { messages, fault, retained } = assemble([{ opcode: 1, payload: 'x'.repeat(11) }]);
  assert.equal([messages, retained], [[], 0]);
  assert.equal([fault?.code, fault?.closeCode], ['ERR_WS_MESSAGE_TOO_LONG', 1009]);
});

test('fails with 1009 when a text of several fragments is longer', () => {
  const { messages, fault, retained } = assemble([
    { opcode: 1, fin: false, payload: 'x'.repeat(6) },
    { opcode: 0, payload: 'x'.repeat(6) },
  ]);
  assert.equal([messages, retained], [[], 0]);
  assert.equal([fault?.code, fault?.closeCode], ['ERR_WS_MESSAGE_TOO_LONG', 1009]);
});

test('still fails with 1007 when a text is not UTF-8', () => {
  assert.is(assemble([{ opcode: 1, payload: Uint8Array.of(0xff) }]).fault?.closeCode, 1007);
});

test('what is not a fault of the bytes is thrown by the functions beneath', () => {
  const bytes = new Uint8Array(11).fill(0x61);
  throws(() => decodeUtf8(bytes), RangeError, /string length/);
  throws(() => decodeValidUtf8(bytes), RangeError, /string length/);
});

test.run();
