// RFC 7692 §7.1 in both roles: every offer and every answer against every choice of options, with tables written by hand that say what must come of it.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  acceptDeflate,
  confirmDeflate,
  type DeflateAgreement,
  type DeflateParameterOptions,
  offerDeflate,
} from '../../lib/extension/deflate-parameters.ts';
import type { ExtensionParameters, ReceivedParameters } from '../../lib/extension/extension.ts';
import { parseDeflate, writeDeflate } from '../support/deflate-text.ts';
import { sized } from '../support/sized.ts';

const test = suite('deflate-parameters');

// --- What is asked for, in every combination -----------------------------------------------------------------------

/** The four parameters, named briefly: what the server and the client do without context (ns, nc), and with windows of how many bits (ws, wc). */
type Key = 'ns' | 'nc' | 'ws' | 'wc';
type Choice = Record<Key, string>;

const names = {
  ns: 'server_no_context_takeover',
  nc: 'client_no_context_takeover',
  ws: 'server_max_window_bits',
  wc: 'client_max_window_bits',
} as const;

/** What can be said of a parameter: nothing (-), its name alone (bare), or a value. */
const said: Record<Key, readonly string[]> = {
  ns: ['-', 'bare'],
  nc: ['-', 'bare'],
  ws: ['-', '8', '9', '10', '11', '12', '13', '14', '15'],
  wc: ['-', 'bare', '8', '9', '10', '11', '12', '13', '14', '15'],
};

/** What can be wanted of a window: nothing (-), or a value. In the quick suite the ends and one between. */
const windows = sized(['-', '9', '12', '15'], ['-', '9', '10', '11', '12', '13', '14', '15']);

/** What can be wanted: nothing (-), or a value. */
const wanted: Record<Key, readonly string[]> = {
  ns: ['-', 'false', 'true'],
  nc: ['-', 'false', 'true'],
  ws: windows,
  wc: windows,
};

function combine(choices: Record<Key, readonly string[]>): Choice[] {
  const found: Choice[] = [];
  for (const ns of choices.ns)
    for (const nc of choices.nc)
      for (const ws of choices.ws) for (const wc of choices.wc) found.push({ ns, nc, ws, wc });
  return found;
}

/** The text of an offer or an answer, as it stands in the header field. */
function textOf(choice: Choice): string {
  let text = 'permessage-deflate';
  for (const key of ['ns', 'nc', 'ws', 'wc'] as const) {
    if (choice[key] === '-') continue;
    text += choice[key] === 'bare' ? `; ${names[key]}` : `; ${names[key]}=${choice[key]}`;
  }
  return text;
}

function parseOne(text: string): ReceivedParameters {
  const [parameters, ...more] = parseDeflate(text);
  assert.equal(more, []);
  return parameters as ReceivedParameters;
}

function optionsOf(choice: Choice): DeflateParameterOptions {
  return {
    ...(choice.ns !== '-' && { serverNoContextTakeover: choice.ns === 'true' }),
    ...(choice.nc !== '-' && { clientNoContextTakeover: choice.nc === 'true' }),
    ...(choice.ws !== '-' && { serverMaxWindowBits: Number(choice.ws) }),
    ...(choice.wc !== '-' && { clientMaxWindowBits: Number(choice.wc) }),
  };
}

const offers = combine(said).map((choice) => ({ choice, text: textOf(choice), parameters: parseOne(textOf(choice)) }));
const settings = combine(wanted).map((choice) => {
  const options = optionsOf(choice);
  return { choice, options, shown: JSON.stringify(options) };
});

// --- The tables: a row for what the peer says, a column for what is wanted; x is a refusal -------------------------

type Table = Record<string, Record<string, string>>;

function table(text: string): Table {
  const [head = [], ...rows] = text
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/));
  return Object.fromEntries(
    rows.map(([row = '', ...cells]) => [row, Object.fromEntries(cells.map((cell, at) => [head[at + 1] ?? '', cell]))]),
  );
}

/** What a server answers: nothing (-), the name alone (bare), or a value. */
const answers: Record<Key, Table> = {
  // §7.1.1.1: an offered one is accepted by saying it too; it may be said unasked.
  ns: table(`
    offered  -     false  true
    -        -     -      bare
    bare     bare  bare   bare`),
  // §7.1.1.2: it may be said unasked; an offered one is a hint, and is taken.
  nc: table(`
    offered  -     false  true
    -        -     -      bare
    bare     bare  bare   bare`),
  // §7.1.2.1: an offered one is answered with the same or a smaller value; it may be said unasked. No zlib deflates with 8 bits.
  ws: table(`
    offered  -   9  10  11  12  13  14  15
    -        -   9  10  11  12  13  14  -
    8        x   x  x   x   x   x   x   x
    9        9   9  9   9   9   9   9   9
    10       10  9  10  10  10  10  10  10
    11       11  9  10  11  11  11  11  11
    12       12  9  10  11  12  12  12  12
    13       13  9  10  11  12  13  13  13
    14       14  9  10  11  12  13  14  14
    15       15  9  10  11  12  13  14  15`),
  // §7.1.2.2: said only when it is offered, never larger than that; a limit that cannot be said declines the offer.
  wc: table(`
    offered  -   9  10  11  12  13  14  15
    -        -   x  x   x   x   x   x   -
    bare     -   9  10  11  12  13  14  -
    8        8   8  8   8   8   8   8   8
    9        9   9  9   9   9   9   9   9
    10       10  9  10  10  10  10  10  10
    11       11  9  10  11  11  11  11  11
    12       12  9  10  11  12  12  12  12
    13       13  9  10  11  12  13  13  13
    14       14  9  10  11  12  13  14  14
    15       15  9  10  11  12  13  14  15`),
};

