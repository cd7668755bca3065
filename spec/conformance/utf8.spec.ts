// RFC 6455 §5.6 and §8.1, RFC 3629, row by row of the checklist of requirements (U1 to U4), over a real socket, each input as one write and byte by
// byte. The sequences are those of group 6 of the Autobahn test suite and those that RFC 3629 §4 excludes.
//
// Left out: U5 binds what a client's API is given.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { assertAnswered, assertFailed, exchange } from '../support/exchange.ts';
import { hex, join } from '../support/hex.ts';
import { binary, close, continuation, ping, RawClient, text } from '../support/raw-client.ts';
import { assertNothingEscaped, startServer } from '../support/server.ts';

const host = await startServer();

const encoder = new TextEncoder();

// --- Valid -----------------------------------------------------------------------------------------------------------

const validSuite = suite('conformance · RFC 3629 · text that is UTF-8');

const valid: readonly (readonly [string, Uint8Array])[] = [
  ['Hello-µ@ßöäüàá-UTF-8!!', encoder.encode('Hello-µ@ßöäüàá-UTF-8!!')],
  ['κόσμε', hex('ce ba e1 bd b9 cf 83 ce bc ce b5')],
  ['the first of one byte, U+0000', hex('00')],
  ['the first of two bytes, U+0080', hex('c2 80')],
  ['the first of three bytes, U+0800', hex('e0 a0 80')],
  ['the first of four bytes, U+10000', hex('f0 90 80 80')],
  ['the last of one byte, U+007F', hex('7f')],
  ['the last of two bytes, U+07FF', hex('df bf')],
  ['the last of three bytes, U+FFFF', hex('ef bf bf')],
  ['the last of four bytes, U+10FFFF', hex('f4 8f bf bf')],
  ['the last before the surrogates, U+D7FF', hex('ed 9f bf')],
  ['the first behind the surrogates, U+E000', hex('ee 80 80')],
  ['U+FFFD', hex('ef bf bd')],
  ['a BOM', hex('ef bb bf')],
  ['a BOM inside', hex('61 ef bb bf 62')],
  ['the noncharacter U+FDD0', hex('ef b7 90')],
  ['the noncharacter U+FFFE', hex('ef bf be')],
];

for (let plane = 0x1; plane <= 0x10; plane++) {
  const points = [plane * 0x10000 + 0xfffe, plane * 0x10000 + 0xffff];
  const names = points.map((point) => `U+${point.toString(16).toUpperCase()}`).join(' and ');
  (valid as [string, Uint8Array][]).push([
    `the noncharacters ${names}`,
    encoder.encode(String.fromCodePoint(...points)),
  ]);
}

for (const [what, bytes] of valid) {
  validSuite(`U1 U3 server takes ${what}, and keeps each byte`, async () => {
    const content = Buffer.from(bytes).toString('latin1');
    await assertAnswered(host, [text(bytes)], [`text ${content}`]);
    // In fragments of one byte each: a frame may split a character.
    const fragments = Array.from(bytes, (byte, index) =>
      index === 0 ? text(Uint8Array.of(byte), false) : continuation(Uint8Array.of(byte), false),
    );
    await assertAnswered(host, [...fragments, continuation('')], [`text ${content}`]);
  });
}

validSuite('U1 server takes a text of characters of all lengths that is split at each place', async () => {
  const bytes = encoder.encode('aµ日😀');
  const parts: Uint8Array[] = [];
  const expected: string[] = [];
  for (let index = 0; index <= bytes.byteLength; index++) {
    parts.push(text(bytes.subarray(0, index), false), continuation(bytes.subarray(index)));
    expected.push(`text ${Buffer.from(bytes).toString('latin1')}`);
  }
  await assertAnswered(host, parts, expected);
});

validSuite('U1 server takes pings between the bytes of a character', async () => {
  const [first, ...rest] = encoder.encode('😀');
  const parts = [text(Uint8Array.of(first as number), false)];
  for (const byte of rest) parts.push(ping(), continuation(Uint8Array.of(byte), false));
  await assertAnswered(
    host,
    [...parts, continuation('')],
    ['pong', 'pong', 'pong', `text ${Buffer.from('😀').toString('latin1')}`],
  );
});

validSuite('U1 server does not look at the bytes of a binary message', async () => {
  await assertAnswered(host, [binary(hex('ff fe c0 80 ed a0 80'))], ['binary fffec080eda080']);
});

validSuite.run();

// --- Invalid ---------------------------------------------------------------------------------------------------------

const invalidSuite = suite('conformance · RFC 6455 §8.1 · text that is no UTF-8');

