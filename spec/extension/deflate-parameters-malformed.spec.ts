// What is declined (server) or fails the handshake (client) whatever is wanted, RFC 7692 §7; the way through the text of a header field; options that are wrong.

import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  acceptDeflate,
  checkDeflateParameters,
  confirmDeflate,
  type DeflateParameterOptions,
} from '../../lib/extension/deflate-parameters.ts';
import type { ReceivedParameters } from '../../lib/extension/extension.ts';
import type { ExtensionParameterValue } from '../../lib/extension/extension-header.ts';
import { throws } from '../support/check.ts';
import { parseDeflate, writeDeflate } from '../support/deflate-text.ts';
import { runs, seed } from '../support/random.ts';

const test = suite('deflate-parameters · malformed');

const switches = ['server_no_context_takeover', 'client_no_context_takeover'] as const;
const windows = ['server_max_window_bits', 'client_max_window_bits'] as const;

const everything: DeflateParameterOptions = {
  serverNoContextTakeover: true,
  clientNoContextTakeover: true,
  serverMaxWindowBits: 9,
  clientMaxWindowBits: 9,
};
const someOptions: readonly DeflateParameterOptions[] = [{}, everything, { serverMaxWindowBits: 15 }];

/** What is in these parameters beside the faulty one, so that nothing else is missing: an answer to `everything`. */
const rest: readonly [string, ExtensionParameterValue[]][] = [
  ['server_no_context_takeover', [true]],
  ['client_no_context_takeover', [true]],
  ['server_max_window_bits', ['9']],
  ['client_max_window_bits', ['9']],
];

/** That both roles refuse this parameter, alone and among others, before and behind them, under several options. */
function refused(name: string, values: readonly ExtensionParameterValue[]): void {
  const others = rest.filter(([other]) => other !== name);
  for (const entries of [[], others]) {
    for (const received of [new Map([[name, values], ...entries]), new Map([...entries, [name, values]] as const)]) {
      for (const options of someOptions) refusedBy(received, options, `${name} ${JSON.stringify(values).slice(0, 99)}`);
    }
  }
}

function refusedBy(received: ReceivedParameters, options: DeflateParameterOptions, what: string): void {
  assert.is(acceptDeflate(received, options), undefined, `accepted ${what}`);
  assert.is(confirmDeflate(received, options), undefined, `confirmed ${what}`);
}

test('what the checks for malformed parameters put beside the faulty one is well-formed itself', () => {
  for (const options of someOptions) {
    assert.ok(acceptDeflate(new Map(rest), options));
    assert.ok(confirmDeflate(new Map(rest), options));
  }
});

// --- Values --------------------------------------------------------------------------------------------------------

// Many of these are a number from 8 to 15 to Number, to parseInt, or to a regular expression that is not anchored.
const noBits = [
  ...['', '0', '00', '1', '7', '16', '17', '-1', '-9', '150', '256', '265'],
  ...['08', '09', '010', '015', '0000000009'],
  ...['8.0', '9.', '9.5', '.9e1', '1e1', '10e0', '0x9', '0xf', '0b1001', '0o11', '9n', '1_0'],
  ...[
    '+9',
    '--9',
    '9-',
    '9,',
    '9;',
    '9 10',
    ' 9',
    '9 ',
    '\t9',
    '9\t',
    '9\n',
    '\n9',
    '9\r\n',
    '\u00a09',
    '9\0',
    '\ufeff9',
  ],
  ...['９', '１０', '٩', '९', '⑨', '¹⁰', '9\u0300', 'IX', 'nine', 'a'],
  ...['true', 'false', 'null', 'undefined', 'NaN', 'Infinity', '-Infinity', '[9]', '"9"'],
  ...['__proto__', 'constructor', 'toString', 'length', 'size', 'get'],
  ...['9'.repeat(1_000_000), `${'0'.repeat(1_000_000)}9`, '18446744073709551625', `1${'0'.repeat(400)}`],
];

