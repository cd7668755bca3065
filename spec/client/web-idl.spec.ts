import { runInNewContext } from 'node:vm';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  copyBufferSource,
  defineInterface,
  toDictionary,
  toUnsignedShort,
  toUsvString,
  toUsvStrings,
} from '../../lib/client/web-idl.ts';
import { throws } from '../support/check.ts';

const test = suite('Web IDL');

test('a dictionary is an object or a function; undefined and null are empty ones; all else is a TypeError', () => {
  const given = { closeCode: 1 };
  assert.is(toDictionary(given, 'It'), given);
  const callback = (): void => {};
  assert.is(toDictionary(callback, 'It'), callback);
  for (const nothing of [undefined, null]) assert.equal(toDictionary(nothing, 'It'), {});
  for (const wrong of [true, 0, 'x', 1n, Symbol('x')])
    throws(() => toDictionary(wrong, 'It'), TypeError, /^It is no dictionary$/);
});

test('an unsigned short is a whole number from 0 to 65535: what is between is cut, what is outside is a TypeError', () => {
  const numbers: readonly [unknown, number][] = [
    [0, 0],
    [65_535, 65_535],
    [65_535.9, 65_535],
    [-0.9, 0],
    ['3000', 3000],
    [' 0x10 ', 16],
    [null, 0],
    [true, 1],
    [[7], 7],
    [{ valueOf: () => 9 }, 9],
  ];
  for (const [value, expected] of numbers) assert.is(toUnsignedShort(value, 'It'), expected);
  assert.ok(Object.is(toUnsignedShort(-0.5, 'It'), 0), 'not -0');
  for (const wrong of [65_536, -1, Number.NaN, Number.POSITIVE_INFINITY, 'x', undefined, {}, 5n, Symbol('x')])
    throws(() => toUnsignedShort(wrong, 'It'), TypeError);
});

test('a USVString has U+FFFD for a lone surrogate, and keeps a byte order mark', () => {
  assert.is(toUsvString('a\ud800b\udc00'), 'a\ufffdb\ufffd');
  assert.is(toUsvString('🚀'), '🚀');
  assert.is(toUsvString('\ufeffa'), '\ufeffa');
  assert.is(toUsvString(5), '5');
  assert.is(toUsvString(null), 'null');
  throws(() => toUsvString(Symbol('x')), TypeError);
  const cannot = {
    toString(): unknown {
      return this;
    },
  };
  throws(() => toUsvString(cannot), TypeError);
});

test('a sequence is whatever can be iterated and is no string; its items are converted', () => {
  assert.equal(toUsvStrings(['a', 5, '\ud800'], 'It'), ['a', '5', '\ufffd']);
  assert.equal(toUsvStrings(new Set(['a']), 'It'), ['a']);
  assert.equal(toUsvStrings(new String('ab'), 'It'), ['a', 'b']);
  for (const wrong of ['ab', null, 5, {}, { length: 1, 0: 'a' }, true])
    throws(() => toUsvStrings(wrong, 'It'), TypeError, /^It is no sequence$/);
  throws(() => toUsvStrings([Symbol('x')], 'It'), TypeError);
});

test('the bytes of a buffer and of every kind of view are copied, and no others', () => {
  const { buffer } = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
  const cases: readonly [ArrayBuffer | ArrayBufferView, number[]][] = [
    [buffer, [1, 2, 3, 4, 5, 6, 7, 8]],
    [new Uint8Array(buffer, 1, 2), [2, 3]],
    [new DataView(buffer, 6), [7, 8]],
    [new Uint16Array(buffer, 2, 1), [3, 4]],
    [Buffer.from(buffer, 3, 1), [4]],
    [new Uint8Array(0), []],
  ];
  for (const [source, expected] of cases) {
    const copy = copyBufferSource(source) as Uint8Array;
    assert.equal([...copy], expected);
    assert.is(copy.constructor, Uint8Array);
    assert.is(copy.byteLength, copy.buffer.byteLength, 'it has a buffer of its own');
    assert.is.not(copy.buffer, buffer);
  }
  const foreign = runInNewContext('[new Uint8Array([1, 2]).buffer, new Uint8Array([3])]') as [ArrayBuffer, Uint8Array];
  assert.equal(
    [...foreign].map((source) => [...(copyBufferSource(source) as Uint8Array)]),
    [[1, 2], [3]],
  );
});

test('what is no buffer has no bytes to copy, whatever it looks like', () => {
  for (const other of [
    'x',
    5,
    null,
    undefined,
    {},
    [1],
    new Blob(['x']),
    Object.create(ArrayBuffer.prototype),
    () => {},
  ])
    assert.is(copyBufferSource(other), undefined);
});

test('bytes in shared memory and in a resizable buffer are a TypeError', () => {
  const shared = new SharedArrayBuffer(4);
  const resizable = new (ArrayBuffer as new (size: number, options: object) => ArrayBuffer)(4, { maxByteLength: 8 });
  const { buffer } = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  for (const buffers of [shared, resizable, buffer]) {
    for (const wrong of [buffers, new Uint8Array(buffers), new DataView(buffers)])
      throws(() => copyBufferSource(wrong), TypeError);
  }
});

test('an interface has members that can be enumerated, and a name of its own', () => {
  const Thing = class Other {
    get size(): number {
      return 1;
    }

    run(): void {}
  };
  defineInterface(Thing, 'Thing', ['size', 'run']);
  assert.is(Thing.name, 'Thing');
  assert.equal(Object.keys(Thing.prototype), ['size', 'run']);
  assert.is(String(new Thing()), '[object Thing]');
  assert.is(new Thing().size, 1);
});

test.run();
