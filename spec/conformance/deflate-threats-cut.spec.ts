// CVE-2026-87022 and its like: a compressed message that was cut, over a real socket. RFC 7692 §7.2.2 has a receiver append four octets and inflate; where the message ends inside a block,
// they are taken for the rest of that block, and so may be what comes behind: a part of one message would be read as another, or a later message be something that nobody has sent.

import { constants, type ZlibOptions } from 'node:zlib';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { permessageDeflate } from '../../lib/node.ts';
import {
  Bits,
  compressed,
  deflated,
  EMPTY_STORED,
  emptyDynamicBlocks,
  fixedBlock,
  openDeflating,
} from '../support/deflate-by-hand.ts';
import { ALONE, assertDeflateFails, deflateExchange, plain } from '../support/deflate-exchange.ts';
import { hex } from '../support/hex.ts';
import { close, text } from '../support/raw-client.ts';
import { assertNothingEscaped, startServer } from '../support/server.ts';
import { sized } from '../support/sized.ts';

const host = await startServer(undefined, { extensions: [permessageDeflate()] });

const first = JSON.stringify({ from: 'alice', to: 'bob', amount: 100, note: 'a message, and a note to it' });
const second = JSON.stringify({ from: 'alice', to: 'bob', amount: 999, note: 'the next message' });

const kinds: readonly (readonly [string, ZlibOptions])[] = [
  ['stored', { level: 0 }],
  ['fixed', { strategy: constants.Z_FIXED }],
  ['dynamic', { strategy: constants.Z_HUFFMAN_ONLY }],
];

const test = suite('conformance · threats of compression · messages that were cut');

/** The header byte of a stored block alone is the same as RFC 7692 §7.2.3.6's empty message. */
const isEmptyMessage = (kind: string, length: number): boolean => kind === 'stored' && length === 1;

for (const [kind, options] of kinds) {
  for (const [what, parameters] of [
    ['with context takeover', ''],
    ['without', '; client_no_context_takeover'],
  ] as const) {
    test(`CVE-2026-87022 a message cut anywhere in a ${kind} block fails with 1007, and the next one is not read, ${what}`, async () => {
      const payload = deflated(first, options);
      const dictionary = Buffer.from(first);
      const next = deflated(second, parameters === '' ? { ...options, dictionary } : options);
      for (let length = 0; length < payload.byteLength; length += length < 4 ? 1 : sized(5, 1)) {
        const parts = [compressed(payload.subarray(0, length)), compressed(next), close(1000)];
        if (isEmptyMessage(kind, length)) continue;
        const { code, error, messages } = await deflateExchange(host, parts, { parameters });
        assert.equal([code, error, messages], [1007, 'ERR_WS_INVALID_DEFLATE', []], `cut to ${length} bytes`);
      }
      const { code, messages } = await deflateExchange(host, [compressed(payload), compressed(next), close(1000)], {
        parameters,
      });
      assert.equal([code, messages], [1000, [first, second]], 'whole it is read, and the next one too');
    });
  }
}

test('CVE-2026-87022 a cut message is no smaller threat where the decompressor is used by others in between', async () => {
  await using shared = await startServer(undefined, { extensions: [permessageDeflate({ maxContexts: 1 })] });
  const options = { strategy: constants.Z_FIXED };
  const payload = deflated(first, options);
  const next = deflated(second, { ...options, dictionary: Buffer.from(first) });
  using other = await openDeflating(shared.port, ALONE);
  for (let length = 1; length < payload.byteLength; length += sized(9, 1)) {
    using client = await openDeflating(shared.port, ALONE);
    client.send(compressed(payload.subarray(0, length)));
    other.send(compressed(deflated('somebody else')));
    assert.is(plain(await other.frame()).toString(), 'somebody else');
    client.send(compressed(next), close(1000));
    const { code, before } = await client.untilClose();
    assert.equal([code, before], [1007, []], `cut to ${length} bytes`);
  }
});

