// Our server with permessage-deflate and the client of the `ws` package in each of its modes: what is said in the handshake, and what is done then.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type PermessageDeflateOptions, permessageDeflate } from '../../lib/node.ts';
import { rejects } from '../support/check.ts';
import {
  assertAllClean,
  conductOf,
  exchangeSamples,
  type Link,
  openToWsClient,
  reaches,
  sendOurs,
  sendTheirs,
  type WsMode,
} from '../support/deflate-links.ts';
import { json, smallSamples } from '../support/deflate-samples.ts';
import { openWs } from '../support/peers.ts';
import { assertNothingEscaped, startServer } from '../support/server.ts';
import { sized } from '../support/sized.ts';

const test = suite('permessage-deflate · the client of ws · modes');

/** One configuration of both sides, and the response's Sec-WebSocket-Extensions: undefined where the offer is declined. */
type Case = readonly [ours: PermessageDeflateOptions, theirs: WsMode, answered: string | undefined];

const bits = [9, 10, 11, 12, 13, 14, 15];

/** Compresses with all of the window that was agreed on, and finds what is there. */
const wide = { memoryLevel: 9, windowBits: 15 };

/** Our side as it is by default. */
const modes: readonly Case[] = [
  [{}, false, undefined],
  [{}, true, 'permessage-deflate'],
  [{}, {}, 'permessage-deflate'],
  [{}, { threshold: 0 }, 'permessage-deflate'],
  [{}, { serverNoContextTakeover: true }, 'permessage-deflate; server_no_context_takeover'],
  [{}, { serverNoContextTakeover: false }, 'permessage-deflate'],
  [{}, { clientNoContextTakeover: true, threshold: 0 }, 'permessage-deflate; client_no_context_takeover'],
  [
    {},
    { serverNoContextTakeover: true, clientNoContextTakeover: true, threshold: 0 },
    'permessage-deflate; server_no_context_takeover; client_no_context_takeover',
  ],
  // zlib cannot deflate with a raw window of 8 bits: a server that accepted this would lie.
  [{}, { serverMaxWindowBits: 8 }, undefined],
  ...bits.map((n): Case => [{}, { serverMaxWindowBits: n }, `permessage-deflate; server_max_window_bits=${n}`]),
  [{}, { clientMaxWindowBits: true }, 'permessage-deflate'],
  [{}, { clientMaxWindowBits: false }, 'permessage-deflate'],
  ...[8, ...bits].map((n): Case => [{}, { clientMaxWindowBits: n }, `permessage-deflate; client_max_window_bits=${n}`]),
  [
    {},
    { serverMaxWindowBits: 9, clientMaxWindowBits: 8 },
    'permessage-deflate; server_max_window_bits=9; client_max_window_bits=8',
  ],
  [
    {},
    {
      serverNoContextTakeover: true,
      clientNoContextTakeover: true,
      serverMaxWindowBits: 10,
      clientMaxWindowBits: 11,
      threshold: 0,
    },
    'permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=10; client_max_window_bits=11',
  ],
];

/** What our side wants beside it. */
const wishes: readonly Case[] = [
  [{ serverNoContextTakeover: true }, true, 'permessage-deflate; server_no_context_takeover'],
  [
    { serverNoContextTakeover: true },
    { serverNoContextTakeover: true },
    'permessage-deflate; server_no_context_takeover',
  ],
  // It is the server's own affair: the client has only said that it does not ask for it.
  [
    { serverNoContextTakeover: true },
    { serverNoContextTakeover: false },
    'permessage-deflate; server_no_context_takeover',
  ],
  [{ clientNoContextTakeover: true }, { threshold: 0 }, 'permessage-deflate; client_no_context_takeover'],
  [
    { clientNoContextTakeover: true, serverNoContextTakeover: true },
    { threshold: 0 },
    'permessage-deflate; server_no_context_takeover; client_no_context_takeover',
  ],
  [{ serverMaxWindowBits: 15 }, true, 'permessage-deflate'],
  [{ serverMaxWindowBits: 11 }, true, 'permessage-deflate; server_max_window_bits=11'],
  [{ serverMaxWindowBits: 11 }, { serverMaxWindowBits: 10 }, 'permessage-deflate; server_max_window_bits=10'],
  [{ serverMaxWindowBits: 11 }, { serverMaxWindowBits: 12 }, 'permessage-deflate; server_max_window_bits=11'],
  [{ serverMaxWindowBits: 11 }, { serverMaxWindowBits: 8 }, undefined],
  [{ clientMaxWindowBits: 15 }, { clientMaxWindowBits: false }, 'permessage-deflate'],
  [{ clientMaxWindowBits: 11 }, true, 'permessage-deflate; client_max_window_bits=11'],
  [{ clientMaxWindowBits: 11 }, { clientMaxWindowBits: 10 }, 'permessage-deflate; client_max_window_bits=10'],
  [{ clientMaxWindowBits: 11 }, { clientMaxWindowBits: 12 }, 'permessage-deflate; client_max_window_bits=11'],
  [{ clientMaxWindowBits: 11 }, { clientMaxWindowBits: 8 }, 'permessage-deflate; client_max_window_bits=8'],
  // RFC 7692 §7.1.2.2: it cannot be told to a client that has not said that it understands it.
  [{ clientMaxWindowBits: 11 }, { clientMaxWindowBits: false }, undefined],
  [
    { serverMaxWindowBits: 9, clientMaxWindowBits: 9, serverNoContextTakeover: true },
    true,
    'permessage-deflate; server_no_context_takeover; server_max_window_bits=9; client_max_window_bits=9',
  ],
  // These are nobody's business but ours.
  [{ level: 1, memoryLevel: 1 }, true, 'permessage-deflate'],
  [{ level: 9, memoryLevel: 9 }, { serverMaxWindowBits: 9 }, 'permessage-deflate; server_max_window_bits=9'],
  [{ threshold: 0, onlyIfSmaller: false }, true, 'permessage-deflate'],
];

