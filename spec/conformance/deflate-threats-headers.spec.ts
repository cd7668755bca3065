// Sec-WebSocket-Extensions as an attacker writes it, over a real socket: names of JavaScript's own, values that zlib would throw at, text that a careless parser looks at again and again. Each is
// accepted, declined or refused; none is a 500.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseExtensions } from '../../lib/extension/extension-header.ts';
import { confirmExtensions } from '../../lib/extension/extension-negotiation.ts';
import { permessageDeflate } from '../../lib/node.ts';
import { compressed, deflated } from '../support/deflate-by-hand.ts';
import { ALONE, plain } from '../support/deflate-exchange.ts';
import { close, headerOf, RawClient, requestHead, text } from '../support/raw-client.ts';
import { assertNothingEscaped, startServer } from '../support/server.ts';

const KiB = 1024;

const extensions = [permessageDeflate()];
const host = await startServer(undefined, { extensions, limits: { maxHeadSize: 256 * KiB, maxHeaders: 3000 } });

/** What a server answers to these offers, each a field: the status, and what is agreed on. */
async function negotiate(...offers: readonly string[]): Promise<readonly [number, string | undefined]> {
  using client = await RawClient.connect(host.port);
  client.send(requestHead(host.port, { headers: { 'Sec-WebSocket-Extensions': offers } }));
  const response = await client.response();
  const agreed = headerOf(response, 'sec-websocket-extensions');
  if (response.status === 101) {
    // The session works, compressed or not.
    client.send(agreed === undefined ? text('Hello') : compressed(deflated('Hello'), { opcode: 1 }), close(1000));
    assert.is(plain(await client.frame()).toString(), 'Hello');
    assert.is((await client.untilClose()).code, 1000);
  }
  return [response.status, agreed];
}

const test = suite('conformance · threats of compression · header fields');

const names = ['__proto__', 'constructor', 'hasOwnProperty', 'toString', 'valueOf', 'prototype'];

for (const name of names) {
  test(`GHSA-5v72-xg48-5rpm, websocket-extensions 0.1.3: "${name}" is no extension and no parameter`, async () => {
    assert.equal(await negotiate(name), [101, undefined]);
    assert.equal(await negotiate(`${name}; ${name}=${name}, permessage-deflate`), [101, 'permessage-deflate']);
    assert.equal(await negotiate(`permessage-deflate; ${name}`), [101, undefined]);
    assert.equal(await negotiate(`permessage-deflate; ${name}=1, permessage-deflate`), [101, 'permessage-deflate']);
    assert.equal(await negotiate(`permessage-deflate; server_max_window_bits=${name}`), [101, undefined]);
    assert.equal(confirmExtensions(extensions, [name]), undefined);
    assert.equal(confirmExtensions(extensions, [`permessage-deflate; ${name}`]), undefined);
  });
}

const badBits = [
  '99',
  '16',
  '7',
  '0',
  '-1',
  '1e1',
  '0x9',
  '09',
  '9.0',
  '15a',
  'NaN',
  'Infinity',
  '4294967305',
  '9007199254740993',
];
const badParameters = [
  ...badBits.flatMap((bits) => [`server_max_window_bits=${bits}`, `client_max_window_bits=${bits}`]),
  'server_max_window_bits=8',
  'server_max_window_bits',
  'server_no_context_takeover=1',
  'client_no_context_takeover=true',
  'server_no_context_takeover; server_no_context_takeover',
  'client_max_window_bits; client_max_window_bits=10',
  'server_max_window_bits=10; server_max_window_bits=10',
  'Server_No_Context_Takeover',
  'mem_level=9',
  'dictionary="abc"',
];

test('CVE-2026-2229 every bad parameter is declined, and no request with one fails', async () => {
  for (const parameters of badParameters) {
    assert.equal(await negotiate(`permessage-deflate; ${parameters}`), [101, undefined], parameters);
    const quoted = parameters.replace(/=([\w.-]+)$/, '="$1"');
    assert.equal(await negotiate(`permessage-deflate; ${quoted}`), [101, undefined], quoted);
  }
});

test('CVE-2026-2229 every bad parameter of a response fails the handshake of a client, without an exception', () => {
  // That of a window of 8 bits is a good one for a client: it inflates.
  for (const parameters of badParameters.filter((each) => each !== 'server_max_window_bits=8')) {
    assert.is(confirmExtensions(extensions, [`permessage-deflate; ${parameters}`]), undefined, parameters);
  }
});

test('CVE-2026-1527, CVE-2026-55517: bytes that are none of a header field are refused with 400', async () => {
  for (const byte of ['\x00', '\x01', '\x7f', '\x80', '\xff', '\r', '\n']) {
    for (const value of [`permessage-deflate${byte}`, `permessage-deflate; a="${byte}"`, `${byte}permessage-deflate`]) {
      const [status] = await negotiate(value);
      assert.is(status, 400, JSON.stringify(value));
    }
  }
});

