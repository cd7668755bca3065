import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { InputError, LineSplitter } from '../../lib/cli/line-splitter.ts';
import { throws } from '../support/check.ts';

const test = suite('line-splitter');

function* pieces(bytes: Uint8Array, size: number): Generator<Uint8Array> {
  for (let start = 0; start < bytes.byteLength; start += size) yield bytes.subarray(start, start + size);
}

function split(text: string | Uint8Array, size: number, maxLength = 1000): string[] {
  const splitter = new LineSplitter(maxLength);
  const lines: string[] = [];
  for (const chunk of pieces(Buffer.from(text), size)) lines.push(...splitter.push(chunk));
  const last = splitter.end();
  return last === undefined ? lines : [...lines, last];
}

const cases: readonly (readonly [string, readonly string[]])[] = [
  ['', []],
  ['a', ['a']],
  ['a\n', ['a']],
  ['a\nb', ['a', 'b']],
  ['\n', ['']],
  ['\n\na', ['', '', 'a']],
  ['a\r\nb\r\n', ['a', 'b']],
  ['\r\n', ['']],
  ['a\rb\n', ['a\rb']],
  ['a\r\r\n', ['a\r']],
  ['a\r', ['a\r']],
  ['grüße 🚀\n漢字', ['grüße 🚀', '漢字']],
  ['\ufeffa\n', ['\ufeffa']],
  ['a\0b\n', ['a\0b']],
];

test('lines end at a line feed, with a carriage return before it or without, wherever the bytes are cut', () => {
  for (const [text, lines] of cases) {
    for (const size of [1, 2, 3, 5, 1000]) assert.equal(split(text, size), lines, JSON.stringify([text, size]));
  }
});

test('the longest line is taken, with any end, and one byte more is refused behind the lines before it', () => {
  for (const size of [1, 3, 1000]) {
    for (const end of ['', '\n', '\r\n']) {
      assert.equal(split(`a\nüxx${end}`, size, 4), ['a', 'üxx'], `${size} ${JSON.stringify(end)}`);
      throws(() => split(`a\nüxxx${end}`, size, 4), InputError, /^line 2 of standard input is longer than 4 bytes/);
    }
  }
  const splitter = new LineSplitter(4);
  const lines: string[] = [];
  throws(() => {
    for (const line of splitter.push(Buffer.from('a\nb\n12345\nc\n'))) lines.push(line);
  }, InputError);
  assert.equal(lines, ['a', 'b']);
});

test('a line that never ends is refused before it has come', () => {
  const splitter = new LineSplitter(10);
  assert.equal([...splitter.push(new Uint8Array(10).fill(97))], []);
  throws(() => [...splitter.push(new Uint8Array(2).fill(97))], InputError, /longer than 10 bytes/);
});

test('what is no UTF-8 is refused and its line is told', () => {
  for (const size of [1, 1000]) {
    throws(() => split(Uint8Array.of(97, 10, 0xff, 10), size), InputError, /^line 2 of standard input is not UTF-8/);
    throws(() => split(Uint8Array.of(97, 10, 0xe2, 0x82), size), InputError, /^line 2 /);
  }
});

test.run();