/** What a client takes an answer for. */
const conclusions: Record<Key, Table> = {
  // §7.1.1.1: offered, it must be answered.
  ns: table(`
    answered  -      false  true
    -         false  false  x
    bare      true   true   true`),
  // §7.1.1.2: the client obeys, and does what it has offered "even if the server doesn't include" it.
  nc: table(`
    answered  -      false  true
    -         false  false  true
    bare      true   true   true`),
  // §7.1.2.1: offered, it must be answered, and not with more.
  ws: table(`
    answered  -   9  10  11  12  13  14  15
    -         15  x  x   x   x   x   x   15
    8         8   8  8   8   8   8   8   8
    9         9   9  9   9   9   9   9   9
    10        10  x  10  10  10  10  10  10
    11        11  x  x   11  11  11  11  11
    12        12  x  x   x   12  12  12  12
    13        13  x  x   x   x   13  13  13
    14        14  x  x   x   x   x   14  14
    15        15  x  x   x   x   x   x   15`),
  // §7.1.2.2: the client obeys, and keeps to what it has offered; there must be a value, and none that is larger.
  wc: table(`
    answered  -   9  10  11  12  13  14  15
    -         15  9  10  11  12  13  14  15
    bare      x   x  x   x   x   x   x   x
    8         8   8  8   8   8   8   8   8
    9         9   9  9   9   9   9   9   9
    10        10  x  10  10  10  10  10  10
    11        11  x  x   11  11  11  11  11
    12        12  x  x   x   12  12  12  12
    13        13  x  x   x   x   13  13  13
    14        14  x  x   x   x   x   14  14
    15        15  x  x   x   x   x   x   15`),
};

/** Looks all four up; undefined when one refuses. */
function lookUp(tables: Record<Key, Table>, peer: Choice, own: Choice): Choice | undefined {
  const cell = (key: Key): string => tables[key][peer[key]]?.[own[key]] ?? 'no such cell';
  const found = { ns: cell('ns'), nc: cell('nc'), ws: cell('ws'), wc: cell('wc') };
  return Object.values(found).includes('x') ? undefined : found;
}

/** What an answer says: false and 15 where it says nothing. */
function meaningOf(answer: Choice): DeflateAgreement {
  return {
    serverNoContextTakeover: answer.ns === 'bare',
    clientNoContextTakeover: answer.nc === 'bare',
    serverMaxWindowBits: answer.ws === '-' ? 15 : Number(answer.ws),
    clientMaxWindowBits: answer.wc === '-' ? 15 : Number(answer.wc),
  };
}

/** The same of what a client concludes: there is a value for each. */
function agreementOf(conclusion: Choice): DeflateAgreement {
  return {
    serverNoContextTakeover: conclusion.ns === 'true',
    clientNoContextTakeover: conclusion.nc === 'true',
    serverMaxWindowBits: Number(conclusion.ws),
    clientMaxWindowBits: Number(conclusion.wc),
  };
}

/** An agreement as a text: to compare hundreds of thousands. */
function show(agreement: DeflateAgreement | undefined): string {
  if (agreement === undefined) return 'refused';
  assert.is(Object.keys(agreement).length, 4);
  return [
    `ns=${agreement.serverNoContextTakeover}`,
    `nc=${agreement.clientNoContextTakeover}`,
    `ws=${agreement.serverMaxWindowBits}`,
    `wc=${agreement.clientMaxWindowBits}`,
  ].join(' ');
}

// --- Every combination ---------------------------------------------------------------------------------------------