test('CVE-2026-87022 a stored block whose length takes the tail and what follows for its data fails with 1007', async () => {
  // LEN and its complement are cut so that the octets of the tail complete them (RFC 1951 §3.2.4).
  for (const start of [
    '00 ff',
    '00 ff ff',
    '00 ff 00 00',
    '00 ff ff 00 00',
    '00 04 00 fb',
    '00 04 00 fb ff',
    '00 05',
  ]) {
    const parts = [compressed(hex(start)), text('what follows'), compressed(deflated('and that'))];
    await assertDeflateFails(host, parts, 1007, 'ERR_WS_INVALID_DEFLATE');
  }
});

test('a compressed message without a byte is no DEFLATE data: 1007, and the next one is not read in its place', async () => {
  await assertDeflateFails(host, [compressed(hex('')), compressed(hex('00'))], 1007, 'ERR_WS_INVALID_DEFLATE');
  const parts = [compressed(hex(''), { fin: false }), compressed(hex(''), { opcode: 0, rsv: 0 })];
  await assertDeflateFails(host, [...parts, compressed(hex('00'))], 1007, 'ERR_WS_INVALID_DEFLATE');
});

test('a block of fixed codes that ends with what the tail says fails with 1007', async () => {
  // Seven zeros are the end of such a block. Codes of nine bits leave 0 to 7 of them in the last byte: all seven are an end, behind which BFINAL wants nothing.
  for (const final of [0, 1]) {
    for (let literals = 0; literals < 8; literals++) {
      if (final === 1 && literals === 6) continue;
      const bytes = fixedBlock(final).code('111111111'.repeat(literals)).toBytes();
      await assertDeflateFails(host, [compressed(bytes), compressed(deflated('next'))], 1007, 'ERR_WS_INVALID_DEFLATE');
    }
  }
});

test('a header of dynamic codes cut anywhere fails with 1007', async () => {
  const block = emptyDynamicBlocks();
  for (let length = 1; length < 11; length++) {
    const parts = [compressed(block.subarray(0, length)), compressed(deflated('next'))];
    await assertDeflateFails(host, parts, 1007, 'ERR_WS_INVALID_DEFLATE');
  }
});

test('a header of dynamic codes that would take the longest of tails fails with 1007', async () => {
  // Code lengths of one bit each, so that the bits of a tail are lengths, or of seven, so that it lasts: 17 + 57 + 316 · 7 bits.
  const lengths = [
    [0, 1],
    [1, 7],
  ] as const;
  for (const [symbol, bits] of lengths) {
    const order = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
    const header = new Bits().put(0, 1).put(2, 2).put(29, 5).put(29, 5).put(15, 4);
    for (const one of order) header.put(one === symbol ? bits : one === 15 ? 1 : 0, 3);
    const parts = [compressed(header.toBytes()), compressed(deflated('next'))];
    await assertDeflateFails(host, parts, 1007, 'ERR_WS_INVALID_DEFLATE');
  }
});

test('RFC 7692 §7.2.3.4 a block with BFINAL may end a message, with the octet behind it and without, and is no cut', async () => {
  const final = hex('f3 48 cd c9 c9 07 00');
  const messages = [hex('f3 48 cd c9 c9 07 00 00'), final, final, hex('00'), hex('f3 48 cd c9 c9 07 00 00')];
  const { code, messages: echoed } = await deflateExchange(host, [
    ...messages.map((each) => compressed(each)),
    close(1000),
  ]);
  assert.equal([code, echoed], [1000, ['Hello', 'Hello', 'Hello', '', 'Hello']]);
});

test('empty blocks at the end of a message are no cut, however many', async () => {
  for (const count of [1, 2, 59, 60, 61, 1000]) {
    const whole = Buffer.concat([
      deflated('so'),
      EMPTY_STORED.subarray(1),
      ...Array<Uint8Array>(count).fill(EMPTY_STORED),
    ]);
    const parts = [compressed(whole.subarray(0, -4)), compressed(deflated('next')), close(1000)];
    const { code, messages } = await deflateExchange(host, parts);
    assert.equal([code, messages], [1000, ['so', 'next']]);
  }
});

test('the server serves on', () => host.serves());

test('nothing has escaped', () => assertNothingEscaped());

test.run();