const invalid: readonly (readonly [string, string])[] = [
  ['a continuation byte alone, 80', '80'],
  ['a continuation byte alone, BF', 'bf'],
  ['seven continuation bytes', '80 bf 80 bf 80 bf 80'],
  ['a lead of two bytes and a space', 'c3 20'],
  ['a lead of three bytes and a space', 'e1 20'],
  ['a lead of four bytes and a space', 'f1 20'],
  ['two of three bytes and a space', 'e1 80 20'],
  ['three of four bytes and a space', 'f1 80 80 20'],
  ['a lead inside a sequence', 'e1 c3 a9'],
  ['FE', 'fe'],
  ['FF', 'ff'],
  ['FE FE FF FF', 'fe fe ff ff'],
  ['a lead of five bytes', 'f8 88 80 80 80'],
  ['a lead of six bytes', 'fc 84 80 80 80 80'],
  ['an overlong slash of two bytes', 'c0 af'],
  ['an overlong slash of three bytes', 'e0 80 af'],
  ['an overlong slash of four bytes', 'f0 80 80 af'],
  ['an overlong NUL', 'c0 80'],
  ['the highest overlong of two bytes', 'c1 bf'],
  ['the highest overlong of three bytes', 'e0 9f bf'],
  ['the highest overlong of four bytes', 'f0 8f bf bf'],
  ['the first surrogate, U+D800', 'ed a0 80'],
  ['the last high surrogate, U+DBFF', 'ed af bf'],
  ['the first low surrogate, U+DC00', 'ed b0 80'],
  ['the last surrogate, U+DFFF', 'ed bf bf'],
  ['a pair of surrogates', 'ed a0 80 ed b0 80'],
  ['U+110000', 'f4 90 80 80'],
  ['U+13FFFF', 'f4 bf bf bf'],
  ['a lead of F5', 'f5 80 80 80'],
];

for (const [what, digits] of invalid) {
  const bytes = hex(digits);
  const around = join(encoder.encode('κόσμε'), bytes, encoder.encode('edited'));

  invalidSuite(`U3 server fails with 1007 on ${what}`, async () => {
    await assertFailed(host, [text(bytes)], 1007, 'ERR_WS_INVALID_UTF8');
  });

  invalidSuite(`U3 server fails with 1007 on ${what} inside a text, whole and in fragments`, async () => {
    await assertFailed(host, [text(around)], 1007, 'ERR_WS_INVALID_UTF8');
    const fragments = Array.from(around, (byte, index) =>
      index === 0 ? text(Uint8Array.of(byte), false) : continuation(Uint8Array.of(byte), false),
    );
    await assertFailed(host, [...fragments, continuation('')], 1007, 'ERR_WS_INVALID_UTF8');
  });

  invalidSuite(`U2 server fails with 1007 on ${what} before the message or the frame is whole`, async () => {
    await assertFailed(host, [text(around, false)], 1007, 'ERR_WS_INVALID_UTF8');
    await assertFailed(host, [text(join(around, new Uint8Array(100))).subarray(0, -90)], 1007, 'ERR_WS_INVALID_UTF8');
  });

  invalidSuite(`U4 server fails with 1007 on ${what} in a close reason`, async () => {
    await assertFailed(host, [close(1000, bytes)], 1007, 'ERR_WS_INVALID_UTF8');
  });
}

for (const [what, digits] of [
  ['two bytes', 'c3'],
  ['three bytes', 'e2 82'],
  ['four bytes', 'f0 9f 98'],
] as const) {
  invalidSuite(`U1 server fails with 1007 on a text that ends inside a character of ${what}`, async () => {
    await assertFailed(host, [text(join(encoder.encode('abc'), hex(digits)))], 1007, 'ERR_WS_INVALID_UTF8');
    await assertFailed(host, [text(hex(digits), false), continuation('')], 1007, 'ERR_WS_INVALID_UTF8');
  });

  invalidSuite(`U4 server fails with 1007 on a close reason that ends inside a character of ${what}`, async () => {
    await assertFailed(host, [close(1000, hex(digits))], 1007, 'ERR_WS_INVALID_UTF8');
  });
}

invalidSuite('U2 server fails at the first impossible byte, before the next one has come', async () => {
  for (const [, digits] of invalid) {
    const bytes = hex(digits);
    const failsAt = Array.from(bytes.keys()).find((index) => !isPrefix(bytes.subarray(0, index + 1))) ?? -1;
    assert.ok(failsAt >= 0);
    using client = await RawClient.open(host.port);
    const frame = text(join(bytes, new Uint8Array(50)));
    await client.drip(frame.subarray(0, 6 + failsAt + 1));
    assert.is((await client.untilClose()).code, 1007, digits);
    await client.finished();
    client.end();
  }
});

/** Whether more bytes can make valid UTF-8 of these: told by the platform's decoder. */
function isPrefix(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true });
    return true;
  } catch {
    return false;
  }
}

invalidSuite('U4 server takes a reason of 123 bytes with characters of all lengths', async () => {
  const reason = `${'😀'.repeat(29)}日aµa`;
  assert.is(encoder.encode(reason).byteLength, 123);
  const { code, info } = await exchange(host, close(3000, reason));
  assert.is(code, 3000);
  assert.equal(info.received, { closeCode: 3000, reason });
});

invalidSuite.run();

const escapeSuite = suite('conformance · UTF-8 · escapes');

escapeSuite('nothing has escaped from any of these connections', () => assertNothingEscaped());

escapeSuite.run();
