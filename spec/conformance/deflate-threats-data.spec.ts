// Data that is no DEFLATE data, refers to what nobody has sent, or stands where none may, over a real socket: each ends with a defined close code and error, byte by byte too.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { permessageDeflate } from '../../lib/node.ts';
import { Bits, compressed, deflated, EMPTY_STORED, fixedBlock, openDeflating } from '../support/deflate-by-hand.ts';
import { ALONE, assertDeflateFails, deflateExchange, plain } from '../support/deflate-exchange.ts';
import { assertFailed } from '../support/exchange.ts';
import { hex } from '../support/hex.ts';
import { close, continuation, masked, ping, RawClient } from '../support/raw-client.ts';
import { assertNothingEscaped, startServer } from '../support/server.ts';

const host = await startServer(undefined, { extensions: [permessageDeflate()], limits: { maxFragments: 100 } });

/** Fixed codes (RFC 1951 §3.2.6): the letter A; lengths 3 and 285, which is none; a distance; the end. */
const A = '01110001';
const LENGTH_3 = '0000001';
const END = '0000000';
const distance = (code: number): string => code.toString(2).padStart(5, '0');

const dataSuite = suite('conformance · threats of compression · corrupt data');

const corrupt: readonly (readonly [string, Uint8Array])[] = [
  ['a reserved block type', hex('06')],
  ['a reserved block type with BFINAL', hex('07')],
  ['a reserved block type behind a good block', Uint8Array.of(...EMPTY_STORED, 0x06)],
  ['a stored block whose length and its complement differ', hex('00 05 00 fa fe 48 65 6c 6c 6f 00')],
  ['a stored block whose length is repeated in place of its complement', hex('00 05 00 05 00 48 65 6c 6c 6f 00')],
  [
    'a distance beyond the first byte',
    fixedBlock()
      .code(A + LENGTH_3 + distance(1))
      .toBytes(),
  ],
  [
    'a distance before any byte',
    fixedBlock()
      .code(LENGTH_3 + distance(0))
      .toBytes(),
  ],
  [
    'a distance of 32 KiB',
    fixedBlock()
      .code(A + LENGTH_3 + distance(29))
      .put(0x1fff, 13)
      .toBytes(),
  ],
  [
    'a distance code that is none, 30',
    fixedBlock()
      .code(A + LENGTH_3 + distance(30))
      .toBytes(),
  ],
  [
    'a distance code that is none, 31',
    fixedBlock()
      .code(A + LENGTH_3 + distance(31))
      .toBytes(),
  ],
  ['a length code that is none, 286', fixedBlock().code(`${A}11000110`).toBytes()],
  ['a length code that is none, 287', fixedBlock().code(`${A}11000111`).toBytes()],
  ['287 codes of lengths', new Bits().put(0, 1).put(2, 2).put(30, 5).put(0, 5).put(15, 4).put(0, 57).toBytes()],
  ['31 codes of distances', new Bits().put(0, 1).put(2, 2).put(0, 5).put(30, 5).put(15, 4).put(0, 57).toBytes()],
  ['code lengths without a code', new Bits().put(0, 1).put(2, 2).put(0, 10).put(15, 4).put(0, 57).put(0, 32).toBytes()],
  [
    'code lengths that are too many',
    new Bits().put(0, 1).put(2, 2).put(0, 10).put(15, 4).code('100'.repeat(19)).toBytes(),
  ],
  [
    'a repetition of no code length',
    new Bits().put(0, 1).put(2, 2).put(0, 10).put(0, 4).code('100100000000').put(0, 8).toBytes(),
  ],
  ['a zlib header', Buffer.concat([hex('78 9c'), deflated('Hello')])],
  ['a zlib header that wants a dictionary', Buffer.concat([hex('78 bb 06 2c 02 15'), deflated('Hello')])],
  ['a gzip header', Buffer.concat([hex('1f 8b 08 00 00 00 00 00 00 03'), deflated('Hello')])],
  ['a message that was not compressed', new TextEncoder().encode('{"id":1,"text":"not compressed"}')],
  ['data behind a block with BFINAL that is no block', hex('f3 48 cd c9 c9 07 00 06')],
  [
    'a reference over a block with BFINAL to more than there was',
    Buffer.concat([
      hex('f3 48 cd c9 c9 07 00'),
      fixedBlock()
        .code(LENGTH_3 + distance(5))
        .put(1, 1)
        .toBytes(),
    ]),
  ],
];