test('D1, D3, D4 · RFC 7692 §7.1: a server answers every offer under all options as the tables say, and takes its own answer for what it says', () => {
  let accepted = 0;
  let declined = 0;
  for (const { choice: offer, text, parameters } of offers) {
    for (const { choice: own, options, shown } of settings) {
      const answer = lookUp(answers, offer, own);
      const actual = acceptDeflate(parameters, options);
      const what = `${text} under ${shown}`;
      assert.is(actual && writeDeflate(actual.parameters), answer && textOf(answer), what);
      assert.is(show(actual?.agreement), show(answer && meaningOf(answer)), what);
      if (actual === undefined) declined += 1;
      else accepted += 1;
    }
  }
  assert.equal([offers.length, settings.length], [360, sized(144, 576)]);
  // The tables of the windows have 8 refusals among 72, and 6 among 80; what is quick looks at 4 among 36, and 2 among 40.
  assert.equal(
    [accepted, accepted + declined],
    sized([6 * 6 * 32 * 38, 6 * 6 * 36 * 40], [6 * 6 * 64 * 74, 6 * 6 * 72 * 80]),
  );
});

test('D2, D5 · RFC 7692 §7.1: a client takes every answer under all options as the tables say', () => {
  let confirmed = 0;
  for (const { choice: answer, text, parameters } of offers) {
    for (const { choice: own, options, shown } of settings) {
      const conclusion = lookUp(conclusions, answer, own);
      const actual = confirmDeflate(parameters, options);
      assert.is(show(actual), show(conclusion && agreementOf(conclusion)), `${text} under ${shown}`);
      if (actual !== undefined) confirmed += 1;
    }
  }
  // The table of the server's switch has 1 refusal among 6, that of its window 27 among 72, that of the client's window 29 among 80, that of its switch none. What is quick
  // looks at 11 refusals among 36, and 13 among 40.
  assert.is(confirmed, sized(5 * 6 * 25 * 27, 5 * 6 * 45 * 51));
});

test('RFC 7692 §7.1: what a client offers under any options every server accepts, the client confirms every answer, and both mean the same', () => {
  const parsed = new Map<string, ReceivedParameters>();
  const read = (text: string): ReceivedParameters => {
    const parameters = parsed.get(text) ?? parseOne(text);
    parsed.set(text, parameters);
    return parameters;
  };
  for (const { options: client, shown: asked } of settings) {
    const [offer, ...more] = offerDeflate(client);
    assert.equal(more, []);
    const offered = read(writeDeflate(offer as ExtensionParameters));
    for (const { options: server, shown } of settings) {
      const what = `client ${asked}, server ${shown}`;
      const accepted = acceptDeflate(offered, server);
      if (accepted === undefined) throw new Error(`declined: ${what}`);
      const confirmed = confirmDeflate(read(writeDeflate(accepted.parameters)), client);
      assert.is(show(confirmed), show(accepted.agreement), what);
    }
  }
});

test('RFC 7692 §7.1: an agreement keeps the wish of each side', () => {
  for (const { options: client } of settings) {
    const [offer = {}] = offerDeflate(client);
    const offered = parseOne(writeDeflate(offer));
    for (const { options: server } of settings) {
      const agreement = acceptDeflate(offered, server)?.agreement as DeflateAgreement;
      for (const { serverNoContextTakeover, clientNoContextTakeover, ...bits } of [client, server]) {
        assert.ok(!serverNoContextTakeover || agreement.serverNoContextTakeover);
        assert.ok(!clientNoContextTakeover || agreement.clientNoContextTakeover);
        assert.ok(agreement.serverMaxWindowBits <= (bits.serverMaxWindowBits ?? 15));
        assert.ok(agreement.clientMaxWindowBits <= (bits.clientMaxWindowBits ?? 15));
      }
    }
  }
});

// --- What a client offers ------------------------------------------------------------------------------------------

test('D3, D4 · RFC 7692 §7.1: a client offers once, always with client_max_window_bits, and says of the rest what it wants', () => {
  const offered: readonly [options: DeflateParameterOptions, parameters: ExtensionParameters][] = [
    [{}, { client_max_window_bits: true }],
    [{ serverMaxWindowBits: 15, clientMaxWindowBits: 15 }, { client_max_window_bits: true }],
    [{ serverNoContextTakeover: false, clientNoContextTakeover: false }, { client_max_window_bits: true }],
    [{ serverMaxWindowBits: undefined, serverNoContextTakeover: undefined }, { client_max_window_bits: true }],
    [{ clientMaxWindowBits: 9 }, { client_max_window_bits: 9 }],
    [{ serverMaxWindowBits: 14 }, { client_max_window_bits: true, server_max_window_bits: 14 }],
    [{ serverNoContextTakeover: true }, { client_max_window_bits: true, server_no_context_takeover: true }],
    [{ clientNoContextTakeover: true }, { client_max_window_bits: true, client_no_context_takeover: true }],
    [
      {
        serverNoContextTakeover: true,
        clientNoContextTakeover: true,
        serverMaxWindowBits: 10,
        clientMaxWindowBits: 11,
      },
      {
        client_max_window_bits: 11,
        server_no_context_takeover: true,
        client_no_context_takeover: true,
        server_max_window_bits: 10,
      },
    ],
  ];
  for (const [options, parameters] of offered) assert.equal(offerDeflate(options), [parameters]);
});

test.run();
