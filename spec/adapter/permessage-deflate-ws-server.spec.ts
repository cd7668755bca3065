// Our client with permessage-deflate and the server of the `ws` package in each of its modes. The opening handshake is the spec's own (spec/support/hand-client.ts).

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type PermessageDeflateOptions, permessageDeflate } from '../../lib/node.ts';
import { rejects } from '../support/check.ts';
import {
  assertAllClean,
  conductOf,
  exchangeSamples,
  openToWsServer,
  reaches,
  sendOurs,
  sendTheirs,
  type WsMode,
  WsServer,
} from '../support/deflate-links.ts';
import { json } from '../support/deflate-samples.ts';
import { openByHand } from '../support/hand-client.ts';
import { assertNothingEscaped } from '../support/server.ts';
import { sized } from '../support/sized.ts';
import { until } from '../support/until.ts';

const test = suite('permessage-deflate · the server of ws · modes');

const bits = [9, 10, 11, 12, 13, 14, 15];

/** Compresses with all of the window that was agreed on, and finds what is there. */
const wide = { memoryLevel: 9, windowBits: 15 };

/** One configuration of both sides, what is offered, and what is answered: undefined where the server has no compression. */
type Case = readonly [
  ours: PermessageDeflateOptions,
  theirs: WsMode,
  offered: string,
  answered: string | undefined,
  /** Whether our client compresses what it sends. Default: where there is an answer. */
  compresses?: boolean,
];

const offer = 'permessage-deflate; client_max_window_bits';

const cases: readonly Case[] = [
  [{}, false, offer, undefined],
  [{}, true, offer, 'permessage-deflate'],
  [{}, { threshold: 0 }, offer, 'permessage-deflate'],
  [{}, { serverNoContextTakeover: true, threshold: 0 }, offer, 'permessage-deflate; server_no_context_takeover'],
  [{}, { serverNoContextTakeover: false }, offer, 'permessage-deflate'],
  [{}, { clientNoContextTakeover: true }, offer, 'permessage-deflate; client_no_context_takeover'],
  [
    {},
    { serverNoContextTakeover: true, clientNoContextTakeover: true, threshold: 0 },
    offer,
    'permessage-deflate; server_no_context_takeover; client_no_context_takeover',
  ],
  ...[8, ...bits].map(
    (n): Case => [{}, { serverMaxWindowBits: n }, offer, `permessage-deflate; server_max_window_bits=${n}`],
  ),
  ...bits.map((n): Case => [{}, { clientMaxWindowBits: n }, offer, `permessage-deflate; client_max_window_bits=${n}`]),
  // zlib cannot deflate with so small a window: our client takes it, and sends everything as it is.
  [{}, { clientMaxWindowBits: 8 }, offer, 'permessage-deflate; client_max_window_bits=8', false],
  [{}, { clientMaxWindowBits: true }, offer, 'permessage-deflate'],
  [{}, { clientMaxWindowBits: false }, offer, 'permessage-deflate'],

  // What our client asks for of the server's messages.
  [
    { serverNoContextTakeover: true },
    { threshold: 0 },
    'permessage-deflate; client_max_window_bits; server_no_context_takeover',
    'permessage-deflate; server_no_context_takeover',
  ],
  ...bits
    .filter((n) => n < 15)
    .map(
      (n): Case => [
        { serverMaxWindowBits: n },
        true,
        `permessage-deflate; client_max_window_bits; server_max_window_bits=${n}`,
        `permessage-deflate; server_max_window_bits=${n}`,
      ],
    ),
  [{ serverMaxWindowBits: 15 }, true, offer, 'permessage-deflate'],
  [
    { serverMaxWindowBits: 12 },
    { serverMaxWindowBits: 8 },
    'permessage-deflate; client_max_window_bits; server_max_window_bits=12',
    'permessage-deflate; server_max_window_bits=8',
  ],

  // What it says of its own.
  [
    { clientNoContextTakeover: true },
    true,
    'permessage-deflate; client_max_window_bits; client_no_context_takeover',
    'permessage-deflate; client_no_context_takeover',
  ],
  ...bits
    .filter((n) => n < 15)
    .map(
      (n): Case => [
        { clientMaxWindowBits: n },
        true,
        `permessage-deflate; client_max_window_bits=${n}`,
        `permessage-deflate; client_max_window_bits=${n}`,
      ],
    ),
  [
    { clientMaxWindowBits: 12 },
    { clientMaxWindowBits: 10 },
    'permessage-deflate; client_max_window_bits=12',
    'permessage-deflate; client_max_window_bits=10',
  ],
  [
    { clientMaxWindowBits: 12 },
    { clientMaxWindowBits: false },
    'permessage-deflate; client_max_window_bits=12',
    'permessage-deflate',
  ],
  [
    { clientNoContextTakeover: true, serverNoContextTakeover: true, clientMaxWindowBits: 10, serverMaxWindowBits: 11 },
    { threshold: 0 },
    'permessage-deflate; client_max_window_bits=10; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=11',
    'permessage-deflate; client_max_window_bits=10; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=11',
  ],
];