/** Asserts that both directions do what the response says. */
async function assertAgreed(link: Link, answered: string | undefined): Promise<void> {
  assert.is(link.answered, answered);
  assert.is(link.ours.extensions, answered ?? '');
  assert.is(link.theirs.extensions, answered === undefined ? '' : 'permessage-deflate');
  const compresses = answered !== undefined;
  const says = (parameter: string): boolean => answered?.includes(parameter) ?? true;
  assert.equal(await conductOf((message) => sendOurs(link, message)), {
    compresses,
    remembers: !says('server_no_context_takeover'),
  });
  assert.equal(await conductOf((message) => sendTheirs(link, message)), {
    compresses,
    remembers: !says('client_no_context_takeover'),
  });
  await exchangeSamples(link, { ours: compresses, theirs: compresses });
}

for (const [ours, theirs, answered] of [...modes, ...wishes]) {
  const title = `server with ${JSON.stringify(ours)}, client with ${JSON.stringify(theirs)}`;
  test(`${title}: ${answered ?? 'declined, and nothing is compressed'}`, async () => {
    await using link = await openToWsClient(ours, theirs);
    assert.is(link.offered === undefined, theirs === false);
    await assertAgreed(link, answered);
  });
}

test('a client fails the handshake that refuses the context takeover which the server does not allow it', async () => {
  const extensions = [permessageDeflate({ clientNoContextTakeover: true })];
  await using host = await startServer(undefined, { extensions });
  const perMessageDeflate = { clientNoContextTakeover: false };
  await rejects(openWs(host.url, [], { perMessageDeflate }), Error, /Invalid Sec-WebSocket-Extensions header/);
  await host.quiet();
  assert.equal(host.reported, []);
  await host.serves();
});

for (const n of sized([9, 12], bits)) {
  test(`server compresses with the window of ${n} bits that the client asks for, and uses all of it`, async () => {
    await using link = await openToWsClient(wide, { serverMaxWindowBits: n });
    const send = (message: string | Uint8Array): Promise<number> => sendOurs(link, message as string);
    assert.is(await reaches(send, 2 ** n), false, 'no further');
    // zlib keeps the last 262 bytes of a window to itself; a text of 200 bytes must have gone before.
    assert.is(await reaches(send, Math.max(0, 2 ** n - 600)), true, 'as far');
  });

  test(`server inflates what a client compresses with a window of ${n} bits`, async () => {
    await using link = await openToWsClient({}, { clientMaxWindowBits: n });
    const send = (message: string | Uint8Array): Promise<number> => sendTheirs(link, message as string);
    assert.is(await reaches(send, 2 ** n), false, 'no further');
    assert.is(await reaches(send, Math.max(0, 2 ** n - 600)), true, 'as far');
  });
}

test('server compresses with a window of windowBits where a larger one was agreed on, and never with a larger one than was', async () => {
  for (const [windowBits, mode, reach] of [
    [undefined, true, 13],
    [10, true, 10],
    [15, true, 15],
    [15, { serverMaxWindowBits: 12 }, 12],
    [10, { serverMaxWindowBits: 12 }, 10],
  ] as const) {
    await using link = await openToWsClient({ memoryLevel: 9, ...(windowBits && { windowBits }) }, mode);
    const send = (message: string | Uint8Array): Promise<number> => sendOurs(link, message as string);
    assert.is(await reaches(send, 2 ** reach), false, `${windowBits}: no further`);
    assert.is(await reaches(send, 2 ** reach - 600), true, `${windowBits}: as far`);
  }
});

test('connections in several modes share one extension, and none sees what is another one’s', async () => {
  const extension = permessageDeflate({ maxContexts: 2 });
  const all: readonly WsMode[] = [
    true,
    false,
    { serverNoContextTakeover: true, clientNoContextTakeover: true, threshold: 0 },
    { serverMaxWindowBits: 9, clientMaxWindowBits: 9 },
    { threshold: 0 },
    true,
  ];
  const open: Link[] = [];
  try {
    for (const mode of all) open.push(await openToWsClient(extension, mode));
    for (let round = 0; round < sized(20, 200); round++) {
      await Promise.all(open.flatMap((link) => [sendOurs(link, json(round)), sendTheirs(link, json(round))]));
    }
    for (const { message } of smallSamples) {
      await Promise.all(open.flatMap((link) => [sendOurs(link, message), sendTheirs(link, message)]));
    }
  } finally {
    for (const link of open) await link[Symbol.asyncDispose]();
  }
  const { contexts } = extension as unknown as { contexts: { deflaters: number; inflaters: number } };
  assert.equal({ ...contexts }, { deflaters: 0, inflaters: 0 });
});

test('a connection whose context another one has taken compresses on without it', async () => {
  const extension = permessageDeflate({ maxContexts: 1 });
  await using first = await openToWsClient(extension, true);
  await using second = await openToWsClient(extension, true);
  const message = json(1);
  const alone = [await sendOurs(first, message), await sendOurs(first, message)];
  assert.ok((alone[1] as number) < 40, `${alone}`);
  assert.ok((await sendOurs(second, message)) > 100);
  assert.is(await sendOurs(first, message), alone[0], 'as if it were the first');
  assert.ok((await sendOurs(first, message)) < 40);
  // The other direction loses nothing: its window is kept.
  await sendTheirs(first, message);
  await sendTheirs(second, json(2));
  assert.ok((await sendTheirs(first, message)) < 40);
});

test('all of these connections have closed cleanly, and nothing has escaped', async () => {
  assertAllClean();
  await assertNothingEscaped();
});

test.run();
