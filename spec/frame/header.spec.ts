import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  FIN_BIT,
  headerSize,
  MASK_BIT,
  MAX_HEADER_SIZE,
  OPCODE_BITS,
  RSV_BITS,
  readUint32,
  writeHeader,
} from '../../lib/frame/header.ts';
import { toHex } from '../support/hex.ts';

const test = suite('header · RFC 6455 §5.2');

function written(payloadLength: number, maskingKey?: number): string {
  const target = new Uint8Array(MAX_HEADER_SIZE + 4).fill(0xee);
  const end = writeHeader(target, 2, 0x82, payloadLength, maskingKey);
  assert.is(end - 2, headerSize(payloadLength, maskingKey !== undefined), 'headerSize is what writeHeader writes');
  assert.is(toHex(target.subarray(0, 2)), 'ee ee', 'nothing is written before the offset');
  assert.ok(
    target.subarray(end).every((byte) => byte === 0xee),
    'nothing is written behind the end',
  );
  return toHex(target.subarray(2, end));
}

test('the first byte is FIN, RSV and opcode without a gap or an overlap', () => {
  assert.is(FIN_BIT + RSV_BITS + OPCODE_BITS, 0xff);
  assert.is(MASK_BIT, 0x80);
});

const forms: readonly [number, string, string][] = [
  [0, '82 00', '82 80'],
  [1, '82 01', '82 81'],
  [124, '82 7c', '82 fc'],
  [125, '82 7d', '82 fd'],
  [126, '82 7e 00 7e', '82 fe 00 7e'],
  [127, '82 7e 00 7f', '82 fe 00 7f'],
  [256, '82 7e 01 00', '82 fe 01 00'],
  [65535, '82 7e ff ff', '82 fe ff ff'],
  [65536, '82 7f 00 00 00 00 00 01 00 00', '82 ff 00 00 00 00 00 01 00 00'],
  [2 ** 31, '82 7f 00 00 00 00 80 00 00 00', '82 ff 00 00 00 00 80 00 00 00'],
  [2 ** 32, '82 7f 00 00 00 01 00 00 00 00', '82 ff 00 00 00 01 00 00 00 00'],
  [2 ** 53 - 1, '82 7f 00 1f ff ff ff ff ff ff', '82 ff 00 1f ff ff ff ff ff ff'],
];

for (const [length, server, client] of forms) {
  test(`writes a payload length of ${length} in the fewest bytes, with and without a masking key`, () => {
    assert.is(written(length), server);
    assert.is(written(length, 0x37fa213d), `${client} 37 fa 21 3d`);
  });
}

test('writes a masking key in network byte order, 00000000 and ffffffff too', () => {
  assert.is(written(0, 0), '82 80 00 00 00 00');
  assert.is(written(0, 0xffffffff), '82 80 ff ff ff ff');
  assert.is(written(0, 0x01020304), '82 80 01 02 03 04');
});

test('no header is longer than MAX_HEADER_SIZE', () => {
  assert.is(headerSize(Number.MAX_SAFE_INTEGER, true), MAX_HEADER_SIZE);
});

test('a number of four bytes is read without a sign, from where it begins', () => {
  assert.is(readUint32(Uint8Array.of(9, 0x37, 0xfa, 0x21, 0x3d, 9), 1), 0x37fa213d);
  assert.is(readUint32(Uint8Array.of(255, 255, 255, 255), 0), 0xffff_ffff);
});

test.run();
