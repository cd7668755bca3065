// Sec-WebSocket-Key and Sec-WebSocket-Accept.

import { createHash } from 'node:crypto';
import process from 'node:process';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { acceptKey, encodeBase64, isValidKey } from '../../lib/handshake/accept-key.ts';

const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
console.log(`seed ${seed}`);

const accept = suite('accept-key · RFC 6455 §4.2.2 (5)');

accept('the sample key of the RFC has the sample answer of the RFC', () => {
  assert.is(acceptKey('dGhlIHNhbXBsZSBub25jZQ=='), 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
});

accept('the key of 16 zero bytes', () => {
  assert.is(acceptKey('AAAAAAAAAAAAAAAAAAAAAA=='), 'ICX+Yqv66kxgM0FcWaLWlFLwTAI=');
});

accept('any key has the answer that the runtime computes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (nonce) => {
      const key = Buffer.from(nonce).toString('base64');
      const expected = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
      assert.is(acceptKey(key), expected);
      assert.ok(isValidKey(key));
    }),
    { seed },
  );
});

accept.run();

const valid = suite('accept-key · RFC 6455 §4.2.1 (5)');

valid('the sample key is valid', () => {
  assert.ok(isValidKey('dGhlIHNhbXBsZSBub25jZQ=='));
});

const invalid: [what: string, key: string][] = [
  ['an empty key', ''],
  ['15 bytes', 'AAAAAAAAAAAAAAAAAAAA'],
  ['17 bytes', 'AAAAAAAAAAAAAAAAAAAAAAA='],
  ['no padding', 'AAAAAAAAAAAAAAAAAAAAAA'],
  ['half the padding', 'AAAAAAAAAAAAAAAAAAAAAA='],
  ['too much padding', 'AAAAAAAAAAAAAAAAAAAAAA==='],
  ['the alphabet of base64url', 'AAAAAAAAAAAAAAAAAAAA-_=='],
  ['a space before', ' AAAAAAAAAAAAAAAAAAAAAA=='],
  ['a space behind', 'AAAAAAAAAAAAAAAAAAAAAA== '],
  ['a line feed behind', 'AAAAAAAAAAAAAAAAAAAAAA==\n'],
  ['a byte over 0x7F', 'AAAAAAAAAAAAAAAAAAAAA\xe9=='],
  ['two keys', 'AAAAAAAAAAAAAAAAAAAAAA==, AAAAAAAAAAAAAAAAAAAAAA=='],
  ['a mebibyte', 'A'.repeat(1024 * 1024)],
];

for (const [what, key] of invalid) {
  valid(`${what} is invalid`, () => {
    assert.not(isValidKey(key));
  });
}

valid('any 16 bytes in base64 are valid, and are what the runtime encodes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
      const key = encodeBase64(bytes);
      assert.is(key, Buffer.from(bytes).toString('base64'));
      assert.ok(isValidKey(key));
    }),
    { seed },
  );
});

valid.run();