for (const [what, offer] of [
  ['escaped quotes that end nowhere', `permessage-deflate; a="${'\\"'.repeat(32 * KiB)}`],
  ['escaped letters that end nowhere', `permessage-deflate; a="${'\\c'.repeat(32 * KiB)}`],
  ['backslashes', `permessage-deflate; a="${'\\'.repeat(64 * KiB)}`],
  ['semicolons', `permessage-deflate${';'.repeat(64 * KiB)}`],
  ['quotes', `permessage-deflate; a=${'"'.repeat(64 * KiB)}`],
] as const) {
  test(`CVE-2020-7662, CVE-2020-7663: 64 KiB of ${what} are refused with 400`, async () => {
    assert.equal(await negotiate(offer), [400, undefined]);
  });
}

test('a thousand offers, in one field or in a thousand, of which the last is a good one, are looked at in their order', async () => {
  const bad = Array.from({ length: 999 }, (_, index) => `permessage-deflate; server_max_window_bits=${index + 16}`);
  const offers = [...bad, 'permessage-deflate; server_no_context_takeover'];
  const agreed = 'permessage-deflate; server_no_context_takeover';
  assert.equal(await negotiate(offers.join(', ')), [101, agreed]);
  // Bun's node:http takes no more than some 190 fields, whatever one tells it.
  assert.equal(await negotiate(...offers), 'Bun' in globalThis ? [431, undefined] : [101, agreed]);
  assert.equal(await negotiate(Array<string>(1000).fill('permessage-deflate').join()), [101, 'permessage-deflate']);
  const repeated = `permessage-deflate${'; server_no_context_takeover'.repeat(1000)}`;
  assert.equal(await negotiate(repeated), [101, undefined]);
  assert.equal(await negotiate(`${repeated}, permessage-deflate`), [101, 'permessage-deflate']);
});

/** How often the parser looks at a text. */
function countLooks(content: string): number {
  let looks = 0;
  const counted = {
    get length(): number {
      return content.length;
    },
    charCodeAt(index: number): number {
      looks++;
      return content.charCodeAt(index);
    },
    slice(start: number, end: number): string {
      looks += end - start;
      return content.slice(start, end);
    },
  };
  const watched = new Proxy(counted, {
    get(target, name) {
      if (typeof name !== 'string' || !/^\d+$/.test(name)) return Reflect.get(target, name);
      looks++;
      return content[Number(name)];
    },
  });
  parseExtensions([watched as unknown as string]);
  return looks;
}

test('CVE-2020-7662, CVE-2023-26103: no text makes the parser look at it more often than a few times a character', () => {
  const patterns: readonly ((count: number) => string)[] = [
    (count) => `a; b="${'\\c'.repeat(count)}`,
    (count) => `a; b="${'\\"'.repeat(count)}`,
    (count) => `a; b="${'c'.repeat(count)}"`,
    (count) => ' '.repeat(count),
    (count) => `a${' '.repeat(count)}b`,
    (count) => `a${' \t'.repeat(count)}; b${' '.repeat(count)}=${' '.repeat(count)}c`,
    (count) => ','.repeat(count),
    (count) => ' ,'.repeat(count),
    (count) => 'a,'.repeat(count),
    (count) => `a${'; b'.repeat(count)}`,
    (count) => `a${'; b=c'.repeat(count)}`,
    (count) => 'a; b="c", '.repeat(count),
  ];
  for (const pattern of patterns) {
    const [short, long] = [pattern(1000), pattern(10_000)].map(countLooks) as [number, number];
    assert.ok(short >= 8, `it was looked at: ${pattern(2)}`);
    assert.ok(long <= 8 * pattern(10_000).length, `${long} looks: ${pattern(2)}`);
    assert.ok(long <= 11 * short, `ten times the text is looked at ${long / short} times as often: ${pattern(2)}`);
  }
});

test('the header of an answer holds nothing of the offer but what was agreed on', async () => {
  const offer = 'x-secret; a="b", permessage-deflate; client_max_window_bits="10"; client_no_context_takeover';
  const [, agreed] = await negotiate(offer);
  assert.is(agreed, 'permessage-deflate; client_no_context_takeover; client_max_window_bits=10');
});

test('the server serves on, and nothing has escaped', async () => {
  using client = await RawClient.open(host.port, {
    headers: { 'Sec-WebSocket-Extensions': `permessage-deflate${ALONE}` },
  });
  client.send(compressed(deflated('still here')));
  assert.is(plain(await client.frame()).toString(), 'still here');
  assert.equal(host.reported, []);
  await assertNothingEscaped();
});

test.run();