for (const name of windows) {
  test(`D1, D2 · RFC 7692 §7.1.2: ${name} with a value that is no decimal from 8 to 15 without leading zeroes is refused in both roles`, () => {
    for (const value of noBits) refused(name, [value]);
  });
}

for (const name of switches) {
  test(`D1, D2 · RFC 7692 §7.1.1: ${name} "has no value": with any it is refused in both roles`, () => {
    for (const value of ['9', '10', '15', '1', ...noBits]) refused(name, [value]);
  });
}

test('D1, D2 · RFC 7692 §7.1.2.1: server_max_window_bits has a value: without it is refused in both roles', () => {
  refused('server_max_window_bits', [true]);
});

test('D2 · RFC 7692 §7.1.2.2: client_max_window_bits may stand without a value in an offer, and not in an answer', () => {
  const bare: ReceivedParameters = new Map([['client_max_window_bits', [true]]]);
  assert.ok(acceptDeflate(bare, {}));
  for (const options of someOptions) {
    const others = new Map<string, readonly ExtensionParameterValue[]>(rest);
    assert.is(confirmDeflate(bare, options), undefined);
    assert.is(confirmDeflate(others.set('client_max_window_bits', [true]), options), undefined);
  }
});

test('D1 · RFC 7692 §7.1.2.1: server_max_window_bits=8 is declined, whatever is wanted: no zlib deflates with it', () => {
  for (const options of someOptions) {
    for (const others of [[], rest]) {
      const offer = new Map<string, readonly ExtensionParameterValue[]>(others);
      assert.is(acceptDeflate(offer.set('server_max_window_bits', ['8']), options), undefined);
    }
  }
});

// --- Names ---------------------------------------------------------------------------------------------------------

test('D1, D2 · RFC 7692 §7: a parameter that is repeated is refused in both roles, with the same value too', () => {
  for (const name of switches) {
    refused(name, [true, true]);
    refused(name, [true, '9']);
    refused(name, new Array<true>(100_000).fill(true));
  }
  for (const name of windows) {
    refused(name, ['10', '10']);
    refused(name, ['9', '15']);
    refused(name, ['9', true]);
    refused(name, [true, true]);
    refused(name, ['10', '10', '10']);
  }
});

test('a name with an empty list of values is refused in both roles', () => {
  for (const name of [...switches, ...windows, 'other']) refused(name, []);
});