for (const [what, payload] of corrupt) {
  dataSuite(`${what} fails with 1007, first and behind a good message`, async () => {
    await assertDeflateFails(host, [compressed(payload)], 1007, 'ERR_WS_INVALID_DEFLATE');
    // Behind it distances may go as far as it is long.
    const good = compressed(deflated('He'));
    await assertDeflateFails(host, [good, compressed(payload)], 1007, 'ERR_WS_INVALID_DEFLATE', ['He']);
  });
}

dataSuite('a preset dictionary that this side does not have is a distance too far back: 1007', async () => {
  // Of node:zlib, with "a dictionary that only one side has" for both. Spelled out: Deno's takes no notice of a dictionary here.
  const payload = Buffer.from('4a24ac0400', 'hex');
  await assertDeflateFails(host, [compressed(payload)], 1007, 'ERR_WS_INVALID_DEFLATE');
});

dataSuite(
  'a window that is smaller than it was agreed on is held to: a distance beyond it fails with 1007',
  async () => {
    for (const bits of [8, 9, 12]) {
      const size = 1 << bits;
      const random = Buffer.from(Array.from({ length: size + 300 }, (_, index) => (index * index * 31) >> 3));
      const first = deflated(random, { level: 0 });
      const within = deflated(random.subarray(-200), { dictionary: random.subarray(-size / 2) });
      const beyond = fixedBlock()
        .code(LENGTH_3)
        .code(distance(2 * bits))
        .put(1, bits - 1)
        .code(END)
        .put(0, 3)
        .toBytes();
      const parameters = `; client_max_window_bits=${bits}`;
      const good = await deflateExchange(host, [compressed(first), compressed(within), close(1000)], { parameters });
      assert.equal([good.code, good.messages.length], [1000, 2]);
      const { code } = await deflateExchange(host, [compressed(first), compressed(beyond)], { parameters });
      assert.is(code, 1007, `${bits} bits`);
    }
  },
);

dataSuite('a text whose bytes are inflated to no UTF-8 fails with 1007 as such', async () => {
  for (const bytes of ['ff', 'c0 80', 'ed a0 80', '61 e2 82']) {
    const frame = compressed(deflated(hex(bytes)), { opcode: 1 });
    await assertDeflateFails(host, [frame], 1007, 'ERR_WS_INVALID_UTF8');
  }
});

dataSuite('CVE-2026-12151, ws PR#2329: compressed fragments that are empty count as others do: 1009', async () => {
  const empty = continuation('', false);
  const first = compressed(hex(''), { fin: false });
  await assertDeflateFails(host, [first, ...Array<Uint8Array>(100).fill(empty)], 1009, 'ERR_WS_TOO_MANY_FRAGMENTS');
  const blocks = continuation(EMPTY_STORED, false);
  await assertDeflateFails(host, [first, ...Array<Uint8Array>(100).fill(blocks)], 1009, 'ERR_WS_TOO_MANY_FRAGMENTS');
  const last = continuation(Uint8Array.of(0));
  const { code, messages } = await deflateExchange(host, [
    first,
    ...Array<Uint8Array>(98).fill(empty),
    last,
    close(1000),
  ]);
  assert.equal([code, messages], [1000, ['']]);
});

dataSuite.run();

// --- Where the bit must not be ---------------------------------------------------------------------------------------

const bitSuite = suite('conformance · threats of compression · RSV1');

const payload = deflated('Hello');

bitSuite('RFC 7692 §6.1 RSV1 on a continuation frame fails with 1002, compressed message or not', async () => {
  for (const rsv of [0, 0x40]) {
    const parts = [masked({ opcode: 2, rsv, fin: false, payload }), masked({ opcode: 0, rsv: 0x40, payload })];
    await assertDeflateFails(host, parts, 1002, 'ERR_WS_UNEXPECTED_RSV');
  }
});

bitSuite('RFC 7692 §6 RSV1 on a control frame fails with 1002, also between fragments', async () => {
  for (const opcode of [8, 9, 10]) {
    const frame = masked({ opcode, rsv: 0x40, payload: opcode === 8 ? '' : payload });
    await assertDeflateFails(host, [frame], 1002, 'ERR_WS_UNEXPECTED_RSV');
    await assertDeflateFails(host, [compressed(payload, { fin: false }), frame], 1002, 'ERR_WS_UNEXPECTED_RSV');
  }
});

bitSuite('CVE-2022-21676 RSV2 and RSV3 are nobody’s, beside RSV1 too: 1002', async () => {
  for (const rsv of [0x10, 0x20, 0x30, 0x50, 0x60, 0x70]) {
    await assertDeflateFails(host, [masked({ opcode: 2, rsv, payload })], 1002, 'ERR_WS_UNEXPECTED_RSV');
  }
});

