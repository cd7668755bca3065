// What a server answers to offers of permessage-deflate, byte for byte, by a client played by hand: RFC 7692 §5, §7. Whatever is offered, the connection is made and works.

import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type PermessageDeflateOptions, permessageDeflate } from '../../lib/node.ts';
import { close, headerOf, masked, ping, RawClient, requestHead } from '../support/raw-client.ts';
import { assertNothingEscaped, startServer, type TestServer } from '../support/server.ts';

const test = suite('permessage-deflate · offers');

/** Our options, the fields of the request, and the field of the response; undefined without one. */
type Case = readonly [
  ours: PermessageDeflateOptions,
  offered: string | readonly string[],
  answered: string | undefined,
];

const plain = 'permessage-deflate';

const cases: readonly Case[] = [
  // One offer.
  [{}, plain, plain],
  [{}, `${plain}; client_max_window_bits`, plain],
  [{}, `${plain};client_max_window_bits=15`, `${plain}; client_max_window_bits=15`],
  [{}, `${plain}; server_max_window_bits=15`, `${plain}; server_max_window_bits=15`],
  [{}, `${plain}; client_max_window_bits=8`, `${plain}; client_max_window_bits=8`],
  [{}, `${plain} ; client_max_window_bits = "10"`, `${plain}; client_max_window_bits=10`],
  [{}, `${plain}; server_max_window_bits="1\\0"`, `${plain}; server_max_window_bits=10`],
  [{}, `${plain}; server_no_context_takeover`, `${plain}; server_no_context_takeover`],
  [{}, `${plain}; client_no_context_takeover`, `${plain}; client_no_context_takeover`],

  // zlib cannot deflate with a raw window of 8 bits: such an offer is declined, and the next one is looked at.
  [{}, `${plain}; server_max_window_bits=8`, undefined],
  [{}, `${plain}; server_max_window_bits=8, ${plain}`, plain],
  [{}, [`${plain}; server_max_window_bits=8`, plain], plain],
  [
    {},
    `${plain}; server_max_window_bits=8; client_max_window_bits, ${plain}; server_max_window_bits=9, ${plain}`,
    `${plain}; server_max_window_bits=9`,
  ],
  [
    { serverMaxWindowBits: 10 },
    `${plain}; server_max_window_bits=8, ${plain}; client_no_context_takeover`,
    `${plain}; client_no_context_takeover; server_max_window_bits=10`,
  ],

  // A window of the client's that it has not said it understands.
  [{ clientMaxWindowBits: 10 }, plain, undefined],
  [{ clientMaxWindowBits: 10 }, `${plain}, ${plain}; client_max_window_bits`, `${plain}; client_max_window_bits=10`],
  [{ clientMaxWindowBits: 10 }, `${plain}; client_max_window_bits=9`, `${plain}; client_max_window_bits=9`],

  // The first that can be taken, not the last or the best.
  [{}, `${plain}; client_no_context_takeover, ${plain}`, `${plain}; client_no_context_takeover`],
  [{}, `x-webkit-deflate-frame, ${plain}; unknown, bbf-usp, ${plain}; client_max_window_bits, ${plain}`, plain],
  [{}, ['x-webkit-deflate-frame', `${plain}; server_max_window_bits=7`, plain], plain],

  // RFC 7692 §7: not defined, not valid, more than once.
  ...[
    'unknown',
    'unknown=1',
    'Server_no_context_takeover',
    'server_no_context_takeover=1',
    'server_no_context_takeover=true',
    'client_no_context_takeover=0',
    'server_no_context_takeover; server_no_context_takeover',
    'server_max_window_bits',
    'server_max_window_bits=7',
    'server_max_window_bits=16',
    'server_max_window_bits=09',
    'server_max_window_bits=1e1',
    'server_max_window_bits=10.0',
    'server_max_window_bits=+10',
    'server_max_window_bits=0x0a',
    'server_max_window_bits=99999999999999999999',
    'server_max_window_bits=10; server_max_window_bits=10',
    'client_max_window_bits=7',
    'client_max_window_bits=16',
    'client_max_window_bits=08',
    'client_max_window_bits=-9',
    'client_max_window_bits=constructor',
    'client_max_window_bits; client_max_window_bits',
    'client_max_window_bits; client_max_window_bits=10',
    '__proto__=1',
  ].map((parameters): Case => [{}, `${plain}; ${parameters}`, undefined]),
  [{}, `${plain}; unknown, ${plain}; server_max_window_bits=16, ${plain}; client_no_context_takeover=1`, undefined],
  [{}, `${plain}; unknown, ${plain}; server_max_window_bits=16, ${plain}`, plain],
  [{}, 'Permessage-Deflate', undefined],
  [{}, 'x-webkit-deflate-frame', undefined],
];

