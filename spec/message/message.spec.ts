import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type MessageSource, messageWeight, toMessage } from '../../lib/message/message.ts';
import { throws } from '../support/check.ts';
import { hex } from '../support/hex.ts';

const test = suite('message · RFC 6455 §5.6');

function bytesOf(source: MessageSource): number[] {
  const message = toMessage(source);
  assert.instance(message, Uint8Array);
  return [...(message as Uint8Array)];
}

test('a string is a text message and a Uint8Array a binary one, as they are', () => {
  const bytes = hex('01 02');
  const buffer = Buffer.from([1]);
  for (const source of ['', 'text', bytes, buffer]) assert.is(toMessage(source), source);
});

test('an ArrayBuffer and any view of one are the bytes that they show', () => {
  const { buffer } = hex('01 02 03 04 05 06 07 08');
  assert.equal(bytesOf(buffer as ArrayBuffer), [1, 2, 3, 4, 5, 6, 7, 8]);
  assert.equal(bytesOf(new DataView(buffer, 1, 3)), [2, 3, 4]);
  assert.equal(bytesOf(new Uint16Array(buffer, 2, 2)), [3, 4, 5, 6]);
  assert.equal(bytesOf(new Float64Array(buffer)), [1, 2, 3, 4, 5, 6, 7, 8]);
  assert.equal(bytesOf(new Uint8ClampedArray(buffer, 7)), [8]);
  assert.equal(bytesOf(new Float32Array(0)), []);
  assert.equal(bytesOf(new ArrayBuffer(0)), []);
});

test('anything else is a TypeError that names it', () => {
  const wrong: readonly [unknown, RegExp][] = [
    // A number became that many bytes of uninitialised memory once (CVE-2016-10518).
    [42, /Cannot send a number/],
    [undefined, /Cannot send a undefined/],
    [null, /Cannot send null/],
    [true, /Cannot send a boolean/],
    [10n, /Cannot send a bigint/],
    [Symbol('x'), /Cannot send a symbol/],
    [() => 'x', /Cannot send a function/],
    [{ toString: 'x' }, /an object of class Object/],
    [{ byteLength: 4, length: 4 }, /an object of class Object/],
    [Object.create(null), /an object of class Object/],
    [[1, 2, 3], /an object of class Array/],
    [new Date(0), /an object of class Date/],
    [new Blob([]), /an object of class Blob/],
    [new String('text'), /an object of class String/],
  ];
  for (const [source, message] of wrong) throws(() => toMessage(source as MessageSource), TypeError, message);
});

test('a message weighs its bytes or UTF-16 code units, and 64: an empty one is not free', () => {
  assert.is(messageWeight(''), 64);
  assert.is(messageWeight(new Uint8Array(0)), 64);
  assert.is(messageWeight('é€'), 66);
  assert.is(messageWeight('😀'), 66);
  assert.is(messageWeight(new Uint8Array(1000)), 1064);
});

test.run();