bitSuite('RSV1 fails with 1002 where nothing was agreed on: not offered, declined, not installed', async () => {
  await assertFailed(host, [compressed(payload)], 1002, 'ERR_WS_UNEXPECTED_RSV');
  await using plainHost = await startServer();
  const offer = { headers: { 'Sec-WebSocket-Extensions': 'permessage-deflate' } };
  const declined = { headers: { 'Sec-WebSocket-Extensions': 'permessage-deflate; server_max_window_bits=99' } };
  for (const [port, options] of [
    [plainHost.port, offer],
    [host.port, declined],
  ] as const) {
    using client = await RawClient.open(port, options);
    client.send(compressed(payload));
    assert.is((await client.untilClose()).code, 1002);
  }
});

bitSuite('control frames between the fragments of a compressed message pass as they are', async () => {
  using client = await openDeflating(host.port, ALONE);
  for (const byte of payload.subarray(0, -1)) {
    const isFirst = byte === payload[0];
    client.send(masked({ opcode: isFirst ? 2 : 0, rsv: isFirst ? 0x40 : 0, fin: false, payload: Uint8Array.of(byte) }));
    client.send(ping(payload));
    assert.equal((await client.frame()).payload, payload);
  }
  client.send(continuation(payload.subarray(-1)));
  assert.is(plain(await client.frame()).toString(), 'Hello');
});

bitSuite.run();

// --- Whose context it is -----------------------------------------------------------------------------------------------

const contextSuite = suite('conformance · threats of compression · contexts of others');

for (const [what, options] of [
  ['that share one context', { maxContexts: 1 }],
  ['that have contexts of their own', {}],
  ['whose contexts go on to the next', { contextTimeout: 1 }],
] as const) {
  contextSuite(`CRIME: nothing of one connection is in the window of another, connections ${what}`, async () => {
    await using shared = await startServer(undefined, { extensions: [permessageDeflate(options)] });
    const secret = 'token=0123456789abcdef0123456789abcdef';
    using victim = await openDeflating(shared.port, ALONE);
    // Gives the three bytes that stand so far back.
    const spy = (back: number): Uint8Array => {
      const code = 31 - Math.clz32(back - 1);
      const extra = Math.max(0, code - 1);
      const symbol = back <= 4 ? back - 1 : 2 * code + (((back - 1) >> extra) & 1);
      return fixedBlock()
        .code(LENGTH_3 + distance(symbol))
        .put((back - 1) & ((1 << extra) - 1), extra)
        .code(END)
        .put(0, 3)
        .toBytes();
    };
    victim.send(compressed(deflated(secret)));
    assert.is(plain(await victim.frame()).toString(), secret);
    for (const back of [3, 4, 6, 10, 30, secret.length, 1000, 32 * 1024]) {
      using thief = await openDeflating(shared.port, ALONE);
      thief.send(compressed(spy(back)));
      assert.equal(await thief.untilClose().then(({ code, before }) => [code, before]), [1007, []], `${back} back`);
      // The same works for who has sent it.
      if (back <= secret.length) {
        victim.send(compressed(spy(back)));
        assert.is(plain(await victim.frame()).toString(), secret.slice(-back).slice(0, 3));
        victim.send(compressed(deflated(secret)));
        assert.is(plain(await victim.frame()).toString(), secret);
      }
    }
  });
}

contextSuite('two connections whose messages take turns with one context each keep their own', async () => {
  await using shared = await startServer(undefined, { extensions: [permessageDeflate({ maxContexts: 1 })] });
  using one = await openDeflating(shared.port, ALONE);
  using two = await openDeflating(shared.port, ALONE);
  const said = new Map<RawClient, string>([
    [one, ''],
    [two, ''],
  ]);
  for (let count = 0; count < 50; count++) {
    for (const [client, before] of said) {
      const message = `${client === one ? 'one' : 'two'} says ${'again and '.repeat(count % 7)}again, ${count}`;
      const dictionary = Buffer.from(before).subarray(-32 * 1024);
      client.send(compressed(deflated(message, before === '' ? {} : { dictionary })));
      assert.is(plain(await client.frame()).toString(), message);
      said.set(client, before + message);
    }
  }
});

contextSuite('the servers serve on, and nothing has escaped', async () => {
  await host.serves();
  await assertNothingEscaped();
});

contextSuite.run();