/** A message as RFC 7692 §7.2.1 has it. */
function deflate(text: string): Buffer {
  const bytes = deflateRawSync(text, { finishFlush: 2 });
  return bytes.subarray(0, bytes.byteLength - 4);
}

function inflate(payload: Buffer): string {
  return inflateRawSync(Buffer.concat([payload, Buffer.of(0, 0, 0xff, 0xff)]), { finishFlush: 2 }).toString();
}

const message = 'to be, or not to be, that is the question: '.repeat(10);

/** Asserts that messages come back, compressed where that was agreed on, and that RSV1 is a fault where it was not. */
async function assertWorks(client: RawClient, isOn: boolean): Promise<void> {
  client.send(masked({ opcode: 1, payload: message }));
  const echo = await client.frame();
  assert.equal([echo.fin, echo.opcode, echo.rsv], [true, 1, isOn ? 0x40 : 0]);
  assert.is(isOn ? inflate(echo.payload) : echo.payload.toString(), message);
  assert.is(echo.payload.byteLength < message.length / 3, isOn);
  client.send(masked({ opcode: 1, rsv: 0x40, payload: deflate('short') }));
  if (!isOn) return assert.is((await client.untilClose()).code, 1002);
  const short = await client.frame();
  assert.equal([short.rsv, short.payload.toString()], [0, 'short']);
  client.send(close(1000));
  assert.is((await client.untilClose()).code, 1000);
}

for (const [ours, offered, answered] of cases) {
  const title = Object.keys(ours).length === 0 ? '' : ` where it wants ${JSON.stringify(ours)}`;
  test(`server answers ${JSON.stringify(offered)}${title} with ${answered ?? 'nothing'}`, async () => {
    await using host = await startServer(undefined, { extensions: [permessageDeflate(ours)] });
    using client = await RawClient.connect(host.port);
    client.send(requestHead(host.port, { headers: { 'Sec-WebSocket-Extensions': offered } }));
    assert.is(headerOf(await client.accepted(), 'sec-websocket-extensions'), answered);
    assert.is((await host.session()).extensions, answered ?? '');
    await assertWorks(client, answered !== undefined);
    assert.equal(host.reported, []);
  });
}

test('a field that is no list of extensions is answered with 400, never with 500', async () => {
  await using host = await startServer(undefined, { extensions: [permessageDeflate()] });
  for (const offered of [
    '',
    ',',
    `${plain}; `,
    `${plain};;`,
    `${plain}; =1`,
    `${plain}; a="`,
    `${plain} client`,
    '@',
  ]) {
    using client = await RawClient.connect(host.port);
    client.send(requestHead(host.port, { headers: { 'Sec-WebSocket-Extensions': offered } }));
    assert.is((await client.response()).status, 400, JSON.stringify(offered));
  }
  assert.equal(host.reported, []);
  await host.serves();
});

