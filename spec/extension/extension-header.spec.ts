// The grammar of Sec-WebSocket-Extensions, and what peers have crashed or hung parsers with.

import process from 'node:process';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  type ExtensionOffer,
  type ExtensionParameterValue,
  isToken,
  parseExtensions,
  serializeExtensions,
} from '../../lib/extension/extension-header.ts';
import { anyCharacter } from '../support/any-character.ts';
import { throws } from '../support/check.ts';
import { sized } from '../support/sized.ts';

const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
console.log(`seed ${seed}`);

const MEBI = 1024 * 1024;

type Plain = [name: string, parameters: [string, ExtensionParameterValue[]][]];

/** What was parsed, as arrays: in order, and with nothing that a prototype could add. */
function plain(...values: string[]): Plain[] | undefined {
  const offers = parseExtensions(values);
  return offers && [...offers.values()].flat().map(({ name, parameters }) => [name, [...parameters]] as Plain);
}

function offer(name: string, ...parameters: [string, ExtensionParameterValue[]][]): ExtensionOffer {
  return { name, parameters: new Map(parameters) };
}

const parsing = suite('extension-header · RFC 6455 §9.1 parsing');

parsing('no field gives no offer', () => {
  assert.is(parseExtensions([])?.size, 0);
});

parsing('an extension may stand alone', () => {
  assert.equal(plain('foo'), [['foo', []]]);
});

parsing('a parameter without a value has the value true', () => {
  assert.equal(plain('foo; bar'), [['foo', [['bar', [true]]]]]);
});

parsing('a parameter has a token as its value, and is no number', () => {
  assert.equal(plain('foo; bar=15'), [['foo', [['bar', ['15']]]]]);
});

parsing('the value "true" as a token is not the value true', () => {
  assert.equal(plain('foo; bar=true; baz'), [
    [
      'foo',
      [
        ['bar', ['true']],
        ['baz', [true]],
      ],
    ],
  ]);
});

parsing('a quoted value is unquoted', () => {
  assert.equal(plain('foo; bar="baz"'), [['foo', [['bar', ['baz']]]]]);
});

parsing('a backslash in a quoted value is dropped and the character after it kept', () => {
  assert.equal(plain('foo; bar="\\b\\az"'), [['foo', [['bar', ['baz']]]]]);
});

parsing('the offers of one name are in the order of preference', () => {
  const offers = parseExtensions(['permessage-deflate; client_max_window_bits, permessage-deflate']);
  assert.equal([...(offers?.keys() ?? [])], ['permessage-deflate']);
  assert.equal(plain('permessage-deflate; client_max_window_bits, permessage-deflate'), [
    ['permessage-deflate', [['client_max_window_bits', [true]]]],
    ['permessage-deflate', []],
  ]);
});

parsing('several fields are one list', () => {
  assert.equal(plain('foo; a', 'bar, foo; b'), plain('foo; a, bar, foo; b'));
});

parsing('a repeated parameter keeps all its values in their order', () => {
  assert.equal(plain('foo; a=1; b; a; a="2"'), [
    [
      'foo',
      [
        ['a', ['1', true, '2']],
        ['b', [true]],
      ],
    ],
  ]);
});

parsing('a parameter that is repeated, in quotes too, is one of its own offer alone among offers of one name', () => {
  const text = 'foo; a="1"; a=1; b, bar; a="0", foo; a; a="\\2"; c="x", foo; b="3"; b=3, foo';
  const offers = parseExtensions([text]);
  assert.equal([...(offers?.keys() ?? [])], ['foo', 'bar']);
  assert.equal(offers?.get('foo'), [
    offer('foo', ['a', ['1', '1']], ['b', [true]]),
    offer('foo', ['a', [true, '2']], ['c', ['x']]),
    offer('foo', ['b', ['3', '3']]),
    offer('foo'),
  ]);
  assert.equal(offers?.get('bar'), [offer('bar', ['a', ['0']])]);
});

parsing('offers of one name in several fields are the same as in one', () => {
  const fields = ['foo; a="1"; a=2, bar; a', 'foo; a="1"', 'bar; a="1"; a, foo; b="\\3"; b'];
  assert.equal(plain(...fields), plain(fields.join(', ')));
  assert.equal(
    parseExtensions(fields)
      ?.get('foo')
      ?.map(({ parameters }) => [...parameters]),
    [[['a', ['1', '2']]], [['a', ['1']]], [['b', ['3', true]]]],
  );
});

