// The list of offered subprotocols and the choice among them.

import process from 'node:process';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { chooseSubprotocol, parseSubprotocols } from '../../lib/handshake/subprotocol.ts';

const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
console.log(`seed ${seed}`);

const MEBI = 1024 * 1024;

const parsing = suite('subprotocol · RFC 6455 §4.1 (10)');

parsing('no field gives an empty list', () => {
  assert.equal(parseSubprotocols([]), []);
});

parsing('names are listed in the order of the client', () => {
  assert.equal(parseSubprotocols(['superchat,  chat\t,v12.stomp']), ['superchat', 'chat', 'v12.stomp']);
});

parsing('several fields are one list', () => {
  assert.equal(parseSubprotocols(['a, b', 'c']), ['a', 'b', 'c']);
});

parsing('empty elements are skipped', () => {
  assert.equal(parseSubprotocols([', a,, b ,']), ['a', 'b']);
});

parsing('names that differ in case are two names', () => {
  assert.equal(parseSubprotocols(['chat, Chat']), ['chat', 'Chat']);
});

parsing('the names of members of Object.prototype are names like any other', () => {
  const names = ['constructor', '__proto__', 'hasOwnProperty', 'toString'];
  assert.equal(parseSubprotocols([names.join(', ')]), names);
});

const malformed: [what: string, values: string[]][] = [
  ['an empty field', ['']],
  ['a field of commas and spaces', [' , ,']],
  ['a name that is repeated', ['a, b, a']],
  ['a name that is repeated in another field', ['a', 'b, a']],
  ['a name with a space', ['a b']],
  ['a name with a slash', ['a/1']],
  ['a name with a separator', ['a;b']],
  ['a name in quotes', ['"a"']],
  ['a line break', ['a\r\nb']],
  ['a NUL', ['a\0']],
  ['a byte over 0x7F', ['caf\xe9']],
  ['a DEL', ['a\x7f']],
  ['a character over 0xFF', ['\u212aey']],
];

for (const [what, values] of malformed) {
  parsing(`${what} is malformed`, () => {
    assert.is(parseSubprotocols(values), undefined);
  });
}

// Linear here; splitting by an expression that backtracks over white space would not end.
parsing('a mebibyte of spaces, or of commas, is answered at once', () => {
  assert.is(parseSubprotocols([' '.repeat(MEBI)]), undefined);
  assert.is(parseSubprotocols([`a${' '.repeat(MEBI)}b`]), undefined);
  assert.is(parseSubprotocols([','.repeat(MEBI)]), undefined);
  assert.equal(parseSubprotocols([`a${' '.repeat(MEBI)},${'\t '.repeat(MEBI / 2)}b`]), ['a', 'b']);
  assert.equal(parseSubprotocols([`${', '.repeat(MEBI / 2)}a`]), ['a']);
});

parsing('a hundred thousand names are compared at once', () => {
  const names = Array.from({ length: 100_000 }, (_, index) => `p${index}`);
  assert.is(parseSubprotocols([names.join()])?.length, 100_000);
  assert.is(parseSubprotocols([names.join(), 'p99999']), undefined);
});

parsing.run();

const choosing = suite('subprotocol · RFC 6455 §4.2.2 (5)');

choosing('the preference of the server decides', () => {
  assert.is(chooseSubprotocol(['a', 'b', 'c'], ['c', 'b']), 'c');
});

choosing('there is none when none is in common', () => {
  assert.is(chooseSubprotocol(['a'], ['b']), '');
});

choosing('there is none when none is offered or none is supported', () => {
  assert.is(chooseSubprotocol([], ['b']), '');
  assert.is(chooseSubprotocol(['a'], []), '');
});

choosing('names are compared in their case', () => {
  assert.is(chooseSubprotocol(['Chat'], ['chat']), '');
});

choosing('the choice is always offered and supported, or there is none', () => {
  const names = fc.array(fc.constantFrom('a', 'b', 'c', 'constructor', '__proto__'));
  fc.assert(
    fc.property(names, names, (offered, supported) => {
      const chosen = chooseSubprotocol(offered, supported);
      const common = supported.filter((name) => offered.includes(name));
      assert.is(chosen, common[0] ?? '');
    }),
    { seed },
  );
});

choosing.run();