test('a server without the extension answers no offer', async () => {
  await using host = await startServer();
  using client = await RawClient.connect(host.port);
  client.send(requestHead(host.port, { headers: { 'Sec-WebSocket-Extensions': plain } }));
  assert.is(headerOf(await client.accepted(), 'sec-websocket-extensions'), undefined);
  await assertWorks(client, false);
});

// --- On the wire -----------------------------------------------------------------------------------------------------

async function open(host: TestServer): Promise<RawClient> {
  return RawClient.open(host.port, { headers: { 'Sec-WebSocket-Extensions': plain } });
}

test('RSV1 is set on the first frame of a compressed message alone, and its fragments are read with pings between them', async () => {
  await using host = await startServer(undefined, { extensions: [permessageDeflate()], fragmentSize: 10 });
  using client = await open(host);
  const bytes = deflate(message);
  const size = 7;
  const count = Math.ceil(bytes.byteLength / size);
  assert.ok(count > 3 && count < 16, 'so many pongs are kept');
  for (let start = 0; start < bytes.byteLength; start += size) {
    const payload = bytes.subarray(start, start + size);
    const fin = start + size >= bytes.byteLength;
    client.send(masked({ opcode: start === 0 ? 1 : 0, rsv: start === 0 ? 0x40 : 0, fin, payload }), ping(`${start}`));
  }
  const data: Buffer[] = [];
  const pongs: string[] = [];
  for (let isWhole = false; !isWhole || pongs.length < count; ) {
    const frame = await client.frame();
    if (frame.opcode === 10) {
      assert.is(frame.rsv, 0);
      pongs.push(frame.payload.toString());
      continue;
    }
    assert.is(frame.opcode, data.length === 0 ? 1 : 0);
    assert.is(frame.rsv, data.length === 0 ? 0x40 : 0);
    data.push(frame.payload);
    isWhole = frame.fin;
  }
  assert.ok(data.length > 1);
  assert.is(inflate(Buffer.concat(data)), message);
  assert.equal(
    pongs,
    Array.from({ length: count }, (_, index) => `${index * size}`),
  );
});

for (const [what, frames, code] of [
  [
    'RSV1 on a continuation',
    [
      { opcode: 1, rsv: 0x40, fin: false },
      { opcode: 0, rsv: 0x40 },
    ],
    1002,
  ],
  [
    'RSV1 on a continuation of a message that is not compressed',
    [
      { opcode: 1, fin: false },
      { opcode: 0, rsv: 0x40 },
    ],
    1002,
  ],
  ['RSV1 on a ping', [{ opcode: 9, rsv: 0x40 }], 1002],
  ['RSV2, which nobody owns', [{ opcode: 1, rsv: 0x20 }], 1002],
  ['RSV1 and RSV2', [{ opcode: 1, rsv: 0x60 }], 1002],
  ['data that is no DEFLATE', [{ opcode: 1, rsv: 0x40, payload: Uint8Array.of(0xff, 0xff) }], 1007],
  [
    'a text that is no UTF-8 when it is inflated',
    [{ opcode: 1, rsv: 0x40, payload: Uint8Array.of(0xfa, 0xff, 0x03, 0x00) }],
    1007,
  ],
] as const) {
  test(`${what} fails the connection with ${code}`, async () => {
    await using host = await startServer(undefined, { extensions: [permessageDeflate()] });
    using client = await open(host);
    client.send(...frames.map((frame) => masked({ payload: new Uint8Array(0), ...frame })));
    assert.is((await client.untilClose()).code, code);
    await host.serves();
  });
}

test('a message may be cut anywhere: its bytes come one by one, and it comes back', async () => {
  await using host = await startServer(undefined, { extensions: [permessageDeflate()] });
  using client = await open(host);
  await client.drip(masked({ opcode: 2, rsv: 0x40, payload: deflate(message) }));
  const { rsv, payload } = await client.frame();
  assert.equal([rsv, inflate(payload)], [0x40, message]);
});

test('nothing has escaped in all of this', assertNothingEscaped);

test.run();
