import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { isControlOpcode, isOpcode, Opcode } from '../../lib/frame/opcode.ts';

const test = suite('opcode · RFC 6455 §5.2 and §11.8');

test('has the six opcodes of the registry with their numbers', () => {
  assert.equal(Opcode, { CONTINUATION: 0, TEXT: 1, BINARY: 2, CLOSE: 8, PING: 9, PONG: 10 });
});

test('knows the six opcodes and refuses 3 to 7, B to F and what is no opcode at all', () => {
  const known = Array.from({ length: 16 }, (_, value) => value).filter(isOpcode);
  assert.equal(known, [0, 1, 2, 8, 9, 10]);
  for (const value of [-1, 16, 0x81, Number.NaN]) assert.not(isOpcode(value), String(value));
});

test('takes the opcodes from 8 on for control frames', () => {
  const control = Array.from({ length: 16 }, (_, value) => value).filter(isControlOpcode);
  assert.equal(control, [8, 9, 10, 11, 12, 13, 14, 15]);
});

test.run();