parsing('an offer that is malformed spoils all of them, those of its name before it and behind it too', () => {
  assert.is(plain('foo; a="1", foo; a="1 ", foo; a'), undefined);
  assert.is(plain('foo; a="1", foo; a="1'), undefined);
  assert.is(plain('foo; a="1"', 'foo; a="1', '2", foo; a'), undefined, 'no quotes reach from field to field');
  assert.is(plain('foo; a; a=""', 'foo'), undefined);
});

parsing('spaces and tabs may stand around every separator', () => {
  assert.equal(plain(' \tfoo \t; \tbar\t = \t"baz" \t, \tqux\t '), [
    ['foo', [['bar', ['baz']]]],
    ['qux', []],
  ]);
  assert.equal(plain('foo;bar="baz",qux'), plain(' foo ; bar = "baz" , qux '));
});

parsing('empty elements of the list are skipped', () => {
  assert.equal(plain(',, foo ,\t, bar,'), [
    ['foo', []],
    ['bar', []],
  ]);
  assert.equal(plain('', 'foo'), [['foo', []]]);
});

parsing('names and values are kept in their case', () => {
  assert.equal(plain('Foo; Bar=Baz, foo'), [
    ['Foo', [['Bar', ['Baz']]]],
    ['foo', []],
  ]);
});

parsing('every character of a token is taken', () => {
  const token = "!#$%&'*+-.^_`|~09AZaz";
  assert.equal(plain(`${token}; ${token}=${token}`), [[token, [[token, [token]]]]]);
});

const malformed: [what: string, text: string][] = [
  ['an empty field', ''],
  ['a field of white space', ' \t '],
  ['a field of commas', ', ,,'],
  ['a list without a comma', 'foo bar'],
  ['a semicolon without an extension', ';'],
  ['a semicolon before the extension', '; foo'],
  ['a semicolon without a parameter', 'foo;'],
  ['a semicolon before a comma', 'foo;, bar'],
  ['two semicolons', 'foo;; bar'],
  ['a value on the extension itself', 'foo=bar'],
  ['an equals sign without a parameter', 'foo; =bar'],
  ['an equals sign without a value', 'foo; bar='],
  ['an equals sign before a comma', 'foo; bar=, baz'],
  ['two equals signs', 'foo; bar==baz'],
  ['two values', 'foo; bar=baz qux'],
  ['an extension in quotes', '"foo"'],
  ['a parameter in quotes', 'foo; "bar"'],
  ['an empty quoted value', 'foo; bar=""'],
  ['a quoted value that is not closed', 'foo; bar="baz'],
  ['a quote alone', 'foo; bar="'],
  ['a backslash at the end', 'foo; bar="baz\\'],
  ['an escaped quote, which is no token', 'foo; bar="ba\\"z"'],
  ['a quoted space, which is no token', 'foo; bar="b z"'],
  ['a quoted comma, which is no token', 'foo; bar="b,z"'],
  ['an escaped backslash, which is no token', 'foo; bar="b\\\\z"'],
  ['a value behind a quoted value', 'foo; bar="baz"qux'],
  ['a quote in a token', 'foo; bar=b"z"'],
  ['a separator in the extension', 'f(oo)'],
  ['a slash in the extension', 'foo/1'],
  ['a line break', 'foo\r\n bar'],
  ['a NUL', 'foo\0'],
  ['a control character', 'foo; bar=\x7f'],
  ['a byte over 0x7F in the extension', 'f\xe9e'],
  ['a byte over 0x7F in a parameter', 'foo; b\xff=1'],
  ['a byte over 0x7F in a value', 'foo; bar="\x80"'],
  ['white space that is neither a space nor a tab', 'foo;\xa0bar'],
  ['a character over 0xFF', 'f\u0130o'],
];

for (const [what, text] of malformed) {
  parsing(`${what} is malformed`, () => {
    assert.is(plain(text), undefined);
    if (!/^[ \t,]*$/.test(text)) assert.is(plain('good', text), undefined, 'beside a field that is well-formed');
  });
}

parsing.run();

const hostile = suite('extension-header · hostile text');