test('D1, D2 · RFC 7692 §7: a parameter that is not defined is refused in both roles: names are compared exactly', () => {
  const strange = [
    ...['', ' ', 'x', 'permessage-deflate', 'max_window_bits', 'no_context_takeover', 'mem_level'],
    ...['s2c_max_window_bits', 'c2s_no_context_takeover', 'x-webkit-deflate-frame'],
    ...['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'valueOf', 'size'],
    ...[...switches, ...windows].flatMap((name) => [
      name.toUpperCase(),
      name[0]?.toUpperCase() + name.slice(1),
      name.replaceAll('_', '-'),
      name.replaceAll('_', ''),
      name.slice(0, -1),
      `${name} `,
      ` ${name}`,
      `${name}\0`,
      `${name}s`,
      name.replace('e', '\u0435'),
    ]),
    'serverMaxWindowBits',
    'clientNoContextTakeover',
  ];
  assert.is(new Set(strange).size, strange.length);
  for (const name of strange) {
    refused(name, [true]);
    refused(name, ['9']);
    refused(name, ['10', '10']);
  }
});

test('RFC 7692 §7: any parameters are refused if one of them is malformed, and none makes anything throw', () => {
  const name = fc.oneof(
    { weight: 9, arbitrary: fc.constantFrom(...switches, ...windows) },
    fc.constantFrom('__proto__', 'Server_max_window_bits', 'x'),
  );
  const value = fc.oneof(
    { weight: 4, arbitrary: fc.constant<true>(true) },
    { weight: 8, arbitrary: fc.integer({ min: 7, max: 16 }).map(String) },
    fc.constantFrom('', '08', 'true', '１０', '1e1'),
    fc.string(),
  );
  const values = fc.oneof({ weight: 9, arbitrary: fc.tuple(value) }, fc.array(value, { maxLength: 3 }));
  const bits = fc.option(fc.integer({ min: 9, max: 15 }), { nil: undefined });
  const options = fc.record({
    serverNoContextTakeover: fc.option(fc.boolean(), { nil: undefined }),
    clientNoContextTakeover: fc.option(fc.boolean(), { nil: undefined }),
    serverMaxWindowBits: bits,
    clientMaxWindowBits: bits,
  });
  const wellFormed = ([key, list]: readonly [string, readonly ExtensionParameterValue[]]): boolean => {
    const text = `${key}=${list.map(String).join()}`;
    if (list.some((item) => item !== true && !/^\d+$/.test(item))) return false;
    return /^((server|client)_no_context_takeover=true|client_max_window_bits=true|(server|client)_max_window_bits=([89]|1[0-5]))$/.test(
      text,
    );
  };
  const seen = { malformed: 0, accepted: 0, confirmed: 0 };
  fc.assert(
    fc.property(fc.array(fc.tuple(name, values), { maxLength: 4 }), options, (entries, chosen) => {
      const received: ReceivedParameters = new Map(entries);
      const accepted = acceptDeflate(received, chosen);
      const confirmed = confirmDeflate(received, chosen);
      if (accepted !== undefined) seen.accepted += 1;
      if (confirmed !== undefined) seen.confirmed += 1;
      if ([...received].every(wellFormed)) return;
      seen.malformed += 1;
      assert.is(accepted, undefined);
      assert.is(confirmed, undefined);
    }),
    { seed, numRuns: runs(20_000) },
  );
  // Of few runs it is chance.
  if (runs(20_000) < 1000) return;
  for (const [kind, count] of Object.entries(seen)) assert.ok(count > 0, `nothing was ${kind}`);
});

// --- Through the text ----------------------------------------------------------------------------------------------

/** What a server does with a header field: it takes the first offer that it can. */
function answerTo(text: string, options: DeflateParameterOptions = {}): string | undefined {
  for (const offer of parseDeflate(text)) {
    const accepted = acceptDeflate(offer, options);
    if (accepted !== undefined) return writeDeflate(accepted.parameters);
  }
  return undefined;
}

test('RFC 7692 §7.1.3: offers that peers make are answered, with the defaults and with all that can be wanted', () => {
  const all = {
    serverNoContextTakeover: true,
    clientNoContextTakeover: true,
    serverMaxWindowBits: 10,
    clientMaxWindowBits: 11,
  };
  const both = 'server_no_context_takeover; client_no_context_takeover';
  const cases: readonly [offer: string, plain: string, full: string | undefined][] = [
    ['', '', undefined],
    ['; client_max_window_bits', '', `; ${both}; server_max_window_bits=10; client_max_window_bits=11`],
    [
      '; client_max_window_bits; server_max_window_bits=10',
      '; server_max_window_bits=10',
      `; ${both}; server_max_window_bits=10; client_max_window_bits=11`,
    ],
    [
      '; client_max_window_bits; server_max_window_bits=10, permessage-deflate; client_max_window_bits',
      '; server_max_window_bits=10',
      `; ${both}; server_max_window_bits=10; client_max_window_bits=11`,
    ],
    [
      `; client_max_window_bits=9; server_max_window_bits=15; ${both}`,
      `; ${both}; server_max_window_bits=15; client_max_window_bits=9`,
      `; ${both}; server_max_window_bits=10; client_max_window_bits=9`,
    ],
  ];
  for (const [offer, plain, full] of cases) {
    const text = `permessage-deflate${offer}`;
    assert.is(answerTo(text), `permessage-deflate${plain}`, text);
    assert.is(answerTo(text, all), full && `permessage-deflate${full}`, text);
  }
});

test('RFC 6455 §9.1: a value in quotes, white space and the order of the parameters change nothing', () => {
  for (const text of [
    'permessage-deflate; server_max_window_bits=10; client_max_window_bits',
    'permessage-deflate; server_max_window_bits="10"; client_max_window_bits',
    'permessage-deflate; client_max_window_bits ;server_max_window_bits = "\\1\\0"',
    ',permessage-deflate;\tclient_max_window_bits\t;server_max_window_bits="1\\0" ,',
  ]) {
    assert.is(answerTo(text), 'permessage-deflate; server_max_window_bits=10', text);
    assert.is(
      answerTo(text, { clientMaxWindowBits: 12 }),
      'permessage-deflate; server_max_window_bits=10; client_max_window_bits=12',
      text,
    );
  }
  for (const text of ['server_no_context_takeover="true"', 'server_max_window_bits="08"', 'client_max_window_bits="7"'])
    assert.is(answerTo(`permessage-deflate; ${text}`), undefined, text);
});

test('D1 · RFC 7692 §5: behind an offer that is declined the next one is looked at', () => {
  const declined = [
    'server_max_window_bits=8',
    'server_max_window_bits="16"',
    'server_max_window_bits',
    'server_max_window_bits=10; server_max_window_bits=10',
    'client_max_window_bits; client_max_window_bits="10"',
    'server_no_context_takeover=1',
    'mem_level=9',
  ];
  for (const first of declined) {
    const bad = `permessage-deflate; ${first}`;
    assert.is(answerTo(bad), undefined, first);
    assert.is(answerTo(`${bad}, permessage-deflate`), 'permessage-deflate', first);
    assert.is(
      answerTo(`${bad}, other, ${bad}, permessage-deflate; server_max_window_bits="11", permessage-deflate`),
      'permessage-deflate; server_max_window_bits=11',
      first,
    );
  }
  // A parameter that is repeated in another offer is none that is repeated.
  assert.is(
    answerTo('permessage-deflate; server_max_window_bits=8, permessage-deflate; server_max_window_bits=9'),
    'permessage-deflate; server_max_window_bits=9',
  );
  // What the server wants decides which offer it can take.
  assert.is(
    answerTo('permessage-deflate, permessage-deflate; client_max_window_bits=13', { clientMaxWindowBits: 12 }),
    'permessage-deflate; client_max_window_bits=12',
  );
});

// --- Wrong options -------------------------------------------------------------------------------------------------

test('options are checked: a switch is a boolean', () => {
  for (const name of ['serverNoContextTakeover', 'clientNoContextTakeover']) {
    for (const right of [undefined, false, true]) checkDeflateParameters({ [name]: right });
    for (const wrong of [null, 0, 1, '', 'true', {}, [], Symbol('true'), 1n, new Boolean(true)]) {
      const options = { [name]: wrong } as unknown as DeflateParameterOptions;
      throws(() => checkDeflateParameters(options), TypeError, new RegExp(`"${name}".* is no boolean$`));
    }
  }
});

test('options are checked: a window is an integer from 9 to 15, and a message says why not 8', () => {
  const why = 'is no integer from 9 to 15; zlib cannot deflate with a raw window of 8 bits';
  for (const name of ['serverMaxWindowBits', 'clientMaxWindowBits']) {
    for (const right of [undefined, 9, 10, 11, 12, 13, 14, 15]) checkDeflateParameters({ [name]: right });
    const numbers = [8, 16, 0, -0, -9, 9.5, 8.999, 15.001, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53];
    for (const wrong of [...numbers, null, true, false, '', '9', '15', [9], {}, 9n, Symbol('9'), new Number(9)]) {
      const options = { [name]: wrong } as unknown as DeflateParameterOptions;
      throws(() => checkDeflateParameters(options), RangeError, new RegExp(`"${name}".* ${why}$`));
    }
  }
});

test('options are checked: none need be there', () => {
  checkDeflateParameters({});
  checkDeflateParameters(everything);
});

test.run();