for (const [ours, theirs, offered, answered, compresses = answered !== undefined] of cases) {
  const title = `client with ${JSON.stringify(ours)}, server with ${JSON.stringify(theirs)}`;
  test(`${title}: ${answered ?? 'no answer, and nothing is compressed'}`, async () => {
    await using link = await openToWsServer(ours, theirs);
    assert.is(link.offered, offered);
    assert.is(link.answered, answered);
    assert.is(link.ours.extensions, answered ?? '');
    const says = (parameter: string): boolean => answered?.includes(parameter) ?? true;
    assert.equal(await conductOf((message) => sendOurs(link, message)), {
      compresses,
      remembers: compresses && !says('client_no_context_takeover'),
    });
    assert.equal(await conductOf((message) => sendTheirs(link, message)), {
      compresses: answered !== undefined,
      remembers: !says('server_no_context_takeover'),
    });
    await exchangeSamples(link, { ours: compresses, theirs: answered !== undefined });
  });
}

const refused: readonly (readonly [PermessageDeflateOptions, WsMode])[] = [
  [{ serverNoContextTakeover: true }, { serverNoContextTakeover: false }],
  [{ serverMaxWindowBits: 10 }, { serverMaxWindowBits: 12 }],
  [{ serverMaxWindowBits: 10 }, { serverMaxWindowBits: false }],
  [{ clientMaxWindowBits: 10 }, { clientMaxWindowBits: 12 }],
];

for (const [ours, theirs] of refused) {
  const title = `client with ${JSON.stringify(ours)}, server with ${JSON.stringify(theirs)}`;
  test(`${title}: ws refuses the request instead of declining the offer`, async () => {
    await rejects(openToWsServer(ours, theirs), Error, /^Refused: HTTP\/1\.1 400 /);
  });
}

for (const n of sized([9, 12], bits)) {
  test(`client compresses with the window of ${n} bits that the server grants, and uses all of it`, async () => {
    await using link = await openToWsServer(wide, { clientMaxWindowBits: n });
    const send = (message: string | Uint8Array): Promise<number> => sendOurs(link, message as string);
    assert.is(await reaches(send, 2 ** n), false, 'no further');
    assert.is(await reaches(send, Math.max(0, 2 ** n - 600)), true, 'as far');
  });

  test(`client inflates what a server compresses with a window of ${n} bits`, async () => {
    await using link = await openToWsServer({}, { serverMaxWindowBits: n });
    const send = (message: string | Uint8Array): Promise<number> => sendTheirs(link, message as string);
    assert.is(await reaches(send, 2 ** n), false, 'no further');
    assert.is(await reaches(send, Math.max(0, 2 ** n - 600)), true, 'as far');
  });
}

test('client compresses with a window of windowBits where a larger one was agreed on, and never with a larger one than was', async () => {
  for (const [windowBits, mode, reach] of [
    [undefined, true, 13],
    [10, true, 10],
    [15, true, 15],
    [15, { clientMaxWindowBits: 12 }, 12],
    [10, { clientMaxWindowBits: 12 }, 10],
  ] as const) {
    await using link = await openToWsServer({ memoryLevel: 9, ...(windowBits && { windowBits }) }, mode);
    const send = (message: string | Uint8Array): Promise<number> => sendOurs(link, message as string);
    assert.is(await reaches(send, 2 ** reach), false, `${windowBits}: no further`);
    assert.is(await reaches(send, 2 ** reach - 600), true, `${windowBits}: as far`);
  }
});

test('clients that share one extension have a context each, also behind different answers', async () => {
  const extension = permessageDeflate();
  await using one = await openToWsServer(extension, true);
  await using other = await openToWsServer(extension, { clientMaxWindowBits: 10, serverNoContextTakeover: true });
  for (let round = 0; round < 50; round++) {
    await Promise.all([one, other].flatMap((link) => [sendOurs(link, json(round)), sendTheirs(link, json(round))]));
  }
});

test('a client without extensions offers none, and gets none', async () => {
  await using host = await WsServer.start(true);
  const { job, offered, answered } = await openByHand({ port: host.port });
  await until(() => host.peers.length === 1, 'the server of ws has the connection');
  assert.equal([offered, answered, job.session.extensions], [undefined, undefined, '']);
  await job.session.close();
});

test('all of these connections have closed cleanly, and nothing has escaped', async () => {
  assertAllClean();
  await assertNothingEscaped();
});

test.run();