for (const name of ['constructor', '__proto__', 'hasOwnProperty', 'toString', 'valueOf', 'prototype']) {
  hostile(`"${name}" is a name like any other`, () => {
    assert.equal(plain(`${name}; ${name}; ${name}=${name}, ${name}`), [
      [name, [[name, [true, name]]]],
      [name, []],
    ]);
    assert.is(Object.hasOwn(Object.prototype, 'polluted'), false);
  });
}

// Each of these is linear here. An algorithm that looks back at what it has read would need hours for a mebibyte.
const long: [what: string, text: string, offers: number | undefined][] = [
  ['spaces', ' '.repeat(MEBI), undefined],
  ['spaces before an extension', `${' '.repeat(MEBI)}foo`, 1],
  ['spaces behind an extension', `foo${' '.repeat(MEBI)}`, 1],
  ['spaces and no separator', `foo${' '.repeat(MEBI)}bar`, undefined],
  ['spaces around the equals sign', `foo; a${' '.repeat(MEBI)}=${' '.repeat(MEBI)}b`, 1],
  ['tabs and spaces', `foo${'\t '.repeat(MEBI / 2)};`, undefined],
  ['commas', ','.repeat(MEBI), undefined],
  ['commas and an extension', `${','.repeat(MEBI)}foo`, 1],
  ['commas and spaces', `${', '.repeat(MEBI / 2)}foo`, 1],
  ['semicolons', `foo${';'.repeat(MEBI)}`, undefined],
  ['escaped quotes', `foo; a="${'\\"'.repeat(MEBI / 2)}`, undefined],
  ['escaped letters in a quoted value that is not closed', `foo; a="${'\\c'.repeat(MEBI / 2)}`, undefined],
  ['escaped letters in a quoted value', `foo; a="${'\\c'.repeat(MEBI / 2)}"`, 1],
  ['backslashes', `foo; a="${'\\'.repeat(MEBI)}`, undefined],
  ['quotes', '"'.repeat(MEBI), undefined],
  ['one token', 'a'.repeat(MEBI), 1],
  ['repeated parameters', `foo${';a'.repeat(MEBI / 2)}`, 1],
  ['repeated extensions', 'a,'.repeat(MEBI / 2), MEBI / 2],
];

for (const [what, text, count] of long) {
  hostile(`a mebibyte of ${what} is answered at once`, () => {
    const offers = parseExtensions([text]);
    assert.is(offers && [...offers.values()].flat().length, count);
  });
}

hostile('a long escaped value is unescaped whole', () => {
  const offers = parseExtensions([`foo; a="${'\\c'.repeat(MEBI / 2)}"`]);
  assert.is(offers?.get('foo')?.[0]?.parameters.get('a')?.[0], 'c'.repeat(MEBI / 2));
});

hostile('a hundred thousand fields are one list', () => {
  const offers = parseExtensions(new Array<string>(100_000).fill('foo; a'));
  assert.is(offers?.get('foo')?.length, 100_000);
});

hostile('a hundred thousand different names are kept apart', () => {
  const names = Array.from({ length: 100_000 }, (_, index) => `x${index}`);
  assert.is(parseExtensions([names.join()])?.size, 100_000);
});

hostile.run();

const writing = suite('extension-header · RFC 6455 §9.1 serializing');

writing('offers and their parameters are written in order', () => {
  const offers = [offer('foo', ['a', ['1', true]], ['b', [true]]), offer('bar')];
  assert.is(serializeExtensions(offers), 'foo; a=1; a; b, bar');
});

writing('several offers of one name are written apart, in their order', () => {
  const offers = [offer('foo', ['a', ['10', true, '10']]), offer('foo', ['a', ['8']]), offer('foo')];
  assert.is(serializeExtensions(offers), 'foo; a=10; a; a=10, foo; a=8, foo');
});

writing('no offer gives an empty text', () => {
  assert.is(serializeExtensions([]), '');
});

for (const bad of ['', 'a b', 'a"', 'a\r\nSet-Cookie: x', 'a\0', 'é', 'a;b', 'a,b']) {
  writing(`${JSON.stringify(bad)} is refused as a name, a parameter and a value`, () => {
    throws(() => serializeExtensions([offer(bad)]), TypeError, /^Cannot write an extension: .* is not a token$/);
    throws(() => serializeExtensions([offer('foo', [bad, [true]])]), TypeError, /is not a token$/);
    throws(() => serializeExtensions([offer('foo', ['a', [bad]])]), TypeError, /is not a token$/);
  });
}

writing.run();

const tokens = suite('extension-header · RFC 9110 §5.6.2 token');

tokens('exactly the characters of tchar make a token', () => {
  const tchar = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]$/;
  for (let code = 0; code < 0x300; code++) {
    const character = String.fromCharCode(code);
    assert.is(isToken(character), tchar.test(character), `code ${code}`);
  }
});

tokens('an empty text is no token', () => {
  assert.not(isToken(''));
});

tokens.run();

const properties = suite('extension-header · properties');

const token = fc.string({
  unit: fc.constantFrom(..."!#$%&'*+-.^_`|~0123456789abcXYZ".split('')),
  minLength: 1,
  maxLength: 12,
});
const name = fc.oneof(token, fc.constantFrom('constructor', '__proto__', 'toString'));
const value = fc.oneof(token, fc.constant(true as const));
const parameters = fc.uniqueArray(fc.tuple(name, fc.array(value, { minLength: 1, maxLength: 3 })), {
  selector: ([key]) => key,
});
const offers = fc.array(
  fc.tuple(name, parameters).map(([key, entries]) => offer(key, ...entries)),
  { maxLength: 6 },
);

properties('what is written is read as the same offers', () => {
  fc.assert(
    fc.property(offers, (list) => {
      const parsed = parseExtensions(list.length === 0 ? [] : [serializeExtensions(list)]);
      const names = new Set(list.map((item) => item.name));
      const grouped = [...names].flatMap((key) => list.filter((item) => item.name === key));
      assert.equal([...(parsed?.values() ?? [])].flat(), grouped);
    }),
    { seed },
  );
});

/** A parameter's value and how it is written behind the name. */
type Written = readonly [value: ExtensionParameterValue, text: string];

const quotedValue = fc.tuple(token, fc.infiniteStream(fc.boolean())).map(([text, escaped]): Written => {
  const marks = [...escaped.take(text.length)];
  return [text, `="${Array.from(text, (character, at) => (marks[at] ? '\\' : '') + character).join('')}"`];
});
const anyValue = fc.oneof(
  quotedValue,
  token.map((text): Written => [text, `=${text}`]),
  fc.constant<Written>([true, '']),
);
// So few that offers and parameters are repeated.
const fewNames = fc.constantFrom('a', 'A', 'b', '__proto__');

function group(list: readonly (readonly [string, readonly (readonly [string, Written])[]])[]): Map<string, unknown[]> {
  const found = new Map<string, unknown[]>();
  for (const [name, entries] of list) {
    const parameters = new Map<string, unknown[]>();
    for (const [key, [value]] of entries) parameters.set(key, [...(parameters.get(key) ?? []), value]);
    found.set(name, [...(found.get(name) ?? []), { name, parameters }]);
  }
  return found;
}

properties('whether a value is in quotes changes nothing, among offers and parameters that are repeated', () => {
  const parameter = fc.tuple(fewNames, anyValue);
  const list = fc.array(fc.tuple(fewNames, fc.array(parameter, { maxLength: 5 })), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(list, (chosen) => {
      const texts = chosen.map(
        ([key, entries]) => key + entries.map(([name, [, text]]) => `; ${name}${text}`).join(''),
      );
      assert.equal(parseExtensions([texts.join(', ')]), group(chosen));
      assert.equal(parseExtensions(texts), group(chosen));
    }),
    { seed, numRuns: sized(300, 1000) },
  );
});

properties('any text is either malformed or read as what can be written and read again', () => {
  const noise = fc.string({
    unit: fc.constantFrom('a', 'b', ' ', '\t', ',', ';', '=', '"', '\\', '\0', 'é', '__proto__'),
    maxLength: 40,
  });
  fc.assert(
    fc.property(fc.array(fc.oneof(noise, fc.string({ unit: anyCharacter })), { maxLength: 3 }), (texts) => {
      const parsed = parseExtensions(texts);
      if (parsed === undefined || parsed.size === 0) return;
      const written = serializeExtensions([...parsed.values()].flat());
      assert.equal(parseExtensions([written]), parsed);
    }),
    { seed, numRuns: sized(700, 2000) },
  );
});

properties.run();
